//! Competing risks: events that keep one another from happening.

use ndarray::{Array2, ArrayRef1, ArrayRef2};

use crate::inference::Z_95;
use crate::kaplan_meier::{Counts, counts};
use crate::survival::from_the_index_date;
use crate::{CumulativeHazard, Incidence, Survival, Undefined};

/// The cause of [`CompetingOutcome`] that is the event of interest, wherever outcomes come from a
/// [`crate::Cohort`]; the competing ones are numbered from 2 on.
pub const EVENT: u32 = 1;

/// Follow-up that ends with one of several events, or is censored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CompetingOutcome {
    /// Days from the index date to the event or to the last contact.
    pub time_days: f64,
    /// Which event; `None` is censored.
    pub cause: Option<u32>,
    /// The begin of observation where it is late, as [`Survival::entry_days`].
    pub entry_days: Option<f64>,
}

impl CompetingOutcome {
    /// Follow-up from the index date on up to a time.
    #[must_use]
    pub const fn until(time_days: f64, cause: Option<u32>) -> Self {
        Self { time_days, cause, entry_days: None }
    }

    /// Follow-up in which one cause is the event and the others censor.
    #[must_use]
    pub fn of_cause(&self, cause: u32) -> Survival {
        let Self { time_days, entry_days, .. } = *self;
        Survival { time_days, event: self.cause == Some(cause), entry_days }
    }

    /// Follow-up in which every cause is the event: what is censored here is censored truly.
    #[must_use]
    pub fn of_any_cause(&self) -> Survival {
        let Self { time_days, entry_days, .. } = *self;
        Survival { time_days, event: self.cause.is_some(), entry_days }
    }
}

/// The probability of an event of one cause by a time, a step function. Aalen and Johansen, Scand
/// J Stat 1978;5:141.
#[derive(Clone, Debug, PartialEq)]
pub struct CumulativeIncidence {
    /// One step for each distinct time at which anybody's follow-up ended.
    pub steps: Vec<IncidenceStep>,
}

/// A cumulative incidence from one time up to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IncidenceStep {
    /// Days from the index date.
    pub time_days: f64,
    /// Patients under observation just before.
    pub at_risk: usize,
    /// Events of this cause at this time.
    pub events: usize,
    /// Events of other causes at this time.
    pub competing: usize,
    /// Patients censored at this time.
    pub censored: usize,
    /// The probability of an event of this cause by this time.
    pub incidence: f64,
    /// Its variance by the delta method. Braun and Yuan, Stat Med 2007;26:1170.
    pub variance: f64,
    /// The lower bound of its pointwise 95 % interval, log-minus-log transformed.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

impl CumulativeIncidence {
    /// Estimates the incidence of one cause in the presence of the others. Who came under observation
    /// late is at risk after the time of entry only.
    ///
    /// # Errors
    /// When there is no patient.
    pub fn fit(outcomes: &[CompetingOutcome], cause: u32) -> Result<Self, Undefined> {
        if outcomes.is_empty() {
            return Err(Undefined::NoPatient);
        }
        let mut sorted = outcomes.to_vec();
        sorted.sort_by(|a, b| a.time_days.total_cmp(&b.time_days));
        let all: Vec<Survival> = sorted.iter().map(CompetingOutcome::of_any_cause).collect();
        let (mut survival, mut incidence) = (1.0, 0.0);
        let mut variance = VarianceSums::default();
        let steps = sorted
            .chunk_by(|a, b| a.time_days >= b.time_days)
            .zip(counts(&all))
            .map(|(now, Counts { at_risk, .. })| {
                let events = now.iter().filter(|one| one.cause == Some(cause)).count();
                let all = now.iter().filter(|one| one.cause.is_some()).count();
                incidence += survival * events as f64 / at_risk as f64;
                variance.add([events, all, at_risk], survival, incidence);
                survival *= (at_risk - all) as f64 / at_risk as f64;
                let variance = variance.at(incidence);
                let (low, high) = log_log_band(incidence, variance);
                IncidenceStep {
                    time_days: now[0].time_days,
                    at_risk,
                    events,
                    competing: all - events,
                    censored: now.len() - all,
                    incidence,
                    variance,
                    low,
                    high,
                }
            })
            .collect();
        Ok(Self { steps })
    }

    /// The probability of an event of this cause by a time; after the last follow-up it stays as
    /// it was.
    #[must_use]
    pub fn incidence_at(&self, time_days: f64) -> Incidence {
        let passed = self.steps.partition_point(|step| step.time_days <= time_days);
        Incidence(passed.checked_sub(1).map_or(0.0, |last| self.steps[last].incidence))
    }
}

/// Follow-up in which one cause is the event and the others censor: what a Cox model of the
/// cause-specific hazard is fitted to. Prentice et al., Biometrics 1978;34:541.
#[must_use]
pub fn cause_specific(outcomes: &[CompetingOutcome], cause: u32) -> Vec<Survival> {
    outcomes.iter().map(|one| one.of_cause(cause)).collect()
}

/// Follow-up in which who had an event of another cause stays at risk for ever: Harrell's C of it
/// is the C for competing risks of Wolbers et al., Biostatistics 2014;15:526, without weights.
///
/// # Errors
/// When some patients came under observation late: those with an earlier event of another cause would
/// have had less time to be seen than those who are at risk, and would count too little.
pub fn at_risk_for_ever(
    outcomes: &[CompetingOutcome],
    cause: u32,
) -> Result<Vec<Survival>, Undefined> {
    let entries = outcomes.iter().map(|outcome| outcome.entry_days);
    from_the_index_date("concordance beside competing events", entries)?;
    let own = |one: &CompetingOutcome| match one.cause {
        Some(other) if other != cause => Survival::until(f64::INFINITY, false),
        _ => one.of_cause(cause),
    };
    Ok(outcomes.iter().map(own).collect())
}

/// The cumulative incidence of each cause along rising times, (causes, times), from one patient's
/// cumulative cause-specific hazards at them, (causes, times).
///
/// From one time to the next the hazards of all causes keep their ratio, so that who has an event
/// there, a share of 1 - exp(-Σ dH), has it of each cause in the ratio of the dH. This is the
/// matrix exponential that R's `survfit` takes of a multi-state Cox model; the causes and
/// exp(-Σ H) sum to 1.
#[must_use]
pub fn incidence_of_hazards(hazards: &ArrayRef2<CumulativeHazard>) -> Array2<Incidence> {
    let mut incidence = Array2::from_elem(hazards.dim(), Incidence(0.0));
    let mut course = Course::new(hazards.nrows());
    for time in 0..hazards.ncols() {
        course.step(&hazards.column(time));
        for (found, &reached) in incidence.column_mut(time).iter_mut().zip(&course.incidence) {
            *found = Incidence(reached);
        }
    }
    incidence
}

/// One patient's way from time to time.
pub(crate) struct Course {
    /// The cumulative hazard of each cause.
    hazards: Vec<f64>,
    /// By how much each rose in the last step, and all of them together.
    pub(crate) rises: Vec<f64>,
    pub(crate) all: f64,
    /// The probability of any event in the last step.
    pub(crate) ending: f64,
    /// The probability of no event so far.
    pub(crate) survival: f64,
    /// The probability of an event of each cause so far.
    pub(crate) incidence: Vec<f64>,
}

impl Course {
    pub(crate) fn new(causes: usize) -> Self {
        let zeros = vec![0.0; causes];
        Self {
            hazards: zeros.clone(),
            rises: zeros.clone(),
            all: 0.0,
            ending: 0.0,
            survival: 1.0,
            incidence: zeros,
        }
    }

    /// Goes on to a time at which the causes have these cumulative hazards, (causes,).
    pub(crate) fn step(&mut self, hazards: &ArrayRef1<CumulativeHazard>) {
        for (cause, &CumulativeHazard(hazard)) in hazards.iter().enumerate() {
            self.rises[cause] = (hazard - self.hazards[cause]).max(0.0);
            self.hazards[cause] = hazard;
        }
        self.all = self.rises.iter().sum();
        self.ending = self.survival * -(-self.all).exp_m1();
        if self.all > 0.0 {
            for (incidence, rise) in self.incidence.iter_mut().zip(&self.rises) {
                *incidence += self.ending * rise / self.all;
            }
        }
        self.survival -= self.ending;
    }
}

/// The sums that give the variance at a later incidence F. With d events of any cause among n at
/// risk, e of this one, S the survival before and f the incidence then, it is
/// Σ (F - f)² d/(n(n - d)) + Σ S² e (n - e)/n³ - 2 Σ (F - f) S e/n².
#[derive(Default)]
struct VarianceSums {
    greenwood: [f64; 3],
    own: f64,
    shared: [f64; 2],
}

impl VarianceSums {
    fn add(&mut self, [events, all, at_risk]: [usize; 3], survival: f64, incidence: f64) {
        let (events, all, at_risk) = (events as f64, all as f64, at_risk as f64);
        // Where nobody is left nothing follows, and F - f is 0. So it is after survival has come to 0.
        if all < at_risk && survival > 0.0 {
            let greenwood = all / (at_risk * (at_risk - all));
            self.greenwood[0] += greenwood;
            self.greenwood[1] += greenwood * incidence;
            self.greenwood[2] += greenwood * incidence * incidence;
        }
        self.own += survival * survival * events * (at_risk - events) / at_risk.powi(3);
        let shared = survival * events / (at_risk * at_risk);
        self.shared[0] += shared;
        self.shared[1] += shared * incidence;
    }

    fn at(&self, incidence: f64) -> f64 {
        let [g0, g1, g2] = self.greenwood;
        let squares = incidence * incidence * g0 - 2.0 * incidence * g1 + g2;
        let products = incidence * self.shared[0] - self.shared[1];
        (squares + self.own - 2.0 * products).max(0.0)
    }
}

fn log_log_band(incidence: f64, variance: f64) -> (f64, f64) {
    if incidence <= 0.0 || incidence >= 1.0 {
        return (incidence, incidence);
    }
    let width = Z_95 * variance.sqrt() / (incidence * incidence.ln().abs());
    (incidence.powf(width.exp()), incidence.powf((-width).exp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::kaplan_meier::KaplanMeier;

    fn outcomes(rows: &[(f64, Option<u32>)]) -> Vec<CompetingOutcome> {
        rows.iter().map(|&(time_days, cause)| CompetingOutcome::until(time_days, cause)).collect()
    }

    #[test]
    fn one_cause_alone_is_the_complement_of_kaplan_meier() {
        let all =
            outcomes(&[(1.0, Some(1)), (2.0, None), (2.0, Some(1)), (3.0, Some(1)), (4.0, None)]);
        let incidence = CumulativeIncidence::fit(&all, 1).unwrap();
        let curve = KaplanMeier::fit(&cause_specific(&all, 1));
        let mut greenwood = 0.0;
        for (step, usual) in incidence.steps.iter().zip(&curve.steps) {
            assert!((step.incidence + usual.survival - 1.0).abs() < 1e-15);
            let (n, d) = (usual.at_risk as f64, usual.events as f64);
            greenwood += d / (n * (n - d));
            assert!((step.variance - usual.survival.powi(2) * greenwood).abs() < 1e-15);
        }
    }

    #[test]
    fn late_entries_are_at_risk_after_they_entered() {
        let all: Vec<CompetingOutcome> =
            outcomes(&[(1.0, Some(1)), (2.0, None), (2.0, Some(1)), (3.0, Some(1)), (4.0, None)])
                .into_iter()
                .zip([None, Some(0.5), None, Some(1.0), Some(2.0)])
                .map(|(one, entry_days)| CompetingOutcome { entry_days, ..one })
                .collect();
        let incidence = CumulativeIncidence::fit(&all, 1).unwrap();
        let curve = KaplanMeier::fit(&cause_specific(&all, 1));
        let at_risk: Vec<usize> = incidence.steps.iter().map(|step| step.at_risk).collect();
        assert_eq!(at_risk, [3, 3, 2, 1]);
        for (step, usual) in incidence.steps.iter().zip(&curve.steps) {
            assert_eq!(step.at_risk, usual.at_risk);
            assert!((step.incidence + usual.survival - 1.0).abs() < 1e-15);
        }
    }

    #[test]
    fn constant_hazards_have_the_incidence_of_the_textbook() {
        let (own, other) = (0.002_f64, 0.005_f64);
        let times = [100.0, 150.0, 400.0, 1000.0];
        let hazards = Array2::from_shape_fn((2, 4), |(cause, time)| {
            CumulativeHazard(times[time] * if cause == 0 { own } else { other })
        });
        let found = incidence_of_hazards(&hazards);
        for (place, time) in times.into_iter().enumerate() {
            let ended = 1.0 - (-(own + other) * time).exp();
            assert!((found[[0, place]].0 - own / (own + other) * ended).abs() < 1e-14);
            assert!((found[[1, place]].0 - other / (own + other) * ended).abs() < 1e-14);
        }
        assert!(incidence_of_hazards(&Array2::default((2, 3))).iter().all(|one| one.0 <= 0.0));
    }

    #[test]
    fn causes_and_survival_sum_to_1() {
        let all = outcomes(&[
            (1.0, Some(1)),
            (2.0, Some(2)),
            (2.0, None),
            (3.0, Some(1)),
            (5.0, Some(2)),
        ]);
        let [first, second] = [1, 2].map(|cause| CumulativeIncidence::fit(&all, cause).unwrap());
        for time in [0.5, 1.0, 2.0, 3.0, 6.0] {
            let any: Vec<_> =
                all.iter().map(|one| Survival::until(one.time_days, one.cause.is_some())).collect();
            let sum = first.incidence_at(time).0 + second.incidence_at(time).0;
            assert!((sum + KaplanMeier::fit(&any).survival_at(time).0 - 1.0).abs() < 1e-15);
        }
        assert!(second.steps[0].incidence == 0.0 && second.steps[0].variance == 0.0);
        let absent = CumulativeIncidence::fit(&all, 7).unwrap();
        assert!(absent.steps.iter().all(|step| step.incidence == 0.0 && step.variance == 0.0));
        assert_eq!(CumulativeIncidence::fit(&[], 1), Err(Undefined::NoPatient));
    }
}
