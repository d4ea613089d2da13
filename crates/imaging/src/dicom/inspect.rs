//! What a folder of DICOM files holds, with its voxels and regions.

use std::collections::BTreeMap;
use std::path::Path;

use super::attributes::text;
use super::choose::choose;
use super::folder::{Contents, MaskFile, MaskKind};
use super::rtstruct::{Contours, check_frame, structures};
use super::seg::{Segmentation, segments};
use super::survey::{SeriesSurvey, Survey};
use super::{in_folder, series};
use crate::inspect::{ImageFormat, ImageInspection, ImageSummary, Inspected, RegionSummary};
use crate::{Error, ImagingSettings, Mask, Volume, onto_grid};
use dicom_dictionary_std::tags;

/// Inspects a folder or a single file.
pub(crate) fn inspect(path: &Path, settings: &ImagingSettings) -> Result<Inspected, Error> {
    let (contents, unread) = Contents::with_faults(path)?;
    let survey = Survey::of(&contents, &unread);
    if contents.is_empty() && survey.faults.is_empty() {
        return Err(in_folder(path, "holds no DICOM files".to_owned()));
    }
    let mut faults = survey.faults;
    let mut images: Vec<ImageSummary> = survey.series.iter().flat_map(images_of).collect();
    let volume = match series::read(path, &contents, settings) {
        Ok(volume) => Some(volume),
        Err(_) if contents.series.is_empty() => None,
        Err(error) => {
            faults.push(error.to_string());
            None
        }
    };
    if let Some(volume) = &volume {
        add_voxels(&mut images, volume);
    }
    let (mut regions, mut mask, mut mask_fault) = (Vec::new(), None, None);
    let chosen = chosen(&contents.masks, settings);
    let mut number = 0;
    for file in &contents.masks {
        let drawn = Drawing { file, volume: volume.as_ref(), settings };
        for (region, voxels) in drawn.regions() {
            if chosen == Ok(number) {
                mask = voxels;
                mask_fault = region.faults.first().filter(|_| mask.is_none()).cloned();
            }
            regions.push(region);
            number += 1;
        }
    }
    if let Err(problem) = chosen
        && !contents.masks.is_empty()
    {
        mask_fault = Some(problem);
    }
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    for other in survey.others {
        *others.entry(other.sop_class).or_default() += 1;
    }
    let inspection = ImageInspection {
        path: path.to_owned(),
        format: ImageFormat::Dicom,
        images,
        regions,
        others: others.into_iter().collect(),
        faults,
    };
    Ok(Inspected { inspection, volume, mask, mask_fault })
}

/// The volumes of a series, or the series where it has none.
fn images_of(series: &SeriesSurvey) -> Vec<ImageSummary> {
    let kind = if series.is_localizer {
        format!("{}, localizer", series.sop_class)
    } else {
        series.sop_class.clone()
    };
    let bare = ImageSummary {
        kind: format!("{kind}, {}", series.transfer_syntaxes.join(" and ")),
        series: series.uid.clone(),
        series_number: series.number,
        slices: Some(series.files),
        modality: series.modality.clone(),
        faults: series.faults.clone(),
        ..ImageSummary::default()
    };
    if series.volumes.is_empty() {
        return vec![bare];
    }
    let volumes = series.volumes.iter().map(|volume| ImageSummary {
        slices: Some(volume.slices),
        differs_by: volume.differs_by.clone(),
        geometry: volume.geometry,
        faults: [bare.faults.clone(), volume.faults.clone()].concat(),
        ..bare.clone()
    });
    volumes.collect()
}

/// Adds the intensities to the image that was read, which its grid tells.
fn add_voxels(images: &mut [ImageSummary], volume: &Volume) {
    let is_it = |image: &&mut ImageSummary| {
        let same_grid = image.geometry.is_some_and(|grid| grid.matches(&volume.geometry));
        same_grid && image.modality == volume.modality
    };
    if let Some(image) = images.iter_mut().find(is_it) {
        image.add_voxels(volume);
    }
}

/// Which of all regions, counted over the files, the settings choose.
fn chosen(files: &[MaskFile], settings: &ImagingSettings) -> Result<usize, String> {
    let all: Vec<(u32, String)> = files
        .iter()
        .flat_map(|file| match file.kind {
            MaskKind::RtStruct => structures(&file.header.object)
                .into_iter()
                .map(|structure| (structure.number, structure.name))
                .collect(),
            MaskKind::Seg => segments(&file.header.object),
        })
        .collect();
    let names: Vec<(u32, &str)> =
        all.iter().map(|(number, name)| (*number, name.as_str())).collect();
    choose("region", &names, settings.roi.as_deref())
}

/// A file of regions, and the image that they are drawn on.
struct Drawing<'a> {
    file: &'a MaskFile,
    volume: Option<&'a Volume>,
    settings: &'a ImagingSettings,
}

impl Drawing<'_> {
    /// Each region and its mask, one after the other, so that one mask is held at a time.
    fn regions(&self) -> Box<dyn Iterator<Item = (RegionSummary, Option<Mask>)> + '_> {
        match self.file.kind {
            MaskKind::RtStruct => self.structures(),
            MaskKind::Seg => self.segments(),
        }
    }

    fn structures(&self) -> Box<dyn Iterator<Item = (RegionSummary, Option<Mask>)> + '_> {
        let object = &self.file.header.object;
        Box::new(structures(object).into_iter().map(move |structure| {
            let contours = Contours::of(object, structure.number);
            let mut faults = Vec::new();
            if let Ok(Contours { others, flat, .. }) = &contours {
                if *others > 0 {
                    faults.push(format!("{others} contours that are not closed are left out"));
                }
                if *flat > 0 {
                    faults.push(format!("{flat} contours of two points or fewer are left out"));
                }
            }
            let mask = contours.and_then(|contours| {
                let Some(volume) = self.volume else {
                    return Ok(None);
                };
                check_frame(structure.frame_of_reference.as_deref(), volume)?;
                let voxels = contours.voxels(&volume.geometry)?;
                Ok(Some(Mask { voxels, geometry: volume.geometry }))
            });
            self.region(("RTSTRUCT", structure.number, structure.name), mask, faults)
        }))
    }

    fn segments(&self) -> Box<dyn Iterator<Item = (RegionSummary, Option<Mask>)> + '_> {
        let header = &self.file.header;
        let seg = Segmentation::of(header);
        let kind = match &seg {
            Ok(seg) => format!("SEG {}", seg.encoding().name()),
            Err(_) => "SEG".to_owned(),
        };
        Box::new(segments(&header.object).into_iter().map(move |(number, name)| {
            let mask = seg.as_ref().map_err(Clone::clone).and_then(|seg| self.segment(seg, number));
            self.region((&kind, number, name), mask, Vec::new())
        }))
    }

    /// A segment on the image's grid, or on its own where there is no image.
    fn segment(&self, seg: &Segmentation, number: u32) -> Result<Option<Mask>, String> {
        let threshold = self.settings.region_threshold;
        let Some(volume) = self.volume else {
            return seg.on_own_grid(number, threshold).map(Some);
        };
        let frame = text(&self.file.header.object, tags::FRAME_OF_REFERENCE_UID);
        check_frame(frame.as_deref(), volume)?;
        let geometry = volume.geometry;
        match seg.on(&geometry, number, threshold)? {
            Ok(voxels) => Ok(Some(Mask { voxels, geometry })),
            Err(_) if self.settings.resample_mask => {
                let own = seg.on_own_grid(number, threshold)?;
                let mask = onto_grid(own, &geometry, true);
                mask.map(Some).map_err(|error| error.to_string())
            }
            Err(problem) => Err(problem),
        }
    }

    fn region(
        &self,
        (kind, number, name): (&str, u32, String),
        mask: Result<Option<Mask>, String>,
        faults: Vec<String>,
    ) -> (RegionSummary, Option<Mask>) {
        let path = self.file.header.path.clone();
        let mut region = RegionSummary {
            path,
            kind: kind.to_owned(),
            number,
            name,
            faults,
            ..RegionSummary::default()
        };
        match &mask {
            Ok(Some(mask)) => region.add_mask(mask),
            Ok(None) => {}
            Err(problem) => region.faults.insert(0, problem.clone()),
        }
        (region, mask.unwrap_or(None))
    }
}
