use std::fmt;

use crate::vector::{self, Vector};

/// An affine map of positions in mm from one patient space to another: `linear (x - center) +
/// center + translation`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transform {
    /// The linear part, row by row.
    pub linear: [[f64; 3]; 3],
    /// The translation in mm.
    pub translation_mm: [f64; 3],
    /// The point in mm that the linear part leaves where it is.
    pub center_mm: [f64; 3],
}

impl Transform {
    /// The map of every position to itself.
    pub const IDENTITY: Self = Self {
        linear: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        translation_mm: [0.0; 3],
        center_mm: [0.0; 3],
    };

    /// A rotation round the axes x, then y, then z by angles in radians, then a translation.
    #[must_use]
    pub fn rigid(angles: [f64; 3], translation_mm: [f64; 3], center_mm: [f64; 3]) -> Self {
        Self { linear: rotation(angles), translation_mm, center_mm }
    }

    /// Where a position goes.
    #[must_use]
    pub fn apply(&self, position_mm: [f64; 3]) -> [f64; 3] {
        let offset = vector::subtract(position_mm, self.center_mm);
        let turned = self.linear.map(|row| vector::dot(row, offset));
        vector::add(vector::add(turned, self.center_mm), self.translation_mm)
    }
}

impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |v: Vector| format!("({:.6}, {:.6}, {:.6})", v[0], v[1], v[2]);
        write!(f, "linear {} {}", row(self.linear[0]), row(self.linear[1]))?;
        write!(f, " {}, translation {} mm", row(self.linear[2]), row(self.translation_mm))?;
        write!(f, ", center {} mm", row(self.center_mm))
    }
}

type Matrix = [[f64; 3]; 3];

fn rotation([x, y, z]: [f64; 3]) -> Matrix {
    product(product(about(2, z), about(1, y)), about(0, x))
}

/// The derivatives of the rotation by its three angles.
pub(super) fn rotation_slopes([x, y, z]: [f64; 3]) -> [Matrix; 3] {
    let (about_x, about_y, about_z) = (about(0, x), about(1, y), about(2, z));
    [
        product(product(about_z, about_y), slope_about(0, x)),
        product(product(about_z, slope_about(1, y)), about_x),
        product(product(slope_about(2, z), about_y), about_x),
    ]
}

/// The rotation about one axis.
fn about(axis: usize, angle: f64) -> Matrix {
    let mut matrix = slope_about(axis, angle - std::f64::consts::FRAC_PI_2);
    matrix[axis][axis] = 1.0;
    matrix
}

/// Its derivative, which is the rotation by a right angle more but for the axis.
fn slope_about(axis: usize, angle: f64) -> Matrix {
    let (sine, cosine) = angle.sin_cos();
    let (next, last) = ((axis + 1) % 3, (axis + 2) % 3);
    let mut matrix = [[0.0; 3]; 3];
    matrix[next][next] = -sine;
    matrix[last][last] = -sine;
    matrix[next][last] = -cosine;
    matrix[last][next] = cosine;
    matrix
}

fn product(a: Matrix, b: Matrix) -> Matrix {
    a.map(|row| {
        std::array::from_fn(|column| vector::dot(row, [b[0][column], b[1][column], b[2][column]]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_turn_counterclockwise_and_have_their_slopes() {
        let quarter = Transform::rigid([0.0, 0.0, std::f64::consts::FRAC_PI_2], [0.0; 3], [0.0; 3]);
        let turned = quarter.apply([1.0, 0.0, 0.0]);
        assert!(vector::norm(vector::subtract(turned, [0.0, 1.0, 0.0])) < 1e-12, "{turned:?}");

        let angles = [0.3, -0.2, 0.5];
        for (angle, slope) in rotation_slopes(angles).into_iter().enumerate() {
            let moved = |step: f64| {
                let mut angles = angles;
                angles[angle] += step;
                rotation(angles)
            };
            for (row, (plus, minus)) in moved(1e-6).iter().zip(moved(-1e-6)).enumerate() {
                for column in 0..3 {
                    let difference = (plus[column] - minus[column]) / 2e-6;
                    assert!((difference - slope[row][column]).abs() < 1e-9, "{angle}");
                }
            }
        }
    }
}
