use super::*;

#[test]
fn names_of_filtered_images_tell_them_apart() {
    for (text, in_slices, expected) in [
        ("kind = 'mean'\nsupport = 5", false, "mean_5_"),
        ("kind = 'laplacian_of_gaussian'\nsigma_mm = 1.5", false, "log_1_5mm_"),
        ("kind = 'laplacian_of_gaussian'\nsigma_mm = 3.0", true, "log_3mm_2d_"),
        ("kind = 'laws'\nkernels = 'L5E5'\nenergy_distance = 7", true, "laws_l5e5_energy_7_2d_"),
        (
            "kind = 'gabor'\nsigma_mm = 5.0\nwavelength_mm = 2.0\nangle_step_degrees = 22.5",
            false,
            "gabor_5mm_2mm_step_22_5_",
        ),
        (
            "kind = 'wavelet'\nwavelet = 'coif1'\ndecomposition = 'LLH'\nrotation_invariant = true",
            false,
            "wavelet_coif1_llh_1_invar_",
        ),
        (
            "kind = 'nonseparable_wavelet'\nwavelet = 'simoncelli'\nlevel = 2",
            false,
            "wavelet_simoncelli_2_",
        ),
        ("kind = 'square_root'", false, "squareroot_"),
    ] {
        let filter: Filter = toml::from_str(text).unwrap();
        assert_eq!(filter.problem(in_slices), None, "{text}");
        assert_eq!(filter.prefix(in_slices), expected);
    }
}

#[test]
fn a_wavelet_without_a_decomposition_is_every_one() {
    let filter: Filter = toml::from_str("kind = 'wavelet'\nwavelet = 'haar'").unwrap();
    let words = |in_slices| -> Vec<String> {
        filter.each(in_slices).iter().map(|each| each.prefix(false)).collect()
    };
    assert_eq!(words(true).len(), 4);
    assert_eq!(words(false)[0], "wavelet_haar_lll_1_");
    assert_eq!(words(false)[1], "wavelet_haar_llh_1_");
    assert_eq!(words(false)[7], "wavelet_haar_hhh_1_");
}

#[test]
fn settings_of_images_are_checked() {
    for (text, expected) in [
        ("images = []", "images must name at least one"),
        ("images = [{}, {}]", "images must differ by their filters"),
        ("images = [{}]\nfilter = { kind = 'square' }", "images and filter exclude each other"),
        (
            "images = [{ filter = { kind = 'mean', support = 2 } }]",
            "images: filter support must be an odd number",
        ),
        ("images = [{ bin_count = 1 }]", "bin_count must be from 2"),
        (
            "images = [{ filter = { kind = 'wavelet', wavelet = 'x' } }]",
            "images: filter wavelet must be one such as haar",
        ),
        (
            "filter = { kind = 'wavelet', wavelet = 'haar', decomposition = 'LH' }",
            "filter decomposition must be 3 of L and H",
        ),
        (
            "filter = { kind = 'gabor', sigma_mm = 1, wavelength_mm = 1, aspect_ratio = 0.0 }",
            "filter aspect_ratio must be",
        ),
        (
            "filter_in_slices = true\nfilter = { kind = 'gabor', sigma_mm = 1, wavelength_mm = 1, \
             orthogonal_planes = true }",
            "filter orthogonal_planes and filter_in_slices",
        ),
        (
            "standard = 'pyradiomics'\nimages = [{ filter = { kind = 'mean', support = 3 } }]",
            "is not one of standard",
        ),
        (
            "pyradiomics_parameters = 'p.yaml'\nbin_width = 5.0",
            "bin_width and pyradiomics_parameters exclude each other",
        ),
    ] {
        let settings: ImagingSettings = toml::from_str(text).unwrap();
        let error = settings.binning().unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}
