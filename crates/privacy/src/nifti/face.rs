//! A face that an image may show: everything but a region's surroundings goes.

use std::{
    io::{self, Read},
    path::Path,
};

use super::{Part, header::Header, open};
use crate::{Error, Face, NiftiProfile, error::aside};

/// The most voxels of an image that is masked, which is held in memory.
const MAX_MASKED_BYTES: u64 = 4 << 30;

/// The voxels where they are masked; `None` where they stay.
pub(super) fn masked_voxels(
    reader: &mut dyn Read,
    header: &Header,
    length: u64,
    profile: &NiftiProfile,
    part: Part,
) -> Result<Option<Vec<u8>>, Error> {
    let Part::Image(region) = part else { return Ok(None) };
    match profile.face {
        Face::Absent => return Ok(None),
        Face::Unknown => {
            return Err(aside(
                "face",
                "nobody has said whether these images show faces; put `face = \"absent\"`, \"refuse\" \
                 or \"mask\" into `[nifti]` of the profile",
            ));
        }
        Face::Refuse => {
            return Err(aside(
                "face",
                "the profile refuses images that may show a face; deface them",
            ));
        }
        Face::Mask => {}
    }
    let region = region.ok_or_else(|| {
        aside("face", "an image can be masked to its region only, and this one has none; deface it")
    })?;
    if length > MAX_MASKED_BYTES {
        return Err(aside("too-large", "the image is too large to be masked in memory; deface it"));
    }
    let keep = dilated_region(region, header, profile.margin_mm)?;
    let mut voxels = Vec::new();
    reader.take(length).read_to_end(&mut voxels)?;
    if (voxels.len() as u64) < length || !header.bits_per_voxel().is_multiple_of(8) {
        return Err(aside("broken", "the file ends before its last voxel; copy it again"));
    }
    let size = usize::try_from(header.bits_per_voxel() / 8).expect("16 bits hold it");
    for (index, voxel) in voxels.chunks_exact_mut(size).enumerate() {
        if !keep[index % keep.len()] {
            voxel.fill(0);
        }
    }
    Ok(Some(voxels))
}

/// The voxels within a region or so many millimetres of it along each axis.
fn dilated_region(region: &Path, image: &Header, margin_mm: f64) -> Result<Vec<bool>, Error> {
    let mut reader = open(region)?;
    let header = Header::read(&mut reader)?;
    let grid = |header: &Header| -> Result<[usize; 3], Error> {
        let shape = header.shape()?;
        let length = |axis: usize| shape.get(axis).map_or(1, |&n| usize::try_from(n).unwrap_or(0));
        Ok([length(0), length(1), length(2)])
    };
    let shape = grid(image)?;
    if grid(&header)? != shape || !header.bits_per_voxel().is_multiple_of(8) {
        return Err(aside(
            "face",
            "the region is not on the image's grid, so it cannot mask it; deface it",
        ));
    }
    let skipped = header.extension_bytes()?;
    io::copy(&mut reader.by_ref().take(skipped), &mut io::sink())?;
    let count = shape.iter().product::<usize>();
    let size = usize::try_from(header.bits_per_voxel() / 8).expect("16 bits hold it");
    let mut bytes = Vec::new();
    reader.take((count * size) as u64).read_to_end(&mut bytes)?;
    if bytes.len() < count * size || count == 0 {
        return Err(aside("broken", "the region ends before its last voxel; copy it again"));
    }
    let mut keep: Vec<bool> =
        bytes.chunks_exact(size).map(|voxel| voxel.iter().any(|&byte| byte != 0)).collect();
    let mut stride = 1;
    for (axis, &length) in shape.iter().enumerate().take(3) {
        let spacing = (image.format.spacing)(image, axis + 1).abs();
        let steps = if spacing > 0.0 { (margin_mm / spacing).ceil() } else { 0.0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "casts saturate"
        )]
        dilate(&mut keep, length, stride, steps as usize);
        stride *= length;
    }
    Ok(keep)
}

/// Widens what is kept by so many steps along one axis.
fn dilate(keep: &mut [bool], length: usize, stride: usize, steps: usize) {
    for start in (0..keep.len()).filter(|index| (index / stride).is_multiple_of(length)) {
        let line: Vec<bool> = (0..length).map(|place| keep[start + place * stride]).collect();
        for (place, _) in line.iter().enumerate().filter(|(_, kept)| **kept) {
            let last = place.saturating_add(steps).min(length - 1);
            for near in place.saturating_sub(steps)..=last {
                keep[start + near * stride] = true;
            }
        }
    }
}
