//! Slices as pictures, in radiological convention, with the outline of a region.

use crate::{Mask, Volume};

mod canvas;
mod glyphs;
mod plane;
mod sheet;
mod slice;
mod window;

pub use canvas::Picture;
pub use plane::{Plane, axis_letters};
pub use sheet::contact_sheet;
pub use slice::{View, slice_picture};
pub use window::{Window, display_window};

/// The least and greatest index along an axis that a mask marks; the whole axis where it marks
/// nothing, or there is none.
fn extent(volume: &Volume, mask: Option<&Mask>, axis: usize) -> (usize, usize) {
    let whole = (0, volume.geometry.size[axis] - 1);
    let marked = mask.and_then(Mask::bounding_box);
    marked.map_or(whole, |(low, high)| (low[axis], high[axis]))
}

#[cfg(test)]
mod tests;
