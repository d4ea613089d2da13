//! Single values: which are what their representation says, and what stands in their place.

use std::borrow::Cow;

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use super::element::{Element, Value};
use crate::dates::{is_tm, shift_da, shift_dt};

/// A text that stands where a value is needed and none may stay.
pub(super) const REMOVED: &str = "REMOVED";

pub(super) fn own<'a>(text: &str) -> Value<'a> {
    Value::Bytes(Cow::Owned(text.as_bytes().to_vec()))
}

/// Empties a value that its representation does not allow: it may be anything.
pub(super) fn keep_sane(element: &mut Element) {
    let text = element.text();
    let parts = || text.split('\\').map(str::trim).filter(|part| !part.is_empty());
    let is_sane = match element.vr {
        VR::DA => parts().all(|part| shift_da(part, 0).is_some()),
        VR::DT => parts().all(|part| shift_dt(part, 0).is_some()),
        VR::TM => parts().all(is_tm),
        VR::DS | VR::IS => parts().all(is_number),
        VR::AS => {
            // HIPAA Safe Harbor counts all ages over 89 as one.
            let over = text.strip_suffix(['Y', 'y']).and_then(|years| years.parse::<u32>().ok());
            if over.is_some_and(|years| years > 89) {
                element.value = own("090Y");
            }
            parts().all(|part| {
                part.len() == 4
                    && part[..3].bytes().all(|byte| byte.is_ascii_digit())
                    && part.ends_with(['D', 'W', 'M', 'Y'])
            })
        }
        vr => element.bytes().len().is_multiple_of(size(vr)),
    };
    if !is_sane {
        element.value = own("");
    }
}

/// So many bytes hold one number; 1 where a value is none.
fn size(vr: VR) -> usize {
    match vr {
        VR::US | VR::SS => 2,
        VR::UL | VR::SL | VR::FL | VR::AT => 4,
        VR::FD | VR::SV | VR::UV => 8,
        _ => 1,
    }
}

/// Decimal numbers, or such as a ratio: the pitch `0.984375:1`.
pub(super) fn is_ratio(text: &str) -> bool {
    let is_measure = |part: &str| {
        let digits = part.trim_start_matches(['+', '-']).find('.');
        is_number(part) && digits.is_some_and(|digits| digits <= 4) || is_short(part)
    };
    text.split(['\\', ':']).map(str::trim).all(is_measure)
}

fn is_short(text: &str) -> bool {
    (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_number(text: &str) -> bool {
    text.len() <= 16
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
        && text.parse::<f64>().is_ok()
}

pub(super) fn is_code_string(text: &str) -> bool {
    text.split('\\').all(|part| {
        part.trim().len() <= 32
            && part.bytes().all(|byte| {
                byte.is_ascii_uppercase() || byte.is_ascii_digit() || b" _.-/".contains(&byte)
            })
    })
}

/// A value of no meaning that the representation allows.
pub(super) fn dummy<'a>(tag: Tag, vr: VR) -> Value<'a> {
    let text = match vr {
        _ if tag == tags::REASON_FOR_THE_ATTRIBUTE_MODIFICATION => "CORRECT",
        VR::DA => "19000101",
        VR::DT => "19000101000000",
        VR::TM => "000000",
        VR::AS => "000D",
        VR::DS | VR::IS => "0",
        VR::UR => "http://example.invalid/",
        VR::US | VR::SS => return Value::Bytes(Cow::Owned(vec![0; 2])),
        VR::UL | VR::SL | VR::FL | VR::AT => return Value::Bytes(Cow::Owned(vec![0; 4])),
        VR::FD | VR::OB | VR::OW | VR::OD | VR::OF | VR::OL | VR::OV | VR::SV | VR::UV | VR::UN => {
            return Value::Bytes(Cow::Owned(vec![0; 8]));
        }
        _ => REMOVED,
    };
    own(text)
}
