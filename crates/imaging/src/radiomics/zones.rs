//! Zones of neighboring voxels of one gray level: their size (Thibault et al., 2009; IBSI 9SAK) and
//! their distance from the region's border (Thibault et al., 2014; IBSI VMDZ).

use oncoweave_core::Feature;

use super::levels::Levels;
use super::parts::{Part, averaged};
use super::region::Region;
use super::{Definition, emphasis, named};
use crate::Aggregation;

const SIZE_DEFINITIONS: [Definition; 16] = [
    Definition::new("szm_sze", "", "small zone emphasis", "5QRC"),
    Definition::new("szm_lze", "", "large zone emphasis", "48P8"),
    Definition::new("szm_lgze", "", "low gray level zone emphasis", "XMSY"),
    Definition::new("szm_hgze", "", "high gray level zone emphasis", "5GN9"),
    Definition::new("szm_szlge", "", "small zone low gray level emphasis", "5RAI"),
    Definition::new("szm_szhge", "", "small zone high gray level emphasis", "HW1V"),
    Definition::new("szm_lzlge", "", "large zone low gray level emphasis", "YH51"),
    Definition::new("szm_lzhge", "", "large zone high gray level emphasis", "J17V"),
    Definition::new("szm_glnu", "", "gray level non-uniformity of zones", "JNSA"),
    Definition::new("szm_glnu_norm", "", "normalized gray level non-uniformity of zones", "Y1RO"),
    Definition::new("szm_zsnu", "", "zone size non-uniformity", "4JP3"),
    Definition::new("szm_zsnu_norm", "", "normalized zone size non-uniformity", "VB3A"),
    Definition::new("szm_z_perc", "", "number of zones over voxels", "P30P"),
    Definition::new("szm_gl_var", "", "variance of the gray levels of zones", "BYLV"),
    Definition::new("szm_zs_var", "", "variance of zone sizes", "3NSA"),
    Definition::new("szm_zs_entr", "bit", "entropy of gray levels and zone sizes", "GU8N"),
];

const DISTANCE_DEFINITIONS: [Definition; 16] = [
    Definition::new("dzm_sde", "", "small distance emphasis", "0GBI"),
    Definition::new("dzm_lde", "", "large distance emphasis", "MB4I"),
    Definition::new("dzm_lgze", "", "low gray level zone emphasis", "S1RA"),
    Definition::new("dzm_hgze", "", "high gray level zone emphasis", "K26C"),
    Definition::new("dzm_sdlge", "", "small distance low gray level emphasis", "RUVG"),
    Definition::new("dzm_sdhge", "", "small distance high gray level emphasis", "DKNJ"),
    Definition::new("dzm_ldlge", "", "large distance low gray level emphasis", "A7WM"),
    Definition::new("dzm_ldhge", "", "large distance high gray level emphasis", "KLTH"),
    Definition::new("dzm_glnu", "", "gray level non-uniformity of zones", "VFT7"),
    Definition::new("dzm_glnu_norm", "", "normalized gray level non-uniformity of zones", "7HP3"),
    Definition::new("dzm_zdnu", "", "zone distance non-uniformity", "V294"),
    Definition::new("dzm_zdnu_norm", "", "normalized zone distance non-uniformity", "IATH"),
    Definition::new("dzm_z_perc", "", "number of zones over voxels", "VIWW"),
    Definition::new("dzm_gl_var", "", "variance of the gray levels of zones", "QK93"),
    Definition::new("dzm_zd_var", "", "variance of zone distances", "7WT1"),
    Definition::new("dzm_zd_entr", "bit", "entropy of gray levels and zone distances", "GBDU"),
];

/// Size zone features with an aggregation, of which the dimension alone matters.
pub(crate) fn size_features(levels: &Levels, aggregation: Aggregation) -> Vec<Feature> {
    let nowhere = vec![0; levels.ranks.len()];
    let values = of_zones(levels, aggregation, &nowhere, |zone| zone.size);
    named(&SIZE_DEFINITIONS, values, aggregation.dimension_suffix(), "")
}

/// Distance zone features with an aggregation, of which the dimension alone matters. Distances are
/// those to the border of the region's shape.
pub(crate) fn distance_features(
    levels: &Levels,
    shape: &Region,
    aggregation: Aggregation,
) -> Vec<Feature> {
    let distances = border_distances(shape, aggregation.merged() == Aggregation::Merged3d);
    let values = of_zones(levels, aggregation, &distances, |zone| zone.distance);
    named(&DISTANCE_DEFINITIONS, values, aggregation.dimension_suffix(), "")
}

fn of_zones(
    levels: &Levels,
    aggregation: Aggregation,
    distances: &[u32],
    property: impl Fn(&Zone) -> u32,
) -> [f64; 16] {
    // Where a voxel is cleared, a zone has taken it.
    let mut ranks = levels.ranks.clone();
    averaged(levels, aggregation.merged(), |part| {
        let zones = zones(&mut ranks, part, distances);
        let entries =
            zones.iter().map(|zone| (levels.present[usize::from(zone.rank) - 1], property(zone)));
        emphasis::features(&emphasis::tally(entries.collect()), part.indices.len() as f64)
    })
}

struct Zone {
    rank: u16,
    /// In voxels.
    size: u32,
    /// The least distance of its voxels from the border.
    distance: u32,
}

fn zones(ranks: &mut [u16], part: &Part, distances: &[u32]) -> Vec<Zone> {
    let mut zones = Vec::new();
    let mut reached = Vec::new();
    for &seed in part.indices {
        let rank = ranks[seed];
        if rank == 0 {
            continue;
        }
        let mut zone = Zone { rank, size: 0, distance: u32::MAX };
        ranks[seed] = 0;
        reached.push(seed);
        while let Some(index) = reached.pop() {
            zone.size += 1;
            zone.distance = zone.distance.min(distances[index]);
            for neighbor in part.neighbors(index) {
                if ranks[neighbor] == rank {
                    ranks[neighbor] = 0;
                    reached.push(neighbor);
                }
            }
        }
        zones.push(zone);
    }
    zones
}

/// How many steps along the axes lead from a voxel out of the region; 1 on its rim, 0 outside.
fn border_distances(shape: &Region, in_volume: bool) -> Vec<u32> {
    let [width, height, _] = shape.size;
    let steps = [1, width, width * height];
    let steps = &steps[..if in_volume { 3 } else { 2 }];
    // The distance along axes is exact after one pass forwards and one back.
    let mut distances = vec![0_u32; shape.inside.len()];
    for &index in &shape.indices {
        let before = steps.iter().map(|step| distances[index - step]).min();
        distances[index] = before.unwrap_or(0) + 1;
    }
    for &index in shape.indices.iter().rev() {
        for step in steps {
            distances[index] = distances[index].min(distances[index + step] + 1);
        }
    }
    distances
}
