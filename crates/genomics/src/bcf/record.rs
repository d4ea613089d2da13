//! One record as the line that it would be in a VCF.

use super::{
    dictionaries::Dictionaries,
    values::{Bytes, Kind, Value, append},
};
use crate::lines::MAX_LINE_BYTES;

/// Appends a record; what was expected where it is faulty.
pub(super) fn write_record(
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
