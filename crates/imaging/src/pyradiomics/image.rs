//! The image that features are computed on, and boxes cut out of it.

use std::ops::RangeInclusive;

use ndarray::Array3;

/// An image as it was read, or as a step before left it.
pub(super) struct Image<'a> {
    pub(super) voxels: Voxels<'a>,
    pub(super) spacing_mm: [f64; 3],
}

/// Intensities indexed `[z, y, x]`.
pub(super) enum Voxels<'a> {
    Read(&'a Array3<f32>),
    Computed(Array3<f64>),
}

/// An array with x fastest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Block<T = f64> {
    pub(super) size: [usize; 3],
    pub(super) values: Vec<T>,
}

impl Image<'_> {
    /// The number of voxels along x, y and z.
    pub(super) fn size(&self) -> [usize; 3] {
        let (z, y, x) = match &self.voxels {
            Voxels::Read(voxels) => voxels.dim(),
            Voxels::Computed(voxels) => voxels.dim(),
        };
        [x, y, z]
    }

    /// The intensity at a position (x, y, z).
    pub(super) fn value(&self, [x, y, z]: [usize; 3]) -> f64 {
        match &self.voxels {
            Voxels::Read(voxels) => f64::from(voxels[[z, y, x]]),
            Voxels::Computed(voxels) => voxels[[z, y, x]],
        }
    }

    /// The intensities at every combination of positions on the axes x, y and z.
    pub(super) fn at(&self, positions: &[Vec<usize>; 3]) -> Block {
        let size = positions.each_ref().map(Vec::len);
        let mut values = Vec::with_capacity(size.iter().product());
        for &z in &positions[2] {
            for &y in &positions[1] {
                match &self.voxels {
                    Voxels::Read(voxels) => {
                        values.extend(positions[0].iter().map(|&x| f64::from(voxels[[z, y, x]])));
                    }
                    Voxels::Computed(voxels) => {
                        values.extend(positions[0].iter().map(|&x| voxels[[z, y, x]]));
                    }
                }
            }
        }
        Block { size, values }
    }

    /// The intensities of a box.
    pub(super) fn cut(&self, ranges: &[RangeInclusive<usize>; 3]) -> Block {
        self.at(&ranges.each_ref().map(|range| range.clone().collect()))
    }

    /// The intensities of a box in single precision, where the image was read in it.
    pub(super) fn cut_single(&self, ranges: &[RangeInclusive<usize>; 3]) -> Option<Block<f32>> {
        let Voxels::Read(voxels) = &self.voxels else { return None };
        let [x, y, z] = ranges.clone();
        let size = ranges.each_ref().map(|range| range.end() + 1 - range.start());
        let values = voxels.slice(ndarray::s![z, y, x]).iter().copied().collect();
        Some(Block { size, values })
    }

    /// The intensities in any order.
    pub(super) fn intensities(&self) -> Box<dyn Iterator<Item = f64> + '_> {
        match &self.voxels {
            Voxels::Read(voxels) => Box::new(voxels.iter().map(|&value| f64::from(value))),
            Voxels::Computed(voxels) => Box::new(voxels.iter().copied()),
        }
    }

    /// The greatest absolute intensity.
    pub(super) fn greatest_absolute(&self) -> f64 {
        self.intensities().map(f64::abs).fold(0.0, f64::max)
    }
}

/// Columns of a block that are filtered together: neighbors in memory where the axis is not x.
pub(super) const LANES: usize = 8;

impl<T: Copy + Into<f64>> Block<T> {
    /// Replaces every line along an axis by what a function makes of it, stored as `store` says. It
    /// is given lines side by side, which may be of another length afterwards, the same for all.
    pub(super) fn along<O: Copy + Default>(
        &self,
        axis: usize,
        outputs: usize,
        store: impl Fn(f64) -> O,
        mut filter: impl FnMut(&[[f64; LANES]], &mut [[f64; LANES]]),
    ) -> Block<O> {
        let length = self.size[axis];
        let stride: usize = self.size[..axis].iter().product();
        let mut size = self.size;
        size[axis] = outputs;
        let mut values = vec![O::default(); size.iter().product()];
        let mut input = vec![[0.0; LANES]; length];
        let mut output = vec![[0.0; LANES]; outputs];
        let lines = self.values.len() / length.max(1);
        let mut first = 0;
        while first < lines {
            // Lines side by side are neighbors in memory, except along x, where they follow one
            // another.
            let (count, between, starts) = if stride == 1 {
                (LANES.min(lines - first), [length, outputs], [first * length, first * outputs])
            } else {
                let (block, offset) = (first / stride * stride, first % stride);
                let starts = [block * length + offset, block * outputs + offset];
                (LANES.min(stride - offset), [1, 1], starts)
            };
            for (index, lanes) in input.iter_mut().enumerate() {
                let start = starts[0] + index * stride;
                for (lane, value) in lanes.iter_mut().enumerate().take(count) {
                    *value = self.values[start + lane * between[0]].into();
                }
            }
            filter(&input, &mut output);
            for (index, lanes) in output.iter().enumerate() {
                let start = starts[1] + index * stride;
                for (lane, value) in lanes.iter().enumerate().take(count) {
                    values[start + lane * between[1]] = store(*value);
                }
            }
            first += count;
        }
        Block { size, values }
    }
}
