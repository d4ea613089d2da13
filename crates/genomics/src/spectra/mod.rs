//! Spectra of mutations: how many there are of each kind in its sequence context.

mod dbs78;
mod id83;
mod repeats;
pub(crate) mod sbs96;

use oncoweave_core::Feature;
use serde::{Deserialize, Serialize};

use crate::{
    Error, VariantResources, VariantSettings, exposures, reference::ReferenceReader,
    small_variant::SmallVariant, tally::denominator,
};
use repeats::{Placed, place};

/// Reads the bases of a chromosome from the first to the last place, both counted from 1 and
/// included, in upper case and cut where the chromosome ends; `None` for a chromosome that the
/// reference genome lacks.
pub(crate) type Bases<'a> = dyn FnMut(&str, u64, u64) -> Result<Option<Vec<u8>>, Error> + 'a;

/// More variants than this share whose reference base is another one: it is another genome.
const TOLERATED_MISMATCHES: f64 = 0.1;

/// A spectrum of mutations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spectrum {
    /// Single base substitutions with the base on either side: 96 channels.
    Sbs96,
    /// Substitutions of two bases beside each other: 78 channels.
    Dbs78,
    /// Small insertions and deletions by length, repeats and microhomology: 83 channels.
    Id83,
}

/// What is known of one tumor's variants.
pub(crate) struct Tumor {
    /// `None` where the file does not give places and alleles.
    pub(crate) variants: Option<Vec<SmallVariant>>,
    /// What counts per megabase are divided by.
    pub(crate) megabases: Option<f64>,
}

/// The spectra, exposures and counts in repeats that the settings ask for.
pub(crate) fn features(
    tumor: Tumor,
    settings: &VariantSettings,
    resources: &VariantResources,
) -> Result<Vec<Feature>, Error> {
    if !settings.needs_bases() {
        return Ok(Vec::new());
    }
    let counts = match (tumor.variants, &resources.reference) {
        (Some(variants), Some(reference)) => {
            let mut reader = reference.reader()?;
            let mut bases = |chromosome: &str, start: u64, end: u64| {
                read_bases(&mut reader, chromosome, start, end)
            };
            Counts::new(variants, Some(&mut bases))?
        }
        (Some(variants), None) => Counts::new(variants, None)?,
        (None, _) => Counts::default(),
    };
    let mut features = Vec::new();
    for spectrum in &settings.spectra {
        features.extend(counts.spectrum(*spectrum));
    }
    features.extend(counts.exposures(settings, resources));
    if settings.microsatellites {
        features.extend(counts.microsatellites(tumor.megabases, denominator(settings)));
    }
    Ok(features)
}

/// The bases of a stretch of the reference genome.
fn read_bases(
    reader: &mut ReferenceReader<'_>,
    chromosome: &str,
    start: u64,
    end: u64,
) -> Result<Option<Vec<u8>>, Error> {
    if !reader.has(chromosome) {
        return Ok(None);
    }
    let mut bases = Vec::new();
    for position in start..=end {
        let Some(base) = reader.base(chromosome, position)? else { break };
        bases.push(base);
    }
    Ok(Some(bases))
}

/// One tumor's counts; those that cannot be told are `None`.
#[derive(Default)]
struct Counts {
    sbs96: Option<Vec<u64>>,
    dbs78: Option<Vec<u64>>,
    id83: Option<Vec<u64>>,
    repeats: Option<repeats::Counts>,
}

impl Counts {
    fn new(mut variants: Vec<SmallVariant>, bases: Option<&mut Bases<'_>>) -> Result<Self, Error> {
        variants.sort_unstable();
        variants.dedup_by(|one, other| {
            (&one.chromosome, one.position) == (&other.chromosome, other.position)
                && (&one.reference, &one.alternate) == (&other.reference, &other.alternate)
        });
        let substitutions = substitutions(&variants);
        let dbs78 = Some(dbs78::count(&substitutions));
        let Some(bases) = bases else {
            return Ok(Self { sbs96: sbs96::count(&substitutions), dbs78, ..Self::default() });
        };
        let sbs96 = Some(sbs96::count_in_genome(&substitutions, bases)?);
        let mut indels: Vec<Placed> = Vec::new();
        for variant in &variants {
            indels.extend(place(variant, bases)?);
        }
        Ok(Self {
            sbs96,
            dbs78,
            id83: Some(id83::count(&indels)),
            repeats: Some(repeats::Counts::new(&indels)),
        })
    }

    fn spectrum(&self, spectrum: Spectrum) -> Vec<Feature> {
        let (prefix, what, channels, counts) = match spectrum {
            Spectrum::Sbs96 => ("sbs96", sbs96::MEANING, sbs96::channels(), &self.sbs96),
            Spectrum::Dbs78 => ("dbs78", dbs78::MEANING, dbs78::channels(), &self.dbs78),
            Spectrum::Id83 => ("id83", id83::MEANING, id83::channels(), &self.id83),
        };
        let features = channels.iter().enumerate().map(|(place, channel)| {
            let count = counts.as_ref().map(|counts| counts[place] as f64);
            let meaning = format!("{what} {channel}");
            Feature::new(&format!("{prefix}_{channel}"), "variants", &meaning, count)
                .with_standard(STANDARD)
        });
        features.collect()
    }

    fn exposures(&self, settings: &VariantSettings, resources: &VariantResources) -> Vec<Feature> {
        let Some(matrix) = &resources.signatures else { return Vec::new() };
        let spectrum: Option<Vec<f64>> =
            self.sbs96.as_ref().map(|counts| counts.iter().map(|&count| count as f64).collect());
        let found = spectrum
            .as_ref()
            .and_then(|spectrum| exposures(spectrum, matrix, settings.signature_method));
        // A tumor without substitutions has none of any signature.
        let is_empty = spectrum.is_some_and(|spectrum| spectrum.iter().sum::<f64>() <= 0.0);
        let standard = settings.signature_method.standard();
        let mut features = Vec::new();
        for (place, signature) in matrix.signatures().iter().enumerate() {
            let mutations =
                found.as_ref().map(|found| found.mutations[place]).or(is_empty.then_some(0.0));
            let meaning = format!("substitutions of one base that signature {signature} explains");
            let name = format!("signature_{signature}");
            features
                .push(Feature::new(&name, "variants", &meaning, mutations).with_standard(standard));
        }
        features.push(
            Feature::new(
                "signature_cosine_similarity",
                "",
                "cosine similarity of the tumor's SBS96 spectrum and its reconstruction from the \
                 exposures, 1 where they are the same",
                found.map(|found| found.cosine_similarity),
            )
            .with_standard(standard),
        );
        features
    }

    fn microsatellites(&self, megabases: Option<f64>, denominator: Option<String>) -> Vec<Feature> {
        let counts = self.repeats.as_ref();
        let count = |name, meaning, count: fn(&repeats::Counts) -> u64| {
            Feature::new(name, "variants", meaning, counts.map(|counts| count(counts) as f64))
                .with_standard(repeats::STANDARD)
        };
        let in_repeats = |counts: &repeats::Counts| counts.homopolymer + counts.microsatellite;
        let mut features = vec![
            count("homopolymer_indel_count", repeats::HOMOPOLYMER, |counts| counts.homopolymer),
            count("microsatellite_indel_count", repeats::MICROSATELLITE, |counts| {
                counts.microsatellite
            }),
            Feature::new(
                "repeat_indel_fraction",
                "",
                "share of insertions and deletions that lie in homopolymers or microsatellites",
                counts
                    .filter(|counts| counts.indels > 0)
                    .map(|counts| in_repeats(counts) as f64 / counts.indels as f64),
            )
            .with_standard(repeats::STANDARD),
        ];
        if let Some(denominator) = denominator {
            let burden = counts
                .zip(megabases)
                .map(|(counts, megabases)| in_repeats(counts) as f64 / megabases);
            let meaning = format!(
                "insertions and deletions in homopolymers and microsatellites per megabase, over \
                 {denominator}"
            );
            features.push(
                Feature::new("repeat_indel_burden", "1/Mb", &meaning, burden)
                    .with_standard(repeats::STANDARD),
            );
        }
        features
    }
}

const STANDARD: &str = "channels as COSMIC names them; rules of SigProfilerMatrixGenerator \
                        (Bergstrom et al. 2019, BMC Genomics 20:685)";

/// The substitutions of one base, in the order of the chromosome. A substitution of two bases is
/// two of one, as `SigProfilerMatrixGenerator` has it; longer ones do not count.
fn substitutions(sorted: &[SmallVariant]) -> Vec<SmallVariant> {
    let mut found = Vec::new();
    for variant in sorted {
        match (variant.reference.as_slice(), variant.alternate.as_slice()) {
            ([_], [_]) => found.push(variant.clone()),
            (from @ [_, _], to @ [_, _]) => {
                for (position, (&from, &to)) in (variant.position..).zip(from.iter().zip(to)) {
                    found.push(SmallVariant {
                        chromosome: variant.chromosome.clone(),
                        position,
                        reference: vec![from],
                        alternate: vec![to],
                        context: None,
                    });
                }
            }
            _ => {}
        }
    }
    found.sort_unstable();
    found
}

/// Says whether so many of the variants have another reference base that the genome is another.
fn check_mismatches(mismatches: usize, variants: usize) -> Result<(), Error> {
    if mismatches as f64 > TOLERATED_MISMATCHES * variants as f64 {
        return Err(Error::OtherReference { mismatches, variants });
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A reference genome of one chromosome, `1`.
    pub(crate) fn genome(
        text: &str,
    ) -> impl FnMut(&str, u64, u64) -> Result<Option<Vec<u8>>, Error> {
        let text = text.as_bytes().to_vec();
        move |chromosome, start, end| {
            let start = usize::try_from(start).unwrap() - 1;
            let end = usize::try_from(end).unwrap().min(text.len());
            Ok((chromosome == "1").then(|| text[start.min(end)..end].to_vec()))
        }
    }

    pub(crate) fn variant(position: u64, reference: &str, alternate: &str) -> SmallVariant {
        let alleles = (reference.as_bytes(), alternate.as_bytes());
        SmallVariant::new("1", position, alleles, None).unwrap()
    }

    #[test]
    fn another_genome_is_an_error() {
        let text = "A".repeat(50);
        let mut bases = genome(&text);
        let wrong = vec![variant(10, "C", "T"), variant(20, "C", "T"), variant(30, "A", "T")];
        let message = Counts::new(wrong, Some(&mut bases)).err().unwrap().to_string();
        assert!(message.contains("2 of 3 variants have another base"), "{message}");
    }

    #[test]
    fn without_a_genome_contexts_and_repeats_are_unknown() {
        let counts = Counts::new(vec![variant(10, "C", "T"), variant(11, "C", "T")], None).unwrap();
        assert_eq!(counts.sbs96, None);
        assert_eq!(counts.id83, None);
        assert!(counts.repeats.is_none());
        assert_eq!(counts.dbs78.unwrap().iter().sum::<u64>(), 1);
        let none = Counts::new(Vec::new(), None).unwrap();
        assert_eq!(none.sbs96.unwrap().iter().sum::<u64>(), 0, "a tumor without variants has none");
    }
}
