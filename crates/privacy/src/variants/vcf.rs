//! VCF and BCF, which comes out as VCF.

use std::{
    cell::Cell,
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use fs_err::File;
use noodles::{bcf, bgzf, csi, tabix, vcf};

use super::{
    header::{Kept, attribute, clean_line},
    named::Named,
    record::clean_record,
    sample::SampleNames,
};
use crate::{Error, VariantProfile, error::aside, key::Key};

/// The longest line that is read.
const MAX_LINE: u64 = 256 << 20;

/// Whether a file is VCF or BCF by its name.
pub(crate) fn is_variants(name: &str) -> bool {
    [".vcf", ".vcf.gz", ".vcf.bgz", ".bcf"].iter().any(|end| name.ends_with(end))
}

/// What was done to a variant file, and where it lies: what was compressed comes out as BGZF with a
/// tabix index beside it.
pub(crate) struct Done {
    pub(crate) out: PathBuf,
    pub(crate) actions: Vec<(String, u64)>,
    /// Sentences about what was emptied; no value is in them.
    pub(crate) warnings: Vec<String>,
}

/// Cleans a VCF or BCF file and writes it as `<stem>.vcf` or `<stem>.vcf.gz`.
///
/// # Errors
/// When the file is damaged or no VCF, or cannot be read or written.
pub(crate) fn deidentify_vcf(
    source: &Path,
    stem: &Path,
    key: &Key,
    profile: &VariantProfile,
    names: &SampleNames,
) -> Result<Done, Error> {
    let mut file = BufReader::new(File::open(source)?);
    let compressed = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let mut cleaner = Cleaner {
        key,
        profile,
        names,
        kept: Kept::default(),
        counts: Counts::default(),
        header: Vec::new(),
        named: Named::default(),
    };
    let end = if compressed { "vcf.gz" } else { "vcf" };
    let mut out = stem.as_os_str().to_owned();
    out.push(format!(".{end}"));
    let out = PathBuf::from(out);
    oncoweave_cohort::write_atomically(&out, |file_out| {
        if compressed {
            let mut writer = bgzf::io::Writer::new(file_out);
            cleaner.file(Box::new(MultiGzDecoder::new(file)), &mut writer)?;
            writer.finish()?;
            Ok::<(), Error>(())
        } else {
            cleaner.file(Box::new(file), file_out)
        }
    })?;
    let mut actions = cleaner.counts.named();
    if compressed {
        actions.push(index(&out)?);
    }
    let emptied = cleaner.counts.values_emptied;
    let warning = (emptied > 0).then(|| {
        format!(
            "{emptied} values of FILTER, INFO or samples were emptied, as they hold the name of a sample; \
             features that are made of them lack them"
        )
    });
    Ok(Done { out, actions, warnings: warning.into_iter().collect() })
}

/// Builds the index anew; a file that is not sorted has none.
fn index(path: &Path) -> Result<(String, u64), Error> {
    let Ok(index) = vcf::fs::index(path) else {
        return Ok(("index left out: the records are not sorted".to_owned(), 1));
    };
    let mut bytes = Vec::new();
    let end = match index {
        vcf::Index::Tabix(index) => {
            let mut writer = tabix::io::Writer::new(&mut bytes);
            writer.write_index(&index)?;
            writer.try_finish()?;
            ".tbi"
        }
        // Contigs beyond what tabix counts to.
        vcf::Index::Csi(index) => {
            csi::io::Writer::new(&mut bytes).write_index(&index)?;
            ".csi"
        }
    };
    let mut beside = path.as_os_str().to_owned();
    beside.push(end);
    oncoweave_cohort::write_atomically(Path::new(&beside), |file| file.write_all(&bytes))?;
    Ok(("index rebuilt".to_owned(), 1))
}

#[derive(Default)]
struct Counts {
    header_lines_removed: u64,
    header_lines_kept: u64,
    samples: u64,
    records: u64,
    records_removed: u64,
    values_emptied: u64,
}

impl Counts {
    fn named(&self) -> Vec<(String, u64)> {
        [
            ("header lines removed", self.header_lines_removed),
            ("header lines rewritten", self.header_lines_kept),
            ("sample names replaced", self.samples),
            ("records kept", self.records),
            ("records that are none left out", self.records_removed),
            ("values that hold a sample's name emptied", self.values_emptied),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| (name.to_owned(), count))
        .collect()
    }
}

struct Cleaner<'a> {
    key: &'a Key,
    profile: &'a VariantProfile,
    names: &'a SampleNames<'a>,
    kept: Kept,
    counts: Counts,
    /// Meta-information, until the names of the samples are known.
    header: Vec<String>,
    /// Those names, to be found elsewhere.
    named: Named,
}

fn damaged(_: io::Error) -> Error {
    aside("broken", "the file is damaged or cut off, or is no VCF; copy it again")
}

impl Cleaner<'_> {
    fn file(&mut self, reader: Box<dyn Read>, out: &mut dyn Write) -> Result<(), Error> {
        let mut reader = BufReader::with_capacity(1 << 16, reader);
        let start = reader.fill_buf().map_err(damaged)?;
        if start.starts_with(b"BCF") {
            return self.binary(reader, out);
        }
        if !start.starts_with(b"##fileformat")
            && !start.starts_with(b"#CHROM")
            && !start.starts_with(b"##")
        {
            return Err(aside("broken", "the file is no VCF: it begins with no `##fileformat`"));
        }
        let mut bytes = Vec::new();
        let mut seen_columns = false;
        loop {
            bytes.clear();
            let read =
                reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes).map_err(damaged)?;
            if read == 0 {
                break;
            }
            let text = String::from_utf8_lossy(&bytes);
            seen_columns |= text.starts_with("#CHROM");
            self.line(text.trim_end_matches(['\n', '\r']), out)?;
        }
        if seen_columns { Ok(()) } else { Err(aside("broken", "the file has no line of columns")) }
    }

    /// Turns BCF into text, line by line.
    fn binary(&mut self, reader: impl Read, out: &mut dyn Write) -> Result<(), Error> {
        let mut reader = bcf::io::Reader::from(reader);
        let header = reader.read_header().map_err(damaged)?;
        let mut text = text_of(&header).map_err(damaged)?;
        for line in String::from_utf8_lossy(&text).lines() {
            self.line(line, out)?;
        }
        for record in reader.records() {
            let record = record.map_err(damaged)?;
            text.clear();
            vcf::variant::io::Write::write_variant_record(
                &mut vcf::io::Writer::new(&mut text),
                &header,
                &record,
            )
            .map_err(damaged)?;
            self.line(String::from_utf8_lossy(&text).trim_end(), out)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str, out: &mut dyn Write) -> Result<(), Error> {
        let line = line.trim_start_matches('\u{feff}');
        if line.starts_with("##") {
            self.header.push(line.to_owned());
        } else if line.starts_with("#CHROM") {
            self.named = self.names_of(line);
            for line in std::mem::take(&mut self.header) {
                let cleaned = self.meta_line(&line);
                let (kept, removed) =
                    (&mut self.counts.header_lines_kept, &mut self.counts.header_lines_removed);
                put(cleaned, [kept, removed], out)?;
            }
            let columns = self.columns(line);
            writeln!(out, "{columns}")?;
        } else if !line.trim().is_empty() && !line.starts_with('#') {
            let token = |id: &str| format!("v{}", self.key.token("variant", id));
            let names = |text: &str| self.named.are_in(text);
            let emptied = Cell::new(0);
            let cleaned = clean_record(line, &self.kept, &token, &names, &emptied);
            self.counts.values_emptied += emptied.get();
            put(cleaned, [&mut self.counts.records, &mut self.counts.records_removed], out)?;
        }
        Ok(())
    }

    fn meta_line(&mut self, line: &str) -> Option<String> {
        let id = line.split_once('=').and_then(|(_, value)| attribute(value, "ID"));
        let is_sample = line.starts_with("##SAMPLE=") || line.starts_with("##PEDIGREE=");
        if !is_sample && id.is_some_and(|id| self.named.are_in(id)) {
            return None;
        }
        let sample = |name: &str| self.names.pseudonym(name);
        clean_line(line, &mut self.kept, &self.profile.keep, &sample)
    }

    /// The samples' names that could be found elsewhere in the file: not the role alone, nor a letter.
    fn names_of(&self, columns: &str) -> Named {
        let names = columns.split('\t').skip(9).map(str::trim);
        let tells =
            |name: &&str| name.len() > 2 && self.names.pseudonym(name) != name.to_uppercase();
        Named::new(names.filter(tells))
    }

    fn columns(&mut self, line: &str) -> String {
        const FIXED: &str = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO";
        let mut cleaned = FIXED.to_owned();
        for (place, name) in line.split('\t').enumerate().skip(8) {
            cleaned.push('\t');
            if place == 8 {
                cleaned.push_str("FORMAT");
            } else {
                self.counts.samples += 1;
                cleaned.push_str(&self.names.pseudonym(name));
            }
        }
        cleaned
    }
}

/// The lines of a BCF's header, as a VCF has them.
pub(super) fn text_of(header: &vcf::Header) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    vcf::io::Writer::new(&mut text).write_header(header)?;
    Ok(text)
}

/// Writes a line where something is left of it, and counts it as kept or removed.
fn put(
    line: Option<String>,
    [kept, removed]: [&mut u64; 2],
    out: &mut dyn Write,
) -> Result<(), Error> {
    *(if line.is_some() { kept } else { removed }) += 1;
    if let Some(line) = line {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
