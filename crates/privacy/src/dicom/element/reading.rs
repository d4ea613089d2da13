//! Elements as they are found in the bytes at the start of a file.

use std::borrow::Cow;

use dicom_core::{Tag, VR};

use super::{Element, ITEM, Syntax, Value, has_short_length, known_vr};

/// Why the elements cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dicom) enum Stop {
    /// The bytes end, the file does not.
    NeedsMore,
    /// The file ends, or what stands there is no element.
    Broken,
}

const ITEM_DELIMITATION: Tag = Tag(0xfffe, 0xe00d);
const SEQUENCE_DELIMITATION: Tag = Tag(0xfffe, 0xe0dd);

/// Sequences within sequences are followed so far.
const MAX_DEPTH: usize = 64;

/// The bytes at the start of a file.
#[derive(Clone, Copy)]
pub(in crate::dicom) struct Source<'a> {
    pub(in crate::dicom) bytes: &'a [u8],
    /// The length of the whole file.
    pub(in crate::dicom) file_length: u64,
}

/// What stands before a value.
#[derive(Clone, Copy, Debug)]
pub(in crate::dicom) struct Head {
    pub(in crate::dicom) tag: Tag,
    pub(in crate::dicom) vr: VR,
    /// Where its value starts.
    pub(in crate::dicom) value: usize,
    /// `None` where a delimiter ends the value.
    pub(in crate::dicom) length: Option<usize>,
}

impl<'a> Source<'a> {
    fn array<const N: usize>(self, at: usize) -> Result<[u8; N], Stop> {
        Ok(self.range(at, N)?.try_into().expect("the range is as long"))
    }

    fn range(self, at: usize, length: usize) -> Result<&'a [u8], Stop> {
        let end = at.checked_add(length).ok_or(Stop::Broken)?;
        let missing = if end as u64 > self.file_length { Stop::Broken } else { Stop::NeedsMore };
        self.bytes.get(at..end).ok_or(missing)
    }

    /// The group of the element at a place, however its representation is written.
    pub(in crate::dicom) fn group(self, at: usize, syntax: Syntax) -> Result<u16, Stop> {
        Ok(syntax.u16(self.array(at)?))
    }

    pub(in crate::dicom) fn head(self, at: usize, syntax: Syntax) -> Result<Head, Stop> {
        let tag = Tag(syntax.u16(self.array(at)?), syntax.u16(self.array(at + 2)?));
        let (vr, value, length) = if tag.group() == 0xfffe {
            (VR::UN, at + 8, syntax.u32(self.array(at + 4)?))
        } else if syntax.explicit {
            let vr = VR::from_binary(self.array(at + 4)?).ok_or(Stop::Broken)?;
            if has_short_length(vr) {
                (vr, at + 8, u32::from(syntax.u16(self.array(at + 6)?)))
            } else {
                (vr, at + 12, syntax.u32(self.array(at + 8)?))
            }
        } else {
            (known_vr(tag).unwrap_or(VR::UN), at + 8, syntax.u32(self.array(at + 4)?))
        };
        let length = (length != u32::MAX).then_some(length as usize);
        Ok(Head { tag, vr, value, length })
    }

    /// The element at a place, and where it ends.
    pub(in crate::dicom) fn element(
        self,
        at: usize,
        syntax: Syntax,
    ) -> Result<(Element<'a>, usize), Stop> {
        self.element_within(at, syntax, 0)
    }

    fn element_within(
        self,
        at: usize,
        syntax: Syntax,
        depth: usize,
    ) -> Result<(Element<'a>, usize), Stop> {
        let head = self.head(at, syntax)?;
        if depth > MAX_DEPTH || head.tag.group() == 0xfffe {
            return Err(Stop::Broken);
        }
        let unknown = head.vr == VR::UN;
        let is_sequence = head.vr == VR::SQ || unknown && known_vr(head.tag) == Some(VR::SQ);
        let Some(length) = head.length else {
            if matches!(head.vr, VR::OB | VR::OW) {
                let end = self.fragments_end(head.value, syntax)?;
                let value = Value::Fragments(self.range(head.value, end - head.value)?);
                return Ok((Element { tag: head.tag, vr: head.vr, value }, end));
            }
            let inner = if unknown { self.syntax_of_unknown(head.value, syntax)? } else { syntax };
            let (items, end) = self.items(head.value, None, inner, depth)?;
            return Ok((Element::sequence(head.tag, items), end));
        };
        let end = head.value.checked_add(length).ok_or(Stop::Broken)?;
        if end as u64 > self.file_length {
            return Err(Stop::Broken);
        }
        if is_sequence && length > 0 {
            let inner = if unknown { self.syntax_of_unknown(head.value, syntax)? } else { syntax };
            match self.items(head.value, Some(end), inner, depth) {
                Ok((items, end)) => return Ok((Element::sequence(head.tag, items), end)),
                // Of an unknown representation, it may be anything: a caller takes it out.
                Err(Stop::Broken) if unknown => {}
                Err(stop) => return Err(stop),
            }
        }
        let value = Value::Bytes(Cow::Borrowed(self.range(head.value, length)?));
        let value = if head.vr == VR::SQ { Value::Items(Vec::new()) } else { value };
        Ok((Element { tag: head.tag, vr: head.vr, value }, end))
    }

    /// PS3.5 6.2.2: of an unknown representation, items are implicit little endian; some writers
    /// leave them as they were.
    fn syntax_of_unknown(self, value: usize, syntax: Syntax) -> Result<Syntax, Stop> {
        let explicit = syntax.explicit && VR::from_binary(self.array(value + 12)?).is_some();
        Ok(if explicit { syntax } else { Syntax::IMPLICIT })
    }

    fn items(
        self,
        mut at: usize,
        end: Option<usize>,
        syntax: Syntax,
        depth: usize,
    ) -> Result<(Vec<Vec<Element<'a>>>, usize), Stop> {
        let mut items = Vec::new();
        while end.is_none_or(|end| at < end) {
            let head = self.head(at, syntax)?;
            match head.tag {
                SEQUENCE_DELIMITATION => return Ok((items, head.value)),
                ITEM => {
                    let (item, after) = self.item(&head, syntax, depth)?;
                    items.push(item);
                    at = after;
                }
                _ => return Err(Stop::Broken),
            }
        }
        if end == Some(at) { Ok((items, at)) } else { Err(Stop::Broken) }
    }

    fn item(
        self,
        head: &Head,
        syntax: Syntax,
        depth: usize,
    ) -> Result<(Vec<Element<'a>>, usize), Stop> {
        let mut at = head.value;
        let end = match head.length {
            Some(length) => Some(at.checked_add(length).ok_or(Stop::Broken)?),
            None => None,
        };
        if end.is_some_and(|end| end as u64 > self.file_length) {
            return Err(Stop::Broken);
        }
        let mut elements = Vec::new();
        while end.is_none_or(|end| at < end) {
            let next = self.head(at, syntax)?;
            if next.tag == ITEM_DELIMITATION {
                return Ok((elements, next.value));
            }
            let (element, after) = self.element_within(at, syntax, depth + 1)?;
            elements.push(element);
            at = after;
        }
        if end == Some(at) { Ok((elements, at)) } else { Err(Stop::Broken) }
    }

    /// Where encapsulated pixel data ends, its delimiter included.
    fn fragments_end(self, mut at: usize, syntax: Syntax) -> Result<usize, Stop> {
        loop {
            let head = self.head(at, syntax)?;
            match (head.tag, head.length) {
                (SEQUENCE_DELIMITATION, _) => return Ok(head.value),
                (ITEM, Some(length)) => {
                    at = head.value.checked_add(length).ok_or(Stop::Broken)?;
                    if at as u64 > self.file_length {
                        return Err(Stop::Broken);
                    }
                }
                _ => return Err(Stop::Broken),
            }
        }
    }

    /// How the data set at a place is written, by its first element; `None` where none stands there.
    pub(in crate::dicom) fn sniff(self, at: usize) -> Option<Syntax> {
        let tag: [u8; 4] = self.array(at).ok()?;
        let big_endian = match tag {
            [2 | 8, 0, ..] => false,
            [0, 2 | 8, ..] => true,
            _ => return None,
        };
        let explicit = VR::from_binary(self.array(at + 4).ok()?).is_some();
        let syntax = Syntax { explicit, big_endian };
        match self.element(at, syntax) {
            Err(Stop::Broken) => None,
            _ => Some(syntax),
        }
    }
}
