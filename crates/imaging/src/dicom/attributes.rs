//! Reading single attributes; a fault names the attribute and never quotes its value.

use dicom_core::Tag;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_dictionary_std::StandardDataDictionary;
use dicom_object::InMemDicomObject;

/// The text of an attribute without padding; `None` where absent or empty.
pub(super) fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    let text = object.get(tag)?.to_str().ok()?;
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// A whole number; `None` where absent, empty or unreadable.
pub(super) fn whole(object: &InMemDicomObject, tag: Tag) -> Option<u32> {
    object.get(tag)?.to_int::<u32>().ok()
}

/// All numbers of an attribute; empty where absent or unreadable.
pub(super) fn numbers(object: &InMemDicomObject, tag: Tag) -> Vec<f64> {
    object.get(tag).and_then(|element| element.to_multi_float64().ok()).unwrap_or_default()
}

/// Exactly `N` finite numbers.
pub(super) fn vector<const N: usize>(
    object: &InMemDicomObject,
    tag: Tag,
) -> Result<[f64; N], String> {
    let numbers = numbers(object, tag);
    <[f64; N]>::try_from(numbers)
        .ok()
        .filter(|numbers| numbers.iter().all(|number| number.is_finite()))
        .ok_or_else(|| format!("expected {N} numbers in {}", named(tag)))
}

/// A required whole number.
pub(super) fn required(object: &InMemDicomObject, tag: Tag) -> Result<u32, String> {
    whole(object, tag).ok_or_else(|| format!("expected a whole number in {}", named(tag)))
}

/// The items of a sequence; empty where absent.
pub(super) fn items(object: &InMemDicomObject, tag: Tag) -> &[InMemDicomObject] {
    object.get(tag).and_then(|element| element.items()).unwrap_or_default()
}

/// The name and number of an attribute.
pub(super) fn named(tag: Tag) -> String {
    let entry = StandardDataDictionary.by_tag(tag);
    let name = entry.map_or("an attribute", |entry| entry.alias());
    format!("{name} {tag}")
}
