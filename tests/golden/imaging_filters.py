"""Filters of the IBSI's second chapter by MIRP: voxels of response maps of its synthetic images, and
statistics of its filtered CT phantom.

    pip install mirp==2.7.0
    python imaging_filters.py IBSI_FOLDER > imaging_filters.csv

IBSI_FOLDER holds `theibsi/data_sets` at 6da96021bc91; its images are not here. A line of a map is
`map,case,x y z,value`, and its range stands in the lines `least` and `greatest`; a line of the
phantom is `ct,case,feature,value`.
"""

import logging
import sys

import mirp
import numpy

logging.disable(logging.CRITICAL)


def gabor(sigma, wavelength, gamma, theta, step=None, planes=False):
    return dict(
        filter_kernels="gabor",
        gabor_sigma=sigma,
        gabor_lambda=wavelength,
        gabor_gamma=gamma,
        gabor_theta=theta,
        gabor_theta_step=step,
        gabor_pool_theta=True,
        gabor_response="modulus",
        gabor_rotation_invariance=planes,
        gabor_pooling_method="mean",
    )


def wavelet(family, kernels, level, invariant, pooling="mean"):
    return dict(
        filter_kernels="separable_wavelet",
        separable_wavelet_families=family,
        separable_wavelet_set=kernels,
        separable_wavelet_decomposition_level=level,
        separable_wavelet_rotation_invariance=invariant,
        separable_wavelet_pooling_method=pooling,
    )


def nonseparable(family, level):
    return dict(
        filter_kernels="nonseparable_wavelet",
        nonseparable_wavelet_families=family,
        nonseparable_wavelet_decomposition_level=level,
        nonseparable_wavelet_response="real",
    )


MAPS = {
    "gabor_1": ("impulse", "constant", False, gabor(10.0, 4.0, 0.5, 60.0)),
    "gabor_2": ("impulse", "constant", False, gabor(10.0, 4.0, 0.5, 0.0, 45.0, True)),
    "gabor_3": ("sphere", "reflect", False, gabor(20.0, 8.0, 2.5, 225.0)),
    "gabor_4": ("pattern_1", "nearest", False, gabor(5.0, 8.0, 1.5, 0.0, 22.5, True)),
    "db3": ("impulse", "constant", False, wavelet("db3", "lhl", 1, False)),
    "db3_invariant": ("impulse", "constant", False, wavelet("db3", "lhl", 1, True)),
    "coif1": ("sphere", "wrap", False, wavelet("coif1", "hhl", 1, False)),
    "coif1_invariant": ("sphere", "wrap", False, wavelet("coif1", "hhl", 1, True)),
    "haar_2": ("checkerboard", "reflect", False, wavelet("haar", "lll", 2, True)),
    "haar_max": ("pattern_1", "reflect", False, wavelet("haar", "hhl", 2, True, "max")),
    "db2_slices": ("checkerboard", "reflect", True, wavelet("db2", "lh", 3, True)),
    "simoncelli_1": ("checkerboard", "wrap", False, nonseparable("simoncelli", 1)),
    "simoncelli_2": ("sphere", "wrap", False, nonseparable("simoncelli", 2)),
    "simoncelli_3": ("pattern_1", "wrap", False, nonseparable("simoncelli", 3)),
    "shannon_1": ("sphere", "wrap", False, nonseparable("shannon", 1)),
    "simoncelli_slices": ("checkerboard", "wrap", True, nonseparable("simoncelli", 1)),
}

CT = {
    "gabor_slices": (True, gabor(5.0, 2.0, 1.5, 0.0, 22.5)),
    "gabor_volume": (False, gabor(5.0, 2.0, 1.5, 0.0, 22.5, True)),
    "db3_volume": (False, wavelet("db3", "llh", 1, True)),
    "db3_slices": (True, wavelet("db3", "lh", 1, True)),
    "coif1_volume": (False, wavelet("coif1", "hhh", 2, True)),
}

print("# MIRP 2.7.0, made by imaging_filters.py")
print("kind,case,where,value")
picked = numpy.random.default_rng(4).integers(0, 64, size=(80, 3))
near = numpy.array([[x, y, z] for z in (29, 32) for y in (30, 32) for x in (28, 31, 32)])
for name, (image, boundary, by_slice, options) in MAPS.items():
    folder = f"{sys.argv[1]}/ibsi_2_digital_phantom/nifti/{image}"
    found = mirp.extract_images(
        image=f"{folder}/image/{image}.nii.gz",
        mask=f"{sys.argv[1]}/ibsi_2_digital_phantom/nifti/sphere/mask/mask.nii.gz",
        by_slice=by_slice,
        boundary_condition=boundary,
        image_export_format="numpy",
        **options,
    )
    response = found[0][0][-1]
    response = response if isinstance(response, numpy.ndarray) else response["image"]
    print(f"map,{name},least,{response.min():.9g}")
    print(f"map,{name},greatest,{response.max():.9g}")
    for x, y, z in numpy.concatenate([picked, near]):
        print(f"map,{name},{x} {y} {z},{response[z, y, x]:.9g}")

phantom = f"{sys.argv[1]}/ibsi_1_ct_radiomics_phantom/nifti"
for name, (by_slice, options) in CT.items():
    features = mirp.extract_features(
        image=f"{phantom}/image/phantom.nii.gz",
        mask=f"{phantom}/mask/mask.nii.gz",
        image_modality="ct",
        by_slice=by_slice,
        new_spacing=None if by_slice else 1.0,
        spline_order=3,
        roi_spline_order=1,
        anti_aliasing=False,
        resegmentation_method="range",
        resegmentation_intensity_range=[-1000.0, 400.0],
        boundary_condition="reflect",
        base_feature_families="none",
        response_map_feature_families="statistics",
        **options,
    )[0].iloc[0]
    for column, value in features.items():
        if "stat_" in column:
            print(f"ct,{name},{column[column.index('stat_'):]},{float(value):.9g}")
