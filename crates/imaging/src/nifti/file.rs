//! The file or pair of files of a NIfTI image, opened up to its voxels.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use fs_err::File;

use super::header::{Header, Kind, NIFTI_1_BYTES};
use crate::Error;

/// The most bytes that one byte of deflate can stand for.
const GREATEST_EXPANSION: u64 = 1032;

/// An image whose header is read and whose voxels come next.
pub(crate) struct Opened {
    /// What the header says.
    pub(crate) header: Header,
    /// Whether the voxels are compressed.
    pub(crate) is_compressed: bool,
    /// The file of the voxels.
    path: PathBuf,
    /// Ends in front of the first voxel.
    input: Box<dyn Read>,
    /// Bytes of voxels that there can be at most.
    at_most: u64,
}

impl Opened {
    /// Opens a `.nii`, `.hdr` or `.img`, compressed or not by content.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        if path.is_dir() {
            let problem = "expected a NIfTI file, found a folder; name a file";
            return Err(fault(path, problem));
        }
        let header_path = sibling(path, "img", "hdr").unwrap_or_else(|| path.to_owned());
        let (mut input, is_compressed, length) = bytes_of(&header_path)?;
        let (header, read) =
            read_header(&mut input).map_err(|problem| fault(&header_path, problem))?;
        if header.single_file {
            return Self::skip(header, (header_path, input, is_compressed), length, read as u64);
        }
        let path = sibling(&header_path, "hdr", "img").ok_or_else(|| {
            let problem = "is the header of a pair of files, expected a name ending in .hdr";
            fault(&header_path, problem)
        })?;
        let (input, is_compressed, length) = bytes_of(&path)?;
        Self::skip(header, (path, input, is_compressed), length, 0)
    }

    /// Goes to the first voxel.
    fn skip(
        header: Header,
        (path, mut input, is_compressed): (PathBuf, Box<dyn Read>, bool),
        length: u64,
        read: u64,
    ) -> Result<Self, Error> {
        let before = header.voxel_offset.saturating_sub(read);
        let skipped = io::copy(&mut (&mut input).take(before), &mut io::sink())
            .map_err(|error| fault(&path, said("is cut off before the voxels", &error)))?;
        if skipped < before {
            return Err(fault(&path, "is cut off before the voxels; copy the file again"));
        }
        let most = if is_compressed { length.saturating_mul(GREATEST_EXPANSION) } else { length };
        let at_most = most.saturating_sub(header.voxel_offset);
        Ok(Self { header, is_compressed, path, input, at_most })
    }

    /// The values of one volume, rescaled in double precision and converted, x fastest.
    pub(super) fn values<T>(
        mut self,
        volume: usize,
        convert: impl Fn(f64) -> T,
    ) -> Result<Vec<T>, Error> {
        let path = std::mem::take(&mut self.path);
        self.read(volume, convert).map_err(|problem| fault(&path, problem))
    }

    fn read<T>(&mut self, volume: usize, convert: impl Fn(f64) -> T) -> Result<Vec<T>, String> {
        let width = self.header.stored.bytes();
        let needed = self.header.voxels().and_then(|voxels| {
            let bytes = voxels.checked_mul(width)?;
            Some((voxels, bytes as u64, bytes.checked_mul(volume)? as u64))
        });
        // Nothing is allocated before the file is known to be long enough.
        let (voxels, bytes, before) = needed
            .filter(|&(_, bytes, before)| before.saturating_add(bytes) <= self.at_most)
            .ok_or_else(|| {
                let [x, y, z] = self.header.size;
                let name = self.header.stored.name();
                format!(
                    "the voxels are cut off: expected {x} x {y} x {z} of {name}; copy the file \
                     again"
                )
            })?;
        let cut_off = |error: &io::Error| said("the voxels are cut off", error);
        let skipped = io::copy(&mut (&mut self.input).take(before), &mut io::sink());
        skipped.map_err(|error| cut_off(&error))?;
        let mut values = Vec::new();
        // Compressed data may end early, so that their vector grows as they come.
        values.reserve(if self.is_compressed { 0 } else { voxels });
        let mut buffer = vec![0; 1 << 16];
        let mut rest = bytes;
        while rest > 0 {
            let length = rest.min(buffer.len() as u64);
            let chunk = &mut buffer[..usize::try_from(length).expect("a part of the buffer")];
            self.input.read_exact(chunk).map_err(|error| cut_off(&error))?;
            self.header.append(chunk, &convert, &mut values);
            rest -= length;
        }
        self.check_end().map_err(|error| cut_off(&error))?;
        Ok(values)
    }

    /// Reads a little further, so that the checksum of compressed voxels is looked at.
    fn check_end(&mut self) -> io::Result<()> {
        if self.is_compressed {
            io::copy(&mut (&mut self.input).take(1 << 20), &mut io::sink())?;
        }
        Ok(())
    }
}

impl Header {
    /// Appends the values of whole voxels.
    fn append<T>(&self, bytes: &[u8], convert: &impl Fn(f64) -> T, values: &mut Vec<T>) {
        use super::header::Stored;
        let (slope, intercept) = self.rescale.unwrap_or((1.0, 0.0));
        macro_rules! append {
            ($kind:ty, $number:expr) => {{
                const WIDTH: usize = size_of::<$kind>();
                values.extend(bytes.as_chunks::<WIDTH>().0.iter().map(|&bytes| {
                    let value = if self.big_endian {
                        <$kind>::from_be_bytes(bytes)
                    } else {
                        <$kind>::from_le_bytes(bytes)
                    };
                    let number: fn($kind) -> f64 = $number;
                    convert(slope * number(value) + intercept)
                }));
            }};
        }
        match self.stored {
            Stored::Uint8 => append!(u8, f64::from),
            Stored::Int8 => append!(i8, f64::from),
            Stored::Uint16 => append!(u16, f64::from),
            Stored::Int16 => append!(i16, f64::from),
            Stored::Uint32 => append!(u32, f64::from),
            Stored::Int32 => append!(i32, f64::from),
            Stored::Uint64 => append!(u64, |value| value as f64),
            Stored::Int64 => append!(i64, |value| value as f64),
            Stored::Float32 => append!(f32, f64::from),
            Stored::Float64 => append!(f64, |value| value),
        }
    }
}

/// The header and how many bytes it took.
fn read_header(input: &mut impl Read) -> Result<(Header, usize), String> {
    let missing = |error| said("expected a NIfTI header of 348 or 540 bytes", &error);
    let mut bytes = vec![0; NIFTI_1_BYTES];
    input.read_exact(&mut bytes).map_err(missing)?;
    let kind = Kind::of(&bytes)?;
    bytes.resize(kind.header_bytes(), 0);
    input.read_exact(&mut bytes[NIFTI_1_BYTES..]).map_err(missing)?;
    Ok((Header::parse(kind, &bytes)?, bytes.len()))
}

/// The content of a file, expanded where it is gzip, and the length on disk.
fn bytes_of(path: &Path) -> Result<(Box<dyn Read>, bool, u64), Error> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut file = BufReader::with_capacity(1 << 16, file);
    let is_compressed = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let input: Box<dyn Read> =
        if is_compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    Ok((input, is_compressed, length))
}

/// The other file of a pair: the same name with `.to` for `.from`, compressed or not, whichever is
/// there; `None` where the name does not end in `.from`.
fn sibling(path: &Path, from: &str, to: &str) -> Option<PathBuf> {
    let is = |path: &Path, ending: &str| {
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending))
    };
    let stem = if is(path, "gz") { path.with_extension("") } else { path.to_owned() };
    is(&stem, from).then_some(())?;
    let upper = to.to_uppercase();
    let plain = stem.with_extension(to);
    let others = [format!("{to}.gz"), format!("{upper}.GZ"), upper];
    let mut candidates = others.iter().map(|ending| stem.with_extension(ending));
    if plain.exists() { Some(plain) } else { candidates.find(|path| path.exists()).or(Some(plain)) }
}

/// What stopped the reader, in words for whoever has the file.
fn said(expected: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            format!("{expected}: the file is truncated; copy it again")
        }
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            format!("{expected}: the compressed data are damaged; copy the file again")
        }
        _ => format!("{expected}: {error}"),
    }
}

pub(super) fn fault(path: &Path, problem: impl Into<String>) -> Error {
    Error::Nifti { path: path.to_owned(), problem: problem.into() }
}
