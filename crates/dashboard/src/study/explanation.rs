//! What drove a prediction, from the table that `predict --explain` writes.

use std::collections::HashMap;

use oncoweave_cohort::{ExplanationNames, ExplanationRow};
use oncoweave_core::PatientId;

/// The explanations of all patients: of the log risk, which adds up.
#[derive(Debug)]
pub(crate) struct Explanations {
    names: ExplanationNames,
    rows: HashMap<PatientId, ExplanationRow>,
}

/// One patient's explanation.
#[derive(Debug)]
pub(crate) struct Explained {
    /// The output where nothing is known of a patient.
    pub(crate) nothing_known: f64,
    /// What each modality adds; their sum and `nothing_known` are the output.
    pub(crate) modalities: Vec<(String, f64)>,
    /// The output of a mean over made-up training patients.
    pub(crate) background: f64,
    /// The features that move the output most, the strongest first, the rest as one, and what the
    /// attributions miss.
    pub(crate) features: Vec<(String, f64)>,
}

/// Features that a waterfall shows one by one.
const SHOWN: usize = 10;

impl Explanations {
    pub(crate) fn new(names: ExplanationNames, rows: Vec<ExplanationRow>) -> Self {
        let of_risk = rows.into_iter().filter(|row| row.output == "log_risk");
        Self { names, rows: of_risk.map(|row| (row.patient_id.clone(), row)).collect() }
    }

    pub(crate) fn of(&self, patient: &PatientId) -> Option<Explained> {
        let row = self.rows.get(patient)?;
        let named: Vec<(&str, f64)> = self
            .names
            .figures
            .iter()
            .map(String::as_str)
            .zip(row.figures.iter().copied())
            .collect();
        let figure = |name: &str| named.iter().find(|(known, _)| *known == name).map(|pair| pair.1);
        let modalities = named
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("modality:")?.to_owned(), *value)));
        Some(Explained {
            nothing_known: figure("nothing_known")?,
            modalities: modalities.collect(),
            background: figure("background")?,
            features: self.strongest(row, figure("gap").unwrap_or(0.0)),
        })
    }

    fn strongest(&self, row: &ExplanationRow, gap: f64) -> Vec<(String, f64)> {
        let names = self.names.attributions.iter();
        let mut all: Vec<(String, f64)> = names
            .zip(&row.attributions)
            // Groups repeat the features that they sum up.
            .filter(|(name, _)| !name.starts_with("group:"))
            .map(|(name, &value)| (name.clone(), f64::from(value)))
            .collect();
        all.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        let rest = all.split_off(all.len().min(SHOWN));
        let sum: f64 = rest.iter().map(|(_, value)| value).sum();
        if !rest.is_empty() {
            all.push((format!("{} other features", rest.len()), sum));
        }
        if gap.abs() >= 0.005 {
            all.push(("not attributed".to_owned(), gap));
        }
        all
    }
}
