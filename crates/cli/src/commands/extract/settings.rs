use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use oncoweave_clinical::{ClinicalSettings, OutcomeSettings, TableSettings};
use oncoweave_cohort::{Kind, Manifest, Modality, sha256_bytes};
use oncoweave_genomics::{
    CnvSettings, ExpressionSettings, GenotypeSettings, MafSettings, SvSettings, VcfSettings,
    build::Build,
};
use oncoweave_imaging::ImagingSettings;
use serde::{Serialize, de::DeserializeOwned};

/// The settings of one modality as its parser takes them.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Settings {
    Vcf(VcfSettings),
    Maf(MafSettings),
    Cnv(CnvSettings),
    Sv(SvSettings),
    Expression(ExpressionSettings),
    Genotype(GenotypeSettings),
    Dicom(ImagingSettings),
    Nifti(ImagingSettings),
    Table {
        /// Resolved; not hashed, for it may be spelled in several ways.
        #[serde(skip)]
        path: PathBuf,
        settings: TableSettings,
    },
}

impl Settings {
    pub(super) fn read(manifest: &Manifest, modality: &Modality) -> Result<Self> {
        let place = format!("{}: modality `{}`", manifest.path.display(), modality.name);
        let mut options = modality.options.clone();
        if takes_build(modality.kind) {
            options.remove("build");
        }
        let settings = match modality.kind {
            Kind::Vcf => Self::Vcf(read(options, &place)?),
            Kind::Maf => Self::Maf(read(options, &place)?),
            Kind::Cnv => Self::Cnv(read(options, &place)?),
            Kind::Sv => Self::Sv(read(options, &place)?),
            Kind::Expression => Self::Expression(read(options, &place)?),
            Kind::Genotype => Self::Genotype(read(options, &place)?),
            Kind::Dicom => Self::Dicom(read_imaging(options, &place)?),
            Kind::Nifti => Self::Nifti(read_imaging(options, &place)?),
            Kind::Table => {
                let path = options.remove("path").ok_or_else(|| {
                    anyhow!("{place}: `path` is missing: the table with a row for each patient")
                })?;
                let path = path.as_str().ok_or_else(|| anyhow!("{place}: `path` must be text"))?;
                let path = manifest.resolve(path.as_ref());
                Self::Table { path, settings: read(options, &place)? }
            }
        };
        Ok(settings)
    }

    /// Whether one file may serve many patients.
    pub(super) fn is_shared(&self) -> bool {
        matches!(
            self,
            Self::Maf(_) | Self::Cnv(_) | Self::Sv(_) | Self::Expression(_) | Self::Genotype(_)
        )
    }

    /// Whether its files have positions on a genome.
    pub(super) fn has_positions(&self) -> bool {
        matches!(self, Self::Vcf(_) | Self::Maf(_) | Self::Cnv(_) | Self::Sv(_) | Self::Genotype(_))
    }

    /// The files that the settings name, as the manifest writes them until they are resolved.
    pub(super) fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Self::Vcf(settings) => settings.variants.paths_mut().collect(),
            Self::Maf(settings) => settings.variants.paths_mut().collect(),
            Self::Expression(settings) => settings.gene_sets.iter_mut().collect(),
            Self::Genotype(settings) => settings.scores.iter_mut().collect(),
            Self::Dicom(settings) | Self::Nifti(settings) => settings.paths_mut().collect(),
            _ => Vec::new(),
        }
    }
}

/// The kinds whose parser does not know `build`: extract itself compares it with what files declare.
fn takes_build(kind: Kind) -> bool {
    matches!(kind, Kind::Vcf | Kind::Maf | Kind::Sv | Kind::Genotype)
}

/// The genome build that a modality asks for with `build`.
pub(super) fn build(manifest: &Manifest, modality: &Modality) -> Result<Option<Build>> {
    let Some(value) = modality.options.get("build") else { return Ok(None) };
    if !takes_build(modality.kind) && modality.kind != Kind::Cnv {
        return Ok(None);
    }
    let build = value.as_str().and_then(Build::named).ok_or_else(|| {
        anyhow!(
            "{}: modality `{}`: expected a genome build such as \"GRCh38\" as `build`, found {value}",
            manifest.path.display(),
            modality.name
        )
    })?;
    Ok(Some(build))
}

/// The settings of the clinical table and its outcome.
pub(super) fn read_clinical_settings(
    manifest: &Manifest,
) -> Result<(ClinicalSettings, Option<OutcomeSettings>)> {
    let place = |section: &str| format!("{}: [{section}]", manifest.path.display());
    let clinical = read(manifest.clinical.clone(), &place("clinical"))?;
    let outcome = manifest.outcome.clone().map(|table| read(table, &place("outcome")));
    Ok((clinical, outcome.transpose()?))
}

/// What tells whether a result was made with the same settings, defaults spelled out.
pub(super) fn settings_sha256(settings: &impl Serialize) -> String {
    let json = serde_json::to_vec(settings).expect("settings have text keys and finite numbers");
    sha256_bytes(&json)
}

fn read_imaging(options: toml::Table, place: &str) -> Result<ImagingSettings> {
    let settings: ImagingSettings = read(options, place)?;
    settings.binning().with_context(|| place.to_owned())?;
    Ok(settings)
}

fn read<T: DeserializeOwned>(options: toml::Table, place: &str) -> Result<T> {
    options.try_into().map_err(|error: toml::de::Error| {
        let message = error.to_string().trim().replace('\n', ", ");
        anyhow!("{place}: {message}")
    })
}
