//! What a folder of DICOM files holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use rayon::prelude::*;

use super::attributes::{items, text};
use super::file::{Header, read_header};
use super::in_folder;
use crate::Error;

/// What a folder and its subfolders hold, by content.
pub(super) struct Contents {
    /// The slices of each image series, by `SeriesInstanceUID`.
    pub(super) series: BTreeMap<String, Vec<Header>>,
    /// The RTSTRUCT and SEG files in the order of their paths.
    pub(super) masks: Vec<MaskFile>,
    /// All other DICOM files.
    pub(super) others: Vec<Header>,
}

pub(super) struct MaskFile {
    pub(super) header: Header,
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
    /// # Errors
    /// When a file cannot be read, or none is a DICOM file.
    pub(super) fn of(folder: &Path) -> Result<Self, Error> {
        if folder.is_file() {
            let problem = "expected a folder of DICOM files, found a file; name its folder";
            return Err(in_folder(folder, problem.to_owned()));
        }
        let (contents, faults) = Self::with_faults(folder)?;
        match faults.into_iter().next() {
            Some(fault) => Err(fault),
            None if contents.is_empty() => {
                Err(in_folder(folder, "holds no DICOM files".to_owned()))
            }
            None => Ok(contents),
        }
    }

    /// What can be read of a folder or a single file, and why the rest cannot, in the order of the paths.
    pub(super) fn with_faults(folder: &Path) -> Result<(Self, Vec<Error>), Error> {
        let mut paths = Vec::new();
        if folder.is_file() {
            paths.push(folder.to_owned());
        } else {
            list_files(folder, &mut paths)?;
        }
        paths.sort();
        let headers: Vec<Result<Option<Header>, Error>> =
            paths.par_iter().map(|path| read_header(path)).collect();
        let mut contents = Self { series: BTreeMap::new(), masks: Vec::new(), others: Vec::new() };
        let mut faults = Vec::new();
        for header in headers {
            match header {
                Ok(Some(header)) => contents.add(header),
                Ok(None) => {}
                Err(fault) => faults.push(fault),
            }
        }
        Ok((contents, faults))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.series.is_empty() && self.masks.is_empty() && self.others.is_empty()
    }

    fn add(&mut self, header: Header) {
        let class = text(&header.object, tags::SOP_CLASS_UID).unwrap_or_default();
        let modality = text(&header.object, tags::MODALITY).unwrap_or_default();
        let kind = match class.as_str() {
            uids::RT_STRUCTURE_SET_STORAGE => Some(MaskKind::RtStruct),
            uids::SEGMENTATION_STORAGE | uids::LABEL_MAP_SEGMENTATION_STORAGE => {
                Some(MaskKind::Seg)
            }
            _ => None,
        };
        if let Some(kind) = kind {
            let references = references(&header.object);
            self.masks.push(MaskFile { header, kind, references });
        } else if header.object.get(tags::ROWS).is_some() && !NO_IMAGES.contains(&modality.as_str())
        {
            let series = text(&header.object, tags::SERIES_INSTANCE_UID).unwrap_or_default();
            self.series.entry(series).or_default().push(header);
        } else {
            self.others.push(header);
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
