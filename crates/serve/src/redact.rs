//! What may leave the container about a failure: no patient.

/// The most characters that the platform keeps of a failure.
pub(crate) const LONGEST_FAILURE: usize = 1024;

/// Names in backticks that are no ids: the columns of an aligned table that are no features.
const COLUMNS: [&str; 7] =
    ["patient_id", "site", "index_date", "time_days", "event", "label", "fold"];

/// An error with its causes in one sentence, without the ids of patients.
pub(crate) fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    without_patients(&text)
}

/// Messages quote in backticks. One that speaks of patients loses all that it quotes but the
/// names of columns and settings: rather a message too poor than an id in a log.
fn without_patients(text: &str) -> String {
    // What is quoted stands at the odd places, unless the last backtick is never closed.
    let parts: Vec<&str> = text.split('`').collect();
    let said = parts.iter().step_by(2);
    if !said.copied().any(|part| part.to_lowercase().contains("patient")) {
        return text.to_owned();
    }
    let settings = crate::hyperparameters::names();
    let known = |name: &str| COLUMNS.contains(&name) || settings.iter().any(|one| one == name);
    let mut kept = String::with_capacity(text.len());
    for (at, part) in parts.iter().enumerate() {
        if at % 2 == 0 {
            kept.push_str(part);
        } else if known(part) {
            kept.push('`');
            kept.push_str(part);
            kept.push('`');
        } else {
            kept.push_str("(left out)");
        }
    }
    kept
}

/// At most as many characters as the platform keeps.
pub(crate) fn shortened(text: &str) -> String {
    if text.chars().count() <= LONGEST_FAILURE {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(LONGEST_FAILURE - 1).collect();
    short.push('\u{2026}');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_left_out_and_the_rest_stays() {
        for (text, expected) in [
            ("row 3: patient `P-7`: bad `event`", "row 3: patient (left out): bad `event`"),
            ("patients in two rows: `a`, `b`", "patients in two rows: (left out), (left out)"),
            ("`P-7` is no patient here", "(left out) is no patient here"),
            ("Patient `open", "Patient (left out)"),
            ("patients need `training.epochs`", "patients need `training.epochs`"),
            ("no patient to compute from", "no patient to compute from"),
            ("column `patient_id` of `x` must be text", "column `patient_id` of `x` must be text"),
        ] {
            assert_eq!(without_patients(text), expected);
        }
    }

    #[test]
    fn a_long_text_is_cut_at_characters() {
        assert_eq!(shortened("short"), "short");
        let long = "\u{e9}".repeat(2000);
        assert_eq!(shortened(&long).chars().count(), LONGEST_FAILURE);
    }
}
