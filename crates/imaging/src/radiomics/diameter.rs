//! The greatest distance between two vertices of a region's surface.
//!
//! Only vertices at the end of a line of voxels can be extreme, and of these only those on the
//! convex hull of every plane they lie in. What is left is small enough to compare pair by pair.

use super::region::Region;

/// A vertex in half voxels: twice the voxel index, plus or minus one along the axis it lies on.
type Vertex = [i64; 3];

/// The maximum 3D diameter in mm (IBSI L0JK).
pub(crate) fn maximum_mm(region: &Region) -> f64 {
    let mut vertices = Vec::new();
    for axis in 0..3 {
        vertices.extend(line_ends(region, axis));
    }
    for axis in [2, 1, 0] {
        vertices = on_planar_hulls(vertices, axis);
    }
    let scaled: Vec<[f64; 3]> = vertices
        .iter()
        .map(|vertex| {
            std::array::from_fn(|axis| vertex[axis] as f64 / 2.0 * region.spacing_mm[axis])
        })
        .collect();
    let mut greatest = 0.0_f64;
    for (index, a) in scaled.iter().enumerate() {
        for b in &scaled[index + 1..] {
            let squared: f64 = (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum();
            greatest = greatest.max(squared);
        }
    }
    greatest.sqrt()
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
