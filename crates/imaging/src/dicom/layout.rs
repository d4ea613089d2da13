//! Where the elements of a data set stand in a file's bytes.
//!
//! Every length is checked against what holds it before anything is read by it, so that a broken or
//! hostile one costs no memory, and what the reader has no use for (private elements, overlays) is
//! passed over: a fault in it stops nothing.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};

/// How the elements of a data set are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub(super) explicit: bool,
    pub(super) big_endian: bool,
}

impl Syntax {
    pub(super) const EXPLICIT_LITTLE: Self = Self { explicit: true, big_endian: false };

    fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// One element of a data set.
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) tag: Tag,
    /// The value representation as written; `None` where the syntax leaves it out.
    pub(super) vr: Option<[u8; 2]>,
    /// Where its tag starts.
    pub(super) start: usize,
    /// Where its value starts.
    pub(super) value: usize,
    /// The length of its value; `None` where a delimiter ends it.
    pub(super) length: Option<usize>,
}

/// An element, and all that lies in it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) element: Element,
    /// Where the next element starts.
    pub(super) end: usize,
    /// The elements of each item; `None` but for a sequence that the syntax of its data set reads.
    pub(super) items: Option<Vec<Vec<Node>>>,
}

/// Why the elements cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes end, the file does not.
    NeedsMore,
    /// The file ends, or what stands there is no element.
    Broken,
}

const ITEM: Tag = Tag(0xfffe, 0xe000);
const ITEM_DELIMITATION: Tag = Tag(0xfffe, 0xe00d);
const SEQUENCE_DELIMITATION: Tag = Tag(0xfffe, 0xe0dd);

/// Sequences within sequences are followed so far; real files stay below ten.
const MAX_DEPTH: usize = 24;

/// The bytes at the start of a file.
pub(super) struct Bytes<'a> {
    pub(super) bytes: &'a [u8],
    /// The length of the whole file.
    pub(super) file_length: u64,
}

impl Bytes<'_> {
    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], Stop> {
        let end = at.checked_add(N).ok_or(Stop::Broken)?;
        match self.bytes.get(at..end) {
            Some(bytes) => Ok(bytes.try_into().expect("the range is as long")),
            None => Err(self.missing(end)),
        }
    }

    fn missing(&self, end: usize) -> Stop {
        if end as u64 > self.file_length { Stop::Broken } else { Stop::NeedsMore }
    }

    /// The element whose tag starts at a place.
    pub(super) fn element(&self, start: usize, syntax: Syntax) -> Result<Element, Stop> {
        let group = syntax.u16(self.array(start)?);
        let tag = Tag(group, syntax.u16(self.array(start + 2)?));
        let mut vr = None;
        let (value, length) = if syntax.explicit && group != 0xfffe {
            let name: [u8; 2] = self.array(start + 4)?;
            vr = Some(name);
            if has_short_length(name) {
                (start + 8, u32::from(syntax.u16(self.array(start + 6)?)))
            } else {
                (start + 12, syntax.u32(self.array(start + 8)?))
            }
        } else {
            (start + 8, syntax.u32(self.array(start + 4)?))
        };
        let length = (length != u32::MAX).then_some(length as usize);
        Ok(Element { tag, vr, start, value, length })
    }

    /// The element whose tag starts at a place, every length within it checked.
    pub(super) fn node(&self, start: usize, syntax: Syntax) -> Result<Node, Stop> {
        let limit = usize::try_from(self.file_length).unwrap_or(usize::MAX);
        self.node_within(start, limit, syntax, 0)
    }

    /// An element that ends at a limit or before.
    fn node_within(
        &self,
        start: usize,
        limit: usize,
        syntax: Syntax,
        depth: usize,
    ) -> Result<Node, Stop> {
        let element = self.element(start, syntax)?;
        let end = element.value.checked_add(element.length.unwrap_or(0)).ok_or(Stop::Broken)?;
        if end > limit || depth > MAX_DEPTH {
            return Err(Stop::Broken);
        }
        if element.length.is_none() {
            return self.delimited(element, limit, syntax, depth);
        }
        // Private elements are never read, but for those within a sequence that is.
        if !is_sequence(&element) || (depth == 0 && !is_of_use(element.tag)) {
            return Ok(Node { element, end, items: None });
        }
        let (items, end) = self.items(element.value, Limit::At(end), syntax, depth)?;
        Ok(Node { element, end, items: Some(items) })
    }

    /// An element that a delimiter ends.
    fn delimited(
        &self,
        element: Element,
        limit: usize,
        syntax: Syntax,
        depth: usize,
    ) -> Result<Node, Stop> {
        if element.tag == tags::PIXEL_DATA {
            let end = self.fragments_end(element.value, limit)?;
            return Ok(Node { element, end, items: None });
        }
        // PS3.5 6.2.2: of an unknown representation, the items are implicit little endian; some
        // writers leave them as they were.
        let explicit = syntax.explicit
            && (element.vr != Some(*b"UN")
                || match self.array(element.value + 12) {
                    Ok(vr) => VR::from_binary(vr).is_some(),
                    Err(Stop::NeedsMore) => return Err(Stop::NeedsMore),
                    Err(Stop::Broken) => true,
                });
        let within = Syntax { explicit, ..syntax };
        let (items, end) = self.items(element.value, Limit::Before(limit), within, depth)?;
        Ok(Node { element, end, items: (within == syntax).then_some(items) })
    }

    /// Where the fragments of compressed pixels end, as an icon may have them.
    fn fragments_end(&self, mut at: usize, limit: usize) -> Result<usize, Stop> {
        while at < limit {
            let item = self.element(at, Syntax::EXPLICIT_LITTLE)?;
            at = match (item.tag, item.length) {
                (SEQUENCE_DELIMITATION, _) if item.value <= limit => return Ok(item.value),
                (ITEM, Some(length)) => item.value.checked_add(length).ok_or(Stop::Broken)?,
                _ => return Err(Stop::Broken),
            };
        }
        Err(Stop::Broken)
    }

    /// The items of a sequence, and where they end.
    fn items(
        &self,
        mut at: usize,
        limit: Limit,
        syntax: Syntax,
        depth: usize,
    ) -> Result<(Vec<Vec<Node>>, usize), Stop> {
        let mut items = Vec::new();
        while limit.is_after(at) {
            let item = self.element(at, syntax)?;
            match (item.tag, item.length) {
                (SEQUENCE_DELIMITATION, _) => return limit.ended(items, item.value),
                (ITEM, length) => {
                    let within = limit.within(item.value, length)?;
                    let (nodes, end) = self.item(item.value, within, syntax, depth)?;
                    items.push(nodes);
                    at = end;
                }
                _ => return Err(Stop::Broken),
            }
        }
        limit.reached(items, at)
    }

    /// The elements of an item, and where they end.
    fn item(
        &self,
        mut at: usize,
        limit: Limit,
        syntax: Syntax,
        depth: usize,
    ) -> Result<(Vec<Node>, usize), Stop> {
        let mut nodes = Vec::new();
        while limit.is_after(at) {
            let delimiter = self.element(at, syntax)?;
            if delimiter.tag == ITEM_DELIMITATION {
                return limit.ended(nodes, delimiter.value);
            }
            let node = self.node_within(at, limit.place(), syntax, depth + 1)?;
            at = node.end;
            nodes.push(node);
        }
        limit.reached(nodes, at)
    }

    /// How the data set at a place is written, by its first element; `None` where none stands
    /// there. Data sets begin with group 0008, or 0002 where the meta information has no preamble.
    pub(super) fn sniff(&self, start: usize) -> Option<Syntax> {
        let tag: [u8; 4] = self.array(start).ok()?;
        let big_endian = match tag {
            [2 | 8, 0, ..] => false,
            [0, 2 | 8, ..] => true,
            _ => return None,
        };
        let vr: [u8; 2] = self.array(start + 4).ok()?;
        let syntax = Syntax { explicit: VR::from_binary(vr).is_some(), big_endian };
        (self.node(start, syntax).err() != Some(Stop::Broken)).then_some(syntax)
    }
}

/// How far what is followed may reach.
#[derive(Clone, Copy)]
enum Limit {
    /// It ends there, or at a delimiter before.
    At(usize),
    /// A delimiter ends it, there or before.
    Before(usize),
}

impl Limit {
    fn place(self) -> usize {
        match self {
            Self::At(place) | Self::Before(place) => place,
        }
    }

    /// Whether something may stand at a place.
    fn is_after(self, at: usize) -> bool {
        at < self.place()
    }

    /// The limit of an item that starts at a place.
    fn within(self, start: usize, length: Option<usize>) -> Result<Self, Stop> {
        let Some(length) = length else { return Ok(Self::Before(self.place())) };
        let end = start.checked_add(length).ok_or(Stop::Broken)?;
        if end > self.place() { Err(Stop::Broken) } else { Ok(Self::At(end)) }
    }

    /// What a delimiter ended.
    fn ended<T>(self, found: T, end: usize) -> Result<(T, usize), Stop> {
        if end > self.place() { Err(Stop::Broken) } else { Ok((found, end)) }
    }

    /// What no delimiter ended.
    fn reached<T>(self, found: T, at: usize) -> Result<(T, usize), Stop> {
        match self {
            Self::At(end) if at == end => Ok((found, end)),
            _ => Err(Stop::Broken),
        }
    }
}

/// PS3.5 7.1.2: these representations have a length of 16 bits.
fn has_short_length(vr: [u8; 2]) -> bool {
    const SHORT: [&[u8; 2]; 21] = [
        b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO", b"LT", b"PN",
        b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US",
    ];
    SHORT.contains(&&vr)
}

fn is_sequence(element: &Element) -> bool {
    match element.vr {
        Some(vr) => &vr == b"SQ",
        None => StandardDataDictionary
            .by_tag(element.tag)
            .is_some_and(|entry| entry.vr().relaxed() == VR::SQ),
    }
}

/// The elements before the pixels that the reader has a use for, and the pixels.
pub(super) struct DataSet {
    pub(super) kept: Vec<Node>,
    pub(super) pixels: Option<Element>,
}

/// Standard attributes but overlays and curves (groups 60xx and 50xx), and the private ones that the
/// SUV of PET scanners of GE and Philips needs.
fn is_of_use(tag: Tag) -> bool {
    match (tag.group(), tag.element()) {
        (0x0009, element) => element == 0x0010 || element == 0x100d,
        (0x7053, _) => true,
        (group, _) => group.is_multiple_of(2) && !matches!(group >> 8, 0x50 | 0x60),
    }
}

/// Follows the elements of a data set up to its pixels.
pub(super) fn data_set(bytes: &Bytes, start: usize, syntax: Syntax) -> Result<DataSet, Stop> {
    let mut kept = Vec::new();
    let mut at = start;
    while (at as u64) < bytes.file_length {
        // Some writers fill up their files with zeros.
        if bytes.array(at) == Ok([0_u8; 4]) {
            break;
        }
        let element = bytes.element(at, syntax)?;
        if matches!(
            element.tag,
            tags::PIXEL_DATA | tags::FLOAT_PIXEL_DATA | tags::DOUBLE_FLOAT_PIXEL_DATA
        ) {
            return Ok(DataSet { kept, pixels: Some(element) });
        }
        let node = bytes.node(at, syntax)?;
        if node.end > bytes.bytes.len() {
            return Err(Stop::NeedsMore);
        }
        at = node.end;
        let unknown = node.element.vr == Some(*b"UN") && node.element.length.is_none();
        if is_of_use(node.element.tag) && !unknown {
            kept.push(node);
        }
    }
    Ok(DataSet { kept, pixels: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(bytes: &[u8], syntax: Syntax) -> Result<DataSet, Stop> {
        data_set(&Bytes { bytes, file_length: bytes.len() as u64 }, 0, syntax)
    }

    #[test]
    fn lengths_beyond_the_file_are_found_before_anything_is_read() {
        let implicit = Syntax { explicit: false, big_endian: false };
        for (case, bytes, syntax, expected) in [
            (
                "a value beyond the end",
                b"\x08\0\x05\0CS\xff\x7fISO".as_slice(),
                Syntax::EXPLICIT_LITTLE,
                Some(Stop::Broken),
            ),
            (
                "within a sequence",
                b"\x08\0\x40\x11SQ\0\0\x10\0\0\0\xfe\xff\0\xe0\x08\0\0\0\x08\0\x50\x11UI\xff\xff",
                Syntax::EXPLICIT_LITTLE,
                Some(Stop::Broken),
            ),
            (
                "known to the dictionary alone",
                b"\x08\0\x40\x11\x10\0\0\0\xfe\xff\0\xe0\x08\0\0\0\x08\0\x50\x11\xf0\xff\xff\xff",
                implicit,
                Some(Stop::Broken),
            ),
            (
                "within a private sequence of a sequence",
                b"\x08\0\x40\x11SQ\0\0\x24\0\0\0\xfe\xff\0\xe0\x1c\0\0\0\x09\0\x10\x10SQ\0\0\x10\0\0\0\
                  \xfe\xff\0\xe0\x08\0\0\0\x08\0\x50\x11UI\xff\xff",
                Syntax::EXPLICIT_LITTLE,
                Some(Stop::Broken),
            ),
            ("a private value", b"\x09\0\x01\x10UN\0\0\x02\0\0\0ab", Syntax::EXPLICIT_LITTLE, None),
        ] {
            let found = follow(bytes, syntax);
            assert_eq!(found.as_ref().err().copied(), expected, "{case}");
            assert!(found.is_err() || found.is_ok_and(|data_set| data_set.kept.is_empty()));
        }
    }

    #[test]
    fn endless_nesting_is_broken() {
        let level = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff";
        assert_eq!(
            follow(&level.repeat(10_000), Syntax::EXPLICIT_LITTLE).err(),
            Some(Stop::Broken)
        );
    }

    #[test]
    fn the_first_element_tells_how_a_data_set_is_written() {
        for (bytes, explicit, big_endian) in [
            (b"\x08\0\x05\0CS\x02\0IR".as_slice(), true, false),
            (b"\x08\0\x05\0\x02\0\0\0IR", false, false),
            (b"\0\x08\0\x05CS\0\x02IR", true, true),
        ] {
            let bytes = Bytes { bytes, file_length: bytes.len() as u64 };
            assert_eq!(bytes.sniff(0), Some(Syntax { explicit, big_endian }));
        }
        let text = b"\x08 notes that are no DICOM";
        assert_eq!(Bytes { bytes: text, file_length: 24 }.sniff(0), None);
    }
}
