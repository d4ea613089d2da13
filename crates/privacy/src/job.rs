//! One file of a folder: what it is, and how it is cleaned.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    Dates, Error, Identifier, Profile, Role, dicom,
    error::aside,
    key::Key,
    linkage::Linkage,
    names::{renamed, split_end},
    nifti,
    table::{self, TablePlan, Use},
    variants::{self, SampleNames},
};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// DICOM.
    Dicom,
    /// NIfTI, image or region.
    Nifti,
    /// VCF or BCF.
    Variants,
    /// MAF or another table of genomics.
    Genomic,
    /// Any other table.
    Table,
    /// A file that settings of a cohort name, such as a FASTA: copied as it is.
    Resource,
    /// An index, which is made anew.
    Index,
    /// Anything else: never carried over.
    Other,
}

/// How a file is cleaned.
#[derive(Clone)]
pub(crate) enum Work {
    Dicom,
    Nifti { region: Option<PathBuf>, is_region: bool },
    Variants { prefix: Option<usize> },
    Genomic { prefix: Option<usize> },
    Table(std::sync::Arc<TablePlan>),
    Resource,
    Index,
    Link,
    Other,
}

/// A file to clean.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) source: PathBuf,
    /// Where it lies below the folder that is read.
    pub(crate) relative: PathBuf,
    pub(crate) work: Work,
    /// The patient that the cohort names.
    pub(crate) patient: Option<std::sync::Arc<Identifier>>,
    /// How many files before it would be called the same: `IM1` and `IM1.dcm`.
    pub(crate) namesakes: usize,
}

/// What all jobs share.
pub(crate) struct Shared<'a> {
    pub(crate) key: &'a Key,
    pub(crate) profile: &'a Profile,
    pub(crate) linkage: &'a Linkage,
    pub(crate) out: &'a Path,
    /// Names that are patients' own ids in the cohort, with their pseudonyms.
    pub(crate) patients: BTreeMap<String, String>,
    /// Names of samples in the cohort.
    pub(crate) samples: BTreeSet<String>,
}

/// What was done to a file.
#[derive(Default)]
pub(crate) struct Done {
    /// Where it lies below the folder that is written.
    pub(crate) out: PathBuf,
    pub(crate) patient: Option<String>,
    pub(crate) actions: Vec<(String, u64)>,
    pub(crate) warnings: Vec<String>,
}

impl Work {
    pub(crate) fn kind(&self) -> FileKind {
        match self {
            Self::Dicom => FileKind::Dicom,
            Self::Nifti { .. } => FileKind::Nifti,
            Self::Variants { .. } => FileKind::Variants,
            Self::Genomic { .. } => FileKind::Genomic,
            Self::Table(_) => FileKind::Table,
            Self::Resource => FileKind::Resource,
            Self::Index => FileKind::Index,
            Self::Link | Self::Other => FileKind::Other,
        }
    }

    /// What a file of a plain folder is, by its name, and for DICOM by its content. One that cannot be
    /// read is anything.
    pub(crate) fn of(path: &Path, profile: &Profile) -> Self {
        if path.is_symlink() {
            return Self::Link;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if [".tbi", ".csi"].iter().any(|end| name.ends_with(end)) {
            return Self::Index;
        }
        if variants::is_variants(&name) {
            return Self::Variants { prefix: None };
        }
        if nifti::is_nifti(&name) {
            return Self::Nifti { region: None, is_region: false };
        }
        if dicom::is_dicom(path).unwrap_or(false) {
            return Self::Dicom;
        }
        let (_, end) = split_end(&name);
        match end {
            ".maf" | ".maf.gz" | ".maf.txt" | ".seg" | ".seg.gz" | ".bedpe" | ".cns" | ".cnr" => {
                Self::Genomic { prefix: None }
            }
            ".csv" | ".csv.gz" | ".tsv" | ".tsv.gz" | ".txt" | ".txt.gz" | ".tab" | ".parquet" => {
                Self::Table(std::sync::Arc::new(plain_table(profile)))
            }
            _ => Self::Other,
        }
    }
}

/// The plan for a table that no cohort declares: what the profile names.
fn plain_table(profile: &Profile) -> TablePlan {
    TablePlan {
        columns: declared(profile),
        undeclared: Role::Drop,
        missing: ["", "na", "n/a", "nan", "null", "."].iter().map(|&one| one.to_owned()).collect(),
        max_shift_days: max_shift(profile),
        keep_dates: profile.dicom.dates == Dates::Full,
    }
}

/// The columns that a profile declares.
pub(crate) fn declared(profile: &Profile) -> BTreeMap<String, Use> {
    profile.table.columns.iter().map(|(name, &role)| (name.clone(), Use::Role(role))).collect()
}

/// By how many days dates may be moved; `None` where they go.
pub(crate) fn max_shift(profile: &Profile) -> Option<u32> {
    (profile.dicom.dates != Dates::Removed).then_some(profile.dicom.max_shift_days)
}

/// Counts the namesakes of each file, so that none is written over another.
pub(crate) fn tell_apart(jobs: &mut [Job]) {
    let mut taken = BTreeSet::new();
    for job in jobs {
        // Of an index nothing is written, and these are never carried over.
        if matches!(job.work, Work::Index | Work::Link | Work::Other) {
            continue;
        }
        while !taken.insert(job.name()) {
            job.namesakes += 1;
        }
    }
}

impl Job {
    /// Cleans the file.
    pub(crate) fn run(&self, shared: &Shared) -> Result<Done, Error> {
        if !matches!(self.work, Work::Link) && fs_err::File::open(&self.source).is_err() {
            return Err(aside("unreadable", "the file cannot be read; look at its rights"));
        }
        let out = self.out(shared);
        let path = shared.out.join(&out);
        let mut done = Done { out, ..Done::default() };
        match &self.work {
            Work::Dicom => self.dicom(&path, shared, &mut done)?,
            Work::Nifti { region, is_region } => {
                let part = match is_region {
                    true => nifti::Part::Region,
                    false => nifti::Part::Image(region.as_deref()),
                };
                done.actions = nifti::deidentify(&self.source, &path, &shared.profile.nifti, part)?;
            }
            Work::Variants { prefix } => self.variants(*prefix, &path, shared, &mut done)?,
            Work::Genomic { prefix } => {
                let names = SampleNames::new(shared.key, *prefix, &shared.patients);
                let keep = &shared.profile.variants.keep;
                done.actions =
                    variants::deidentify_maf(&self.source, &path, &names, keep, &shared.samples)?;
                names.link(shared.linkage)?;
            }
            Work::Table(plan) => {
                let table =
                    table::deidentify(&self.source, &path, shared.key, shared.linkage, plan)?;
                (done.actions, done.warnings) = (table.actions, table.warnings);
            }
            Work::Resource => {
                oncoweave_cohort::write_atomically(&path, |file| {
                    std::io::copy(&mut fs_err::File::open(&self.source)?, file).map(|_| ())
                })?;
                done.warnings.push("a file that settings name was copied unread".to_owned());
            }
            Work::Index => {}
            Work::Link => {
                return Err(aside(
                    "link",
                    "links are not followed; put the file itself there, or leave it out",
                ));
            }
            Work::Other => {
                return Err(aside(
                    "unknown-kind",
                    "no rule knows this kind of file; turn it into one that has rules (CSV for a \
                     table), or leave it out",
                ));
            }
        }
        if let Some(patient) = &self.patient {
            let pseudonym = shared.key.pseudonym(patient);
            shared.linkage.add(&pseudonym, patient)?;
            done.patient = Some(pseudonym);
        }
        Ok(done)
    }

    /// Where the file will lie.
    pub(crate) fn out(&self, shared: &Shared) -> PathBuf {
        let mut out = renamed(&self.told_apart(), shared.key);
        if matches!(self.work, Work::Dicom) && out.extension().is_none_or(|end| end != "dcm") {
            let mut name = out.into_os_string();
            name.push(".dcm");
            out = name.into();
        }
        out
    }

    /// The path of the file, with a number where others would be called the same.
    fn told_apart(&self) -> PathBuf {
        if self.namesakes == 0 {
            return self.relative.clone();
        }
        let name = self.relative.file_name().unwrap_or_default().to_string_lossy();
        let end = split_end(&name).1;
        self.relative.with_file_name(format!("{name} {}{end}", self.namesakes))
    }

    /// What the file's name in the end depends on: the end of some kinds is given to them.
    fn name(&self) -> (PathBuf, String, &'static str) {
        let path = self.told_apart();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (stem, end) = split_end(&name);
        let end = match self.work {
            Work::Dicom => ".dcm",
            Work::Variants { .. } => ".vcf",
            _ => end,
        };
        (path.parent().unwrap_or(Path::new("")).to_owned(), stem.to_owned(), end)
    }

    fn dicom(&self, path: &Path, shared: &Shared, done: &mut Done) -> Result<(), Error> {
        let seen = |pseudonym: &str, patient: &Identifier| shared.linkage.add(pseudonym, patient);
        let cleaning = dicom::Cleaning {
            key: shared.key,
            profile: &shared.profile.dicom,
            patient: self.patient.as_deref(),
            seen: &seen,
        };
        let dicom = dicom::deidentify(&self.source, path, &cleaning)?;
        done.patient = Some(dicom.pseudonym);
        done.actions = dicom.actions;
        Ok(())
    }

    fn variants(
        &self,
        prefix: Option<usize>,
        path: &Path,
        shared: &Shared,
        done: &mut Done,
    ) -> Result<(), Error> {
        let names = SampleNames::new(shared.key, prefix, &shared.patients);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = path.with_file_name(split_end(&name).0);
        let profile = &shared.profile.variants;
        let vcf = variants::deidentify_vcf(&self.source, &stem, shared.key, profile, &names)?;
        names.link(shared.linkage)?;
        (done.actions, done.warnings) = (vcf.actions, vcf.warnings);
        done.out.set_file_name(vcf.out.file_name().unwrap_or_default());
        Ok(())
    }
}
