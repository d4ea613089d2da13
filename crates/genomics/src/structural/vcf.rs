//! Structural variants of a VCF, whatever caller wrote it.

use std::collections::BTreeSet;

use super::{
    Class, Event, Place, StructuralVariants,
    breakends::{Adjacency, Breakend, Names, paired},
    settings::pair,
};
use crate::{
    Error,
    allele::Kind,
    header::{FIXED_COLUMNS, Header},
    lines::{Lines, fields, number, text},
    pair::Pair,
    sample::{Format, Formats},
    settings::bare_chromosome,
    vcf::Record,
};

/// Alleles given in bases are structural from this length on, unless the record says `SVTYPE`.
const MIN_LENGTH: usize = 50;

/// Reads the records; of each its events, breakends paired.
pub(super) fn read(mut lines: Lines) -> Result<StructuralVariants, Error> {
    let header = Header::read(&mut lines)?;
    let mut found = StructuralVariants {
        tells_classes: true,
        tells_genes: header.annotation.is_some(),
        samples: header.samples.iter().cloned().zip(0..).collect(),
        only: header.pair(None, &mut lines).ok().map(|pair| pair.tumor.unwrap_or(0)),
        ..StructuralVariants::default()
    };
    let pairs = header.pairs(&mut lines);
    let mut breakends = Vec::new();
    let mut formats = Formats::default();
    let mut records = 0;
    while lines.next()?.is_some() {
        if lines.line().trim_ascii().is_empty() {
            continue;
        }
        records += 1;
        let read = Record::parse(&lines, &header, Pair::default(), &mut formats);
        let read = read.map(|record| {
            found.tells_genes |= record.info(b"GENEA").is_some();
            let columns: Vec<&[u8]> = fields(lines.line()).collect();
            add(record, &columns, &header, &pairs)
        });
        match read {
            Ok(added) => {
                for (event, breakend) in added {
                    match breakend {
                        Some(names) => breakends.push(Breakend { names, event }),
                        None => found.events.push(event),
                    }
                }
            }
            Err(error) => lines.leave_out(error)?,
        }
    }
    found.events.extend(paired(breakends));
    found.notes = lines.finish(records)?;
    // Each column was asked for its normal.
    found.notes.dedup();
    Ok(found)
}

/// The events of a record, one for each ALT, with the names of those that are breakends.
fn add<'a>(
    mut record: Record<'a>,
    columns: &[&'a [u8]],
    header: &Header,
    pairs: &[Pair],
) -> Vec<(Event, Option<Names>)> {
    let genes = Genes::of(&record, header);
    let samples = columns.get(FIXED_COLUMNS..).unwrap_or_default();
    let format = Format::new(samples.first().copied().unwrap_or_default());
    let mut events = Vec::new();
    for index in 0..record.alternates.len() {
        let Some((class, ends, length)) = alternate(&record, index) else { continue };
        let mut has_it = |&(_, &pair): &(usize, &Pair)| {
            record.set_pair(samples, format, pair);
            record.is_somatic(index)
        };
        let carriers = pairs.iter().enumerate().filter(&mut has_it).map(|(place, _)| place);
        let event = Event {
            class,
            ends,
            length,
            carriers: carriers.collect(),
            genes: [genes.symbols.clone(), BTreeSet::new()],
            fusions: genes.fusions.clone(),
            passes: record.passes(),
        };
        let names = is_breakend(record.alternates[index])
            .then(|| names(&record, columns.get(2).copied().unwrap_or_default(), index));
        events.push((event, names));
    }
    events
}

/// What a record says of genes.
struct Genes {
    symbols: BTreeSet<String>,
    fusions: Vec<(String, String)>,
}

impl Genes {
    fn of(record: &Record<'_>, header: &Header) -> Self {
        let mut genes = Self { symbols: BTreeSet::new(), fusions: Vec::new() };
        // Callers of fusions from RNA.
        if let (Some(first), Some(second)) = (record.info(b"GENEA"), record.info(b"GENEB")) {
            genes.fusions.push((text(first), text(second)));
            genes.symbols.extend([text(first), text(second)]);
        }
        let annotation = header.annotation.as_ref();
        let value = annotation.and_then(|one| Some((one, record.info(&one.key)?)));
        let Some((annotation, value)) = value else { return genes };
        for (symbol, terms) in annotation.hit_genes(value) {
            let symbol = text(symbol);
            // SnpEff names both genes of a fusion in one cell.
            let fused = pair(&symbol).filter(|_| terms.windows(6).any(|part| part == b"fusion"));
            if let Some((first, second)) = fused {
                genes.symbols.extend([first.clone(), second.clone()]);
                genes.fusions.push((first, second));
            } else {
                genes.symbols.insert(symbol);
            }
        }
        genes
    }
}

/// Whether an ALT is one side of a break: `t[p[` and its like, `t.` or `.t`.
fn is_breakend(alternate: &[u8]) -> bool {
    !alternate.starts_with(b"<") && alternate.iter().any(|byte| b"[]".contains(byte))
        || is_single(alternate)
}

fn is_single(alternate: &[u8]) -> bool {
    alternate.len() > 1 && (alternate.starts_with(b".") || alternate.ends_with(b"."))
}

fn names(record: &Record<'_>, id: &[u8], index: usize) -> Names {
    let own = |key: &[u8]| {
        let mut values = record.info(key)?.split(|&byte| byte == b',');
        let first = values.clone().next();
        let value = values.nth(index).or(first)?;
        (!matches!(value, b"" | b".")).then(|| value.to_vec())
    };
    Names {
        id: id.to_vec(),
        mate_id: own(b"MATEID").or_else(|| own(b"PARID")),
        group: own(b"EVENT"),
    }
}

type Parts = (Class, [Option<Place>; 2], Option<u64>);

/// The class, ends and length of an ALT; `None` where it is no structural variant.
fn alternate(record: &Record<'_>, index: usize) -> Option<Parts> {
    let alternate = record.alternates[index];
    let chromosome = bare_chromosome(record.chromosome).to_owned();
    let here = Place { chromosome, position: record.position };
    if is_single(alternate) {
        return Some((Class::SingleBreakend, [Some(here), None], None));
    }
    if let Some(symbol) = alternate.strip_prefix(b"<") {
        let symbol = symbol.strip_suffix(b">").unwrap_or(symbol);
        return symbolic(record, symbol, here, index);
    }
    if let Some(adjacency) = Adjacency::of(record.reference, alternate) {
        let class = adjacency.class(&here);
        let is_within = here.chromosome == adjacency.mate.chromosome;
        let length = match class {
            Class::Insertion => Some(adjacency.inserted),
            _ => is_within.then(|| here.position.abs_diff(adjacency.mate.position)),
        };
        return Some((class, [Some(here), Some(adjacency.mate)], length));
    }
    bases(record, alternate, here)
}

/// An ALT given in bases.
fn bases(record: &Record<'_>, alternate: &[u8], here: Place) -> Option<Parts> {
    Kind::of(record.reference, alternate)?;
    let (from, to) = (record.reference.len(), alternate.len());
    let kind = record.info(b"SVTYPE");
    if kind.is_none() && from.abs_diff(to) < MIN_LENGTH {
        return None;
    }
    let class = match kind.and_then(named) {
        Some(class @ (Class::Duplication | Class::Inversion)) => class,
        _ if to > from => Class::Insertion,
        _ if to < from => Class::Deletion,
        _ => return None,
    };
    let length = if class == Class::Inversion { from } else { from.abs_diff(to) } as u64;
    let end = Place { position: here.position.saturating_add(length), ..here.clone() };
    let end = (class != Class::Insertion).then_some(end);
    Some((class, [Some(here), end], Some(length)))
}

/// The class that a symbolic ALT or an `SVTYPE` names; `None` where only the ends can tell it.
fn named(name: &[u8]) -> Option<Class> {
    let starts = |prefix: &str| name.starts_with(prefix.as_bytes());
    match name {
        b"CN0" | b"CN1" => Some(Class::Deletion),
        b"BND" | b"TRA" | b"CTX" | b"ITX" => None,
        _ if starts("DEL") => Some(Class::Deletion),
        _ if starts("DUP") || starts("INVDUP") || starts("TDUP") => Some(Class::Duplication),
        _ if starts("INV") => Some(Class::Inversion),
        _ if starts("INS") => Some(Class::Insertion),
        _ if starts("CN") && name.get(2).is_some_and(u8::is_ascii_digit) => {
            Some(Class::Duplication)
        }
        _ => Some(Class::Other),
    }
}

/// An ALT such as `<DEL>`, with its other end in INFO.
fn symbolic(record: &Record<'_>, symbol: &[u8], here: Place, index: usize) -> Option<Parts> {
    // Symbols of small variants' files, which stand for no event.
    if matches!(symbol, b"*" | b"NON_REF" | b"REF" | b"M") {
        return None;
    }
    let info = |key: &[u8]| record.info(key).and_then(number::<u64>);
    let length = record.info(b"SVLEN").and_then(|lengths| {
        let mut lengths = lengths.split(|&byte| byte == b',');
        let own = lengths.clone().nth(index).or_else(|| lengths.next())?;
        Some(number::<i64>(own)?.unsigned_abs()).filter(|&length| length > 0)
    });
    let chromosome = record
        .info(b"CHR2")
        .map_or_else(|| here.chromosome.clone(), |name| bare_chromosome(&text(name)).to_owned());
    let is_within = chromosome == here.chromosome;
    let position = info(b"POS2").or_else(|| info(b"END"));
    let by_length = || length.filter(|_| is_within).map(|n| here.position.saturating_add(n));
    let there = position.or_else(by_length).map(|position| Place { chromosome, position });
    let class = match named(symbol) {
        _ if !is_within => Class::Translocation,
        Some(Class::Other) => record.info(b"SVTYPE").and_then(named).unwrap_or(Class::Other),
        Some(class) => class,
        None => by_direction(record),
    };
    let span = there.as_ref().filter(|_| is_within);
    let span = span.map(|there| there.position.abs_diff(here.position));
    Some(match class {
        Class::Insertion => (class, [Some(here), None], length),
        _ => (class, [Some(here), there], span.filter(|&span| span > 0).or(length)),
    })
}

/// The class of a break within a chromosome by the directions of its sides: DELLY's `CT`,
/// `STRANDS` of LUMPY and Sniffles.
fn by_direction(record: &Record<'_>) -> Class {
    let strands = record.info(b"STRANDS").map(|strands| strands.get(..2).unwrap_or_default());
    match record.info(b"CT").or(strands) {
        Some(b"3to5" | b"+-") => Class::Deletion,
        Some(b"5to3" | b"-+") => Class::Duplication,
        Some(b"3to3" | b"5to5" | b"++" | b"--") => Class::Inversion,
        _ => Class::Other,
    }
}
