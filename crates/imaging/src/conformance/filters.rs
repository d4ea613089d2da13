//! The IBSI's second chapter: response maps of synthetic images and the statistics of a filtered CT.

use super::*;

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

/// The IBSI-2's response maps: their name, the image, and the settings.
fn maps() -> Vec<(&'static str, &'static str, ImagingSettings)> {
    use Boundary::{Mirror, Nearest, Periodic, Zero};
    let mean = || Filter::Mean { support: 15 };
    let log = |sigma_mm| Filter::LaplacianOfGaussian { sigma_mm, cutoff: None };
    vec![
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
    ]
}

/// Adds a line for each map to the table and lists those that differ by more than 1 % of the range.
pub(super) fn compare_response_maps(folder: &Path, table: &mut String) -> Vec<String> {
    let mut outside = Vec::new();
    table.push_str(MAPS_HEAD);
    for (map, image, settings) in maps() {
        let path = format!("ibsi_2_digital_phantom/nifti/{image}/image/{image}.nii.gz");
        let volume = read_nifti(&folder.join(path)).unwrap();
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
        let passes = error <= 0.01 * (greatest - least);
        let verdict = if passes { "yes" } else { "**no**" };
        // To a hundredth of a percent, which no machine's rounding reaches.
        let percent = 100.0 * error / (greatest - least);
        writeln!(table, "| {map} | {image} | {percent:.2} % | {verdict} |").unwrap();
        if !passes {
            outside.push(format!("{map}: {error} of {}", greatest - least));
        }
    }
    outside
}

/// The CT phantom, filtered: a case for each of the identifiers of the statistics.
pub(super) fn cases() -> Vec<Case> {
    let log = Filter::LaplacianOfGaussian { sigma_mm: 1.5, cutoff: None };
    let mean = Filter::Mean { support: 5 };
    [
        ("1.A", "No filter, slices", None),
        ("1.B", "No filter, volume", None),
        ("2.A", "Mean, slices", Some(mean.clone())),
        ("2.B", "Mean, volume", Some(mean)),
        ("3.A", "Laplacian of Gaussian, slices", Some(log.clone())),
        ("3.B", "Laplacian of Gaussian, volume", Some(log)),
    ]
    .map(|(identifier, title, filter)| Case {
        title,
        reference: "ibsi_2_filters_1_to_3.csv",
        identifier: Some(identifier),
        image: PHANTOM[0],
        mask: PHANTOM[1],
        settings: ImagingSettings {
            resample_mm: identifier.ends_with('B').then(|| vec![1.0; 3]),
            interpolation: Interpolation::Cubic,
            round_intensities: true,
            resegment_min: Some(-1000.0),
            resegment_max: Some(400.0),
            filter,
            filter_in_slices: identifier.ends_with('A'),
            families: Some(vec![Family::Statistics]),
            ..ImagingSettings::default()
        },
    })
    .into()
}

const MAPS_HEAD: &str = "
## Response maps of filters

The reference response maps of the IBSI-2 (Whybra et al., Radiology 2024, 310:e231319; CC0): 1 mean,
2 Laplacian of Gaussian, 3 Laws kernels. The greatest difference over the map's range, 1 % of which
is the tolerance.

| map | image | greatest difference | within |
| --- | --- | ---: | --- |
";

/// Gabor filters and wavelets, for which the IBSI's maps are not at hand, by MIRP: an independent
/// program that meets the IBSI's reference maps. Its boundaries `constant` and `reflect` are ours zero
/// and mirror.
fn mirp_cases() -> Vec<(&'static str, &'static str, ImagingSettings)> {
    use Boundary::{Mirror, Nearest, Periodic, Zero};
    use NonseparableWavelet::{Shannon, Simoncelli};
    let gabor =
        |[sigma_mm, wavelength_mm, aspect]: [f64; 3], angle_degrees, step, planes| Filter::Gabor {
            sigma_mm,
            wavelength_mm,
            aspect_ratio: Some(aspect),
            angle_degrees,
            angle_step_degrees: step,
            orthogonal_planes: planes,
            pooling: None,
        };
    let wavelet = |name: &str, word: &str, level, rotation_invariant, pooling| Filter::Wavelet {
        wavelet: name.to_owned(),
        decomposition: Some(word.to_owned()),
        level: Some(level),
        rotation_invariant,
        pooling,
    };
    let band = |wavelet, level| Filter::NonseparableWavelet { wavelet, level: Some(level) };
    let narrow = [10.0, 4.0, 0.5];
    let ct = [5.0, 2.0, 1.5];
    vec![
        ("gabor_1", "impulse", filter(gabor(narrow, 60.0, None, false), false, Zero)),
        ("gabor_2", "impulse", filter(gabor(narrow, 0.0, Some(45.0), true), false, Zero)),
        ("gabor_3", "sphere", filter(gabor([20.0, 8.0, 2.5], 225.0, None, false), false, Mirror)),
        (
            "gabor_4",
            "pattern_1",
            filter(gabor([5.0, 8.0, 1.5], 0.0, Some(22.5), true), false, Nearest),
        ),
        ("db3", "impulse", filter(wavelet("db3", "LHL", 1, false, None), false, Zero)),
        ("db3_invariant", "impulse", filter(wavelet("db3", "LHL", 1, true, None), false, Zero)),
        ("coif1", "sphere", filter(wavelet("coif1", "HHL", 1, false, None), false, Periodic)),
        (
            "coif1_invariant",
            "sphere",
            filter(wavelet("coif1", "HHL", 1, true, None), false, Periodic),
        ),
        ("haar_2", "checkerboard", filter(wavelet("haar", "LLL", 2, true, None), false, Mirror)),
        (
            "haar_max",
            "pattern_1",
            filter(wavelet("haar", "HHL", 2, true, Some(Pooling::Max)), false, Mirror),
        ),
        ("db2_slices", "checkerboard", filter(wavelet("db2", "LH", 3, true, None), true, Mirror)),
        ("simoncelli_1", "checkerboard", filter(band(Simoncelli, 1), false, Periodic)),
        ("simoncelli_2", "sphere", filter(band(Simoncelli, 2), false, Periodic)),
        ("simoncelli_3", "pattern_1", filter(band(Simoncelli, 3), false, Periodic)),
        ("shannon_1", "sphere", filter(band(Shannon, 1), false, Periodic)),
        ("simoncelli_slices", "checkerboard", filter(band(Simoncelli, 1), true, Periodic)),
        ("gabor_slices", "ct", filter(gabor(ct, 0.0, Some(22.5), false), true, Mirror)),
        ("gabor_volume", "ct", filter(gabor(ct, 0.0, Some(22.5), true), false, Mirror)),
        ("db3_volume", "ct", filter(wavelet("db3", "LLH", 1, true, None), false, Mirror)),
        ("db3_slices", "ct", filter(wavelet("db3", "LH", 1, true, None), true, Mirror)),
        ("coif1_volume", "ct", filter(wavelet("coif1", "HHH", 2, true, None), false, Mirror)),
    ]
}

/// The golden file's lines of a case: where or what, and the value.
type Golden = BTreeMap<String, Vec<(String, f64)>>;

fn golden() -> Golden {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/imaging_filters.csv");
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
    let mut golden = Golden::new();
    for row in reader.deserialize() {
        let (_, case, place, value): (String, String, String, f64) = row.unwrap();
        golden.entry(case).or_default().push((place, value));
    }
    golden
}

/// Adds a line for each filter to the table and lists those that differ by more than 1 %: of the
/// map's range at any of its voxels, or of any statistic of the CT phantom.
pub(super) fn compare_with_mirp(folder: &Path, table: &mut String) -> Vec<String> {
    let golden = golden();
    let cases = mirp_cases();
    assert_eq!(golden.len(), cases.len());
    let mut outside = Vec::new();
    table.push_str(MIRP_HEAD);
    for (case, image, settings) in cases {
        let expected = &golden[case];
        let error = if image == "ct" {
            statistics_error(folder, &settings, expected)
        } else {
            map_error(folder, image, &settings, expected)
        };
        let passes = error <= 0.01;
        let verdict = if passes { "yes" } else { "**no**" };
        let percent = 100.0 * error;
        let count = expected.len();
        writeln!(table, "| {case} | {image} | {count} | {percent:.2} % | {verdict} |").unwrap();
        if !passes {
            outside.push(format!("{case}: {percent} %"));
        }
    }
    outside
}

/// The greatest difference over the range of the map.
fn map_error(
    folder: &Path,
    image: &str,
    settings: &ImagingSettings,
    expected: &[(String, f64)],
) -> f64 {
    let path = format!("ibsi_2_digital_phantom/nifti/{image}/image/{image}.nii.gz");
    let volume = read_nifti(&folder.join(path)).unwrap();
    let voxels = Array3::from_elem(volume.voxels.dim(), true);
    let mask = Mask { voxels, geometry: volume.geometry };
    let found = process_image(&volume, &mask, settings).unwrap().volume;
    let of = |name: &str| expected.iter().find(|row| row.0 == name).unwrap().1;
    let range = of("greatest") - of("least");
    let extreme = |greatest: bool| {
        let values = found.voxels.iter().map(|&value| f64::from(value));
        if greatest {
            values.fold(f64::NEG_INFINITY, f64::max)
        } else {
            values.fold(f64::INFINITY, f64::min)
        }
    };
    let errors = expected.iter().map(|(place, value)| {
        let ours = match place.as_str() {
            "least" => extreme(false),
            "greatest" => extreme(true),
            place => {
                let index: Vec<usize> =
                    place.split(' ').map(|coordinate| coordinate.parse().unwrap()).collect();
                f64::from(found.voxels[[index[2], index[1], index[0]]])
            }
        };
        (ours - value).abs() / range
    });
    errors.fold(0.0, f64::max)
}

/// The greatest difference of a statistic of the filtered CT phantom: of a ratio relative to it, of
/// intensities relative to their root mean square.
fn statistics_error(folder: &Path, settings: &ImagingSettings, expected: &[(String, f64)]) -> f64 {
    let settings = ImagingSettings {
        resample_mm: (!settings.filter_in_slices).then(|| vec![1.0; 3]),
        interpolation: Interpolation::Cubic,
        round_intensities: true,
        resegment_min: Some(-1000.0),
        resegment_max: Some(400.0),
        families: Some(vec![Family::Statistics]),
        ..settings.clone()
    };
    let [image, mask] = PHANTOM.map(|path| folder.join(path));
    let found: BTreeMap<String, f64> = nifti_features(&image, &mask, &settings)
        .unwrap()
        .into_iter()
        .filter_map(|feature| Some((feature.info.name, f64::from(feature.value?))))
        .collect();
    let ratios = ["stat_skew", "stat_kurt", "stat_cov", "stat_qcod", "stat_energy", "stat_var"];
    let errors = expected.iter().map(|(name, value)| {
        let scale = if ratios.contains(&name.as_str()) { value.abs() } else { found["stat_rms"] };
        (found[name] - value).abs() / scale
    });
    errors.fold(0.0, f64::max)
}

const MIRP_HEAD: &str = "
## Filters against MIRP

Gabor filters and wavelets, for whose reference maps the IBSI-2's synthetic images and its CT phantom
were filtered by MIRP 2.7.0 (`tests/golden/imaging_filters.py`), an independent program. Of a map: the
greatest difference at 92 voxels and of the map's ends over its range. Of the CT phantom: that of 18
statistics, relative to the root mean square for those in the unit of intensities.

| filter | image | values | greatest difference | within 1 % |
| --- | --- | ---: | ---: | --- |
";
