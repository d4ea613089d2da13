//! The grid that the frames of a SEG span by themselves.

use crate::onto_grid::OFF_GRID;
use crate::{Geometry, vector};

/// The most slices between the first and the last frame, which a broken position may multiply.
const MAX_SLICES: f64 = 8192.0;

/// The most voxels of a grid.
const MAX_VOXELS: f64 = 2e9;

/// The smallest grid that holds all frames. Slices are as far apart as the file says, or as the
/// nearest two.
pub(super) fn own_grid(frames: &[Geometry]) -> Result<Geometry, String> {
    let first = frames.first().ok_or("has no frames")?;
    let normal = first.direction[2];
    let along =
        |frame: &Geometry| vector::dot(normal, vector::subtract(frame.origin_mm, first.origin_mm));
    for (number, frame) in frames.iter().enumerate() {
        let offset = vector::subtract(frame.origin_mm, first.origin_mm);
        let shift = vector::norm(vector::subtract(offset, vector::scale(normal, along(frame))));
        let spacing_mm = [frame.spacing_mm[0], frame.spacing_mm[1], first.spacing_mm[2]];
        let moved = Geometry { origin_mm: first.origin_mm, spacing_mm, ..*frame };
        if shift > OFF_GRID * first.spacing_mm[0].min(first.spacing_mm[1]) || !first.matches(&moved)
        {
            return Err(format!("frame {} does not lie above the first", number + 1));
        }
    }
    let mut heights: Vec<f64> = frames.iter().map(along).collect();
    heights.sort_unstable_by(f64::total_cmp);
    heights.dedup_by(|a, b| (*a - *b).abs() < 1e-3);
    let (low, high) = (heights[0], heights[heights.len() - 1]);
    let fits = |spacing: f64| {
        heights.iter().all(|height| {
            let index = (height - low) / spacing;
            (index - index.round()).abs() <= OFF_GRID
        })
    };
    let nearest = heights.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
    let stated = first.spacing_mm[2];
    let spacing = [stated, nearest].into_iter().find(|&spacing| fits(spacing)).ok_or_else(|| {
        format!("frames lie unevenly: neither {stated:.3} nor {nearest:.3} mm is between all of them")
    })?;
    let slices = ((high - low) / spacing).round() + 1.0;
    let [columns, rows, _] = first.size;
    if slices > MAX_SLICES || slices * (columns * rows) as f64 > MAX_VOXELS {
        return Err(format!("frames lie {:.0} mm apart, {slices} slices", high - low));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    let slices = slices as usize;
    Ok(Geometry {
        size: [columns, rows, slices],
        spacing_mm: [first.spacing_mm[0], first.spacing_mm[1], spacing],
        origin_mm: vector::add(first.origin_mm, vector::scale(normal, low)),
        direction: first.direction,
    })
}
