//! What a folder of DICOM files holds and what is wrong with it, for people to look at.

use std::path::{Path, PathBuf};

use dicom_core::dictionary::UidDictionary;
use dicom_dictionary_std::{StandardSopClassDictionary, tags};
use dicom_object::InMemDicomObject;

use super::attributes::{items, text, whole};
use super::file::Header;
use super::folder::{Contents, MaskFile, MaskKind};
use super::grid::{faults, grid};
use super::plane::{View, thickness_mm};
use super::series::{all_views, described, is_localizer, source};
use super::stacks::{Stack, stacks};
use super::stored::syntax_name;
use crate::{Error, Geometry, ImagingSettings};

/// Everything that a folder of DICOM files holds.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Survey {
    /// The image series, by `SeriesInstanceUID`.
    pub series: Vec<SeriesSurvey>,
    /// The RTSTRUCT and SEG files, by path.
    pub regions: Vec<RegionsSurvey>,
    /// DICOM files that are neither.
    pub others: Vec<ObjectSurvey>,
    /// Files that cannot be read, each with its path and the reason.
    pub faults: Vec<String>,
}

/// An image series.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SeriesSurvey {
    /// `SeriesInstanceUID`.
    pub uid: String,
    /// `SeriesNumber`.
    pub number: Option<i32>,
    /// Such as `CT`.
    pub modality: String,
    /// What kind of image its first file is, such as `CT Image Storage`.
    pub sop_class: String,
    /// The files that it consists of.
    pub files: usize,
    /// The names of the transfer syntaxes that the files have.
    pub transfer_syntaxes: Vec<String>,
    /// Whether it only shows where other series were taken; such a series is set aside.
    pub is_localizer: bool,
    /// The volumes that its slices form; the setting `volume` chooses one of several.
    pub volumes: Vec<VolumeSurvey>,
    /// What keeps its files from being read as a volume.
    pub faults: Vec<String>,
}

/// Slices of a series that may form a volume.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VolumeSurvey {
    /// How many there are.
    pub slices: usize,
    /// The plane that they lie in: `axial`, `coronal`, `sagittal` or `oblique`.
    pub plane: &'static str,
    /// The grid that they form, or would form once their faults are corrected; `None` where they
    /// form none.
    pub geometry: Option<Geometry>,
    /// By what it differs from other volumes of the series that lie at the same place, such as
    /// `EchoTime (0018,0081) 30`.
    pub differs_by: Option<String>,
    /// What is wrong with it, such as missing slices.
    pub faults: Vec<String>,
}

/// An RTSTRUCT or SEG file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RegionsSurvey {
    /// The file.
    pub path: PathBuf,
    /// `RTSTRUCT` or `SEG`.
    pub kind: &'static str,
    /// The number and name of each structure or segment.
    pub names: Vec<(u32, String)>,
    /// The `SeriesInstanceUID`s of the images that it was drawn on.
    pub references: Vec<String>,
}

/// A DICOM file that is neither an image nor a region.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ObjectSurvey {
    /// The file.
    pub path: PathBuf,
    /// Such as `RTDOSE`.
    pub modality: String,
    /// What kind of object it is, such as `RT Dose Storage`.
    pub sop_class: String,
}

/// Lists every series of a folder and its subfolders, or of one file, with its volumes, every RTSTRUCT and SEG with
/// its structures, and what keeps them from being read. Pixels are not looked at.
///
/// # Errors
/// When the folder cannot be listed; files that cannot be read are listed as faults.
pub fn survey_dicom_folder(folder: &Path) -> Result<Survey, Error> {
    let (contents, faults) = Contents::with_faults(folder)?;
    Ok(Survey::of(&contents, &faults))
}

impl Survey {
    /// What files hold that were read.
    pub(super) fn of(contents: &Contents, faults: &[Error]) -> Self {
        let series = contents.series.iter();
        Self {
            series: series.map(|(uid, headers)| survey_series(uid, headers)).collect(),
            regions: contents.masks.iter().map(survey_regions).collect(),
            others: contents.others.iter().map(survey_object).collect(),
            faults: faults.iter().map(ToString::to_string).collect(),
        }
    }
}

fn survey_series(uid: &str, headers: &[Header]) -> SeriesSurvey {
    let object = &headers[0].object;
    let mut transfer_syntaxes: Vec<String> =
        headers.iter().map(|header| syntax_name(header).to_owned()).collect();
    transfer_syntaxes.sort();
    transfer_syntaxes.dedup();
    let settings = ImagingSettings::default();
    let mut faults: Vec<String> = headers
        .iter()
        .filter_map(|header| source(header, &settings).err())
        .map(|fault| fault.to_string())
        .collect();
    let is_localizer = is_localizer(headers);
    let volumes = match all_views(headers).and_then(|views| Ok((stacks(headers, &views)?, views))) {
        Ok((stacks, views)) => {
            stacks.iter().map(|stack| survey_volume(stack, headers, &views)).collect()
        }
        // What a localizer lacks is no loss.
        Err(_) if is_localizer => Vec::new(),
        Err(fault) => {
            faults.push(fault.to_string());
            Vec::new()
        }
    };
    faults.dedup();
    SeriesSurvey {
        uid: uid.to_owned(),
        number: text(object, tags::SERIES_NUMBER).and_then(|number| number.parse().ok()),
        modality: text(object, tags::MODALITY).unwrap_or_default(),
        sop_class: sop_class(object),
        files: headers.len(),
        transfer_syntaxes,
        is_localizer,
        volumes,
        faults,
    }
}

fn survey_volume(stack: &Stack, headers: &[Header], views: &[Vec<View>]) -> VolumeSurvey {
    let planes = &stack.planes;
    let found = faults(planes);
    let mut faults: Vec<String> =
        found.iter().map(|fault| described(fault, planes, headers)).collect();
    if stack.copies > 0 {
        faults.push(format!("{} slices are there twice; one of each is read", stack.copies));
    }
    let thickness_mm = thickness_mm(&views[planes[0].file][planes[0].frame]);
    let geometry = match grid(planes, &found, thickness_mm) {
        Ok(grid) => Some(grid.geometry),
        Err(problem) => {
            faults.push(problem);
            None
        }
    };
    let differs_by = stack.differs_by.clone();
    VolumeSurvey { slices: planes.len(), plane: planes[0].name(), geometry, differs_by, faults }
}

fn survey_regions(mask: &MaskFile) -> RegionsSurvey {
    let object = &mask.header.object;
    let (kind, sequence, number, name) = match mask.kind {
        MaskKind::RtStruct => {
            ("RTSTRUCT", tags::STRUCTURE_SET_ROI_SEQUENCE, tags::ROI_NUMBER, tags::ROI_NAME)
        }
        MaskKind::Seg => ("SEG", tags::SEGMENT_SEQUENCE, tags::SEGMENT_NUMBER, tags::SEGMENT_LABEL),
    };
    let names = items(object, sequence)
        .iter()
        .filter_map(|item| Some((whole(item, number)?, text(item, name).unwrap_or_default())))
        .collect();
    let path = mask.header.path.clone();
    RegionsSurvey { path, kind, names, references: mask.references.clone() }
}

fn survey_object(header: &Header) -> ObjectSurvey {
    ObjectSurvey {
        path: header.path.clone(),
        modality: text(&header.object, tags::MODALITY).unwrap_or_default(),
        sop_class: sop_class(&header.object),
    }
}

/// The name of an object's class, or its UID where it has none.
fn sop_class(object: &InMemDicomObject) -> String {
    let uid = text(object, tags::SOP_CLASS_UID).unwrap_or_default();
    let entry = StandardSopClassDictionary.by_uid(&uid);
    entry.map_or(uid.clone(), |entry| entry.name.to_owned())
}
