//! NIfTI: the header's free text and the extensions go; what shows a face is set aside or masked.

use std::{
    io::{self, BufReader, Read, Write},
    ops::Range,
    path::Path,
};

use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use fs_err::File;

use crate::{Error, Face, NiftiProfile, error::aside};

/// What an image is in its cohort.
#[derive(Clone, Copy)]
pub(crate) enum Part<'a> {
    /// An image, with its region where it has one.
    Image(Option<&'a Path>),
    /// A region: whole numbers, which show no face.
    Region,
}

/// The most voxels of an image that is masked, which is held in memory.
const MAX_MASKED_BYTES: u64 = 4 << 30;

/// Where a version of the format keeps what.
struct Format {
    header: usize,
    /// Texts, and fields that programs do not read but may have written to.
    texts: &'static [Range<usize>],
    dimensions: fn(&Header, usize) -> i64,
    spacing: fn(&Header, usize) -> f64,
    offset: fn(&Header) -> f64,
    bits: usize,
}

const VERSION_1: Format = Format {
    header: 348,
    // data_type, db_name, extents and session_error; descrip, aux_file; intent_name.
    texts: &[4..38, 148..252, 328..344],
    dimensions: |header, axis| i64::from(i16::from_ne_bytes(header.number(40 + 2 * axis))),
    spacing: |header, axis| f64::from(f32::from_ne_bytes(header.number(76 + 4 * axis))),
    offset: |header| f64::from(f32::from_ne_bytes(header.number(108))),
    bits: 72,
};

const VERSION_2: Format = Format {
    header: 540,
    // descrip, aux_file; intent_name; what is not used at the end.
    texts: &[240..344, 508..524, 525..540],
    dimensions: |header, axis| i64::from_ne_bytes(header.number(16 + 8 * axis)),
    spacing: |header, axis| f64::from_ne_bytes(header.number(104 + 8 * axis)),
    offset: |header| i64::from_ne_bytes(header.number(168)) as f64,
    bits: 14,
};

struct Header {
    bytes: Vec<u8>,
    swapped: bool,
    format: Format,
}

impl Header {
    /// Bytes of a number in this machine's order.
    fn number<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes: [u8; N] = self.bytes[at..at + N].try_into().expect("it lies in the header");
        if self.swapped {
            bytes.reverse();
        }
        bytes
    }

    fn put<const N: usize>(&mut self, at: usize, mut bytes: [u8; N]) {
        if self.swapped {
            bytes.reverse();
        }
        self.bytes[at..at + N].copy_from_slice(&bytes);
    }

    fn read(reader: &mut impl Read) -> Result<Self, Error> {
        let broken = |_| aside("broken", "the file ends within its header; copy it again");
        let mut bytes = vec![0; 348];
        reader.read_exact(&mut bytes).map_err(broken)?;
        let size = i32::from_ne_bytes(bytes[..4].try_into().expect("four bytes"));
        let (format, swapped) = match (size, size.swap_bytes()) {
            (348, _) => (VERSION_1, false),
            (_, 348) => (VERSION_1, true),
            (540, _) => (VERSION_2, false),
            (_, 540) => (VERSION_2, true),
            _ => return Err(aside("broken", "this is no header of NIfTI")),
        };
        let mut rest = vec![0; format.header - bytes.len()];
        reader.read_exact(&mut rest).map_err(broken)?;
        bytes.extend(rest);
        let magic = if format.header == 348 { &bytes[344..348] } else { &bytes[4..8] };
        if !matches!(magic, b"n+1\0" | b"n+2\0") {
            return Err(aside(
                "pair",
                "the voxels are in another file, or this is Analyze 7.5; convert it to one `.nii.gz`",
            ));
        }
        Ok(Self { bytes, swapped, format })
    }

    /// The lengths of the axes.
    fn shape(&self) -> Result<Vec<u64>, Error> {
        let dimension = |axis| (self.format.dimensions)(self, axis);
        let axes = usize::try_from(dimension(0)).ok().filter(|axes| (1..=7).contains(axes));
        let shape: Option<Vec<u64>> = axes
            .and_then(|axes| (1..=axes).map(|axis| u64::try_from(dimension(axis)).ok()).collect());
        shape.ok_or_else(|| aside("broken", "the header's dimensions cannot be"))
    }

    fn bits_per_voxel(&self) -> u64 {
        u64::from(u16::from_ne_bytes(self.number(self.format.bits)))
    }

    fn voxel_bytes(&self) -> Result<u64, Error> {
        let product = self
            .shape()?
            .iter()
            .try_fold(self.bits_per_voxel(), |product, &length| product.checked_mul(length));
        let bits = product.filter(|&bits| bits > 0);
        bits.map(|bits| bits.div_ceil(8))
            .ok_or_else(|| aside("broken", "the header's dimensions cannot be"))
    }

    /// How many bytes of extensions stand before the voxels.
    fn extension_bytes(&self) -> Result<u64, Error> {
        let offset = (self.format.offset)(self);
        let least = self.format.header as f64;
        if !(offset.is_finite() && offset >= least && offset < 4e9) {
            return Err(aside("broken", "the header says that the voxels begin within it"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked above"
        )]
        Ok((offset - least) as u64)
    }

    /// Empties the texts and moves the voxels to just behind the header. Returns how many texts there
    /// were.
    fn clear(&mut self) -> u64 {
        let mut cleared = 0;
        for range in self.format.texts {
            let text = &mut self.bytes[range.clone()];
            cleared += u64::from(text.iter().any(|&byte| byte != 0));
            text.fill(0);
        }
        if self.format.header == 348 {
            self.put(108, 352_f32.to_ne_bytes());
        } else {
            self.put(168, 544_i64.to_ne_bytes());
        }
        cleared
    }
}

/// Whether a file is NIfTI by its name.
pub(crate) fn is_nifti(name: &str) -> bool {
    [".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz"].iter().any(|end| name.ends_with(end))
}

/// Clears a file and writes it, compressed where it was. Returns what was done.
///
/// # Errors
/// When the file is broken, a pair, or may show a face; or cannot be read or written.
pub(crate) fn deidentify(
    source: &Path,
    out: &Path,
    profile: &NiftiProfile,
    part: Part,
) -> Result<Vec<(String, u64)>, Error> {
    let mut reader = open(source)?;
    let mut header = Header::read(&mut reader)?;
    let extensions = header.extension_bytes()?;
    let skipped = io::copy(&mut reader.by_ref().take(extensions), &mut io::sink())?;
    let length = header.voxel_bytes()?;
    let masked = masked_voxels(&mut reader, &header, length, profile, part)?;
    let texts = header.clear();
    let compressed = out.extension().is_some_and(|extension| extension == "gz");
    oncoweave_cohort::write_atomically(out, |file| {
        let mut write_all = |file: &mut dyn Write| -> Result<(), Error> {
            file.write_all(&header.bytes)?;
            file.write_all(&[0; 4])?;
            let copied = match &masked {
                Some(voxels) => io::copy(&mut voxels.as_slice(), file)?,
                None => io::copy(&mut reader.by_ref().take(length), file)?,
            };
            if copied < length {
                return Err(aside("broken", "the file ends before its last voxel; copy it again"));
            }
            Ok(())
        };
        if compressed {
            let mut encoder = GzEncoder::new(file, Compression::fast());
            write_all(&mut encoder)?;
            encoder.finish()?;
            Ok(())
        } else {
            write_all(file)
        }
    })?;
    let extension = u64::from(skipped > 4);
    let face = u64::from(masked.is_some());
    let actions =
        [("header text emptied", texts), ("extensions removed", extension), ("face masked", face)];
    Ok(actions
        .iter()
        .map(|&(name, count)| (name.to_owned(), count))
        .filter(|(_, n)| *n > 0)
        .collect())
}

fn open(path: &Path) -> Result<Box<dyn Read>, Error> {
    let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
    let is_compressed = io::BufRead::fill_buf(&mut reader)?.starts_with(&[0x1f, 0x8b]);
    Ok(if is_compressed { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) })
}

/// The voxels where they are masked; `None` where they stay.
fn masked_voxels(
    reader: &mut dyn Read,
    header: &Header,
    length: u64,
    profile: &NiftiProfile,
    part: Part,
) -> Result<Option<Vec<u8>>, Error> {
    let Part::Image(region) = part else { return Ok(None) };
    match profile.face {
        Face::Absent => return Ok(None),
        Face::Unknown => {
            return Err(aside(
                "face",
                "nobody has said whether these images show faces; put `face = \"absent\"`, \"refuse\" \
                 or \"mask\" into `[nifti]` of the profile",
            ));
        }
        Face::Refuse => {
            return Err(aside(
                "face",
                "the profile refuses images that may show a face; deface them",
            ));
        }
        Face::Mask => {}
    }
    let region = region.ok_or_else(|| {
        aside("face", "an image can be masked to its region only, and this one has none; deface it")
    })?;
    if length > MAX_MASKED_BYTES {
        return Err(aside("too-large", "the image is too large to be masked in memory; deface it"));
    }
    let keep = dilated_region(region, header, profile.margin_mm)?;
    let mut voxels = Vec::new();
    reader.take(length).read_to_end(&mut voxels)?;
    if (voxels.len() as u64) < length || !header.bits_per_voxel().is_multiple_of(8) {
        return Err(aside("broken", "the file ends before its last voxel; copy it again"));
    }
    let size = usize::try_from(header.bits_per_voxel() / 8).expect("16 bits hold it");
    for (index, voxel) in voxels.chunks_exact_mut(size).enumerate() {
        if !keep[index % keep.len()] {
            voxel.fill(0);
        }
    }
    Ok(Some(voxels))
}

/// The voxels within a region or so many millimetres of it along each axis.
fn dilated_region(region: &Path, image: &Header, margin_mm: f64) -> Result<Vec<bool>, Error> {
    let mut reader = open(region)?;
    let header = Header::read(&mut reader)?;
    let grid = |header: &Header| -> Result<[usize; 3], Error> {
        let shape = header.shape()?;
        let length = |axis: usize| shape.get(axis).map_or(1, |&n| usize::try_from(n).unwrap_or(0));
        Ok([length(0), length(1), length(2)])
    };
    let shape = grid(image)?;
    if grid(&header)? != shape || !header.bits_per_voxel().is_multiple_of(8) {
        return Err(aside(
            "face",
            "the region is not on the image's grid, so it cannot mask it; deface it",
        ));
    }
    let skipped = header.extension_bytes()?;
    io::copy(&mut reader.by_ref().take(skipped), &mut io::sink())?;
    let count = shape.iter().product::<usize>();
    let size = usize::try_from(header.bits_per_voxel() / 8).expect("16 bits hold it");
    let mut bytes = Vec::new();
    reader.take((count * size) as u64).read_to_end(&mut bytes)?;
    if bytes.len() < count * size || count == 0 {
        return Err(aside("broken", "the region ends before its last voxel; copy it again"));
    }
    let mut keep: Vec<bool> =
        bytes.chunks_exact(size).map(|voxel| voxel.iter().any(|&byte| byte != 0)).collect();
    let mut stride = 1;
    for (axis, &length) in shape.iter().enumerate().take(3) {
        let spacing = (image.format.spacing)(image, axis + 1).abs();
        let steps = if spacing > 0.0 { (margin_mm / spacing).ceil() } else { 0.0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "casts saturate"
        )]
        dilate(&mut keep, length, stride, steps as usize);
        stride *= length;
    }
    Ok(keep)
}

/// Widens what is kept by so many steps along one axis.
fn dilate(keep: &mut [bool], length: usize, stride: usize, steps: usize) {
    for start in (0..keep.len()).filter(|index| (index / stride).is_multiple_of(length)) {
        let line: Vec<bool> = (0..length).map(|place| keep[start + place * stride]).collect();
        for (place, _) in line.iter().enumerate().filter(|(_, kept)| **kept) {
            let last = place.saturating_add(steps).min(length - 1);
            for near in place.saturating_sub(steps)..=last {
                keep[start + near * stride] = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image of 4 x 3 x 2 bytes that count up, with text wherever a header has room.
    fn image(version: u8, big_endian: bool) -> Vec<u8> {
        let put = |bytes: &mut Vec<u8>, at: usize, number: &[u8]| {
            let mut number = number.to_vec();
            if big_endian {
                number.reverse();
            }
            bytes[at..at + number.len()].copy_from_slice(&number);
        };
        let size: u16 = if version == 1 { 348 } else { 540 };
        let mut bytes = vec![0; usize::from(size)];
        put(&mut bytes, 0, &i32::from(size).to_le_bytes());
        let texts = if version == 1 { VERSION_1.texts } else { VERSION_2.texts };
        for range in texts {
            bytes[range.clone()].fill(b'S');
        }
        for (axis, length) in [(0, 3_i16), (1, 4), (2, 3), (3, 2)] {
            if version == 1 {
                put(&mut bytes, 40 + 2 * axis, &length.to_le_bytes());
                put(&mut bytes, 76 + 4 * axis, &2_f32.to_le_bytes());
            } else {
                put(&mut bytes, 16 + 8 * axis, &i64::from(length).to_le_bytes());
                put(&mut bytes, 104 + 8 * axis, &2_f64.to_le_bytes());
            }
        }
        let offset = size + 4 + 32;
        if version == 1 {
            bytes[344..348].copy_from_slice(b"n+1\0");
            put(&mut bytes, 72, &8_i16.to_le_bytes());
            put(&mut bytes, 108, &f32::from(offset).to_le_bytes());
        } else {
            bytes[4..12].copy_from_slice(b"n+2\0\r\n\x1a\n");
            put(&mut bytes, 14, &8_i16.to_le_bytes());
            put(&mut bytes, 168, &i64::from(offset).to_le_bytes());
        }
        bytes.extend([1, 0, 0, 0]);
        let mut extension = vec![b'S'; 32];
        extension[..8].copy_from_slice(&[32, 0, 0, 0, 6, 0, 0, 0]);
        bytes.extend(extension);
        bytes.extend(1..=24_u8);
        bytes.extend(b"SSSS");
        bytes
    }

    fn cleaned(
        bytes: &[u8],
        profile: &NiftiProfile,
        region: Option<&[u8]>,
    ) -> Result<Vec<u8>, Error> {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs_err::write(at("a.nii"), bytes).unwrap();
        let mask = at("mask.nii");
        fs_err::write(&mask, region.unwrap_or_default()).unwrap();
        deidentify(
            &at("a.nii"),
            &at("b.nii"),
            profile,
            Part::Image(region.map(|_| mask.as_path())),
        )?;
        Ok(fs_err::read(at("b.nii")).unwrap())
    }

    #[test]
    fn texts_and_extensions_go_and_voxels_stay() {
        let profile = NiftiProfile { face: Face::Absent, ..NiftiProfile::default() };
        for (version, big_endian) in [(1, false), (1, true), (2, false), (2, true)] {
            let bytes = cleaned(&image(version, big_endian), &profile, None).unwrap();
            assert!(!bytes.contains(&b'S'), "version {version}");
            let header = if version == 1 { 352 } else { 544 };
            assert_eq!(bytes.len(), header + 24);
            assert_eq!(bytes[header..], (1..=24).collect::<Vec<u8>>());
            assert_eq!(bytes[header - 4..header], [0; 4]);
        }
    }

    #[test]
    fn an_image_that_may_show_a_face_needs_a_word() {
        for (face, expected) in [(Face::Unknown, "nobody has said"), (Face::Refuse, "refuses")] {
            let profile = NiftiProfile { face, ..NiftiProfile::default() };
            let message = cleaned(&image(1, false), &profile, None).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        let profile = NiftiProfile { face: Face::Mask, margin_mm: 2.0 };
        assert!(
            cleaned(&image(1, false), &profile, None).unwrap_err().to_string().contains("has none")
        );
    }

    #[test]
    fn a_masked_image_keeps_the_region_and_a_margin() {
        let mut region = image(1, false);
        let first = region.len() - 4 - 24;
        region[first..].fill(0);
        region[first] = 1; // The corner.
        let profile = NiftiProfile { face: Face::Mask, margin_mm: 2.0 };
        let bytes = cleaned(&image(1, false), &profile, Some(&region)).unwrap();
        let voxels = &bytes[352..];
        let kept: Vec<usize> = (0..24).filter(|&index| voxels[index] != 0).collect();
        assert_eq!(kept, [0, 1, 4, 5, 12, 13, 16, 17]);
        assert!(kept.iter().all(|&index| usize::from(voxels[index]) == index + 1));
    }

    #[test]
    fn broken_files_are_set_aside() {
        let profile = NiftiProfile { face: Face::Absent, ..NiftiProfile::default() };
        let whole = image(1, false);
        let mut pair = whole.clone();
        pair[344..348].copy_from_slice(b"ni1\0");
        let mut endless = whole.clone();
        endless[42..44].copy_from_slice(&(-3_i16).to_le_bytes());
        for bytes in [&whole[..100], &whole[..400], &pair, &endless, b""] {
            assert!(matches!(cleaned(bytes, &profile, None), Err(Error::Aside(_))));
        }
    }
}
