//! The volume of a DICOM series.

use std::path::Path;

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use ndarray::Array3;
use rayon::prelude::*;

use super::attributes::{text, vector as numbers_of};
use super::correct::onto_grid;
use super::file::Header;
use super::folder::Contents;
use super::grid::{Fault, faults, grid};
use super::pixels::{Encoding, Rescale, unit};
use super::plane::{Plane, View, thickness_mm, views};
use super::stacks::{Stack, stacks};
use super::stored::{Stored, frame, stored};
use super::{in_file, in_folder, listed, suv};
use crate::vector::{self, Vector};
use crate::{Error, ImagingSettings, PetUnit, Volume};

pub(super) fn read(
    folder: &Path,
    contents: &Contents,
    settings: &ImagingSettings,
) -> Result<Volume, Error> {
    let headers = choose(folder, contents, settings)?;
    let views = all_views(headers)?;
    let stack = the_stack(folder, stacks(headers, &views)?, headers, settings)?;
    let faults = faults(&stack.planes);
    if let Some(fault) = faults.iter().find(|fault| !fault.is_corrected(settings)) {
        return Err(in_folder(folder, described(fault, &stack.planes, headers)));
    }
    let first = &stack.planes[0];
    let view = &views[first.file][first.frame];
    let grid = grid(&stack.planes, &faults, thickness_mm(view))
        .map_err(|problem| in_folder(folder, problem))?;
    let object = &view.header.object;
    let modality = text(object, tags::MODALITY).unwrap_or_default();
    let wants_suv = modality == "PT" && settings.pet_unit == PetUnit::SuvBw;
    let factors = if wants_suv {
        suv::factors(&views, &stack.planes)
            .map_err(|problem| in_file(&view.header.path, problem))?
    } else {
        vec![1.0; stack.planes.len()]
    };
    let planes: Vec<(&Plane, f64)> = stack.planes.iter().zip(factors).collect();
    let slices = read_slices(&planes, headers, &views, settings)?;
    Ok(Volume {
        voxels: onto_grid(slices, &grid),
        geometry: grid.geometry,
        unit: if wants_suv { suv::SUV_BW.to_owned() } else { unit(view, &modality) },
        modality,
        frame_of_reference: text(object, tags::FRAME_OF_REFERENCE_UID),
    })
}

/// The frames of each file.
pub(super) fn all_views(headers: &[Header]) -> Result<Vec<Vec<View<'_>>>, Error> {
    headers
        .iter()
        .map(|header| views(header).map_err(|problem| in_file(&header.path, problem)))
        .collect()
}

/// A fault, with the files that it concerns.
pub(super) fn described(fault: &Fault, planes: &[Plane], headers: &[Header]) -> String {
    let Fault::Duplicate { first, .. } = fault else { return fault.to_string() };
    let files = planes[*first..*first + 2].iter();
    let names = listed(files.map(|plane| headers[plane.file].path.as_path()));
    format!("{fault}: {names}; remove one")
}

/// Whether a series has nothing but localizers, which show where the others were taken.
pub(super) fn is_localizer(headers: &[Header]) -> bool {
    headers.iter().all(|header| {
        text(&header.object, tags::IMAGE_TYPE).is_some_and(|kind| kind.contains("LOCALIZER"))
    })
}

/// The series that the settings name, the only one, or the only one that a mask in the folder
/// refers to.
fn choose<'a>(
    folder: &Path,
    contents: &'a Contents,
    settings: &ImagingSettings,
) -> Result<&'a [Header], Error> {
    let mut series: Vec<(&str, &[Header])> = contents
        .series
        .iter()
        .filter(|(_, headers)| !is_localizer(headers))
        .map(|(uid, headers)| (uid.as_str(), headers.as_slice()))
        .collect();
    let listed = listed_series(&series);
    if series.is_empty() {
        let besides = if contents.series.is_empty() { "" } else { " beside localizers" };
        return Err(in_folder(folder, format!("holds no DICOM image series{besides}")));
    }
    if let Some(choice) = &settings.series {
        series.retain(|(uid, headers)| is_chosen(choice.trim(), uid, headers));
        return match series[..] {
            [(_, headers)] => Ok(headers),
            _ => Err(in_folder(
                folder,
                format!("{} series are `{choice}`, expected one of {listed}", series.len()),
            )),
        };
    }
    if let [(_, headers)] = series[..] {
        return Ok(headers);
    }
    let count = series.len();
    let is_referenced =
        |uid: &str| contents.masks.iter().any(|mask| mask.references.iter().any(|it| it == uid));
    series.retain(|(uid, _)| is_referenced(uid));
    match series[..] {
        [(_, headers)] => Ok(headers),
        _ => Err(in_folder(
            folder,
            format!(
                "holds {count} image series, and no RTSTRUCT or SEG that refers to exactly one of \
                 them: set series to one of {listed}"
            ),
        )),
    }
}

fn listed_series(series: &[(&str, &[Header])]) -> String {
    let mut names: Vec<String> = series
        .iter()
        .take(10)
        .map(|(uid, headers)| {
            let object = &headers[0].object;
            let modality = text(object, tags::MODALITY).unwrap_or_default();
            let number = text(object, tags::SERIES_NUMBER);
            let number = number.map_or_else(String::new, |number| format!("{number}, "));
            let files = if headers.len() == 1 { "file" } else { "files" };
            format!("{uid} ({number}{modality}, {} {files})", headers.len())
        })
        .collect();
    if series.len() > 10 {
        names.push(format!("{} more", series.len() - 10));
    }
    names.join(", ")
}

/// Whether a series has a UID, a number or a description like a pattern.
fn is_chosen(choice: &str, uid: &str, headers: &[Header]) -> bool {
    let object = &headers[0].object;
    let description = text(object, tags::SERIES_DESCRIPTION).unwrap_or_default();
    uid == choice
        || text(object, tags::SERIES_NUMBER).as_deref() == Some(choice)
        || matches(&choice.to_lowercase(), &description.to_lowercase())
}

/// Whether a text is like a pattern in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let parts: Vec<&str> = pattern.split('*').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    for part in middle {
        let Some(start) = rest.find(part) else { return false };
        rest = &rest[start + part.len()..];
    }
    rest.ends_with(last)
}

/// The only volume of a series, or the one that the settings choose.
fn the_stack(
    folder: &Path,
    mut stacks: Vec<Stack>,
    headers: &[Header],
    settings: &ImagingSettings,
) -> Result<Stack, Error> {
    let refuse = |problem: String| Err(in_folder(folder, problem));
    match (settings.volume, stacks.len()) {
        (_, 0) => refuse("the series holds localizers only".to_owned()),
        (None, 1) => Ok(stacks.remove(0)),
        (Some(volume), count) if volume <= count => Ok(stacks.swap_remove(volume - 1)),
        (choice, count) => {
            let listed: Vec<String> = (1..)
                .zip(&stacks)
                .map(|(number, stack)| format!("{number}: {}", summary(stack, headers)))
                .collect();
            let asked =
                choice.map_or_else(String::new, |volume| format!("no volume {volume}, but "));
            refuse(format!(
                "the series holds {asked}{count} volumes: {}; set volume to one of them, or remove \
                 localizers and mixed orientations from the series",
                listed.join("; ")
            ))
        }
    }
}

/// What tells a volume from the others of its series.
fn summary(stack: &Stack, headers: &[Header]) -> String {
    let first = &stack.planes[0];
    let [rows_mm, columns_mm] = first.pixel_spacing_mm;
    let count = stack.planes.len();
    let differs_by = stack.differs_by.as_ref().map_or_else(String::new, |it| format!(" with {it}"));
    let files = if count <= 3 {
        let paths = stack.planes.iter().map(|plane| headers[plane.file].path.as_path());
        format!(" ({})", listed(paths))
    } else {
        String::new()
    };
    format!(
        "{count} {} slice{} of {} x {} pixels of {columns_mm:.2} x {rows_mm:.2} mm{differs_by}{files}",
        first.name(),
        if count == 1 { "" } else { "s" },
        first.columns,
        first.rows
    )
}

/// The unit vectors along a row and down a column.
pub(super) fn orientation(object: &InMemDicomObject) -> Result<[Vector; 2], String> {
    let cosines: [f64; 6] = numbers_of(object, tags::IMAGE_ORIENTATION_PATIENT)?;
    let axes: [Vector; 2] = [0, 3].map(|start| std::array::from_fn(|axis| cosines[start + axis]));
    let lengths = axes.map(vector::norm);
    let cosine = vector::dot(axes[0], axes[1]);
    if lengths.iter().any(|length| (length - 1.0).abs() > 0.01) || cosine.abs() > 0.01 {
        return Err(format!("expected two unit vectors at right angles, found {axes:?}"));
    }
    Ok([0, 1].map(|axis| vector::scale(axes[axis], 1.0 / lengths[axis])))
}

/// The rescaled intensities of slices, each with a factor that they are multiplied by; only one slice
/// of each core is held beside them as it is stored.
fn read_slices(
    planes: &[(&Plane, f64)],
    headers: &[Header],
    views: &[Vec<View>],
    settings: &ImagingSettings,
) -> Result<Array3<f32>, Error> {
    let mut sources: Vec<Option<(Encoding, Stored)>> = headers.iter().map(|_| None).collect();
    for (plane, _) in planes {
        if sources[plane.file].is_none() {
            sources[plane.file] = Some(source(&headers[plane.file], settings)?);
        }
    }
    let (rows, columns) = (planes[0].0.rows, planes[0].0.columns);
    let mut slices = Array3::zeros((planes.len(), rows, columns));
    slices
        .as_slice_mut()
        .expect("a new array is contiguous")
        .par_chunks_mut(rows * columns)
        .zip(planes)
        .try_for_each(|(values, &(plane, factor))| {
            let header = &headers[plane.file];
            let (encoding, stored) =
                sources[plane.file].as_ref().expect("every file of a plane has a source");
            let rescale = Rescale::of(&views[plane.file][plane.frame])
                .map_err(|problem| in_file(&header.path, problem))?
                .times(factor);
            let samples = frame(header, stored, encoding, plane.frame)?;
            encoding
                .fill(&samples, &rescale, values)
                .map_err(|problem| in_file(&header.path, problem))
        })?;
    Ok(slices)
}

/// How the pixels of a file are stored, and where.
pub(super) fn source(
    header: &Header,
    settings: &ImagingSettings,
) -> Result<(Encoding, Stored), Error> {
    let encoding = Encoding::of(&header.object, &header.transfer_syntax, settings.padding_value)
        .map_err(|problem| in_file(&header.path, problem))?;
    let stored = stored(header, &encoding)?;
    Ok((encoding, stored))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("thorax", "thorax", true),
            ("thorax", "thorax 5.0", false),
            ("thorax*", "thorax 5.0", true),
            ("*5.0", "thorax 5.0", true),
            ("t*x*0", "thorax 5.0", true),
            ("*", "", true),
            ("a*a", "a", false),
            ("*lung*", "ct lung b70", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
