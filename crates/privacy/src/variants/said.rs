//! What the header of a VCF or BCF says of whom its samples are of, for whoever judges it: the lines that
//! name samples, and lines that are called by what tells who somebody is.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use fs_err::File;
use noodles::bcf;

use super::{header::attributes, vcf::text_of};
use crate::{Error, column::is_direct, headers::Said};

/// So many bytes of a header are looked through.
const MOST_BYTES: u64 = 64 << 20;

/// The texts of a file's header that speak of samples. No record is read.
///
/// # Errors
/// When the file cannot be read, or its compression or its BCF is damaged.
pub(crate) fn said(path: &Path) -> Result<Vec<Said>, Error> {
    let mut file = BufReader::new(File::open(path)?);
    let compressed = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let reader: Box<dyn Read> =
        if compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut reader = BufReader::new(reader.take(MOST_BYTES));
    if reader.fill_buf()?.starts_with(b"BCF") {
        let header = bcf::io::Reader::from(reader).read_header()?;
        return said_by(&mut text_of(&header)?.as_slice());
    }
    said_by(&mut reader)
}

fn said_by(reader: &mut dyn BufRead) -> Result<Vec<Said>, Error> {
    let mut said = Vec::new();
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if reader.read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']);
        if line.starts_with("#CHROM\t") {
            said.extend(line.split('\t').skip(9).map(|name| Said::at("names of samples", name)));
            break;
        }
        if line.trim().is_empty() {
            continue;
        }
        let Some(meta) = line.strip_prefix("##") else { break };
        if let Some((key, value)) = meta.split_once('=') {
            said.extend(said_in(key, value));
        }
    }
    Ok(said)
}

/// The lines that `deidentify` makes anew with pseudonyms, and those called by a person's own.
fn said_in(key: &str, value: &str) -> Vec<Said> {
    let of = |line: &'static str| -> Vec<Said> {
        attributes(value).map(|(name, text)| Said::of(line, name, text)).collect()
    };
    match key {
        "individual" | "patient" | "SampleName" => vec![Said::of("meta-information", key, value)],
        "tumor_sample" => vec![Said::at("##tumor_sample", value)],
        "normal_sample" => vec![Said::at("##normal_sample", value)],
        "SAMPLE" => of("##SAMPLE"),
        "PEDIGREE" => of("##PEDIGREE"),
        key if is_direct(key) => vec![Said::of("meta-information", key, value)],
        _ => Vec::new(),
    }
}
