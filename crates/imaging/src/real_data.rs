//! Checks on real images, which are not part of the repository. `ONCOWEAVE_SHARED` names the folder
//! that holds them; without it these tests say so and pass.

use std::path::PathBuf;

use super::*;

/// The IBSI's data sets (`theibsi/data_sets`).
pub(crate) fn ibsi() -> Option<PathBuf> {
    imaging("ibsi")
}

fn imaging(set: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("ONCOWEAVE_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let folder = shared.join("data/imaging").join(set);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}

/// Voxels inside one mask and outside the other.
fn differing(a: &Mask, b: &Mask) -> usize {
    a.voxels.iter().zip(&b.voxels).filter(|(a, b)| a != b).count()
}

/// The soft-tissue sarcoma patient `STS_002`: the mask that the RTSTRUCT draws against the NIfTI mask
/// of the same region. Every voxel agrees, so that the Dice coefficient is 1.
#[test]
fn sarcoma_masks_equal_their_nifti_twins() {
    let Some(ibsi) = ibsi() else { return };
    for (series, inside) in [("CT", 17_090), ("MR_T1", 17_090), ("PET", 555)] {
        let folder = ibsi.join("validation/dicom/STS_002").join(series);
        let (volume, mask) = read_dicom_folder(&folder, None).unwrap();
        let nifti = ibsi.join("validation/nifti/STS_002");
        let twin = read_nifti_mask(&nifti.join(format!("{series}_mask.nii.gz")), None).unwrap();
        assert!(volume.geometry.matches(&twin.geometry), "{series}");
        assert_eq!((mask.count(), twin.count()), (inside, inside), "{series}");
        assert_eq!(differing(&mask, &twin), 0, "{series}");
    }
}

/// CT is stored as HU and PET as SUV in both forms; the MR of the NIfTI form was corrected for its
/// bias field and scaled, so that it has no twin.
#[test]
fn sarcoma_images_equal_their_nifti_twins() {
    let Some(ibsi) = ibsi() else { return };
    for (series, unit, tolerance) in [("CT", "HU", 0.0), ("PET", "GML", 1e-4)] {
        let folder = ibsi.join("validation/dicom/STS_002").join(series);
        let volume = read_dicom_folder(&folder, None).unwrap().0;
        let nifti = ibsi.join("validation/nifti/STS_002");
        let twin = read_nifti(&nifti.join(format!("{series}_image.nii.gz"))).unwrap();
        let pairs = volume.voxels.iter().zip(&twin.voxels);
        let greatest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(greatest <= tolerance, "{series}: {greatest}");
        assert_eq!(volume.unit, unit);
    }
}

#[test]
fn ct_phantom_is_the_same_from_dicom_and_from_nifti() {
    let Some(ibsi) = ibsi() else { return };
    let phantom = ibsi.join("ibsi_1_ct_radiomics_phantom");
    let settings = ImagingSettings {
        bin_width: Some(25.0),
        unit: Some("HU".to_owned()),
        ..ImagingSettings::default()
    };
    let (volume, mask) = read_dicom_folder(&phantom.join("dicom"), Some("gtv-1")).unwrap();
    let image = phantom.join("nifti/image/phantom.nii.gz");
    let label = phantom.join("nifti/mask/mask.nii.gz");
    let twin = read_nifti(&image).unwrap();
    assert!(volume.geometry.matches(&twin.geometry), "{}\n{}", volume.geometry, twin.geometry);
    assert!(volume.voxels == twin.voxels);
    assert_eq!(mask.count(), 125_256);
    assert_eq!(differing(&mask, &read_nifti_mask(&label, Some(1)).unwrap()), 0);
    let from_dicom = features(&volume, &mask, &settings).unwrap();
    let from_nifti = nifti_features(&image, &label, &settings).unwrap();
    for (a, b) in from_dicom.iter().zip(&from_nifti) {
        let (a_value, b_value) = (a.value.unwrap(), b.value.unwrap());
        // The headers give the spacing to different numbers of digits.
        assert!((a_value - b_value).abs() <= 1e-5 * a_value.abs(), "{}", a.info.name);
    }
}

/// SEG files that dcmqi wrote; the numbers of voxels are those of the NRRD label images beside them.
#[test]
fn dcmqi_segments_have_as_many_voxels_as_their_labels() {
    let Some(dcmqi) = imaging("dcmqi/segmentations") else { return };
    let volume = read_series(&dcmqi.join("ct-3slice")).unwrap();
    for (file, segment, inside) in [
        ("liver.dcm", None, 107_098),
        ("partial_overlaps.dcm", Some("1"), 9_602),
        ("partial_overlaps.dcm", Some("2"), 11_888),
        ("partial_overlaps.dcm", Some("3"), 10_743),
        ("partial_overlaps.dcm", Some("4"), 6_693),
        ("partial_overlaps.dcm", Some("5"), 4_713),
    ] {
        let mask = read_seg(&dcmqi.join(file), &volume, segment).unwrap();
        assert_eq!(mask.count(), inside, "{file} {segment:?}");
    }
}
