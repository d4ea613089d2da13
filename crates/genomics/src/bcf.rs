//! The records of a BCF as the lines that they would be in a VCF.
//!
//! Decoded here: noodles 0.119 loses a record whose value has another type than the header
//! promises, wants a header without fault, and follows a length of a length of a length until the
//! stack ends.

use std::{
    collections::{BTreeMap, HashSet},
    io::{self, BufRead, Read, Write as _},
};

use crate::{
    header::{FIXED_COLUMNS, attribute},
    lines::{MAX_LINE_BYTES, fields},
};

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

/// The names that records give as numbers.
#[derive(Default)]
struct Dictionaries {
    contigs: Dictionary,
    /// The ids of FILTER, INFO and FORMAT.
    keys: Dictionary,
    samples: usize,
}

#[derive(Default)]
struct Dictionary {
    names: BTreeMap<usize, Vec<u8>>,
    known: HashSet<Vec<u8>>,
}

impl Dictionary {
    /// An id has the number `IDX`, else the next one, and where it comes again the one it had.
    fn add(&mut self, attributes: &str) {
        let Some(id) = attribute(attributes, "ID").map(|id| id.as_bytes().to_vec()) else { return };
        let given = attribute(attributes, "IDX").and_then(|index| index.parse().ok());
        if self.known.insert(id.clone()) || given.is_some() {
            let next = self.names.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
            self.names.insert(given.unwrap_or(next), id);
        }
    }

    fn get(&self, index: i32) -> Option<&[u8]> {
        self.names.get(&usize::try_from(index).ok()?).map(Vec::as_slice)
    }
}

impl Dictionaries {
    fn read(header: &[u8]) -> Self {
        let mut dictionaries = Self::default();
        dictionaries.keys.add("ID=PASS,IDX=0");
        for line in header.split(|&byte| byte == b'\n') {
            if line.starts_with(b"#CHROM") {
                dictionaries.samples = fields(line).skip(FIXED_COLUMNS + 1).count();
            }
            let line = String::from_utf8_lossy(line);
            match line.strip_prefix("##").and_then(|meta| meta.split_once('=')) {
                Some(("contig", attributes)) => dictionaries.contigs.add(attributes),
                Some(("FILTER" | "INFO" | "FORMAT", attributes)) => {
                    dictionaries.keys.add(attributes);
                }
                _ => {}
            }
        }
        dictionaries
    }

    /// The name that a value stands for.
    fn key(&self, value: Value<'_>) -> Option<&[u8]> {
        self.keys.get(value.numbers().next()?.whole()?)
    }
}

/// Appends a record; what was expected where it is faulty.
fn write_record(
    site: &[u8],
    samples: &[u8],
    dictionaries: &Dictionaries,
    line: &mut Vec<u8>,
) -> Result<(), &'static str> {
    let mut site = Bytes(site);
    let mut word = || site.array().ok_or("a record with its fixed fields");
    let (chromosome, position) = (i32::from_le_bytes(word()?), i32::from_le_bytes(word()?));
    let _bases = word()?;
    let quality = word()?;
    let [info_low, info_high, allele_low, allele_high] = word()?;
    let [sample_low, sample_middle, sample_high, formats] = word()?;
    let sample_count = u32::from_le_bytes([sample_low, sample_middle, sample_high, 0]) as usize;

    line.extend(dictionaries.contigs.get(chromosome).ok_or("a contig of the header in CHROM")?);
    // Counted from 0, and -1 for the telomere, which is 0 in a VCF.
    let position = position.checked_add(1).filter(|&position| position >= 0);
    append(line, format_args!("\t{}\t", position.ok_or("a position in POS")?));
    site.value().ok_or("a text in ID")?.write(line);
    let alleles = u16::from_le_bytes([allele_low, allele_high]);
    if alleles == 0 {
        return Err("an allele in REF");
    }
    for allele in 0..alleles {
        line.push(if allele < 2 { b'\t' } else { b',' });
        site.value().ok_or("texts in REF and ALT")?.write(line);
    }
    if alleles < 2 {
        line.extend(b"\t.");
    }
    line.push(b'\t');
    Value { kind: Kind::Float, bytes: &quality }.write(line);
    line.push(b'\t');
    let filters = site.value().ok_or("numbers in FILTER")?;
    write_filters(filters, dictionaries, line).ok_or("filters of the header in FILTER")?;
    line.push(b'\t');
    let infos = u16::from_le_bytes([info_low, info_high]);
    write_infos(&mut site, infos, dictionaries, line)
        .ok_or("keys of the header with their values in INFO")?;
    if sample_count != dictionaries.samples && formats > 0 {
        return Err("as many samples as the header names");
    }
    write_samples(samples, formats, dictionaries, line)
        .ok_or("keys of the header with values for each sample in FORMAT")
}

fn write_filters(
    filters: Value<'_>,
    dictionaries: &Dictionaries,
    line: &mut Vec<u8>,
) -> Option<()> {
    if filters.bytes.is_empty() {
        line.push(b'.');
    }
    for (place, filter) in filters.numbers().enumerate() {
        if place > 0 {
            line.push(b';');
        }
        line.extend(dictionaries.keys.get(filter.whole()?)?);
    }
    Some(())
}

fn write_infos(
    site: &mut Bytes<'_>,
    infos: u16,
    dictionaries: &Dictionaries,
    line: &mut Vec<u8>,
) -> Option<()> {
    if infos == 0 {
        line.push(b'.');
    }
    for place in 0..infos {
        if place > 0 {
            line.push(b';');
        }
        line.extend(dictionaries.key(site.value()?)?);
        let value = site.value()?;
        // A flag has no value.
        if !value.bytes.is_empty() {
            line.push(b'=');
            value.write(line);
        }
    }
    Some(())
}

/// Appends FORMAT and the samples: a BCF keeps the values of a key together, a VCF those of a
/// sample.
fn write_samples(
    samples: &[u8],
    formats: u8,
    dictionaries: &Dictionaries,
    line: &mut Vec<u8>,
) -> Option<()> {
    if dictionaries.samples == 0 {
        return Some(());
    }
    let mut samples = Bytes(samples);
    let mut series = Vec::with_capacity(formats.into());
    line.push(b'\t');
    for place in 0..formats {
        if place > 0 {
            line.push(b':');
        }
        let key = dictionaries.key(samples.value()?)?;
        line.extend(key);
        let (kind, count) = samples.kind()?;
        let bytes = count.checked_mul(kind.bytes())?;
        let values = samples.take(bytes.checked_mul(dictionaries.samples)?)?;
        series.push((key == b"GT", kind, bytes, values));
    }
    if formats == 0 {
        line.push(b'.');
    }
    for sample in 0..dictionaries.samples {
        line.push(b'\t');
        if formats == 0 {
            line.push(b'.');
        }
        for (place, &(is_genotype, kind, bytes, values)) in series.iter().enumerate() {
            if place > 0 {
                line.push(b':');
            }
            let value = Value { kind, bytes: &values[sample * bytes..(sample + 1) * bytes] };
            if is_genotype { value.write_genotype(line) } else { value.write(line) }
        }
        if line.len() > MAX_LINE_BYTES {
            break;
        }
    }
    Some(())
}

/// Bytes that are taken from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        self.0.split_off(..count)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// The kind and number of the values that follow. A number of 15 and more stands in a value
    /// of its own, which is a single one.
    fn kind(&mut self) -> Option<(Kind, usize)> {
        let [descriptor] = self.array()?;
        let kind = Kind::of(descriptor & 0x0f)?;
        let mut count = usize::from(descriptor >> 4);
        if count == 15 {
            let [descriptor] = self.array()?;
            let number = Kind::of(descriptor & 0x0f)?;
            let bytes = self.take(number.bytes()).filter(|_| descriptor >> 4 == 1)?;
            let number = Value { kind: number, bytes }.numbers().next()?;
            count = usize::try_from(number.whole()?).ok()?;
        }
        Some((kind, count))
    }

    fn value(&mut self) -> Option<Value<'a>> {
        let (kind, count) = self.kind()?;
        Some(Value { kind, bytes: self.take(count.checked_mul(kind.bytes())?)? })
    }
}

/// The kinds of values (BCF2, section 6.3.3 of the VCF specification).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    Int8,
    Int16,
    Int32,
    Float,
    Text,
}

impl Kind {
    fn of(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Nothing,
            1 => Self::Int8,
            2 => Self::Int16,
            3 => Self::Int32,
            5 => Self::Float,
            7 => Self::Text,
            _ => return None,
        })
    }

    fn bytes(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Int8 | Self::Text => 1,
            Self::Int16 => 2,
            Self::Int32 | Self::Float => 4,
        }
    }
}

/// One number of a value.
#[derive(Clone, Copy)]
enum Number {
    Whole(i32),
    Float(f32),
    Missing,
}

impl Number {
    fn whole(self) -> Option<i32> {
        match self {
            Self::Whole(number) => Some(number),
            _ => None,
        }
    }
}

/// Values of one kind.
#[derive(Clone, Copy)]
struct Value<'a> {
    kind: Kind,
    bytes: &'a [u8],
}

impl<'a> Value<'a> {
    /// The numbers up to the mark that ends a shorter list than the other samples have.
    fn numbers(self) -> impl Iterator<Item = Number> + 'a {
        // The lowest eight numbers of each width are reserved: the first is a missing value, the
        // second ends a list.
        let whole = |number: i32, lowest: i32| match number.checked_sub(lowest) {
            Some(1) => None,
            Some(0 | 2..8) => Some(Number::Missing),
            _ => Some(Number::Whole(number)),
        };
        let number = move |bytes: &[u8]| match (self.kind, bytes) {
            (Kind::Int8, &[a]) => whole(i8::from_le_bytes([a]).into(), i8::MIN.into()),
            (Kind::Int16, &[a, b]) => whole(i16::from_le_bytes([a, b]).into(), i16::MIN.into()),
            (Kind::Int32, &[a, b, c, d]) => whole(i32::from_le_bytes([a, b, c, d]), i32::MIN),
            (Kind::Float, &[a, b, c, d]) => match u32::from_le_bytes([a, b, c, d]) {
                0x7f80_0002 => None,
                0x7f80_0001 | 0x7f80_0003..=0x7f80_0007 => Some(Number::Missing),
                bits => Some(Number::Float(f32::from_bits(bits))),
            },
            _ => None,
        };
        self.bytes.chunks_exact(self.kind.bytes().max(1)).map_while(number)
    }

    /// Appends the value as a VCF writes it.
    fn write(self, line: &mut Vec<u8>) {
        let start = line.len();
        if self.kind == Kind::Text {
            let text = self.bytes.split(|&byte| byte == 0).next().unwrap_or_default();
            // What would end a column does not belong into one.
            line.extend(text.iter().map(|&byte| if byte.is_ascii_control() { b' ' } else { byte }));
        }
        for (place, number) in self.numbers().enumerate() {
            if place > 0 {
                line.push(b',');
            }
            match number {
                Number::Whole(number) => append(line, format_args!("{number}")),
                Number::Float(number) if (1e-5..1e7).contains(&number.abs()) || number == 0.0 => {
                    append(line, format_args!("{number}"));
                }
                Number::Float(number) => append(line, format_args!("{number:e}")),
                Number::Missing => line.push(b'.'),
            }
        }
        if line.len() == start {
            line.push(b'.');
        }
    }

    /// Appends a genotype: each number is twice the allele, counted from 1 so that 0 is missing,
    /// and 1 more where the allele is phased.
    fn write_genotype(self, line: &mut Vec<u8>) {
        if self.kind == Kind::Text {
            return self.write(line);
        }
        let start = line.len();
        for (place, number) in self.numbers().enumerate() {
            let number = number.whole().unwrap_or(0);
            if place > 0 {
                line.push(if number & 1 == 1 { b'|' } else { b'/' });
            }
            match (number >> 1) - 1 {
                allele @ 0.. => append(line, format_args!("{allele}")),
                _ => line.push(b'.'),
            }
        }
        if line.len() == start {
            line.push(b'.');
        }
    }
}

fn append(line: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    line.write_fmt(text).expect("a vector grows");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

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
