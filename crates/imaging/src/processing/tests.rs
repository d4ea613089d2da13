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

fn prepared(
    intensities: &[f32],
    inside: impl Fn(usize) -> bool,
    text: &str,
) -> Result<Vec<f32>, String> {
    let (volume, mask) = row(1.0, intensities, inside);
    let settings: ImagingSettings = toml::from_str(text).unwrap();
    let prepared = prepare_image(&volume, &mask, &settings).map_err(|error| error.to_string())?;
    Ok(prepared.voxels.iter().copied().collect())
}

#[test]
fn windows_and_normalizes_as_told() {
    let intensities = [0.0, 0.0, 0.0, 0.0, 10.0, 20.0, 30.0, 40.0, f32::NAN];
    for (text, expected) in [
        ("window = [5, 25]", [5.0, 5.0, 5.0, 5.0, 10.0, 20.0, 25.0, 25.0]),
        // Over the region 10, 20 and 30: their mean is 20, their sample deviation 10.
        (
            "normalize = { method = 'z_score', over = 'mask' }",
            [-2.0, -2.0, -2.0, -2.0, -1.0, 0.0, 1.0, 2.0],
        ),
        (
            "normalize = { method = 'z_score', over = 'mask', scale = 100, clip_sigma = 1.5 }",
            [-150.0, -150.0, -150.0, -150.0, -100.0, 0.0, 100.0, 150.0],
        ),
        // Foreground is above Otsu's threshold, which lies between 10 and 20.
        (
            "normalize = { method = 'percentile', low = 0, high = 100 }",
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0],
        ),
        (
            "normalize = { method = 'percentile', low = 0, high = 50, over = 'mask' }",
            [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0],
        ),
        (
            "normalize = { method = 'landmarks', percentiles = [0, 50, 100], intensities = [1, 2, 4], over = 'mask' }",
            [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 4.0, 6.0],
        ),
        // The window comes first, wherever it is written.
        (
            "normalize = { method = 'percentile', low = 0, high = 100, over = 'image' }\nwindow = [10, 20]",
            [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0],
        ),
    ] {
        let found = prepared(&intensities, |x| (4..7).contains(&x), text).unwrap();
        for (value, expected) in found.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-5, "{text}: {found:?}");
        }
        assert!(found[8].is_nan(), "{text}: what is no number stays none");
    }
}

#[test]
fn a_step_that_intensities_do_not_allow_is_named() {
    for (case, intensities, text, start) in [
        ("constant", [5.0; 6], "normalize = { method = 'z_score', over = 'image' }", "normalize: "),
        ("constant", [5.0; 6], "normalize = { method = 'percentile' }", "normalize: "),
        ("no number", [f32::NAN; 6], "normalize = { method = 'z_score' }", "normalize: "),
        (
            "equal percentiles",
            [0.0, 0.0, 0.0, 0.0, 0.0, 9.0],
            "normalize = { method = 'percentile', low = 1, high = 50, over = 'image' }",
            "normalize: ",
        ),
        ("constant", [5.0; 6], "bias_field = {}", "bias_field: "),
        (
            "not positive",
            [-1.0, -2.0, -3.0, -1.0, 0.0, 0.0],
            "bias_field = { shrink = 1 }",
            "bias_field: ",
        ),
    ] {
        let error = prepared(&intensities, |_| true, text).unwrap_err();
        assert!(error.starts_with(start), "{case}, {text}: {error}");
    }
}

#[test]
fn thin_images_are_denoised_and_corrected() {
    let ramp: Vec<f32> = (1..=9_u8).map(f32::from).collect();
    for text in [
        "denoise = { method = 'gaussian', sigma_mm = 50.0 }",
        "denoise = { method = 'median', radius = [10, 10, 10] }",
        "denoise = { method = 'curvature' }",
        "bias_field = { shrink = 1 }",
    ] {
        let found = prepared(&ramp, |_| true, text).unwrap();
        assert!(found.iter().all(|value| value.is_finite() && *value > 0.0), "{text}: {found:?}");
    }
    // The median of a box is one of its values: a lone peak goes.
    let found = prepared(&[1.0, 1.0, 9.0, 1.0, 2.0], |_| true, "denoise = { method = 'median' }");
    assert_eq!(found.unwrap(), [1.0, 1.0, 1.0, 2.0, 2.0]);
}

/// A ball with a bright core off its middle, and a mask of the core.
fn ball(center_mm: [f64; 3]) -> (Volume, Mask) {
    let geometry = Geometry {
        size: [40, 40, 20],
        spacing_mm: [1.0, 1.0, 2.0],
        origin_mm: [0.0; 3],
        direction: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    };
    let distance = |(z, y, x): (usize, usize, usize), from: [f64; 3]| {
        let position = geometry.position_mm([x, y, z].map(|index| index as f64));
        crate::vector::norm(crate::vector::subtract(position, from))
    };
    let core_mm = crate::vector::add(center_mm, [4.0, -3.0, 2.0]);
    let edge = |distance: f64, radius: f64| 1.0 / (1.0 + ((distance - radius) / 0.8).exp());
    let intensity = |index| {
        100.0 * edge(distance(index, center_mm), 12.0) + 80.0 * edge(distance(index, core_mm), 4.0)
    };
    #[expect(clippy::cast_possible_truncation, reason = "intensities are stored as float32")]
    let voxels = Array3::from_shape_fn(geometry.shape(), |index| intensity(index) as f32);
    let volume = Volume {
        voxels,
        geometry,
        modality: "MR".to_owned(),
        unit: String::new(),
        frame_of_reference: Some("1.2.3".to_owned()),
    };
    let voxels = Array3::from_shape_fn(geometry.shape(), |index| distance(index, core_mm) < 4.0);
    (volume, Mask { voxels, geometry })
}

#[test]
fn an_image_and_its_mask_come_onto_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reference.nii");
    let (reference, expected) = ball([20.0, 19.0, 19.0]);
    // NIfTI counts x first, and its x and y run the other way.
    let voxels = reference.voxels.clone().permuted_axes([2, 1, 0]);
    let header = nifti::NiftiHeader {
        sform_code: 1,
        srow_x: [-1.0, 0.0, 0.0, 0.0],
        srow_y: [0.0, -1.0, 0.0, 0.0],
        srow_z: [0.0, 0.0, 2.0, 0.0],
        ..nifti::NiftiHeader::default()
    };
    let writer = nifti::writer::WriterOptions::new(&path).reference_header(&header);
    writer.write_nifti(&voxels).unwrap();

    let (volume, mask) = ball([24.0, 17.0, 17.0]);
    let settings = ImagingSettings {
        register: Some(crate::Register::new(path.clone(), crate::TransformKind::Rigid)),
        ..ImagingSettings::default()
    };
    let processed = process_image(&volume, &mask, &settings).unwrap();
    // The next patient's settings find it read.
    fs_err::remove_file(path).unwrap();
    let again = process_image(&volume, &mask, &settings.clone()).unwrap();
    assert_eq!(again.volume.voxels, processed.volume.voxels);
    assert_eq!(processed.volume.geometry.size, [40, 40, 20]);
    assert_eq!(processed.volume.frame_of_reference, None);
    let differing = processed.morphological_mask.voxels.iter().zip(&expected.voxels);
    let differing = differing.filter(|(a, b)| a != b).count();
    assert!(differing * 10 < expected.count(), "{differing} of {}", expected.count());

    let missing = folder.path().join("missing.nii");
    let settings = ImagingSettings {
        register: Some(crate::Register::new(missing, crate::TransformKind::Rigid)),
        ..ImagingSettings::default()
    };
    let error = process_image(&volume, &mask, &settings).unwrap_err().to_string();
    assert!(error.contains("missing.nii"), "{error}");
}

#[test]
fn images_that_do_not_differ_cannot_be_registered() {
    let (reference, _) = ball([20.0, 19.0, 19.0]);
    let mut flat = reference.clone();
    flat.voxels.fill(3.0);
    let settings = crate::Register::new("reference.nii".into(), crate::TransformKind::Affine);
    let error = crate::register(&reference, &flat, &settings).unwrap_err().to_string();
    assert!(error.starts_with("register: expected different intensities"), "{error}");
}
