use std::collections::HashSet;

use oncoweave_core::competing_risks::{CompetingOutcome, CumulativeIncidence, EVENT};
use oncoweave_core::kaplan_meier::Median;
use oncoweave_core::log_rank::{LogRank, log_rank};
use oncoweave_core::small_cells::{Protected, Shown, shown, shown_parts};
use oncoweave_core::{Estimate, Evaluation, Prediction, RiskGroups, TestResult};

use super::first_model;
use crate::Error;
use crate::groups::{RiskGroup, coarsen, drawn_groups, last_days, observed_outcome};
use crate::page::{Details, Section, Table};
use crate::words::{self, TimeUnit};

/// Kaplan-Meier curves of the first model's risk groups.
pub(super) fn risk_groups(
    evaluation: &Evaluation,
    predictions: &[Prediction],
    protected: Option<Protected>,
) -> Result<Section, Error> {
    let mut section = Section {
        id: "survival",
        heading: "Survival by predicted risk group",
        ..Section::default()
    };
    let Some(model) = first_model(evaluation) else {
        section.text.push("The evaluation holds no model to make risk groups from.".to_owned());
        return Ok(section);
    };
    let names: Vec<&str> = evaluation.competing.iter().map(|event| event.name.as_str()).collect();
    let outcomes = outcomes(model, predictions, &names)?;
    if outcomes.iter().all(|(_, outcomes)| outcomes.is_empty()) {
        section.text.push(format!(
            "There is no curve: no patient has both a prediction of the {model} model and a known \
             outcome."
        ));
        return Ok(section);
    }
    section.text.push(format!(
        "High risk means that the {model} model gave a patient a risk above the median risk of the \
         patients it was trained on. These are patients {}. The bands are pointwise 95\u{a0}% \
         intervals (log-minus-log).",
        words::whom(evaluation)
    ));
    let groups = outcomes.each_ref().map(|(label, outcomes)| RiskGroup::of(label, outcomes));
    let is_told = |rule| groups.iter().all(|group| group.is_told(rule));
    if protected.is_some_and(|rule| !is_told(rule) || !evaluation.competing.is_empty()) {
        section.text.push(
            "The curves are not told: a group is too small in patients, in events or in patients \
             without one, or other events compete with this one."
                .to_owned(),
        );
        return Ok(section);
    }
    if !evaluation.competing.is_empty() {
        let table = incidence_table(&outcomes, &names, &evaluation.horizons_days);
        let mut section = beside_others(section, &groups, table);
        section
            .details
            .extend(evaluation.risk_groups.as_ref().and_then(|tests| thirds(evaluation, tests)));
        return Ok(section);
    }
    Ok(beside_each_other(section, evaluation, groups, protected))
}

/// How far the groups are apart, their curves and their table.
fn beside_each_other(
    mut section: Section,
    evaluation: &Evaluation,
    mut groups: [RiskGroup; 2],
    protected: Option<Protected>,
) -> Section {
    let tests = evaluation.risk_groups.as_ref();
    section.text.push(separation(&groups, tests, folds(evaluation)));
    section.text.extend(words::finite(evaluation.hazard_ratio).map(|ratio| {
        format!(
            "High-risk patients had {:.2} times the hazard of the others (95\u{a0}% interval {:.2} \
             to {:.2}).",
            ratio.value, ratio.low, ratio.high
        )
    }));
    section.text.extend(tests.and_then(restricted_means));
    section.details.extend(tests.and_then(|tests| thirds(evaluation, tests)));
    if let Some(rule) = protected {
        let least = rule.least;
        coarsen(&mut groups, &evaluation.horizons_days, rule);
        section.notes.push(format!(
            "No single patient's time is told: curves step at a few times alone, as far as {least} \
             patients are followed, and numbers at risk are rounded down to multiples of {least}."
        ));
    }
    let unit = TimeUnit::for_span(last_days(&groups));
    section.figures.extend(drawn_groups(&groups, false));
    section.tables.push(table(&groups, unit, &evaluation.horizons_days, protected));
    for group in groups.iter().filter(|group| group.outcomes.is_empty()) {
        section.notes.push(format!("Nobody fell into the group \u{201c}{}\u{201d}.", group.label));
    }
    section
}

/// The risk groups without the event, and its cumulative incidence beside that of the others.
fn beside_others(mut section: Section, groups: &[RiskGroup; 2], table: Table) -> Section {
    section.heading = "Without the event by predicted risk group";
    section.text.push(
        "Other events compete with this one, so that the curves are of Aalen and Johansen: who had \
         another event stays without this one. One less Kaplan and Meier would promise more events \
         than happen. The chart shows the share without the event, the table what is left to \
         100\u{a0}%, its cumulative incidence."
            .to_owned(),
    );
    section.figures.extend(drawn_groups(groups, true));
    section.tables.push(table);
    section
}

fn incidence_table(
    groups: &[(&str, Vec<CompetingOutcome>); 2],
    names: &[&str],
    horizons_days: &[f64],
) -> Table {
    let mut table = Table::new("Cumulative incidence in the risk groups with 95\u{a0}% intervals")
        .words("Group")
        .words("Event")
        .figures("Patients")
        .figures("Events");
    for &horizon in horizons_days {
        table = table.figures(&format!("By {}", words::horizon(horizon)));
    }
    for (label, outcomes) in groups {
        let last_days = outcomes.iter().map(|one| one.time_days).fold(0.0, f64::max);
        let events = std::iter::once("the event").chain(names.iter().copied());
        for (name, cause) in events.zip(EVENT..) {
            let count = outcomes.iter().filter(|one| one.cause == Some(cause)).count();
            let mut row = vec![
                (*label).to_owned(),
                name.to_owned(),
                words::thousands(outcomes.len()),
                words::thousands(count),
            ];
            let curve = CumulativeIncidence::fit(outcomes, cause).ok();
            for &horizon in horizons_days {
                let curve = curve.as_ref().filter(|_| horizon <= last_days);
                row.push(curve.map_or_else(
                    || words::NONE.to_owned(),
                    |curve| {
                        let passed = curve.steps.partition_point(|step| step.time_days <= horizon);
                        let step = passed.checked_sub(1).map(|last| curve.steps[last]);
                        // Before the first such event there is no variance to make an interval of.
                        let Some(step) = step.filter(|step| step.incidence > 0.0) else {
                            return "0\u{a0}%".to_owned();
                        };
                        let [value, low, high] =
                            [step.incidence, step.low, step.high].map(|share| 100.0 * share);
                        format!("{value:.0}\u{a0}% ({low:.0} to {high:.0})")
                    },
                ));
            }
            table.rows.push(row);
        }
    }
    table
}

/// What was observed in the groups, high risk first, then low; each patient with a known outcome once.
fn outcomes(
    model: &str,
    predictions: &[Prediction],
    competing: &[&str],
) -> Result<[(&'static str, Vec<CompetingOutcome>); 2], Error> {
    let mut seen = HashSet::new();
    let (mut high, mut low) = (Vec::new(), Vec::new());
    for prediction in predictions.iter().filter(|prediction| prediction.model == model) {
        if !seen.insert(&prediction.patient_id) {
            return Err(Error::RepeatedPatient {
                patient: prediction.patient_id.clone(),
                model: model.to_owned(),
            });
        }
        if let Some(outcome) = observed_outcome(prediction, competing) {
            if prediction.high_risk { &mut high } else { &mut low }.push(outcome);
        }
    }
    Ok([("High risk", high), ("Low risk", low)])
}

/// The number of held-out parts that the first model was judged in.
fn folds(evaluation: &Evaluation) -> usize {
    evaluation.models.first().map_or(0, |model| model.folds.len())
}

/// The log-rank test, stratified by held-out part where the evaluation has that.
fn separation(groups: &[RiskGroup; 2], tests: Option<&RiskGroups>, folds: usize) -> String {
    let [high, low] = groups;
    let plain = match log_rank(&[&high.outcomes, &low.outcomes]) {
        Ok(LogRank { statistic, degrees_of_freedom, p }) => {
            TestResult { statistic, degrees_of_freedom, p }
        }
        Err(reason) => return format!("There is no log-rank test: {reason}."),
    };
    let stratified = tests.and_then(|tests| tests.log_rank).filter(|_| folds != 1);
    let test = stratified.unwrap_or(plain);
    let verdict = if test.p < 0.05 {
        "the groups' survival differs by more than chance explains"
    } else {
        "chance alone can explain the difference between the groups"
    };
    format!(
        "Log-rank test: {}{}: {verdict}.",
        chi_squared(test),
        if stratified.is_some() { ", stratified by held-out part" } else { "" }
    )
}

fn chi_squared(test: TestResult) -> String {
    format!(
        "{}, \u{3c7}\u{b2} = {:.2} with {} of freedom",
        words::p_value(test.p),
        test.statistic,
        words::count(test.degrees_of_freedom, "degree")
    )
}

/// The mean times without the event of both groups, in words.
fn restricted_means(groups: &RiskGroups) -> Option<String> {
    let means = groups.restricted_means?;
    let unit = TimeUnit::for_span(means.tau_days);
    let text = |days: Estimate| {
        let Estimate { value, low, high } = words::finite(Some(days))?;
        let [value, low, high] = [value, low, high].map(|days| days / unit.days());
        Some(format!("{value:.1} ({low:.1} to {high:.1})").replace('-', "\u{2212}"))
    };
    Some(format!(
        "In the first {} high-risk patients were without the event for {} {unit} on average, the \
         others for {}: a difference of {}, above 0 where high risk is worse (areas under Kaplan \
         and Meier\u{2019}s curves; Royston and Parmar 2013).",
        words::horizon(means.tau_days),
        text(means.high.days)?,
        text(means.low.days)?,
        text(means.difference)?,
        unit = unit.name(),
    ))
}

/// Thirds of the predicted risk, and whether hazards rise over them.
fn thirds(evaluation: &Evaluation, groups: &RiskGroups) -> Option<Details> {
    if groups.thirds.is_empty() {
        return None;
    }
    let mut table = Table::new("Without the event by third of predicted risk (95\u{a0}%)")
        .words("Third")
        .figures("Patients")
        .figures("Events");
    for &horizon in &evaluation.horizons_days {
        table = table.figures(&format!("At {}", words::horizon(horizon)));
    }
    for (name, third) in ["Lowest", "Middle", "Highest"].iter().zip(&groups.thirds) {
        let mut row = vec![
            (*name).to_owned(),
            words::thousands(third.patients),
            words::thousands(third.events),
        ];
        row.extend(third.without_event.iter().map(|share| percent(words::finite(*share))));
        table.rows.push(row);
    }
    let trend = match groups.trend {
        Some(trend) => format!("Trend test over the thirds: {}.", chi_squared(trend)),
        None => "There is no trend test over the thirds.".to_owned(),
    };
    Some(Details {
        summary: "Thirds of predicted risk",
        text: vec![format!(
            "Patients of each held-out part in thirds of their predicted risk: a model that tells \
             risk apart has fewer without the event from the lowest to the highest. {trend} A \
             small p means that hazards rise or fall with the third (Tarone 1975, stratified by held-out \
             part)."
        )],
        tables: vec![table],
    })
}

/// A share in per cent; without an event so far it has no interval.
fn percent(share: Option<Estimate>) -> String {
    let Some(Estimate { value, low, high }) = share else { return words::NONE.to_owned() };
    let [value, low, high] = [value, low, high].map(|share| 100.0 * share);
    if value >= 100.0 {
        "100\u{a0}%".to_owned()
    } else {
        format!("{value:.0}\u{a0}% ({low:.0} to {high:.0})")
    }
}

fn table(
    groups: &[RiskGroup; 2],
    unit: TimeUnit,
    horizons_days: &[f64],
    protected: Option<Protected>,
) -> Table {
    let patients = groups.each_ref().map(|group| group.outcomes.len());
    let events = groups.each_ref().map(RiskGroup::events);
    let least = protected.map_or(0, |rule| rule.least);
    let told = |counts: Vec<Shown>| -> Vec<String> {
        let text = |count: Shown| match count {
            Shown::Count(count) => words::thousands(count),
            few => few.text(least),
        };
        counts.into_iter().map(text).collect()
    };
    let (patients, events) =
        (told(shown(&patients, least)), told(shown_parts(&events, &patients, least)));
    let caption = format!(
        "Survival of the risk groups with 95\u{a0}% intervals; the median in {}",
        unit.name()
    );
    let mut table =
        Table::new(&caption).words("Group").figures("Patients").figures("Events").figures("Median");
    for &horizon in horizons_days {
        table = table.figures(&format!("At {}", words::horizon(horizon)));
    }
    for (place, group) in groups.iter().enumerate() {
        let mut row = vec![
            group.label.to_owned(),
            patients[place].clone(),
            events[place].clone(),
            median(group.curve.median(), unit),
        ];
        for &horizon in horizons_days {
            row.push(group.survival_at(horizon).map_or_else(
                || words::NONE.to_owned(),
                |(survival, low, high)| {
                    format!(
                        "{:.0}\u{a0}% ({:.0} to {:.0})",
                        100.0 * survival,
                        100.0 * low,
                        100.0 * high
                    )
                },
            ));
        }
        table.rows.push(row);
    }
    table
}

fn median(median: Median, unit: TimeUnit) -> String {
    let text = |days: Option<f64>| {
        days.map_or_else(|| "not reached".to_owned(), |days| format!("{:.1}", days / unit.days()))
    };
    if median.days.is_none() && median.low.is_none() {
        return "not reached".to_owned();
    }
    format!("{} ({} to {})", text(median.days), text(median.low), text(median.high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_without_an_event_so_far_has_no_interval() {
        let of =
            |cause: Option<u32>| move |day: u32| CompetingOutcome::until(f64::from(day), cause);
        let some: Vec<CompetingOutcome> =
            (1..=10).map(of(Some(EVENT))).chain((20..=30).map(of(None))).collect();
        let none: Vec<CompetingOutcome> = (1..=30).map(of(None)).collect();
        let table = incidence_table(&[("High", some), ("Low", none)], &["other"], &[15.0]);
        let cells: Vec<&str> = table.rows.iter().map(|row| row[4].as_str()).collect();
        assert!(cells[0].starts_with("48\u{a0}% ("), "{cells:?}");
        assert_eq!(cells[1..], ["0\u{a0}%"; 3]);
    }
}
