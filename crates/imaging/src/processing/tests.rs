use ndarray::Array3;

use super::interpolate::{Points, along};
use super::*;
use crate::{Filter, Geometry, Interpolation};

/// A row of voxels along x, all of one intensity rule, with a mask by position.
fn row(spacing_mm: f64, intensities: &[f32], inside: impl Fn(usize) -> bool) -> (Volume, Mask) {
    let geometry = Geometry {
        size: [intensities.len(), 1, 1],
        spacing_mm: [spacing_mm, 1.0, 1.0],
        origin_mm: [0.0; 3],
        direction: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    };
    let volume = Volume {
        voxels: Array3::from_shape_vec(geometry.shape(), intensities.to_vec()).unwrap(),
        geometry,
        modality: "CT".to_owned(),
        unit: "HU".to_owned(),
        frame_of_reference: None,
    };
    let voxels = Array3::from_shape_fn(geometry.shape(), |(_, _, x)| inside(x));
    (volume, Mask { voxels, geometry })
}

fn resampling(spacing_mm: f64) -> ImagingSettings {
    ImagingSettings { resample_mm: Some(vec![spacing_mm, 1.0]), ..ImagingSettings::default() }
}

#[test]
fn grids_share_their_center() {
    // Five voxels of 2 mm become ceil(10 / 4) = 3 of 4 mm, centered at 4 mm: 0, 4 and 8 mm.
    let (volume, mask) = row(2.0, &[0.0, 10.0, 20.0, 30.0, 40.0], |_| true);
    let processed = process_image(&volume, &mask, &resampling(4.0)).unwrap();
    assert_eq!(processed.volume.geometry.size, [3, 1, 1]);
    assert!(processed.volume.geometry.origin_mm[0].abs() < 1e-12);
    assert_eq!(processed.volume.voxels.as_slice().unwrap(), &[0.0, 20.0, 40.0]);
    // And ceil(10 / 3) = 4 of 3 mm: -0.5, 2.5, 5.5 and 8.5 mm; beyond the ends the last value.
    let processed = process_image(&volume, &mask, &resampling(3.0)).unwrap();
    assert!((processed.volume.geometry.origin_mm[0] + 0.5).abs() < 1e-12);
    assert_eq!(processed.volume.voxels.as_slice().unwrap(), &[0.0, 12.5, 27.5, 40.0]);
}

#[test]
fn a_voxel_half_covered_is_inside() {
    // Voxels of 2 mm at 0, 2, 4 and 6; of 4 mm at 1 and 5: both half way between two.
    let (volume, mask) = row(2.0, &[0.0; 4], |x| x >= 1);
    let processed = process_image(&volume, &mask, &resampling(4.0)).unwrap();
    assert_eq!(processed.morphological_mask.voxels.as_slice().unwrap(), &[true, true]);
    let strict = ImagingSettings { mask_threshold: Some(0.6), ..resampling(1.0) };
    let processed = process_image(&volume, &mask, &strict).unwrap();
    // Voxels of 1 mm at -0.5, 0.5, 1.5, ...: a quarter, three quarters, then all.
    assert_eq!(
        processed.morphological_mask.voxels.as_slice().unwrap(),
        &[false, false, true, true, true, true, true, true]
    );
}

#[test]
fn only_the_surroundings_of_the_region_are_resampled() {
    let (volume, mask) = row(1.0, &[1.0; 200], |x| (90..110).contains(&x));
    let processed = process_image(&volume, &mask, &resampling(2.0)).unwrap();
    let geometry = processed.volume.geometry;
    assert!(geometry.size[0] < 25, "{geometry}");
    assert_eq!(processed.morphological_mask.count(), 10);
    let first = processed.morphological_mask.voxels.iter().position(|&inside| inside).unwrap();
    assert!((geometry.position_mm([first as f64, 0.0, 0.0])[0] - 90.5).abs() < 1e-9);
}

#[test]
fn rounding_follows_interpolation() {
    let (volume, mask) = row(2.0, &[0.0, 10.0, 25.0, 30.0], |_| true);
    let settings = ImagingSettings { round_intensities: true, ..resampling(4.0) };
    let processed = process_image(&volume, &mask, &settings).unwrap();
    assert_eq!(processed.volume.voxels.as_slice().unwrap(), &[5.0, 28.0]);
}

/// `scipy.ndimage.map_coordinates(order=3, mode="nearest")` of scipy 1.17.1 gave the figures.
#[test]
fn cubic_splines_are_those_of_scipy() {
    let values = [1.0, 4.0, 2.0, 8.0, 5.0, 7.0];
    let points = Points { first: -0.25, step: 0.9, count: 7 };
    let expected = [
        0.608_167_98,
        3.439_193_18,
        2.432_074_83,
        4.682_056_02,
        7.597_988_68,
        4.964_341_70,
        7.236_631_62,
    ];
    for (axis, size) in [[6, 1, 1], [1, 6, 1], [1, 1, 6]].into_iter().enumerate() {
        let found = along(&values, size, axis, points, Interpolation::Cubic);
        for (&value, expected) in found.iter().zip(expected) {
            assert!((f64::from(value) - expected).abs() < 2e-6, "axis {axis}: {found:?}");
        }
    }
}

#[test]
fn splines_go_through_every_voxel_along_every_axis() {
    // Wider than a panel, so that there are several.
    let size = [700, 4, 3];
    let values: Vec<f32> =
        (0..8400_u32).map(|index| f32::from(u8::try_from(index * index % 17).unwrap())).collect();
    for axis in 0..3 {
        let points = Points { first: 0.0, step: 1.0, count: size[axis] };
        let found = along(&values, size, axis, points, Interpolation::Cubic);
        for (value, expected) in found.iter().zip(&values) {
            assert!((value - expected).abs() < 1e-5, "axis {axis}");
        }
    }
}

#[test]
fn resegments_by_range_and_by_outliers() {
    let intensities: Vec<f32> =
        (0..30).map(|x: u8| if x == 29 { 1000.0 } else { f32::from(x % 3) }).collect();
    let (volume, mask) = row(1.0, &intensities, |_| true);
    let count = |settings: &ImagingSettings| {
        process_image(&volume, &mask, settings).map(|processed| {
            assert_eq!(processed.morphological_mask.count(), 30);
            processed.intensity_mask.count()
        })
    };
    let settings = ImagingSettings::default;
    assert_eq!(count(&settings()).unwrap(), 30);
    let range = ImagingSettings { resegment_min: Some(1.0), ..settings() };
    assert_eq!(count(&range).unwrap(), 20);
    let range = ImagingSettings { resegment_max: Some(1.5), ..range };
    assert_eq!(count(&range).unwrap(), 10);
    let outliers = ImagingSettings { outlier_sigma: Some(3.0), ..settings() };
    assert_eq!(count(&outliers).unwrap(), 29);
    let empty = ImagingSettings { resegment_min: Some(2000.0), ..settings() };
    let error = count(&empty).unwrap_err().to_string();
    assert!(error.starts_with("re-segmentation left no voxel"), "{error}");
}

#[test]
fn a_voxel_larger_than_the_image_is_its_center() {
    let (volume, mask) = row(1.0, &[2.0, 4.0, 6.0, 8.0], |_| true);
    for spacing_mm in [4.0, 1e3, 1e300] {
        for interpolation in [Interpolation::Linear, Interpolation::Cubic] {
            let settings = ImagingSettings {
                resample_mm: Some(vec![spacing_mm, 1.0]),
                interpolation,
                ..ImagingSettings::default()
            };
            let error = process_image(&volume, &mask, &settings).unwrap_err().to_string();
            assert!(error.starts_with("the mask holds one voxel"), "{spacing_mm}: {error}");
        }
    }
}

#[test]
fn refuses_a_grid_that_no_memory_holds() {
    let (volume, mask) = row(1.0, &[0.0; 4], |_| true);
    let error = process_image(&volume, &mask, &resampling(1e-12)).unwrap_err().to_string();
    assert!(error.starts_with("imaging setting resample_mm gives"), "{error}");
}

#[test]
fn filters_reach_beyond_the_resampled_region() {
    // A ramp: its mean is itself where no edge is near, wherever the image was cut out.
    let ramp: Vec<f32> = (0..200_u8).map(f32::from).collect();
    let (volume, mask) = row(1.0, &ramp, |x| (90..110).contains(&x));
    let mean = ImagingSettings {
        filter: Some(Filter::Mean { support: 21 }),
        ..ImagingSettings::default()
    };
    for settings in [mean.clone(), ImagingSettings { resample_mm: Some(vec![0.5, 1.0]), ..mean }] {
        let processed = process_image(&volume, &mask, &settings).unwrap();
        let voxels = processed.volume.voxels.iter().zip(&processed.morphological_mask.voxels);
        for ((x, (&value, _)), step) in
            voxels.enumerate().filter(|(_, (_, inside))| **inside).zip(0_u8..)
        {
            let position = processed.volume.geometry.position_mm([x as f64, 0.0, 0.0])[0];
            assert!((f64::from(value) - position).abs() < 1e-4, "{step}: {value} at {position}");
        }
    }
}

#[test]
fn filters_name_the_field_that_is_out_of_range() {
    let laws = |kernels: &str| Filter::Laws {
        kernels: kernels.to_owned(),
        rotation_invariant: false,
        energy_distance: None,
    };
    let log = |sigma_mm, cutoff| Filter::LaplacianOfGaussian { sigma_mm, cutoff };
    for (filter, in_slices, field) in [
        (Filter::Mean { support: 4 }, false, "support"),
        (log(0.0, None), false, "sigma_mm"),
        (log(f64::NAN, None), false, "sigma_mm"),
        (log(1.0, Some(-1.0)), false, "cutoff"),
        (laws("L5E5"), false, "kernels"),
        (laws("L5E5E5"), true, "kernels"),
        (laws("L5X5E5"), false, "kernels"),
        (laws("L5é5E"), false, "kernels"),
        (laws(""), false, "kernels"),
    ] {
        let settings = ImagingSettings {
            filter: Some(filter),
            filter_in_slices: in_slices,
            ..ImagingSettings::default()
        };
        let error = settings.binning().unwrap_err().to_string();
        assert!(error.starts_with(&format!("imaging setting filter {field} ")), "{error}");
    }
}
