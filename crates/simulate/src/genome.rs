//! The calls of one tumor and normal pair: drivers, passengers, silent and filtered calls, and
//! copy number changes.

use std::collections::HashSet;

use rand::RngExt;
use rand::rngs::ChaCha12Rng;

use crate::genes::{CONTIGS, DRIVERS, Driver, GENES, Gene, Hotspot, passengers};
use crate::random::choose;
use crate::truth::Genome;

/// One line of a VCF before it is text.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) gene: &'static Gene,
    pub(crate) position: u32,
    pub(crate) reference: String,
    pub(crate) alleles: Vec<Allele>,
    pub(crate) filter: Filter,
}

/// One alternate allele and what it does to the gene's MANE transcript.
#[derive(Clone, Debug)]
pub(crate) struct Allele {
    pub(crate) bases: String,
    pub(crate) consequence: &'static str,
    /// HGVS, known for hot spots alone.
    pub(crate) protein: &'static str,
}

/// Why a call is not to be believed; the names are Mutect2's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    Pass,
    WeakEvidence,
    PanelOfNormals,
    Germline,
    BaseQuality,
}

/// A lost or gained stretch of one chromosome, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Segment {
    pub(crate) contig: usize,
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) copies: u32,
}

/// All calls and segments of one patient, in no order.
pub(crate) fn draw_calls(random: &mut ChaCha12Rng, genome: &Genome) -> (Vec<Call>, Vec<Segment>) {
    let mut draw = Draw { random, taken: HashSet::new(), calls: Vec::new() };
    draw.drivers(genome);
    while draw.calls.len() < genome.nonsynonymous {
        let gene = draw.passenger();
        draw.damaging(gene, Filter::Pass);
    }
    draw.silent(genome);
    draw.filtered(genome);
    let calls = draw.calls;
    (calls, draw_segments(random))
}

struct Draw<'a> {
    random: &'a mut ChaCha12Rng,
    /// Contig and position of each call: no two share a place.
    taken: HashSet<(usize, u32)>,
    calls: Vec<Call>,
}

impl Draw<'_> {
    /// Each mutated driver is hit once, and now and then a second time elsewhere.
    fn drivers(&mut self, genome: &Genome) {
        for &driver in &genome.drivers {
            self.hit(driver, Filter::Pass);
            if self.random.random_bool(0.1) {
                self.damaging(driver.gene(), Filter::Pass);
            }
        }
    }

    fn hit(&mut self, driver: Driver, filter: Filter) {
        let hotspots = driver.hotspots();
        if hotspots.is_empty() || (driver == Driver::Tp53 && self.random.random_bool(0.4)) {
            return self.damaging(driver.gene(), filter);
        }
        let spot = &hotspots[self.random.random_range(0..hotspots.len())];
        if !self.taken.insert((driver.gene().contig, spot.position)) {
            return self.damaging(driver.gene(), filter);
        }
        let allele = Allele {
            bases: spot.alternate.to_owned(),
            consequence: spot.consequence,
            protein: spot.protein,
        };
        let Hotspot { position, reference, .. } = *spot;
        self.push(driver.gene(), position, (reference.to_owned(), allele), filter);
    }

    /// A nonsynonymous variant somewhere in the gene: mostly missense, some stops and frame shifts.
    fn damaging(&mut self, gene: &'static Gene, filter: Filter) {
        let consequence = [
            "missense_variant",
            "stop_gained",
            "splice_donor_variant",
            "frameshift_variant",
            "inframe_deletion",
        ][choose(self.random, &[0.78, 0.07, 0.03, 0.1, 0.02])];
        let (reference, bases) = match consequence {
            "frameshift_variant" if self.random.random_bool(0.5) => {
                let reference = self.bases(1);
                let inserted = self.bases(1);
                (reference.clone(), reference + &inserted)
            }
            "frameshift_variant" => self.deletion(2),
            "inframe_deletion" => self.deletion(3),
            _ => self.substitution(),
        };
        self.place(gene, (reference, bases, consequence), filter);
    }

    /// Synonymous and noncoding calls that pass, some of them in drivers that are not mutated.
    fn silent(&mut self, genome: &Genome) {
        for driver in DRIVERS {
            if self.random.random_bool(0.06) {
                self.harmless(driver.gene(), "synonymous_variant", Filter::Pass);
            }
        }
        for _ in 0..genome.nonsynonymous / 3 {
            let gene = self.passenger();
            self.harmless(gene, "synonymous_variant", Filter::Pass);
        }
        for _ in 0..genome.nonsynonymous / 4 {
            let gene = self.passenger();
            let consequence = ["intron_variant", "3_prime_UTR_variant", "5_prime_UTR_variant"]
                [choose(self.random, &[0.6, 0.3, 0.1])];
            self.harmless(gene, consequence, Filter::Pass);
        }
    }

    /// Calls to be ignored. A fifth of the drivers that are not mutated have one, so whoever
    /// ignores FILTER loses signal.
    fn filtered(&mut self, genome: &Genome) {
        let filters =
            [Filter::WeakEvidence, Filter::PanelOfNormals, Filter::Germline, Filter::BaseQuality];
        for driver in DRIVERS {
            if !genome.has(driver) && self.random.random_bool(0.2) {
                let filter = filters[choose(self.random, &[0.6, 0.1, 0.2, 0.1])];
                self.hit(driver, filter);
            }
        }
        // The number does not depend on the burden: counting these blurs it.
        for _ in 0..self.random.random_range(20..60) {
            let filter = filters[choose(self.random, &[0.35, 0.25, 0.3, 0.1])];
            let gene = self.passenger();
            if self.random.random_bool(0.6) {
                self.damaging(gene, filter);
            } else {
                self.harmless(gene, "synonymous_variant", filter);
            }
        }
    }

    fn harmless(&mut self, gene: &'static Gene, consequence: &'static str, filter: Filter) {
        let (reference, bases) = self.substitution();
        self.place(gene, (reference, bases, consequence), filter);
    }

    fn place(
        &mut self,
        gene: &'static Gene,
        change: (String, String, &'static str),
        filter: Filter,
    ) {
        let (reference, bases, consequence) = change;
        let position = loop {
            let position = self.random.random_range(gene.start + 50..gene.end - 50);
            if self.taken.insert((gene.contig, position)) {
                break position;
            }
        };
        let allele = Allele { bases, consequence, protein: "" };
        self.push(gene, position, (reference, allele), filter);
    }

    /// One substitution in sixteen has a second, synonymous allele, before or behind the first.
    fn push(
        &mut self,
        gene: &'static Gene,
        position: u32,
        change: (String, Allele),
        filter: Filter,
    ) {
        let (reference, allele) = change;
        let mut alleles = vec![allele];
        let substitution = reference.len() == 1 && alleles[0].bases.len() == 1;
        if substitution && filter == Filter::Pass && self.random.random_bool(1.0 / 16.0) {
            let bases = ["A", "C", "G", "T"]
                .into_iter()
                .find(|&base| base != reference && base != alleles[0].bases)
                .expect("two of four bases are left")
                .to_owned();
            let second = Allele { bases, consequence: "synonymous_variant", protein: "" };
            alleles.insert(self.random.random_range(0..=1), second);
        }
        self.calls.push(Call { gene, position, reference, alleles, filter });
    }

    fn passenger(&mut self) -> &'static Gene {
        let genes = passengers();
        &genes[self.random.random_range(0..genes.len())]
    }

    fn bases(&mut self, count: usize) -> String {
        (0..count).map(|_| ['A', 'C', 'G', 'T'][self.random.random_range(0..4)]).collect()
    }

    fn substitution(&mut self) -> (String, String) {
        let reference = self.random.random_range(0..4);
        let alternate = (reference + self.random.random_range(1..4)) % 4;
        let bases = ["A", "C", "G", "T"];
        (bases[reference].to_owned(), bases[alternate].to_owned())
    }

    fn deletion(&mut self, length: usize) -> (String, String) {
        let reference = self.bases(length + 1);
        let anchor = reference[..1].to_owned();
        (reference, anchor)
    }
}

/// Three to ten segments of 1 to 40 megabases, at most one on each of chromosomes 1 to 22.
fn draw_segments(random: &mut ChaCha12Rng) -> Vec<Segment> {
    let mut contigs: Vec<usize> = (0..22).collect();
    (0..random.random_range(3..=10))
        .map(|_| {
            let contig = contigs.swap_remove(random.random_range(0..contigs.len()));
            let length = random.random_range(1_000_000..40_000_000);
            let start = random.random_range(10_001..CONTIGS[contig].1 - length);
            let copies = [0, 1, 3, 4, 6][choose(random, &[0.08, 0.47, 0.25, 0.12, 0.08])];
            Segment { contig, start, end: start + length - 1, copies }
        })
        .collect()
}

/// Ensembl's rating of a consequence.
pub(crate) fn impact(consequence: &str) -> &'static str {
    match consequence {
        "stop_gained" | "frameshift_variant" | "splice_donor_variant" => "HIGH",
        "missense_variant" | "inframe_deletion" => "MODERATE",
        "synonymous_variant" => "LOW",
        _ => "MODIFIER",
    }
}

/// The number that names a gene's place in [`GENES`].
pub(crate) fn gene_index(gene: &Gene) -> usize {
    GENES.iter().position(|other| other == gene).expect("every gene stands in the table")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};
    use crate::truth::draw_patient;

    #[test]
    fn calls_show_the_truth_and_filtered_calls_would_blur_it() {
        let mut decoys = 0;
        for index in 0..200 {
            let genome = draw_patient(3, index).genome;
            let (calls, segments) = draw_calls(&mut stream(3, index, Purpose::Genome), &genome);
            assert_eq!(mutated(&calls, true), genome.drivers, "patient {index}");
            let nonsynonymous = calls
                .iter()
                .filter(|call| call.filter == Filter::Pass)
                .flat_map(|call| &call.alleles)
                .filter(|allele| is_nonsynonymous(allele.consequence))
                .count();
            assert_eq!(nonsynonymous, genome.nonsynonymous, "patient {index}");
            decoys += mutated(&calls, false).len() - genome.drivers.len();
            assert!((3..=10).contains(&segments.len()));
        }
        assert!(decoys > 100, "{decoys} drivers hit in filtered calls alone");
    }

    #[test]
    fn calls_change_something_and_stand_apart() {
        let genome = draw_patient(3, 0).genome;
        let (calls, _) = draw_calls(&mut stream(3, 0, Purpose::Genome), &genome);
        let mut places: Vec<(usize, u32)> =
            calls.iter().map(|call| (call.gene.contig, call.position)).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), calls.len());
        for call in &calls {
            assert!((call.gene.start..=call.gene.end).contains(&call.position), "{call:?}");
            assert!(call.alleles.iter().all(|allele| allele.bases != call.reference), "{call:?}");
        }
    }

    #[test]
    fn segments_lie_within_their_chromosomes() {
        for index in 0..200 {
            for segment in draw_segments(&mut stream(5, index, Purpose::Genome)) {
                assert!(segment.start > 1 && segment.start < segment.end);
                assert!(segment.end <= CONTIGS[segment.contig].1);
                assert_ne!(segment.copies, 2);
            }
        }
    }

    fn mutated(calls: &[Call], passing_only: bool) -> Vec<Driver> {
        let hit = |driver: Driver| {
            calls.iter().any(|call| {
                call.gene == driver.gene()
                    && (!passing_only || call.filter == Filter::Pass)
                    && call.alleles.iter().any(|allele| is_nonsynonymous(allele.consequence))
            })
        };
        DRIVERS.into_iter().filter(|&driver| hit(driver)).collect()
    }

    fn is_nonsynonymous(consequence: &str) -> bool {
        matches!(impact(consequence), "HIGH" | "MODERATE")
    }
}
