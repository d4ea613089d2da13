//! A patient's images, slice by slice, the right way up, with the region's outline.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Response};
use oncoweave_imaging::picture::{Plane, View, largest_slice, slice_count, slice_picture};
use serde::Deserialize;

use super::frame::html;
use super::{App, Frame, Refusal, User, encoded};
use crate::study::{ImageSource, Slices, Study, WINDOWS};

/// The edge of the square that a slice fits into.
const PIXELS: usize = 640;

/// What is looked at, from the address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// The place among the patient's images.
    image: usize,
    /// `axial`, `coronal` or `sagittal`.
    plane: String,
    /// From 1; the one with most of the region where it is not given.
    slice: Option<usize>,
    window: String,
    /// `off` leaves the outline out.
    outline: String,
}

impl Asked {
    fn plane(&self) -> Plane {
        match self.plane.as_str() {
            "coronal" => Plane::Coronal,
            "sagittal" => Plane::Sagittal,
            _ => Plane::Axial,
        }
    }
}

#[derive(Template)]
#[template(path = "images.html")]
struct Page {
    frame: Frame,
    id: String,
    path: String,
    images: Vec<(usize, String, bool)>,
    planes: Vec<(&'static str, &'static str, bool)>,
    windows: Vec<(&'static str, &'static str, bool)>,
    has_outline: bool,
    is_outlined: bool,
    image: usize,
    modality: String,
    plane: String,
    window: String,
    slice: usize,
    slices: usize,
    source: String,
    problem: String,
}

const PLANES: [(&str, &str); 3] =
    [("axial", "Axial"), ("coronal", "Coronal"), ("sagittal", "Sagittal")];

fn sources(study: &Study, place: usize) -> &[ImageSource] {
    let id = &study.patients[place].patient_id;
    study.images.as_ref().map_or(&[], |images| images.of(id))
}

/// Opens an image beside the event loop.
async fn open(
    app: &Arc<App>,
    slug: &str,
    place: usize,
    image: usize,
) -> Result<Result<Arc<Slices>, String>, Refusal> {
    let _permit = app.drawing.acquire().await.map_err(|_| Refusal::TooMany)?;
    let (app, slug) = (Arc::clone(app), slug.to_owned());
    let opened = tokio::task::spawn_blocking(move || {
        let study = app.study(&slug)?;
        let source = sources(study, place).get(image).ok_or(Refusal::NotFound)?;
        let images = study.images.as_ref().ok_or(Refusal::NotFound)?;
        Ok::<_, Refusal>(images.open(source).map_err(|error| error.to_string()))
    });
    opened.await.map_err(std::io::Error::other)?
}

pub(crate) async fn viewer(
    State(app): State<Arc<App>>,
    user: User,
    Path((slug, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    let (study, place) = app.patient(&user, &slug, &id)?;
    let sources = sources(study, place);
    let source = sources.get(asked.image).ok_or(Refusal::NotFound)?;
    app.audit(&user, "read images", &format!("{slug}/{id}"), &source.modality)?;
    let opened = open(&app, &slug, place, asked.image).await?;
    let (slices, problem) = match opened {
        Ok(slices) => (Some(slices), String::new()),
        Err(problem) => (None, problem),
    };
    let geometry = slices.as_ref().map(|slices| slices.volume.geometry);
    let count = geometry.map_or(0, |geometry| slice_count(&geometry, asked.plane()));
    let usual = slices.as_ref().map_or(1, |slices| {
        slices.mask.as_ref().map_or(count / 2, |mask| largest_slice(mask, asked.plane())) + 1
    });
    let is_ct = slices.as_ref().is_some_and(|slices| slices.is_ct());
    let named =
        |text: &str, known: &str| if text.is_empty() { known.to_owned() } else { text.to_owned() };
    let (axis, window) = (named(&asked.plane, "axial"), named(&asked.window, "soft"));
    let lineage = study.lineage.get(&study.patients[place].patient_id);
    let file = lineage.into_iter().flatten().find(|row| row.modality == source.modality);
    html(&Page {
        frame: Frame::study(&app, &user, study, &format!("Images of {id}"), ""),
        path: format!("/studies/{slug}/patients/{}", encoded(&id)),
        images: sources
            .iter()
            .enumerate()
            .map(|(place, one)| (place, one.modality.clone(), place == asked.image))
            .collect(),
        planes: PLANES.map(|(name, text)| (name, text, name == axis)).to_vec(),
        windows: WINDOWS
            .iter()
            .filter(|_| is_ct)
            .map(|&(name, text, _, _)| (name, text, name == window))
            .collect(),
        has_outline: slices.as_ref().is_some_and(|slices| slices.mask.is_some()),
        is_outlined: asked.outline != "off",
        image: asked.image,
        modality: source.modality.clone(),
        slice: asked.slice.unwrap_or(usual).clamp(1, count.max(1)),
        slices: count,
        source: file.map_or(String::new(), |row| {
            format!("{}, SHA-256 {}", row.source, row.sha256.as_deref().unwrap_or("unknown"))
        }),
        plane: axis,
        window,
        problem,
        id,
    })
}

pub(crate) async fn slice(
    State(app): State<Arc<App>>,
    user: User,
    Path((slug, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let (_, place) = app.patient(&user, &slug, &id)?;
    let Ok(slices) = open(&app, &slug, place, asked.image).await? else {
        return Err(Refusal::NotFound);
    };
    let count = slice_count(&slices.volume.geometry, asked.plane());
    let slice = asked.slice.unwrap_or(1).checked_sub(1).filter(|&slice| slice < count);
    let slice = slice.ok_or(Refusal::NotFound)?;
    let picture = tokio::task::spawn_blocking(move || {
        let view = View {
            plane: asked.plane(),
            slice,
            part: None,
            window: slices.window(&asked.window),
            pixels: PIXELS,
        };
        let mask = slices.mask.as_ref().filter(|_| asked.outline != "off");
        slice_picture(&slices.volume, mask, &view).to_png()
    });
    let picture = picture.await.map_err(std::io::Error::other)?;
    Ok(([(CONTENT_TYPE, "image/png")], picture).into_response())
}
