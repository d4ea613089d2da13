//! Coded values (PS3.3 section 8): what of them may stay.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use super::{element::Element, values::REMOVED};

/// Designators of coding schemes of PS3.16 table 8-1 that are met in images and reports of cancer.
const SCHEMES: [&str; 36] = [
    "99SDM",
    "ACR",
    "ATC",
    "BI",
    "C4",
    "CTCAE",
    "DCM",
    "DC",
    "FMA",
    "I10",
    "I10P",
    "I9C",
    "I9CP",
    "ICD10",
    "ICDO3",
    "ISO3166_1",
    "LN",
    "MA",
    "MDC",
    "MSH",
    "NCIt",
    "NDC",
    "NEU",
    "RADLEX",
    "RFC5646",
    "RXNORM",
    "SCT",
    "SNM3",
    "SRT",
    "TNM",
    "UBERON",
    "UCUM",
    "UMLS",
    "UNS",
    "UPC",
    "RFC3066",
];

/// The root of the UIDs of the standard itself.
const DICOM_ROOT: &str = "1.2.840.10008.";
/// The root of HL7's registry of coding schemes.
const HL7_ROOT: &str = "2.16.840.1.113883.";

/// Whether the codes of an item are of a scheme that everybody knows.
pub(super) fn is_standard(item: &[Element]) -> bool {
    item.iter()
        .find(|element| element.tag == tags::CODING_SCHEME_DESIGNATOR)
        .is_some_and(|scheme| SCHEMES.contains(&scheme.text().as_str()))
}

/// Whether a text of an item may stay as it is; `None` for one that is no part of a code.
pub(super) fn keeps(element: &Element, standard: bool) -> Option<bool> {
    let fits = || {
        element.bytes().len() <= 64
            && element
                .bytes()
                .iter()
                .all(|&byte| byte.is_ascii_alphanumeric() || b".-:/{}[]%*_^' \0".contains(&byte))
    };
    match element.tag {
        tags::CODE_VALUE | tags::LONG_CODE_VALUE => Some(standard && fits()),
        tags::CODING_SCHEME_DESIGNATOR => Some(standard),
        _ => None,
    }
}

/// What stands in for a part of a code that may not stay.
pub(super) fn replacement(tag: Tag) -> &'static str {
    if tag == tags::CODING_SCHEME_DESIGNATOR { "99REMOVED" } else { REMOVED }
}

pub(super) fn is_standard_uid(uid: &str) -> bool {
    uid.starts_with(DICOM_ROOT) && uid.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Whether an element names a registered coding scheme.
pub(super) fn is_scheme_uid(element: &Element) -> bool {
    let text = element.text();
    element.vr == VR::UI
        && matches!(
            element.tag,
            tags::CODING_SCHEME_UID | tags::CONTEXT_UID | tags::MAPPING_RESOURCE_UID
        )
        && text.starts_with(HL7_ROOT)
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}
