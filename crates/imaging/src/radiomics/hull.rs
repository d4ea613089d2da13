//! The convex hull of a region's surface.
//!
//! Vertices of the surface lie half way between voxels, on a lattice of half voxels, where sums are
//! exact. Many of them share a plane or a line, which no hull algorithm likes: so each is moved by a
//! pseudo-random part of a half voxel, too small to change the hull but enough that no four share
//! a plane, and the hull of the moved vertices is measured where they were.

use std::collections::HashMap;

use super::region::Region;
use crate::vector::{self, Vector};

/// A vertex in half voxels: twice the voxel index, plus or minus one along the axis it lies on.
type Vertex = [i64; 3];

/// A closed surface of triangles, convex.
pub(crate) struct Hull {
    /// In mm.
    pub(crate) vertices: Vec<Vector>,
    /// Corners in an order that makes the normal point outwards.
    pub(crate) triangles: Vec<[usize; 3]>,
}

impl Hull {
    /// The hull of a region's surface.
    pub(crate) fn new(region: &Region) -> Self {
        let candidates = extremes(region);
        let mut triangles = triangulated(&moved(&candidates));
        let mut numbers = HashMap::new();
        let mut vertices = Vec::new();
        for corner in triangles.iter_mut().flatten() {
            let vertex = candidates[*corner];
            *corner = *numbers.entry(*corner).or_insert_with(|| {
                vertices.push(std::array::from_fn(|axis| {
                    vertex[axis] as f64 / 2.0 * region.spacing_mm[axis]
                }));
                vertices.len() - 1
            });
        }
        Self { vertices, triangles }
    }

    /// The area vectors of the triangles with a corner of each.
    fn faces(&self) -> impl Iterator<Item = (Vector, Vector)> {
        self.triangles.iter().map(|corners| {
            let [a, b, c] = corners.map(|corner| self.vertices[corner]);
            let normal = vector::cross(vector::subtract(b, a), vector::subtract(c, a));
            (vector::scale(normal, 0.5), a)
        })
    }

    pub(crate) fn area_mm2(&self) -> f64 {
        self.faces().map(|(normal, _)| vector::norm(normal)).sum()
    }

    pub(crate) fn volume_mm3(&self) -> f64 {
        self.faces().map(|(normal, corner)| vector::dot(normal, corner) / 3.0).sum()
    }

    /// The greatest distance between two vertices, which for the hull is that of the surface.
    pub(crate) fn diameter_mm(&self) -> f64 {
        let mut greatest = 0.0_f64;
        for (index, &a) in self.vertices.iter().enumerate() {
            for &b in &self.vertices[index + 1..] {
                let difference = vector::subtract(a, b);
                greatest = greatest.max(vector::dot(difference, difference));
            }
        }
        greatest.sqrt()
    }
}

/// The vertices that may be corners of the hull: those at the end of a line of voxels and, of these,
/// those on the convex hull of every plane they lie in.
fn extremes(region: &Region) -> Vec<Vertex> {
    let mut vertices = Vec::new();
    for axis in 0..3 {
        vertices.extend(line_ends(region, axis));
    }
    for axis in [2, 1, 0] {
        vertices = on_planar_hulls(vertices, axis);
    }
    vertices
}

/// The first and last vertex on every line of voxels along an axis.
fn line_ends(region: &Region, axis: usize) -> Vec<Vertex> {
    let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
    let mut ends: Vec<Option<(usize, usize)>> = vec![None; region.size[u] * region.size[v]];
    for &index in &region.indices {
        let position = region.position(index);
        let along = position[axis];
        let line = &mut ends[position[v] * region.size[u] + position[u]];
        let (first, last) = line.unwrap_or((along, along));
        *line = Some((first.min(along), last.max(along)));
    }
    let mut vertices = Vec::new();
    for (line, ends) in ends.into_iter().enumerate() {
        let Some((first, last)) = ends else { continue };
        for along in [2 * signed(first) - 1, 2 * signed(last) + 1] {
            let mut vertex = [0; 3];
            vertex[axis] = along;
            vertex[u] = 2 * signed(line % region.size[u]);
            vertex[v] = 2 * signed(line / region.size[u]);
            vertices.push(vertex);
        }
    }
    vertices
}

fn signed(index: usize) -> i64 {
    i64::try_from(index).expect("an index fits in 63 bits")
}

/// Keeps the vertices that are corners of the convex hull of their plane across an axis.
fn on_planar_hulls(mut vertices: Vec<Vertex>, axis: usize) -> Vec<Vertex> {
    let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
    vertices.sort_unstable_by_key(|vertex| (vertex[axis], vertex[u], vertex[v]));
    vertices
        .chunk_by(|a, b| a[axis] == b[axis])
        .flat_map(|plane| {
            let mut kept = half_hull(plane.iter(), u, v);
            kept.extend(half_hull(plane.iter().rev(), u, v));
            kept.sort_unstable();
            kept.dedup();
            kept
        })
        .collect()
}

/// One side of the hull of sorted points (Andrew's monotone chain, 1979).
fn half_hull<'a>(points: impl Iterator<Item = &'a Vertex>, u: usize, v: usize) -> Vec<Vertex> {
    let mut hull: Vec<Vertex> = Vec::new();
    for &point in points {
        while let [.., a, b] = hull[..] {
            let turn = (b[u] - a[u]) * (point[v] - a[v]) - (b[v] - a[v]) * (point[u] - a[u]);
            if turn > 0 {
                break;
            }
            hull.pop();
        }
        hull.push(point);
    }
    hull
}

/// A face of the growing hull.
struct Face {
    corners: [usize; 3],
    /// Its normal, outwards.
    normal: [i128; 3],
    /// The points outside of it that no other face has.
    outside: Vec<usize>,
}

/// Vertices in much smaller units, each moved a little.
fn moved(vertices: &[Vertex]) -> Vec<Vertex> {
    let greatest = vertices.iter().flatten().map(|coordinate| coordinate.unsigned_abs()).max();
    // A normal is a product of two, and a distance of three: they must fit in 127 bits.
    let shift = greatest.unwrap_or(1).leading_zeros().saturating_sub(26).min(28);
    let mut state = 0_u64;
    // SplitMix64 (Steele et al., OOPSLA 2014).
    let mut noise = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        i64::from((z >> 32).to_le_bytes()[0]) - 128
    };
    vertices.iter().map(|vertex| vertex.map(|coordinate| (coordinate << shift) + noise())).collect()
}

/// The triangles of the hull of points in general position (Barber, Dobkin and Huhdanpaa, ACM
/// Transactions on Mathematical Software 1996).
fn triangulated(points: &[Vertex]) -> Vec<[usize; 3]> {
    let mut faces: Vec<Option<Face>> = Vec::new();
    // The face on the left of each edge.
    let mut left_of: HashMap<(usize, usize), usize> = HashMap::new();
    let add = |faces: &mut Vec<Option<Face>>,
               left_of: &mut HashMap<(usize, usize), usize>,
               corners: [usize; 3]| {
        let [a, b, c] = corners;
        for edge in [(a, b), (b, c), (c, a)] {
            left_of.insert(edge, faces.len());
        }
        let normal = cross(difference(points[b], points[a]), difference(points[c], points[a]));
        faces.push(Some(Face { corners, normal, outside: Vec::new() }));
    };
    for corners in tetrahedron(points) {
        add(&mut faces, &mut left_of, corners);
    }
    share_out(points, &mut faces, 0, 0..points.len());
    let mut next = 0;
    while next < faces.len() {
        let Some(apex) = faces[next].as_ref().and_then(|face| farthest(points, face)) else {
            next += 1;
            continue;
        };
        // What the apex sees gives way to a cone from its rim.
        let (seen, rim) = visible(points, &faces, &left_of, (next, apex));
        let gone: Vec<Face> = seen.iter().filter_map(|&face| faces[face].take()).collect();
        let first = faces.len();
        for (a, b) in rim {
            add(&mut faces, &mut left_of, [a, b, apex]);
        }
        let orphans = gone.iter().flat_map(|face| &face.outside).copied();
        share_out(points, &mut faces, first, orphans);
    }
    faces.into_iter().flatten().map(|face| face.corners).collect()
}

/// The faces that a point outside of one face sees, and the edges round them.
fn visible(
    points: &[Vertex],
    faces: &[Option<Face>],
    left_of: &HashMap<(usize, usize), usize>,
    (start, apex): (usize, usize),
) -> (Vec<usize>, Vec<(usize, usize)>) {
    let mut seen = vec![start];
    let mut rim = Vec::new();
    let mut looked = 0;
    while looked < seen.len() {
        let corners = faces[seen[looked]].as_ref().expect("a face in use").corners;
        looked += 1;
        let [a, b, c] = corners;
        for edge in [(a, b), (b, c), (c, a)] {
            let neighbor = left_of[&(edge.1, edge.0)];
            if seen.contains(&neighbor) {
                continue;
            }
            let face = faces[neighbor].as_ref().expect("a face in use");
            if height(points, face, apex) > 0 {
                seen.push(neighbor);
            } else {
                rim.push(edge);
            }
        }
    }
    (seen, rim)
}

/// Gives each point to the first face from a number on that it is outside of.
fn share_out(
    points: &[Vertex],
    faces: &mut [Option<Face>],
    first: usize,
    candidates: impl Iterator<Item = usize>,
) {
    for point in candidates {
        let mut new = faces[first..].iter_mut().flatten();
        if let Some(face) = new.find(|face| height(points, face, point) > 0) {
            face.outside.push(point);
        }
    }
}

fn farthest(points: &[Vertex], face: &Face) -> Option<usize> {
    face.outside.iter().copied().max_by_key(|&point| height(points, face, point))
}

/// How far a point is above a face, in units of the face.
fn height(points: &[Vertex], face: &Face, point: usize) -> i128 {
    dot(face.normal, difference(points[point], points[face.corners[0]]))
}

/// The faces of a first tetrahedron between far points.
fn tetrahedron(points: &[Vertex]) -> [[usize; 3]; 4] {
    let far = |of: &dyn Fn(usize) -> f64| {
        (0..points.len()).max_by(|&a, &b| of(a).total_cmp(&of(b))).expect("a region has vertices")
    };
    let float = |vector: [i128; 3]| vector.map(|coordinate| coordinate as f64);
    let a = far(&|point| points[point][0] as f64);
    let b = far(&|point| vector::norm(float(difference(points[point], points[a]))));
    let line = difference(points[b], points[a]);
    let c = far(&|point| vector::norm(float(cross(line, difference(points[point], points[a])))));
    let normal = cross(line, difference(points[c], points[a]));
    let above = |point: usize| dot(normal, difference(points[point], points[a]));
    let d = far(&|point| (above(point) as f64).abs());
    let (b, c) = if above(d) < 0 { (b, c) } else { (c, b) };
    [[a, b, c], [a, d, b], [b, d, c], [c, d, a]]
}

fn difference(a: Vertex, b: Vertex) -> [i128; 3] {
    std::array::from_fn(|axis| i128::from(a[axis] - b[axis]))
}

fn cross(a: [i128; 3], b: [i128; 3]) -> [i128; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn dot(a: [i128; 3], b: [i128; 3]) -> i128 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(size: [usize; 3], spacing_mm: Vector, inside: impl Fn([usize; 3]) -> bool) -> Region {
        let count = size.iter().product();
        let mut region = Region {
            start: [0; 3],
            size,
            spacing_mm,
            inside: vec![0; count],
            indices: Vec::new(),
            values: Vec::new(),
        };
        for index in 0..count {
            let position = region.position(index);
            if inside(position) {
                region.inside[index] = 1;
                region.indices.push(index);
                region.values.push(0.0);
            }
        }
        region
    }

    /// Every vertex lies inside all faces; the numbers of corners, edges and faces fit Euler.
    fn check(hull: &Hull, region: &Region) {
        assert_eq!(hull.triangles.len() + 4, 2 * hull.vertices.len(), "Euler");
        let size = vector::norm(region.spacing_mm) * region.size[0] as f64;
        for (normal, corner) in hull.faces() {
            let reach = vector::norm(normal) * size * 1e-7 + 1e-9;
            for &vertex in &hull.vertices {
                let above = vector::dot(normal, vector::subtract(vertex, corner));
                assert!(above <= reach, "{above}");
            }
        }
    }

    #[test]
    fn one_voxel_is_its_own_hull() {
        let region = region([3; 3], [2.0; 3], |position| position == [1; 3]);
        let hull = Hull::new(&region);
        assert_eq!(hull.vertices.len(), 6);
        assert!((hull.volume_mm3() - 4.0 / 3.0).abs() < 1e-12);
        assert!((hull.area_mm2() - 4.0 * 3.0_f64.sqrt()).abs() < 1e-12);
        assert!((hull.diameter_mm() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_box_has_flat_faces() {
        // 10 x 6 x 4 voxels: a box whose edges and corners the surface cuts by half a voxel.
        let region = region([12, 8, 6], [1.0; 3], |[x, y, z]| {
            (1..=10).contains(&x) && (1..=6).contains(&y) && (1..=4).contains(&z)
        });
        let hull = Hull::new(&region);
        check(&hull, &region);
        let mesh = super::super::mesh::measure(&region, super::super::mesh::Diagonals::Joined);
        assert!((hull.volume_mm3() - mesh.volume_mm3).abs() < 1e-9, "{}", hull.volume_mm3());
        assert!((hull.area_mm2() - mesh.area_mm2).abs() < 1e-9, "{}", hull.area_mm2());
    }

    #[test]
    fn an_odd_shape_is_wrapped() {
        let odd = |[x, y, z]: [usize; 3]| {
            let inner = [x, y, z].iter().all(|&coordinate| coordinate > 0);
            inner && (x * 7 + y * 13 + z * 29) % 11 < 3 && x + y + z < 40
        };
        let region = region([24, 20, 16], [0.7, 0.9, 3.0], |position| {
            odd(position) && position.iter().zip([23, 19, 15]).all(|(&p, end)| p < end)
        });
        let hull = Hull::new(&region);
        check(&hull, &region);
        let mut greatest = 0.0_f64;
        for &a in &extremes(&region) {
            for &b in &extremes(&region) {
                let distance: f64 = (0..3)
                    .map(|axis| {
                        ((a[axis] - b[axis]) as f64 / 2.0 * region.spacing_mm[axis]).powi(2)
                    })
                    .sum();
                greatest = greatest.max(distance.sqrt());
            }
        }
        assert!((hull.diameter_mm() - greatest).abs() < 1e-12);
    }
}
