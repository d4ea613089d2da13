//! Private attributes that tell nothing of the patient.

use std::collections::BTreeSet;

use dicom_core::VR;

use super::element::Element;

/// Of PS3.15 Table E.3.10-1 those that quantities are computed from: creator, group, last two digits
/// of the element. SUV of Philips PET, the direction and b-value of diffusion, the scale of Philips MR,
/// the pitch of GE CT.
const SAFE: [(&str, u16, u8); 12] = [
    ("Philips PET Private Group", 0x7053, 0x00),
    ("Philips PET Private Group", 0x7053, 0x09),
    ("SIEMENS MR HEADER", 0x0019, 0x0c),
    ("SIEMENS MR HEADER", 0x0019, 0x0d),
    ("SIEMENS MR HEADER", 0x0019, 0x0e),
    ("SIEMENS MR HEADER", 0x0019, 0x27),
    ("Philips Imaging DD 001", 0x2001, 0x03),
    ("Philips Imaging DD 001", 0x2001, 0x04),
    ("Philips MR Imaging DD 001", 0x2005, 0x0d),
    ("Philips MR Imaging DD 001", 0x2005, 0x0e),
    ("GEMS_PARM_01", 0x0043, 0x27),
    ("GEMS_PARM_01", 0x0043, 0x39),
];

/// The places of the private elements that may stay: numbers of a known creator, and its name. None
/// without the option.
pub(super) fn safe_elements(elements: &[Element], option_on: bool) -> BTreeSet<usize> {
    let mut safe = BTreeSet::new();
    if !option_on {
        return safe;
    }
    for (creator_index, creator) in elements.iter().enumerate() {
        let (group, block) = (creator.tag.group(), creator.tag.element());
        if group % 2 == 0 || !(0x10..=0xff).contains(&block) {
            continue;
        }
        let name = creator.text();
        for (index, element) in elements.iter().enumerate() {
            let [high, low] = element.tag.element().to_be_bytes();
            let is_listed = SAFE.contains(&(name.as_str(), group, low));
            let is_here = element.tag.group() == group && u16::from(high) == block;
            if is_listed && is_here && is_harmless(element) {
                safe.extend([creator_index, index]);
            }
        }
    }
    safe
}

/// Numbers, and texts made of numbers or of one word as the standard lists them (DIRECTIONAL, S/I).
fn is_harmless(element: &Element) -> bool {
    let is_word = |part: &str| {
        ["DIRECTIONAL", "BMATRIX", "ISOTROPIC", "NONE", "FH", "AP", "RL", "O", "I"].contains(&part)
    };
    match element.vr {
        VR::FD | VR::FL | VR::US | VR::SS | VR::UL | VR::SL => true,
        VR::DS | VR::IS | VR::CS | VR::LO | VR::SH | VR::UN => {
            let text = element.text();
            text.split('\\').map(str::trim).all(|part| part.parse::<f64>().is_ok() || is_word(part))
        }
        _ => false,
    }
}
