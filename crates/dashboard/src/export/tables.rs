//! Tables as CSV that no spreadsheet takes for formulas.

use oncoweave_core::Prediction;
use oncoweave_report::groups::RiskGroup;

use crate::score::Batch;
use crate::study::{Study, applicability};

/// A text that a spreadsheet would compute gets an apostrophe in front, as in the list of
/// exclusions.
fn guarded(text: &str) -> String {
    let computed = ['=', '+', '-', '@', '\t', '\r'];
    if text.trim_start_matches('\'').starts_with(computed) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

fn written(rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(&row).expect("rows of one width go to memory without failing");
    }
    let bytes = writer.into_inner().expect("writing to memory does not fail");
    String::from_utf8(bytes).expect("made of texts")
}

/// The last columns of every table.
const PROVENANCE: [&str; 3] = ["model_version", "data_sha256", "notice"];

fn provenance(study: &Study) -> [String; 3] {
    [guarded(&study.version), study.evaluation.data_sha256.clone(), crate::DISCLAIMER.to_owned()]
}

/// One row a patient: the risk at each horizon with its interval, empty where the model does not
/// apply, and what was observed; since when, where observation began after the index date for any.
pub(crate) fn predictions_csv(study: &Study, places: &[usize]) -> String {
    let horizons = &study.evaluation.horizons_days;
    let mut header: Vec<String> =
        ["patient_id", "model_applies", "log_risk", "risk_group"].map(str::to_owned).to_vec();
    for days in horizons {
        header.extend(["risk", "low_risk", "high_risk"].map(|word| format!("{word}_{days}d")));
    }
    let last = ["missing_modalities", "flags", "observed_days", "observed_event", "class"];
    header.extend(last.map(str::to_owned));
    let entry_days = |place: usize| study.patients[place].observed?.entry_days;
    let any_late = places.iter().any(|&place| entry_days(place).is_some());
    if any_late {
        header.push("observed_from_days".to_owned());
    }
    header.extend(PROVENANCE.map(str::to_owned));
    let provenance = provenance(study);
    let rows = places.iter().map(|&place| {
        let mut row = prediction_row(&study.patients[place], horizons.len());
        if any_late {
            row.push(entry_days(place).map_or(String::new(), |days| days.to_string()));
        }
        row.extend(provenance.clone());
        row
    });
    written(std::iter::once(header).chain(rows))
}

fn prediction_row(patient: &Prediction, horizons: usize) -> Vec<String> {
    let applies = applicability(patient).refused.is_empty();
    let number = |value: Option<f64>| {
        value.filter(|_| applies).map_or(String::new(), |value| value.to_string())
    };
    let group = if patient.high_risk { "high" } else { "low" };
    let mut row = vec![
        guarded(patient.patient_id.as_str()),
        if applies { "yes" } else { "no" }.to_owned(),
        number(Some(patient.risk.0)),
        if applies { group } else { "" }.to_owned(),
    ];
    for place in 0..horizons {
        let risk = |survival: &[f64]| number(survival.get(place).map(|survival| 1.0 - survival));
        row.extend([
            risk(&patient.survival),
            risk(&patient.survival_high),
            risk(&patient.survival_low),
        ]);
    }
    let observed = patient.observed;
    row.extend([
        guarded(&patient.missing_modalities.join(";")),
        guarded(&patient.flags.join(";")),
        observed.map_or(String::new(), |one| one.time_days.to_string()),
        observed.map_or(String::new(), |one| u8::from(one.event).to_string()),
        guarded(patient.label.as_deref().unwrap_or_default()),
    ]);
    row
}

/// The steps of the groups' Kaplan-Meier curves.
pub(crate) fn curves_csv(study: &Study, groups: &[RiskGroup]) -> String {
    let names = ["group", "time_days", "at_risk", "events", "censored", "survival", "low", "high"];
    let header = names.iter().chain(&PROVENANCE).map(|&name| name.to_owned()).collect();
    let provenance = provenance(study);
    let rows = groups.iter().flat_map(|group| {
        let provenance = &provenance;
        group.curve.steps.iter().map(move |step| {
            let mut row = vec![
                group.label.to_owned(),
                step.time_days.to_string(),
                step.at_risk.to_string(),
                step.events.to_string(),
                step.censored.to_string(),
                step.survival.to_string(),
                step.low.to_string(),
                step.high.to_string(),
            ];
            row.extend(provenance.clone());
            row
        })
    });
    written(std::iter::once(header).chain(rows))
}

/// What the model at an endpoint answered, one row a record.
pub(crate) fn answers_csv(batch: &Batch, endpoint: &str) -> String {
    let answers = &batch.answers;
    let known = answers.iter().find(|answer| !answer.survival.is_empty());
    let horizons: Vec<f64> =
        known.map_or(Vec::new(), |answer| answer.survival.iter().map(|at| at.time_days).collect());
    let mut header = vec!["id".to_owned(), "log_risk".to_owned(), "risk_group".to_owned()];
    for days in &horizons {
        header.extend(["risk", "low_risk", "high_risk"].map(|word| format!("{word}_{days}d")));
    }
    let last = ["missing_modalities", "flags", "error", "endpoint", "data_sha256", "notice"];
    header.extend(last.map(str::to_owned));
    let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let rows = answers.iter().map(|answer| {
        let group = answer.high_risk.map_or("", |high| if high { "high" } else { "low" });
        let mut row = vec![guarded(&answer.name()), number(answer.risk), group.to_owned()];
        for place in 0..horizons.len() {
            let at = answer.survival.get(place);
            row.extend([
                number(at.map(|at| 1.0 - at.survival)),
                number(at.and_then(|at| at.high).map(|high| 1.0 - high)),
                number(at.and_then(|at| at.low).map(|low| 1.0 - low)),
            ]);
        }
        row.extend([
            guarded(&answer.missing_modalities.join(";")),
            guarded(&answer.flags.join(";")),
            guarded(answer.error.as_ref().map_or("", |error| &error.message)),
            guarded(endpoint),
            batch.data_sha256.clone(),
            crate::DISCLAIMER.to_owned(),
        ]);
        row
    });
    written(std::iter::once(header).chain(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_a_formula() {
        for (text, safe) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-5", "'-5"),
            ("'=1", "''=1"),
            ("\t=1", "'\t=1"),
            ("P001", "P001"),
        ] {
            assert_eq!(guarded(text), safe);
        }
    }

    #[test]
    fn answers_and_errors_stand_in_one_table() {
        let lines = r#"[{"id":"=P1","risk":0.5,"high_risk":true,"survival":[{"time_days":365,"survival":0.75,"low":0.5,"high":1}],"missing_modalities":[],"flags":[]},
                        {"id":2,"error":{"code":"no_values","message":"the record has no value"}}]"#;
        let answers = serde_json::from_str(lines).unwrap();
        let (id, account, data_sha256) = (String::new(), String::new(), "9f86".to_owned());
        let batch = Batch { id, account, data_sha256, total: 2, answers, failure: None };
        let text = answers_csv(&batch, "http://localhost:8080/invocations");
        let rows: Vec<&str> = text.lines().collect();
        assert!(
            rows[0].starts_with("id,log_risk,risk_group,risk_365d,low_risk_365d,high_risk_365d,")
        );
        assert!(rows[1].starts_with("'=P1,0.5,high,0.25,0,0.5,"), "{}", rows[1]);
        let rest = "the record has no value,http://localhost:8080/invocations,9f86,Research";
        assert!(rows[2].starts_with(&format!("2,,,,,,,,{rest}")), "{}", rows[2]);
    }
}
