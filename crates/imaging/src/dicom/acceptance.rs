//! Stored pixels against what other programs decode: the table `DICOM.md` is what these tests find,
//! and `ONCOWEAVE_WRITE_TABLES=1 cargo test -p oncoweave-imaging acceptance` writes it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use dicom_dictionary_std::tags;
use sha2::{Digest, Sha256};

use super::attributes::whole;
use super::codec::Codec;
use super::file::read_header;
use super::pixels::{Encoding, Rescale};
use super::series::source;
use super::stored::frame;
use crate::ImagingSettings;
use crate::real_data::imaging;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/");

fn golden(name: &str) -> Vec<csv::StringRecord> {
    let path = Path::new(GOLDEN).join(name);
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
    reader.records().map(Result::unwrap).collect()
}

/// The bytes of a text in base64.
fn from_base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter(|&byte| byte != b'=');
    let values = digits.map(|byte| DIGITS.iter().position(|&digit| digit == byte).unwrap());
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0, 0);
    for value in values {
        (bits, count) = (bits << 6 | value, count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    bytes
}

/// Every compression against what other decoders make of the same frame.
#[test]
fn every_codec_gives_the_pixels_of_other_decoders() {
    let identity = Rescale::Linear { slope: 1.0, intercept: 0.0 };
    let rows = golden("imaging_codecs.csv");
    assert!(rows.len() > 30);
    let mut problems = Vec::new();
    for row in rows {
        let number = |column: usize| row[column].parse::<usize>().unwrap();
        let codec = match &row[1] {
            "JpegLs" => Codec::JpegLs,
            "Jpeg2000" => Codec::Jpeg2000,
            "Jpeg" => Codec::Jpeg,
            _ => Codec::Rle,
        };
        let bits = u32::try_from(number(4)).unwrap();
        let encoding = Encoding::unsigned(number(2), number(3), bits);
        let mut values = vec![0.0; number(2) * number(3)];
        let decoded = codec
            .decode(&from_base64(&row[6]), number(2), number(3), bits)
            .and_then(|samples| encoding.fill(&samples, &identity, &mut values));
        if let Err(problem) = decoded {
            problems.push(format!("{}: {problem}", &row[0]));
            continue;
        }
        let pixels = from_base64(&row[7]);
        #[expect(clippy::cast_precision_loss, reason = "as ours are")]
        let pixels = pixels.as_chunks::<4>().0.iter().map(|&quad| match bits {
            32 => u32::from_le_bytes(quad) as f32,
            _ => i32::from_le_bytes(quad) as f32,
        });
        let greatest = pixels.zip(&values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        if greatest > row[5].parse().unwrap() {
            problems.push(format!("{}: differs by {greatest}", &row[0]));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

/// The stored pixels of a file, without rescale, as whole numbers.
fn stored_pixels(path: &Path) -> Result<Vec<i32>, String> {
    let header = read_header(path).map_err(|error| error.to_string())?;
    let header = header.ok_or("is no DICOM file")?;
    let settings = ImagingSettings::default();
    let (encoding, stored) = source(&header, &settings).map_err(|error| error.to_string())?;
    let frames = whole(&header.object, tags::NUMBER_OF_FRAMES).unwrap_or(1).max(1) as usize;
    let identity = Rescale::Linear { slope: 1.0, intercept: 0.0 };
    let mut pixels = Vec::new();
    for number in 0..frames {
        let samples =
            frame(&header, &stored, &encoding, number).map_err(|error| error.to_string())?;
        let mut values = vec![0.0; encoding.rows * encoding.columns];
        encoding.fill(&samples, &identity, &mut values)?;
        #[expect(clippy::cast_possible_truncation, reason = "whole numbers")]
        pixels.extend(values.into_iter().map(|value| value as i32));
    }
    Ok(pixels)
}

fn digest(pixels: &[i32]) -> String {
    let mut hash = Sha256::new();
    for pixel in pixels {
        hash.update(pixel.to_le_bytes());
    }
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Whether pixels at even distances are within one level of others.
fn are_close(pixels: &[i32], samples: &str) -> bool {
    let step = (pixels.len() / 24).max(1);
    let samples: Vec<i32> = samples.split(' ').map(|sample| sample.parse().unwrap()).collect();
    let ours: Vec<i32> = pixels.iter().step_by(step).take(24).copied().collect();
    ours.len() == samples.len() && ours.iter().zip(&samples).all(|(a, b)| (a - b).abs() <= 1)
}

/// Every file with pixels in the test data of pydicom and others is equal to what pydicom decodes,
/// within one level where the compression is lossy, or is refused with a reason.
#[test]
fn acceptance_every_file_is_equal_to_pydicoms_pixels_or_refused() {
    let Some(folder) = imaging(".") else { return };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut lines = String::new();
    let mut wrong = Vec::new();
    for row in golden("imaging_pydicom.csv") {
        let [file, syntax, shape, expected, samples] = [0, 1, 2, 3, 4].map(|column| &row[column]);
        let (verdict, reason) = match stored_pixels(&folder.join(file)) {
            Ok(pixels) if digest(&pixels) == expected => ("equal", String::new()),
            Ok(pixels) if !samples.is_empty() && are_close(&pixels, samples) => {
                ("within one level", String::new())
            }
            Ok(pixels) if expected.starts_with("error") => {
                ("pydicom fails", format!("read here: {} pixels", pixels.len()))
            }
            Ok(_) => ("**wrong**", String::new()),
            Err(problem) => {
                let reason =
                    problem.rsplit_once(&format!("{file}: ")).map(|(_, reason)| reason.to_owned());
                ("refused", reason.unwrap_or(problem))
            }
        };
        if verdict == "**wrong**" {
            wrong.push(file.to_owned());
        }
        *counts.entry(verdict).or_default() += 1;
        writeln!(lines, "| `{file}` | {syntax} | {shape} | {verdict} | {reason} |").unwrap();
    }
    let counts: Vec<String> =
        counts.iter().map(|(verdict, count)| format!("{verdict} {count}")).collect();
    let table = format!("{HEAD}\nOf all files: {}.\n\n{TABLE_HEAD}{lines}", counts.join(", "));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/DICOM.md");
    if std::env::var_os("ONCOWEAVE_WRITE_TABLES").is_some() {
        fs_err::write(path, &table).unwrap();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(fs_err::read_to_string(path).unwrap() == table, "{path} is out of date");
}

const TABLE_HEAD: &str = "| file | transfer syntax | shape | ours | reason |\n\
                          | --- | --- | --- | --- | --- |\n";

const HEAD: &str = "# Stored pixels against pydicom

Every file with pixels in the test data of pydicom, the DICOM working group 4, dicom2nifti, dcmqi,
highdicom and rt-utils, decoded by `oncoweave-imaging` and by pydicom 3.0.2
(`tests/golden/imaging_pydicom.csv`). *Equal* is every pixel of every frame; *within one level* are
lossy JPEG and JPEG 2000, whose decoders may round as they like; *refused* is what is not read, with
the reason that a user sees; *pydicom fails* is what pydicom cannot decode.

Written by `ONCOWEAVE_WRITE_TABLES=1 cargo test -p oncoweave-imaging acceptance`; the test fails where
this table is out of date.
";
