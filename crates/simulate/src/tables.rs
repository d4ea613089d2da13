//! The cohort's tables: clinical, files, oracle, mess.

use std::path::Path;

use rand::RngExt;
use rand::rngs::ChaCha12Rng;

use crate::SimulateSettings;
use crate::error::Error;
use crate::examination::{Written, draws_contours};
use crate::mess::Mess;
use crate::random::{self, Purpose};
use crate::truth::Patient;

/// One patient with everything the tables tell of it.
pub(crate) struct Row<'a> {
    pub(crate) index: usize,
    pub(crate) patient: &'a Patient,
    pub(crate) mess: Option<Mess>,
    pub(crate) written: &'a Written,
}

/// How tables spell that a value is missing; the manifest lists them.
pub(crate) const MISSING: [&str; 5] = ["", "NA", "unknown", "N/A", "not available"];

const HOSPITALS: [&str; 3] = ["North", "Harbor", "University"];
const STAGES: [&str; 4] = ["I", "II", "III", "IV"];

fn write_table(
    path: &Path,
    header: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<(), Error> {
    let failed = |source| Error::Table { path: path.to_path_buf(), source };
    let mut writer = csv::Writer::from_writer(fs_err::File::create(path)?);
    writer.write_record(header).map_err(failed)?;
    for row in rows {
        writer.write_record(&row).map_err(failed)?;
    }
    writer.flush()?;
    Ok(())
}

/// The column of the day on which observation began; empty where that was the day of diagnosis.
pub(crate) const ENTRY: &str = "first_seen";

pub(crate) fn write_clinical(
    path: &Path,
    settings: &SimulateSettings,
    rows: &[Row],
) -> Result<(), Error> {
    let mut header = vec![
        "patient_id",
        "hospital",
        "diagnosis_date",
        "age",
        "sex",
        "stage",
        "smoker",
        "ecog",
        "hemoglobin",
        "ldh",
        "follow_up",
        "vital_status",
        "subtype",
    ];
    if settings.late_entry {
        header.push(ENTRY);
    }
    let lines = rows.iter().flat_map(|row| {
        let mut line = clinical_line(settings.seed, row);
        if settings.late_entry {
            let entry_days = row.patient.survival.entry_days;
            line.push(entry_days.map_or(String::new(), |days| format!("{days:.0}")));
        }
        if row.mess == Some(Mess::DuplicateRow) {
            // The copy disagrees in one cell, so nobody can say which of the two is right.
            let mut copy = line.clone();
            copy[3] = (row.patient.clinical.age_years + 9).to_string();
            return vec![line, copy];
        }
        vec![line]
    });
    write_table(path, &header, lines)
}

fn clinical_line(seed: u64, row: &Row) -> Vec<String> {
    let Row { index, patient, mess, .. } = *row;
    let clinical = &patient.clinical;
    let mut random = random::stream(seed, index, Purpose::Table);
    let tenths = clinical.hemoglobin_tenths;
    let decimal = format!("{}.{}", tenths / 10, tenths % 10);
    // Tenths of a gram in a deciliter are grams in a liter.
    let hemoglobin = [decimal.clone(), format!("{tenths} g/L"), format!("{decimal} g/dL")]
        [clinical.hospital]
        .clone();
    let days = patient.survival.time_days;
    let days = if mess == Some(Mess::NegativeTime) { -days } else { days };
    let yes_no = if clinical.smoker { "yes" } else { "no" };
    let sex = if clinical.female { "female" } else { "male" };
    vec![
        patient.id.clone(),
        HOSPITALS[clinical.hospital].to_owned(),
        clinical.diagnosis.to_string(),
        or_missing(&mut random, 0.02, &clinical.age_years.to_string()),
        or_missing(&mut random, 0.01, sex),
        or_missing(&mut random, 0.04, STAGES[clinical.stage]),
        or_missing(&mut random, 0.06, yes_no),
        or_missing(&mut random, 0.05, &clinical.ecog.to_string()),
        or_missing(&mut random, 0.08, &hemoglobin),
        or_missing(&mut random, 0.10, &clinical.ldh.to_string()),
        format!("{days:.0}"),
        ending(patient).to_owned(),
        patient.subtype.name().to_owned(),
    ]
}

/// How the clinical table spells another death.
pub(crate) const OTHER_DEATH: &str = "dead, other cause";

fn ending(patient: &Patient) -> &'static str {
    match (patient.survival.event, patient.other_death) {
        (true, _) => "dead",
        (false, Some(other)) if other.observed => OTHER_DEATH,
        (false, _) => "alive",
    }
}

fn or_missing(random: &mut ChaCha12Rng, chance: f64, cell: &str) -> String {
    let missing = random.random_bool(chance);
    let spelling = MISSING[random.random_range(0..MISSING.len())];
    if missing { spelling } else { cell }.to_owned()
}

pub(crate) fn write_files(path: &Path, rows: &[Row]) -> Result<(), Error> {
    let header = ["patient_id", "modality", "path", "sample_id", "date", "mask"];
    let lines = rows.iter().flat_map(|row| {
        let id = row.mess.map_or(row.patient.id.clone(), |mess| mess.file_id(&row.patient.id));
        row.written.rows.iter().map(move |file| {
            vec![
                id.clone(),
                file.modality.to_owned(),
                file.path.clone(),
                file.sample_id.to_owned(),
                file.date.to_string(),
                file.mask.clone(),
            ]
        })
    });
    write_table(path, &header, lines)
}

pub(crate) fn write_mess(path: &Path, rows: &[Row]) -> Result<(), Error> {
    let header = ["patient_id", "modality", "mess", "expected"];
    let lines = rows.iter().flat_map(|row| {
        row.mess.map_or(Vec::new(), |mess| mess.rows(row.patient)).into_iter().map(|line| {
            vec![
                line.patient_id,
                line.modality.to_owned(),
                line.mess.to_owned(),
                line.expected.to_owned(),
            ]
        })
    });
    write_table(path, &header, lines)
}

pub(crate) fn write_oracle(path: &Path, rows: &[Row], competing: bool) -> Result<(), Error> {
    let mut header = vec![
        "patient_id",
        "log_hazard",
        "genomics",
        "ct",
        "mr",
        "clinical",
        "interaction",
        "subtype",
        "drivers",
        "nonsynonymous",
        "altered_megabases",
        "diameter_mm",
        "volume_mm3",
        "mean_hu",
        "texture_hu",
        "necrotic_fraction",
        "segmentation",
    ];
    if competing {
        header.push("other_death_log_hazard");
    }
    write_table(path, &header, rows.iter().map(oracle_line))
}

fn oracle_line(row: &Row) -> Vec<String> {
    let Row { index, patient, written, .. } = *row;
    let hazard = &patient.log_hazard;
    let tumor = &patient.tumor;
    let six = |number: f64| format!("{number:.6}");
    let drivers: Vec<&str> = patient.genome.drivers.iter().map(|driver| driver.symbol()).collect();
    let segmentation = match (patient.measured.ct, draws_contours(index)) {
        (false, _) => "",
        (true, true) => "RTSTRUCT",
        (true, false) => "SEG",
    };
    let mut line = vec![
        patient.id.clone(),
        six(hazard.total()),
        six(hazard.genomics),
        six(hazard.ct),
        six(hazard.mr),
        six(hazard.clinical),
        six(hazard.interaction),
        patient.subtype.name().to_owned(),
        drivers.join(";"),
        patient.genome.nonsynonymous.to_string(),
        written.altered_megabases.map(six).unwrap_or_default(),
        six(tumor.diameter_mm),
        six(tumor.volume_mm3()),
        six(tumor.mean_hu),
        six(tumor.texture_hu),
        six(tumor.necrotic_fraction),
        segmentation.to_owned(),
    ];
    line.extend(patient.other_death.map(|other| six(other.log_hazard)));
    line
}
