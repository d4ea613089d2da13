use std::time::Instant;

use ndarray::Array3;

use super::*;
use crate::conformance::within;
use crate::{Aggregation, Geometry};

/// The digital phantom as the IBSI manual draws it (section 5.1): for each slice its rows, each
/// voxel with its intensity, in brackets where it is outside the region.
const PHANTOM: [[&str; 4]; 4] = [
    ["1 4 4 1 1", "1 4 6 1 1", "4 1 6 4 1", "4 4 6 4 1"],
    ["1 4 4 1 1", "1 1 6 1 1", "(1) 1 3 1 1", "4 4 6 1 1"],
    ["1 4 4 (1) (1)", "1 1 1 1 1", "1 1 (9) 1 1", "1 1 6 1 1"],
    ["1 4 4 (1) (1)", "1 1 1 1 1", "1 1 1 1 1", "1 1 6 1 1"],
];

fn geometry(size: [usize; 3], spacing_mm: f64) -> Geometry {
    Geometry {
        size,
        spacing_mm: [spacing_mm; 3],
        origin_mm: [0.0; 3],
        direction: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    }
}

fn pair(geometry: Geometry, voxels: Vec<f32>, inside: Vec<bool>) -> (Volume, Mask) {
    let volume = Volume {
        voxels: Array3::from_shape_vec(geometry.shape(), voxels).unwrap(),
        geometry,
        modality: "CT".to_owned(),
        unit: "HU".to_owned(),
        frame_of_reference: None,
    };
    let voxels = Array3::from_shape_vec(geometry.shape(), inside).unwrap();
    (volume, Mask { voxels, geometry })
}

fn phantom() -> (Volume, Mask) {
    let cells = PHANTOM.iter().flatten().flat_map(|row| row.split(' '));
    let (voxels, inside) = cells
        .map(|cell| {
            let intensity = cell.trim_matches(['(', ')']).parse::<f32>().unwrap();
            (intensity, !cell.starts_with('('))
        })
        .unzip();
    pair(geometry([5, 4, 4], 2.0), voxels, inside)
}

/// Features that IBSI defines and gives no reference value for.
const WITHOUT_REFERENCE: [&str; 5] = [
    "morph_vol_dens_ombb",
    "morph_area_dens_ombb",
    "morph_vol_dens_mvee",
    "morph_area_dens_mvee",
    "ivh_auc",
];

#[test]
fn digital_phantom_is_within_the_ibsi_tolerances() {
    let (volume, mask) = phantom();
    assert_eq!(mask.count(), 74);
    let settings = ImagingSettings {
        bin_width: Some(1.0),
        aggregation: Some(Aggregation::ALL.to_vec()),
        ..ImagingSettings::default()
    };
    let mut found = features(&volume, &mask, &settings).unwrap();
    found.retain(|feature| !WITHOUT_REFERENCE.contains(&feature.info.name.as_str()));
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/imaging_ibsi_digital_phantom.csv");
    let mut golden = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
    let rows: Vec<(String, f64, f64)> = golden.deserialize().map(Result::unwrap).collect();
    let names: Vec<&str> = found.iter().map(|feature| feature.info.name.as_str()).collect();
    let golden_names: Vec<&str> = rows.iter().map(|row| row.0.as_str()).collect();
    assert_eq!(names, golden_names, "every feature has a reference value and the other way round");
    let mut outside = Vec::new();
    for (feature, (name, reference, tolerance)) in found.iter().zip(&rows) {
        let value = f64::from(feature.value.unwrap());
        if !within(value, *reference, *tolerance) {
            outside.push(format!("{name}: {value}, expected {reference} +- {tolerance}"));
        }
    }
    assert!(outside.is_empty(), "{outside:#?}");
}

#[test]
fn names_the_fault_of_a_region() {
    let (volume, mask) = phantom();
    let settings = ImagingSettings::default();
    let with = |count: usize| {
        let mut mask = mask.clone();
        mask.voxels.iter_mut().enumerate().for_each(|(index, inside)| *inside = index < count);
        features(&volume, &mask, &settings).unwrap_err().to_string()
    };
    assert!(with(0).starts_with("the mask is empty"), "{}", with(0));
    assert!(with(1).starts_with("the mask holds one voxel only"), "{}", with(1));
    let mut elsewhere = mask.clone();
    elsewhere.geometry.origin_mm[2] = 2.0;
    let error = features(&volume, &elsewhere, &settings).unwrap_err().to_string();
    assert!(error.contains("from (0.0000, 0.0000, 2.0000) mm"), "{error}");
    let mut broken = volume.clone();
    broken.voxels[[2, 1, 0]] = f32::NAN;
    let error = features(&broken, &mask, &settings).unwrap_err().to_string();
    assert_eq!(error, "voxel (0, 1, 2) of the region is not a finite number");
}

#[test]
fn what_is_undefined_is_missing() {
    let (mut volume, mask) = phantom();
    volume.voxels.fill(7.0);
    let value = |volume: &Volume, mask: &Mask, name: &str| {
        let features = features(volume, mask, &ImagingSettings::default()).unwrap();
        features.iter().find(|feature| feature.info.name == name).unwrap().value
    };
    assert_eq!(value(&volume, &mask, "stat_skew"), Some(0.0));
    assert_eq!(value(&volume, &mask, "cm_joint_max_3d_comb"), Some(1.0));
    assert_eq!(value(&volume, &mask, "cm_corr_3d_comb"), None);
    assert_eq!(value(&volume, &mask, "cm_info_corr1_3d_comb"), None);
    // Two voxels that do not touch have no pair.
    let mut apart = mask;
    apart.voxels.fill(false);
    apart.voxels[[0, 0, 0]] = true;
    apart.voxels[[3, 3, 4]] = true;
    assert_eq!(value(&volume, &apart, "cm_energy_3d_comb"), None);
    assert_eq!(value(&volume, &apart, "morph_vol_approx"), Some(16.0));
}

/// Whether a voxel (z, y, x) is inside.
type Inside = Box<dyn Fn([usize; 3]) -> bool>;

/// Regions so small that most features have nothing to measure: none may panic, and what is
/// measured is finite.
#[test]
fn small_regions_are_measured_as_far_as_they_go() {
    let (volume, whole) = phantom();
    let line = |axis: usize| {
        move |[z, y, x]: [usize; 3]| {
            let others = [x, y, z].into_iter().enumerate().filter(|&(other, _)| other != axis);
            others.map(|(_, position)| position).sum::<usize>() == 0
        }
    };
    let regions: [(&str, Inside); 6] = [
        ("two neighbors", Box::new(|[z, y, x]| z == 1 && y == 1 && x < 2)),
        ("two far corners", Box::new(|position| position == [0; 3] || position == [3, 3, 4])),
        ("a line along x", Box::new(line(0))),
        ("a line along z", Box::new(line(2))),
        ("a slice", Box::new(|[z, _, _]| z == 3)),
        ("everything", Box::new(|_| true)),
    ];
    for (case, inside) in regions {
        let mut mask = whole.clone();
        mask.voxels.indexed_iter_mut().for_each(|((z, y, x), cell)| *cell = inside([z, y, x]));
        for (standard, count) in [(Standard::Ibsi, 487), (Standard::Pyradiomics, 107)] {
            for resegment_min in [None, Some(6.0)] {
                let settings = ImagingSettings {
                    standard,
                    resegment_min,
                    aggregation: Some(Aggregation::ALL.to_vec()),
                    ..ImagingSettings::default()
                };
                match features(&volume, &mask, &settings) {
                    Ok(found) => {
                        assert_eq!(found.len(), count, "{case}");
                        let volume = found.iter().find(|f| f.info.name.ends_with("olume"));
                        assert!(volume.unwrap().value.unwrap() > 0.0, "{case}");
                    }
                    Err(error) => {
                        assert!(matches!(error, Error::EmptyIntensityMask), "{case}: {error}");
                    }
                }
            }
        }
    }
}

/// A ball of radius 30 mm: the mesh must come close to the formulas, and a big region stay quick.
#[test]
fn a_ball_is_measured_as_a_ball() {
    let side = 131;
    let radius = 30.0;
    let geometry = geometry([side; 3], 0.5);
    let center = 32.5;
    let inside: Vec<bool> = (0..side * side * side)
        .map(|index| {
            let position = [index % side, index / side % side, index / side / side];
            let squared: f64 = position.iter().map(|&p| (p as f64 * 0.5 - center).powi(2)).sum();
            squared <= radius * radius
        })
        .collect();
    let (volume, mask) = pair(geometry, vec![1.0; side * side * side], inside);
    let started = Instant::now();
    let region = Region::new(&volume, &mask, &mask).unwrap();
    let features = morphology::features(&region, &region, "HU");
    println!("{} voxels in {:?}", mask.count(), started.elapsed());
    let relative = |name: &str, expected: f64| {
        let feature = features.iter().find(|feature| feature.info.name == name).unwrap();
        (f64::from(feature.value.unwrap()) / expected - 1.0).abs()
    };
    let pi = std::f64::consts::PI;
    assert!(relative("morph_volume", 4.0 / 3.0 * pi * radius.powi(3)) < 0.001);
    // A surface of cut cubes is rougher than a sphere: its area stays several percent too large.
    assert!(relative("morph_area_mesh", 4.0 * pi * radius.powi(2)) < 0.1);
    assert!(relative("morph_diam", 2.0 * radius) < 0.01);
    // A ball's standard deviation along an axis is its radius over the square root of 5.
    assert!(relative("morph_pca_maj_axis", 4.0 * radius / 5.0_f64.sqrt()) < 0.001);
    assert!(relative("morph_pca_flatness", 1.0) < 0.001);
}
