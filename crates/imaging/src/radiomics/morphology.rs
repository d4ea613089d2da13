use std::f64::consts::PI;

use oncoweave_core::Feature;

use super::autocorrelation::Autocorrelation;
use super::hull::Hull;
use super::moments::Moments;
use super::region::Region;
use super::{Definition, enclosing, mesh, named};
use crate::vector;

const DEFINITIONS: [Definition; 29] = [
    Definition::new("morph_volume", "mm3", "volume inside the surface mesh", "RNU0"),
    Definition::new(
        "morph_vol_approx",
        "mm3",
        "volume as the number of voxels times the volume of one",
        "YEKZ",
    ),
    Definition::new("morph_area_mesh", "mm2", "area of the surface mesh", "C0JK"),
    Definition::new("morph_av", "1/mm", "surface area over volume", "2PR5"),
    Definition::new("morph_comp_1", "", "compactness 1, greatest for a sphere", "SKGS"),
    Definition::new("morph_comp_2", "", "compactness 2, 1 for a sphere", "BQWJ"),
    Definition::new(
        "morph_sph_dispr",
        "",
        "spherical disproportion, 1 for a sphere and more otherwise",
        "KRCK",
    ),
    Definition::new("morph_sphericity", "", "sphericity, 1 for a sphere", "QCFX"),
    Definition::new("morph_asphericity", "", "asphericity, 0 for a sphere", "25C7"),
    Definition::new(
        "morph_com",
        "mm",
        "distance from the center of the region to its center of intensity",
        "KLMA",
    ),
    Definition::new(
        "morph_diam",
        "mm",
        "greatest distance between two vertices of the surface",
        "L0JK",
    ),
    Definition::new("morph_pca_maj_axis", "mm", "length of the first principal axis", "TDIC"),
    Definition::new("morph_pca_min_axis", "mm", "length of the second principal axis", "P9VJ"),
    Definition::new("morph_pca_least_axis", "mm", "length of the third principal axis", "7J51"),
    Definition::new(
        "morph_pca_elongation",
        "",
        "second over first principal axis, 1 for a sphere",
        "Q3CK",
    ),
    Definition::new(
        "morph_pca_flatness",
        "",
        "third over first principal axis, 1 for a sphere",
        "N17B",
    ),
    Definition::new(
        "morph_vol_dens_aabb",
        "",
        "volume over that of the box along the image's axes",
        "PBX1",
    ),
    Definition::new(
        "morph_area_dens_aabb",
        "",
        "area over that of the box along the image's axes",
        "R59B",
    ),
    Definition::new("morph_vol_dens_ombb", "", "volume over that of the smallest box", "ZH1A"),
    Definition::new("morph_area_dens_ombb", "", "area over that of the smallest box", "IQYR"),
    Definition::new(
        "morph_vol_dens_aee",
        "",
        "volume over that of the ellipsoid with the principal axes",
        "6BDE",
    ),
    Definition::new(
        "morph_area_dens_aee",
        "",
        "area over that of the ellipsoid with the principal axes",
        "RDD2",
    ),
    Definition::new(
        "morph_vol_dens_mvee",
        "",
        "volume over that of the smallest ellipsoid",
        "SWZ1",
    ),
    Definition::new("morph_area_dens_mvee", "", "area over that of the smallest ellipsoid", "BRI8"),
    Definition::new("morph_vol_dens_conv_hull", "", "volume over that of the convex hull", "R3ER"),
    Definition::new("morph_area_dens_conv_hull", "", "area over that of the convex hull", "7T7F"),
    Definition::new("morph_integ_int", "mm3 @", "mean intensity times volume", "99N0"),
    Definition::new("morph_moran_i", "", "Moran's I: spatial correlation of intensities", "N365"),
    Definition::new("morph_geary_c", "", "Geary's C: spatial contrast of intensities", "NPT7"),
];

/// Shape and size of a region, with the intensities of the part of it that counts.
pub(crate) fn features(shape: &Region, intensity: &Region, intensity_unit: &str) -> Vec<Feature> {
    let mesh::Surface { area_mm2: area, volume_mm3: volume } =
        mesh::measure(shape, mesh::Diagonals::Joined);
    let voxel_volume: f64 = shape.spacing_mm.iter().product();
    let hull = Hull::new(shape);
    let moments = Moments::new(shape);
    let intensities = Moments::new(intensity);
    let shift = vector::subtract(moments.center_mm, intensities.intensity_center_mm);
    let [major, minor, least] = moments.axes_mm();
    let sphericity = (36.0 * PI * volume.powi(2)).cbrt() / area;
    let box_mm = std::array::from_fn(|axis| (shape.size[axis] - 2) as f64 * shape.spacing_mm[axis]);
    let smallest_box_mm = enclosing::smallest_box_mm(&hull);
    let semi_axes = [major, minor, least].map(|axis| axis / 2.0);
    let smallest_ellipsoid = enclosing::smallest_ellipsoid_semi_axes_mm(&hull);
    let autocorrelation = Autocorrelation::new(intensity);
    let values = [
        volume,
        shape.indices.len() as f64 * voxel_volume,
        area,
        area / volume,
        volume / (PI.sqrt() * area.powf(1.5)),
        sphericity.powi(3),
        1.0 / sphericity,
        sphericity,
        1.0 / sphericity - 1.0,
        vector::norm(shift),
        hull.diameter_mm(),
        major,
        minor,
        least,
        minor / major,
        least / major,
        volume / box_mm.iter().product::<f64>(),
        area / box_area(box_mm),
        volume / smallest_box_mm.iter().product::<f64>(),
        area / box_area(smallest_box_mm),
        volume / enclosing::ellipsoid_volume(semi_axes),
        area / enclosing::ellipsoid_area(semi_axes),
        volume / enclosing::ellipsoid_volume(smallest_ellipsoid),
        area / enclosing::ellipsoid_area(smallest_ellipsoid),
        volume / hull.volume_mm3(),
        area / hull.area_mm2(),
        intensities.mean_intensity * volume,
        autocorrelation.moran_i,
        autocorrelation.geary_c,
    ];
    named(&DEFINITIONS, values, "", intensity_unit)
}

fn box_area([x, y, z]: [f64; 3]) -> f64 {
    2.0 * (x * y + y * z + z * x)
}
