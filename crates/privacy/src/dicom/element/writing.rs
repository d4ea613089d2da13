//! Elements as they are written.

use dicom_core::{Tag, VR};

use super::{Element, ITEM, Syntax, Value, has_short_length};

/// Writes elements; sequences and items get known lengths.
pub(in crate::dicom) fn write(elements: &[Element], syntax: Syntax, out: &mut Vec<u8>) {
    for element in elements {
        match &element.value {
            Value::Bytes(bytes) => {
                let odd = bytes.len() % 2;
                write_head(element.tag, element.vr, Some(bytes.len() + odd), syntax, out);
                out.extend_from_slice(bytes);
                if odd == 1 {
                    out.push(padding(element.vr));
                }
            }
            Value::Fragments(bytes) => {
                write_head(element.tag, element.vr, None, syntax, out);
                out.extend_from_slice(bytes);
            }
            Value::Items(items) => {
                let mut inner = Vec::new();
                for item in items {
                    let mut content = Vec::new();
                    write(item, syntax, &mut content);
                    syntax.put_tag(&mut inner, ITEM);
                    syntax.put_u32(&mut inner, length32(content.len()));
                    inner.extend(content);
                }
                write_head(element.tag, VR::SQ, Some(inner.len()), syntax, out);
                out.extend(inner);
            }
        }
    }
}

/// Writes what stands before a value; `None` is an undefined length.
pub(in crate::dicom) fn write_head(
    tag: Tag,
    vr: VR,
    length: Option<usize>,
    syntax: Syntax,
    out: &mut Vec<u8>,
) {
    syntax.put_tag(out, tag);
    let long = length.map_or(u32::MAX, length32);
    if !syntax.explicit {
        syntax.put_u32(out, long);
        return;
    }
    // PS3.5 6.2.2: a value too long for its representation is written as unknown.
    match u16::try_from(long) {
        Ok(short) if has_short_length(vr) => {
            out.extend(vr.to_bytes());
            syntax.put_u16(out, short);
        }
        _ => {
            let vr = if has_short_length(vr) { VR::UN } else { vr };
            out.extend(vr.to_bytes());
            out.extend([0, 0]);
            syntax.put_u32(out, long);
        }
    }
}

fn length32(length: usize) -> u32 {
    u32::try_from(length).expect("what was read from 32-bit lengths is no longer")
}

fn padding(vr: VR) -> u8 {
    if matches!(vr, VR::UI | VR::OB | VR::UN) { 0 } else { b' ' }
}
