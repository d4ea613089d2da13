//! Closed planar contours to voxels.

use ndarray::{Array3, ArrayViewMut2};

use crate::Geometry;

/// A closed polygon in patient coordinates.
pub(super) struct Contour {
    pub(super) points: Vec<[f64; 3]>,
}

/// A contour in voxel indices.
struct Polygon {
    /// Column and row, not rounded.
    points: Vec<[f64; 2]>,
    /// The slice that its plane lies at, not rounded.
    plane: f64,
}

/// How far a contour's points may lie from its plane, in slices.
const BENT: f64 = 0.5;

/// Planes closer to each other than this, in slices, are one plane.
const SAME_PLANE: f64 = 0.01;

/// Marks the voxels whose centre is inside an odd number of the contours of their slice.
pub(super) fn rasterise(contours: &[Contour], geometry: &Geometry) -> Result<Array3<bool>, String> {
    let mut polygons = Vec::new();
    for (number, contour) in contours.iter().enumerate() {
        // Fewer than three points enclose nothing.
        if contour.points.len() >= 3 {
            let polygon = in_voxels(contour, geometry);
            polygons.push(polygon.map_err(|problem| format!("contour {}: {problem}", number + 1))?);
        }
    }
    polygons.sort_by(|a, b| a.plane.total_cmp(&b.plane));
    let mut voxels = Array3::from_elem(geometry.shape(), false);
    for (slice, plane) in nearest_planes(&polygons, geometry.size[2]).into_iter().enumerate() {
        let mut voxels = voxels.index_axis_mut(ndarray::Axis(0), slice);
        fill(plane, &mut voxels);
    }
    Ok(voxels)
}

fn in_voxels(contour: &Contour, geometry: &Geometry) -> Result<Polygon, String> {
    let points: Vec<[f64; 3]> = contour.points.iter().map(|&point| geometry.index(point)).collect();
    let plane = points.iter().map(|point| point[2]).sum::<f64>() / points.len() as f64;
    if points.iter().any(|point| (point[2] - plane).abs() > BENT) {
        return Err("is not parallel to the image's slices".to_owned());
    }
    let last = geometry.size[2] as f64 - 1.0;
    if !(-0.5..=last + 0.5).contains(&plane) {
        return Err(format!(
            "lies {:.1} slices beyond the image: are slices missing at its end?",
            if plane < 0.0 { -plane } else { plane - last }
        ));
    }
    Ok(Polygon { points: points.iter().map(|&[x, y, _]| [x, y]).collect(), plane })
}

/// For each slice the polygons, sorted by plane, of the plane nearest to it within half a slice.
fn nearest_planes(polygons: &[Polygon], slices: usize) -> Vec<&[Polygon]> {
    let mut nearest: Vec<(f64, &[Polygon])> = vec![(f64::INFINITY, &[]); slices];
    for plane in polygons.chunk_by(|a, b| b.plane - a.plane <= SAME_PLANE) {
        let position = plane[0].plane;
        let slice = slice_at(position, slices);
        let distance = (position - slice as f64).abs();
        if distance < nearest[slice].0 {
            nearest[slice] = (distance, plane);
        }
    }
    nearest.into_iter().map(|(_, plane)| plane).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range")]
fn slice_at(position: f64, slices: usize) -> usize {
    position.round().clamp(0.0, slices as f64 - 1.0) as usize
}

/// Fills one slice by the even-odd rule, row by row between the crossings of its centre line. A
/// centre exactly on a left or upper edge is inside, on a right or lower edge outside.
fn fill(polygons: &[Polygon], voxels: &mut ArrayViewMut2<bool>) {
    let (rows, columns) = voxels.dim();
    let mut crossings: Vec<Vec<f64>> = vec![Vec::new(); rows];
    for polygon in polygons {
        let next = polygon.points.iter().cycle().skip(1);
        for (&[x0, y0], &[x1, y1]) in polygon.points.iter().zip(next) {
            let (top, bottom) = (y0.min(y1), y0.max(y1));
            let crossed = first_at_least(top, rows)..first_at_least(bottom, rows);
            for (row, crossings) in crossed.clone().zip(&mut crossings[crossed]) {
                crossings.push(x0 + (row as f64 - y0) * (x1 - x0) / (y1 - y0));
            }
        }
    }
    for (row, crossings) in crossings.iter_mut().enumerate() {
        crossings.sort_unstable_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            for column in first_at_least(pair[0], columns)..first_at_least(pair[1], columns) {
                voxels[[row, column]] = true;
            }
        }
    }
}

/// The first index whose centre is not below a coordinate; at most `count`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range")]
fn first_at_least(coordinate: f64, count: usize) -> usize {
    coordinate.ceil().clamp(0.0, count as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(low: f64, high: f64, z: f64) -> Contour {
        let points = vec![[low, low, z], [high, low, z], [high, high, z], [low, high, z]];
        Contour { points }
    }

    fn grid(slices: usize) -> Geometry {
        Geometry {
            size: [10, 10, slices],
            spacing_mm: [1.0; 3],
            origin_mm: [0.0; 3],
            direction: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        }
    }

    #[test]
    fn counts_voxels() {
        let two_points = Contour { points: vec![[1.0, 1.0, 0.0], [5.0, 5.0, 0.0]] };
        let beyond_the_edge = square(-3.5, 1.5, 0.0);
        let keyhole = {
            let outer = [[0.5, 0.5], [6.5, 0.5], [6.5, 6.5], [0.5, 6.5], [0.5, 0.5]];
            let inner = [[2.5, 2.5], [2.5, 4.5], [4.5, 4.5], [4.5, 2.5], [2.5, 2.5]];
            Contour { points: outer.iter().chain(&inner).map(|&[x, y]| [x, y, 0.0]).collect() }
        };
        for (case, contours, slices, expected) in [
            ("square", vec![square(0.5, 3.5, 0.0)], 1, 9),
            ("hole", vec![square(0.5, 6.5, 0.0), square(2.5, 4.5, 0.0)], 1, 32),
            (
                "island in a hole",
                vec![square(0.5, 8.5, 0.0), square(1.5, 7.5, 0.0), square(3.5, 5.5, 0.0)],
                1,
                32,
            ),
            ("keyhole", vec![keyhole], 1, 32),
            ("centres on the edge", vec![square(2.0, 4.0, 0.0)], 1, 4),
            ("two points", vec![two_points], 1, 0),
            ("cut by the image's edge", vec![beyond_the_edge], 1, 4),
            ("off the grid by less than half", vec![square(0.5, 3.5, 1.4)], 3, 9),
            ("two planes for one slice", vec![square(0.5, 3.5, 0.9), square(0.5, 6.5, 1.3)], 3, 9),
        ] {
            let voxels = rasterise(&contours, &grid(slices)).unwrap();
            assert_eq!(voxels.iter().filter(|&&inside| inside).count(), expected, "{case}");
        }
    }

    #[test]
    fn names_what_does_not_fit() {
        let tilted = Contour { points: vec![[1.0, 1.0, 0.0], [5.0, 1.0, 2.0], [5.0, 5.0, 2.0]] };
        for (contour, expected) in [
            (square(1.0, 2.0, 4.0), "contour 1: lies 2.0 slices beyond the image"),
            (square(1.0, 2.0, -0.6), "contour 1: lies 0.6 slices beyond the image"),
            (tilted, "contour 1: is not parallel"),
        ] {
            let error = rasterise(&[contour], &grid(3)).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
