//! Closed planar contours to voxels.

use std::ops::Range;

use ndarray::{Array2, Array3, ArrayViewMut2, Axis};

use crate::Geometry;

/// A closed polygon in patient coordinates.
#[derive(Clone)]
pub(super) struct Contour {
    pub(super) points: Vec<[f64; 3]>,
    /// Whether it is combined with the others of its slice by exclusive or.
    pub(super) is_xor: bool,
}

/// A contour in voxel indices.
struct Polygon {
    /// Column and row, not rounded.
    points: Vec<[f64; 2]>,
    /// The slice that its plane lies at, not rounded.
    plane: f64,
    is_xor: bool,
}

/// A side of a polygon.
type Edge = ([f64; 2], [f64; 2]);

/// How far a contour's points may lie from its plane, in slices.
const BENT: f64 = 0.5;

/// Planes closer to each other than this, in slices, are one plane.
const SAME_PLANE: f64 = 0.01;

/// Marks the voxels whose center is inside the contours of their slice.
///
/// `CLOSEDPLANAR_XOR` contours are combined by exclusive or. Of `CLOSED_PLANAR` ones that with all
/// its voxels in another is a hole, or an island in a hole; those that overlap in part are joined,
/// and a contour that stands there twice counts once.
pub(super) fn rasterize(contours: &[Contour], geometry: &Geometry) -> Result<Array3<bool>, String> {
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
        draw(plane, &mut voxels.index_axis_mut(Axis(0), slice));
    }
    Ok(voxels)
}

fn in_voxels(contour: &Contour, geometry: &Geometry) -> Result<Polygon, String> {
    let points: Vec<[f64; 3]> = contour.points.iter().map(|&point| geometry.index(point)).collect();
    let plane = points.iter().map(|point| point[2]).sum::<f64>() / points.len() as f64;
    // The comparisons are false for numbers that overflowed, too.
    if !points.iter().all(|point| (point[2] - plane).abs() <= BENT) {
        return Err("is not parallel to the image's slices".to_owned());
    }
    let last = geometry.size[2] as f64 - 1.0;
    if !(-0.5..=last + 0.5).contains(&plane) {
        return Err(format!(
            "lies {:.1} slices beyond the image: are slices missing at its end?",
            if plane < 0.0 { -plane } else { plane - last }
        ));
    }
    let points = points.iter().map(|&[x, y, _]| [x, y]).collect();
    Ok(Polygon { points, plane, is_xor: contour.is_xor })
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

/// Draws the polygons of one slice.
fn draw(plane: &[Polygon], voxels: &mut ArrayViewMut2<bool>) {
    if plane.len() > 1 && plane.iter().all(|polygon| !polygon.is_xor) {
        draw_nested(plane, voxels);
        return;
    }
    let dim = voxels.dim();
    for polygon in plane {
        polygon.spans(dim, |row, columns| {
            for column in columns {
                voxels[[row, column]] ^= true;
            }
        });
    }
}

/// Draws contours of which one may be a hole in another.
fn draw_nested(plane: &[Polygon], voxels: &mut ArrayViewMut2<bool>) {
    let mut regions: Vec<Region> = Vec::new();
    for (number, polygon) in plane.iter().enumerate() {
        let is_repeated = plane[..number].iter().any(|other| other.points == polygon.points);
        if !is_repeated && let Some(region) = Region::of(polygon, voxels.dim()) {
            regions.push(region);
        }
    }
    // How many contours each lies in: in one is a hole, in two an island in a hole.
    let mut depths: Vec<(usize, &Region)> = regions
        .iter()
        .map(|region| (regions.iter().filter(|other| region.lies_in(other)).count(), region))
        .collect();
    depths.sort_by_key(|(depth, _)| *depth);
    for (depth, region) in depths {
        for (row, column) in region.inside() {
            voxels[[row, column]] = depth % 2 == 0;
        }
    }
}

/// The voxels of one contour.
struct Region {
    /// In square pixels.
    area: f64,
    /// The row and column of the first voxel of `voxels`.
    start: [usize; 2],
    voxels: Array2<bool>,
}

impl Region {
    /// `None` for a contour without voxels.
    fn of(polygon: &Polygon, dim: (usize, usize)) -> Option<Self> {
        let (rows, columns) = (polygon.extent(1, dim.0), polygon.extent(0, dim.1));
        let start = [rows.start, columns.start];
        let mut voxels = Array2::from_elem((rows.len(), columns.len()), false);
        polygon.spans(dim, |row, columns| {
            for column in columns {
                voxels[[row - start[0], column - start[1]]] = true;
            }
        });
        let some = voxels.iter().any(|&inside| inside);
        some.then(|| Self { area: polygon.area(), start, voxels })
    }

    /// The rows and columns in the slice.
    fn inside(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let [top, left] = self.start;
        let marked = self.voxels.indexed_iter().filter(|(_, inside)| **inside);
        marked.map(move |((row, column), _)| (top + row, left + column))
    }

    /// Whether all voxels are among those of a larger contour.
    fn lies_in(&self, other: &Self) -> bool {
        let [top, left] = other.start;
        let has = |(row, column): (usize, usize)| {
            let place = row.checked_sub(top).zip(column.checked_sub(left));
            place
                .and_then(|(row, column)| other.voxels.get([row, column]))
                .is_some_and(|&inside| inside)
        };
        self.area < other.area && self.inside().all(has)
    }
}

impl Polygon {
    /// The indices of the centers that it spans along x (0) or y (1), at most `count`.
    fn extent(&self, axis: usize, count: usize) -> Range<usize> {
        let coordinates = || self.points.iter().map(|point| point[axis]);
        let low = coordinates().fold(f64::INFINITY, f64::min);
        let high = coordinates().fold(f64::NEG_INFINITY, f64::max);
        first_at_least(low, count)..first_at_least(high, count)
    }

    fn area(&self) -> f64 {
        let next = self.points.iter().cycle().skip(1);
        let doubled = self.points.iter().zip(next).map(|(a, b)| a[0] * b[1] - b[0] * a[1]);
        doubled.sum::<f64>().abs() / 2.0
    }

    /// Gives the columns inside for each row by the even-odd rule, between the crossings of the
    /// row's center line. A center exactly on a left or upper edge is inside, on a right or lower
    /// edge outside.
    fn spans(&self, (rows, columns): (usize, usize), mut mark: impl FnMut(usize, Range<usize>)) {
        let next = self.points.iter().copied().cycle().skip(1);
        let mut edges: Vec<Edge> = self
            .points
            .iter()
            .copied()
            .zip(next)
            .filter(|(a, b)| first_at_least(a[1], rows) != first_at_least(b[1], rows))
            .collect();
        edges.sort_by(|a, b| a.0[1].min(a.1[1]).total_cmp(&b.0[1].min(b.1[1])));
        let mut waiting = edges.into_iter().peekable();
        // Rows are gone through downwards with the edges that reach them.
        let mut reaching: Vec<Edge> = Vec::new();
        let mut crossings = Vec::new();
        for row in self.extent(1, rows) {
            let line = row as f64;
            while let Some(edge) = waiting.next_if(|(a, b)| a[1].min(b[1]) <= line) {
                reaching.push(edge);
            }
            reaching.retain(|(a, b)| a[1].max(b[1]) > line);
            let crossing = |&([x0, y0], [x1, y1]): &Edge| x0 + (line - y0) * (x1 - x0) / (y1 - y0);
            crossings.clear();
            crossings.extend(reaching.iter().map(crossing));
            crossings.sort_unstable_by(f64::total_cmp);
            for pair in crossings.chunks_exact(2) {
                let inside = first_at_least(pair[0], columns)..first_at_least(pair[1], columns);
                mark(row, inside);
            }
        }
    }
}

/// The first index whose center is not below a coordinate; at most `count`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range")]
fn first_at_least(coordinate: f64, count: usize) -> usize {
    coordinate.ceil().clamp(0.0, count as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(low: f64, high: f64, z: f64) -> Contour {
        let points = vec![[low, low, z], [high, low, z], [high, high, z], [low, high, z]];
        Contour { points, is_xor: false }
    }

    fn grid(slices: usize) -> Geometry {
        Geometry {
            size: [10, 10, slices],
            spacing_mm: [1.0; 3],
            origin_mm: [0.0; 3],
            direction: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        }
    }

    /// A contour that is combined by exclusive or.
    fn xor(contour: Contour) -> Contour {
        Contour { is_xor: true, ..contour }
    }

    #[test]
    fn counts_voxels() {
        let two_points = Contour { points: vec![[1.0, 1.0, 0.0], [5.0, 5.0, 0.0]], is_xor: false };
        let beyond_the_edge = square(-3.5, 1.5, 0.0);
        let keyhole = {
            let outer = [[0.5, 0.5], [6.5, 0.5], [6.5, 6.5], [0.5, 6.5], [0.5, 0.5]];
            let inner = [[2.5, 2.5], [2.5, 4.5], [4.5, 4.5], [4.5, 2.5], [2.5, 2.5]];
            Contour {
                points: outer.iter().chain(&inner).map(|&[x, y]| [x, y, 0.0]).collect(),
                is_xor: false,
            }
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
            (
                "a hole that touches the edge",
                vec![square(0.5, 6.5, 0.0), square(0.5, 2.5, 0.0)],
                1,
                32,
            ),
            ("overlapping in part", vec![square(0.5, 4.5, 0.0), square(2.5, 6.5, 0.0)], 1, 28),
            (
                "overlapping, by exclusive or",
                vec![xor(square(0.5, 4.5, 0.0)), xor(square(2.5, 6.5, 0.0))],
                1,
                24,
            ),
            (
                "a hole by exclusive or",
                vec![xor(square(2.5, 4.5, 0.0)), xor(square(0.5, 6.5, 0.0))],
                1,
                32,
            ),
            ("twice the same", vec![square(0.5, 3.5, 0.0), square(0.5, 3.5, 0.0)], 1, 9),
            (
                "a hole between the centers",
                vec![square(0.5, 3.5, 0.0), square(1.2, 1.8, 0.0)],
                1,
                9,
            ),
            ("two islands", vec![square(0.5, 2.5, 0.0), square(5.5, 7.5, 0.0)], 1, 8),
            ("hole in another slice", vec![square(0.5, 6.5, 0.0), square(2.5, 4.5, 1.0)], 2, 40),
            ("keyhole", vec![keyhole], 1, 32),
            ("centers on the edge", vec![square(2.0, 4.0, 0.0)], 1, 4),
            ("two points", vec![two_points], 1, 0),
            ("cut by the image's edge", vec![beyond_the_edge], 1, 4),
            ("off the grid by less than half", vec![square(0.5, 3.5, 1.4)], 3, 9),
            ("two planes for one slice", vec![square(0.5, 3.5, 0.9), square(0.5, 6.5, 1.3)], 3, 9),
        ] {
            let voxels = rasterize(&contours, &grid(slices)).unwrap();
            assert_eq!(voxels.iter().filter(|&&inside| inside).count(), expected, "{case}");
        }
    }

    #[test]
    fn names_what_does_not_fit() {
        let tilted = Contour {
            points: vec![[1.0, 1.0, 0.0], [5.0, 1.0, 2.0], [5.0, 5.0, 2.0]],
            is_xor: false,
        };
        for (contour, expected) in [
            (square(1.0, 2.0, 4.0), "contour 1: lies 2.0 slices beyond the image"),
            (square(1.0, 2.0, -0.6), "contour 1: lies 0.6 slices beyond the image"),
            (tilted, "contour 1: is not parallel"),
        ] {
            let error = rasterize(&[contour], &grid(3)).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
