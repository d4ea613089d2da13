//! Who the patients are, in counts that point at nobody.

use oncoweave_core::{
    Cohort, Survival,
    kaplan_meier::KaplanMeier,
    small_cells::{LEAST_SHOWN, Shown, shown, shown_parts},
};
use serde::{Deserialize, Serialize};

use super::groups::{self, Grouping};

/// Patients in outline: no count below 10 and no extreme value of a single patient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CohortDescription {
    /// Patients with follow-up.
    pub patients: Shown,
    /// Events among them.
    pub events: Shown,
    /// The median follow-up by the reversed Kaplan-Meier method, in days; `None` where fewer than
    /// half were censored.
    pub median_follow_up_days: Option<f64>,
    /// The last day past which 10 patients were still followed; `None` with fewer patients.
    pub longest_follow_up_days: Option<f64>,
    /// Their ages, where the table has them.
    pub age: Option<AgeDescription>,
    /// Sex, site and stage, where the table has them.
    pub tables: Vec<CountTable>,
}

/// Ages, in the unit of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgeDescription {
    /// The unit as the table has it.
    pub unit: String,
    /// Lowest, lower quartile, median, upper quartile and highest, where lowest and highest leave
    /// nine patients out on either side; `None` with fewer than 40 known ages.
    pub points: Option<[f32; 5]>,
}

/// How many patients are in each group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountTable {
    /// Such as `Sex`.
    pub name: String,
    /// Each group; the last one is `not recorded` where there is such a patient.
    pub levels: Vec<CountLevel>,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountLevel {
    /// Its name as the table has it.
    pub name: String,
    /// How many patients.
    pub patients: Shown,
}

/// What stands for patients whose group is unknown.
pub(crate) const NOT_RECORDED: &str = "not recorded";

/// Describes the rows of a table that have follow-up.
pub(crate) fn describe(cohort: &Cohort, rows: &[usize]) -> CohortDescription {
    let rows: Vec<usize> =
        rows.iter().copied().filter(|&row| cohort.survival[row].is_some()).collect();
    let outcomes: Vec<Survival> = rows.iter().filter_map(|&row| cohort.survival[row]).collect();
    let events = outcomes.iter().filter(|outcome| outcome.event).count();
    let reversed: Vec<Survival> =
        outcomes.iter().map(|outcome| Survival { event: !outcome.event, ..*outcome }).collect();
    let mut times: Vec<f64> = outcomes.iter().map(|outcome| outcome.time_days).collect();
    times.sort_by(f64::total_cmp);
    let enough = outcomes.len() >= LEAST_SHOWN;
    let follow_up = enough.then(|| KaplanMeier::fit(&reversed).median_days()).flatten();
    let tables = [groups::sex, groups::sites, groups::stage];
    let tables = tables.iter().filter_map(|grouping| grouping(cohort, &rows));
    CohortDescription {
        patients: shown(&[outcomes.len()], LEAST_SHOWN)[0],
        events: shown_parts(&[events], &[outcomes.len()], LEAST_SHOWN)[0],
        median_follow_up_days: follow_up,
        longest_follow_up_days: enough.then(|| times[times.len() - LEAST_SHOWN]),
        age: groups::ages(cohort, &rows).map(|(ages, unit)| describe_ages(&ages, unit)),
        tables: tables.map(|grouping| count(&grouping)).collect(),
    }
}

fn describe_ages(ages: &[Option<f32>], unit: String) -> AgeDescription {
    let mut known: Vec<f32> = ages.iter().flatten().copied().collect();
    known.sort_by(f32::total_cmp);
    let enough = known.len() >= 4 * LEAST_SHOWN;
    let points = enough.then(|| {
        let last = known.len() - 1;
        let edge = LEAST_SHOWN - 1;
        [edge, last / 4, last / 2, last * 3 / 4, last - edge].map(|place| known[place])
    });
    AgeDescription { unit, points }
}

fn count(grouping: &Grouping) -> CountTable {
    let mut counts = vec![0; grouping.levels.len() + 1];
    for group in &grouping.of {
        counts[group.unwrap_or(grouping.levels.len())] += 1;
    }
    let names = grouping.levels.iter().map(String::as_str).chain([NOT_RECORDED]);
    // An empty group tells of nobody.
    let (names, counts): (Vec<&str>, Vec<usize>) =
        names.zip(counts).filter(|(_, count)| *count > 0).unzip();
    let levels = names.into_iter().zip(shown(&counts, LEAST_SHOWN));
    let levels = levels.map(|(name, patients)| CountLevel { name: name.to_owned(), patients });
    CountTable { name: grouping.name.to_owned(), levels: levels.collect() }
}
