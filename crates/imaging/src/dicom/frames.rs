//! The functional groups of a multi-frame object: what holds for all frames stands in the shared
//! group, what differs in the frame's own.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::attributes::{items, named};

/// The groups that hold for one frame.
pub(super) struct Frame<'a> {
    own: &'a InMemDicomObject,
    shared: Option<&'a InMemDicomObject>,
}

/// The frames of an object, in order.
pub(super) fn frames(object: &InMemDicomObject) -> Vec<Frame<'_>> {
    let shared = items(object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE).first();
    items(object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
        .iter()
        .map(|own| Frame { own, shared })
        .collect()
}

impl<'a> Frame<'a> {
    /// The item of a group.
    pub(super) fn group(&self, tag: Tag) -> Result<&'a InMemDicomObject, String> {
        items(self.own, tag)
            .first()
            .or_else(|| self.shared.and_then(|shared| items(shared, tag).first()))
            .ok_or_else(|| format!("expected {}", named(tag)))
    }
}
