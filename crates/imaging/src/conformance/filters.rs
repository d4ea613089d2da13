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
fn maps() -> [(&'static str, &'static str, ImagingSettings); 17] {
    use Boundary::{Mirror, Nearest, Periodic, Zero};
    let mean = || Filter::Mean { support: 15 };
    let log = |sigma_mm| Filter::LaplacianOfGaussian { sigma_mm, cutoff: None };
    [
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
