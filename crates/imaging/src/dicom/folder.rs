use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use dicom_dictionary_std::{tags, uids};
use dicom_object::{InMemDicomObject, OpenFileOptions};
use fs_err::File;
use rayon::prelude::*;

use super::attributes::{items, text};
use super::{NOT_WHOLE, in_file, in_folder};
use crate::Error;

/// What a folder and its subfolders hold, by content.
pub(super) struct Contents {
    /// The slices of each image series, by `SeriesInstanceUID`.
    pub(super) series: BTreeMap<String, Vec<Header>>,
    /// The RTSTRUCT and SEG files in the order of their paths.
    pub(super) masks: Vec<MaskFile>,
}

/// A file's attributes up to its pixels.
pub(super) struct Header {
    pub(super) path: PathBuf,
    pub(super) object: InMemDicomObject,
}

pub(super) struct MaskFile {
    pub(super) path: PathBuf,
    pub(super) kind: MaskKind,
    /// The `SeriesInstanceUID`s that it says it was drawn on.
    pub(super) references: Vec<String>,
}

pub(super) enum MaskKind {
    RtStruct,
    Seg,
}

/// Objects with rows and columns that are no image of the patient, by modality.
const NO_IMAGES: [&str; 6] = ["SEG", "RTDOSE", "RTIMAGE", "PR", "KO", "REG"];

impl Contents {
    pub(super) fn of(folder: &Path) -> Result<Self, Error> {
        if folder.is_file() {
            let problem = "expected a folder of DICOM files, found a file; name its folder";
            return Err(in_folder(folder, problem.to_owned()));
        }
        let mut paths = Vec::new();
        list_files(folder, &mut paths)?;
        paths.sort();
        let headers: Vec<Option<Header>> =
            paths.into_par_iter().map(read_header).collect::<Result<_, _>>()?;
        if headers.iter().all(Option::is_none) {
            return Err(in_folder(folder, "holds no DICOM files".to_owned()));
        }
        let mut contents = Self { series: BTreeMap::new(), masks: Vec::new() };
        for header in headers.into_iter().flatten() {
            contents.add(header);
        }
        Ok(contents)
    }

    fn add(&mut self, header: Header) {
        let class = text(&header.object, tags::SOP_CLASS_UID).unwrap_or_default();
        let modality = text(&header.object, tags::MODALITY).unwrap_or_default();
        let kind = match class.as_str() {
            uids::RT_STRUCTURE_SET_STORAGE => Some(MaskKind::RtStruct),
            uids::SEGMENTATION_STORAGE | uids::LABEL_MAP_SEGMENTATION_STORAGE => Some(MaskKind::Seg),
            _ => None,
        };
        if let Some(kind) = kind {
            let references = references(&header.object);
            self.masks.push(MaskFile { path: header.path, kind, references });
        } else if header.object.get(tags::ROWS).is_some() && !NO_IMAGES.contains(&modality.as_str())
        {
            let series = text(&header.object, tags::SERIES_INSTANCE_UID).unwrap_or_default();
            self.series.entry(series).or_default().push(header);
        }
    }
}

fn list_files(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Error> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        // A link is not followed: it could lead round in a circle.
        let kind = entry.file_type()?;
        if kind.is_dir() {
            list_files(&entry.path(), paths)?;
        } else if kind.is_file() {
            paths.push(entry.path());
        }
    }
    Ok(())
}

/// The attributes of a DICOM file; `None` for a file of another kind.
///
/// A file that is empty or only named like a slice is likely one that was not copied whole, so
/// that leaving it out would measure another series than the one that was taken.
fn read_header(path: PathBuf) -> Result<Option<Header>, Error> {
    let mut start = Vec::with_capacity(132);
    File::open(&path)?.take(132).read_to_end(&mut start)?;
    if start.get(128..) != Some(b"DICM") {
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let named_so = path.extension().is_some_and(|extension| {
            ["dcm", "dicom", "ima"].iter().any(|known| extension.eq_ignore_ascii_case(known))
        });
        return match (start.is_empty(), named_so) {
            _ if hidden => Ok(None),
            (true, _) => Err(in_file(&path, "is an empty file; copy it again or remove it")),
            (_, true) => Err(in_file(&path, "is named like a DICOM file and is none; remove it")),
            _ => Ok(None),
        };
    }
    let object = OpenFileOptions::new()
        .read_until(tags::PIXEL_DATA)
        .open_file(&path)
        .map_err(|_| in_file(&path, NOT_WHOLE))?
        .into_inner();
    Ok(Some(Header { path, object }))
}

/// The series that a SEG names itself, or an RTSTRUCT by its frame of reference.
fn references(object: &InMemDicomObject) -> Vec<String> {
    let direct = items(object, tags::REFERENCED_SERIES_SEQUENCE);
    let by_frame = items(object, tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE)
        .iter()
        .flat_map(|frame| items(frame, tags::RT_REFERENCED_STUDY_SEQUENCE))
        .flat_map(|study| items(study, tags::RT_REFERENCED_SERIES_SEQUENCE));
    direct
        .iter()
        .chain(by_frame)
        .filter_map(|series| text(series, tags::SERIES_INSTANCE_UID))
        .collect()
}
