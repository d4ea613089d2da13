//! PS3.15 Table E.1-1 and the types of PS3.3 that its combined actions are resolved by.

use std::{collections::HashMap, sync::LazyLock};

use dicom_core::Tag;

use crate::{Dates, DicomProfile};

const TABLE: &str = include_str!("../../data/ps315_e1_1.tsv");
/// Rows that later editions have added, by their basic action: no option keeps any of them.
const LATER: &str = include_str!("../../data/ps315_e1_1_later.tsv");
const TYPES: &str = include_str!("../../data/iod_types.tsv");
const SOP_CLASSES: &str = include_str!("../../data/sop_iods.tsv");

/// What is done with an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    /// K: kept; the items of a sequence are cleaned.
    Keep,
    /// X: taken out.
    Remove,
    /// Z: emptied.
    Empty,
    /// D: replaced by a dummy of the same representation.
    Dummy,
    /// U: replaced by a UID that is the same wherever it stands.
    Uid,
    /// C of dates: moved by the patient's offset.
    Shift,
    /// C of texts: the words of the vocabulary stay.
    CleanText,
    /// C of sequences: its items are cleaned.
    CleanItems,
}

/// An action of the Basic Profile as the table writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each letter of the table")]
struct Basic {
    x: bool,
    z: bool,
    d: bool,
    u: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Options {
    keep: u16,
    clean: u16,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    basic: Basic,
    options: Options,
}

const OPTIONS: [&str; 10] = [
    "safe_private",
    "uids",
    "device",
    "institution",
    "patient",
    "full_dates",
    "modified_dates",
    "descriptors",
    "structured",
    "graphics",
];

/// The options that a profile switches on, a bit each in the order of [`OPTIONS`].
pub(super) fn switched_on(profile: &DicomProfile) -> u16 {
    let on = [
        profile.safe_private,
        profile.retain_uids,
        profile.retain_device,
        profile.retain_institution,
        profile.retain_patient_characteristics,
        profile.dates == Dates::Full,
        profile.dates == Dates::Shifted,
        profile.clean_descriptors,
        profile.clean_structured_content,
        profile.clean_graphics,
    ];
    on.iter().enumerate().fold(0, |bits, (place, &on)| bits | u16::from(on) << place)
}

const DATES: u16 = 1 << 5 | 1 << 6;
const ITEMS: u16 = 1 << 8 | 1 << 9;

static ROWS: LazyLock<HashMap<u32, Row>> = LazyLock::new(|| {
    lines(TABLE)
        .chain(lines(LATER))
        .filter_map(|line| {
            let mut fields = line.split('\t');
            let tag = number_of(fields.next()?)?;
            Some((tag, row(fields.next()?, fields.next()?)))
        })
        .collect()
});

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

/// `0008,0050` as a number, the wildcards of `60xx,3000` and `50xx,xxxx` as zeros. Private attributes
/// have a rule of their own.
fn number_of(tag: &str) -> Option<u32> {
    let digits: String = tag.chars().filter(|&c| c != ',').collect();
    u32::from_str_radix(&digits.replace('x', "0"), 16).ok()
}

fn row(basic: &str, options: &str) -> Row {
    let has = |letter| basic.split('/').any(|one| one.trim_end_matches('*') == letter);
    let basic = Basic { x: has("X"), z: has("Z"), d: has("D"), u: has("U") };
    let mut found = Options::default();
    for (name, action) in options.split(' ').filter_map(|option| option.split_once('=')) {
        let place =
            OPTIONS.iter().position(|&known| known == name).expect("the table is made for us");
        let bits = if action == "K" { &mut found.keep } else { &mut found.clean };
        *bits |= 1 << place;
    }
    Row { basic, options: found }
}

fn row_of(tag: Tag) -> Option<Row> {
    let (group, element) = (u32::from(tag.group()), u32::from(tag.element()));
    let key = match group >> 8 {
        0x50 => 0x5000_0000,
        0x60 => 0x6000_0000 | element,
        _ => group << 16 | element,
    };
    ROWS.get(&key).copied()
}

/// An attribute where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) tag: Tag,
    /// The sequence that holds it.
    pub(super) parent: Option<Tag>,
    /// The number of the file's IOD; `None` for a class of which the types are not known.
    pub(super) iod: Option<u8>,
}

/// What the table says of an attribute under the options that are on; `None` where it is not listed.
pub(super) fn listed_action(place: Place, options_on: u16, is_sequence: bool) -> Option<Action> {
    let row = row_of(place.tag)?;
    if row.options.keep & options_on != 0 {
        return Some(Action::Keep);
    }
    let clean = row.options.clean & options_on;
    if is_sequence && clean != 0 {
        return Some(Action::CleanItems);
    }
    if clean & DATES != 0 {
        return Some(Action::Shift);
    }
    // Curves and overlays have no part that could be told to be clean.
    if clean & !ITEMS != 0 {
        return Some(Action::CleanText);
    }
    Some(resolve(row.basic, place))
}

/// The basic action alone: what is done where cleaning leaves nothing.
pub(super) fn basic_action(place: Place) -> Option<Action> {
    row_of(place.tag).map(|row| resolve(row.basic, place))
}

/// Table E.1-1a: the least that the type of the attribute allows. Of an unknown class the action that
/// is valid for every type is taken.
fn resolve(basic: Basic, place: Place) -> Action {
    // X/Z/U*: references to images, without which segmentations and derived images are not valid; no
    // table tells the types within functional groups. With other UIDs they tell nothing.
    if basic.x && basic.u {
        return Action::Uid;
    }
    let kind = required_type(place);
    let by_type = [
        (basic.x && kind == Type::Optional, Action::Remove),
        (basic.z && kind != Type::Required, Action::Empty),
        (basic.d, Action::Dummy),
        (basic.u, Action::Uid),
        (basic.z, Action::Empty),
    ];
    by_type.into_iter().find(|(fits, _)| *fits).map_or(Action::Remove, |(_, action)| action)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    /// 1 and 1C: a value is needed.
    Required,
    /// 2 and 2C: it may be empty.
    MayBeEmpty,
    /// 3, or not in the IOD.
    Optional,
}

type Strictest = HashMap<(u32, u32, u8), Type>;

static REQUIRED: LazyLock<Strictest> = LazyLock::new(|| {
    let hexadecimal = |text| u32::from_str_radix(text, 16).expect("the table is made for us");
    let mut types = HashMap::new();
    for line in lines(TYPES) {
        let fields: Vec<&str> = line.split('\t').collect();
        let kind = if fields[2] == "1" { Type::Required } else { Type::MayBeEmpty };
        for range in fields[3].split(' ') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let number = |text: &str| text.parse::<u8>().expect("there are fewer than 256 IODs");
            for iod in number(first)..=number(last) {
                types.insert((hexadecimal(fields[0]), hexadecimal(fields[1]), iod), kind);
            }
        }
    }
    types
});

fn required_type(place: Place) -> Type {
    let number = |tag: Tag| u32::from(tag.group()) << 16 | u32::from(tag.element());
    let Some(iod) = place.iod else { return Type::Required };
    let key = (number(place.tag), place.parent.map_or(0, number), iod);
    REQUIRED.get(&key).copied().unwrap_or(Type::Optional)
}

static IODS: LazyLock<HashMap<&'static str, u8>> = LazyLock::new(|| {
    lines(SOP_CLASSES)
        .filter_map(|line| {
            let mut fields = line.split('\t');
            Some((fields.next()?, fields.next()?.parse().ok()?))
        })
        .collect()
});

/// The number of a SOP class's IOD.
pub(super) fn iod_of(sop_class: &str) -> Option<u8> {
    IODS.get(sop_class).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
    const RTSTRUCT: &str = "1.2.840.10008.5.1.4.1.1.481.3";

    fn action(tag: Tag, class: &str, options: u16) -> Option<Action> {
        listed_action(Place { tag, parent: None, iod: iod_of(class) }, options, false)
    }

    #[test]
    fn every_row_of_the_table_is_there() {
        assert_eq!((lines(TABLE).count(), lines(LATER).count()), (621, 35));
        assert_eq!(ROWS.len(), 655); // The rule for private attributes is the other.
        assert!(ROWS.values().all(|row| row.basic.x || row.basic.z || row.basic.d || row.basic.u));
    }

    #[test]
    fn combined_actions_follow_the_type_of_the_iod() {
        for (case, tag, class, expected) in [
            // Acquisition Date is of type 3 in CT, Content Date of type 3, Series Date too.
            ("X/Z, type 3", Tag(0x0008, 0x0022), CT, Action::Remove),
            // Patient ID is of type 2 everywhere.
            ("Z/D, type 2", Tag(0x0010, 0x0020), CT, Action::Empty),
            // Operators' Name is of type 2 in the RT series, of type 3 elsewhere.
            ("X/Z/D, type 2", Tag(0x0008, 0x1070), RTSTRUCT, Action::Empty),
            ("X/Z/D, type 3", Tag(0x0008, 0x1070), CT, Action::Remove),
            ("of an unknown class", Tag(0x0008, 0x1070), "1.2.3", Action::Dummy),
            ("X/Z of an unknown class", Tag(0x0008, 0x0022), "1.2.3", Action::Empty),
        ] {
            assert_eq!(action(tag, class, 0), Some(expected), "{case}");
        }
    }

    #[test]
    fn an_option_overrules_the_basic_profile_and_keeping_overrules_cleaning() {
        let study_date = Tag(0x0008, 0x0020);
        assert_eq!(action(study_date, CT, 0), Some(Action::Empty));
        assert_eq!(action(study_date, CT, 1 << 5), Some(Action::Keep));
        assert_eq!(action(study_date, CT, 1 << 6), Some(Action::Shift));
        let sop_instance = Tag(0x0008, 0x0018);
        assert_eq!(action(sop_instance, CT, 0), Some(Action::Uid));
        assert_eq!(action(sop_instance, CT, 1 << 1), Some(Action::Keep));
        assert_eq!(action(Tag(0x0008, 0x0060), CT, 0), None);
        assert_eq!(action(Tag(0x6002, 0x3000), CT, u16::MAX), Some(Action::Remove));
        assert_eq!(action(Tag(0x5012, 0x0010), CT, 0), Some(Action::Remove));
    }
}
