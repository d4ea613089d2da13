use crate::{Error, Mask, Volume};

/// A region cut out of its volume: the mask's bounding box with a border of one voxel outside, so
/// that every voxel inside has all of its neighbours.
pub(crate) struct Region {
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
    /// Cuts a mask that is not empty out of a volume of the same shape.
    pub(crate) fn new(volume: &Volume, mask: &Mask) -> Result<Self, Error> {
        let (low, high) = bounding_box(mask).ok_or(Error::EmptyMask)?;
        let size: [usize; 3] = std::array::from_fn(|axis| high[axis] - low[axis] + 3);
        let mut region = Self {
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

/// The least and greatest index (x, y, z) inside; `None` for an empty mask.
fn bounding_box(mask: &Mask) -> Option<([usize; 3], [usize; 3])> {
    let mut low = [usize::MAX; 3];
    let mut high = [0; 3];
    for (z, plane) in mask.voxels.outer_iter().enumerate() {
        for (y, row) in plane.outer_iter().enumerate() {
            let Some(first) = row.iter().position(|&inside| inside) else { continue };
            let last = row.iter().rposition(|&inside| inside).unwrap_or(first);
            low = [low[0].min(first), low[1].min(y), low[2].min(z)];
            high = [high[0].max(last), high[1].max(y), high[2].max(z)];
        }
    }
    (low[0] != usize::MAX).then_some((low, high))
}
