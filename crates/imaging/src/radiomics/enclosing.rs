//! The smallest box and the smallest ellipsoid round a convex hull, and the area of an ellipsoid.

use std::f64::consts::PI;

use super::hull::Hull;
use super::moments::eigenvalues;
use crate::vector::{self, Vector};

/// The edges in mm of the smallest box that lies flush with a face of the hull and has an edge of
/// its outline (O'Rourke, 1985, would also turn it off the faces, which gains next to nothing).
pub(crate) fn smallest_box_mm(hull: &Hull) -> [f64; 3] {
    let mut across: Vec<([usize; 2], [usize; 2])> = Vec::new();
    let mut faces_of = std::collections::HashMap::new();
    let mut normals = Vec::new();
    for (face, &[a, b, c]) in hull.triangles.iter().enumerate() {
        let [p, q, r] = [a, b, c].map(|corner| hull.vertices[corner]);
        normals.push(vector::cross(vector::subtract(q, p), vector::subtract(r, p)));
        for [from, to] in [[a, b], [b, c], [c, a]] {
            match faces_of.remove(&[to, from]) {
                Some(other) => across.push(([from, to], [face, other])),
                None => drop(faces_of.insert([from, to], face)),
            }
        }
    }
    let mut smallest = ([f64::INFINITY; 3], f64::INFINITY);
    for normal in distinct_directions(&normals) {
        // The outline as seen along the normal: edges between a face on its side and one not.
        let side =
            |face: usize| vector::dot(normals[face], normal) > 1e-9 * vector::norm(normals[face]);
        let outline: Vec<[Vector; 2]> = across
            .iter()
            .filter(|(_, [face, other])| side(*face) != side(*other))
            .map(|(ends, _)| ends.map(|end| hull.vertices[end]))
            .collect();
        let height = extent(hull.vertices.iter(), normal);
        for [from, to] in &outline {
            let edge = vector::subtract(*to, *from);
            let flat = vector::subtract(edge, vector::scale(normal, vector::dot(edge, normal)));
            let length = vector::norm(flat);
            if length < 1e-9 * vector::norm(edge) {
                continue;
            }
            let along = vector::scale(flat, 1.0 / length);
            let sideways = vector::cross(normal, along);
            let corners = || outline.iter().flatten();
            let edges = [height, extent(corners(), along), extent(corners(), sideways)];
            let volume = edges.iter().product();
            if volume < smallest.1 {
                smallest = (edges, volume);
            }
        }
    }
    smallest.0
}

/// Unit vectors of the directions among vectors, opposite ones once.
fn distinct_directions(vectors: &[Vector]) -> Vec<Vector> {
    let mut directions: Vec<Vector> = vectors
        .iter()
        .map(|&direction| (direction, vector::norm(direction)))
        .filter(|&(_, length)| length > 0.0)
        .map(|(direction, length)| {
            let first = direction.into_iter().find(|coordinate| coordinate.abs() > 1e-9 * length);
            vector::scale(direction, first.unwrap_or(1.0).signum() / length)
        })
        .collect();
    directions.sort_unstable_by(|a, b| {
        a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])).then(a[2].total_cmp(&b[2]))
    });
    directions.dedup_by(|a, b| vector::norm(vector::subtract(*a, *b)) < 1e-9);
    directions
}

fn extent<'a>(points: impl Iterator<Item = &'a Vector>, direction: Vector) -> f64 {
    let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
    for &point in points {
        let along = vector::dot(point, direction);
        least = least.min(along);
        greatest = greatest.max(along);
    }
    greatest - least
}

/// The semi-axes in mm, longest first, of the smallest ellipsoid round the hull (Khachiyan, 1996,
/// with the away steps of Todd and Yildirim, 2007).
pub(crate) fn smallest_ellipsoid_semi_axes_mm(hull: &Hull) -> [f64; 3] {
    const TOLERANCE: f64 = 1e-5;
    const MAX_STEPS: usize = 20_000;
    let count = hull.vertices.len() as f64;
    let center = hull.vertices.iter().fold([0.0; 3], |sum, &vertex| vector::add(sum, vertex));
    let center = vector::scale(center, 1.0 / count);
    let lifted: Vec<[f64; 4]> = hull
        .vertices
        .iter()
        .map(|&vertex| {
            let [x, y, z] = vector::subtract(vertex, center);
            [x, y, z, 1.0]
        })
        .collect();
    let mut weights = vec![1.0 / count; lifted.len()];
    for _ in 0..MAX_STEPS {
        let Some(inverse) = inverse(weighted_moment(&lifted, &weights)) else { break };
        let distance = |point: &[f64; 4]| -> f64 {
            (0..4).map(|i| (0..4).map(|j| point[i] * inverse[i][j] * point[j]).sum::<f64>()).sum()
        };
        let (mut far, mut near) = ((0, f64::NEG_INFINITY), (0, f64::INFINITY));
        for (number, point) in lifted.iter().enumerate() {
            let distance = distance(point);
            if distance > far.1 {
                far = (number, distance);
            }
            if weights[number] > 0.0 && distance < near.1 {
                near = (number, distance);
            }
        }
        if far.1 - 4.0 < 4.0 * TOLERANCE && 4.0 - near.1 < 4.0 * TOLERANCE {
            break;
        }
        let outwards = far.1 - 4.0 >= 4.0 - near.1;
        let (number, distance) = if outwards { far } else { near };
        let mut step = (distance - 4.0) / (4.0 * (distance - 1.0));
        if !outwards {
            step = step.max(-weights[number] / (1.0 - weights[number]));
        }
        for weight in &mut weights {
            *weight *= 1.0 - step;
        }
        weights[number] = (weights[number] + step).max(0.0);
    }
    let moment = weighted_moment(&lifted, &weights);
    let covariance = std::array::from_fn(|i| {
        std::array::from_fn(|j| 3.0 * (moment[i][j] - moment[i][3] * moment[3][j]))
    });
    let mut squares = eigenvalues(covariance);
    squares.sort_unstable_by(|a, b| b.total_cmp(a));
    squares.map(|square| square.max(0.0).sqrt())
}

fn weighted_moment(points: &[[f64; 4]], weights: &[f64]) -> [[f64; 4]; 4] {
    let mut moment = [[0.0; 4]; 4];
    for (point, weight) in points.iter().zip(weights).filter(|&(_, &weight)| weight > 0.0) {
        for (row, a) in moment.iter_mut().zip(point) {
            for (cell, b) in row.iter_mut().zip(point) {
                *cell += weight * a * b;
            }
        }
    }
    moment
}

/// The inverse of a symmetric positive matrix, by Gauss and Jordan; `None` where there is none.
fn inverse(mut matrix: [[f64; 4]; 4]) -> Option<[[f64; 4]; 4]> {
    for pivot in 0..4 {
        let value = matrix[pivot][pivot];
        if value.is_nan() || value <= 0.0 {
            return None;
        }
        matrix[pivot][pivot] = 1.0;
        for cell in &mut matrix[pivot] {
            *cell /= value;
        }
        let row = matrix[pivot];
        for (number, other) in matrix.iter_mut().enumerate().filter(|&(number, _)| number != pivot)
        {
            let _ = number;
            let factor = other[pivot];
            other[pivot] = 0.0;
            for (cell, value) in other.iter_mut().zip(row) {
                *cell -= factor * value;
            }
        }
    }
    Some(matrix)
}

/// The volume of an ellipsoid.
pub(crate) fn ellipsoid_volume([a, b, c]: [f64; 3]) -> f64 {
    4.0 / 3.0 * PI * a * b * c
}

/// The area of an ellipsoid by its semi-axes, longest first: the series of Legendre polynomials that
/// the IBSI manual gives, to the 20th. The reference values rest on this series, although it is the
/// area of spheres alone: for semi-axes of 3, 2 and 1 mm it gives 52.81 mm² in place of 48.88 mm².
pub(crate) fn ellipsoid_area([a, b, c]: [f64; 3]) -> f64 {
    let (alpha, beta) = (1.0 - (b / a).powi(2), 1.0 - (c / a).powi(2));
    // Legendre polynomials times a power of the eccentricities, which a sphere's zeros do not hurt.
    let (half_sum, product) = (f64::midpoint(alpha, beta), alpha * beta);
    let (mut before, mut term) = (0.0, 1.0);
    let mut sum = 0.0;
    for degree in 0..=20 {
        let nu = f64::from(degree);
        sum += term / (1.0 - 4.0 * nu * nu);
        let next = ((2.0 * nu + 1.0) * half_sum * term - nu * product * before) / (nu + 1.0);
        (before, term) = (term, next);
    }
    4.0 * PI * a * b * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The corners of a box with edges 2, 4 and 6, turned, as twelve triangles.
    fn turned_box() -> Hull {
        let turn = |[x, y, z]: Vector| {
            let (x, y) = (0.8 * x - 0.6 * y, 0.6 * x + 0.8 * y);
            let (y, z) = (0.96 * y - 0.28 * z, 0.28 * y + 0.96 * z);
            [x + 5.0, y - 3.0, z + 1.0]
        };
        let vertices = (0..8_u8)
            .map(|corner| {
                let side = |bit: u8| f64::from(corner >> bit & 1) * 2.0 - 1.0;
                turn([side(0), 2.0 * side(1), 3.0 * side(2)])
            })
            .collect();
        let faces: [[usize; 4]; 6] =
            [[0, 4, 6, 2], [1, 3, 7, 5], [0, 1, 5, 4], [2, 6, 7, 3], [0, 2, 3, 1], [4, 5, 7, 6]];
        let triangles = faces.iter().flat_map(|&[a, b, c, d]| [[a, b, c], [a, c, d]]).collect();
        Hull { vertices, triangles }
    }

    #[test]
    fn the_smallest_box_round_a_box_is_the_box() {
        let mut edges = smallest_box_mm(&turned_box());
        edges.sort_unstable_by(f64::total_cmp);
        for (edge, expected) in edges.into_iter().zip([2.0, 4.0, 6.0]) {
            assert!((edge - expected).abs() < 1e-9, "{edges:?}");
        }
    }

    #[test]
    fn the_smallest_ellipsoid_round_a_box_has_its_edges_times_half_the_root_of_three() {
        let axes = smallest_ellipsoid_semi_axes_mm(&turned_box());
        for (axis, edge) in axes.into_iter().zip([6.0, 4.0, 2.0]) {
            assert!((axis / (edge / 2.0 * 3.0_f64.sqrt()) - 1.0).abs() < 1e-4, "{axes:?}");
        }
    }

    /// The figures are numpy 2.4.6's `legval` of the manual's series.
    #[test]
    fn areas_of_ellipsoids_are_those_of_the_manual() {
        for (case, axes, expected) in [
            ("sphere", [2.0, 2.0, 2.0], 16.0 * PI),
            ("prolate", [2.0, 1.0, 1.0], 17.343_874_354_675_417),
            ("three axes", [3.0, 2.0, 1.0], 52.813_481_012_024_16),
        ] {
            let area = ellipsoid_area(axes);
            assert!((area / expected - 1.0).abs() < 1e-12, "{case}: {area}, expected {expected}");
        }
    }
}
