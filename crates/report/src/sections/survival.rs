use std::collections::HashSet;

use oncoweave_core::competing_risks::{
    CompetingOutcome, CumulativeIncidence, EVENT, IncidenceStep,
};
use oncoweave_core::kaplan_meier::{KaplanMeier, Median};
use oncoweave_core::log_rank::log_rank;
use oncoweave_core::small_cells::{Protected, Shown, shown, shown_parts};
use oncoweave_core::{Evaluation, Prediction, Survival};

use super::first_model;
use crate::Error;
use crate::chart::{self, Curve, Step};
use crate::page::{Section, Table};
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
    let groups = groups(model, predictions)?;
    let patients: usize = groups.iter().map(|group| group.outcomes.len()).sum();
    if patients == 0 {
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
        return Ok(beside_others(section, evaluation, (model, predictions)));
    }
    Ok(beside_each_other(section, evaluation, groups, protected))
}

/// How far the groups are apart, their curves and their table.
fn beside_each_other(
    mut section: Section,
    evaluation: &Evaluation,
    mut groups: [Group; 2],
    protected: Option<Protected>,
) -> Section {
    section.text.push(separation(&groups));
    section.text.extend(words::finite(evaluation.hazard_ratio).map(|ratio| {
        format!(
            "High-risk patients had {:.2} times the hazard of the others (95\u{a0}% interval {:.2} \
             to {:.2}).",
            ratio.value, ratio.low, ratio.high
        )
    }));
    let last_days = groups.iter().filter_map(|group| group.curve.last_days()).fold(0.0, f64::max);
    let unit = TimeUnit::for_span(last_days);
    let ticks = unit.ticks(last_days);
    if let Some(Protected { least }) = protected {
        let times = unit.coarse_days(last_days, &evaluation.horizons_days);
        for group in &mut groups {
            group.curve = group.curve.coarse(&times, least);
        }
        section.notes.push(format!(
            "No single patient's time is told: curves step at a few times alone, as far as {least} \
             patients are followed, and numbers at risk are rounded down to multiples of {least}."
        ));
    }
    let curves: Vec<Curve> = groups
        .iter()
        .filter(|group| !group.outcomes.is_empty())
        .map(|group| group.drawn(unit, &ticks))
        .collect();
    let time_name = format!("{} since the index date", capital(unit.name()));
    let mut figure = chart::survival_curves(&curves, &ticks, &time_name);
    "risk-groups".clone_into(&mut figure.name);
    "Kaplan-Meier curves of the risk groups, with the number at risk".clone_into(&mut figure.title);
    section.figures.push(figure);
    section.tables.push(table(&groups, unit, &evaluation.horizons_days, protected));
    for group in groups.iter().filter(|group| group.outcomes.is_empty()) {
        section.notes.push(format!("Nobody fell into the group \u{201c}{}\u{201d}.", group.label));
    }
    section
}

/// The risk groups' cumulative incidence of the event and of those that compete with it.
fn beside_others(
    mut section: Section,
    evaluation: &Evaluation,
    (model, predictions): (&str, &[Prediction]),
) -> Section {
    section.heading = "Cumulative incidence by predicted risk group";
    section.text.push(
        "Other events compete with this one, so that the curves are of Aalen and Johansen: who had \
         another event stays without this one. One less Kaplan and Meier would promise more events \
         than happen."
            .to_owned(),
    );
    let names: Vec<&str> = evaluation.competing.iter().map(|event| event.name.as_str()).collect();
    let outcome = |prediction: &Prediction| {
        let Survival { time_days, event } = prediction.observed?;
        let other = prediction.competing.as_deref();
        let place = names.iter().position(|name| Some(*name) == other);
        let competing =
            place.and_then(|place| u32::try_from(place).ok()).map(|place| EVENT + 1 + place);
        Some(CompetingOutcome { time_days, cause: if event { Some(EVENT) } else { competing } })
    };
    let of = |high: bool| -> Vec<CompetingOutcome> {
        let own = predictions.iter().filter(|one| one.model == model && one.high_risk == high);
        own.filter_map(outcome).collect()
    };
    let groups = [("High risk", of(true)), ("Low risk", of(false))];
    let ends = groups.iter().flat_map(|(_, outcomes)| outcomes).map(|one| one.time_days);
    let last_days = ends.fold(0.0, f64::max);
    let unit = TimeUnit::for_span(last_days);
    let ticks = unit.ticks(last_days);
    let known = groups.iter().filter(|(_, outcomes)| !outcomes.is_empty());
    let curves: Vec<Curve> = known
        .filter_map(|(label, outcomes)| incidence_curve((label, outcomes), unit, &ticks))
        .collect();
    let time_name = format!("{} since the index date", capital(unit.name()));
    let mut figure = chart::survival_curves(&curves, &ticks, &time_name);
    "risk-groups".clone_into(&mut figure.name);
    "Without the event by Aalen and Johansen, with the number at risk"
        .clone_into(&mut figure.title);
    section.figures.push(figure);
    section.tables.push(incidence_table(&groups, &names, &evaluation.horizons_days));
    section
}

/// What is left when the incidence is taken off.
fn incidence_curve(
    (label, outcomes): (&str, &[CompetingOutcome]),
    unit: TimeUnit,
    ticks: &[f64],
) -> Option<Curve> {
    let curve = CumulativeIncidence::fit(outcomes, EVENT).ok()?;
    let days = unit.days();
    let at_risk = |tick: &f64| outcomes.iter().filter(|one| one.time_days >= tick * days).count();
    let events = curve.steps.iter().filter(|step| step.events > 0);
    Some(Curve {
        label: label.to_owned(),
        steps: events
            .map(|step| Step {
                time: step.time_days / days,
                survival: 1.0 - step.incidence,
                low: 1.0 - step.high,
                high: 1.0 - step.low,
            })
            .collect(),
        censored: outcomes
            .iter()
            .filter(|one| one.cause.is_none())
            .map(|one| one.time_days / days)
            .collect(),
        end: curve.steps.last()?.time_days / days,
        at_risk: ticks.iter().map(at_risk).collect(),
    })
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
                        let percent = |pick: fn(&IncidenceStep) -> f64| {
                            100.0 * step.as_ref().map_or(0.0, pick)
                        };
                        format!(
                            "{:.0}\u{a0}% ({:.0} to {:.0})",
                            percent(|step| step.incidence),
                            percent(|step| step.low),
                            percent(|step| step.high)
                        )
                    },
                ));
            }
            table.rows.push(row);
        }
    }
    table
}

struct Group {
    label: &'static str,
    outcomes: Vec<Survival>,
    curve: KaplanMeier,
}

/// High risk first, then low; each patient with a known outcome once.
fn groups(model: &str, predictions: &[Prediction]) -> Result<[Group; 2], Error> {
    let mut seen = HashSet::new();
    let (mut high, mut low) = (Vec::new(), Vec::new());
    for prediction in predictions.iter().filter(|prediction| prediction.model == model) {
        if !seen.insert(&prediction.patient_id) {
            return Err(Error::RepeatedPatient {
                patient: prediction.patient_id.clone(),
                model: model.to_owned(),
            });
        }
        if let Some(outcome) = prediction.observed {
            if prediction.high_risk { &mut high } else { &mut low }.push(outcome);
        }
    }
    Ok([("High risk", high), ("Low risk", low)].map(|(label, outcomes)| Group {
        label,
        curve: KaplanMeier::fit(&outcomes),
        outcomes,
    }))
}

fn separation(groups: &[Group; 2]) -> String {
    let [high, low] = groups;
    match log_rank(&[&high.outcomes, &low.outcomes]) {
        Ok(test) => {
            let verdict = if test.p < 0.05 {
                "the groups' survival differs by more than chance explains"
            } else {
                "chance alone can explain the difference between the groups"
            };
            format!(
                "Log-rank test: {}, \u{3c7}\u{b2} = {:.2} with {}: {verdict}.",
                words::p_value(test.p),
                test.statistic,
                words::count(test.degrees_of_freedom, "degree") + " of freedom",
            )
        }
        Err(reason) => format!("There is no log-rank test: {reason}."),
    }
}

impl Group {
    /// Whether its curve may be told: nobody is pointed at by a group that is empty or large.
    fn is_told(&self, rule: Protected) -> bool {
        self.outcomes.is_empty() || rule.allows(self.outcomes.len(), self.events())
    }

    fn events(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.event).count()
    }

    fn drawn(&self, unit: TimeUnit, ticks: &[f64]) -> Curve {
        let days = unit.days();
        let tick_days: Vec<f64> = ticks.iter().map(|tick| tick * days).collect();
        let steps = &self.curve.steps;
        Curve {
            label: self.label.to_owned(),
            steps: steps
                .iter()
                .filter(|step| step.events > 0)
                .map(|step| Step {
                    time: step.time_days / days,
                    survival: step.survival,
                    low: step.low,
                    high: step.high,
                })
                .collect(),
            censored: steps
                .iter()
                .filter(|step| step.censored > 0)
                .map(|step| step.time_days / days)
                .collect(),
            end: self.curve.last_days().unwrap_or(0.0) / days,
            at_risk: self.curve.at_risk(&tick_days),
        }
    }

    /// Survival at a time with its interval; `None` after the last follow-up.
    fn survival_at(&self, time_days: f64) -> Option<(f64, f64, f64)> {
        if time_days > self.curve.last_days()? {
            return None;
        }
        let passed = self.curve.steps.partition_point(|step| step.time_days <= time_days);
        let step = passed.checked_sub(1).map(|last| self.curve.steps[last]);
        Some(step.map_or((1.0, 1.0, 1.0), |step| (step.survival, step.low, step.high)))
    }
}

fn table(
    groups: &[Group; 2],
    unit: TimeUnit,
    horizons_days: &[f64],
    protected: Option<Protected>,
) -> Table {
    let patients = groups.each_ref().map(|group| group.outcomes.len());
    let events = groups.each_ref().map(Group::events);
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

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
