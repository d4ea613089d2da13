//! The volumes that the frames of a series form: one of equal size, spacing and orientation each,
//! and one for each echo, phase or time where several frames lie at one place.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::attributes::{named, text};
use super::file::Header;
use super::in_file;
use super::plane::{Plane, View};
use crate::{Error, vector};

/// Slices that may form one volume, in ascending order along their normal.
pub(super) struct Stack {
    pub(super) planes: Vec<Plane>,
    /// By what it differs from the other volumes of its series, such as `EchoTime (0018,0081) 30`.
    pub(super) differs_by: Option<String>,
    /// How many frames were left out because another had the same pixels at the same place.
    pub(super) copies: usize,
}

/// How close two slices are at one place, in mm.
pub(super) const SAME_PLACE_MM: f64 = 1e-3;

/// The attributes that volumes at one place differ by, the most telling first, each with the
/// functional group that enhanced objects have it in.
const DISCRIMINATORS: [(Tag, Tag); 15] = [
    (tags::MR_ECHO_SEQUENCE, tags::ECHO_TIME),
    (tags::MR_ECHO_SEQUENCE, tags::EFFECTIVE_ECHO_TIME),
    (tags::MR_MODIFIER_SEQUENCE, tags::INVERSION_TIME),
    (tags::MR_DIFFUSION_SEQUENCE, tags::DIFFUSION_B_VALUE),
    (tags::FRAME_CONTENT_SEQUENCE, tags::TEMPORAL_POSITION_INDEX),
    (tags::TEMPORAL_POSITION_SEQUENCE, tags::TEMPORAL_POSITION_IDENTIFIER),
    (tags::CARDIAC_SYNCHRONIZATION_SEQUENCE, tags::NOMINAL_CARDIAC_TRIGGER_DELAY_TIME),
    (tags::CARDIAC_SYNCHRONIZATION_SEQUENCE, tags::TRIGGER_TIME),
    (tags::FRAME_CONTENT_SEQUENCE, tags::STACK_ID),
    (tags::CT_IMAGE_FRAME_TYPE_SEQUENCE, tags::IMAGE_TYPE),
    (tags::CT_RECONSTRUCTION_SEQUENCE, tags::CONVOLUTION_KERNEL),
    (tags::FRAME_CONTENT_SEQUENCE, tags::ACQUISITION_NUMBER),
    (tags::FRAME_CONTENT_SEQUENCE, tags::FRAME_REFERENCE_TIME),
    (tags::FRAME_CONTENT_SEQUENCE, tags::ACQUISITION_TIME),
    (tags::FRAME_CONTENT_SEQUENCE, tags::CONTENT_TIME),
];

/// The volumes of a series, without its localizers, in the order that their first frames have.
///
/// # Errors
/// When a file is no image with a place in space.
pub(super) fn stacks(headers: &[Header], views: &[Vec<View>]) -> Result<Vec<Stack>, Error> {
    let mut groups: Vec<Vec<Plane>> = Vec::new();
    for (file, views) in views.iter().enumerate() {
        for (frame, view) in views.iter().enumerate() {
            if view.image_type().contains("LOCALIZER") {
                continue;
            }
            let plane = Plane::of(view, file, frame)
                .map_err(|problem| in_file(&view.header.path, problem))?;
            match groups.iter_mut().find(|group| group[0].fits(&plane)) {
                Some(group) => group.push(plane),
                None => groups.push(vec![plane]),
            }
        }
    }
    let mut stacks = Vec::new();
    for mut group in groups {
        let normal = group[0].normal();
        for plane in &mut group {
            plane.along_mm = vector::dot(normal, plane.position_mm);
        }
        group.sort_by(|a, b| a.along_mm.total_cmp(&b.along_mm));
        stacks.extend(split(group, headers, views)?);
    }
    Ok(stacks)
}

/// Parts slices of which several lie at one place.
fn split(planes: Vec<Plane>, headers: &[Header], views: &[Vec<View>]) -> Result<Vec<Stack>, Error> {
    let count = planes.len();
    let planes = without_copies(planes, headers, true)?;
    let most = most_at_one_place(&planes);
    if most > 1 {
        for (group, tag) in DISCRIMINATORS {
            let value = |plane: &Plane| value_of(&views[plane.file][plane.frame], group, tag);
            if let Some(parts) = parts_by(&planes, most, value) {
                let copies = count - planes.len();
                return Ok(parts
                    .into_iter()
                    .map(|(value, planes)| Stack {
                        planes,
                        differs_by: Some(format!("{} {value}", named(tag))),
                        copies,
                    })
                    .collect());
            }
        }
    }
    let planes = without_copies(planes, headers, false)?;
    let copies = count - planes.len();
    Ok(vec![Stack { planes, differs_by: None, copies }])
}

fn value_of(view: &View, group: Tag, tag: Tag) -> String {
    if tag == tags::IMAGE_TYPE {
        return view.image_type();
    }
    text(view.holder(group, tag), tag).unwrap_or_default()
}

/// The greatest number of slices that lie at one place.
fn most_at_one_place(planes: &[Plane]) -> usize {
    let same = |a: &Plane, b: &Plane| (b.along_mm - a.along_mm).abs() < SAME_PLACE_MM;
    planes.chunk_by(same).map(<[Plane]>::len).max().unwrap_or(0)
}

/// Parts slices by a value, if that leaves one at each place and gives no more parts than needed.
fn parts_by(
    planes: &[Plane],
    most: usize,
    value: impl Fn(&Plane) -> String,
) -> Option<Vec<(String, Vec<Plane>)>> {
    let mut parts: Vec<(String, Vec<Plane>)> = Vec::new();
    for plane in planes {
        let value = value(plane);
        match parts.iter().position(|(other, _)| *other == value) {
            Some(part) => parts[part].1.push(plane.clone()),
            None if parts.len() == most => return None,
            None => parts.push((value, vec![plane.clone()])),
        }
    }
    if parts.len() < 2 || parts.iter().any(|(_, part)| most_at_one_place(part) > 1) {
        return None;
    }
    // By number where all are numbers, so that echoes and phases come in their order.
    let numbers: Option<Vec<f64>> = parts.iter().map(|(value, _)| value.parse().ok()).collect();
    match numbers {
        Some(_) => parts.sort_by(|(a, _), (b, _)| {
            let number = |text: &str| text.parse().unwrap_or(f64::INFINITY);
            number(a).total_cmp(&number(b))
        }),
        None => parts.sort_by(|(a, _), (b, _)| a.cmp(b)),
    }
    Some(parts)
}

/// Leaves out slices that are another one again: at the same place with the same stored pixels, and
/// where asked for with the same `SOPInstanceUID`.
fn without_copies(
    planes: Vec<Plane>,
    headers: &[Header],
    same_instance: bool,
) -> Result<Vec<Plane>, Error> {
    let mut kept: Vec<Plane> = Vec::with_capacity(planes.len());
    for plane in planes {
        let there = kept
            .iter()
            .rev()
            .take_while(|other| (plane.along_mm - other.along_mm).abs() < SAME_PLACE_MM);
        let mut is_copy = false;
        for other in there {
            is_copy = is_copy || are_copies(&plane, other, headers, same_instance)?;
        }
        if !is_copy {
            kept.push(plane);
        }
    }
    Ok(kept)
}

fn are_copies(
    a: &Plane,
    b: &Plane,
    headers: &[Header],
    same_instance: bool,
) -> Result<bool, Error> {
    let (one, other) = (&headers[a.file], &headers[b.file]);
    let instance = |header: &Header| text(&header.object, tags::SOP_INSTANCE_UID);
    let same = a.file != b.file
        && a.frame == b.frame
        && one.file_length == other.file_length
        && (!same_instance || instance(one) == instance(other))
        && vector::norm(vector::subtract(a.position_mm, b.position_mm)) < SAME_PLACE_MM
        && [tags::RESCALE_SLOPE, tags::RESCALE_INTERCEPT]
            .into_iter()
            .all(|tag| text(&one.object, tag) == text(&other.object, tag));
    Ok(same && one.pixel_bytes()? == other.pixel_bytes()?)
}
