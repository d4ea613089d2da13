//! One task through the parser of its kind.

use std::path::Path;

use ndarray::ArrayD;
use oncoweave_cohort::SourceFile;
use oncoweave_core::Feature;
use oncoweave_genomics::{
    CopyNumber, Error, Expression, ExpressionSettings, GeneSets, GenotypeResources,
    GenotypeSettings, GenotypeSource, Maf, MafSample, MafSettings, StructuralVariants, SvSettings,
    VariantResources, VcfResources, VcfSettings, VcfSource, build::Build, cnv_features,
    declared_build, expression_features, genotype_features, maf_features, matches_sample,
    sv_features, vcf_features,
};
use oncoweave_imaging::{dicom_features_and_patches, nifti_features_and_patches};

use oncoweave_model::Embedder;

use super::{
    plan::{ModalityPlan, Task},
    resources::Resources,
    settings::{ImageSettings, Settings},
};

/// What the sources of a task gave.
pub(super) struct Parsed {
    /// For each row of the task, in order, its features or why there are none.
    pub(super) rows: Vec<Result<Vec<Feature>, String>>,
    /// What was odd and did not stop the sources from being read.
    pub(super) notes: Vec<String>,
    /// The genome build that the source declares.
    pub(super) build: Option<Build>,
}

impl Parsed {
    fn single(features: Vec<Feature>) -> Self {
        Self { rows: vec![Ok(features)], notes: Vec::new(), build: None }
    }

    fn each(rows: impl Iterator<Item = Result<Vec<Feature>, String>>) -> Self {
        Self { rows: rows.collect(), notes: Vec::new(), build: None }
    }
}

/// The features of each row of a task; an error where no row has any, or the source is of another
/// genome build than the modality.
pub(super) fn parse(modality: &ModalityPlan, task: &Task) -> Result<Parsed, String> {
    let build = if modality.settings.has_positions() { build(modality.build, task)? } else { None };
    features(modality, task).map(|parsed| Parsed { build, ..parsed })
}

/// The genome build that the sources declare; an error where it is not the one expected, or not the
/// same in all.
fn build(expected: Option<Build>, task: &Task) -> Result<Option<Build>, String> {
    let mut known = expected;
    let mut declared = None;
    for path in task.sources() {
        let found = declared_build(path).map_err(reason)?;
        match (known, found) {
            (Some(known), Some(found)) if found != known => {
                let by =
                    if expected.is_some() { "as `build` says" } else { "as in the file before" };
                return Err(format!(
                    "{}: expected positions on {known} {by}, found {found}; lift the file over or \
                     leave it out",
                    path.display()
                ));
            }
            _ => known = known.or(found),
        }
        declared = declared.or(found);
    }
    Ok(declared)
}

fn features(modality: &ModalityPlan, task: &Task) -> Result<Parsed, String> {
    let file = &task.files[0];
    match (&modality.settings, &modality.resources) {
        (Settings::Vcf(settings), Resources::Vcf(resources)) => vcf(task, settings, resources),
        (Settings::Maf(settings), Resources::Maf(resources)) => maf(task, settings, resources),
        (Settings::Cnv(settings), _) => {
            let copy_number = CopyNumber::read(&file.path).map_err(reason)?;
            check_coordinates(modality, &file.path, &copy_number.compatible_builds())?;
            check_one_tumor(task, copy_number.is_of_one_tumor())?;
            check_samples(task, copy_number.samples(), settings.barcode_prefix)?;
            let features = |file| Ok(cnv_features(&copy_number, sample(file), settings));
            Ok(Parsed::each(task.files.iter().map(features)))
        }
        (Settings::Sv(settings), _) => sv(task, settings),
        (Settings::Expression(settings), Resources::Expression(gene_sets)) => {
            expression(task, settings, gene_sets)
        }
        (Settings::Genotype(settings), Resources::Genotype(resources)) => {
            genotype(task, settings, resources)
        }
        (Settings::Dicom(settings), Resources::Images { region, network }) => {
            let patch = settings.patch();
            let read = dicom_features_and_patches(&file.path, region, patch);
            image(settings, network.as_deref(), read)
        }
        (Settings::Nifti(settings), Resources::Images { region, network }) => {
            let mask = file.mask.as_ref().expect("the files list was checked for masks");
            let patch = settings.patch();
            let read = nifti_features_and_patches(&file.path, mask, region, patch);
            image(settings, network.as_deref(), read)
        }
        (Settings::Table { .. }, _) => unreachable!("tables have no rows in the files list"),
        _ => unreachable!("resources are loaded from the settings of their own kind"),
    }
}

fn vcf(task: &Task, settings: &VcfSettings, resources: &VcfResources) -> Result<Parsed, String> {
    let source = |file| {
        let SourceFile { path, sample_id, panel, .. }: &SourceFile = file;
        let panel = panel.as_ref().map(|name| resources.variants.panel(name)).transpose()?;
        Ok(VcfSource { path, sample_id: sample_id.as_deref(), panel })
    };
    let sources: Result<Vec<VcfSource<'_>>, Error> = task.files.iter().map(source).collect();
    let read = vcf_features(&sources.map_err(reason)?, settings, resources).map_err(reason)?;
    let notes = read.notes.iter().map(ToString::to_string).collect();
    Ok(Parsed { notes, ..Parsed::single(read.features) })
}

fn maf(
    task: &Task,
    settings: &MafSettings,
    resources: &VariantResources,
) -> Result<Parsed, String> {
    let maf = Maf::read(&task.files[0].path).map_err(reason)?;
    check_samples(task, maf.samples(), settings.barcode_prefix)?;
    let features = |file: &SourceFile| {
        let panel = file.panel.as_ref().map(|name| resources.panel(name)).transpose();
        let sample = MafSample { sample_id: sample(file), panel: panel.map_err(reason)? };
        maf_features(&maf, sample, settings, resources).map_err(reason)
    };
    let mut parsed = Parsed::each(task.files.iter().map(features));
    let matches = |file: &&SourceFile| {
        maf.samples().any(|barcode| matches_sample(barcode, sample(file), settings.barcode_prefix))
    };
    let absent: Vec<&str> = task
        .files
        .iter()
        .filter(|file| !matches(file))
        .map(|file| file.patient_id.as_str())
        .collect();
    if !absent.is_empty() {
        // A MAF lists mutations, so that one who has none is not in it.
        parsed.notes.push(format!(
            "{}: {} of {} samples have no row and count as without mutations ({}); check their \
             `sample_id` in the files list",
            task.files[0].path.display(),
            absent.len(),
            task.files.len(),
            listed(&absent)
        ));
    }
    Ok(parsed)
}

/// The first of a list of names, and how many more there are.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    match names.len().saturating_sub(SHOWN) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..SHOWN].join(", ")),
    }
}

/// Segments that lie beyond the ends of the chromosomes of `build` are of another build.
fn check_coordinates(
    modality: &ModalityPlan,
    path: &Path,
    compatible: &[Build],
) -> Result<(), String> {
    match modality.build {
        Some(build) if !compatible.is_empty() && !compatible.contains(&build) => {
            let names: Vec<String> = compatible.iter().map(ToString::to_string).collect();
            Err(format!(
                "{}: expected positions on {build} as `build` says, found segments beyond its \
                 chromosomes, which fit {}; lift the file over or leave it out",
                path.display(),
                names.join(" or ")
            ))
        }
        _ => Ok(()),
    }
}

fn sv(task: &Task, settings: &SvSettings) -> Result<Parsed, String> {
    let variants = StructuralVariants::read(&task.files[0].path).map_err(reason)?;
    check_one_tumor(task, variants.is_of_one_tumor())?;
    check_samples(task, variants.samples(), settings.barcode_prefix)?;
    let features = |file| sv_features(&variants, sample(file), settings).map_err(reason);
    Ok(Parsed::each(task.files.iter().map(features)))
}

fn expression(
    task: &Task,
    settings: &ExpressionSettings,
    gene_sets: &GeneSets,
) -> Result<Parsed, String> {
    let path = &task.files[0].path;
    let asked: Vec<&str> = task.files.iter().map(sample).collect();
    let read = Expression::read(path, &asked, settings, gene_sets).map_err(reason)?;
    let features =
        |file| expression_features(&read, sample(file), settings, gene_sets).map_err(reason);
    let mut parsed = Parsed::each(task.files.iter().map(features));
    let missing = read.missing(&settings.genes);
    if !missing.is_empty() {
        let note = format!("{}: the table lacks {}", path.display(), missing.join(", "));
        parsed.notes.push(note);
    }
    Ok(parsed)
}

fn genotype(
    task: &Task,
    settings: &GenotypeSettings,
    resources: &GenotypeResources,
) -> Result<Parsed, String> {
    let asked: Vec<GenotypeSource<'_>> = task
        .files
        .iter()
        .map(|file| GenotypeSource {
            patient_id: file.patient_id.as_str(),
            sample_id: file.sample_id.as_deref(),
        })
        .collect();
    let rows = genotype_features(&task.files[0].path, &asked, settings, resources);
    Ok(Parsed::each(rows.map_err(reason)?.into_iter().map(Ok)))
}

/// The radiomic features of a region, and what a network makes of the patches round it where the
/// settings name one.
fn image(
    settings: &ImageSettings,
    network: Option<&Embedder>,
    read: Result<(Vec<Feature>, Option<ArrayD<f32>>), oncoweave_imaging::Error>,
) -> Result<Parsed, String> {
    let (mut features, patches) = read.map_err(reason)?;
    if let (Some(embedding), Some(network), Some(patches)) = (&settings.embedding, network, patches)
    {
        features.extend(embedding.features(network, &patches).map_err(reason)?);
    }
    Ok(Parsed::single(features))
}

/// A file of one tumor speaks of whoever names it, so that it cannot be two patients'.
fn check_one_tumor(task: &Task, is_of_one_tumor: bool) -> Result<(), String> {
    let first = &task.files[0];
    if !is_of_one_tumor || task.files.iter().all(|file| file.patient_id == first.patient_id) {
        return Ok(());
    }
    let lines: Vec<String> = task.files.iter().map(|file| file.line.to_string()).collect();
    Err(format!(
        "{} is of one tumor, but lines {} of the files list name it for different patients; give \
         each patient their own",
        first.path.display(),
        lines.join(" and ")
    ))
}

/// The sample of a row in a file of many: the patient's id where none is named.
fn sample(file: &SourceFile) -> &str {
    file.sample_id.as_deref().unwrap_or(file.patient_id.as_str())
}

/// A sample without a row has no variants, so that one who is misspelt would pass for healthy.
/// Where not a single one is found, the ids are of different kinds and nothing is believed.
fn check_samples<'a>(
    task: &Task,
    mut found: impl Iterator<Item = &'a str>,
    prefix: Option<usize>,
) -> Result<(), String> {
    let asked: Vec<&str> = task.files.iter().map(sample).collect();
    let mut first = None;
    let any = found.any(|barcode| {
        first.get_or_insert(barcode);
        asked.iter().any(|asked| matches_sample(barcode, asked, prefix))
    });
    match first {
        Some(barcode) if !any => Err(format!(
            "none of {} samples is in {}: `{}` was looked for, the file has `{barcode}`; give \
             `sample_id` in the files list or `barcode_prefix` in the manifest",
            asked.len(),
            task.files[0].path.display(),
            asked[0]
        )),
        _ => Ok(()),
    }
}

/// An error with its causes, in one line.
fn reason(error: impl std::error::Error + Send + Sync + 'static) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

#[cfg(test)]
mod tests {
    use oncoweave_core::PatientId;

    use super::*;

    fn task(samples: &[Option<&str>]) -> Task {
        let file = |sample: Option<&str>| SourceFile {
            patient_id: PatientId::new("P1").unwrap(),
            modality: "genomics".to_owned(),
            path: "all.maf".into(),
            mask: None,
            sample_id: sample.map(str::to_owned),
            panel: None,
            date: None,
            line: 2,
        };
        Task { modality: 0, files: samples.iter().copied().map(file).collect() }
    }

    #[test]
    fn samples_of_another_kind_are_no_healthy_patients() {
        let found = ["TCGA-AB-2988-01A", "TCGA-AB-2869-01A"];
        for (case, samples, prefix, fine) in [
            ("one is there", vec![Some("TCGA-AB-2869-01A"), None], None, true),
            ("none is there", vec![Some("TCGA-AB-2869"), None], None, false),
            ("a prefix finds it", vec![Some("TCGA-AB-2869"), None], Some(12), true),
        ] {
            let result = check_samples(&task(&samples), found.into_iter(), prefix);
            assert_eq!(result.is_ok(), fine, "{case}: {result:?}");
        }
        assert_eq!(check_samples(&task(&[None]), [].into_iter(), None), Ok(()));
    }
}
