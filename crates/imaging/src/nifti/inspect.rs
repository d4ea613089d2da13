//! What a NIfTI image is.

use std::collections::BTreeMap;
use std::path::Path;

use super::file::{Opened, fault};
use super::header::{Header, Kind};
use super::{read_nifti_region, read_nifti_volume};
use crate::inspect::{ImageFormat, ImageInspection, ImageSummary, Inspected, RegionSummary};
use crate::{Error, ImagingSettings, onto_grid};

/// More labels than this are no labels.
const MOST_LABELS: usize = 256;

/// Whether a file that starts so says that it is NIfTI.
pub(crate) fn is_nifti(head: &[u8]) -> bool {
    head.len() >= 348 && Kind::of(head).is_ok()
}

/// Inspects an image, and the labels of a mask beside it.
pub(crate) fn inspect(
    path: &Path,
    mask: Option<&Path>,
    settings: &ImagingSettings,
) -> Result<Inspected, Error> {
    let opened = Opened::open(path)?;
    let mut summary = summary(&opened.header, opened.is_compressed);
    let mut settings = settings.clone();
    if settings.volume.is_none() && opened.header.volumes > 1 {
        summary.faults.push(format!(
            "holds {} volumes and none was chosen: the first is looked at",
            opened.header.volumes
        ));
        settings.volume = Some(1);
    }
    drop(opened);
    let volume = match read_nifti_volume(path, settings.volume) {
        Ok(mut volume) => {
            volume.unit = settings.unit.clone().unwrap_or_default();
            summary.add_voxels(&volume);
            Some(volume)
        }
        Err(error) => {
            let problem = bare(&error);
            if !summary.faults.contains(&problem) {
                summary.faults.push(problem);
            }
            None
        }
    };
    let regions = mask.map(|mask| labels(mask, &settings)).transpose()?.unwrap_or_default();
    let (mut region, mut mask_fault) = (None, None);
    if let (Some(mask), Some(volume)) = (mask, &volume) {
        let read = read_nifti_region(mask, &settings)
            .and_then(|read| onto_grid(read, &volume.geometry, settings.resample_mask));
        match read {
            Ok(read) => region = Some(read),
            Err(error) => mask_fault = Some(error.within(path, mask).to_string()),
        }
    }
    let inspection = ImageInspection {
        path: path.to_owned(),
        format: ImageFormat::Nifti,
        images: vec![summary],
        regions,
        others: Vec::new(),
        faults: Vec::new(),
    };
    Ok(Inspected { inspection, volume, mask: region, mask_fault })
}

fn summary(header: &Header, is_compressed: bool) -> ImageSummary {
    let mut faults = Vec::new();
    let geometry = match header.geometry() {
        Ok(geometry) => Some(geometry),
        Err(problem) => {
            faults.push(problem);
            None
        }
    };
    if let Some([sform, qform]) = header.both_forms()
        && !sform.matches(&qform)
    {
        faults.push(format!("sform and qform differ: {sform}; {qform}; the sform is taken"));
    }
    let order = if header.big_endian { ", big endian" } else { "" };
    let pair = if header.single_file { "" } else { ", pair of files" };
    let compression = if is_compressed { ", gzip" } else { "" };
    let kind = format!(
        "NIfTI-{}, {}{order}{pair}{compression}, placed by its {}",
        header.version,
        header.stored.name(),
        header.placement().name()
    );
    ImageSummary {
        kind,
        volumes: Some(header.volumes),
        geometry,
        faults,
        ..ImageSummary::default()
    }
}

/// Each label of a mask with its size.
fn labels(path: &Path, settings: &ImagingSettings) -> Result<Vec<RegionSummary>, Error> {
    let volume = read_nifti_volume(path, settings.mask_volume)?;
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for &value in &volume.voxels {
        let label = f64::from(value).round();
        if (1.0..=f64::from(u32::MAX)).contains(&label) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
            let label = label as u32;
            *counts.entry(label).or_default() += 1;
        }
        if counts.len() > MOST_LABELS {
            return Err(fault(
                path,
                format!("is no label image: it holds over {MOST_LABELS} values"),
            ));
        }
    }
    let voxel_ml = volume.geometry.voxel_volume_mm3() / 1000.0;
    let region = |(number, voxels): (u32, usize)| RegionSummary {
        path: path.to_owned(),
        kind: "label".to_owned(),
        number,
        voxels: Some(voxels),
        volume_ml: Some(voxels as f64 * voxel_ml),
        ..RegionSummary::default()
    };
    Ok(counts.into_iter().map(region).collect())
}

/// The problem without the file, which stands above it.
fn bare(error: &Error) -> String {
    match error {
        Error::Nifti { problem, .. } => problem.clone(),
        other => other.to_string(),
    }
}
