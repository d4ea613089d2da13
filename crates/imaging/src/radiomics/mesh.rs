//! The surface of a region: marching cubes (Lorensen and Cline, SIGGRAPH 1987) at the level halfway
//! between inside and outside, so that every vertex is the midpoint of a cube's edge.
//!
//! A cube's part of the surface depends on which of its eight corners are inside and on nothing
//! else. So the cubes of each of the 256 kinds are counted, with the sum of their positions, and
//! area and volume follow from 256 small meshes.

use super::region::Region;
use crate::vector::{self, Vector};

/// The area and the volume inside a region's surface.
pub(crate) struct Surface {
    pub(crate) area_mm2: f64,
    pub(crate) volume_mm3: f64,
}

/// What the surface does on a cube's face that has two inner corners on its diagonal.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Diagonals {
    /// Joins the inner corners. The neighboring cube sees the same face and cuts it likewise, so
    /// that the surface has no holes.
    Joined,
    /// As the table of pyradiomics: cubes with one certain corner inside join the inner corners,
    /// the others separate them.
    Pyradiomics,
}

impl Diagonals {
    /// The kind of cube whose cut a cube has, and -1 where its inside is out.
    fn cut_as(self, kind: u8) -> (u8, f64) {
        // The last corner of pyradiomics is at (0, 1, 1).
        let swapped = self == Self::Pyradiomics && kind >> 6 & 1 == 1;
        if swapped { (!kind, -1.0) } else { (kind, 1.0) }
    }
}

/// Measures the surface of a region.
pub(crate) fn measure(region: &Region, diagonals: Diagonals) -> Surface {
    let cubes = count_cubes(region);
    let mut surface = Surface { area_mm2: 0.0, volume_mm3: 0.0 };
    for (kind, cubes) in (0_u8..=255).zip(cubes) {
        if cubes.count == 0 {
            continue;
        }
        let count = cubes.count as f64;
        let positions: Vector =
            std::array::from_fn(|axis| cubes.positions[axis] as f64 * region.spacing_mm[axis]);
        let (kind, sign) = diagonals.cut_as(kind);
        let polygons = polygons(kind, diagonals);
        for triangle in polygons.iter().flat_map(|polygon| triangulate(polygon, kind, diagonals)) {
            let [a, b, c] = triangle.map(|corner| -> Vector {
                std::array::from_fn(|axis| corner[axis] * region.spacing_mm[axis])
            });
            let normal = area_vector(a, b, c);
            surface.area_mm2 += count * vector::norm(normal);
            // Divergence theorem: a triangle spans the third part of (position · area vector).
            let offset = vector::add(positions, vector::scale(a, count));
            surface.volume_mm3 += sign * vector::dot(offset, normal) / 3.0;
        }
    }
    surface
}

#[derive(Clone, Copy, Default)]
struct Cubes {
    count: u64,
    /// The sum of the cubes' positions along x, y and z.
    positions: [u64; 3],
}

/// Counts the cubes between voxel centers by the corners inside: bit 0 is the corner at
/// (0, 0, 0), bit 1 at x + 1, bit 2 at y + 1, bit 4 at z + 1.
fn count_cubes(region: &Region) -> [Cubes; 256] {
    let [width, height, depth] = region.size;
    let mut cubes = [Cubes::default(); 256];
    for z in 0..depth - 1 {
        for y in 0..height - 1 {
            let row = |y: usize, z: usize| {
                let start = (z * height + y) * width;
                &region.inside[start..start + width]
            };
            let rows = [row(y, z), row(y + 1, z), row(y, z + 1), row(y + 1, z + 1)];
            let column =
                |x: usize| rows[0][x] | rows[1][x] << 2 | rows[2][x] << 4 | rows[3][x] << 6;
            let mut left = column(0);
            for x in 0..width - 1 {
                let right = column(x + 1);
                let kind = left | right << 1;
                left = right;
                if kind != 0 && kind != 255 {
                    let cubes = &mut cubes[usize::from(kind)];
                    cubes.count += 1;
                    for (sum, position) in cubes.positions.iter_mut().zip([x, y, z]) {
                        *sum += position as u64;
                    }
                }
            }
        }
    }
    cubes
}

/// The corners of a cube's faces, counter-clockwise when seen from outside.
const FACES: [[u8; 4]; 6] =
    [[0, 4, 6, 2], [1, 3, 7, 5], [0, 1, 5, 4], [2, 6, 7, 3], [0, 2, 3, 1], [4, 5, 7, 6]];

/// The closed polygons that separate a cube's inner from its outer corners. Vertices are in half
/// edges from the corner (0, 0, 0), in an order that makes the normal point outwards.
fn polygons(kind: u8, diagonals: Diagonals) -> Vec<Vec<[u8; 3]>> {
    let inside = |corner: u8| kind >> corner & 1 == 1;
    // On each face the surface runs from the edge where the rim enters the inside to an edge where
    // it leaves it: the one before to join the corners, or the next to separate them.
    let mut segments: Vec<([u8; 3], [u8; 3])> = Vec::new();
    for face in FACES {
        for start in 0..4 {
            let entered = [face[(start + 3) % 4], face[start]];
            if inside(entered[0]) || !inside(entered[1]) {
                continue;
            }
            let last = match diagonals {
                Diagonals::Joined => {
                    start + 4
                        - (2..4).find(|&step| inside(face[(start + 4 - step) % 4])).unwrap_or(4)
                }
                Diagonals::Pyradiomics => {
                    start + (1..3).find(|&step| !inside(face[(start + step) % 4])).unwrap_or(3) - 1
                }
            };
            let left = [face[last % 4], face[(last + 1) % 4]];
            segments.push((midpoint(entered), midpoint(left)));
        }
    }
    let mut polygons = Vec::new();
    while let Some((first, mut end)) = segments.pop() {
        let mut polygon = vec![first];
        while end != first {
            polygon.push(end);
            let next = segments.iter().position(|segment| segment.0 == end);
            end = segments.swap_remove(next.expect("every edge is left as often as entered")).1;
        }
        polygons.push(polygon);
    }
    polygons
}

/// The midpoint of the edge between two corners, in half edges.
fn midpoint(corners: [u8; 2]) -> [u8; 3] {
    std::array::from_fn(|axis| (corners[0] >> axis & 1) + (corners[1] >> axis & 1))
}

/// The kinds of cube whose hexagon pyradiomics cuts into a triangle of every other corner and three
/// triangles round it, and whether that triangle has the least corner (0) or its neighbors (1).
const HEXAGONS: [(u8, usize); 12] = [
    (27, 1),
    (29, 1),
    (39, 0),
    (46, 1),
    (53, 0),
    (58, 0),
    (139, 0),
    (141, 1),
    (163, 0),
    (172, 0),
    (177, 1),
    (184, 0),
];

/// Cuts a polygon into triangles that share one corner, in cube edges. A polygon need not be flat:
/// it is cut so that the part of the cube with fewer voxels is convex, whichever part that is. The
/// usual tables do so too, and the reference volume of the IBSI's digital phantom is met only this
/// way. Between cuts that enclose the same the smaller area decides. The choice is made in a cube
/// of unit edges, so that it does not hang on the last digit of the spacing.
fn triangulate(polygon: &[[u8; 3]], kind: u8, diagonals: Diagonals) -> Vec<[Vector; 3]> {
    let corners = polygon.len();
    if let Some((_, first)) = HEXAGONS.iter().find(|hexagon| hexagon.0 == kind)
        && diagonals == Diagonals::Pyradiomics
    {
        let least = (0..corners).min_by_key(|&corner| polygon[corner]).unwrap_or(0);
        let corner = |step: usize| polygon[(least + first + step) % corners].map(halved);
        return [[0, 2, 4], [0, 1, 2], [2, 3, 4], [4, 5, 0]].map(|steps| steps.map(corner)).into();
    }
    let fan = |apex: usize| -> Vec<[Vector; 3]> {
        let corner = |step: usize| polygon[(apex + step) % corners].map(halved);
        (1..corners - 1).map(|step| [corner(0), corner(step), corner(step + 1)]).collect()
    };
    let sign = if kind.count_ones() <= 4 { 1.0 } else { -1.0 };
    let volume = |triangles: &[[Vector; 3]]| -> f64 {
        triangles.iter().map(|&[a, b, c]| sign * vector::dot(a, area_vector(a, b, c))).sum()
    };
    let area = |triangles: &[[Vector; 3]]| -> f64 {
        triangles.iter().map(|&[a, b, c]| vector::norm(area_vector(a, b, c))).sum()
    };
    // Volumes are sums of eighths and exact.
    let better = |a: &Vec<[Vector; 3]>, b: &Vec<[Vector; 3]>| {
        volume(a).total_cmp(&volume(b)).then_with(|| area(b).total_cmp(&area(a)))
    };
    (0..corners).map(fan).max_by(better).expect("a polygon has corners")
}

fn halved(half_edges: u8) -> f64 {
    f64::from(half_edges) / 2.0
}

/// Half the cross product of two sides: the triangle's area along its normal.
fn area_vector(a: Vector, b: Vector, c: Vector) -> Vector {
    vector::scale(vector::cross(vector::subtract(b, a), vector::subtract(c, a)), 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_cube_has_closed_polygons_and_its_complement_the_same_cut_edges() {
        for kind in 0_u8..=255 {
            for diagonals in [Diagonals::Joined, Diagonals::Pyradiomics] {
                let mut cut: Vec<[u8; 3]> = polygons(kind, diagonals).concat();
                let mut complement: Vec<[u8; 3]> = polygons(!kind, diagonals).concat();
                cut.sort_unstable();
                complement.sort_unstable();
                assert_eq!(cut, complement, "kind {kind}");
                let closed = polygons(kind, diagonals).iter().all(|polygon| polygon.len() >= 3);
                assert!(closed, "kind {kind}");
            }
        }
    }

    #[test]
    fn one_voxel_is_an_octahedron() {
        let mut region = Region {
            start: [0; 3],
            size: [3, 3, 3],
            spacing_mm: [2.0, 2.0, 2.0],
            inside: vec![0; 27],
            indices: vec![13],
            values: vec![0.0],
        };
        region.inside[13] = 1;
        let surface = measure(&region, Diagonals::Joined);
        assert!((surface.volume_mm3 - 4.0 / 3.0).abs() < 1e-12);
        assert!((surface.area_mm2 - 4.0 * 3.0_f64.sqrt()).abs() < 1e-12);
    }
}
