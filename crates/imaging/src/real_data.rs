//! Checks on real images, which are not part of the repository. `ONCOWEAVE_SHARED` names the folder
//! that holds them; without it these tests say so and pass.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ndarray::Array3;

use super::*;

mod preparation;

/// The IBSI's data sets (`theibsi/data_sets`).
pub(crate) fn ibsi() -> Option<PathBuf> {
    imaging("ibsi")
}

pub(crate) fn imaging(set: &str) -> Option<PathBuf> {
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

fn chosen(roi: Option<&str>) -> ImagingSettings {
    ImagingSettings { roi: roi.map(str::to_owned), ..ImagingSettings::default() }
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
        let (volume, mask) = read_dicom_folder(&folder, &ImagingSettings::default()).unwrap();
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
        let volume = read_dicom_folder(&folder, &ImagingSettings::default()).unwrap().0;
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
        roi: Some("gtv-1".to_owned()),
        ..ImagingSettings::default()
    };
    let (volume, mask) = read_dicom_folder(&phantom.join("dicom"), &settings).unwrap();
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
    let volume = read_series(&dcmqi.join("ct-3slice"), &ImagingSettings::default()).unwrap();
    for (file, segment, inside) in [
        ("liver.dcm", None, 107_098),
        ("partial_overlaps.dcm", Some("1"), 9_602),
        ("partial_overlaps.dcm", Some("2"), 11_888),
        ("partial_overlaps.dcm", Some("3"), 10_743),
        ("partial_overlaps.dcm", Some("4"), 6_693),
        ("partial_overlaps.dcm", Some("5"), 4_713),
    ] {
        let mask = read_seg(&dcmqi.join(file), &volume, &chosen(segment)).unwrap();
        assert_eq!(mask.count(), inside, "{file} {segment:?}");
    }
}

/// Every NIfTI file of the shared data against what nibabel reads in it.
#[test]
fn nifti_files_are_read_as_nibabel_does() {
    if imaging("nifti-rs").is_none() {
        return;
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/imaging_nifti.csv");
    let mut golden = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
    let mut read = 0;
    for row in golden.records().map(Result::unwrap) {
        let (set, file) = row[0].split_once('/').unwrap();
        let found = read_nifti_volume(&imaging(set).unwrap().join(file), Some(1));
        if &row[1] == "refused" {
            assert!(found.is_err(), "{}", &row[0]);
            continue;
        }
        let volume = found.unwrap_or_else(|error| panic!("{error}"));
        let numbers: Vec<f64> = row.iter().skip(2).map(|cell| cell.parse().unwrap()).collect();
        let size = volume.geometry.size.map(|length| length as f64);
        assert_eq!(size, numbers[..3], "{}", &row[0]);
        for (row_number, affine) in
            numbers[4..16].chunks(4).enumerate().filter(|_| &row[1] != "none")
        {
            // x and y of RAS change sign in LPS.
            let sign = if row_number < 2 { -1.0 } else { 1.0 };
            let Geometry { spacing_mm, direction, origin_mm, .. } = volume.geometry;
            let ours = (0..3).map(|axis| spacing_mm[axis] * direction[axis][row_number]);
            for (ours, nibabel) in ours.chain([origin_mm[row_number]]).zip(affine) {
                assert!((sign * ours - nibabel).abs() < 1e-4, "{}: {ours} {nibabel}", &row[0]);
            }
        }
        let values = volume.voxels.iter().map(|&value| f64::from(value)).enumerate();
        let values: Vec<(usize, f64)> = values.filter(|(_, value)| value.is_finite()).collect();
        let least = values.iter().map(|(_, value)| *value).fold(f64::INFINITY, f64::min);
        let greatest = values.iter().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = values.iter().map(|(_, value)| value).sum();
        let ranked: f64 = values.iter().map(|(rank, value)| (rank % 97) as f64 * value).sum();
        let size: f64 = values.iter().map(|(rank, value)| (rank % 97) as f64 * value.abs()).sum();
        for (ours, nibabel) in [least, greatest, sum, ranked].iter().zip(&numbers[16..]) {
            assert!((ours - nibabel).abs() <= 1e-6 * (1.0 + size), "{}: {ours} {nibabel}", &row[0]);
        }
        read += 1;
    }
    assert!(read > 50, "{read}");
}

/// The structures of rt-utils' test data against the voxels that scikit-image finds inside.
#[test]
fn structures_have_the_voxels_that_scikit_image_finds() {
    let Some(folder) = imaging("rt-utils") else { return };
    let mut volume = read_series(&folder.join("mock_data"), &ImagingSettings::default()).unwrap();
    // They reach one slice above the two images that there are.
    volume.geometry.size[2] = 3;
    volume.voxels = Array3::zeros(volume.geometry.shape());
    volume.frame_of_reference = None;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/imaging_rtstruct.csv");
    let mut golden = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
    let mut read = 0;
    for row in golden.deserialize::<(String, String, usize, [usize; 3])>().map(Result::unwrap) {
        let path = folder.parent().unwrap().join(&row.0);
        let mask = read_rtstruct(&path, &volume, Some(&row.1)).unwrap();
        let mut sums = [0; 3];
        for ((z, y, x), _) in mask.voxels.indexed_iter().filter(|(_, inside)| **inside) {
            sums = [sums[0] + x, sums[1] + y, sums[2] + z];
        }
        assert_eq!((mask.count(), sums), (row.2, row.3), "{} {}", row.0, row.1);
        read += 1;
    }
    assert_eq!(read, 13);
}

/// An NRRD file of 16 or 32-bit whole numbers, compressed, as pyradiomics has them: its size,
/// spacing and voxels.
fn read_nrrd(path: &std::path::Path) -> (Geometry, Vec<f32>) {
    use std::io::Read;
    let bytes = fs_err::read(path).unwrap();
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
    let header = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let field = |name: &str| {
        header.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
    };
    assert_eq!(field("encoding:"), "gzip");
    let size: Vec<usize> =
        field("sizes:").split(' ').map(|length| length.parse().unwrap()).collect();
    let spacing: Vec<f64> = field("space directions:")
        .split(' ')
        .map(|axis| {
            let squares = axis
                .trim_matches(['(', ')'])
                .split(',')
                .map(|coordinate| coordinate.parse::<f64>().unwrap().powi(2));
            squares.sum::<f64>().sqrt()
        })
        .collect();
    let mut voxels = Vec::new();
    flate2::read::GzDecoder::new(&bytes[end + 2..]).read_to_end(&mut voxels).unwrap();
    #[expect(clippy::cast_precision_loss, reason = "intensities and labels are small")]
    let values = match field("type:").as_str() {
        "short" => voxels
            .chunks_exact(2)
            .map(|bytes| f32::from(i16::from_le_bytes(bytes.try_into().unwrap())))
            .collect(),
        "int" => voxels
            .chunks_exact(4)
            .map(|bytes| i32::from_le_bytes(bytes.try_into().unwrap()) as f32)
            .collect(),
        other => panic!("{other}"),
    };
    let geometry = Geometry {
        size: size.try_into().unwrap(),
        spacing_mm: spacing.try_into().unwrap(),
        origin_mm: [0.0; 3],
        direction: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    };
    (geometry, values)
}

/// One of the images that pyradiomics tests itself with, and its region.
fn pyradiomics_case(folder: &std::path::Path, case: &str) -> (Volume, Mask) {
    let (geometry, intensities) = read_nrrd(&folder.join(format!("{case}_image.nrrd")));
    let (_, labels) = read_nrrd(&folder.join(format!("{case}_label.nrrd")));
    let volume = Volume {
        voxels: Array3::from_shape_vec(geometry.shape(), intensities).unwrap(),
        geometry,
        modality: "MR".to_owned(),
        unit: String::new(),
        frame_of_reference: None,
    };
    let inside = labels.iter().map(|&label| (label - 1.0).abs() < 0.5).collect();
    let voxels = Array3::from_shape_vec(geometry.shape(), inside).unwrap();
    (volume, Mask { voxels, geometry })
}

/// The default features of such an image, every intensity shifted.
fn pyradiomics_features(folder: &std::path::Path, case: &str, shift: f32) -> BTreeMap<String, f64> {
    let (mut volume, mask) = pyradiomics_case(folder, case);
    volume.voxels += shift;
    let settings =
        ImagingSettings { standard: Standard::Pyradiomics, ..ImagingSettings::default() };
    let found = features(&volume, &mask, &settings).unwrap();
    found
        .into_iter()
        .map(|feature| (feature.info.name, f64::from(feature.value.unwrap())))
        .collect()
}

/// Each parameter file in `tests/golden/imaging_parameters`: the same features by the same names,
/// and the same values.
#[test]
fn parameter_files_give_the_features_of_pyradiomics() {
    let Some(folder) = imaging("pyradiomics") else { return };
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/imaging_parameters");
    let mut reader =
        csv::ReaderBuilder::new().comment(Some(b'#')).from_path(format!("{golden}.csv")).unwrap();
    let mut cases: BTreeMap<(String, String), BTreeMap<String, f64>> = BTreeMap::new();
    for row in reader.deserialize() {
        let (file, case, name, value): (String, String, String, f64) = row.unwrap();
        cases.entry((file, case)).or_default().insert(name, value);
    }
    let mut outside = Vec::new();
    for ((file, case), expected) in &cases {
        let (volume, mask) = pyradiomics_case(&folder, case);
        let settings = ImagingSettings {
            pyradiomics_parameters: Some(format!("{golden}/{file}.yaml").into()),
            ..ImagingSettings::default()
        };
        let found = features(&volume, &mask, &settings.load().unwrap()).unwrap();
        let names: Vec<&String> = found.iter().map(|feature| &feature.info.name).collect();
        assert_eq!(names, expected.keys().collect::<Vec<_>>(), "{file}");
        for (feature, expected) in found.iter().zip(expected.values()) {
            let value = feature.value.map_or(f64::NAN, f64::from);
            // What is 0 but for rounding there has no digits to compare.
            if value.is_nan() || (value - expected).abs() > 1e-6 * expected.abs().max(1e-9) {
                let error = (value / expected - 1.0).abs();
                outside.push(format!(
                    "{file} {case} {} {value} {expected} {error:.1e}",
                    feature.info.name
                ));
            }
        }
    }
    assert!(cases.len() >= 6);
    assert!(outside.is_empty(), "{} {outside:#?}", outside.len());
}

#[test]
fn pyradiomics_features_are_those_of_pyradiomics() {
    let Some(folder) = imaging("pyradiomics") else { return };
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/imaging_pyradiomics.csv");
    let mut golden = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
    let rows: Vec<(String, String, f64)> = golden.deserialize().map(Result::unwrap).collect();
    let mut outside = Vec::new();
    for case in ["brain1", "breast1"] {
        let found = pyradiomics_features(&folder, case, 0.0);
        assert_eq!(found.len(), 107);
        for (_, name, expected) in rows.iter().filter(|row| row.0 == case) {
            let value = found[name];
            if (value - expected).abs() > 1e-6 * expected.abs() {
                outside.push(format!("{case} {name} {value}, pyradiomics {expected}"));
            }
        }
    }
    assert!(outside.is_empty(), "{outside:#?}");
}

/// The baselines in the repository of pyradiomics: 2000 was added to intensities before they were
/// squared, and version 2 cut another surface, which its own tests allow for.
#[test]
fn pyradiomics_baselines_are_met() {
    let Some(folder) = imaging("pyradiomics") else { return };
    let mut outside = Vec::new();
    for case in ["brain1", "breast1"] {
        let mut found = pyradiomics_features(&folder, case, 0.0);
        let shifted = pyradiomics_features(&folder, case, 2000.0);
        for name in ["Energy", "TotalEnergy", "RootMeanSquared"] {
            let name = format!("original_firstorder_{name}");
            found.insert(name.clone(), shifted[&name]);
        }
        for (name, value) in found {
            let class = name.split('_').nth(1).unwrap();
            let path = folder.join(format!("baseline/baseline_{class}.csv"));
            let mut reader = csv::Reader::from_path(path).unwrap();
            let column = reader.headers().unwrap().iter().position(|cell| cell == case).unwrap();
            let row = reader.records().map(Result::unwrap).find(|row| row[0] == name).unwrap();
            let expected: f64 = row[column].parse().unwrap();
            let of_surface =
                ["Mesh", "Surface", "Sphericity"].iter().any(|word| name.contains(word));
            let tolerance = if of_surface { 2e-3 } else { 1e-6 };
            if (value - expected).abs() > tolerance * expected.abs() {
                outside.push(format!("{case} {name} {value}, expected {expected}"));
            }
        }
    }
    assert!(outside.is_empty(), "{outside:#?}");
}
