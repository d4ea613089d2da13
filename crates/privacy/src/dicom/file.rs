//! One DICOM file: its meta information, its attributes before and after the pixels, and the pixels,
//! which are not read.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use dicom_core::{Tag, VR};
use dicom_dictionary_std::{tags, uids};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use fs_err::File;

use super::element::{Element, Head, Source, Stop, Syntax, write, write_head};
use crate::{Error, error::aside};

const EXPLICIT_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
/// Names this program in (0002,0012); a UUID made for it once (PS3.5 B.2).
const IMPLEMENTATION_UID: &str = "2.25.269363991209149048686554765157396233284";
const IMPLEMENTATION_NAME: &str = "ONCOWEAVE_0.1";

const FIRST_READ: usize = 64 << 10;
/// The most that is inflated of a deflated file.
const MAX_INFLATED: u64 = 2 << 30;
/// The most that may follow the pixels.
const MAX_TAIL: u64 = 64 << 20;

/// A file as far as it is read.
pub(super) struct Loaded {
    /// From the start of the file, or of what its data set inflates to, to the pixels.
    bytes: Vec<u8>,
    /// What follows the pixels.
    tail: Vec<u8>,
    length: u64,
    start: Start,
    pixels: Option<PixelValue>,
}

/// Where the value of the pixel data lies.
#[derive(Clone, Copy)]
struct PixelValue {
    head: Head,
    /// Its last byte, delimiters included, is before this.
    end: u64,
}

#[derive(Clone)]
struct Start {
    /// Where the meta information starts, and in which syntax.
    meta: (usize, Syntax),
    data_set: usize,
    syntax: Syntax,
    deflated: bool,
    transfer_syntax: String,
}

/// The elements of a file.
pub(super) struct Elements<'a> {
    pub(super) meta: Vec<Element<'a>>,
    /// Those before and after the pixels.
    pub(super) data_set: Vec<Element<'a>>,
}

fn broken(stop: Stop) -> Error {
    match stop {
        Stop::NeedsMore | Stop::Broken => aside(
            "broken",
            "the file is cut off, or a length in it is wrong; copy it again from where it came from",
        ),
    }
}

/// Whether a file looks like DICOM: by its prefix, or by a first element of group 0008 or 0002.
pub(crate) fn is_dicom(path: &Path) -> io::Result<bool> {
    let mut bytes = Vec::new();
    let mut file = File::open(path)?;
    let file_length = file.metadata()?.len();
    Read::by_ref(&mut file).take(4096).read_to_end(&mut bytes)?;
    let source = Source { bytes: &bytes, file_length };
    Ok(bytes.get(128..132) == Some(b"DICM")
        || bytes.starts_with(b"DICM")
        || source.sniff(0).is_some())
}

impl Loaded {
    /// Reads a file up to its pixels, and what follows them.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut bytes = Vec::new();
        let start = follow(&mut file, &mut bytes, length, start_of)?;
        if start.deflated {
            return Self::inflated(file, bytes, start);
        }
        let head = follow(&mut file, &mut bytes, length, |source| pixel_head(source, &start))?;
        let mut loaded = Self { bytes, tail: Vec::new(), length, start, pixels: None };
        if let Some(head) = head {
            let end = pixel_end(&mut file, head, loaded.start.syntax, length)?;
            if length - end > MAX_TAIL {
                return Err(aside("broken", "more than 64 MiB follow the pixels"));
            }
            file.seek(SeekFrom::Start(end))?;
            file.read_to_end(&mut loaded.tail)?;
            loaded.pixels = Some(PixelValue { head, end });
        }
        Ok(loaded)
    }

    fn inflated(mut file: File, mut bytes: Vec<u8>, start: Start) -> Result<Self, Error> {
        file.seek(SeekFrom::Start(start.data_set as u64))?;
        bytes.truncate(start.data_set);
        let before = bytes.len() as u64;
        let inflated = DeflateDecoder::new(io::BufReader::new(file))
            .take(MAX_INFLATED)
            .read_to_end(&mut bytes)
            .map_err(|_| {
                aside("broken", "the deflated data set is damaged; copy the file again")
            })?;
        if inflated as u64 == MAX_INFLATED {
            return Err(aside("too-large", "the deflated data set is larger than 2 GiB"));
        }
        let length = before + inflated as u64;
        let source = Source { bytes: &bytes, file_length: length };
        let head = pixel_head(source, &start).map_err(broken)?;
        let pixels = match head {
            Some(head) => {
                let cursor = &mut io::Cursor::new(&bytes);
                Some(PixelValue { head, end: pixel_end(cursor, head, start.syntax, length)? })
            }
            None => None,
        };
        let tail = pixels.map_or(Vec::new(), |pixels| bytes[place(pixels.end)..].to_vec());
        Ok(Self { bytes, tail, length, start, pixels })
    }

    /// The elements, in the order of the file.
    pub(super) fn elements(&self) -> Result<Elements<'_>, Error> {
        let source = Source { bytes: &self.bytes, file_length: self.length };
        let (meta_at, meta_syntax) = self.start.meta;
        let meta = elements(source, meta_at, self.start.data_set, meta_syntax)?;
        let end = self.pixels.map_or(self.bytes.len(), |pixels| self.pixel_start(&pixels));
        let mut data_set = elements(source, self.start.data_set, end, self.start.syntax)?;
        let tail = Source { bytes: &self.tail, file_length: self.tail.len() as u64 };
        data_set.extend(elements(tail, 0, self.tail.len(), self.start.syntax)?);
        Ok(Elements { meta, data_set })
    }

    /// Where the pixel data element starts, its tag included.
    fn pixel_start(&self, pixels: &PixelValue) -> usize {
        let long =
            self.start.syntax.explicit && pixels.head.vr != VR::US && pixels.head.vr != VR::SS;
        pixels.head.value - if long { 12 } else { 8 }
    }

    pub(super) fn syntax(&self) -> Syntax {
        self.start.syntax
    }

    pub(super) fn pixel_tag(&self) -> Option<Tag> {
        self.pixels.map(|pixels| pixels.head.tag)
    }

    /// Whether the pixels lie there as they are, neither encapsulated nor missing.
    pub(super) fn has_native_pixels(&self) -> bool {
        self.pixels.is_some_and(|pixels| pixels.head.length.is_some())
            && !self.transfer_syntax_is_encapsulated()
    }

    fn transfer_syntax_is_encapsulated(&self) -> bool {
        self.start.transfer_syntax.starts_with("1.2.840.10008.1.2.4")
            || self.start.transfer_syntax == uids::RLE_LOSSLESS
    }

    /// The pixels in memory, to be changed.
    pub(super) fn pixel_bytes(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.copy_pixels(path, &mut bytes)?;
        Ok(bytes)
    }

    fn copy_pixels(&self, path: &Path, out: &mut dyn Write) -> Result<(), Error> {
        let Some(pixels) = self.pixels else { return Ok(()) };
        let start = pixels.head.value;
        if self.start.deflated {
            out.write_all(&self.bytes[start..place(pixels.end)])?;
            return Ok(());
        }
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(start as u64))?;
        let length = pixels.end - start as u64;
        if io::copy(&mut file.take(length), out)? < length {
            return Err(broken(Stop::Broken));
        }
        Ok(())
    }

    /// Writes a file with these elements and the pixels as they were, or those given.
    pub(super) fn write(
        &self,
        path: &Path,
        elements: &[Element],
        pixels: Option<&[u8]>,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        out.write_all(&[0; 128])?;
        out.write_all(b"DICM")?;
        out.write_all(&self.meta_of(elements))?;
        if self.start.deflated {
            let mut deflated = DeflateEncoder::new(&mut *out, Compression::default());
            self.write_data_set(path, elements, pixels, &mut deflated)?;
            deflated.finish()?;
            return Ok(());
        }
        self.write_data_set(path, elements, pixels, out)
    }

    fn write_data_set(
        &self,
        path: &Path,
        elements: &[Element],
        changed: Option<&[u8]>,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        let syntax = self.start.syntax;
        let Some(pixels) = self.pixels else {
            let mut bytes = Vec::new();
            write(elements, syntax, &mut bytes);
            out.write_all(&bytes)?;
            return Ok(());
        };
        let after = elements.partition_point(|element| element.tag < pixels.head.tag);
        let mut bytes = Vec::new();
        write(&elements[..after], syntax, &mut bytes);
        write_head(pixels.head.tag, pixels.head.vr, pixels.head.length, syntax, &mut bytes);
        out.write_all(&bytes)?;
        match changed {
            Some(changed) => out.write_all(changed)?,
            None => self.copy_pixels(path, out)?,
        }
        bytes.clear();
        write(&elements[after..], syntax, &mut bytes);
        out.write_all(&bytes)?;
        Ok(())
    }

    /// The meta information, made anew: what else stood there (who sent the file, private parts) goes.
    fn meta_of(&self, elements: &[Element]) -> Vec<u8> {
        let text = |tag| {
            elements
                .iter()
                .find(|element| element.tag == tag)
                .map(Element::text)
                .unwrap_or_default()
        };
        let uid = |tag, text: &str| Element::new(tag, VR::UI, text.as_bytes().to_vec());
        let meta = [
            Element::new(tags::FILE_META_INFORMATION_VERSION, VR::OB, vec![0, 1]),
            uid(tags::MEDIA_STORAGE_SOP_CLASS_UID, &text(tags::SOP_CLASS_UID)),
            uid(tags::MEDIA_STORAGE_SOP_INSTANCE_UID, &text(tags::SOP_INSTANCE_UID)),
            uid(tags::TRANSFER_SYNTAX_UID, &self.start.transfer_syntax),
            uid(tags::IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_UID),
            Element::new(
                tags::IMPLEMENTATION_VERSION_NAME,
                VR::SH,
                IMPLEMENTATION_NAME.as_bytes().to_vec(),
            ),
        ];
        let mut rest = Vec::new();
        write(&meta, Syntax::EXPLICIT, &mut rest);
        let length = u32::try_from(rest.len()).expect("six short elements");
        let group = Element::new(Tag(0x0002, 0x0000), VR::UL, length.to_le_bytes().to_vec());
        let mut bytes = Vec::new();
        write(&[group], Syntax::EXPLICIT, &mut bytes);
        bytes.extend(rest);
        bytes
    }
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).expect("it lies within bytes in memory")
}

/// Reads more and more of a file until it can be followed to where it matters.
fn follow<T>(
    file: &mut File,
    bytes: &mut Vec<u8>,
    file_length: u64,
    parse: impl Fn(Source) -> Result<T, Stop>,
) -> Result<T, Error> {
    let mut more = FIRST_READ.saturating_sub(bytes.len());
    loop {
        let read = Read::by_ref(file).take(more as u64).read_to_end(bytes)?;
        match parse(Source { bytes, file_length }) {
            Ok(found) => return Ok(found),
            Err(Stop::NeedsMore) if read > 0 || more == 0 => {
                more = (3 * bytes.len()).max(FIRST_READ);
            }
            Err(stop) => return Err(broken(stop)),
        }
    }
}

/// Follows the meta information to the data set.
fn start_of(source: Source) -> Result<Start, Stop> {
    let mut at = match source.bytes {
        bytes if bytes.get(128..132) == Some(b"DICM") => 132,
        bytes if bytes.starts_with(b"DICM") => 4,
        _ => 0,
    };
    let meta = (at, source.sniff(at).unwrap_or(Syntax::EXPLICIT));
    let mut stated = String::new();
    while (at as u64) < source.file_length && source.group(at, meta.1)? == 2 {
        let (element, end) = source.element(at, meta.1)?;
        if element.tag == tags::TRANSFER_SYNTAX_UID {
            stated = element.text();
        }
        at = end;
    }
    let deflated = stated == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN;
    let by_name = match stated.as_str() {
        uids::IMPLICIT_VR_LITTLE_ENDIAN => Syntax::IMPLICIT,
        EXPLICIT_BIG_ENDIAN => Syntax { explicit: true, big_endian: true },
        _ => Syntax::EXPLICIT,
    };
    // What a file states of its syntax is taken unless its bytes show another.
    let syntax = if deflated { by_name } else { source.sniff(at).unwrap_or(by_name) };
    let transfer_syntax = match stated {
        stated if syntax == by_name && !stated.is_empty() => stated,
        _ if !syntax.explicit => uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned(),
        _ if syntax.big_endian => EXPLICIT_BIG_ENDIAN.to_owned(),
        _ => uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
    };
    Ok(Start { meta, data_set: at, syntax, deflated, transfer_syntax })
}

/// Follows the data set to its pixels; `None` where it has none.
fn pixel_head(source: Source, start: &Start) -> Result<Option<Head>, Stop> {
    let mut at = start.data_set;
    while (at as u64) < source.file_length {
        if is_filling(source, at) {
            break;
        }
        let head = source.head(at, start.syntax)?;
        if is_pixel_data(head.tag) {
            return Ok(Some(head));
        }
        at = source.element(at, start.syntax)?.1;
    }
    Ok(None)
}

/// Some writers fill up their files with zeros.
fn is_filling(source: Source, at: usize) -> bool {
    source.bytes.get(at..at + 4) == Some(&[0; 4])
}

fn is_pixel_data(tag: Tag) -> bool {
    matches!(tag, tags::PIXEL_DATA | tags::FLOAT_PIXEL_DATA | tags::DOUBLE_FLOAT_PIXEL_DATA)
}

/// Where the pixels end; those that are encapsulated are followed from item to item.
fn pixel_end(
    file: &mut (impl Read + Seek),
    head: Head,
    syntax: Syntax,
    file_length: u64,
) -> Result<u64, Error> {
    let start = head.value as u64;
    let mut end = start;
    if let Some(length) = head.length {
        end += length as u64;
        return if end <= file_length { Ok(end) } else { Err(broken(Stop::Broken)) };
    }
    loop {
        let mut item = [0; 8];
        file.seek(SeekFrom::Start(end))?;
        file.read_exact(&mut item).map_err(|_| broken(Stop::Broken))?;
        let item = Source { bytes: &item, file_length: 8 }.head(0, syntax).map_err(broken)?;
        end += 8;
        match (item.tag, item.length) {
            (Tag(0xfffe, 0xe0dd), _) => return Ok(end),
            (Tag(0xfffe, 0xe000), Some(length)) => end += length as u64,
            _ => return Err(broken(Stop::Broken)),
        }
        if end > file_length {
            return Err(broken(Stop::Broken));
        }
    }
}

/// The elements between two places; zeros that fill up a file are no elements.
fn elements(
    source: Source<'_>,
    mut at: usize,
    end: usize,
    syntax: Syntax,
) -> Result<Vec<Element<'_>>, Error> {
    let mut elements = Vec::new();
    while at < end {
        if is_filling(source, at) {
            break;
        }
        let (element, after) = source.element(at, syntax).map_err(broken)?;
        elements.push(element);
        at = after;
    }
    Ok(elements)
}
