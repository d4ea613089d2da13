//! The attributes that elements hold.
//!
//! dicom-rs decodes one header or value at a time, each at the place and of the length that were
//! found and checked before: whatever it makes of one, the next is read where it stands, and none
//! takes more memory than the file has bytes for it.

use std::io::Cursor;

use dicom_core::header::{DataElementHeader, Length};
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, VR};
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;
use dicom_parser::{DynStatefulDecoder, StatefulDecode};
use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};

use super::layout::Node;

/// The attributes of some elements of a data set, without those that are delimiters or of another
/// syntax; `None` where a value is not of its representation.
pub(super) fn object_of(
    bytes: &[u8],
    nodes: &[Node],
    transfer_syntax: &str,
) -> Option<InMemDicomObject> {
    let syntax = TransferSyntaxRegistry.get(transfer_syntax)?;
    let mut decoder = DynStatefulDecoder::new_with_ts(Cursor::new(bytes), syntax, 0).ok()?;
    attributes(&mut decoder, nodes)
}

fn attributes(
    decoder: &mut DynStatefulDecoder<Cursor<&[u8]>>,
    nodes: &[Node],
) -> Option<InMemDicomObject> {
    let mut object = InMemDicomObject::new_empty();
    for node in nodes {
        let element = &node.element;
        let attribute = match (&node.items, element.length) {
            (Some(items), _) => {
                let items = items.iter().map(|item| attributes(decoder, item));
                let items = DataSetSequence::from(items.collect::<Option<Vec<_>>>()?);
                DataElement::new(element.tag, VR::SQ, items)
            }
            (None, Some(length)) if element.tag.group() != 0xfffe => {
                value(decoder, node, u32::try_from(length).ok()?)?
            }
            _ => continue,
        };
        object.put(attribute);
    }
    Some(object)
}

fn value(
    decoder: &mut DynStatefulDecoder<Cursor<&[u8]>>,
    node: &Node,
    length: u32,
) -> Option<InMemElement> {
    decoder.seek(node.element.start as u64).ok()?;
    let vr = decoder.decode_header().ok()?.vr;
    decoder.seek(node.element.value as u64).ok()?;
    let header = DataElementHeader::new(node.element.tag, vr, Length(length));
    Some(DataElement::new(node.element.tag, vr, decoder.read_value_preserved(&header).ok()?))
}

#[cfg(test)]
mod tests {
    use dicom_core::Tag;
    use dicom_dictionary_std::{tags, uids};

    use super::super::layout::{Bytes, Syntax, data_set};
    use super::*;

    /// Explicit, little endian; `None` where the elements cannot be followed.
    fn read(bytes: &[u8]) -> Option<InMemDicomObject> {
        let whole = Bytes { bytes, file_length: bytes.len() as u64 };
        let found = data_set(&whole, 0, Syntax::EXPLICIT_LITTLE).ok()?;
        object_of(bytes, &found.kept, uids::EXPLICIT_VR_LITTLE_ENDIAN)
    }

    fn element(tag: Tag, vr: [u8; 2], value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap().to_le_bytes();
        let tag = [tag.group().to_le_bytes(), tag.element().to_le_bytes()].concat();
        [&tag, vr.as_slice(), &length, value].concat()
    }

    fn sequence(tag: Tag, items: &[Vec<u8>]) -> Vec<u8> {
        let tag = [tag.group().to_le_bytes(), tag.element().to_le_bytes()].concat();
        let items = items.concat();
        let length = u32::try_from(items.len()).unwrap().to_le_bytes();
        [&tag, b"SQ\0\0".as_slice(), &length, &items].concat()
    }

    fn item(elements: &[Vec<u8>]) -> Vec<u8> {
        let elements = elements.concat();
        let length = u32::try_from(elements.len()).unwrap().to_le_bytes();
        [b"\xfe\xff\0\xe0".as_slice(), &length, &elements].concat()
    }

    /// A value whose length is no multiple of its numbers' moves dicom-rs off the elements after
    /// it, whose lengths it then takes from the middle of other values.
    #[test]
    fn no_value_moves_the_next() {
        for (case, vr, length) in [
            ("a tag and a half", b"AT", 6),
            ("half a short number", b"US", 3),
            ("a number and a half", b"UL", 6),
            ("three quarters of a number", b"FL", 3),
            ("seven bytes of a double", b"FD", 15),
        ] {
            let broken = element(Tag(0x0018, 0x9999), *vr, &vec![0x7f; length]);
            let next = element(tags::STATION_NAME, *b"SH", b"scanner ");
            for bytes in [
                [broken.clone(), next.clone()].concat(),
                sequence(tags::DERIVATION_CODE_SEQUENCE, &[item(&[broken, next])]),
            ] {
                let object = read(&bytes).expect(case);
                let nested =
                    object.get(tags::DERIVATION_CODE_SEQUENCE).and_then(DataElement::items);
                let holder = nested.map_or(&object, |items| &items[0]);
                let name = holder.get(tags::STATION_NAME).expect(case);
                assert_eq!(name.to_str().expect(case), "scanner", "{case}");
            }
        }
    }

    #[test]
    fn what_no_reader_needs_is_passed_over() {
        let icon = [
            b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0".as_slice(),
            b"\xfe\xff\0\xe0\x06\0\0\0\xff\xd8\xff\xff\xff\xd9\xfe\xff\xdd\xe0\0\0\0\0",
        ]
        .concat();
        let implicit = [
            b"\x09\0\x10\x10UN\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\x0a\0\0\0".as_slice(),
            b"\x08\0\x10\x10\x02\0\0\0ab\xfe\xff\xdd\xe0\0\0\0\0",
        ]
        .concat();
        let delimiter = b"\xfe\xff\xdd\xe0\0\0\0\0".to_vec();
        let name = element(tags::STATION_NAME, *b"SH", b"scanner ");
        for (case, other) in [
            ("an icon of compressed pixels", icon),
            ("an unknown sequence of implicit elements", implicit),
            ("a delimiter out of place", delimiter),
        ] {
            let items = [item(&[other, name.clone()])];
            let object = read(&sequence(tags::ICON_IMAGE_SEQUENCE, &items)).expect(case);
            let items = object.get(tags::ICON_IMAGE_SEQUENCE).unwrap().items().unwrap();
            assert_eq!(items.len(), 1, "{case}");
            assert_eq!(items[0].iter().count(), 1, "{case}");
            assert_eq!(items[0].get(tags::STATION_NAME).unwrap().to_str().unwrap(), "scanner");
        }
    }

    #[test]
    fn nothing_reaches_beyond_what_holds_it() {
        let name = element(tags::STATION_NAME, *b"SH", b"scanner ");
        let beyond = b"\x08\0\x10\x10SH\x20\0scanner ".to_vec();
        let whole = sequence(tags::DERIVATION_CODE_SEQUENCE, &[item(std::slice::from_ref(&name))]);
        assert!(read(&[whole, vec![0; 64]].concat()).is_some());
        for broken in [
            sequence(tags::DERIVATION_CODE_SEQUENCE, &[item(&[beyond])]),
            sequence(
                tags::DERIVATION_CODE_SEQUENCE,
                &[[&item(&[])[..4], b"\x18\0\0\0", &name].concat()],
            ),
            sequence(tags::DERIVATION_CODE_SEQUENCE, &[name]),
        ] {
            assert!(read(&[broken, vec![0; 64]].concat()).is_none());
        }
    }

    /// PS3.3 C.12.1.1.2 and C.11.5: the character set and the sign of pixels change what follows.
    #[test]
    fn earlier_values_tell_how_later_ones_read() {
        let object = read(
            &[
                element(tags::SPECIFIC_CHARACTER_SET, *b"CS", b"ISO_IR 100"),
                element(tags::STATION_NAME, *b"SH", b"\xd6st "),
                element(tags::PIXEL_REPRESENTATION, *b"US", b"\x01\0"),
                element(tags::SMALLEST_IMAGE_PIXEL_VALUE, *b"US", b"\xff\xff"),
            ]
            .concat(),
        )
        .unwrap();
        assert_eq!(object.get(tags::STATION_NAME).unwrap().to_str().unwrap(), "Öst");
        let smallest = object.get(tags::SMALLEST_IMAGE_PIXEL_VALUE).unwrap();
        assert_eq!(smallest.to_int::<i32>().unwrap(), -1);
    }
}
