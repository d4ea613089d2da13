//! The IBSI's reference values against ours: the table `IBSI.md` is what these tests find, and
//! `ONCOWEAVE_WRITE_TABLES=1 cargo test -p oncoweave-imaging conformance` writes it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use ndarray::Array3;

use super::*;
use crate::real_data::ibsi;

/// Whether a value is a reference value within its tolerance, as it is or rounded to three
/// significant digits, which most reference values have.
pub(crate) fn within(value: f64, reference: f64, tolerance: f64) -> bool {
    let rounded: f64 = format!("{value:.2e}").parse().unwrap();
    let allowed = tolerance + 1e-9 * reference.abs();
    (value - reference).abs() <= allowed || (rounded - reference).abs() <= allowed
}

struct Case {
    title: &'static str,
    reference: &'static str,
    image: &'static str,
    mask: &'static str,
    settings: ImagingSettings,
}

const PHANTOM: [&str; 2] = [
    "ibsi_1_ct_radiomics_phantom/nifti/image/phantom.nii.gz",
    "ibsi_1_ct_radiomics_phantom/nifti/mask/mask.nii.gz",
];

fn cases() -> Vec<Case> {
    use Aggregation as A;
    let in_slices = vec![A::Averaged2d, A::SliceMerged2d, A::DirectionMerged25d, A::Merged25d];
    let settings = ImagingSettings::default;
    let ct = |title, reference, settings| Case {
        title,
        reference,
        image: PHANTOM[0],
        mask: PHANTOM[1],
        settings,
    };
    let a = ImagingSettings {
        resegment_min: Some(-500.0),
        resegment_max: Some(400.0),
        bin_width: Some(25.0),
        aggregation: Some(in_slices),
        ..settings()
    };
    let b = ImagingSettings {
        resample_mm: Some(vec![2.0, 2.0]),
        round_intensities: true,
        bin_width: None,
        bin_count: Some(32),
        ..a.clone()
    };
    let c = ImagingSettings {
        resample_mm: Some(vec![2.0; 3]),
        round_intensities: true,
        resegment_min: Some(-1000.0),
        resegment_max: Some(400.0),
        bin_width: Some(25.0),
        ivh_bin_width: Some(2.5),
        aggregation: Some(vec![A::Averaged3d, A::Merged3d]),
        ..settings()
    };
    let phantom = ImagingSettings {
        bin_width: Some(1.0),
        ivh_bin_width: None,
        aggregation: Some(A::ALL.to_vec()),
        ..settings()
    };
    vec![
        Case {
            title: "Digital phantom",
            reference: "ibsi_1_dig_phantom.csv",
            image: "ibsi_1_digital_phantom/nifti/image/phantom.nii.gz",
            mask: "ibsi_1_digital_phantom/nifti/mask/mask.nii.gz",
            settings: phantom,
        },
        ct("Configuration A", "ibsi_1_chest_config_a.csv", a),
        ct("Configuration B", "ibsi_1_chest_config_b.csv", b),
        ct("Configuration C", "ibsi_1_chest_config_c.csv", c),
    ]
}

/// Every feature and, named as in the IBSI's tables, what the image and the masks are after each
/// step.
fn measured(folder: &Path, case: &Case) -> BTreeMap<String, f64> {
    let mut volume = read_nifti(&folder.join(case.image)).unwrap();
    // The phantom's file does not say so; its intensities are whole numbers.
    volume.unit = "HU".to_owned();
    let mask = read_nifti_mask(&folder.join(case.mask), None).unwrap();
    let features = features(&volume, &mask, &case.settings).unwrap();
    let mut found: BTreeMap<String, f64> = features
        .into_iter()
        .filter_map(|feature| Some((feature.info.name, f64::from(feature.value?))))
        .collect();
    let whole =
        Mask { voxels: Array3::from_elem(volume.voxels.dim(), true), geometry: volume.geometry };
    let keep = ImagingSettings { resample_mm: None, ..case.settings.clone() };
    let without = |settings: &ImagingSettings| ImagingSettings {
        resegment_min: None,
        resegment_max: None,
        ..settings.clone()
    };
    let resampled = without(&case.settings);
    for (step, settings) in [("init_img", &without(&keep)), ("interp_img", &resampled)] {
        let image = process_image(&volume, &whole, settings).unwrap();
        image_diagnostics(&mut found, step, &image.volume);
    }
    for (step, settings) in
        [("init_roi", &without(&keep)), ("interp_roi", &resampled), ("reseg_roi", &case.settings)]
    {
        let size = process_image(&volume, &whole, settings).unwrap().volume.geometry.size;
        let image = process_image(&volume, &mask, settings).unwrap();
        mask_diagnostics(&mut found, step, &image, size);
    }
    found
}

fn image_diagnostics(found: &mut BTreeMap<String, f64>, step: &str, volume: &Volume) {
    for (axis, name) in ["x", "y", "z"].into_iter().enumerate() {
        found.insert(format!("img_dim_{name}_{step}"), volume.geometry.size[axis] as f64);
        found.insert(format!("vox_dim_{name}_{step}"), volume.geometry.spacing_mm[axis]);
    }
    insert_intensities(found, "", step, volume.voxels.iter());
}

fn insert_intensities<'a>(
    found: &mut BTreeMap<String, f64>,
    prefix: &str,
    step: &str,
    intensities: impl Iterator<Item = &'a f32> + Clone,
) {
    let intensities = intensities.map(|&value| f64::from(value));
    let mean = intensities.clone().sum::<f64>() / intensities.clone().count() as f64;
    found.insert(format!("{prefix}mean_int_{step}"), mean);
    let least = intensities.clone().fold(f64::INFINITY, f64::min);
    found.insert(format!("{prefix}min_int_{step}"), least);
    let greatest = intensities.fold(f64::NEG_INFINITY, f64::max);
    found.insert(format!("{prefix}max_int_{step}"), greatest);
}

fn mask_diagnostics(
    found: &mut BTreeMap<String, f64>,
    step: &str,
    image: &ProcessedImage,
    size: [usize; 3],
) {
    for (kind, mask) in [("int", &image.intensity_mask), ("morph", &image.morphological_mask)] {
        let (low, high) = mask.bounding_box().unwrap();
        for (axis, name) in ["x", "y", "z"].into_iter().enumerate() {
            found.insert(format!("{kind}_mask_dim_{name}_{step}"), size[axis] as f64);
            let length = (high[axis] + 1 - low[axis]) as f64;
            found.insert(format!("{kind}_mask_bb_dim_{name}_{step}"), length);
        }
        found.insert(format!("{kind}_mask_vox_count_{step}"), mask.count() as f64);
    }
    let pairs = image.volume.voxels.iter().zip(&image.intensity_mask.voxels);
    let inside = pairs.filter(|&(_, &inside)| inside).map(|(value, _)| value);
    insert_intensities(found, "int_mask_", step, inside);
}

#[test]
fn every_ibsi_reference_value_is_met_and_the_table_says_so() {
    let Some(folder) = ibsi() else { return };
    let mut table = String::from(HEAD);
    let mut outside = Vec::new();
    for case in cases() {
        let found = measured(&folder, &case);
        let path = folder.join("reference_values").join(case.reference);
        let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_path(path).unwrap();
        let mut lines = String::new();
        let (mut count, mut met) = (0, 0);
        for row in reader.deserialize() {
            let (reference, tolerance, name): (String, Option<f64>, String) = row.unwrap();
            let Some(tolerance) = tolerance else { continue };
            let value = found.get(&name.to_lowercase()).copied();
            let passes =
                value.is_some_and(|value| within(value, reference.parse().unwrap(), tolerance));
            count += 1;
            met += usize::from(passes);
            let value = value.map_or_else(|| "none".to_owned(), digits);
            let verdict = if passes { "yes" } else { "**no**" };
            writeln!(lines, "| `{name}` | {reference} | {tolerance} | {value} | {verdict} |")
                .unwrap();
            if !passes {
                outside.push(format!("{}: {name} {reference} {tolerance} {value}", case.title));
            }
        }
        write!(
            table,
            "\n## {}\n\n{met} of {count} within the tolerance. Settings:\n\n```toml\n{}```\n\n\
             | feature | reference | tolerance | ours | within |\n| --- | ---: | ---: | ---: | --- |\n{lines}",
            case.title,
            toml::to_string(&case.settings).unwrap()
        )
        .unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/IBSI.md");
    if std::env::var_os("ONCOWEAVE_WRITE_TABLES").is_some() {
        fs_err::write(path, &table).unwrap();
    }
    assert!(outside.is_empty(), "{outside:#?}");
    assert!(fs_err::read_to_string(path).unwrap() == table, "{path} is out of date");
}

/// Configurations D and E, for which no reference values are at hand, against MIRP, an independent
/// program that meets the IBSI's.
#[test]
fn configurations_d_and_e_agree_with_mirp() {
    let Some(folder) = ibsi() else { return };
    let d = ImagingSettings {
        resample_mm: Some(vec![2.0; 3]),
        round_intensities: true,
        outlier_sigma: Some(3.0),
        bin_count: Some(32),
        ..ImagingSettings::default()
    };
    let e = ImagingSettings {
        interpolation: Interpolation::Cubic,
        resegment_min: Some(-1000.0),
        resegment_max: Some(400.0),
        ivh_bin_count: Some(1000),
        ..d.clone()
    };
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/imaging_mirp.csv");
    let mut golden = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
    let rows: Vec<(String, String, f64)> = golden.deserialize().map(Result::unwrap).collect();
    let mut outside = Vec::new();
    for (configuration, settings) in [("d", d), ("e", e)] {
        let mut volume = read_nifti(&folder.join(PHANTOM[0])).unwrap();
        volume.unit = "HU".to_owned();
        let mask = read_nifti_mask(&folder.join(PHANTOM[1]), None).unwrap();
        let mut compared = 0;
        for feature in features(&volume, &mask, &settings).unwrap() {
            let name = feature.info.name;
            let is_same = |row: &&(String, String, f64)| row.0 == configuration && row.1 == name;
            let Some((.., expected)) = rows.iter().find(is_same) else { continue };
            compared += 1;
            let value = f64::from(feature.value.unwrap());
            // Where a cube's polygon is not flat, the two surfaces are cut up differently.
            let tolerance = if name.starts_with("morph_") { 2e-4 } else { 1e-5 };
            if (value - expected).abs() > tolerance * expected.abs() {
                outside.push(format!("{configuration}: {name} {value}, MIRP {expected}"));
            }
        }
        // All but the four densities and the area that MIRP does not give and the two that it
        // samples.
        assert_eq!(compared, 167);
    }
    assert!(outside.is_empty(), "{outside:#?}");
}

/// The consensus of up to six teams on a real patient: CT, MR and PET of a soft-tissue sarcoma.
#[test]
fn sarcoma_features_are_the_consensus_of_the_teams() {
    let Some(folder) = ibsi() else { return };
    let settings = |spacing_mm| ImagingSettings {
        resample_mm: Some(vec![spacing_mm; 3]),
        interpolation: Interpolation::Cubic,
        resegment_min: Some(0.0),
        bin_width: Some(10.0),
        ivh_bin_width: Some(1.0),
        ..ImagingSettings::default()
    };
    let ct = ImagingSettings {
        unit: Some("HU".to_owned()),
        round_intensities: true,
        resegment_min: Some(-200.0),
        resegment_max: Some(200.0),
        ivh_bin_width: None,
        ..settings(1.0)
    };
    let pet = ImagingSettings { bin_width: Some(0.25), ivh_bin_width: Some(0.1), ..settings(3.0) };
    let mut outside = Vec::new();
    let mut compared = 0;
    for (modality, settings) in [("CT", ct), ("MR_T1", settings(1.0)), ("PET", pet)] {
        let patient = folder.join("validation/nifti/STS_002");
        let image = patient.join(format!("{modality}_image.nii.gz"));
        let mask = patient.join(format!("{modality}_mask.nii.gz"));
        let found: BTreeMap<String, f64> = nifti_features(&image, &mask, &settings)
            .unwrap()
            .into_iter()
            .filter_map(|feature| Some((feature.info.name, f64::from(feature.value?))))
            .collect();
        let mut reader =
            csv::Reader::from_path(folder.join("validation/STS_002_consensus.csv")).unwrap();
        for row in reader.records() {
            let row = row.unwrap();
            let Some(value) = found.get(&row[1].to_lowercase()).filter(|_| &row[0] == modality)
            else {
                continue;
            };
            let [teams, close]: [u32; 2] = [&row[3], &row[7]].map(|cell| cell.parse().unwrap());
            // There is a consensus where three quarters of the teams are within 1 % of the median.
            if 4 * close < 3 * teams {
                continue;
            }
            compared += 1;
            let median: f64 = row[4].parse().unwrap();
            if (value - median).abs() > 0.01 * median.abs() {
                outside
                    .push(format!("{modality} {} {value}, {median} ({close} of {teams})", &row[1]));
            }
        }
    }
    assert!(outside.is_empty(), "{outside:#?}");
    assert!(compared >= 494, "{compared}");
}

fn filter(filter: Filter, in_slices: bool, boundary: Boundary) -> ImagingSettings {
    ImagingSettings {
        filter: Some(filter),
        filter_in_slices: in_slices,
        filter_boundary: boundary,
        ..ImagingSettings::default()
    }
}

fn laws(kernels: &str, rotation_invariant: bool, energy_distance: Option<usize>) -> Filter {
    Filter::Laws { kernels: kernels.to_owned(), rotation_invariant, energy_distance }
}

/// The IBSI's second chapter, phase 1: response maps of synthetic images, within 1 % of the range.
#[test]
fn response_maps_are_those_of_the_ibsi() {
    use Boundary::{Mirror, Nearest, Periodic, Zero};
    let Some(folder) = ibsi() else { return };
    let mean = || Filter::Mean { support: 15 };
    let log = |sigma_mm| Filter::LaplacianOfGaussian { sigma_mm, cutoff: None };
    let cases = [
        ("1_a_1", "checkerboard", filter(mean(), false, Zero)),
        ("1_a_2", "checkerboard", filter(mean(), false, Nearest)),
        ("1_a_3", "checkerboard", filter(mean(), false, Periodic)),
        ("1_a_4", "checkerboard", filter(mean(), false, Mirror)),
        ("1_b_1", "impulse", filter(mean(), true, Zero)),
        ("2_a", "impulse", filter(log(3.0), false, Zero)),
        ("2_b", "checkerboard", filter(log(5.0), false, Mirror)),
        ("2_c", "checkerboard", filter(log(5.0), true, Mirror)),
        ("3_a_1", "impulse", filter(laws("E5L5S5", false, None), false, Zero)),
        ("3_a_2", "impulse", filter(laws("E5L5S5", true, None), false, Zero)),
        ("3_a_3", "impulse", filter(laws("E5L5S5", true, Some(7)), false, Zero)),
        ("3_b_1", "checkerboard", filter(laws("E3W5R5", false, None), false, Mirror)),
        ("3_b_2", "checkerboard", filter(laws("E3W5R5", true, None), false, Mirror)),
        ("3_b_3", "checkerboard", filter(laws("E3W5R5", true, Some(7)), false, Mirror)),
        ("3_c_1", "checkerboard", filter(laws("L5S5", false, None), true, Mirror)),
        ("3_c_2", "checkerboard", filter(laws("L5S5", true, None), true, Mirror)),
        ("3_c_3", "checkerboard", filter(laws("L5S5", true, Some(7)), true, Mirror)),
    ];
    let mut outside = Vec::new();
    for (map, image, settings) in cases {
        let image = format!("ibsi_2_digital_phantom/nifti/{image}/image/{image}.nii.gz");
        let volume = read_nifti(&folder.join(image)).unwrap();
        let mask = Mask {
            voxels: Array3::from_elem(volume.voxels.dim(), true),
            geometry: volume.geometry,
        };
        let found = process_image(&volume, &mask, &settings).unwrap().volume;
        let path = folder.join(format!("response_maps/{map}-ValidCRM.nii.gz"));
        let expected = read_nifti(&path).unwrap().voxels;
        let least = expected.iter().copied().fold(f32::INFINITY, f32::min);
        let greatest = expected.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let pairs = found.voxels.iter().zip(&expected);
        let error = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        if error.is_nan() || error > 0.01 * (greatest - least) {
            outside.push(format!("{map}: {error} of {}", greatest - least));
        }
    }
    assert!(outside.is_empty(), "{outside:#?}");
}

/// Phase 2: statistics of the filtered CT phantom.
#[test]
fn statistics_of_filtered_images_are_those_of_the_ibsi() {
    let Some(folder) = ibsi() else { return };
    let log = Filter::LaplacianOfGaussian { sigma_mm: 1.5, cutoff: None };
    let filters = [("1", None), ("2", Some(Filter::Mean { support: 5 })), ("3", Some(log))];
    let mut volume = read_nifti(&folder.join(PHANTOM[0])).unwrap();
    volume.unit = "HU".to_owned();
    let mask = read_nifti_mask(&folder.join(PHANTOM[1]), None).unwrap();
    let mut outside = Vec::new();
    let mut compared = 0;
    for (number, filter) in filters {
        for letter in ["A", "B"] {
            let settings = ImagingSettings {
                resample_mm: (letter == "B").then(|| vec![1.0; 3]),
                interpolation: Interpolation::Cubic,
                round_intensities: true,
                resegment_min: Some(-1000.0),
                resegment_max: Some(400.0),
                filter: filter.clone(),
                filter_in_slices: letter == "A",
                families: Some(vec![Family::Statistics]),
                ..ImagingSettings::default()
            };
            let found = features(&volume, &mask, &settings).unwrap();
            let path = folder.join("reference_values/ibsi_2_filters_1_to_3.csv");
            let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_path(path).unwrap();
            for row in reader.records().map(Result::unwrap) {
                if row[0] != format!("{number}.{letter}") {
                    continue;
                }
                let feature = found.iter().find(|feature| feature.info.name == row[2]).unwrap();
                let value = f64::from(feature.value.unwrap());
                compared += 1;
                if !within(value, row[3].parse().unwrap(), row[4].parse().unwrap()) {
                    outside
                        .push(format!("{} {} {value}: {} {}", &row[0], &row[2], &row[3], &row[4]));
                }
            }
        }
    }
    assert!(outside.is_empty(), "{outside:#?}");
    assert_eq!(compared, 108);
}

/// Six significant digits.
fn digits(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap();
    rounded.to_string()
}

const HEAD: &str = "# Radiomic features against the IBSI reference values

The reference values of the Image Biomarker Standardisation Initiative (Zwanenburg et al., Radiology
2020, 295:328-338; reference manual and data sets, CC BY 4.0, `theibsi/data_sets` 6da96021bc91),
with the tolerance that it gives, against what `oncoweave-imaging` computes from the same images.
Ours is compared as it is and rounded to three significant digits, which most reference values have.
Features for which the IBSI gives no value are not listed.

Written by `ONCOWEAVE_WRITE_TABLES=1 cargo test -p oncoweave-imaging conformance`; the test fails
where this table is out of date.
";
