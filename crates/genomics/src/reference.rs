//! The bases of the reference genome, from a FASTA.

use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader, Read as _},
    path::{Path, PathBuf},
};

use fs_err::File;
use noodles::{
    bgzf::{self, gzi},
    core::{Position, Region},
    fasta::{self, fai},
};

use crate::{
    Error,
    compression::{decompress, is_bgzf, is_gzip},
    settings::bare_chromosome,
};

/// The bases that are read at once: variants lie near each other, indels move by a few bases.
const WINDOW: usize = 4096;

/// A FASTA and its index: plain, or compressed by bgzip.
#[derive(Debug)]
pub(crate) struct Reference {
    path: PathBuf,
    index: fai::Index,
    /// The name and the length of each chromosome, by [`key`].
    chromosomes: HashMap<String, (String, usize)>,
    /// Where the blocks of a compressed file start.
    blocks: Option<gzi::Index>,
}

impl Reference {
    /// Opens a FASTA. Its indices are the files beside it that end in `.fai` and `.gzi`; what is
    /// absent is made anew in memory, which reads the whole file.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let fault = |source| Error::Reference { path: path.to_owned(), source };
        let mut head = Vec::new();
        File::open(path)?.take(18).read_to_end(&mut head)?;
        if is_gzip(&head) && !is_bgzf(&head) {
            let source = io::Error::other("compressed by gzip, which cannot be read in parts");
            return Err(fault(source));
        }
        let beside = |extension: &str| {
            let index = path.with_added_extension(extension);
            index.is_file().then_some(index)
        };
        let index = match beside("fai") {
            Some(index) => fai::fs::read(index),
            None => index_sequences(path),
        };
        let blocks = match beside("gzi") {
            _ if !is_bgzf(&head) => None,
            Some(index) => Some(gzi::fs::read(index).map_err(fault)?),
            None => Some(index_blocks(path).map_err(fault)?),
        };
        let index = index.map_err(fault)?;
        let chromosomes = index.as_ref().iter().filter_map(|record| {
            let name = record.name().to_string();
            Some((key(&name).to_owned(), (name, usize::try_from(record.length()).ok()?)))
        });
        let chromosomes = chromosomes.collect();
        Ok(Self { path: path.to_owned(), chromosomes, index, blocks })
    }

    /// A reader of its own for each patient, so that patients are read side by side.
    pub(crate) fn reader(&self) -> Result<ReferenceReader<'_>, Error> {
        let file = File::open(&self.path)?;
        let inner = match &self.blocks {
            Some(blocks) => {
                fasta::io::BufReader::Bgzf(bgzf::io::IndexedReader::new(file, blocks.clone()))
            }
            None => fasta::io::BufReader::Uncompressed(BufReader::new(file)),
        };
        let inner = fasta::io::IndexedReader::new(inner, self.index.clone());
        Ok(ReferenceReader { reference: self, inner, window: Window::default() })
    }
}

/// Reads bases of a [`Reference`].
pub(crate) struct ReferenceReader<'a> {
    reference: &'a Reference,
    inner: fasta::io::IndexedReader<fasta::io::BufReader<File>>,
    window: Window,
}

/// The stretch that was read last.
#[derive(Default)]
struct Window {
    chromosome: String,
    /// Its first base, counted from 1.
    start: usize,
    /// In upper case.
    bases: Vec<u8>,
}

impl ReferenceReader<'_> {
    /// Whether the FASTA holds a chromosome, named with or without `chr`.
    pub(crate) fn has(&self, chromosome: &str) -> bool {
        self.reference.chromosomes.contains_key(key(chromosome))
    }

    /// The base at a position, counted from 1, in upper case; `None` outside the chromosome.
    pub(crate) fn base(&mut self, chromosome: &str, position: u64) -> Result<Option<u8>, Error> {
        let Ok(position) = usize::try_from(position) else { return Ok(None) };
        if let Some(base) = self.window.base(chromosome, position) {
            return Ok(Some(base));
        }
        let Some((name, length)) = self.reference.chromosomes.get(key(chromosome)) else {
            return Ok(None);
        };
        if !(1..=*length).contains(&position) {
            return Ok(None);
        }
        let fault = |source| Error::Reference { path: self.reference.path.clone(), source };
        let start = (position - 1) / WINDOW * WINDOW + 1;
        let end = (start + WINDOW - 1).min(*length);
        let place = |position| Position::try_from(position).expect("counted from 1");
        let region = Region::new(name.as_str(), place(start)..=place(end));
        let record = self.inner.query(&region).map_err(fault)?;
        let bases = record.sequence().as_ref().to_ascii_uppercase();
        self.window = Window { chromosome: chromosome.to_owned(), start, bases };
        self.window.base(chromosome, position).map(Some).ok_or_else(|| {
            fault(io::Error::other("shorter than its index says; remove the .fai and .gzi"))
        })
    }

    /// Whether a chromosome has these bases from a position on. An ambiguous base, such as `N`,
    /// agrees with any.
    pub(crate) fn agrees(
        &mut self,
        chromosome: &str,
        position: u64,
        bases: &[u8],
    ) -> Result<bool, Error> {
        for (offset, base) in (0..).zip(bases) {
            let Some(place) = position.checked_add(offset) else { return Ok(false) };
            match self.base(chromosome, place)? {
                Some(found) if is_ambiguous(found) || is_ambiguous(*base) => {}
                Some(found) if found.eq_ignore_ascii_case(base) => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }
}

impl Window {
    fn base(&self, chromosome: &str, position: usize) -> Option<u8> {
        let place = position.checked_sub(self.start)?;
        self.bases.get(place).copied().filter(|_| self.chromosome == chromosome)
    }
}

fn is_ambiguous(base: u8) -> bool {
    !b"ACGT".contains(&base.to_ascii_uppercase())
}

/// A chromosome's name without what differs between builds.
fn key(name: &str) -> &str {
    match bare_chromosome(name) {
        "M" => "MT",
        name => name,
    }
}

fn index_sequences(path: &Path) -> io::Result<fai::Index> {
    let (reader, _) = decompress(File::open(path)?)?;
    let mut indexer = fasta::io::Indexer::new(reader);
    let mut records = Vec::new();
    while let Some(record) = indexer.index_record()? {
        records.push(record);
    }
    Ok(fai::Index::from(records))
}

/// Where each block after the first starts: its place in the file and in the content.
fn index_blocks(path: &Path) -> io::Result<gzi::Index> {
    let mut reader = bgzf::io::Reader::new(BufReader::new(File::open(path)?));
    let (mut starts, mut content) = (Vec::new(), 0);
    loop {
        let length = reader.fill_buf()?.len();
        if length == 0 {
            return Ok(gzi::Index::from(starts));
        }
        reader.consume(length);
        content += length as u64;
        starts.push((reader.virtual_position().compressed(), content));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// Two chromosomes in lines of 60 bases; the first is longer than a window and than a block.
    fn fasta() -> (String, Vec<u8>) {
        let long: Vec<u8> = (0..200_000_usize).map(|n| b"ACGTacgtN"[n * n % 8 + n % 2]).collect();
        let mut text = String::from(">chr1 the first\n");
        for line in long.chunks(60) {
            text.push_str(std::str::from_utf8(line).unwrap());
            text.push('\n');
        }
        text.push_str(">MT\nGATTACA\n");
        (text, long.to_ascii_uppercase())
    }

    fn bgzip(text: &str) -> Vec<u8> {
        let mut writer = bgzf::io::Writer::new(Vec::new());
        writer.write_all(text.as_bytes()).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn bases_of_plain_and_compressed_files() {
        let (text, long) = fasta();
        for (name, content) in [("a.fa", text.clone().into_bytes()), ("a.fa.gz", bgzip(&text))] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name);
            fs_err::write(&path, content).unwrap();
            let reference = Reference::open(&path).unwrap();
            let mut reader = reference.reader().unwrap();
            for position in [1, 2, 60, 61, 4096, 4097, 65_536, 131_073, 200_000, 4097] {
                let expected = long[usize::try_from(position).unwrap() - 1];
                assert_eq!(
                    reader.base("1", position).unwrap(),
                    Some(expected),
                    "{name} {position}"
                );
            }
            assert_eq!(reader.base("chr1", 200_001).unwrap(), None, "after the end");
            assert_eq!(reader.base("1", 0).unwrap(), None, "before the start");
            assert_eq!(reader.base("chrM", 7).unwrap(), Some(b'A'));
            assert_eq!(reader.base("2", 1).unwrap(), None, "no such chromosome");
            assert!(reader.has("1") && reader.has("M") && !reader.has("2"));
            assert!(reader.agrees("MT", 2, b"atta").unwrap());
            assert!(reader.agrees("MT", 2, b"NTTR").unwrap(), "ambiguous");
            assert!(!reader.agrees("MT", 2, b"ATTT").unwrap());
            assert!(!reader.agrees("MT", 7, b"AC").unwrap(), "over the end");
            assert!(!reader.agrees("MT", u64::MAX, b"AC").unwrap(), "over every end");
        }
    }

    #[test]
    fn indices_beside_the_file_are_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.fa");
        fs_err::write(&path, ">1\nACGT\n").unwrap();
        fs_err::write(folder.path().join("a.fa.fai"), "named\t4\t3\t4\t5\n").unwrap();
        let reference = Reference::open(&path).unwrap();
        assert_eq!(reference.reader().unwrap().base("named", 2).unwrap(), Some(b'C'));
    }

    #[test]
    fn what_is_no_fasta_is_an_error() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(b">1\nACGT\n").unwrap();
        for (name, content) in [
            ("gzip", gzip.finish().unwrap()),
            ("no FASTA", b"ACGT\n".to_vec()),
            ("uneven lines", b">1\nAC\nACGT\nAC\n".to_vec()),
            ("cut off", bgzip(">1\nACGT\n")[..20].to_vec()),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.fa.gz");
            fs_err::write(&path, content).unwrap();
            let message = Reference::open(&path).unwrap_err().to_string();
            assert!(message.contains("a.fa.gz: expected a FASTA"), "{name}: {message}");
        }
    }
}
