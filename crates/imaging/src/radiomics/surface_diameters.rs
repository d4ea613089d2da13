//! The greatest distances between vertices of a region's surface that share a plane across an axis.

use super::region::Region;

/// A vertex within its plane, in half voxels.
type Point = [i64; 2];

/// The greatest distance in mm within a plane of one x, one y and one z.
pub(crate) fn planar_mm(region: &Region) -> [f64; 3] {
    let vertices = vertices(region);
    std::array::from_fn(|axis| {
        let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
        let mut sorted = vertices.clone();
        sorted.sort_unstable_by_key(|vertex| (vertex[axis], vertex[u], vertex[v]));
        let spacing = [region.spacing_mm[u] / 2.0, region.spacing_mm[v] / 2.0];
        sorted
            .chunk_by(|a, b| a[axis] == b[axis])
            .map(|plane| {
                let points: Vec<Point> =
                    plane.iter().map(|vertex| [vertex[u], vertex[v]]).collect();
                greatest_mm(&points, spacing)
            })
            .fold(0.0, f64::max)
    })
}

/// The middles of all faces between a voxel inside and one outside, in half voxels.
fn vertices(region: &Region) -> Vec<[i64; 3]> {
    let [width, height, _] = region.size;
    let mut vertices = Vec::new();
    for &index in &region.indices {
        let position = region.position(index).map(|p| 2 * i64::try_from(p).unwrap_or(i64::MAX / 2));
        for (axis, step) in [1, width, width * height].into_iter().enumerate() {
            for (neighbor, shift) in [(index - step, -1), (index + step, 1)] {
                if region.inside[neighbor] == 0 {
                    let mut vertex = position;
                    vertex[axis] += shift;
                    vertices.push(vertex);
                }
            }
        }
    }
    vertices
}

/// The greatest distance between points sorted by their first coordinate, then by their second: only
/// the first and the last of each first coordinate can be an end of it.
fn greatest_mm(points: &[Point], spacing_mm: [f64; 2]) -> f64 {
    let ends: Vec<Point> = points
        .chunk_by(|a, b| a[0] == b[0])
        .flat_map(|column| [column[0], column[column.len() - 1]])
        .collect();
    let mut greatest = 0.0_f64;
    for (index, a) in ends.iter().enumerate() {
        for b in &ends[index + 1..] {
            let x = (a[0] - b[0]) as f64 * spacing_mm[0];
            let y = (a[1] - b[1]) as f64 * spacing_mm[1];
            greatest = greatest.max(x * x + y * y);
        }
    }
    greatest.sqrt()
}
