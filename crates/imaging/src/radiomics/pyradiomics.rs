//! The 107 features of pyradiomics 3 (van Griethuysen et al., Cancer Research 2017) by its names and
//! definitions, where they differ from the IBSI's.
//!
//! Most are an IBSI feature by another name. What differs: bins of fixed size start at a multiple of
//! their width, kurtosis is not in excess of 3, principal axes divide by the number of voxels, and
//! texture matrices of the 13 directions are averaged.

use oncoweave_core::Feature;

use super::hull::Hull;
use super::levels::Levels;
use super::moments::Moments;
use super::region::Region;
use super::{glcm, glrlm, histogram, mesh, ngldm, ngtdm, statistics, surface_diameters, zones};
use crate::{Aggregation, Binning, Error, ImagingSettings};

/// For each class of pyradiomics its features: the name, and the IBSI's without its aggregation.
const RENAMED: [(&str, &[(&str, &str)]); 7] = [
    (
        "firstorder",
        &[
            ("10Percentile", "stat_p10"),
            ("90Percentile", "stat_p90"),
            ("Energy", "stat_energy"),
            ("InterquartileRange", "stat_iqr"),
            ("Maximum", "stat_max"),
            ("Mean", "stat_mean"),
            ("MeanAbsoluteDeviation", "stat_mad"),
            ("Median", "stat_median"),
            ("Minimum", "stat_min"),
            ("Range", "stat_range"),
            ("RobustMeanAbsoluteDeviation", "stat_rmad"),
            ("RootMeanSquared", "stat_rms"),
            ("Skewness", "stat_skew"),
            ("Variance", "stat_var"),
        ],
    ),
    ("firstorder", &[("Entropy", "ih_entropy"), ("Uniformity", "ih_uniformity")]),
    (
        "glcm",
        &[
            ("Autocorrelation", "cm_auto_corr"),
            ("ClusterProminence", "cm_clust_prom"),
            ("ClusterShade", "cm_clust_shade"),
            ("ClusterTendency", "cm_clust_tend"),
            ("Contrast", "cm_contrast"),
            ("Correlation", "cm_corr"),
            ("DifferenceAverage", "cm_diff_avg"),
            ("DifferenceEntropy", "cm_diff_entr"),
            ("DifferenceVariance", "cm_diff_var"),
            ("Id", "cm_inv_diff"),
            ("Idm", "cm_inv_diff_mom"),
            ("Idmn", "cm_inv_diff_mom_norm"),
            ("Idn", "cm_inv_diff_norm"),
            ("Imc1", "cm_info_corr1"),
            ("Imc2", "cm_info_corr2"),
            ("InverseVariance", "cm_inv_var"),
            ("JointAverage", "cm_joint_avg"),
            ("JointEnergy", "cm_energy"),
            ("JointEntropy", "cm_joint_entr"),
            ("MaximumProbability", "cm_joint_max"),
            ("SumAverage", "cm_sum_avg"),
            ("SumEntropy", "cm_sum_entr"),
            ("SumSquares", "cm_joint_var"),
        ],
    ),
    (
        "gldm",
        &[
            ("DependenceEntropy", "ngl_dc_entr"),
            ("DependenceNonUniformity", "ngl_dcnu"),
            ("DependenceNonUniformityNormalized", "ngl_dcnu_norm"),
            ("DependenceVariance", "ngl_dc_var"),
            ("GrayLevelNonUniformity", "ngl_glnu"),
            ("GrayLevelVariance", "ngl_gl_var"),
            ("HighGrayLevelEmphasis", "ngl_hgce"),
            ("LargeDependenceEmphasis", "ngl_hde"),
            ("LargeDependenceHighGrayLevelEmphasis", "ngl_hdhge"),
            ("LargeDependenceLowGrayLevelEmphasis", "ngl_hdlge"),
            ("LowGrayLevelEmphasis", "ngl_lgce"),
            ("SmallDependenceEmphasis", "ngl_lde"),
            ("SmallDependenceHighGrayLevelEmphasis", "ngl_ldhge"),
            ("SmallDependenceLowGrayLevelEmphasis", "ngl_ldlge"),
        ],
    ),
    (
        "glrlm",
        &[
            ("GrayLevelNonUniformity", "rlm_glnu"),
            ("GrayLevelNonUniformityNormalized", "rlm_glnu_norm"),
            ("GrayLevelVariance", "rlm_gl_var"),
            ("HighGrayLevelRunEmphasis", "rlm_hgre"),
            ("LongRunEmphasis", "rlm_lre"),
            ("LongRunHighGrayLevelEmphasis", "rlm_lrhge"),
            ("LongRunLowGrayLevelEmphasis", "rlm_lrlge"),
            ("LowGrayLevelRunEmphasis", "rlm_lgre"),
            ("RunEntropy", "rlm_rl_entr"),
            ("RunLengthNonUniformity", "rlm_rlnu"),
            ("RunLengthNonUniformityNormalized", "rlm_rlnu_norm"),
            ("RunPercentage", "rlm_r_perc"),
            ("RunVariance", "rlm_rl_var"),
            ("ShortRunEmphasis", "rlm_sre"),
            ("ShortRunHighGrayLevelEmphasis", "rlm_srhge"),
            ("ShortRunLowGrayLevelEmphasis", "rlm_srlge"),
        ],
    ),
    (
        "glszm",
        &[
            ("GrayLevelNonUniformity", "szm_glnu"),
            ("GrayLevelNonUniformityNormalized", "szm_glnu_norm"),
            ("GrayLevelVariance", "szm_gl_var"),
            ("HighGrayLevelZoneEmphasis", "szm_hgze"),
            ("LargeAreaEmphasis", "szm_lze"),
            ("LargeAreaHighGrayLevelEmphasis", "szm_lzhge"),
            ("LargeAreaLowGrayLevelEmphasis", "szm_lzlge"),
            ("LowGrayLevelZoneEmphasis", "szm_lgze"),
            ("SizeZoneNonUniformity", "szm_zsnu"),
            ("SizeZoneNonUniformityNormalized", "szm_zsnu_norm"),
            ("SmallAreaEmphasis", "szm_sze"),
            ("SmallAreaHighGrayLevelEmphasis", "szm_szhge"),
            ("SmallAreaLowGrayLevelEmphasis", "szm_szlge"),
            ("ZoneEntropy", "szm_zs_entr"),
            ("ZonePercentage", "szm_z_perc"),
            ("ZoneVariance", "szm_zs_var"),
        ],
    ),
    (
        "ngtdm",
        &[
            ("Busyness", "ngt_busyness"),
            ("Coarseness", "ngt_coarseness"),
            ("Complexity", "ngt_complexity"),
            ("Contrast", "ngt_contrast"),
            ("Strength", "ngt_strength"),
        ],
    ),
];

/// The features of a region whose intensities are sorted.
pub(crate) fn features(
    shape: &Region,
    region: &Region,
    sorted: &[f32],
    settings: &ImagingSettings,
    unit: &str,
) -> Result<Vec<Feature>, Error> {
    let levels = Levels::new(region, binning(settings, sorted)?)?;
    let averaged = Aggregation::Averaged3d;
    let mut features = shape_features(shape);
    features.extend(own_statistics(region, sorted, unit));
    let maximal = glcm::maximal_correlation(&levels, averaged);
    features.push(feature("glcm_MCC", "", "maximal correlation coefficient", maximal));
    let families = [
        statistics::features(sorted, unit),
        histogram::features(&levels),
        glcm::features(&levels, averaged),
        ngldm::features(&levels, averaged),
        glrlm::features(&levels, averaged),
        zones::size_features(&levels, averaged),
        ngtdm::features(&levels, averaged),
    ];
    for ((class, names), family) in RENAMED.into_iter().zip(families) {
        for (name, ibsi) in names {
            let is_source = |source: &&Feature| {
                let name = source.info.name.as_str();
                name.trim_end_matches("_avg").trim_end_matches("_3d") == *ibsi
            };
            let source = family.iter().find(is_source).expect("the table names IBSI features");
            let value = source.value.map_or(f64::NAN, f64::from);
            features.push(feature(
                &format!("{class}_{name}"),
                &source.info.unit,
                &source.info.meaning,
                value,
            ));
        }
    }
    features.sort_by(|a, b| a.info.name.cmp(&b.info.name));
    Ok(features)
}

/// Bins of 25 unless set otherwise, which start at a multiple of their width.
fn binning(settings: &ImagingSettings, sorted: &[f32]) -> Result<Binning, Error> {
    let width = match settings.binning()? {
        Binning::Count(_) if settings.bin_count.is_none() => 25.0,
        Binning::Width { width, .. } => width,
        count @ Binning::Count(_) => return Ok(count),
    };
    let least = f64::from(sorted[0]);
    Ok(Binning::Width { width, start: Some(least - least.rem_euclid(width)) })
}

fn feature(name: &str, unit: &str, meaning: &str, value: f64) -> Feature {
    Feature::new(&format!("original_{name}"), unit, meaning, Some(value))
        .with_standard("pyradiomics 3")
}

fn shape_features(shape: &Region) -> Vec<Feature> {
    let mesh::Surface { area_mm2: area, volume_mm3: volume } =
        mesh::measure(shape, mesh::Diagonals::Pyradiomics);
    let count = shape.indices.len() as f64;
    let population = ((count - 1.0) / count).sqrt();
    let [major, minor, least] = Moments::new(shape).axes_mm().map(|axis| axis * population);
    let [of_x, of_y, of_z] = surface_diameters::planar_mm(shape);
    let sphericity = (36.0 * std::f64::consts::PI * volume.powi(2)).cbrt() / area;
    let voxels = count * shape.spacing_mm.iter().product::<f64>();
    [
        ("Elongation", "", "second over first principal axis", minor / major),
        ("Flatness", "", "third over first principal axis", least / major),
        ("LeastAxisLength", "mm", "length of the third principal axis", least),
        ("MajorAxisLength", "mm", "length of the first principal axis", major),
        ("Maximum2DDiameterColumn", "mm", "greatest distance within a plane of one y", of_y),
        ("Maximum2DDiameterRow", "mm", "greatest distance within a plane of one x", of_x),
        ("Maximum2DDiameterSlice", "mm", "greatest distance within a slice", of_z),
        ("Maximum3DDiameter", "mm", "greatest distance", Hull::new(shape).diameter_mm()),
        ("MeshVolume", "mm3", "volume inside the surface mesh", volume),
        ("MinorAxisLength", "mm", "length of the second principal axis", minor),
        ("Sphericity", "", "sphericity, 1 for a sphere", sphericity),
        ("SurfaceArea", "mm2", "area of the surface mesh", area),
        ("SurfaceVolumeRatio", "1/mm", "surface area over volume", area / volume),
        ("VoxelVolume", "mm3", "the number of voxels times the volume of one", voxels),
    ]
    .into_iter()
    .map(|(name, unit, meaning, value)| feature(&format!("shape_{name}"), unit, meaning, value))
    .collect()
}

/// The statistics that are no IBSI feature.
fn own_statistics(region: &Region, sorted: &[f32], unit: &str) -> [Feature; 2] {
    let [_, variance, _, excess, ..] = statistics::first_order(sorted);
    // As there: 0 where all intensities are equal.
    let kurtosis = if variance == 0.0 { 0.0 } else { excess + 3.0 };
    let energy: f64 = sorted.iter().map(|&value| f64::from(value).powi(2)).sum();
    let total = energy * region.spacing_mm.iter().product::<f64>();
    let unit = format!("{unit}2 mm3");
    [
        feature("firstorder_Kurtosis", "", "kurtosis, 3 for a normal distribution", kurtosis),
        feature("firstorder_TotalEnergy", &unit, "sum of squared intensities times volume", total),
    ]
}
