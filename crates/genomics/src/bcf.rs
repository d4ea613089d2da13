//! The records of a BCF as the lines that they would be in a VCF.
//!
//! Decoded here: noodles 0.119 loses a record whose value has another type than the header
//! promises, wants a header without fault, and follows a length of a length of a length until the
//! stack ends.

use std::io::{self, BufRead, Read};

use crate::lines::MAX_LINE_BYTES;

mod dictionaries;
mod record;
mod values;

use dictionaries::Dictionaries;
use record::write_record;
use values::Bytes;

/// A longer record is taken for damage; two million samples fit into it.
const MAX_RECORD_BYTES: usize = 1 << 26;

/// The bytes of CHROM, POS, the stretch's length, QUAL and the four counts.
pub(crate) const FIXED_BYTES: usize = 24;

/// What comes next in a file.
pub(crate) enum Next {
    /// A line.
    Line,
    /// A record that is not what the format asks for, in words.
    Faulty(&'static str),
    /// A line beyond all measure.
    TooLong,
    /// Nothing.
    End,
}

/// A BCF 2.1 or 2.2.
pub(crate) struct Bcf {
    reader: Box<dyn BufRead>,
    /// What was not given yet of the header's text.
    header: io::Cursor<Vec<u8>>,
    dictionaries: Dictionaries,
    /// The bytes of one record after its two lengths.
    record: Vec<u8>,
}

impl Bcf {
    /// Reads the header of a stream that begins with `BCF\x02`.
    pub(crate) fn new(mut reader: Box<dyn BufRead>) -> io::Result<Self> {
        // The magic number and version, then the length of the header's text.
        let mut start = [0; 9];
        reader.read_exact(&mut start)?;
        let [.., a, b, c, d] = start;
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        if length > MAX_LINE_BYTES as u64 {
            return Err(out_of_range());
        }
        let mut header = Vec::new();
        if (reader.by_ref().take(length).read_to_end(&mut header)? as u64) < length {
            return Err(cut_off());
        }
        while header.last() == Some(&0) {
            header.pop();
        }
        let dictionaries = Dictionaries::read(&header);
        Ok(Self { reader, header: io::Cursor::new(header), dictionaries, record: Vec::new() })
    }

    /// Appends the next line with its line break.
    pub(crate) fn next(&mut self, line: &mut Vec<u8>) -> io::Result<Next> {
        if self.header.read_until(b'\n', line)? > 0 {
            if line.last() != Some(&b'\n') {
                line.push(b'\n');
            }
            return Ok(Next::Line);
        }
        let Some(shared) = self.read_record()? else { return Ok(Next::End) };
        let (site, samples) = self.record.split_at(shared);
        let written = write_record(site, samples, &self.dictionaries, line);
        if line.len() > MAX_LINE_BYTES {
            return Ok(Next::TooLong);
        }
        Ok(match written {
            Ok(()) => Next::Line,
            Err(expected) => {
                line.clear();
                Next::Faulty(expected)
            }
        })
    }

    /// Reads the bytes of a record and tells how many are not of samples; `None` at the end.
    fn read_record(&mut self) -> io::Result<Option<usize>> {
        self.record.clear();
        self.reader.by_ref().take(8).read_to_end(&mut self.record)?;
        if self.record.is_empty() {
            return Ok(None);
        }
        let mut lengths = Bytes(&self.record);
        let mut length = || Some(u32::from_le_bytes(lengths.array()?) as usize);
        let (Some(shared), Some(samples)) = (length(), length()) else { return Err(cut_off()) };
        let whole = shared.saturating_add(samples);
        if shared < FIXED_BYTES || whole > MAX_RECORD_BYTES {
            return Err(out_of_range());
        }
        self.record.clear();
        let read = self.reader.by_ref().take(whole as u64).read_to_end(&mut self.record)?;
        if read < whole { Err(cut_off()) } else { Ok(Some(shared)) }
    }
}

fn out_of_range() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a length is out of range")
}

fn cut_off() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, path::Path};

    use noodles::{
        bcf,
        vcf::{self, variant::io::Write as _},
    };

    use super::*;
    use crate::{Error, lines::Lines};

    const TEXT: &str = "##fileformat=VCFv4.3\n\
        ##FILTER=<ID=weak,Description=\"Few reads\">\n\
        ##contig=<ID=chr1,length=1000>\n##contig=<ID=chr2,length=1000>\n\
        ##INFO=<ID=DB,Number=0,Type=Flag,Description=\"\">\n\
        ##INFO=<ID=CSQ,Number=.,Type=String,Description=\"\">\n\
        ##INFO=<ID=END,Number=1,Type=Integer,Description=\"\">\n\
        ##FORMAT=<ID=GT,Number=1,Type=String,Description=\"\">\n\
        ##FORMAT=<ID=AD,Number=R,Type=Integer,Description=\"\">\n\
        ##FORMAT=<ID=AF,Number=A,Type=Float,Description=\"\">\n\
        #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNORMAL\tTUMOR\n\
        chr1\t10\trs1\tC\tT\t30.5\tPASS\tDB;CSQ=T|stop_gained|A,T||B\tGT:AD:AF\t0/0:30,0:0\t0|1:300,70000:0.25\n\
        chr2\t20\t.\tCAAAAAAAAAAAAAAAAAAAAA\tC,<DEL>\t.\tweak\tEND=200\tGT:AD\t./.:.\t1/2:1,2,3\n\
        chr2\t30\t.\tA\t.\t.\t.\t.\tGT\t./.\t1\n";

    /// The bytes of the BCF that noodles writes for a VCF, without compression.
    fn binary(text: &str) -> Vec<u8> {
        let mut reader = vcf::io::Reader::new(text.as_bytes());
        let header = reader.read_header().unwrap();
        let mut writer = bcf::io::Writer::from(Vec::new());
        writer.write_variant_header(&header).unwrap();
        for record in reader.record_bufs(&header) {
            writer.write_variant_record(&header, &record.unwrap()).unwrap();
        }
        writer.into_inner()
    }

    fn records(bytes: Vec<u8>) -> Result<Vec<String>, Error> {
        let mut lines = Lines::from_reader(io::Cursor::new(bytes), Path::new("a.bcf"))?;
        let mut records = Vec::new();
        while let Some(line) = lines.next()? {
            if !line.starts_with(b"#") {
                records.push(String::from_utf8_lossy(line).into_owned());
            }
        }
        let count = records.len() as u64;
        records.extend(lines.finish(count + 1)?.iter().map(ToString::to_string));
        Ok(records)
    }

    #[test]
    fn records_are_the_lines_of_the_vcf() {
        let expected: Vec<&str> = TEXT.lines().filter(|line| !line.starts_with('#')).collect();
        let plain = binary(TEXT);
        let mut bgzip = noodles::bgzf::io::Writer::new(Vec::new());
        bgzip.write_all(&plain).unwrap();
        for bytes in [plain, bgzip.finish().unwrap()] {
            assert_eq!(records(bytes).unwrap(), expected);
        }
    }

    /// One record with these bytes of its site and samples after the header of [`TEXT`].
    fn with_record(site: &[u8], samples: &[u8]) -> Vec<u8> {
        let header = TEXT.find("chr1\t10").unwrap();
        let lengths =
            [site.len(), samples.len()].map(|length| u32::try_from(length).unwrap().to_le_bytes());
        [&binary(&TEXT[..header]), lengths.concat().as_slice(), site, samples].concat()
    }

    /// The fixed fields of a record of chr1 with one allele: position, key and sample counts.
    fn fixed(position: i32, infos: u8, samples: u8, formats: u8) -> Vec<u8> {
        let quality = [1, 0, 0x80, 0x7f];
        let counts = [infos, 0, 1, 0, samples, 0, 0, formats];
        [&[0; 4], &position.to_le_bytes(), &[1, 0, 0, 0], &quality, &counts[..4], &counts[4..]]
            .concat()
    }

    #[test]
    fn reserved_numbers_are_missing_or_end_a_list() {
        // ID none, REF A, no filter; END of the widths in turn; AD of a list that is shorter.
        let site = |value: &[u8]| {
            [&fixed(-1, 1, 2, 1), b"\x07\x17A\x00\x11\x03".as_slice(), value].concat()
        };
        for (name, value, expected) in [
            ("a missing byte", b"\x11\x80".as_slice(), "END=."),
            ("two bytes", b"\x12\x2c\x01", "END=300"),
            ("missing two bytes", b"\x12\x00\x80", "END=."),
            ("four bytes", b"\x13\x00\x00\x01\x00", "END=65536"),
            ("a float", b"\x15\x00\x00\x80\x3e", "END=0.25"),
            ("a missing float", b"\x15\x01\x00\x80\x7f", "END=."),
            ("a text with a tab", b"\x37a\tb", "END=a b"),
            ("a flag", b"\x00", "END"),
            ("a length of its own", b"\xf1\x11\x02\x05\x06", "END=5,6"),
        ] {
            let bytes = with_record(&site(value), b"\x11\x06\x21\x05\x81\x80\x07");
            let expected = format!("chr1\t0\t.\tA\t.\t.\t.\t{expected}\tAD\t5\t.,7");
            assert_eq!(records(bytes).unwrap(), [expected], "{name}");
        }
    }

    #[test]
    fn a_faulty_record_is_left_out() {
        let after = |fixed: Vec<u8>, rest: &[u8]| [&fixed, rest].concat();
        let lengths_of_lengths = vec![0xf1; 1 << 16];
        for (name, site, samples, expected) in [
            ("position", after(fixed(-5, 0, 2, 0), b"\x07\x17A\x00"), "", "a position in POS"),
            ("no text", after(fixed(5, 0, 2, 0), b"\x07\x57A\x00"), "", "texts in REF and ALT"),
            ("length", after(fixed(5, 0, 2, 0), &lengths_of_lengths), "", "a text in ID"),
            (
                "key",
                after(fixed(5, 1, 2, 0), b"\x07\x17A\x00\x11\x63\x00"),
                "",
                "keys of the header with their values in INFO",
            ),
            (
                "filter",
                after(fixed(5, 0, 2, 0), b"\x07\x17A\x11\x63"),
                "",
                "filters of the header in FILTER",
            ),
            (
                "samples",
                after(fixed(5, 0, 3, 1), b"\x07\x17A\x00"),
                "",
                "as many samples as the header names",
            ),
            (
                "values",
                after(fixed(5, 0, 2, 1), b"\x07\x17A\x00"),
                "\x11\x06\x21\x05",
                "keys of the header with values for each sample in FORMAT",
            ),
        ] {
            let found = records(with_record(&site, samples.as_bytes()));
            let message = found.unwrap_err().to_string();
            assert!(
                message.contains(&format!("a.bcf:12: expected {expected}, found")),
                "{name}: {message}"
            );
        }
    }

    #[test]
    fn a_cut_or_damaged_file_is_an_error() {
        let whole = binary(TEXT);
        for cut in [4, 8, 100, whole.len() - 1, whole.len() - 60] {
            let error = records(whole[..cut].to_vec()).unwrap_err();
            assert!(matches!(error, Error::Truncated { .. }), "{cut}: {error}");
        }
        let mut long = with_record(&fixed(5, 0, 2, 0), b"");
        let length = long.len() - 24 - 8;
        long[length..length + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(records(long).unwrap_err(), Error::Damaged { .. }));
        let none = records(with_record(b"", b"")).unwrap_err();
        assert!(matches!(none, Error::Damaged { .. }), "{none}");
    }
}
