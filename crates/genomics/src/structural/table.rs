//! Tables of structural variants and of fusions, by their column names.

use std::collections::{BTreeMap, BTreeSet};

use super::{Class, Event, Place, StructuralVariants, settings::pair};
use crate::{
    Error,
    columns::Columns,
    lines::{Lines, fields, number, text},
    settings::bare_chromosome,
};

const FORMAT: &str = "a table of structural variants";

/// The columns of BEDPE in their order.
const BEDPE: [&str; 10] =
    ["chrom1", "start1", "end1", "chrom2", "start2", "end2", "name", "score", "strand1", "strand2"];

/// The columns of one end.
#[derive(Clone, Copy, Default)]
struct End {
    chromosome: Option<usize>,
    position: Option<usize>,
    /// Chromosome, position and perhaps the strand in one cell, with colons between.
    joint: Option<usize>,
    gene: Option<usize>,
    strand: Option<usize>,
}

/// Where a table keeps what.
struct Layout {
    columns: usize,
    sample: Option<usize>,
    ends: [End; 2],
    is_zero_based: bool,
    class: Option<usize>,
    length: Option<usize>,
    fusion: Option<usize>,
    status: Option<usize>,
    filter: Option<usize>,
    /// A row for each gene of a fusion: rows of one fusion are one event.
    gene: Option<usize>,
}

pub(super) fn read(mut lines: Lines) -> Result<StructuralVariants, Error> {
    let lines = &mut lines;
    let first = first_row(lines)?;
    let is_place = |place: usize| first.get(place).is_some_and(|cell| number_of(cell).is_some());
    let is_headless = [1, 2, 4, 5].into_iter().all(is_place);
    let names = if is_headless { BEDPE.map(str::to_owned).to_vec() } else { first };
    let layout = Layout::of(&Columns::new(lines, FORMAT, names))?;
    let has_class = layout.class.is_some() || layout.ends[0].strand.is_some();
    let mut found = StructuralVariants {
        tells_classes: has_class && layout.fusion.is_none() && layout.ends[0].joint.is_none(),
        tells_genes: layout.fusion.or(layout.gene).or(layout.ends[0].gene).is_some(),
        only: layout.sample.is_none().then_some(0),
        ..StructuralVariants::default()
    };
    let mut fusions = BTreeMap::new();
    if is_headless {
        layout.add(lines, &mut found, &mut fusions)?;
    }
    while lines.next()?.is_some() {
        if !lines.line().trim_ascii().is_empty() && !lines.line().starts_with(b"#") {
            layout.add(lines, &mut found, &mut fusions)?;
        }
    }
    Ok(found)
}

/// The cells of the first row that is no comment; some programs begin the header with `#`.
fn first_row(lines: &mut Lines) -> Result<Vec<String>, Error> {
    while let Some(line) = lines.next()? {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let bare = line.strip_prefix(b"#").unwrap_or(line);
        let is_header = bare.contains(&b'\t') && !bare.starts_with(b"#");
        if is_header {
            return Ok(fields(bare).map(|cell| text(cell.trim_ascii())).collect());
        }
        if !line.starts_with(b"#") && !line.trim_ascii().is_empty() {
            return Err(lines.too_few_columns(BEDPE.len(), 1));
        }
    }
    Err(Error::Empty { path: lines.path().to_owned(), expected: FORMAT })
}

fn number_of(cell: &str) -> Option<i64> {
    number(cell.as_bytes())
}

impl Layout {
    fn of(columns: &Columns) -> Result<Self, Error> {
        let find = |names: &[&str]| columns.find(names);
        let end = |chromosome, position, joint, gene, strand: &[&str]| End {
            chromosome: find(chromosome),
            position: find(position),
            joint: find(joint),
            gene: find(gene),
            strand: find(strand),
        };
        let ends = [
            end(
                &["chrom1", "Site1_Chromosome", "chr1"],
                &["start1", "Site1_Position"],
                &["LeftBreakpoint", "breakpoint1"],
                &["Site1_Hugo_Symbol", "gene1"],
                &["strand1"],
            ),
            end(
                &["chrom2", "Site2_Chromosome", "chr2"],
                &["start2", "Site2_Position"],
                &["RightBreakpoint", "breakpoint2"],
                &["Site2_Hugo_Symbol", "gene2"],
                &["strand2"],
            ),
        ];
        let fusion = find(&["FusionName", "FusionGene", "Fusion"]);
        if fusion.is_none() && ends[0].chromosome.or(ends[0].joint).or(ends[0].gene).is_none() {
            columns.need(&["chrom1"])?;
        }
        Ok(Self {
            columns: columns.len(),
            sample: find(&["Sample_Id", "Sample", "Tumor_Sample_Barcode", "sample_name"]),
            ends,
            is_zero_based: find(&["start1"]).is_some(),
            class: find(&["Class", "svclass", "svtype", "type"]),
            length: find(&["SV_Length"]),
            fusion,
            status: find(&["SV_Status"]),
            filter: find(&["FILTER"]),
            gene: find(&["Hugo_Symbol"]),
        })
    }

    /// Adds the event of the current row; `fusions` tells those of earlier rows by sample and name.
    fn add(
        &self,
        lines: &Lines,
        found: &mut StructuralVariants,
        fusions: &mut BTreeMap<(usize, String), usize>,
    ) -> Result<(), Error> {
        let row: Vec<&[u8]> = fields(lines.line()).map(<[u8]>::trim_ascii).collect();
        let needed = self.needed();
        if row.len() < needed {
            return Err(lines.too_few_columns(needed, row.len()));
        }
        let cell = |place: Option<usize>| {
            let cell = place.and_then(|place| row.get(place).copied()).unwrap_or_default();
            if matches!(cell, b"." | b"NA") { b"".as_slice() } else { cell }
        };
        if cell(self.status).eq_ignore_ascii_case(b"GERMLINE") {
            return Ok(());
        }
        let next = found.samples.len();
        let sample = match self.sample {
            Some(_) => *found.samples.entry(text(cell(self.sample))).or_insert(next),
            None => 0,
        };
        let name = text(cell(self.fusion));
        let gene = Some(text(cell(self.gene))).filter(|gene| !gene.is_empty());
        let known = fusions.get(&(sample, name.clone())).filter(|_| self.gene.is_some());
        if let (Some(&event), false) = (known, name.is_empty()) {
            found.events[event].genes[0].extend(gene);
            return Ok(());
        }
        fusions.insert((sample, name.clone()), found.events.len());
        let mut event = self.event(&cell, &name, lines)?;
        event.genes[0].extend(gene);
        event.carriers = BTreeSet::from([sample]);
        found.events.push(event);
        Ok(())
    }

    /// The number of columns that a row must have.
    fn needed(&self) -> usize {
        let of_end = |end: End| [end.chromosome, end.position, end.joint, end.gene];
        let places = self.ends.into_iter().flat_map(of_end).chain([self.sample, self.fusion]);
        places.flatten().max().map_or(0, |place| place + 1).min(self.columns)
    }

    fn event<'a>(
        &self,
        cell: &impl Fn(Option<usize>) -> &'a [u8],
        fusion: &str,
        lines: &Lines,
    ) -> Result<Event, Error> {
        let mut ends = [None, None];
        let mut genes = [BTreeSet::new(), BTreeSet::new()];
        for (number, end) in self.ends.iter().enumerate() {
            ends[number] = self.place(end, cell, lines)?;
            // Arriba writes the genes beside a break between genes as `A(1234),B(5678)`.
            let symbol = text(cell(end.gene));
            genes[number].extend(Some(symbol).filter(|symbol| !symbol.is_empty()));
        }
        let fusions: Vec<(String, String)> =
            pair(fusion.split_whitespace().next().unwrap_or_default()).into_iter().collect();
        for (first, second) in &fusions {
            genes[0].insert(first.clone());
            genes[1].insert(second.clone());
        }
        let strands = self.ends.map(|end| cell(end.strand));
        let class = class(cell(self.class), &ends, strands);
        let span = match &ends {
            [Some(first), Some(second)] if first.chromosome == second.chromosome => {
                Some(first.position.abs_diff(second.position))
            }
            _ => None,
        };
        let given = number::<i64>(cell(self.length)).map(i64::unsigned_abs);
        let passes = matches!(cell(self.filter), b"" | b"PASS");
        let length = if class == Class::Insertion { given } else { span.or(given) };
        Ok(Event { class, ends, length, genes, fusions, passes, carriers: BTreeSet::new() })
    }

    fn place<'a>(
        &self,
        end: &End,
        cell: &impl Fn(Option<usize>) -> &'a [u8],
        lines: &Lines,
    ) -> Result<Option<Place>, Error> {
        let joint = text(cell(end.joint));
        let mut parts = joint.split(':');
        let (chromosome, position) = match (parts.next(), parts.next()) {
            (Some(chromosome), Some(position)) => (chromosome.to_owned(), position.to_owned()),
            _ => (text(cell(end.chromosome)), text(cell(end.position))),
        };
        if chromosome.is_empty() || position.is_empty() || position == "-1" {
            return Ok(None);
        }
        let position = number::<u64>(position.as_bytes()).ok_or_else(|| {
            let expected = "a whole number as each end's position";
            lines.fault(expected, "something else", "correct the row")
        })?;
        let position = position.saturating_add(u64::from(self.is_zero_based));
        Ok(Some(Place { chromosome: bare_chromosome(&chromosome).to_owned(), position }))
    }
}

/// The class of an event by its name, else by its ends and their strands, which BEDPE gives as the
/// side of the break that stays: `+` the bases before it.
fn class(name: &[u8], ends: &[Option<Place>; 2], strands: [&[u8]; 2]) -> Class {
    let (first, second) = match ends {
        [Some(first), Some(second)] => (first, second),
        [None, None] => return named(name).unwrap_or(Class::Other),
        _ => return named(name).unwrap_or(Class::SingleBreakend),
    };
    if first.chromosome != second.chromosome {
        return Class::Translocation;
    }
    if let Some(class) = named(name) {
        return class;
    }
    let is_first = first.position <= second.position;
    match strands {
        [b"+", b"+"] | [b"-", b"-"] => Class::Inversion,
        [b"+", b"-"] if is_first => Class::Deletion,
        [b"-", b"+"] if !is_first => Class::Deletion,
        [b"+", b"-"] | [b"-", b"+"] => Class::Duplication,
        _ => Class::Other,
    }
}

/// The class that a word stands for, in cBioPortal's, PCAWG's and Arriba's words.
fn named(name: &[u8]) -> Option<Class> {
    let name = name.to_ascii_lowercase();
    let starts = |words: &[&str]| words.iter().any(|word| name.starts_with(word.as_bytes()));
    if starts(&["del"]) {
        Some(Class::Deletion)
    } else if starts(&["dup", "tandem"]) {
        Some(Class::Duplication)
    } else if starts(&["inv", "h2hinv", "t2tinv"]) {
        Some(Class::Inversion)
    } else if starts(&["ins"]) {
        Some(Class::Insertion)
    } else if starts(&["tra"]) {
        Some(Class::Translocation)
    } else {
        None
    }
}
