//! Germline genotypes: the dosage of named variants and polygenic scores.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use oncoweave_core::Feature;
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    genotype_record::GenotypeRecord,
    header::Header,
    lines::Lines,
    polygenic::{Score, ScoreVariant},
    settings::bare_chromosome,
};

/// The options of a modality of `kind = "genotype"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenotypeSettings {
    /// Variants that get a dosage each.
    #[serde(default)]
    pub snps: Vec<Snp>,
    /// Scoring files of the PGS Catalog, each of which gets a score.
    #[serde(default)]
    pub scores: Vec<PathBuf>,
    /// A score of which a smaller share of variants was found has no value, from 0 to 1.
    #[serde(default = "default_min_matched")]
    pub min_matched: f64,
    /// Promises that the file lists every site that differs from the reference, so that one that
    /// is absent has two reference alleles. Without the promise it is unknown.
    #[serde(default)]
    pub absent_is_reference: bool,
    /// Scores variants whose two alleles are each other's complement, which look the same on both
    /// strands. Only for scores on the same strand as the file.
    #[serde(default)]
    pub keep_ambiguous: bool,
    /// Believes only records whose FILTER is `PASS` or `.`.
    #[serde(default = "yes")]
    pub passing_only: bool,
}

fn default_min_matched() -> f64 {
    0.75
}

fn yes() -> bool {
    true
}

/// A variant and the allele that is counted: `rs7412:T`, or `19:44908822:C:T` as chromosome,
/// position, REF and ALT, of which ALT is counted unless a fifth part names REF.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Snp {
    text: String,
    site: Site,
    alleles: Alleles,
    effect_is_reference: Option<bool>,
}

/// Where a variant is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// On a chromosome, without `chr`, counted from 1.
    Place { chromosome: String, position: u64 },
    /// An rsID as the file's ID column has it.
    Id(String),
}

/// The allele that is counted, and the other one where it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alleles {
    pub(crate) effect: String,
    pub(crate) other: Option<String>,
}

impl TryFrom<String> for Snp {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').map(str::trim).collect();
        let is_allele = |allele: &str| {
            !allele.is_empty() && allele.bytes().all(|base| b"ACGTN".contains(&base))
        };
        let parse = || match parts.as_slice() {
            [id, effect] if !id.is_empty() && is_allele(effect) => {
                let alleles = Alleles { effect: (*effect).to_owned(), other: None };
                Some((Site::Id((*id).to_owned()), alleles, None))
            }
            [chromosome, position, reference, alternate, counted @ ..] if counted.len() < 2 => {
                let effect = counted.first().unwrap_or(alternate);
                let is_reference = effect == reference;
                let position: u64 = position.parse().ok().filter(|&position| position > 0)?;
                let fine = is_allele(reference)
                    && is_allele(alternate)
                    && reference != alternate
                    && (is_reference || effect == alternate)
                    && !chromosome.is_empty();
                let other = if is_reference { alternate } else { reference };
                let alleles =
                    Alleles { effect: (*effect).to_owned(), other: Some((*other).to_owned()) };
                let chromosome = bare_chromosome(chromosome).to_owned();
                fine.then_some((Site::Place { chromosome, position }, alleles, Some(is_reference)))
            }
            _ => None,
        };
        let (site, alleles, effect_is_reference) = parse().ok_or_else(|| {
            format!(
                "expected a variant such as `rs7412:T` or `19:44908822:C:T`, its last allele the \
                 one that is counted, found `{text}`"
            )
        })?;
        Ok(Self { text, site, alleles, effect_is_reference })
    }
}

impl From<Snp> for String {
    fn from(snp: Snp) -> Self {
        snp.text
    }
}

/// What the settings of a genotype modality name, read and ready to be looked up.
#[derive(Debug, Default)]
pub struct GenotypeResources {
    targets: Vec<Target>,
    scores: Vec<Score>,
    /// By chromosome, sorted by position.
    places: HashMap<String, Vec<(u64, usize)>>,
    ids: HashMap<String, Vec<usize>>,
}

/// One variant that is looked for.
#[derive(Debug)]
struct Target {
    alleles: Alleles,
    /// What a place without a record means.
    effect_is_reference: Option<bool>,
    /// Whether the alleles may be given on the other strand.
    may_flip: bool,
    purpose: Purpose,
}

#[derive(Clone, Copy, Debug)]
enum Purpose {
    Snp(usize),
    Score { score: usize, variant: usize },
}

impl GenotypeResources {
    /// Reads the scoring files that the settings name; their paths must be ones that the program
    /// can open.
    ///
    /// # Errors
    /// When one cannot be read or is no scoring file, two have one id, or nothing is asked for.
    pub fn load(settings: &GenotypeSettings) -> Result<Self, Error> {
        let fault = |problem: String| Err(Error::Setting { problem });
        if settings.snps.is_empty() && settings.scores.is_empty() {
            return fault("name `snps` or `scores`; without them there is no feature".to_owned());
        }
        if !(0.0..=1.0).contains(&settings.min_matched) {
            return fault(format!("`min_matched` must be 0 to 1, found {}", settings.min_matched));
        }
        let mut resources = Self::default();
        for (index, snp) in settings.snps.iter().enumerate() {
            let target = Target {
                alleles: snp.alleles.clone(),
                effect_is_reference: snp.effect_is_reference,
                may_flip: false,
                purpose: Purpose::Snp(index),
            };
            resources.add(&snp.site, target);
        }
        for path in &settings.scores {
            let score = Score::read(path)?;
            if resources.scores.iter().any(|other| other.id == score.id) {
                return fault(format!("`scores` names {} twice; remove one", score.id));
            }
            resources.add_score(score, settings.keep_ambiguous);
        }
        for places in resources.places.values_mut() {
            places.sort_unstable();
        }
        Ok(resources)
    }

    /// The genome builds that the scoring files name, as they write them, with the score's id.
    pub fn builds(&self) -> impl Iterator<Item = (&str, &str)> {
        self.scores.iter().filter_map(|score| Some((score.id.as_str(), score.build.as_deref()?)))
    }

    fn add_score(&mut self, score: Score, keep_ambiguous: bool) {
        for (variant, row) in score.variants.iter().enumerate() {
            let ambiguous = row.alleles.is_ambiguous();
            if ambiguous && !keep_ambiguous {
                continue;
            }
            let target = Target {
                alleles: row.alleles.clone(),
                effect_is_reference: None,
                may_flip: row.alleles.other.is_some() && !ambiguous,
                purpose: Purpose::Score { score: self.scores.len(), variant },
            };
            if let Some(site) = &row.site {
                self.add(site, target);
            }
        }
        self.scores.push(score);
    }

    fn add(&mut self, site: &Site, target: Target) {
        let index = self.targets.len();
        self.targets.push(target);
        match site {
            Site::Place { chromosome, position } => {
                self.places.entry(chromosome.clone()).or_default().push((*position, index));
            }
            Site::Id(id) => self.ids.entry(id.clone()).or_default().push(index),
        }
    }

    /// The targets that a record may speak of, each with whether it is the record's own position.
    fn candidates(&self, record: &GenotypeRecord) -> Vec<(usize, bool)> {
        let mut found = Vec::new();
        if let Some(places) = self.places.get(record.chromosome) {
            let from = places.partition_point(|&(position, _)| position < record.position);
            let within = places[from..].iter().take_while(|&&(position, _)| position <= record.end);
            found.extend(within.map(|&(position, index)| (index, position == record.position)));
        }
        if !self.ids.is_empty() {
            for id in record.ids() {
                found.extend(self.ids.get(id).into_iter().flatten().map(|&index| (index, true)));
            }
        }
        found
    }
}

impl Alleles {
    /// Whether the alleles look the same on both strands.
    fn is_ambiguous(&self) -> bool {
        self.other.as_ref().is_some_and(|other| complement(other).as_ref() == Some(&self.effect))
    }

    /// The same alleles on the other strand.
    fn flipped(&self) -> Option<Self> {
        let other = self.other.as_deref().map(complement);
        Some(Self {
            effect: complement(&self.effect)?,
            other: match other {
                Some(other) => Some(other?),
                None => None,
            },
        })
    }
}

/// The complement of one base.
fn complement(allele: &str) -> Option<String> {
    let base = match allele {
        "A" => "T",
        "C" => "G",
        "G" => "C",
        "T" => "A",
        _ => return None,
    };
    Some(base.to_owned())
}

/// Whose genotypes are wanted of a file.
#[derive(Clone, Copy, Debug)]
pub struct GenotypeSource<'a> {
    /// The patient, whose column it is where no sample is named.
    pub patient_id: &'a str,
    /// The column; `None` where it is named like the patient, or the only one.
    pub sample_id: Option<&'a str>,
}

/// What one sample has.
#[derive(Clone, Debug, Default)]
struct Found {
    snps: BTreeMap<usize, f64>,
    /// For each score: what the variants that were found add beyond what is expected, and how many
    /// they are.
    scores: Vec<(f64, usize)>,
}

/// The genotype features of each asked sample of a VCF: plain, gzip or bgzip, of one or many
/// samples, or a gVCF.
///
/// `dosage_<variant>` is the number of counted alleles, 0 to 2, from `DS`, else `GP`, else `GT`. It
/// has no value where the file does not tell: without a record, a genotype or passed filters. A
/// gVCF's block of reference, or [`GenotypeSettings::absent_is_reference`], tells of variants whose
/// REF is known. `pgs_<id>` is a score's sum, where variants that are not found count as expected by
/// the file's allele frequency, or not at all; `pgs_<id>_matched` is the share that was found.
/// Alleles must match; those of a score may be on the other strand, unless that looks the same.
///
/// # Errors
/// When the file cannot be read, is truncated or damaged, has a record with too few columns or a
/// position that is no number, or lacks an asked sample.
pub fn genotype_features(
    path: &Path,
    asked: &[GenotypeSource<'_>],
    settings: &GenotypeSettings,
    resources: &GenotypeResources,
) -> Result<Vec<Vec<Feature>>, Error> {
    let mut lines = Lines::open(path)?;
    let header = Header::read(&mut lines)?;
    let columns = sample_columns(&header, asked, path)?;
    let empty = Found { scores: vec![(0.0, 0); resources.scores.len()], ..Found::default() };
    let mut found = vec![empty; asked.len()];
    let mut seen = vec![false; resources.targets.len()];
    while lines.next()?.is_some() {
        if lines.line().trim_ascii().is_empty() {
            continue;
        }
        let record = GenotypeRecord::parse(&lines, header.columns())?;
        for (index, is_own) in resources.candidates(&record) {
            let target = &resources.targets[index];
            let Some(count) = (!seen[index]).then(|| target.counted(&record, is_own)).flatten()
            else {
                continue;
            };
            seen[index] = true;
            if settings.passing_only && !record.passes() {
                continue;
            }
            for (found, &column) in found.iter_mut().zip(&columns) {
                if let Some(dosage) = record.dosage(column, count) {
                    found.add(target, dosage, resources);
                }
            }
        }
    }
    if settings.absent_is_reference {
        for (target, _) in resources.targets.iter().zip(&seen).filter(|(_, seen)| !**seen) {
            if let Some(is_reference) = target.effect_is_reference {
                let dosage = if is_reference { 2.0 } else { 0.0 };
                for found in &mut found {
                    found.add(target, dosage, resources);
                }
            }
        }
    }
    Ok(found.iter().map(|found| found.features(settings, resources)).collect())
}

fn sample_columns(
    header: &Header,
    asked: &[GenotypeSource<'_>],
    path: &Path,
) -> Result<Vec<usize>, Error> {
    let samples = header.samples.len();
    let column = |source: &GenotypeSource<'_>| {
        let place = |name: &str| header.samples.iter().position(|sample| sample == name);
        let only = || (samples == 1 && asked.len() == 1).then_some(0);
        match source.sample_id {
            Some(id) => place(id),
            None => place(source.patient_id).or_else(only),
        }
        .ok_or_else(|| Error::NoSuchSample { path: path.to_owned(), samples })
    };
    asked.iter().map(column).collect()
}

/// Which alleles of a record are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// The allele of this number: 0 is REF.
    Allele(usize),
    /// The record has no ALT: a genotype of two REF is worth so much, any other is unknown.
    Reference { dosage: u8 },
}

impl Target {
    /// What of a record is this variant's; `None` where its alleles are others.
    fn counted(&self, record: &GenotypeRecord, is_own: bool) -> Option<Counted> {
        let reference =
            |is_reference: bool| Counted::Reference { dosage: if is_reference { 2 } else { 0 } };
        if !is_own {
            return self.effect_is_reference.filter(|_| record.is_reference_only()).map(reference);
        }
        let flipped = self.may_flip.then(|| self.alleles.flipped()).flatten();
        [Some(&self.alleles), flipped.as_ref()].into_iter().flatten().find_map(|alleles| {
            let effect = record.allele(&alleles.effect);
            let other = alleles.other.as_deref().map(|other| record.allele(other));
            match (effect, other) {
                (Some(effect), None | Some(Some(_))) if !record.is_reference_only() => {
                    Some(Counted::Allele(effect))
                }
                (Some(0), _) if record.is_reference_only() => Some(reference(true)),
                (None, Some(Some(0))) if record.is_reference_only() => Some(reference(false)),
                _ => None,
            }
        })
    }
}

impl Found {
    fn add(&mut self, target: &Target, dosage: f64, resources: &GenotypeResources) {
        match target.purpose {
            Purpose::Snp(index) => {
                self.snps.insert(index, dosage);
            }
            Purpose::Score { score, variant } => {
                let row = &resources.scores[score].variants[variant];
                let (sum, count) = &mut self.scores[score];
                *sum += row.adds(dosage) - row.expected();
                *count += 1;
            }
        }
    }

    fn features(&self, settings: &GenotypeSettings, resources: &GenotypeResources) -> Vec<Feature> {
        let mut features = Vec::new();
        for (index, snp) in settings.snps.iter().enumerate() {
            let name = format!("dosage_{}", snp.text.replace(':', "_"));
            let meaning = format!("number of {} alleles of {}", snp.alleles.effect, snp.text);
            let value = self.snps.get(&index).copied();
            features.push(Feature::new(&name, "alleles", &meaning, value));
        }
        for (score, &(beyond, count)) in resources.scores.iter().zip(&self.scores) {
            let share = count as f64 / score.variants.len() as f64;
            let expected: f64 = score.variants.iter().map(ScoreVariant::expected).sum();
            let value = (share >= settings.min_matched).then_some(expected + beyond);
            let meaning = format!("polygenic score {} {}", score.id, score.title);
            let feature = Feature::new(&format!("pgs_{}", score.id), "", meaning.trim(), value);
            features.push(feature.with_standard("PGS Catalog, doi:10.1038/s41588-021-00783-5"));
            let name = format!("pgs_{}_matched", score.id);
            let meaning = format!("share of the variants of {} that were found", score.id);
            features.push(Feature::new(&name, "", &meaning, Some(share)));
        }
        features
    }
}

#[cfg(test)]
mod tests;
