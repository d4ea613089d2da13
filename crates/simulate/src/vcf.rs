use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use noodles::bgzf;
use noodles::core::Position;
use noodles::csi::binning_index::index::Header;
use noodles::csi::binning_index::index::reference_sequence::bin::Chunk;
use noodles::tabix;
use rand::RngExt;
use rand::rngs::ChaCha12Rng;

use crate::error::Error;
use crate::genes::{CONTIGS, Gene};
use crate::genome::{Allele, Call, Filter, Segment, draw_calls, gene_index, impact};
use crate::random::{self, Purpose};
use crate::truth::Patient;

/// The subfields of CSQ, in VEP's order and words.
const CSQ_FORMAT: &str = "Allele|Consequence|IMPACT|SYMBOL|Gene|Feature_type|Feature|BIOTYPE|EXON|\
INTRON|HGVSc|HGVSp|cDNA_position|CDS_position|Protein_position|Amino_acids|Codons|\
Existing_variation|DISTANCE|STRAND|FLAGS|VARIANT_CLASS|SYMBOL_SOURCE|HGNC_ID|CANONICAL|MANE_SELECT";

const META: &str = "##fileformat=VCFv4.2
##source=oncoweave-simulate
##reference=GRCh38
##FILTER=<ID=PASS,Description=\"All filters passed\">
##FILTER=<ID=base_qual,Description=\"Alternate allele median base quality\">
##FILTER=<ID=germline,Description=\"Evidence indicates this site is germline, not somatic\">
##FILTER=<ID=panel_of_normals,Description=\"Blacklisted site in panel of normals\">
##FILTER=<ID=weak_evidence,Description=\"Mutation does not meet likelihood threshold\">
##ALT=<ID=DEL,Description=\"Copy number loss\">
##ALT=<ID=DUP,Description=\"Copy number gain\">
##INFO=<ID=DP,Number=1,Type=Integer,Description=\"Approximate read depth over both samples\">
##INFO=<ID=TLOD,Number=A,Type=Float,Description=\"Log 10 odds that the allele exists\">
##INFO=<ID=SVTYPE,Number=1,Type=String,Description=\"Type of structural variant\">
##INFO=<ID=SVLEN,Number=.,Type=Integer,Description=\"Difference in length between REF and ALT\">
##INFO=<ID=END,Number=1,Type=Integer,Description=\"Last position of the segment\">
##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype\">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description=\"Reads of each allele, reference first\">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description=\"Approximate read depth\">
##FORMAT=<ID=AF,Number=A,Type=Float,Description=\"Allele fractions of alternate alleles\">
##FORMAT=<ID=CN,Number=1,Type=Integer,Description=\"Copy number of the segment\">
##normal_sample=NORMAL
##tumor_sample=TUMOR
";

/// Writes a patient's calls, bgzipped, with a tabix index beside. Returns the megabases with an
/// abnormal copy number.
pub(crate) fn write_genome(
    path: &Path,
    (seed, index): (u64, usize),
    patient: &Patient,
) -> Result<f64, Error> {
    let mut random = random::stream(seed, index, Purpose::Genome);
    let (calls, segments) = draw_calls(&mut random, &patient.genome);
    let mut lines: Vec<Line> = calls.iter().map(|call| call_line(&mut random, call)).collect();
    lines.extend(segments.iter().map(segment_line));
    lines.sort_by_key(|line| (line.contig, line.start));
    compress(path, &lines)?;
    let bases: u32 = segments.iter().map(|segment| segment.end - segment.start + 1).sum();
    Ok(f64::from(bases) / 1e6)
}

/// A record's text and place; positions count from 1, both ends included.
struct Line {
    contig: usize,
    start: u32,
    end: u32,
    text: String,
}

fn compress(path: &Path, lines: &[Line]) -> Result<(), Error> {
    let mut header = META.to_owned();
    let _ = writeln!(
        header,
        "##INFO=<ID=CSQ,Number=.,Type=String,Description=\"Consequence annotations from Ensembl \
         VEP. Format: {CSQ_FORMAT}\">"
    );
    for (name, length) in CONTIGS {
        let _ = writeln!(header, "##contig=<ID={name},length={length},assembly=GRCh38>");
    }
    header.push_str("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNORMAL\tTUMOR\n");

    let mut writer = bgzf::io::Writer::new(fs_err::File::create(path)?);
    writer.write_all(header.as_bytes())?;
    let mut indexer = tabix::index::Indexer::default();
    indexer.set_header(vcf_index_header());
    for line in lines {
        let begin = writer.virtual_position();
        writer.write_all(line.text.as_bytes())?;
        let chunk = Chunk::new(begin, writer.virtual_position());
        let position = |base: u32| Position::new(base as usize).expect("positions count from 1");
        let (start, end) = (position(line.start), position(line.end));
        indexer.add_record(CONTIGS[line.contig].0, start, end, chunk)?;
    }
    writer.finish()?;
    let mut index_path = path.as_os_str().to_owned();
    index_path.push(".tbi");
    let index_file = fs_err::File::create(Path::new(&index_path))?;
    let mut index_writer = tabix::io::Writer::new(index_file);
    index_writer.write_index(&indexer.build())?;
    Ok(())
}

/// How tabix reads VCF: the preset that names columns 1 and 2.
fn vcf_index_header() -> Header {
    noodles::csi::binning_index::index::header::Builder::vcf().build()
}

fn call_line(random: &mut ChaCha12Rng, call: &Call) -> Line {
    let samples = Samples::draw(random, call);
    let transcripts: Vec<String> =
        call.alleles.iter().flat_map(|allele| annotate(random, call, allele)).collect();
    let alternates: Vec<&str> = call.alleles.iter().map(|allele| allele.bases.as_str()).collect();
    let odds: Vec<String> = samples
        .tumor
        .iter()
        .skip(1)
        .map(|&reads| format!("{:.2}", f64::from(reads) * 1.9 + 0.5))
        .collect();
    let text = format!(
        "{}\t{}\t.\t{}\t{}\t.\t{}\tDP={};TLOD={};CSQ={}\tGT:AD:DP:AF\t{}\t{}\n",
        CONTIGS[call.gene.contig].0,
        call.position,
        call.reference,
        alternates.join(","),
        filter_name(call.filter),
        samples.normal.iter().chain(&samples.tumor).sum::<u32>(),
        odds.join(","),
        transcripts.join(","),
        sample_text(&samples.normal, samples.normal_genotype),
        sample_text(&samples.tumor, if call.alleles.len() == 2 { "0/1/2" } else { "0/1" }),
    );
    let length = u32::try_from(call.reference.len()).expect("alleles are short");
    Line { contig: call.gene.contig, start: call.position, end: call.position + length - 1, text }
}

fn filter_name(filter: Filter) -> &'static str {
    match filter {
        Filter::Pass => "PASS",
        Filter::WeakEvidence => "weak_evidence",
        Filter::PanelOfNormals => "panel_of_normals",
        Filter::Germline => "germline",
        Filter::BaseQuality => "base_qual",
    }
}

/// Reads of each allele in both samples, the reference allele first.
struct Samples {
    normal: Vec<u32>,
    normal_genotype: &'static str,
    tumor: Vec<u32>,
}

impl Samples {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 200 reads")]
    fn draw(random: &mut ChaCha12Rng, call: &Call) -> Self {
        let depth: u32 = random.random_range(60..180);
        let fraction = match call.filter {
            Filter::Pass => random.random_range(0.1..0.5),
            Filter::Germline => random.random_range(0.42..0.58),
            _ => random.random_range(0.02..0.06),
        };
        let reads = ((f64::from(depth) * fraction).round() as u32).max(2);
        let mut tumor = vec![depth - reads, reads];
        if call.alleles.len() == 2 {
            tumor[0] -= 4;
            tumor.push(4);
        }
        let normal_depth: u32 = random.random_range(40..100);
        let germline = call.filter == Filter::Germline;
        let normal_reads = if germline { normal_depth / 2 } else { 0 };
        let mut normal = vec![0; tumor.len()];
        normal[0] = normal_depth - normal_reads;
        normal[1] = normal_reads;
        let normal_genotype = if germline { "0/1" } else { "0/0" };
        Self { normal, normal_genotype, tumor }
    }
}

fn sample_text(reads: &[u32], genotype: &str) -> String {
    let depth: u32 = reads.iter().sum();
    let fractions: Vec<String> = reads[1..]
        .iter()
        .map(|&count| format!("{:.3}", f64::from(count) / f64::from(depth)))
        .collect();
    let counts: Vec<String> = reads.iter().map(u32::to_string).collect();
    format!("{genotype}:{}:{depth}:{}", counts.join(","), fractions.join(","))
}

/// The allele's effect on the MANE transcript and one to three others, in no order: VEP's first
/// is not its most important.
fn annotate(random: &mut ChaCha12Rng, call: &Call, allele: &Allele) -> Vec<String> {
    let gene = call.gene;
    let number = gene.ensembl;
    let (mane, refseq) = mane_transcript(gene);
    let codon = random.random_range(20..1500).to_string();
    let mut entries = vec![
        Transcript {
            consequence: allele.consequence,
            gene,
            feature: mane,
            biotype: "protein_coding",
            codon: codon.clone(),
            mane: Some(refseq),
        }
        .text(call, allele),
    ];
    if random.random_bool(0.7) {
        let feature = format!("ENST9{number:09}2.1");
        let biotype = "protein_coding";
        let consequence = allele.consequence;
        let other = Transcript { consequence, gene, feature, biotype, codon, mane: None };
        entries.push(other.text(call, allele));
    }
    if random.random_bool(0.5) {
        let feature = format!("ENST9{number:09}3.1");
        let (consequence, biotype) = ("non_coding_transcript_exon_variant", "retained_intron");
        let codon = String::new();
        let other = Transcript { consequence, gene, feature, biotype, codon, mane: None };
        entries.push(other.text(call, allele));
    }
    if entries.len() == 1 || random.random_bool(0.3) {
        entries.push(neighbor(call, allele));
    }
    let first = random.random_range(0..entries.len());
    entries.rotate_left(first);
    entries
}

/// The real MANE Select pair of a driver; passengers get an invented one, of a range of numbers
/// that Ensembl and `RefSeq` do not use.
fn mane_transcript(gene: &Gene) -> (String, String) {
    if let Some((ensembl, refseq)) = gene.mane {
        return (ensembl.to_owned(), refseq.to_owned());
    }
    let number = gene.ensembl;
    (format!("ENST9{number:09}1.1"), format!("NM_99{:04}.1", gene_index(gene)))
}

struct Transcript {
    consequence: &'static str,
    gene: &'static Gene,
    feature: String,
    biotype: &'static str,
    codon: String,
    mane: Option<String>,
}

impl Transcript {
    fn text(&self, call: &Call, allele: &Allele) -> String {
        let Self { consequence, gene, feature, biotype, codon, mane } = self;
        let protein = match allele.protein {
            "" => String::new(),
            change => format!("ENSP{:011}.1:{change}", gene.ensembl),
        };
        let coding = impact(consequence) != "MODIFIER" && *consequence != "splice_donor_variant";
        let (protein, codon) = if coding { (protein.as_str(), codon.as_str()) } else { ("", "") };
        let (canonical, mane) = mane.as_ref().map_or(("", ""), |mane| ("YES", mane.as_str()));
        format!(
            "{}|{consequence}|{}|{}|ENSG{:011}|Transcript|{feature}|{biotype}||||{protein}|||\
             {codon}||||||1||{}|HGNC||{canonical}|{mane}",
            vep_allele(call, allele),
            impact(consequence),
            gene.symbol,
            gene.ensembl,
            variant_class(call, allele),
        )
    }
}

/// A noncoding neighbor without a symbol.
fn neighbor(call: &Call, allele: &Allele) -> String {
    let number = gene_index(call.gene);
    format!(
        "{}|upstream_gene_variant|MODIFIER||ENSG90000{number:06}|Transcript|ENST90000{number:06}.1|\
         lncRNA||||||||||||{}|-1||{}||||",
        vep_allele(call, allele),
        500 + call.position % 4000,
        variant_class(call, allele),
    )
}

/// The allele as VEP names it: without the base that VCF puts before insertions and deletions.
fn vep_allele<'a>(call: &Call, allele: &'a Allele) -> &'a str {
    if call.reference.len() == allele.bases.len() {
        return &allele.bases;
    }
    if allele.bases.len() == 1 { "-" } else { &allele.bases[1..] }
}

fn variant_class(call: &Call, allele: &Allele) -> &'static str {
    match call.reference.len().cmp(&allele.bases.len()) {
        std::cmp::Ordering::Equal => "SNV",
        std::cmp::Ordering::Less => "insertion",
        std::cmp::Ordering::Greater => "deletion",
    }
}

fn segment_line(segment: &Segment) -> Line {
    let Segment { contig, start, end, copies } = *segment;
    let length = end - start + 1;
    let (kind, sign) = if copies < 2 { ("DEL", "-") } else { ("DUP", "") };
    // A symbolic allele stands on the base before the segment (VCF 4.2, 1.4.1 POS).
    let before = start - 1;
    let text = format!(
        "{}\t{before}\t.\tN\t<{kind}>\t.\tPASS\tSVTYPE={kind};SVLEN={sign}{length};END={end}\t\
         GT:CN\t0/0:2\t0/1:{copies}\n",
        CONTIGS[contig].0,
    );
    Line { contig, start: before, end, text }
}
