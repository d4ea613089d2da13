//! The IBSI's reference values against ours: the table `IBSI.md` is what these tests find, and
//! `ONCOWEAVE_WRITE_TABLES=1 cargo test -p oncoweave-imaging conformance` writes it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use ndarray::Array3;

use super::*;
use crate::real_data::ibsi;

mod filters;
mod programs;

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
    /// Which rows of the reference file, where it has several cases.
    identifier: Option<&'static str>,
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
        identifier: None,
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
            identifier: None,
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
    if case.identifier.is_some() {
        return found;
    }
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

/// The reference value as written, its tolerance and the feature's name.
fn references(folder: &Path, case: &Case) -> Vec<(String, f64, String)> {
    let path = folder.join("reference_values").join(case.reference);
    let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_path(path).unwrap();
    let rows = reader.records().map(Result::unwrap);
    let of_case = rows.filter(|row| case.identifier.is_none_or(|identifier| &row[0] == identifier));
    of_case
        .filter_map(|row| {
            // Filters: identifier, feature, tag, value, tolerance; else value, tolerance, tag.
            let [value, tolerance, tag] = if row.len() == 5 { [3, 4, 2] } else { [0, 1, 2] };
            let tolerance = row[tolerance].parse().ok()?;
            Some((row[value].to_owned(), tolerance, row[tag].to_owned()))
        })
        .collect()
}

/// Adds a case's section to the table and lists what is outside the tolerance.
fn compare(folder: &Path, case: &Case, table: &mut String) -> Vec<String> {
    let found = measured(folder, case);
    let references = references(folder, case);
    assert!(!references.is_empty(), "{}", case.title);
    let mut outside = Vec::new();
    let mut lines = String::new();
    for (reference, tolerance, name) in &references {
        let value = found.get(&name.to_lowercase()).copied();
        let passes =
            value.is_some_and(|value| within(value, reference.parse().unwrap(), *tolerance));
        let value = value.map_or_else(|| "none".to_owned(), digits);
        let verdict = if passes { "yes" } else { "**no**" };
        writeln!(lines, "| `{name}` | {reference} | {tolerance} | {value} | {verdict} |").unwrap();
        if !passes {
            outside.push(format!("{}: {name} {reference} {tolerance} {value}", case.title));
        }
    }
    write!(
        table,
        "\n## {}\n\n{} of {} within the tolerance. Settings:\n\n```toml\n{}```\n\n\
         | feature | reference | tolerance | ours | within |\n\
         | --- | ---: | ---: | ---: | --- |\n{lines}",
        case.title,
        references.len() - outside.len(),
        references.len(),
        toml::to_string(&case.settings).unwrap()
    )
    .unwrap();
    outside
}

#[test]
fn every_ibsi_reference_value_is_met_and_the_table_says_so() {
    let Some(folder) = ibsi() else { return };
    let mut table = String::from(HEAD);
    let mut outside = Vec::new();
    for case in cases() {
        outside.extend(compare(&folder, &case, &mut table));
    }
    outside.extend(filters::compare_response_maps(&folder, &mut table));
    for case in filters::cases() {
        outside.extend(compare(&folder, &case, &mut table));
    }
    outside.extend(filters::compare_with_mirp(&folder, &mut table));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/IBSI.md");
    if std::env::var_os("ONCOWEAVE_WRITE_TABLES").is_some() {
        fs_err::write(path, &table).unwrap();
    }
    assert!(outside.is_empty(), "{outside:#?}");
    assert!(fs_err::read_to_string(path).unwrap() == table, "{path} is out of date");
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
