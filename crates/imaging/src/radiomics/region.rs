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
    pub(crate) values: Vec<f32>,
}

impl Region {
    /// Cuts a mask out of a volume of the same shape, by the bounding box of `shape`, which the mask
    /// lies in.
    pub(crate) fn new(volume: &Volume, mask: &Mask, shape: &Mask) -> Result<Self, Error> {
        let (low, high) = shape.bounding_box().ok_or(Error::EmptyMask)?;
        let size: [usize; 3] = std::array::from_fn(|axis| high[axis] - low[axis] + 3);
        let mut region = Self {
            start: low,
            size,
            spacing_mm: volume.geometry.spacing_mm,
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
                    let value = volume.voxels[[z, y, x]];
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

    /// The position (x, y, z) in the box of an index.
    pub(crate) fn position(&self, index: usize) -> [usize; 3] {
        let [width, height, _] = self.size;
        [index % width, index / width % height, index / width / height]
    }
}
