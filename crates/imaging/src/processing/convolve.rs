//! Convolution along one axis of an array.

use super::interpolate::Grid;
use crate::Boundary;

impl Grid {
    /// Convolves along an axis with a kernel of odd length, whose middle lies on the voxel.
    pub(super) fn convolved(&self, axis: usize, kernel: &[f64], boundary: Boundary) -> Self {
        let length = self.size[axis];
        let stride: usize = self.size[..axis].iter().product();
        let reach = kernel.len() / 2;
        let mut values = vec![0.0; self.values.len()];
        let blocks = self.values.chunks_exact(length * stride);
        for (block, output) in blocks.zip(values.chunks_exact_mut(length * stride)) {
            for (index, output) in output.chunks_exact_mut(stride).enumerate() {
                for (tap, weight) in kernel.iter().enumerate().filter(|(_, weight)| **weight != 0.0)
                {
                    // Convolution: the kernel runs against the axis.
                    let Some(row) = source(index, reach, tap, length, boundary) else { continue };
                    let row = row * stride;
                    for (output, value) in output.iter_mut().zip(&block[row..row + stride]) {
                        *output += weight * value;
                    }
                }
            }
        }
        Self { size: self.size, values }
    }
}

/// The row that lies `reach - tap` beyond a row; `None` where it is outside and counts as zero.
pub(super) fn source(
    index: usize,
    reach: usize,
    tap: usize,
    length: usize,
    boundary: Boundary,
) -> Option<usize> {
    let signed = |number: usize| i64::try_from(number).unwrap_or(i64::MAX / 4);
    let row = signed(index) + signed(reach) - signed(tap);
    let last = signed(length) - 1;
    let inside = match boundary {
        Boundary::Zero => return usize::try_from(row).ok().filter(|&row| row < length),
        Boundary::Nearest => row.clamp(0, last),
        Boundary::Periodic => row.rem_euclid(last + 1),
        Boundary::Mirror => {
            let row = row.rem_euclid(2 * (last + 1));
            row.min(2 * last + 1 - row)
        }
    };
    usize::try_from(inside).ok()
}
