"""Features of the IBSI's CT phantom in configurations D and E, by MIRP.

    pip install mirp==2.7.0
    python imaging_mirp.py IBSI_FOLDER > imaging_mirp.csv

IBSI_FOLDER holds `theibsi/data_sets` at 6da96021bc91. The phantom is CC BY-NC 3.0 and is not here;
the features are facts about it. Moran's I and Geary's C are left out: MIRP samples them.
"""

import logging
import re
import sys

import mirp

logging.disable(logging.CRITICAL)

phantom = f"{sys.argv[1]}/ibsi_1_ct_radiomics_phantom/nifti"
shared = dict(
    image=f"{phantom}/image/phantom.nii.gz",
    mask=f"{phantom}/mask/mask.nii.gz",
    image_modality="ct",
    by_slice=False,
    new_spacing=2.0,
    roi_spline_order=1,
    anti_aliasing=False,
    resegmentation_sigma=3.0,
    base_discretisation_method="fixed_bin_number",
    base_discretisation_n_bins=32,
    base_feature_families="all",
    glcm_spatial_method="3d_volume_merge",
    glrlm_spatial_method="3d_volume_merge",
    glszm_spatial_method="3d",
    gldzm_spatial_method="3d",
    ngtdm_spatial_method="3d",
    ngldm_spatial_method="3d",
)
configurations = dict(
    d=dict(spline_order=1, resegmentation_method="sigma", ivh_discretisation_method="none"),
    e=dict(
        spline_order=3,
        resegmentation_method=["range", "sigma"],
        resegmentation_intensity_range=[-1000.0, 400.0],
        ivh_discretisation_method="fixed_bin_number",
        ivh_discretisation_n_bins=1000,
    ),
)
families = ("morph", "loc", "stat", "ih", "ivh", "cm", "rlm", "szm", "dzm", "ngt", "ngl")
print("# MIRP 2.7.0, made by imaging_mirp.py")
print("configuration,feature,value")
for name, options in configurations.items():
    features = mirp.extract_features(**shared, **options)[0].iloc[0]
    for column, value in features.items():
        feature = re.sub(r"_fbn_n\d+|_d1|_a0(\.0)?", "", column.lower())
        feature = feature.replace("_3d_v_mrg", "_3d_comb")
        if feature.split("_")[0] in families and feature not in ("morph_moran_i", "morph_geary_c"):
            print(f"{name},{feature},{float(value)!r}")
