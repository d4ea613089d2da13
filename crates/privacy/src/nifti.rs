//! NIfTI: the header's free text and the extensions go; what shows a face is set aside or masked.

mod face;
mod header;
mod said;

use std::{
    io::{self, BufReader, Read, Write},
    path::Path,
};

use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use fs_err::File;

use crate::{Error, NiftiProfile, error::aside};
use face::masked_voxels;
use header::Header;
pub(crate) use said::said;

/// What an image is in its cohort.
#[derive(Clone, Copy)]
pub(crate) enum Part<'a> {
    /// An image, with its region where it has one.
    Image(Option<&'a Path>),
    /// A region: whole numbers, which show no face.
    Region,
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

#[cfg(test)]
mod tests {
    use super::header::{VERSION_1, VERSION_2};
    use super::*;
    use crate::Face;

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
    fn the_texts_of_a_header_and_its_comments_are_said_by_field() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nii");
        let (old, new) = (VERSION_1.named.len(), VERSION_2.named.len());
        for (version, big_endian, fields) in
            [(1, false, old), (1, true, old), (2, false, new), (2, true, new)]
        {
            let mut bytes = image(version, big_endian);
            let header = if version == 1 { 348 } else { 540 };
            if big_endian {
                // The extension's size and its code.
                bytes[header + 4..header + 8].reverse();
                bytes[header + 8..header + 12].reverse();
            }
            fs_err::write(&path, &bytes).unwrap();
            let texts: Vec<String> = said(&path).unwrap().into_iter().map(|one| one.text).collect();
            assert_eq!(texts.len(), fields + 1, "version {version}, big endian {big_endian}");
            let is_whole = |text: &String| text.len() > 9 && text.bytes().all(|byte| byte == b'S');
            assert!(texts.iter().all(is_whole), "{texts:?}");
            // Without extensions there are no comments, and what is cut off says nothing.
            bytes[header] = 0;
            fs_err::write(&path, &bytes).unwrap();
            assert_eq!(said(&path).unwrap().len(), fields);
            fs_err::write(&path, &bytes[..header - 1]).unwrap();
            assert!(said(&path).is_err());
        }
    }

    #[test]
    fn of_a_pair_the_header_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut bytes = image(1, false);
        bytes[344..348].copy_from_slice(b"ni1\0");
        bytes.truncate(348 + 4 + 32);
        fs_err::write(at("a.hdr"), bytes).unwrap();
        for name in ["a.hdr", "a.img", "a.img.gz"] {
            assert_eq!(said(&at(name)).unwrap().len(), VERSION_1.named.len() + 1, "{name}");
        }
        assert!(said(&at("b.img")).is_err());
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
