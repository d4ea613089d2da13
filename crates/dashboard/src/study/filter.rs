//! Which patients a page is about, from the address.

use serde::Deserialize;

use super::{Protected, Study};

/// The filters as they stand in an address; an empty text filters nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filter {
    /// A part of the patient id, in any case.
    pub(crate) q: String,
    /// `high` or `low`.
    pub(crate) group: String,
    /// `event`, `censored`, `other` (an event that competes with this one) or `unknown`.
    pub(crate) outcome: String,
    pub(crate) site: String,
    pub(crate) label: String,
    /// A modality that the patient lacks.
    pub(crate) missing: String,
    /// `yes`: those with any flag, `no`: those without.
    pub(crate) flag: String,
    /// A column of the aligned table, and the least and greatest value of it.
    pub(crate) feature: String,
    pub(crate) min: String,
    pub(crate) max: String,
    /// `id`, `risk` or `time`, with `-` in front for the greatest first.
    pub(crate) sort: String,
    /// From 1.
    pub(crate) page: String,
    /// The place of the horizon.
    pub(crate) horizon: String,
}

/// The patients that a filter leaves.
#[derive(Debug)]
pub(crate) struct Selected {
    /// In the order asked for.
    pub(crate) places: Vec<usize>,
    pub(crate) horizon: usize,
    /// What was wrong with the filter, in sentences.
    pub(crate) problems: Vec<String>,
}

impl Filter {
    /// The filters in use as `name=value`, for the audit log and for headings.
    pub(crate) fn words(&self) -> String {
        let all = [
            ("search", &self.q),
            ("group", &self.group),
            ("outcome", &self.outcome),
            ("site", &self.site),
            ("label", &self.label),
            ("without", &self.missing),
            ("flagged", &self.flag),
            ("feature", &self.feature),
            ("from", &self.min),
            ("to", &self.max),
        ];
        let used = all.iter().filter(|(_, value)| !value.is_empty());
        used.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
    }

    /// The filter as a query, with some of it replaced.
    pub(crate) fn query(&self, replaced: &[(&str, &str)]) -> String {
        let all = [
            ("q", &self.q),
            ("group", &self.group),
            ("outcome", &self.outcome),
            ("site", &self.site),
            ("label", &self.label),
            ("missing", &self.missing),
            ("flag", &self.flag),
            ("feature", &self.feature),
            ("min", &self.min),
            ("max", &self.max),
            ("sort", &self.sort),
            ("horizon", &self.horizon),
        ];
        let mut query = String::new();
        let mut push = |name: &str, value: &str| {
            if !value.is_empty() {
                query.push(if query.is_empty() { '?' } else { '&' });
                query.push_str(name);
                query.push('=');
                query.push_str(&crate::web::encoded(value));
            }
        };
        for (name, value) in all {
            let new = replaced.iter().find(|(replaced, _)| *replaced == name);
            push(name, new.map_or(value.as_str(), |(_, value)| value));
        }
        for (name, value) in replaced.iter().filter(|(name, _)| *name == "page") {
            push(name, value);
        }
        query
    }

    /// What those may ask for who see no patient: one group of one category at a time, since two
    /// selections that differ by few patients would point at them.
    fn for_groups(&self) -> Self {
        let mut only = Self { horizon: self.horizon.clone(), ..Self::default() };
        if !self.site.is_empty() {
            only.site.clone_from(&self.site);
        } else if !self.label.is_empty() {
            only.label.clone_from(&self.label);
        }
        only
    }
}

/// The patients of a study that a filter leaves.
pub(crate) fn select(study: &Study, filter: &Filter, protected: Option<Protected>) -> Selected {
    let mut problems = Vec::new();
    let asked = filter;
    let filter = if protected.is_some() { &filter.for_groups() } else { filter };
    if protected.is_some() && asked.words() != filter.words() {
        problems.push(
            "Without the right to see patients you may choose one site or one class at a time."
                .to_owned(),
        );
    }
    let horizons = study.evaluation.horizons_days.len();
    let horizon = filter.horizon.parse().ok().filter(|&place: &usize| place < horizons);
    let horizon = horizon.unwrap_or_else(|| study.usual_horizon());
    let range = Range::of(study, filter, &mut problems);
    let search = filter.q.trim().to_lowercase();
    let mut places: Vec<usize> = (0..study.patients.len())
        .filter(|&place| matches(study, filter, place) && range.holds(study, place))
        .filter(|&place| {
            search.is_empty()
                || study.patients[place].patient_id.as_str().to_lowercase().contains(&search)
        })
        .collect();
    if let Some(Protected { least }) = protected {
        let rest = study.patients.len() - places.len();
        if places.len() < least || (rest > 0 && rest < least) {
            problems.push(format!(
                "This choice leaves or takes away fewer than {least} patients; nothing is shown."
            ));
            places.clear();
        }
    }
    sort(study, &filter.sort, horizon, &mut places);
    Selected { places, horizon, problems }
}

fn matches(study: &Study, filter: &Filter, place: usize) -> bool {
    let patient = &study.patients[place];
    let group = match filter.group.as_str() {
        "high" => patient.high_risk,
        "low" => !patient.high_risk,
        _ => true,
    };
    let outcome = match filter.outcome.as_str() {
        "event" => patient.observed.is_some_and(|observed| observed.event),
        "censored" => {
            patient.competing.is_none() && patient.observed.is_some_and(|observed| !observed.event)
        }
        "other" => patient.competing.is_some(),
        "unknown" => patient.observed.is_none(),
        _ => true,
    };
    let flag = match filter.flag.as_str() {
        "yes" => patient.is_doubtful(),
        "no" => !patient.is_doubtful(),
        _ => true,
    };
    let site = || study.row(place).and_then(|(data, row)| data.sites[row].clone());
    group
        && outcome
        && flag
        && (filter.site.is_empty() || site().as_ref() == Some(&filter.site))
        && (filter.label.is_empty() || patient.label.as_ref() == Some(&filter.label))
        && (filter.missing.is_empty() || patient.missing_modalities.contains(&filter.missing))
}

/// A range of one column of the aligned table.
struct Range {
    column: Option<usize>,
    low: f64,
    high: f64,
}

impl Range {
    fn of(study: &Study, filter: &Filter, problems: &mut Vec<String>) -> Self {
        let mut number = |name: &str, text: &str, otherwise: f64| {
            if text.trim().is_empty() {
                return otherwise;
            }
            text.trim().parse().unwrap_or_else(|_| {
                problems.push(format!("\u{201c}{name}\u{201d} must be a number such as 61.5."));
                otherwise
            })
        };
        let low = number("From", &filter.min, f64::NEG_INFINITY);
        let high = number("To", &filter.max, f64::INFINITY);
        if filter.feature.is_empty() {
            return Self { column: None, low, high };
        }
        let mut columns = study.data.iter().flat_map(|data| &data.columns);
        let column = columns.position(|column| column.name() == filter.feature);
        if column.is_none() {
            problems.push("The table has no such column.".to_owned());
        }
        Self { column, low, high }
    }

    /// A patient whose value is missing is in no range.
    fn holds(&self, study: &Study, place: usize) -> bool {
        let Some(column) = self.column else { return true };
        let Some((data, row)) = study.row(place) else { return false };
        let value = data.columns[column].values.get(row).map(f64::from);
        value.is_some_and(|value| self.low <= value && value <= self.high)
    }
}

fn sort(study: &Study, by: &str, horizon: usize, places: &mut [usize]) {
    let (by, falls) = by.strip_prefix('-').map_or((by, false), |by| (by, true));
    let key = |place: usize| match by {
        "risk" => study.risk(place, horizon).unwrap_or(f64::NEG_INFINITY),
        "time" => study.patients[place].observed.map_or(-1.0, |observed| observed.time_days),
        _ => 0.0,
    };
    match by {
        "risk" | "time" => {
            let mut keyed: Vec<(f64, usize)> =
                places.iter().map(|&place| (key(place), place)).collect();
            keyed.sort_by(|a, b| {
                let order = a.0.total_cmp(&b.0);
                if falls { order.reverse() } else { order }.then(a.1.cmp(&b.1))
            });
            for (place, (_, sorted)) in places.iter_mut().zip(keyed) {
                *place = sorted;
            }
        }
        _ if falls => places.reverse(),
        // Patients stand by id.
        _ => {}
    }
}
