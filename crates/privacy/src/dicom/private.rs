//! Private attributes that the standard lists as telling nothing of the patient: PS3.15 Table E.3.10-1.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use dicom_core::{Tag, VR};

use super::element::{Element, Value};

const TABLE: &str = include_str!("../../data/ps315_e3_10_1.tsv");

/// Creator, group, last two digits of the element.
type Name = (&'static str, u16, u8);

/// The representations of the listed attributes; `None` where the table has none or two.
static SAFE: LazyLock<HashMap<Name, Option<VR>>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let number = |text| u16::from_str_radix(text, 16).expect("the table is made for us");
            let [_, low] = number(fields[2]).to_be_bytes();
            ((fields[0], number(fields[1]), low), fields[3].parse().ok())
        })
        .collect()
});

/// The places of the private elements that may stay, each with the representation that it is cleaned
/// by: listed ones, and the names of their creators. None without the option.
///
/// Bytes that nobody can look into are left out although the table lists them: they may be an image
/// with a name in it.
pub(super) fn safe_elements(elements: &[Element], option_on: bool) -> BTreeMap<usize, VR> {
    let mut safe = BTreeMap::new();
    if !option_on {
        return safe;
    }
    let blocks: HashMap<(u16, u16), (usize, &Element)> = elements
        .iter()
        .enumerate()
        .filter(|(_, element)| is_creator(element.tag))
        .map(|(index, creator)| ((creator.tag.group(), creator.tag.element()), (index, creator)))
        .collect();
    for (index, element) in elements.iter().enumerate() {
        let (group, [block, low]) = (element.tag.group(), element.tag.element().to_be_bytes());
        let Some(&(creator_index, creator)) = blocks.get(&(group, block.into())) else { continue };
        let name = creator.text();
        let Some(listed) = SAFE.get(&(name.as_str(), group, low)) else { continue };
        let vr = if element.vr == VR::UN { listed.unwrap_or(VR::UN) } else { element.vr };
        let has_items = matches!(element.value, Value::Items(_));
        if !is_opaque(vr) && has_items == (vr == VR::SQ) {
            safe.extend([(creator_index, creator.vr), (index, vr)]);
        }
    }
    safe
}

/// Whether an element reserves a block of private ones: its value names who made them.
pub(super) fn is_creator(tag: Tag) -> bool {
    tag.group() % 2 == 1 && (0x10..=0xff).contains(&tag.element())
}

/// Whether nobody can tell what the bytes of a value are.
pub(super) fn is_opaque(vr: VR) -> bool {
    matches!(vr, VR::OB | VR::OW | VR::OD | VR::OF | VR::OL | VR::OV | VR::UN)
}
