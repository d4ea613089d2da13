//! Compares the mask that a DICOM folder's RTSTRUCT or SEG draws with a NIfTI mask of the same
//! region, voxel by voxel: `compare_masks FOLDER MASK`.

use std::{env, error::Error, path::Path};

use oncoweave_imaging::{ImagingSettings, read_dicom_folder, read_nifti_mask};

#[expect(clippy::print_stdout, reason = "the comparison is what this program gives")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, mask] = arguments.as_slice() else {
        return Err("usage: compare_masks FOLDER MASK".into());
    };
    let (volume, drawn) = read_dicom_folder(Path::new(folder), &ImagingSettings::default())?;
    let twin = read_nifti_mask(Path::new(mask), None)?;
    if !drawn.geometry.matches(&twin.geometry) {
        return Err(
            format!("the grids differ: {:?} and {:?}", drawn.geometry, twin.geometry).into()
        );
    }
    let pairs = || drawn.voxels.iter().zip(&twin.voxels);
    let both = pairs().filter(|&(&a, &b)| a && b).count();
    let differing = pairs().filter(|(a, b)| a != b).count();
    let dice = 2.0 * both as f64 / (drawn.count() + twin.count()) as f64;
    println!(
        "| {} | {:?} | {} | {} | {differing} | {dice:.6} |",
        volume.modality,
        drawn.geometry.size,
        drawn.count(),
        twin.count()
    );
    Ok(())
}
