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
use super::parts::DIRECTIONS;
use super::region::Region;
use super::{glcm, glrlm, histogram, mesh, ngldm, ngtdm, statistics, surface_diameters, zones};
use crate::pyradiomics::{PyradiomicsParameters, Setting, WeightingNorm};
use crate::{Aggregation, Binning, Error, vector};

/// For each class of pyradiomics its features: the name, and the IBSI's without its aggregation.
const RENAMED: [(&str, &[(&str, &str)]); 7] = [
    (
        "firstorder",
        &[
            ("10Percentile", "stat_p10"),
            ("90Percentile", "stat_p90"),
            ("InterquartileRange", "stat_iqr"),
            ("Maximum", "stat_max"),
            ("Mean", "stat_mean"),
            ("MeanAbsoluteDeviation", "stat_mad"),
            ("Median", "stat_median"),
            ("Minimum", "stat_min"),
            ("Range", "stat_range"),
            ("RobustMeanAbsoluteDeviation", "stat_rmad"),
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
            ("MCC", "cm_max_corr"),
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

/// Features that are only given where they are asked for by name.
const BY_NAME: [&str; 4] = [
    "shape_Compactness1",
    "shape_Compactness2",
    "shape_SphericalDisproportion",
    "firstorder_StandardDeviation",
];

/// Names that pyradiomics knows and gives no value for.
const WITHOUT_VALUE: [&str; 6] = [
    "glcm_Dissimilarity",
    "glcm_Homogeneity1",
    "glcm_Homogeneity2",
    "glcm_SumVariance",
    "gldm_GrayLevelNonUniformityNormalized",
    "gldm_DependencePercentage",
];

/// The features of a shape, in millimetres.
const SHAPE: [(&str, &str, &str); 17] = [
    ("Elongation", "", "second over first principal axis"),
    ("Flatness", "", "third over first principal axis"),
    ("LeastAxisLength", "mm", "length of the third principal axis"),
    ("MajorAxisLength", "mm", "length of the first principal axis"),
    ("Maximum2DDiameterColumn", "mm", "greatest distance within a plane of one y"),
    ("Maximum2DDiameterRow", "mm", "greatest distance within a plane of one x"),
    ("Maximum2DDiameterSlice", "mm", "greatest distance within a slice"),
    ("Maximum3DDiameter", "mm", "greatest distance"),
    ("MeshVolume", "mm3", "volume inside the surface mesh"),
    ("MinorAxisLength", "mm", "length of the second principal axis"),
    ("Sphericity", "", "sphericity, 1 for a sphere"),
    ("SurfaceArea", "mm2", "area of the surface mesh"),
    ("SurfaceVolumeRatio", "1/mm", "surface area over volume"),
    ("VoxelVolume", "mm3", "the number of voxels times the volume of one"),
    ("Compactness1", "", "volume over the root of the cubed surface area"),
    ("Compactness2", "", "sphericity cubed"),
    ("SphericalDisproportion", "", "surface area over that of a sphere of the same volume"),
];

/// Whether a class of features has a feature.
pub(crate) fn has_feature(class: &str, name: &str) -> bool {
    let full = format!("{class}_{name}");
    let own = ["Energy", "Kurtosis", "RootMeanSquared", "TotalEnergy"]
        .map(|own| format!("firstorder_{own}"));
    let mut renamed = RENAMED.iter().filter(|(of, _)| *of == class).flat_map(|(_, names)| *names);
    renamed.any(|(known, _)| *known == name)
        || (class == "shape" && SHAPE.iter().any(|(known, ..)| *known == name))
        || own.contains(&full)
        || [&BY_NAME[..], &WITHOUT_VALUE].concat().contains(&full.as_str())
}

/// A class's features that are kept: those named, or all that are not given by name alone.
fn kept(parameters: &PyradiomicsParameters, class: &str, name: &str) -> bool {
    match parameters.features_of(class) {
        None => false,
        Some([]) => !BY_NAME.contains(&format!("{class}_{name}").as_str()),
        Some(names) => names.iter().any(|known| known == name),
    }
}

/// The features of a region in an image of a name; `unit` is that of its intensities.
pub(crate) fn intensity_features(
    region: &Region,
    image: &str,
    unit: &str,
    (parameters, setting): (&PyradiomicsParameters, &Setting),
) -> Result<Vec<Feature>, Error> {
    // Slices are those across the axis that features do not look along.
    let turned = match setting.flat_dimension() {
        Some(1) => Some(region.reordered([0, 2, 1])),
        Some(2) => Some(region.reordered([1, 2, 0])),
        _ => None,
    };
    let region = turned.as_ref().unwrap_or(region);
    let mut sorted = region.values.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut levels = Levels::new(region, binning(setting, &sorted))?;
    let mut features = Vec::new();
    for (class, names) in RENAMED {
        if parameters.features_of(class).is_none() {
            continue;
        }
        let family = match class {
            "firstorder" if names.len() == 2 => histogram::features(&levels),
            "firstorder" => statistics::features(&sorted, unit),
            _ => texture(class, &mut levels, region, setting),
        };
        for (name, ibsi) in names.iter().filter(|(name, _)| kept(parameters, class, name)) {
            let is_source = |source: &&Feature| {
                let name = source.info.name.as_str();
                let name = name.trim_end_matches("_avg").trim_end_matches("_comb");
                name.trim_end_matches("_3d").trim_end_matches("_2_5d") == *ibsi
            };
            let source = family.iter().find(is_source).expect("the table names IBSI features");
            let value = source.value.map_or(f64::NAN, f64::from);
            let (unit, meaning) = (&source.info.unit, &source.info.meaning);
            features.push(feature(&format!("{image}_{class}_{name}"), unit, meaning, value));
        }
    }
    features.extend(own_features(&sorted, region, (image, unit), (parameters, setting)));
    Ok(features)
}

/// How directions are put together: averaged, or merged where they are weighted.
fn aggregation(setting: &Setting) -> Aggregation {
    match (setting.flat_dimension().is_some(), setting.weighting_norm.is_some()) {
        (false, false) => Aggregation::Averaged3d,
        (false, true) => Aggregation::Merged3d,
        (true, false) => Aggregation::DirectionMerged25d,
        (true, true) => Aggregation::Merged25d,
    }
}

fn texture(class: &str, levels: &mut Levels, region: &Region, setting: &Setting) -> Vec<Feature> {
    let aggregation = aggregation(setting);
    levels.weights = weights(class, region.spacing_mm, setting);
    match class {
        "glcm" => glcm::features_and_maximal_correlation(levels, aggregation),
        "gldm" => ngldm::features(levels, aggregation, setting.gldm_a.unwrap_or(0)),
        "glrlm" => glrlm::features(levels, aggregation),
        "glszm" => zones::size_features(levels, aggregation),
        _ => ngtdm::features(levels, aggregation),
    }
}

/// The weights of directions: their length for run lengths, a Gaussian of it for co-occurrence.
fn weights(class: &str, spacing_mm: [f64; 3], setting: &Setting) -> [f64; 13] {
    let Some(norm) = setting.weighting_norm else { return [1.0; 13] };
    DIRECTIONS.map(|direction| {
        let steps: [f64; 3] =
            std::array::from_fn(|axis| (direction[axis] as f64).abs() * spacing_mm[axis]);
        let length = match norm {
            WeightingNorm::NoWeighting => return 1.0,
            WeightingNorm::Manhattan => steps.iter().sum::<f64>(),
            WeightingNorm::Euclidean => vector::norm(steps),
            WeightingNorm::Infinity => steps.into_iter().fold(0.0, f64::max),
        };
        if class == "glcm" { (-length.powi(2)).exp() } else { length }
    })
}

/// Bins of 25 unless set otherwise, which start at a multiple of their width.
fn binning(setting: &Setting, sorted: &[f64]) -> Binning {
    let (least, greatest) = (sorted[0], sorted[sorted.len() - 1]);
    match setting.bin_count {
        // As there: equal intensities are in the middle of a range of 1.
        Some(count) if least >= greatest => {
            Binning::Width { width: 1.0 / f64::from(count), start: Some(least - 0.5) }
        }
        Some(count) => Binning::Count(count),
        None => {
            let width = setting.bin_width.unwrap_or(25.0);
            Binning::Width { width, start: Some(least - least.rem_euclid(width)) }
        }
    }
}

fn feature(name: &str, unit: &str, meaning: &str, value: f64) -> Feature {
    Feature::new(name, unit, meaning, Some(value)).with_standard("pyradiomics 3")
}

/// The features of a shape.
pub(crate) fn shape_features(shape: &Region, parameters: &PyradiomicsParameters) -> Vec<Feature> {
    if parameters.features_of("shape").is_none() {
        return Vec::new();
    }
    let mesh::Surface { area_mm2: area, volume_mm3: volume } =
        mesh::measure(shape, mesh::Diagonals::Pyradiomics);
    let count = shape.indices.len() as f64;
    let population = ((count - 1.0) / count).sqrt();
    let [major, minor, least] = Moments::new(shape).axes_mm().map(|axis| axis * population);
    let [of_x, of_y, of_z] = surface_diameters::planar_mm(shape);
    let sphericity = (36.0 * std::f64::consts::PI * volume.powi(2)).cbrt() / area;
    let values = [
        minor / major,
        least / major,
        least,
        major,
        of_y,
        of_x,
        of_z,
        Hull::new(shape).diameter_mm(),
        volume,
        minor,
        sphericity,
        area,
        area / volume,
        count * shape.spacing_mm.iter().product::<f64>(),
        volume / (area.powf(1.5) * std::f64::consts::PI.sqrt()),
        sphericity.powi(3),
        1.0 / sphericity,
    ];
    let named = SHAPE.iter().zip(values);
    named
        .filter(|((name, ..), _)| kept(parameters, "shape", name))
        .map(|((name, unit, meaning), value)| {
            feature(&format!("original_shape_{name}"), unit, meaning, value)
        })
        .collect()
}

/// The first-order features that are no IBSI feature by another name.
fn own_features(
    sorted: &[f64],
    region: &Region,
    (image, unit): (&str, &str),
    (parameters, setting): (&PyradiomicsParameters, &Setting),
) -> Vec<Feature> {
    let [_, variance, _, excess, ..] = statistics::first_order(sorted);
    // As there: 0 where all intensities are equal.
    let kurtosis = if variance == 0.0 { 0.0 } else { excess + 3.0 };
    // What is squared may be shifted, so that none is negative.
    let shift = setting.voxel_array_shift.unwrap_or(0.0);
    let energy: f64 = sorted.iter().map(|&value| (value + shift).powi(2)).sum();
    let voxel_mm3 = region.spacing_mm.iter().product::<f64>();
    let unit = if unit.is_empty() { "au" } else { unit };
    let squared = format!("{unit}2");
    let by_volume = format!("{unit}2 mm3");
    let root = (energy / sorted.len() as f64).sqrt();
    [
        ("Energy", squared.as_str(), "sum of squared intensities", energy),
        ("Kurtosis", "", "kurtosis, 3 for a normal distribution", kurtosis),
        ("RootMeanSquared", unit, "root of the mean squared intensity", root),
        ("StandardDeviation", unit, "population standard deviation", variance.sqrt()),
        ("TotalEnergy", &by_volume, "sum of squared intensities times volume", energy * voxel_mm3),
    ]
    .into_iter()
    .filter(|(name, ..)| kept(parameters, "firstorder", name))
    .map(|(name, unit, meaning, value)| {
        feature(&format!("{image}_firstorder_{name}"), unit, meaning, value)
    })
    .collect()
}
