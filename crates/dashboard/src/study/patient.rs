//! One patient in figures.

use oncoweave_core::Prediction;

use super::Study;

/// Whether the model's number may be shown for a patient, and what to know about it.
#[derive(Debug, PartialEq)]
pub(crate) struct Applicability {
    /// Why there is no number; empty where the model applies.
    pub(crate) refused: Vec<String>,
    /// What to know about the number.
    pub(crate) warnings: Vec<String>,
}

/// Refuses where most of what the model reads is missing, or a modality as a whole is unlike
/// anything in training; values outside of the training range are warned of.
pub(crate) fn applicability(patient: &Prediction) -> Applicability {
    let mut found = Applicability { refused: vec![], warnings: vec![] };
    for modality in &patient.missing_modalities {
        found.warnings.push(format!(
            "No {modality}: the model fills it with what training patients had on average."
        ));
    }
    for flag in &patient.flags {
        match flag.split_once(':') {
            Some(("insufficient", share)) => found.refused.push(format!(
                "Modalities are missing that carry {share} of the model's risk."
            )),
            Some(("unusual", modality)) => found.refused.push(format!(
                "As a whole, {modality} is unlike that of any patient whom the model was trained on."
            )),
            Some(("outside_range", what)) => found.warnings.push(format!(
                "{what} lies outside of the range that the model was trained on."
            )),
            Some(("past_follow_up", day)) => found.warnings.push(format!(
                "Nobody whom the model was trained on was followed to {day}: what is said of then \
                 held before."
            )),
            _ => found.warnings.push(flag.clone()),
        }
    }
    found
}

/// The predicted risk of the event within one horizon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct HorizonRisk {
    pub(crate) days: f64,
    pub(crate) risk: f64,
    /// The 95 % interval, where the model gives one.
    pub(crate) interval: Option<(f64, f64)>,
}

/// The risk at each horizon; the interval of a risk is that of survival turned round.
pub(crate) fn horizon_risks(horizons_days: &[f64], patient: &Prediction) -> Vec<HorizonRisk> {
    horizons_days
        .iter()
        .zip(&patient.survival)
        .enumerate()
        .map(|(place, (&days, survival))| HorizonRisk {
            days,
            risk: 1.0 - survival,
            interval: patient
                .survival_low
                .get(place)
                .zip(patient.survival_high.get(place))
                .map(|(low, high)| (1.0 - high, 1.0 - low)),
        })
        .collect()
}

/// Patients that a patient is set against.
const SIMILAR: usize = 50;

/// The 50 other patients whose predicted risk within a horizon is nearest, or a fifth of a cohort
/// where that is fewer: half of all patients are not alike.
pub(crate) fn similar(study: &Study, place: usize, horizon: usize) -> Vec<usize> {
    let Some(own) = study.risk(place, horizon) else { return Vec::new() };
    let mut others: Vec<(f64, usize)> = (0..study.patients.len())
        .filter(|&other| other != place && study.patients[other].observed.is_some())
        .filter_map(|other| Some(((study.risk(other, horizon)? - own).abs(), other)))
        .collect();
    let nearest = SIMILAR.min(others.len().div_ceil(5));
    if nearest < others.len() {
        others.select_nth_unstable_by(nearest, |a, b| a.0.total_cmp(&b.0));
    }
    others[..nearest].iter().map(|&(_, other)| other).collect()
}

/// One value of a patient beside what training has seen.
#[derive(Debug)]
pub(crate) struct ClinicalValue {
    pub(crate) name: String,
    pub(crate) meaning: String,
    pub(crate) unit: String,
    pub(crate) value: Option<f32>,
    /// The training range, where the model folder is known and the model reads the column.
    pub(crate) range: Option<(f64, f64)>,
    pub(crate) is_outside: bool,
}

/// The values of the modality `clinical`, in the table's order.
pub(crate) fn clinical_values(study: &Study, place: usize) -> Vec<ClinicalValue> {
    values(study, place, |column| column.modality == "clinical")
}

/// Values of a patient in columns that a test keeps.
pub(crate) fn values(
    study: &Study,
    place: usize,
    keep: impl Fn(&oncoweave_core::CohortColumn) -> bool,
) -> Vec<ClinicalValue> {
    let Some((data, row)) = study.row(place) else { return Vec::new() };
    let columns = data.columns.iter().filter(|column| keep(column));
    columns
        .map(|column| {
            let value = column.values.get(row);
            let name = column.name();
            let range = study.folder.as_ref().and_then(|folder| folder.range(&name));
            let range = range.map(|range| (range.low, range.high));
            let outside = |(low, high): (f64, f64)| {
                value.is_some_and(|value| f64::from(value) < low || f64::from(value) > high)
            };
            ClinicalValue {
                is_outside: range.is_some_and(outside),
                name,
                meaning: column.info.meaning.clone(),
                unit: column.info.unit.clone(),
                value,
                range,
            }
        })
        .collect()
}

/// Genes with a driver alteration, or with one of a kind: columns named `driver_<gene>` and
/// `driver_<gene>_<kind>` above 0, by modality and gene; and
/// whether any such column was examined.
pub(crate) fn drivers(study: &Study, place: usize) -> (Vec<(String, String)>, bool) {
    let Some((data, row)) = study.row(place) else { return (Vec::new(), false) };
    let mut found = Vec::new();
    let mut examined = false;
    for column in &data.columns {
        let Some(gene) = column.info.name.strip_prefix("driver_") else { continue };
        let value = column.values.get(row);
        examined |= value.is_some();
        if value.is_some_and(|value| value > 0.0) {
            found.push((column.modality.clone(), gene.replace('_', " ")));
        }
    }
    (found, examined)
}

#[cfg(test)]
mod tests {
    use oncoweave_core::{PatientId, Risk};

    use super::*;

    fn patient(flags: &[&str]) -> Prediction {
        Prediction {
            patient_id: PatientId::new("P1").unwrap(),
            model: "fusion".to_owned(),
            fold: None,
            risk: Risk(0.0),
            high_risk: false,
            survival: vec![0.9, 0.6],
            survival_low: vec![0.85, 0.5],
            survival_high: vec![0.95, 0.7],
            incidence: vec![],
            incidence_low: vec![],
            incidence_high: vec![],
            class_probabilities: vec![],
            missing_modalities: vec!["mr".to_owned()],
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
            observed: None,
            competing: None,
            label: None,
        }
    }

    #[test]
    fn a_number_is_refused_where_the_model_does_not_apply() {
        let fine = ["outside_range:clinical.age", "past_follow_up:day 900"];
        let fine = applicability(&patient(&fine));
        assert!(fine.refused.is_empty());
        assert_eq!(fine.warnings.len(), 3);
        assert!(fine.warnings[2].contains("followed to day 900"), "{}", fine.warnings[2]);
        let refused = applicability(&patient(&["insufficient:62 %", "unusual:ct"]));
        assert!(refused.refused[0].contains("62 %") && refused.refused[1].contains("ct"));
    }

    #[test]
    fn the_interval_of_a_risk_is_that_of_survival_turned_round() {
        let risks = horizon_risks(&[365.0, 730.0], &patient(&[]));
        assert!((risks[1].risk - 0.4).abs() < 1e-12);
        let (low, high) = risks[1].interval.unwrap();
        assert!((low - 0.3).abs() < 1e-12 && (high - 0.5).abs() < 1e-12);
    }
}
