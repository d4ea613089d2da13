use ndarray::Array3;

use super::*;
use crate::{Filter, Geometry, ImageChoice, ImagingSettings, Standard, features};

fn read(text: &str) -> Result<PyradiomicsParameters, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("params.yaml");
    fs_err::write(&path, text).unwrap();
    PyradiomicsParameters::read(&path)
        .map_err(|error| error.to_string().replace(&format!("{}: ", path.display()), ""))
}

#[test]
fn what_a_parameter_file_may_not_say_is_named() {
    for (text, expected) in [
        ("setting: {binWidth: 0}", "setting: binWidth must be a positive number, found 0"),
        ("setting: {binwidth: 5}", "binwidth"),
        ("setting: {distances: [1, 2]}", "setting: distances other than [1] are not offered"),
        ("setting: {symmetricalGLCM: false}", "setting: symmetricalGLCM: false is not offered"),
        ("setting: {interpolator: sitkGaussian}", "sitkGaussian"),
        ("setting: {resampledPixelSpacing: [1, 1]}", "setting: resampledPixelSpacing must be"),
        ("setting: {resegmentRange: []}", "setting: resegmentRange must be one or two numbers"),
        ("setting: {force2Ddimension: 3}", "setting: force2Ddimension must be 0, 1 or 2"),
        ("setting: {wavelet: coif99}", "setting: wavelet must be a discrete wavelet"),
        ("setting: {label: 0}", "setting: label must be 1 or more"),
        ("voxelSetting: {kernelRadius: 1}", "voxelSetting asks for maps"),
        ("imageType: {LoG: {}}", "imageType LoG needs sigma"),
        ("imageType: {LBP2D: {}}", "imageType LBP2D: local binary patterns are not offered"),
        ("imageType: {Wavelets: {}}", "imageType Wavelets is none of pyradiomics 3.0.1"),
        ("featureClass: {shape2D: }", "featureClass shape2D is not offered"),
        ("featureClass: {glmc: }", "featureClass glmc is none of pyradiomics 3.0.1"),
        ("featureClass: {glcm: [Contrasts]}", "featureClass glcm has no feature Contrasts"),
        ("inputImage: {}", "inputImage"),
        ("setting: {label: 1, label: 2}", "label"),
        ("[", ""),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn an_empty_file_and_empty_sections_are_the_defaults() {
    for text in ["", "# nothing\n", "{}", "setting:\nimageType:\nfeatureClass:\n"] {
        let parameters = read(text).unwrap();
        let names: Vec<String> =
            parameters.images().into_iter().map(|(image, _)| image.name).collect();
        assert_eq!(names, ["original"], "{text}");
        assert_eq!(parameters.features_of("ngtdm"), Some(&[][..]), "{text}");
        assert_eq!(parameters.label(), 1, "{text}");
    }
}

#[test]
fn images_have_the_names_of_pyradiomics() {
    let parameters = read(
        "imageType:\n  LoG: {sigma: [2, 2.0, 0.5]}\n  Wavelet: {level: 2, binWidth: 3}\n\
         setting: {binWidth: 7, force2D: true}\n",
    )
    .unwrap();
    let images = parameters.images();
    let names: Vec<&str> = images.iter().map(|(image, _)| image.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "log-sigma-2-mm-3D",
            "log-sigma-2-0-mm-3D",
            "log-sigma-0-5-mm-3D",
            "wavelet-LH",
            "wavelet-HL",
            "wavelet-HH",
            "wavelet2-LL",
            "wavelet2-LH",
            "wavelet2-HL",
            "wavelet2-HH",
        ]
    );
    let widths: Vec<Option<f64>> = images.iter().map(|(_, setting)| setting.bin_width).collect();
    assert_eq!((widths[0], widths[5]), (Some(7.0), Some(3.0)));
}

fn cube(size: [usize; 3], value: impl Fn([usize; 3]) -> f32) -> (Volume, Mask) {
    let geometry = Geometry {
        size,
        spacing_mm: [1.0, 1.5, 2.0],
        origin_mm: [0.0; 3],
        direction: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    };
    let voxels = Array3::from_shape_fn(geometry.shape(), |(z, y, x)| value([x, y, z]));
    let volume = Volume {
        voxels,
        geometry,
        modality: "CT".to_owned(),
        unit: "HU".to_owned(),
        frame_of_reference: None,
    };
    (volume, Mask { voxels: Array3::from_elem(geometry.shape(), true), geometry })
}

/// Every filter, by both standards.
fn all_filters() -> Vec<ImagingSettings> {
    let images: Vec<ImageChoice> = [
        "",
        "filter = { kind = 'mean', support = 3 }",
        "filter = { kind = 'laplacian_of_gaussian', sigma_mm = 2.0 }",
        "filter = { kind = 'laws', kernels = 'L5E5E5', rotation_invariant = true, energy_distance = 2 }",
        "filter = { kind = 'gabor', sigma_mm = 2.0, wavelength_mm = 3.0, angle_step_degrees = 45.0, orthogonal_planes = true }",
        "filter = { kind = 'wavelet', wavelet = 'db2', level = 2 }",
        "filter = { kind = 'nonseparable_wavelet', wavelet = 'simoncelli' }",
        "filter = { kind = 'square' }",
        "filter = { kind = 'square_root' }",
        "filter = { kind = 'logarithm' }",
        "filter = { kind = 'exponential' }",
        "filter = { kind = 'gradient' }\nbin_count = 16",
    ]
    .iter()
    .map(|text| toml::from_str(text).unwrap())
    .collect();
    let ibsi = ImagingSettings { images: Some(images.clone()), ..ImagingSettings::default() };
    let is_theirs = |image: &ImageChoice| {
        !matches!(
            image.filter,
            Some(
                Filter::Mean { .. }
                    | Filter::Laws { .. }
                    | Filter::Gabor { .. }
                    | Filter::NonseparableWavelet { .. }
                    | Filter::Wavelet { .. }
            )
        )
    };
    let mut theirs: Vec<ImageChoice> = images.into_iter().filter(is_theirs).collect();
    theirs.push(toml::from_str("filter = { kind = 'wavelet', wavelet = 'coif1' }").unwrap());
    let standard = Standard::Pyradiomics;
    vec![ibsi, ImagingSettings { standard, images: Some(theirs), ..ImagingSettings::default() }]
}

#[test]
fn degenerate_regions_have_all_names_and_no_value_that_is_no_number() {
    type Case = (&'static str, [usize; 3], fn([usize; 3]) -> f32, fn([usize; 3]) -> bool);
    let cases: [Case; 8] = [
        ("usual", [12, 10, 8], |[x, y, z]| ((x * 7 + y * 5 + z * 3) % 11) as f32, |_| true),
        ("flat", [12, 10, 8], |_| 40.0, |_| true),
        ("zero", [12, 10, 8], |_| 0.0, |_| true),
        ("two voxels", [12, 10, 8], |[x, ..]| x as f32, |p| p == [3, 3, 3] || p == [4, 3, 3]),
        ("two voxels apart", [12, 10, 8], |[x, ..]| x as f32, |p| p == [0; 3] || p == [11, 9, 7]),
        ("one slice", [12, 10, 1], |[x, y, _]| (x * y % 7) as f32, |_| true),
        ("one row", [12, 1, 1], |[x, ..]| x as f32, |_| true),
        (
            "no number outside the region",
            [12, 10, 8],
            |[x, y, _]| if x == 0 { f32::NAN } else { (x * y % 7) as f32 },
            |[x, ..]| x > 0,
        ),
    ];
    for settings in all_filters() {
        let mut names: Option<Vec<String>> = None;
        for (case, size, value, inside) in cases {
            let (volume, mut mask) = cube(size, value);
            for ((z, y, x), voxel) in mask.voxels.indexed_iter_mut() {
                *voxel = inside([x, y, z]);
            }
            let found = features(&volume, &mask, &settings).unwrap();
            assert!(found.iter().all(|feature| feature.value.is_none_or(f32::is_finite)), "{case}");
            let found: Vec<String> = found.into_iter().map(|feature| feature.info.name).collect();
            let mut unique = found.clone();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(unique.len(), found.len(), "{case}: names differ");
            assert_eq!(names.get_or_insert_with(|| found.clone()), &found, "{case}");
        }
    }
}

#[test]
fn no_number_inside_the_region_is_an_error_that_says_where() {
    for settings in all_filters() {
        let value =
            |[x, y, z]: [usize; 3]| if [x, y, z] == [2, 3, 4] { f32::NAN } else { x as f32 };
        let (volume, mask) = cube([12, 10, 8], value);
        let error = features(&volume, &mask, &settings).unwrap_err();
        assert!(matches!(error, Error::NotFinite { x: 2, y: 3, z: 4 }), "{error}");
    }
}

#[test]
fn regions_that_the_file_calls_too_small_are_named() {
    let (volume, mut mask) = cube([12, 10, 8], |[x, ..]| x as f32);
    mask.voxels.fill(false);
    for x in 2..6 {
        mask.voxels[[4, 4, x]] = true;
    }
    for (text, expected) in [
        ("", "the region is too small: found 1 dimension, expected at least 2"),
        ("setting: {minimumROIDimensions: 1}", ""),
        ("setting: {minimumROIDimensions: 1, minimumROISize: 4}", "found 4 voxels"),
        ("setting: {minimumROIDimensions: 1, resegmentRange: [100, 200]}", "re-segmentation left"),
    ] {
        let parameters = Some(read(text).unwrap());
        let settings = ImagingSettings { parameters, ..ImagingSettings::default() };
        match features(&volume, &mask, &settings) {
            Ok(found) => assert!(expected.is_empty() && found.len() == 107, "{text}"),
            Err(error) => {
                let error = error.to_string();
                assert!(!expected.is_empty() && error.contains(expected), "{text}: {error}");
            }
        }
    }
}

#[test]
fn a_shifted_mask_is_corrected_where_the_file_says_so() {
    let (volume, mut mask) = cube([12, 10, 8], |[x, y, z]| (x * 3 + y * z) as f32);
    mask.voxels.slice_mut(ndarray::s![.., .., ..3]).fill(false);
    let aligned = mask.clone();
    // The same voxels on a grid that begins a voxel later.
    mask.geometry.origin_mm[0] += 1.0;
    mask.geometry.size[0] -= 1;
    mask.voxels = aligned.voxels.slice(ndarray::s![.., .., 1..]).to_owned();
    let measured = |mask: &Mask, text: &str| {
        let parameters = Some(read(text).unwrap());
        features(&volume, mask, &ImagingSettings { parameters, ..ImagingSettings::default() })
    };
    assert!(matches!(measured(&mask, ""), Err(Error::GeometryMismatch { .. })));
    let corrected = measured(&mask, "setting: {correctMask: true}").unwrap();
    assert_eq!(corrected, measured(&aligned, "").unwrap());
    mask = aligned;
    mask.geometry.origin_mm[0] += 0.05;
    assert!(measured(&mask, "").is_ok());
    assert!(measured(&mask, "setting: {geometryTolerance: 0.01}").is_err());
    assert!(measured(&mask, "setting: {geometryTolerance: 0.1}").is_ok());
}
