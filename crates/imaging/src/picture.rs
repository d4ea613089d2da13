//! Slices as pictures, in radiological convention, with the outline of a region.

mod canvas;
mod glyphs;
mod plane;
mod sheet;
mod slice;
mod window;

pub use canvas::Picture;
pub use plane::{Plane, axis_letters, largest_slice, slice_count};
pub use sheet::contact_sheet;
pub use slice::{View, slice_picture};
pub use window::{Window, display_window};

#[cfg(test)]
mod tests;
