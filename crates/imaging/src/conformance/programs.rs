//! Other programs and the teams' consensus on a patient.

use super::*;

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
