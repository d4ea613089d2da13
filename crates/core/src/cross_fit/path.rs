//! Ridge fits to some patients at one penalty after the other, each judged by patients it did not
//! see.

use crate::newton::{Fitted, Geometry, Part, dot};
use crate::partial_likelihood::{RiskSets, Ties};
use crate::{Survival, Undefined};

/// The expected gain of a Newton step, relative to the objective, below which a model on the way
/// to the penalty is good enough to compare penalties by.
const SMALL_GAIN: f64 = 1e-8;

/// The same for a model that is kept.
const SMALLEST_GAIN: f64 = 1e-13;

/// Of the gain that is small for a step, what may be left to gain in all directions together.
const LEFT: f64 = 0.1;

/// A penalty whose cross-validated log likelihood in one fold lies so far below the best of the
/// larger ones, and all smaller penalties, are not looked at further.
const HOPELESS: f64 = 8.0;

/// Blocks with the penalties that are tried for them.
pub(super) struct Journey {
    /// What the squares of each block's columns count by.
    pub(super) shares: Vec<f64>,
    /// From the largest to the smallest.
    pub(super) penalties: Vec<f64>,
}

impl Journey {
    /// The penalty of each block where one of the penalties is chosen.
    pub(super) fn of_blocks(&self, chosen: usize) -> Vec<f64> {
        self.shares.iter().map(|share| self.penalties[chosen] / share).collect()
    }
}

/// One fit at each penalty, from the largest on.
pub(super) struct Path<'p> {
    pub(super) journey: &'p Journey,
    /// The patients of the fits.
    pub(super) rows: Vec<usize>,
    sets: RiskSets,
    judges: Vec<Judge>,
    /// How many penalties are tried, hopeless or not.
    least: usize,
    small_gain: f64,
    /// The last fit.
    fitted: Option<Fitted>,
    /// The number of coefficients of each block in it, where they are those of directions.
    widths: Vec<usize>,
    failed: bool,
    /// The log-risks of all patients; it ends where smaller penalties are hopeless.
    pub(super) log_risks: Vec<Vec<f64>>,
    /// The log likelihood of the patients it was fitted to, at each penalty.
    likelihoods: Vec<f64>,
}

/// Some patients by whose likelihood fits are compared.
pub(super) struct Judge {
    rows: Vec<usize>,
    sets: RiskSets,
    highest: f64,
}

impl<'p> Path<'p> {
    /// Fits to some patients until the smaller penalties are hopeless by each group of patients in
    /// `judges`, and `least` are done.
    pub(super) fn new(
        journey: &'p Journey,
        (rows, outcomes): (Vec<usize>, &[Survival]),
        judges: Vec<Judge>,
        least: usize,
    ) -> Self {
        Self {
            journey,
            sets: risk_sets(&rows, outcomes),
            rows,
            judges,
            least,
            small_gain: SMALL_GAIN,
            fitted: None,
            widths: vec![],
            failed: false,
            log_risks: vec![],
            likelihoods: vec![],
        }
    }

    /// The same as exactly as can be, at each of the penalties.
    pub(super) fn exact(journey: &'p Journey, patients: (Vec<usize>, &[Survival])) -> Self {
        let path = Self::new(journey, patients, vec![], journey.penalties.len());
        Self { small_gain: SMALLEST_GAIN, ..path }
    }

    /// Goes on to the end.
    pub(super) fn finish(&mut self, geometry: &Geometry) {
        let rows = self.rows.clone();
        let part = geometry.part(&rows);
        while self.goes_on() {
            self.fit_to(&part);
            self.judge(geometry);
        }
    }

    /// Whether there is a penalty to go on to.
    pub(super) fn goes_on(&self) -> bool {
        let done = self.log_risks.len();
        let hopeful = done < self.least || self.judges.iter().any(Judge::hopes);
        !self.failed && hopeful && done < self.journey.penalties.len()
    }

    fn penalty(&self) -> f64 {
        self.journey.penalties[self.log_risks.len()]
    }

    /// Fits at the next penalty.
    pub(super) fn fit(&mut self, geometry: &Geometry) {
        let rows = self.rows.clone();
        self.fit_to(&geometry.part(&rows));
    }

    /// Fits from where the last fit ended.
    fn fit_to(&mut self, part: &Part) {
        let start = self.fitted.as_ref().map(|fitted| &fitted.solution[..]);
        let fitted = part.fit_within(&self.sets, self.penalty(), start, self.small_gain);
        self.failed = fitted.is_err();
        self.fitted = fitted.ok();
    }

    /// Takes the fit for the next penalty's, and judges it.
    pub(super) fn judge(&mut self, geometry: &Geometry) {
        let Some(fitted) = &self.fitted else { return };
        let log_risks = geometry.log_risks(&self.rows, &fitted.solution);
        for judge in &mut self.judges {
            judge.worth(&log_risks, fitted.log_likelihood);
        }
        self.log_risks.push(log_risks);
        self.likelihoods.push(fitted.log_likelihood);
    }

    /// The last fit.
    pub(super) fn last(self) -> Result<Fitted, Undefined> {
        let penalty = *self.journey.penalties.last().expect("there are penalties");
        self.fitted.ok_or(Undefined::NoConvergence { penalty })
    }

    /// The worth of each fit by a judge, up to where it is hopeless.
    pub(super) fn worths(&self, mut judge: Judge) -> Vec<f64> {
        let each = self.log_risks.iter().zip(&self.likelihoods);
        each.map_while(|(risks, &likelihood)| judge.worth(risks, likelihood)).collect()
    }
}

/// Where a fit stands that other coefficients than its own may make better.
pub(super) struct Standing {
    pub(super) penalty: f64,
    /// What the squares of each block's columns count by.
    pub(super) shares: Vec<f64>,
    pub(super) solution: Vec<f64>,
    /// How the likelihood rises with each patient's log-risk, (patients,); 0 for those who are not
    /// fitted to.
    pub(super) rises: Vec<f64>,
    /// How far above its minimum the objective may be.
    pub(super) allowed: f64,
}

impl Path<'_> {
    /// The fit at the next penalty, if there is one.
    pub(super) fn standing(&self, geometry: &Geometry) -> Option<Standing> {
        let fitted = self.fitted.as_ref().filter(|_| self.goes_on())?;
        let log_risks = geometry.log_risks(&self.rows, &fitted.solution);
        let own: Vec<f64> = self.rows.iter().map(|&row| log_risks[row]).collect();
        let mut rises = vec![0.0; log_risks.len()];
        for (&row, rise) in self.rows.iter().zip(self.sets.at(&own).gradient) {
            rises[row] = rise;
        }
        let penalty = self.penalty();
        let square = dot(&fitted.solution, &fitted.solution);
        let objective = 0.5 * penalty * square - fitted.log_likelihood;
        Some(Standing {
            penalty,
            shares: self.journey.shares.clone(),
            solution: fitted.solution.clone(),
            rises,
            allowed: LEFT * self.small_gain * (1.0 + objective.abs()),
        })
    }

    /// Adds coefficients of 0 to the last fit, until each block has as many as it is wide.
    pub(super) fn widen(&mut self, widths: &[usize]) {
        if let Some(fitted) = &mut self.fitted {
            let mut old = fitted.solution.iter().copied();
            let mut wide = vec![];
            for (&from, &to) in self.widths.iter().zip(widths) {
                wide.extend(old.by_ref().take(from));
                wide.resize(wide.len() + to - from, 0.0);
            }
            fitted.solution = wide;
        }
        self.widths = widths.to_vec();
    }

    /// Says that there is no fit at the next penalty.
    pub(super) fn give_up(&mut self) {
        (self.failed, self.fitted) = (true, None);
    }
}

impl Judge {
    pub(super) fn new(rows: &[usize], outcomes: &[Survival]) -> Self {
        let sets = risk_sets(rows, outcomes);
        Self { rows: rows.to_vec(), sets, highest: f64::NEG_INFINITY }
    }

    /// Whether no fit was hopeless so far.
    pub(super) fn hopes(&self) -> bool {
        self.highest < f64::INFINITY
    }

    /// The likelihood of these patients less that of the patients it was fitted to; `None` from
    /// where it is hopeless.
    pub(super) fn worth(&mut self, log_risks: &[f64], fitted: f64) -> Option<f64> {
        let own: Vec<f64> = self.rows.iter().map(|&row| log_risks[row]).collect();
        let worth = self.sets.at(&own).value - fitted;
        let hopeful = worth.is_finite() && worth >= self.highest - HOPELESS;
        self.highest = if hopeful { self.highest.max(worth) } else { f64::INFINITY };
        hopeful.then_some(worth)
    }
}

fn risk_sets(rows: &[usize], outcomes: &[Survival]) -> RiskSets {
    let own: Vec<Survival> = rows.iter().map(|&row| outcomes[row]).collect();
    RiskSets::new(&own, Ties::Efron)
}
