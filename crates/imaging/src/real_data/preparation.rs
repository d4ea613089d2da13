//! The steps of preparation against SimpleITK on pyradiomics' `brain1` (a magnetic resonance image
//! of 256 x 256 x 25 voxels) and on the IBSI's CT phantom; `tests/golden/imaging_preparation.py` made
//! the figures.

use super::*;
use crate::vector;

fn brain1() -> Option<Volume> {
    let (geometry, intensities) = read_nrrd(&imaging("pyradiomics")?.join("brain1_image.nrrd"));
    Some(Volume {
        voxels: Array3::from_shape_vec(geometry.shape(), intensities).unwrap(),
        geometry,
        modality: "MR".to_owned(),
        unit: String::new(),
        frame_of_reference: None,
    })
}

fn golden<T: serde::de::DeserializeOwned>(file: &str) -> Vec<T> {
    let path = format!("{}/../../tests/golden/{file}", env!("CARGO_MANIFEST_DIR"));
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// The greatest difference from SimpleITK at the sampled voxels, as a share of the image's range.
fn greatest_difference(case: &str, found: &Volume) -> f64 {
    let rows: Vec<(String, usize, usize, usize, f64)> = golden("imaging_preparation.csv");
    let rows: Vec<_> = rows.into_iter().filter(|row| row.0 == case).collect();
    assert_eq!(rows.len(), 60, "{case}");
    let (low, high) = found
        .voxels
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |ends, &v| (ends.0.min(v), ends.1.max(v)));
    let differences =
        rows.iter().map(|&(_, x, y, z, expected)| f64::from(found.voxels[[z, y, x]]) - expected);
    differences.map(f64::abs).fold(0.0, f64::max) / f64::from(high - low)
}

fn everything(volume: &Volume) -> Mask {
    Mask { voxels: volume.voxels.mapv(|_| true), geometry: volume.geometry }
}

fn prepared(volume: &Volume, settings: &str) -> Volume {
    let settings: ImagingSettings = toml::from_str(settings).unwrap();
    prepare_image(volume, &everything(volume), &settings).unwrap().into_owned()
}

#[test]
fn resampling_is_that_of_simpleitk() {
    let (Some(brain), Some(ibsi)) = (brain1(), ibsi()) else { return };
    let phantom =
        read_nifti(&ibsi.join("ibsi_1_ct_radiomics_phantom/nifti/image/phantom.nii.gz")).unwrap();
    for (image, name, spacing) in [(&brain, "brain1", 1.0), (&phantom, "phantom", 2.0)] {
        for (interpolation, method, tolerance) in [
            (Interpolation::Nearest, "nearest", 0.0),
            (Interpolation::Linear, "linear", 1e-6),
            (Interpolation::Cubic, "cubic", 1e-3),
        ] {
            let found = resample_image(image, &[spacing; 3], interpolation).unwrap();
            let difference = greatest_difference(&format!("{name}_{method}"), &found);
            assert!(difference <= tolerance, "{name} {method}: {difference}");
            if interpolation == Interpolation::Nearest {
                // Half way between two centers the general way may take the other.
                continue;
            }
            let moved = resample_onto(image, &found.geometry, &Transform::IDENTITY, interpolation);
            let difference = greatest_difference(&format!("{name}_{method}"), &moved);
            assert!(difference <= tolerance, "{name} {method} onto: {difference}");
        }
    }
}

#[test]
fn denoising_and_normalization_are_those_of_simpleitk() {
    let Some(brain) = brain1() else { return };
    for (case, settings, tolerance) in [
        ("gaussian", "denoise = { method = 'gaussian', sigma_mm = 1.5 }", 1e-6),
        ("median", "denoise = { method = 'median' }", 0.0),
        ("median_in_slices", "denoise = { method = 'median', radius = [2, 2, 0] }", 0.0),
        ("curvature", "denoise = { method = 'curvature', time_step = 0.04 }", 1e-5),
        ("z_score", "normalize = { method = 'z_score', over = 'image' }", 1e-6),
        ("percentile", "normalize = { method = 'percentile', over = 'image' }", 1e-6),
    ] {
        let difference = greatest_difference(case, &prepared(&brain, settings));
        assert!(difference <= tolerance, "{case}: {difference}");
    }
}

/// Pearson's correlation of sampled voxels and the greatest difference of the logarithms.
#[test]
fn the_bias_field_is_that_of_simpleitk() {
    let Some(brain) = brain1() else { return };
    let rows: Vec<(String, usize, usize, usize, f64)> = golden("imaging_preparation.csv");
    let threshold = rows.iter().find(|row| row.0 == "otsu").unwrap().4;
    let found = otsu_threshold(brain.voxels.as_slice().unwrap()).unwrap();
    assert!((found - threshold).abs() < 0.1, "{found} {threshold}");

    let mask = everything(&brain);
    let field = log_bias_field(&brain, &mask, &BiasField::default()).unwrap();
    let [width, height, _] = brain.geometry.size;
    let values = field.values(brain.geometry.size);
    let pairs: Vec<(f64, f64)> = rows
        .iter()
        .filter(|row| row.0 == "log_bias_field")
        .map(|&(_, x, y, z, expected)| (f64::from(values[(z * height + y) * width + x]), expected))
        .collect();
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / 60.0;
    let (ours, theirs) = (mean(&|pair| pair.0), mean(&|pair| pair.1));
    let covariance = mean(&|pair| (pair.0 - ours) * (pair.1 - theirs));
    let variances = mean(&|pair| (pair.0 - ours).powi(2)) * mean(&|pair| (pair.1 - theirs).powi(2));
    let correlation = covariance / variances.sqrt();
    assert!(correlation > 0.9999, "{correlation}");
    let difference = pairs.iter().map(|pair| (pair.0 - pair.1).abs()).fold(0.0, f64::max);
    assert!(difference < 2e-3, "{difference}");

    let corrected = prepared(&brain, "bias_field = {}");
    let ratio = brain.voxels[[12, 128, 128]] / corrected.voxels[[12, 128, 128]];
    assert!((ratio.ln() - values[(12 * height + 128) * width + 128]).abs() < 1e-6);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let Some(brain) = brain1() else { return };
    let on = |threads: usize, settings: &str| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| prepared(&brain, settings))
    };
    for settings in [
        "bias_field = { iterations = [10, 10] }",
        "denoise = { method = 'gaussian', sigma_mm = 2.0 }",
        "denoise = { method = 'curvature', iterations = 2, time_step = 0.04 }",
        "normalize = { method = 'z_score' }",
        "normalize = { method = 'percentile' }",
    ] {
        assert!(on(1, settings).voxels == on(3, settings).voxels, "{settings}");
    }
    let known = Transform::rigid([0.05, 0.0, 0.1], [4.0, -3.0, 2.0], [0.0; 3]);
    let register_on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let settings = Register {
            pyramid: vec![4],
            samples: 10_000,
            ..Register::new("brain1".into(), TransformKind::Rigid)
        };
        pool.install(|| {
            let cubic = Interpolation::Cubic;
            let moving = resample_onto(&brain, &brain.geometry, &known, cubic);
            (register(&brain, &moving, &settings).unwrap(), moving.voxels)
        })
    };
    assert!(register_on(1) == register_on(3));
}

/// The corners of a box inside the head, as SimpleITK's registration moved them.
type Corners = Vec<([f64; 3], [f64; 3])>;

fn corners(kind: &str) -> Corners {
    let rows: Vec<(String, [f64; 3], [f64; 3])> = golden("imaging_registration.csv");
    rows.into_iter().filter(|row| row.0 == kind).map(|row| (row.1, row.2)).collect()
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    vector::norm(vector::subtract(a, b))
}

/// Half a voxel of `brain1` in its slices is 0.39 mm.
#[test]
fn registration_recovers_known_transforms() {
    let Some(brain) = brain1() else { return };
    let center_mm =
        brain.geometry.position_mm(brain.geometry.size.map(|length| (length - 1) as f64 / 2.0));
    let rigid = |angles, translation_mm| Transform::rigid(angles, translation_mm, center_mm);
    let affine = |linear, translation_mm| Transform { linear, translation_mm, center_mm };
    let cases = [
        ("rigid", TransformKind::Rigid, rigid([0.06, -0.04, 0.12], [7.0, -9.0, 5.0])),
        ("", TransformKind::Rigid, rigid([-0.09, 0.08, -0.15], [-12.0, 4.0, -8.0])),
        (
            "affine",
            TransformKind::Affine,
            affine(
                [[1.05, 0.06, 0.02], [-0.08, 0.96, -0.03], [0.01, 0.04, 1.03]],
                [-6.0, 8.0, 4.0],
            ),
        ),
        (
            "",
            TransformKind::Affine,
            affine(
                [[0.97, -0.1, 0.05], [0.12, 1.04, 0.02], [-0.04, 0.03, 0.95]],
                [10.0, 3.0, -5.0],
            ),
        ),
    ];
    for (golden, kind, known) in cases {
        // The moving image has at a position what the fixed one has where `known` takes it.
        let moving = resample_onto(&brain, &brain.geometry, &known, Interpolation::Cubic);
        let found = register(&brain, &moving, &Register::new("brain1".into(), kind)).unwrap();
        for (position, _) in corners("rigid") {
            let error = distance(known.apply(found.apply(position)), position);
            assert!(error < 0.39, "{known}: {error} mm at {position:?}");
        }
        for (position, theirs) in corners(golden) {
            let difference = distance(found.apply(position), theirs);
            assert!(difference < 0.39, "{known}: {difference} mm from SimpleITK");
        }
    }
}
