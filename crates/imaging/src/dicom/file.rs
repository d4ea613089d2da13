//! One DICOM file: its attributes, and where its pixels are.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use flate2::read::DeflateDecoder;
use fs_err::File;

use super::layout::{Bytes, Stop, Syntax, data_set};
use super::object::object_of;
use super::{NOT_WHOLE, in_file};
use crate::Error;

/// Explicit VR Big Endian: retired, still met in old files.
pub(super) const EXPLICIT_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// The most that is inflated to find the pixels of a deflated file.
const MAX_INFLATED_HEADER: u64 = 256 << 20;

/// A file's attributes up to its pixels, and where those are.
pub(super) struct Header {
    pub(super) path: PathBuf,
    /// Without private attributes, overlays and curves.
    pub(super) object: InMemDicomObject,
    /// The UID that the file states, or the one that its bytes show.
    pub(super) transfer_syntax: String,
    pub(super) pixels: Option<Pixels>,
    pub(super) file_length: u64,
}

/// Where the value of the pixel data is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pixels {
    /// Which of the elements of pixel data it is.
    pub(super) tag: Tag,
    pub(super) vr: Option<[u8; 2]>,
    /// Its start in the file, or in what the file inflates to.
    pub(super) offset: u64,
    /// `None` where it is encapsulated.
    pub(super) length: Option<u64>,
    /// Where the deflated data set starts in the file.
    pub(super) deflated_at: Option<u64>,
}

/// Reads the attributes of a DICOM file, with or without preamble and meta information; `None` for
/// a file of another kind.
///
/// A file that is empty or only named like a slice is likely one that was not copied whole, so
/// that leaving it out would measure another series than the one that was taken.
pub(super) fn read_header(path: &Path) -> Result<Option<Header>, Error> {
    let mut file = File::open(path)?;
    let file_length = file.metadata()?.len();
    let mut bytes = Vec::new();
    let start = follow(&mut file, &mut bytes, file_length, start_of)?.flatten();
    let Some(start) = start else { return not_dicom(path, file_length).map(|()| None) };
    let found = if start.deflated {
        file.seek(SeekFrom::Start(start.data_set as u64))?;
        bytes.clear();
        let mut inflated = DeflateDecoder::new(BufReader::new(file));
        follow(&mut inflated, &mut bytes, MAX_INFLATED_HEADER, |bytes| {
            data_set(bytes, 0, start.syntax)
        })
        .unwrap_or_default()
    } else {
        follow(&mut file, &mut bytes, file_length, |bytes| {
            data_set(bytes, start.data_set, start.syntax)
        })?
    };
    let object =
        found.as_ref().and_then(|found| object_of(&bytes, &found.kept, name_of(start.syntax)));
    let (Some(found), Some(object)) = (found, object) else {
        let surely = start.has_prefix || is_named_so(path);
        return if surely { Err(in_file(path, NOT_WHOLE)) } else { Ok(None) };
    };
    let pixels = found.pixels.map(|element| Pixels {
        tag: element.tag,
        vr: element.vr,
        offset: element.value as u64,
        length: element.length.map(|length| length as u64),
        deflated_at: start.deflated.then_some(start.data_set as u64),
    });
    let transfer_syntax = start.transfer_syntax;
    Ok(Some(Header { path: path.to_owned(), object, transfer_syntax, pixels, file_length }))
}

/// Reads more and more of a file until it can be followed to where it matters; `None` where it is
/// broken.
fn follow<T>(
    reader: &mut impl Read,
    bytes: &mut Vec<u8>,
    file_length: u64,
    parse: impl Fn(&Bytes) -> Result<T, Stop>,
) -> io::Result<Option<T>> {
    const FIRST: usize = 32 << 10;
    let mut more = FIRST.saturating_sub(bytes.len());
    loop {
        let read = reader.take(more as u64).read_to_end(bytes)?;
        match parse(&Bytes { bytes, file_length }) {
            Ok(found) => return Ok(Some(found)),
            Err(Stop::Broken) => return Ok(None),
            Err(Stop::NeedsMore) if read == 0 && more > 0 => return Ok(None),
            Err(Stop::NeedsMore) => more = (3 * bytes.len()).max(FIRST),
        }
    }
}

/// Where the data set starts and how it is written.
struct Start {
    /// Whether `DICM` stands where it should.
    has_prefix: bool,
    data_set: usize,
    syntax: Syntax,
    deflated: bool,
    transfer_syntax: String,
}

/// Follows the meta information; `None` where neither it nor a data set is there.
fn start_of(bytes: &Bytes) -> Result<Option<Start>, Stop> {
    let has_prefix = bytes.bytes.get(128..132) == Some(b"DICM");
    let mut at = match has_prefix {
        true => 132,
        false if bytes.bytes.starts_with(b"DICM") => 4,
        false => 0,
    };
    if !has_prefix && bytes.sniff(at).is_none() {
        return Ok(None);
    }
    let mut stated = None;
    let meta = bytes.sniff(at).unwrap_or(Syntax::EXPLICIT_LITTLE);
    while (at as u64) < bytes.file_length {
        let element = bytes.element(at, meta)?;
        if element.tag.group() != 2 {
            break;
        }
        let end = bytes.node(at, meta)?.end;
        if element.tag == tags::TRANSFER_SYNTAX_UID {
            let value = bytes.bytes.get(element.value..end).ok_or(Stop::NeedsMore)?;
            let text = String::from_utf8_lossy(value);
            stated = Some(text.trim_matches(['\0', ' ']).to_owned());
        }
        at = end;
    }
    Ok(Some(start_at(bytes, at, has_prefix, stated.filter(|uid| !uid.is_empty()))))
}

/// What a file states of its syntax is taken unless its bytes show another.
fn start_at(bytes: &Bytes, at: usize, has_prefix: bool, stated: Option<String>) -> Start {
    let deflated = stated.as_deref() == Some(uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN);
    let by_name = match stated.as_deref() {
        Some(uids::IMPLICIT_VR_LITTLE_ENDIAN) => Syntax { explicit: false, big_endian: false },
        Some(EXPLICIT_BIG_ENDIAN) => Syntax { explicit: true, big_endian: true },
        _ => Syntax::EXPLICIT_LITTLE,
    };
    let syntax = if deflated { by_name } else { bytes.sniff(at).unwrap_or(by_name) };
    let transfer_syntax = match stated {
        Some(uid) if syntax == by_name => uid,
        _ => name_of(syntax).to_owned(),
    };
    Start { has_prefix, data_set: at, syntax, deflated, transfer_syntax }
}

fn name_of(syntax: Syntax) -> &'static str {
    match (syntax.explicit, syntax.big_endian) {
        (false, _) => uids::IMPLICIT_VR_LITTLE_ENDIAN,
        (true, false) => uids::EXPLICIT_VR_LITTLE_ENDIAN,
        (true, true) => EXPLICIT_BIG_ENDIAN,
    }
}

/// Refuses a file that should have been a DICOM file.
fn not_dicom(path: &Path, file_length: u64) -> Result<(), Error> {
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    match file_length {
        _ if hidden => Ok(()),
        0 => Err(in_file(path, "is an empty file; copy it again or remove it")),
        _ if is_named_so(path) => {
            Err(in_file(path, "is named like a DICOM file and is none; remove it"))
        }
        _ => Ok(()),
    }
}

fn is_named_so(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["dcm", "dicom", "ima"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    })
}

impl Header {
    /// The rest of the file from its pixels on, as it is stored.
    pub(super) fn pixel_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let Some(pixels) = self.pixels else { return Ok(bytes) };
        let mut file = File::open(&self.path)?;
        // What is deflated is compared as such.
        file.seek(SeekFrom::Start(pixels.deflated_at.unwrap_or(pixels.offset)))?;
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
