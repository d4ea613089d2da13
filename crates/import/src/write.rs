//! The files of the cohort.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    path::Path,
};

use fs_err as fs;

use crate::{
    Error, ImportSettings, Imported, ImportedModality,
    clinical::{Datatype, status},
    findings::Findings,
    manifest::{ClinicalPlan, OutcomePlan, genes, modality_name, text},
    merged::{ENDPOINTS, Merged, leave_out_personal, merge, why_not},
    meta::Content,
    study::{Profile, Study},
    table::{Lines, cells},
};

/// Writes everything, the manifest last.
pub(crate) fn cohort(
    study: &Study,
    out: &Path,
    settings: &ImportSettings,
    mut findings: Findings,
) -> Result<Imported, Error> {
    let mut merged = merge(study);
    let kept = leave_out_personal(&mut merged, settings, &mut findings)
        .map_err(|problem| Error::Setting { path: study.folder.clone(), problem })?;
    let plan = ClinicalPlan { kept, ..plan(study, &merged, settings, &mut findings)? };
    fs::create_dir_all(out.join("data"))?;
    write_clinical(&out.join("clinical.csv"), &merged)?;
    let modalities = write_files(study, out, &merged, &mut findings)?;
    if !study.panels.genes.is_empty() {
        write_panels(&out.join("gene_panels.tsv"), study)?;
    }
    for profile in &study.profiles {
        copy_data(study, profile, &out.join("data"))?;
    }
    let manifest = out.join("cohort.toml");
    fs::write(&manifest, text(study, &plan, &genes(study, settings)))?;
    let (outcomes, events) = count_outcomes(&merged, plan.outcome.as_ref());
    Ok(Imported {
        manifest,
        patients: merged.rows.len(),
        outcomes,
        events,
        modalities,
        notes: findings.notes,
    })
}

fn plan(
    study: &Study,
    merged: &Merged,
    settings: &ImportSettings,
    findings: &mut Findings,
) -> Result<ClinicalPlan, Error> {
    let fault = |problem: String| Error::Setting { path: study.folder.clone(), problem };
    let endpoint = settings.endpoint.to_ascii_uppercase();
    if !ENDPOINTS.contains(&endpoint.as_str()) {
        let known = ENDPOINTS.join(", ");
        return Err(fault(format!(
            "expected an endpoint of {known}, found `{}`",
            settings.endpoint
        )));
    }
    if let Some(label) = &settings.label
        && merged.place(label).is_none()
    {
        let names: Vec<&str> = merged.columns.iter().map(|(name, _)| name.as_str()).collect();
        let problem = format!("no clinical attribute `{label}`; there are {}", names.join(", "));
        return Err(fault(problem));
    }
    if let Some(problem) = gene_fault(&settings.genes) {
        return Err(fault(problem));
    }
    let outcome = outcome(merged, &endpoint);
    if outcome.is_none() {
        let message = format!(
            "no columns {endpoint}_MONTHS and {endpoint}_STATUS with values: the cohort has no \
             outcome to train on"
        );
        findings.note("clinical attributes", message);
    }
    let mut columns = Vec::new();
    for (place, (name, datatype)) in merged.columns.iter().enumerate() {
        if settings.label.as_ref() == Some(name) {
            continue;
        }
        match why_not(merged, place, name, *datatype) {
            Some(reason) => findings.note_on("clinical attributes", name, reason),
            None => columns.push((name.clone(), *datatype)),
        }
    }
    Ok(ClinicalPlan { columns, outcome, label: settings.label.clone(), kept: Vec::new() })
}

/// What is wrong with names of genes: an extraction refuses a manifest with such names.
fn gene_fault(genes: &[String]) -> Option<String> {
    genes.iter().enumerate().find_map(|(place, gene)| {
        let has_lower_case_alone =
            gene.chars().any(char::is_lowercase) && !gene.chars().any(char::is_uppercase);
        if gene.trim().is_empty() {
            Some("the list of genes holds an empty name; remove it".to_owned())
        } else if gene.trim() != gene {
            Some(format!("the list of genes holds `{gene}` with spaces around it; remove them"))
        } else if genes[..place].contains(gene) {
            Some(format!("the list of genes holds {gene} twice; remove one"))
        } else if has_lower_case_alone {
            let upper = gene.to_uppercase();
            Some(format!("the list of genes holds `{gene}`; did you mean `{upper}`?"))
        } else {
            None
        }
    })
}

fn outcome(merged: &Merged, endpoint: &str) -> Option<OutcomePlan> {
    let (time, status_name) = (format!("{endpoint}_MONTHS"), format!("{endpoint}_STATUS"));
    let place = merged.place(&status_name)?;
    merged.cells(merged.place(&time)?).next()?;
    let words: BTreeSet<&str> = merged.cells(place).collect();
    let of = |event: bool| -> Vec<String> {
        words
            .iter()
            .filter(|word| status(word) == Some(event))
            .map(|&word| word.to_owned())
            .collect()
    };
    let (event_values, censored_values) = (of(true), of(false));
    (!words.is_empty()).then_some(OutcomePlan {
        time,
        status: status_name,
        event_values,
        censored_values,
    })
}

fn count_outcomes(merged: &Merged, outcome: Option<&OutcomePlan>) -> (usize, usize) {
    let Some(outcome) = outcome else { return (0, 0) };
    let (Some(time), Some(place)) = (merged.place(&outcome.time), merged.place(&outcome.status))
    else {
        return (0, 0);
    };
    let known: Vec<bool> = merged
        .rows
        .values()
        .filter(|row| !row[time].is_empty())
        .filter_map(|row| status(&row[place]))
        .collect();
    (known.len(), known.iter().filter(|&&event| event).count())
}

fn write_clinical(path: &Path, merged: &Merged) -> Result<(), Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names = merged.columns.iter().map(|(name, _)| name.as_str());
    record(&mut writer, std::iter::once("PATIENT_ID").chain(names));
    for (patient, row) in &merged.rows {
        let cells = merged.columns.iter().zip(row).map(|((_, datatype), cell)| match datatype {
            // The bound of an age such as `>89`.
            Datatype::Number => cell.trim_start_matches(['<', '>', '=']),
            _ => cell.as_str(),
        });
        record(&mut writer, std::iter::once(patient.as_str()).chain(cells));
    }
    save(path, writer)
}

fn record<'a>(writer: &mut csv::Writer<Vec<u8>>, cells: impl Iterator<Item = &'a str>) {
    writer.write_record(cells).expect("rows have equal lengths and memory takes them");
}

fn save(path: &Path, writer: csv::Writer<Vec<u8>>) -> Result<(), Error> {
    let bytes = writer.into_inner().expect("memory takes everything");
    Ok(fs::write(path, bytes)?)
}

/// Writes `files.csv`: for each patient and profile the first of his samples that was examined.
fn write_files(
    study: &Study,
    out: &Path,
    merged: &Merged,
    findings: &mut Findings,
) -> Result<Vec<ImportedModality>, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    record(&mut writer, ["patient_id", "modality", "path", "sample_id", "panel"].into_iter());
    let mut modalities = Vec::new();
    for profile in &study.profiles {
        let (name, mut patients, mut several) = (modality_name(profile), 0, 0);
        for patient in merged.rows.keys() {
            let rows = study.by_patient.get(patient).map_or(&[][..], Vec::as_slice);
            let mut samples = rows
                .iter()
                .map(|&row| study.samples.sample(row))
                .filter(|sample| profile.samples.contains(*sample));
            let Some(sample) = samples.next() else { continue };
            several += usize::from(samples.next().is_some());
            patients += 1;
            let panel = has_panels(profile).then(|| study.panels.panel(&profile.meta, sample));
            let panel = panel.flatten().unwrap_or_default();
            let path = format!("data/{}", profile.meta.data);
            record(&mut writer, [patient, name.as_str(), &path, sample, panel].into_iter());
        }
        if several > 0 {
            let message = format!(
                "{several} patients have several samples here; the first is taken, primary tumors \
                 before others"
            );
            findings.note(&profile.meta.data, message);
        }
        modalities.push(ImportedModality { name, source: profile.meta.data.clone(), patients });
    }
    save(&out.join("files.csv"), writer)?;
    Ok(modalities)
}

/// Whether the panel matters: a list of mutations does not say which genes were looked at, a matrix
/// of genes does.
pub(crate) fn has_panels(profile: &Profile) -> bool {
    profile.meta.content == Content::Mutations
}

fn write_panels(path: &Path, study: &Study) -> Result<(), Error> {
    let mut text = "panel\tgene\n".to_owned();
    for (panel, genes) in &study.panels.genes {
        for gene in genes {
            text.extend([panel, "\t", gene, "\n"]);
        }
    }
    Ok(fs::write(path, text)?)
}

/// Copies the data, so that the cohort stands by itself; a list of copy number levels becomes the
/// matrix that it stands for.
fn copy_data(study: &Study, profile: &Profile, folder: &Path) -> Result<(), Error> {
    let (from, to) = (study.folder.join(&profile.meta.data), folder.join(&profile.meta.data));
    if profile.meta.content != Content::DiscreteCopyNumberLong {
        // Not `fs::copy`, which would hand on that the study is read-only.
        std::io::copy(&mut fs::File::open(&from)?, &mut fs::File::create(&to)?)?;
        return Ok(());
    }
    let mut levels: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut lines = Lines::open(&study.folder, &profile.meta.data)?;
    let mut ignored = Findings::default();
    let mut places: Option<[usize; 3]> = None;
    while let Some((_, line)) = lines.next(&mut ignored)? {
        let row = cells(&line);
        let Some([gene, sample, value]) = places else {
            let place = |name: &str| row.iter().position(|cell| cell.eq_ignore_ascii_case(name));
            let gene = place("Hugo_Symbol").or_else(|| place("Entrez_Gene_Id")).unwrap_or(0);
            places = Some([gene, place("Sample_Id").unwrap_or(0), place("Value").unwrap_or(0)]);
            continue;
        };
        let cell = |place: usize| row.get(place).cloned().unwrap_or_default();
        levels.entry(cell(gene)).or_default().insert(cell(sample), cell(value));
    }
    let samples: Vec<&String> = profile.samples.iter().collect();
    let mut file = std::io::BufWriter::new(fs::File::create(&to)?);
    let names: Vec<&str> = samples.iter().map(|sample| sample.as_str()).collect();
    writeln!(file, "Hugo_Symbol\t{}", names.join("\t"))?;
    for (gene, of_gene) in &levels {
        let cells: Vec<&str> = samples
            .iter()
            .map(|sample| of_gene.get(*sample).map_or("NA", String::as_str))
            .collect();
        writeln!(file, "{gene}\t{}", cells.join("\t"))?;
    }
    Ok(file.flush()?)
}
