use crate::{Error, Mask, Volume};

/// A region cut out of its volume: a box with a border of one voxel outside, so that every voxel
/// inside has all of its neighbors.
pub(crate) struct Region {
    /// The position (x, y, z) in the volume of the box's first voxel that is not border.
    pub(crate) start: [usize; 3],
    /// Voxels of the box along x, y, z, the border included.
    pub(crate) size: [usize; 3],
    pub(crate) spacing_mm: [f64; 3],
    /// 1 inside, 0 outside; x fastest, then y, then z.
    pub(crate) inside: Vec<u8>,
    /// The index into `inside` of each voxel inside, ascending.
    pub(crate) indices: Vec<usize>,
    /// The intensity of each voxel inside, in the order of `indices`.
    pub(crate) values: Vec<f64>,
}

impl Region {
    /// Cuts a mask out of a volume of the same shape, by the bounding box of `shape`, which the mask
    /// lies in.
    pub(crate) fn new(volume: &Volume, mask: &Mask, shape: &Mask) -> Result<Self, Error> {
        let value = |[x, y, z]: [usize; 3]| f64::from(volume.voxels[[z, y, x]]);
        Self::cut(volume.geometry.spacing_mm, mask, shape, value)
    }

    /// The same of intensities that a function gives for a position (x, y, z).
    pub(crate) fn cut(
        spacing_mm: [f64; 3],
        mask: &Mask,
        shape: &Mask,
        value: impl Fn([usize; 3]) -> f64,
    ) -> Result<Self, Error> {
        let (low, high) = shape.bounding_box().ok_or(Error::EmptyMask)?;
        let size: [usize; 3] = std::array::from_fn(|axis| high[axis] - low[axis] + 3);
        let mut region = Self {
            start: low,
            size,
            spacing_mm,
            inside: vec![0; size.iter().product()],
            indices: Vec::new(),
            values: Vec::new(),
        };
        for z in low[2]..=high[2] {
            for y in low[1]..=high[1] {
                let row = ((z - low[2] + 1) * size[1] + y - low[1] + 1) * size[0] + 1;
                for x in low[0]..=high[0] {
                    if !mask.voxels[[z, y, x]] {
                        continue;
                    }
                    let value = value([x, y, z]);
                    if !value.is_finite() {
                        return Err(Error::NotFinite { x, y, z });
                    }
                    let index = row + x - low[0];
                    region.inside[index] = 1;
                    region.indices.push(index);
                    region.values.push(value);
                }
            }
        }
        Ok(region)
    }

    /// The region with other intensities, one for each voxel inside.
    pub(crate) fn with_values(&self, values: Vec<f64>) -> Self {
        Self { inside: self.inside.clone(), indices: self.indices.clone(), values, ..*self }
    }

    /// The region with its axes in another order.
    pub(crate) fn reordered(&self, axes: [usize; 3]) -> Self {
        let size = axes.map(|axis| self.size[axis]);
        let mut voxels: Vec<(usize, f64)> = self
            .indices
            .iter()
            .zip(&self.values)
            .map(|(&index, &value)| {
                let position = self.position(index);
                let [x, y, z] = axes.map(|axis| position[axis]);
                ((z * size[1] + y) * size[0] + x, value)
            })
            .collect();
        voxels.sort_unstable_by_key(|voxel| voxel.0);
        let (indices, values): (Vec<usize>, Vec<f64>) = voxels.into_iter().unzip();
        let mut inside = vec![0; self.inside.len()];
        for &index in &indices {
            inside[index] = 1;
        }
        let start = axes.map(|axis| self.start[axis]);
        let spacing_mm = axes.map(|axis| self.spacing_mm[axis]);
        Self { start, size, spacing_mm, inside, indices, values }
    }

    /// The position (x, y, z) in the box of an index.
    pub(crate) fn position(&self, index: usize) -> [usize; 3] {
        let [width, height, _] = self.size;
        [index % width, index / width % height, index / width / height]
    }
}
