//! `card.md`.

use std::fmt::Write;

use oncoweave_core::{
    Bounds, Estimate,
    preprocess::ModalityColumns,
    small_cells::{LEAST_SHOWN, shown},
};

use super::{
    DISCLAIMER,
    description::CohortDescription,
    judged::Judged,
    text::{AUTHORS, NONE, design, escaped, kind, limits, probabilities, with_interval},
};
use crate::{MemberRecord, Model, Predictor};

/// How many columns a card names before it says how many more there are.
const NAMED: usize = 12;

/// A page in the making.
struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn heading(&mut self, level: usize, text: &str) {
        let marks = "#".repeat(level);
        // Writing to a string cannot fail.
        let _ok = write!(self.0, "\n{marks} {text}\n\n");
    }

    fn table(&mut self, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        self.line(&format!("| {} |", head.join(" | ")));
        self.line(&format!("|{}", "---|".repeat(head.len())));
        for row in rows {
            self.line(&format!("| {} |", row.join(" | ")));
        }
    }
}

pub(super) fn card(model: &Model, judged: Option<&Judged>) -> String {
    let mut page = Page(format!("# Model card: {}\n\n", escaped(&model.name)));
    page.line(&format!("**{DISCLAIMER}**"));
    what_it_is(&mut page, model);
    use_of_it(&mut page);
    reads_and_gives(&mut page, model);
    fit(&mut page, model);
    page.heading(2, "Patients that it was trained on");
    match &model.training.description {
        Some(description) => cohort(&mut page, description),
        None => page.line("The model folder does not describe them."),
    }
    if let Some(judged) = judged {
        evaluation(&mut page, judged);
    } else {
        page.heading(2, "Evaluation");
        page.line(
            "Not judged yet. `oncoweave card MODEL --evaluation FOLDER --data TABLE --out FOLDER` \
             fills in what `oncoweave cv` or `oncoweave evaluate` measured.",
        );
    }
    limits_of_it(&mut page, model, judged);
    page.0
}

fn what_it_is(page: &mut Page, model: &Model) {
    let training = &model.training;
    page.heading(2, "Model");
    let rows = [
        ("Model version", model.version()),
        ("Kind", format!("{} that ranks patients by hazard", kind(model))),
        ("Trained by", format!("Oncoweave {}", training.program_version)),
        ("Trained on", format!("cohort {}", escaped(&training.cohort))),
        ("SHA-256 of the table", escaped(&training.data_sha256)),
        ("Seed", training.seed.to_string()),
        ("Owner and contact", AUTHORS.to_owned()),
    ];
    page.table(&["", ""], rows.map(|(name, value)| vec![name.to_owned(), value]));
}

fn use_of_it(page: &mut Page) {
    page.heading(2, "Intended use");
    page.line(
        "- For: researchers who study which measurements tell risk apart in a cohort like the one \
         described below, or who judge such a model on a cohort of their own.\n\
         - Not for: diagnosis, choice of treatment, triage, or any other decision about a patient; \
         patients unlike those described below; tables whose columns were measured otherwise.\n\
         - Who reads the output must know survival analysis; it is a ranking and a probability, \
         no cause.",
    );
}

fn reads_and_gives(page: &mut Page, model: &Model) {
    page.heading(2, "What it reads");
    for modality in &model.preprocessing.modalities {
        page.line(&columns_line(modality));
    }
    page.heading(2, "What it gives");
    page.line(&format!("A log relative hazard (higher is worse) and {}.", probabilities(model)));
    if !model.classes().is_empty() {
        let classes: Vec<String> = model.classes().iter().map(|class| escaped(class)).collect();
        page.line(&format!("The probability of each class: {}.", classes.join(", ")));
    }
}

fn columns_line(modality: &ModalityColumns) -> String {
    let names = modality.names();
    let more = names.len().saturating_sub(NAMED);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    let shown: Vec<String> = names.iter().take(NAMED).map(|name| escaped(name)).collect();
    format!(
        "- **{}**: {} columns in use, {} left out as empty or constant. {}{tail}",
        escaped(&modality.name),
        names.len(),
        modality.dropped.len(),
        shown.join(", ")
    )
}

fn fit(page: &mut Page, model: &Model) {
    page.heading(2, "How it was fitted");
    if let Predictor::Stack(stack) = &model.predictor {
        page.line(&format!(
            "Of {} models, {}.\n",
            stack.members.len(),
            escaped(stack.choice.trim_end_matches('.'))
        ));
        let members = stack.members.iter().filter(|member| member.weight > 0.0);
        page.table(
            &["Member", "Weight", "C, out of fold"],
            members.map(|member| {
                let c_index = member.c_index.map_or(NONE.to_owned(), |c| format!("{c:.3}"));
                vec![escaped(&member.model.name), format!("{:.3}", member.weight), c_index]
            }),
        );
        page.line("");
        page.table(
            &["Modality", "Share of the risk"],
            stack.shares.iter().map(|share| {
                vec![escaped(&share.modality), format!("{:.1} %", 100.0 * share.share)]
            }),
        );
        return;
    }
    let members = &model.training.members;
    page.line(&match members.len() {
        0 => "Without a network.".to_owned(),
        1 => "One network.\n".to_owned(),
        count => format!("{count} networks, merged into one that gives their mean.\n"),
    });
    for member in members {
        page.line(&validation_line(member));
    }
}

fn validation_line(member: &MemberRecord) -> String {
    let epochs = member.epochs.len();
    if member.validation_patients == 0 {
        return format!("- Seed {}: all {epochs} epochs, without early stopping.", member.seed);
    }
    let best = member.epochs.iter().find(|record| record.epoch == member.best_epoch);
    let c_index = best.and_then(|record| record.validation_c_index);
    let c_index = c_index.map_or("undefined".to_owned(), |value| format!("{value:.3}"));
    format!(
        "- Seed {}: {} patients were set aside to stop early; epoch {} of {epochs} was kept, with \
         a C of {c_index} on them.",
        member.seed, member.validation_patients, member.best_epoch
    )
}

fn cohort(page: &mut Page, cohort: &CohortDescription) {
    let in_days =
        |days: Option<f64>| days.map_or(NONE.to_owned(), |days| format!("{days:.0} days"));
    let mut rows = vec![
        ("Patients with follow-up".to_owned(), cohort.patients.to_string()),
        ("Events".to_owned(), cohort.events.to_string()),
        (
            "Median follow-up (reversed Kaplan-Meier)".to_owned(),
            in_days(cohort.median_follow_up_days),
        ),
        ("Still 10 patients under observation".to_owned(), in_days(cohort.longest_follow_up_days)),
    ];
    if let Some(age) = &cohort.age {
        let known = age.points.map_or_else(
            || "fewer than 40 known, not described".to_owned(),
            |[low, lower, median, upper, high]| {
                format!(
                    "median {median:.0}, quartiles {lower:.0} to {upper:.0}, range without the \
                     nine lowest and highest {low:.0} to {high:.0} {}",
                    escaped(&age.unit)
                )
            },
        );
        rows.push(("Age".to_owned(), known));
    }
    for table in &cohort.tables {
        for level in &table.levels {
            let name = format!("{}: {}", escaped(&table.name), escaped(&level.name));
            rows.push((name, level.patients.to_string()));
        }
    }
    page.table(&["", ""], rows.into_iter().map(|(name, value)| vec![name, value]));
    let absent: Vec<&str> = ["Sex", "Site", "Stage"]
        .into_iter()
        .filter(|name| !cohort.tables.iter().any(|table| table.name == *name))
        .collect();
    if !absent.is_empty() {
        page.line(&format!("\nNot in the table: {}.", absent.join(", ").to_lowercase()));
    }
    page.line(
        "\nCounts below 10 are not shown; *withheld* is a larger count that would give one away.",
    );
}

fn evaluation(page: &mut Page, judged: &Judged) {
    let evaluation = judged.evaluation;
    page.heading(2, "Evaluation");
    page.line(&format!("{}.\n", design(judged.design)));
    let rows = [
        ("Design", escaped(&evaluation.design)),
        ("Cohort", escaped(&evaluation.cohort)),
        ("SHA-256 of the table", escaped(&evaluation.data_sha256)),
        ("Evaluated by", format!("Oncoweave {}", escaped(&evaluation.program_version))),
        ("Set aside before", excluded(judged)),
    ];
    page.table(&["", ""], rows.map(|(name, value)| vec![name.to_owned(), value]));
    page.heading(3, "Patients that it was judged on");
    cohort(page, &judged.cohort);
    page.heading(3, "Telling risk apart");
    page.table(
        &["Model", "Harrell's C (95 % interval)", "Uno's C", "Integrated Brier score"],
        evaluation.models.iter().map(|model| {
            let brier = match (model.ibs, model.ibs_interval) {
                (Some(value), Some(Bounds { low, high })) => {
                    with_interval(Some(Estimate { value, low, high }))
                }
                (Some(value), None) => format!("{value:.3}"),
                (None, _) => NONE.to_owned(),
            };
            let (harrell, uno) = (with_interval(model.c_index), with_interval(model.c_index_uno));
            vec![escaped(&model.name), harrell, uno, brier]
        }),
    );
    if !evaluation.comparisons.is_empty() {
        page.line("");
        page.table(
            &["Compared with", "Difference in C (95 % paired interval)", "p"],
            evaluation.comparisons.iter().map(|pair| {
                let delta = Estimate { value: pair.delta_c_index, low: pair.low, high: pair.high };
                vec![escaped(&pair.b), with_interval(Some(delta)), format!("{:.3}", pair.p)]
            }),
        );
    }
    worth(page, judged);
    subgroups(page, judged);
    calibration(page, judged);
}

fn worth(page: &mut Page, judged: &Judged) {
    let contributions = &judged.evaluation.contributions;
    if contributions.is_empty() {
        return;
    }
    page.heading(3, "What each modality is worth");
    page.table(
        &["Modality", "Share of the risk", "Gain in C (95 % paired interval)"],
        contributions.iter().map(|one| {
            let share = format!("{:.1} %", 100.0 * one.weight_share);
            vec![escaped(&one.modality), share, with_interval(one.gain)]
        }),
    );
}

/// How many were set aside; who they are stays in the evaluation folder.
pub(super) fn excluded(judged: &Judged) -> String {
    let whole = judged.evaluation.exclusions.iter().filter(|one| one.modality.is_empty()).count();
    match whole {
        0 => "nobody".to_owned(),
        count => format!("{} patients", shown(&[count], LEAST_SHOWN)[0]),
    }
}

fn subgroups(page: &mut Page, judged: &Judged) {
    page.heading(3, "In groups of patients");
    if judged.subgroups.is_empty() {
        page.line("The table has neither age nor sex nor site.");
        return;
    }
    let ratio = judged.subgroup_horizon_days.map_or_else(
        || "Observed over expected events".to_owned(),
        |days| format!("Observed over expected events by day {days}"),
    );
    page.table(
        &["Group", "Patients", "Events", "Harrell's C (95 % interval)", &ratio],
        judged.subgroups.iter().map(|group| {
            vec![
                format!("{}: {}", group.factor, escaped(&group.name)),
                group.patients.to_string(),
                group.events.to_string(),
                with_interval(group.c_index),
                with_interval(group.observed_over_expected),
            ]
        }),
    );
    page.line(
        "\nFigures take 10 patients and 10 events or more. Intervals are 95 % percentile bootstrap \
         intervals over patients, models as fitted, not corrected for the number of groups. C is \
         lower in groups that are more alike: a difference between groups is no proof of \
         unfairness, nor the lack of one of fairness.",
    );
}

fn calibration(page: &mut Page, judged: &Judged) {
    page.heading(3, "Calibration");
    if judged.calibration.is_empty() {
        page.line(
            "Follow-up reaches none of the horizons, or some patients came under observation late: \
             nothing can be set against what was observed.",
        );
    } else {
        page.table(
            &[
                "Day",
                "Mean predicted survival",
                "Observed survival (Kaplan-Meier)",
                "Observed over expected events",
            ],
            judged.calibration.iter().map(|at| {
                vec![
                    at.time_days.to_string(),
                    format!("{:.3}", at.predicted),
                    with_interval(at.observed),
                    with_interval(at.observed_over_expected),
                ]
            }),
        );
    }
    page.line(&format!(
        "\nCalibration slope: {}, the coefficient of ln(-ln S) at the last horizon in a Cox model: \
         1 where predictions are as far apart as they should, below 1 where they are too extreme.",
        with_interval(judged.slope())
    ));
}

fn limits_of_it(page: &mut Page, model: &Model, judged: Option<&Judged>) {
    page.heading(2, "Limits");
    page.line(&format!("- {DISCLAIMER}"));
    for limit in limits() {
        page.line(&format!("- {limit}"));
    }
    let notes = judged.map_or(&model.training.notes, |judged| &judged.evaluation.notes);
    for note in notes {
        page.line(&format!("- Note: {}.", escaped(note)));
    }
}
