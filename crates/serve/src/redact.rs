//! What may leave the container about a failure: no patient.

use crate::Error;

/// The most characters that the platform keeps of a failure.
pub(crate) const LONGEST_FAILURE: usize = 1024;

/// Where the words on a table's content come to the ids or values of its rows. What stands before
/// is the file, the row and the column.
const DATA: [&str; 5] = ["patient `", "patients `", " in more than one row: ", " got ", " found "];

/// What may be wrong behind that place, and how to say it without data.
const KNOWN: [(&str, &str); 6] = [
    ("in more than one row", "`patient_id` has an id in more than one row"),
    (
        "follow-up must be a finite number of days, zero or more",
        "`time_days` must be a finite number of days, zero or more",
    ),
    (
        "observation must begin on a finite day before follow-up ends",
        "`entry_days` must be a finite number of days below `time_days`",
    ),
    (NO_EVENT, NO_EVENT),
    (NO_TIME, NO_TIME),
    (NO_FOLLOW_UP, NO_FOLLOW_UP),
];
const NO_EVENT: &str = "`time_days` has a value, but `event` has none";
const NO_TIME: &str = "`event` has a value, but `time_days` has none";
const NO_FOLLOW_UP: &str = "`entry_days` has a value, but `time_days` has none";

/// Why a job failed, with its causes in one sentence, without ids or values of patients.
pub(crate) fn failure(error: &Error) -> String {
    match error {
        Error::Cohort(error) => of_table(error),
        Error::Model(error) => of_model(error),
        error => with_causes(error),
    }
}

/// What is wrong with a table. Errors of a conversion may show the cell, so they stay away.
pub(crate) fn of_table(error: &oncoweave_cohort::Error) -> String {
    use oncoweave_cohort::Error;
    match error {
        Error::Content { path, problem } => {
            format!("{}: {}", path.display(), without_data(problem))
        }
        Error::Arrow { .. } | Error::Csv { .. } => error.to_string(),
        error => with_causes(error),
    }
}

/// What is wrong with training or scoring.
pub(crate) fn of_model(error: &oncoweave_model::Error) -> String {
    use oncoweave_model::Error;
    match error {
        Error::NotFinite { model, .. } => format!(
            "the model `{model}` gives no finite risk for one patient; a value lies absurdly far \
             outside the training range"
        ),
        Error::Fold { fold, source } => format!("fold {fold}: {}", of_model(source)),
        Error::Undefined { what, source } => {
            format!("{what}: {}", without_data(&source.to_string()))
        }
        error => with_causes(error),
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// Words on the content of a table up to the first id or value. Ids may hold any letter, quotes
/// too, so nothing behind the place is repeated but sentences that are known beforehand.
fn without_data(problem: &str) -> String {
    let Some(end) = DATA.iter().filter_map(|mark| problem.find(mark)).min() else {
        return problem.to_owned();
    };
    let mut kept = problem[..end].trim_end_matches([' ', ':', ',']).to_owned();
    for (_, known) in KNOWN.iter().filter(|(part, _)| problem[end..].contains(part)) {
        if !kept.is_empty() {
            kept.push_str(": ");
        }
        kept.push_str(known);
    }
    format!("{kept} (the ids and values of patients are left out)")
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

    // Contract: train.no_patient
    #[test]
    fn ids_and_values_are_left_out_and_the_rest_stays() {
        const NOTE: &str = " (the ids and values of patients are left out)";
        for (text, expected, cut) in [
            (
                "row 3: patient `Smith`John 1950`x`: follow-up must be a finite number of days, zero \
                 or more, got -12345.5",
                "row 3: `time_days` must be a finite number of days, zero or more",
                true,
            ),
            (
                "row 3: patient `P-7`: `entry_days`: observation must begin on a finite day before \
                 follow-up ends: it begins on day 812.5 and ends on day 40",
                "row 3: `entry_days` must be a finite number of days below `time_days`",
                true,
            ),
            (
                "row 3: patient `P-7`: `entry_days` has a value, but `time_days` has none",
                "row 3: `entry_days` has a value, but `time_days` has none",
                true,
            ),
            (
                "row 3: patient `P-7`: `time_days` has a value, but `event` has none",
                "row 3: `time_days` has a value, but `event` has none",
                true,
            ),
            (
                "patients in more than one row: `Smith`John`, `b`; leave one row of each",
                "patients: `patient_id` has an id in more than one row",
                true,
            ),
            (
                "row 1: column `event` must be 0 or 1, got 17",
                "row 1: column `event` must be 0 or 1",
                true,
            ),
            ("a risk must be finite, found 7.5 in row 1", "a risk must be finite", true),
            ("column `patient_id`: a patient id must not be empty", "", false),
            ("there is no patient to compute it from", "", false),
        ] {
            let expected = if cut { format!("{expected}{NOTE}") } else { text.to_owned() };
            assert_eq!(without_data(text), expected);
        }
    }

    #[test]
    fn a_long_text_is_cut_at_characters() {
        assert_eq!(shortened("short"), "short");
        let long = "\u{e9}".repeat(2000);
        assert_eq!(shortened(&long).chars().count(), LONGEST_FAILURE);
    }
}
