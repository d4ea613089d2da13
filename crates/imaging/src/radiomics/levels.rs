use super::region::Region;
use crate::{Binning, Error, ImagingSettings};

/// A region whose intensities are binned to gray levels.
pub(crate) struct Levels {
    /// Voxels of the box along x, y, z, the border of one voxel included.
    pub(crate) size: [usize; 3],
    /// For each voxel of the box 0 outside, else 1 + its index into `present`.
    pub(crate) ranks: Vec<u16>,
    /// The index into `ranks` of each voxel inside.
    pub(crate) indices: Vec<usize>,
    /// The gray levels that occur, ascending, each from 1 to `count`.
    pub(crate) present: Vec<u16>,
    /// The number of gray levels, whether they occur or not.
    pub(crate) count: u16,
    /// How much each direction of [`DIRECTIONS`](super::parts::DIRECTIONS) counts where several
    /// share a matrix.
    pub(crate) weights: [f64; 13],
}

impl Levels {
    /// Bins the intensities of a region that is not empty.
    pub(crate) fn new(region: &Region, binning: Binning) -> Result<Self, Error> {
        let (least, greatest) = range(&region.values);
        let levels = discretize(&region.values, binning, least, greatest)?;
        let mut occurs = vec![false; usize::from(u16::MAX) + 1];
        for &level in &levels {
            occurs[usize::from(level)] = true;
        }
        let present: Vec<u16> =
            (0..=u16::MAX).filter(|&level| occurs[usize::from(level)]).collect();
        let mut rank_of = vec![0; occurs.len()];
        for (rank, &level) in (1_u16..).zip(&present) {
            rank_of[usize::from(level)] = rank;
        }
        let mut ranks = vec![0; region.inside.len()];
        for (&index, &level) in region.indices.iter().zip(&levels) {
            ranks[index] = rank_of[usize::from(level)];
        }
        let highest = present.last().copied().unwrap_or(1);
        let count = match binning {
            Binning::Count(count) => u16::try_from(count).unwrap_or(highest).max(highest),
            Binning::Width { .. } => highest,
        };
        let indices = region.indices.clone();
        Ok(Self { size: region.size, ranks, indices, present, count, weights: [1.0; 13] })
    }

    /// How many voxels each level from 1 to `count` has.
    pub(crate) fn histogram(&self) -> Vec<usize> {
        let mut histogram = vec![0; usize::from(self.count)];
        for &index in &self.indices {
            histogram[usize::from(self.present[usize::from(self.ranks[index]) - 1]) - 1] += 1;
        }
        histogram
    }
}

fn range(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (least, greatest)
}

/// Gray levels from 1 (IBSI 2.7). Intensities below the start of the first bin fall into it.
fn discretize(
    values: &[f64],
    binning: Binning,
    least: f64,
    greatest: f64,
) -> Result<Vec<u16>, Error> {
    let limit = ImagingSettings::MAX_LEVELS;
    let (start, width, highest) = match binning {
        Binning::Width { width, start } => {
            let start = start.unwrap_or(least);
            let levels = ((greatest - start) / width).floor().max(0.0) + 1.0;
            if levels > f64::from(limit) {
                return Err(Error::TooManyLevels { width, levels: whole(levels), limit });
            }
            (start, width, levels)
        }
        Binning::Count(count) => (least, (greatest - least) / f64::from(count), f64::from(count)),
    };
    // Equal intensities have no range to divide: they are all of level 1.
    let level = |value: f64| {
        if width <= 0.0 {
            return 1.0;
        }
        let level = ((value - start) / width).floor() + 1.0;
        // The division may round across a bin's edge, which the value is compared with.
        let edge = |level: f64| start + (level - 1.0) * width;
        let across = f64::from(u8::from(value >= edge(level + 1.0)))
            - f64::from(u8::from(value < edge(level)));
        (level + across).clamp(1.0, highest)
    };
    Ok(values.iter().map(|&value| small(level(value))).collect())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn whole(levels: f64) -> u64 {
    levels as u64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 <= level <= 4096")]
fn small(level: f64) -> u16 {
    level as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_as_ibsi_does() {
        let width = |width, start| Binning::Width { width, start };
        for (case, values, binning, expected) in [
            ("number of bins", vec![0.0, 0.9, 1.0, 4.0], Binning::Count(4), vec![1, 1, 2, 4]),
            ("equal values", vec![5.0, 5.0], Binning::Count(4), vec![1, 1]),
            ("width from the least", vec![-3.0, -1.0, 2.0], width(2.0, None), vec![1, 2, 3]),
            ("width from a start", vec![12.0, 25.0, 30.0], width(10.0, Some(0.0)), vec![2, 3, 4]),
            ("below the start", vec![-12.0, 5.0], width(10.0, Some(0.0)), vec![1, 1]),
        ] {
            let (least, greatest) = range(&values);
            let levels = discretize(&values, binning, least, greatest).unwrap();
            assert_eq!(levels, expected, "{case}");
        }
        let error = discretize(&[0.0, 1e9], width(1e-3, None), 0.0, 1e9).unwrap_err();
        assert!(error.to_string().contains("choose a larger bin_width"), "{error}");
    }
}
