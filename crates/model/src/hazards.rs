//! Discrete-time hazards: follow-up cut into intervals, a conditional probability of the event in
//! each. Gensheimer and Narasimhan, `PeerJ` 2019;7:e6257 (Nnet-survival). Those of competing events
//! together are a multinomial logit in each interval: Tutz and Schmid, Modeling Discrete
//! Time-to-Event Data, 2016, section 8.2.

use oncoweave_core::{
    CumulativeHazard, Survival, SurvivalProbability,
    competing_risks::{CompetingOutcome, EVENT},
    precision::IntervalPrecision,
};
use tch::{Device, Kind, Tensor};

use crate::network::to_i64;

/// The ends of the intervals in days, rising; the first begins at 0.
#[derive(Clone, Copy)]
pub(crate) struct Intervals<'a>(pub(crate) &'a [f64]);

/// The ends of at most `intervals` intervals, at quantiles of the event times, so that each holds
/// about as many events; the last is the last event's time. Times at 0 cannot end an interval.
pub(crate) fn cut_points(outcomes: &[CompetingOutcome], intervals: usize) -> Vec<f64> {
    let ends = outcomes.iter().filter(|outcome| outcome.cause.is_some());
    let mut times: Vec<f64> = ends.map(|outcome| outcome.time_days).collect();
    times.sort_by(f64::total_cmp);
    let count = times.len();
    let end = |interval: usize| times[(count * interval).div_ceil(intervals) - 1];
    let mut ends: Vec<f64> = if count == 0 {
        vec![]
    } else {
        (1..=intervals).map(end).filter(|&day| day > 0.0).collect()
    };
    ends.dedup();
    if ends.is_empty() { vec![1.0] } else { ends }
}

/// The least log of a rise of a cumulative hazard that is told from none.
const LEAST_LOG_HAZARD: f64 = -60.0;

/// The least hazard whose logarithm float32 holds well.
const LEAST_HAZARD: f64 = 1e-30;

/// The logits of one event's hazards, (batch, intervals), of those of all events together, (batch,
/// events, intervals).
///
/// In an interval the events' hazards are `exp(l_k) / (1 + sum of exp(l_j))`. The cumulative hazard of
/// any event rises by -log(1 - the sum of the hazards), of which each event has the share of its
/// hazard, as with hazards whose ratios are constant within the interval. The logit that comes out
/// is the one whose hazard alone would rise by that share.
pub(crate) fn of_event(all: &Tensor, event: i64) -> Tensor {
    let own = all.select(1, event);
    if all.size()[1] == 1 {
        return own;
    }
    let any = all.logsumexp([1_i64].as_slice(), false).clamp_min(LEAST_LOG_HAZARD);
    let log_rise = (own - &any + any.softplus().log()).clamp_min(LEAST_LOG_HAZARD);
    let rise = log_rise.exp();
    // The inverse of softplus.
    &rise + (-(-&rise).expm1()).log()
}

/// The log of the cumulative hazard at the last cut point, (batch,): what a discrete-time head gives
/// as risk. A hazard h adds -log(1 - h), which is the softplus of its logit.
pub(crate) fn log_risk(logits: &Tensor) -> Tensor {
    logits.softplus().sum_dim_intlist(1, false, Kind::Float).log()
}

impl Intervals<'_> {
    /// The probability to survive past a time, from the logits of one patient's hazards,
    /// (intervals,).
    pub(crate) fn survival(self, logits: &[f32], time_days: f64) -> SurvivalProbability {
        self.hazard(logits, time_days).survival()
    }

    /// The log of the rise of the cumulative hazard in an interval whose hazard has this logit.
    pub(crate) fn log_hazard(logit: f32) -> f64 {
        softplus(f64::from(logit)).ln()
    }

    /// How well the hazards of each interval are known by the patients that they were fitted to, from
    /// the logits of their hazards, (patients, intervals). In an interval without an event, as one has
    /// that was cut for several, as well as in the fewest around it that have one. Empty where that
    /// cannot be said.
    pub(crate) fn precision(
        self,
        outcomes: &[Survival],
        logits: &[Vec<f32>],
    ) -> Vec<IntervalPrecision> {
        let known = |place: usize| {
            let own: Vec<f64> = logits.iter().map(|own| Self::log_hazard(own[place])).collect();
            let around = |reach: usize| {
                let first = place.saturating_sub(reach);
                let end = self.0[(place + reach).min(self.0.len() - 1)];
                // The first interval holds its start too.
                let start = if first == 0 { f64::NEG_INFINITY } else { self.0[first - 1] };
                IntervalPrecision::of(outcomes, &own, (start, end)).ok()
            };
            (0..self.0.len()).find_map(around)
        };
        (0..self.0.len()).map(known).collect::<Option<_>>().unwrap_or_default()
    }

    /// The cumulative hazard up to a time. Within an interval the hazard is constant; after the last
    /// it is 0.
    pub(crate) fn hazard<T: Copy + Into<f64>>(
        self,
        logits: &[T],
        time_days: f64,
    ) -> CumulativeHazard {
        let (mut start, mut hazard) = (0.0, 0.0);
        for (&end, &logit) in self.0.iter().zip(logits) {
            if time_days <= start {
                break;
            }
            let share = ((time_days - start) / (end - start)).min(1.0);
            hazard += share * softplus(logit.into());
            start = end;
        }
        CumulativeHazard(hazard)
    }
}

fn softplus(value: f64) -> f64 {
    value.max(0.0) + (-value.abs()).exp().ln_1p()
}

/// What each patient's follow-up says about each interval's hazard.
pub(crate) struct Observed {
    /// 1 in the interval of each event, (patients, events, intervals).
    pub(crate) event: Tensor,
    /// The weight of what is seen: 0 where nothing is, (patients, intervals).
    pub(crate) weight: Tensor,
    /// The share of the interval that a patient is at risk in, 1 but where one enters late; none
    /// where nobody does, (patients, intervals).
    pub(crate) span: Option<Tensor>,
}

impl Observed {
    /// An event counts in its interval and as survival before. A censored patient has survived
    /// every interval whose middle was reached. Of the interval that a patient enters in only the
    /// share after the entry counts, in which the hazard is as in the rest. The causes are those of
    /// the first `events` events.
    pub(crate) fn new(
        outcomes: &[CompetingOutcome],
        (intervals, events): (Intervals, usize),
        event_weight: f64,
    ) -> Self {
        let ends = intervals.0;
        let mut event = vec![0_f32; outcomes.len() * events * ends.len()];
        let (mut weight, mut span): (Vec<f32>, Vec<f32>) = (vec![], vec![]);
        #[expect(clippy::cast_possible_truncation, reason = "tensors are float32")]
        let event_weight = event_weight as f32;
        for (outcome, event) in outcomes.iter().zip(event.chunks_mut(events * ends.len())) {
            let mut start = 0.0;
            for (place, &end) in ends.iter().enumerate() {
                // The first interval holds its start too: an event at time 0 is an event.
                let after_start = outcome.time_days > start || place == 0;
                let here = after_start && outcome.time_days <= end;
                let dies = outcome.cause.filter(|_| here);
                let survives = if outcome.cause.is_some() {
                    outcome.time_days > end
                } else {
                    outcome.time_days >= f64::midpoint(start, end)
                };
                if let Some(cause) = dies {
                    event[(cause - EVENT) as usize * ends.len() + place] = 1.0;
                }
                let own = share_at_risk(outcome, start, end);
                let survives = survives || own.is_some_and(|share| share < 1.0);
                let seen = own.is_some() && (dies.is_some() || survives);
                let full = if outcome.cause.is_some() { event_weight } else { 1.0 };
                weight.push(if seen { full } else { 0.0 });
                #[expect(clippy::cast_possible_truncation, reason = "tensors are float32")]
                span.push(own.unwrap_or(1.0) as f32);
                start = end;
            }
        }
        let (patients, intervals) = (to_i64(outcomes.len()), to_i64(ends.len()));
        Self {
            event: Tensor::from_slice(&event).reshape([patients, to_i64(events), intervals]),
            weight: Tensor::from_slice(&weight).reshape([patients, intervals]),
            span: outcomes
                .iter()
                .any(|outcome| outcome.entry_days.is_some())
                .then(|| Tensor::from_slice(&span).reshape([patients, intervals])),
        }
    }

    pub(crate) fn to_device(&self, device: Device) -> Self {
        Self {
            event: self.event.to_device(device),
            weight: self.weight.to_device(device),
            span: self.span.as_ref().map(|span| span.to_device(device)),
        }
    }

    /// Rows of it.
    pub(crate) fn pick(&self, index: &Tensor) -> Self {
        Self {
            event: self.event.index_select(0, index),
            weight: self.weight.index_select(0, index),
            span: self.span.as_ref().map(|span| span.index_select(0, index)),
        }
    }

    /// The negative log likelihood of the patients, divided by their number, from the logits of all
    /// events' hazards, (patients, events, intervals).
    pub(crate) fn loss(&self, logits: &Tensor) -> Tensor {
        let events = [1_i64].as_slice();
        let any = logits.logsumexp(events, false).softplus(); // (patients, intervals)
        let own = (&self.event * logits).sum_dim_intlist(events, false, Kind::Float);
        let lost = match &self.span {
            None => any - own,
            Some(span) => {
                let died = self.event.sum_dim_intlist(events, false, Kind::Float);
                let at_risk = &any * span;
                // The log of 1 - exp(-hazard): the event came within so much of the interval.
                let ended = |hazard: &Tensor| (-(-hazard.clamp_min(LEAST_HAZARD)).expm1()).log();
                let of_event = &any - own + ended(&any) - ended(&at_risk);
                at_risk.where_self(&died.eq(0.0), &of_event)
            }
        };
        (&self.weight * lost).sum(Kind::Float) / logits.size()[0] as f64
    }
}

/// The share of an interval that a patient is at risk in: all of it but where the patient enters
/// late in it; `None` before the entry.
fn share_at_risk(outcome: &CompetingOutcome, start: f64, end: f64) -> Option<f64> {
    let Some(entry) = outcome.entry_days.filter(|entry| *entry > start) else { return Some(1.0) };
    // Who has the event has it at some time after the entry; who is censored is at risk until then.
    let last = if outcome.cause.is_some() { end } else { outcome.time_days.min(end) };
    (entry < last).then(|| (last - entry) / (end - start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(rows: &[(f64, bool)]) -> Vec<CompetingOutcome> {
        let outcome = |&(time_days, event): &(f64, bool)| {
            CompetingOutcome::until(time_days, event.then_some(EVENT))
        };
        rows.iter().map(outcome).collect()
    }

    #[test]
    fn intervals_hold_about_as_many_events() {
        let rows: Vec<(f64, bool)> = (1..=100).map(|day| (f64::from(day), day % 2 == 0)).collect();
        assert_eq!(cut_points(&outcomes(&rows), 5), [20.0, 40.0, 60.0, 80.0, 100.0]);
        for (name, rows, expected) in [
            ("one event", vec![(3.0, true), (9.0, false)], vec![3.0]),
            ("ties", vec![(3.0, true), (3.0, true), (5.0, true)], vec![3.0, 5.0]),
            ("all at once on day 0", vec![(0.0, true), (0.0, true)], vec![1.0]),
            ("no event", vec![(4.0, false)], vec![1.0]),
        ] {
            assert_eq!(cut_points(&outcomes(&rows), 4), expected, "{name}");
        }
    }

    /// The figures by hand: the logit 0 is a hazard of 1/2.
    #[test]
    fn the_likelihood_is_that_of_the_intervals_seen() {
        let ln2 = std::f64::consts::LN_2;
        for (name, outcome, seen) in [
            ("event in the first", (5.0, true), 1.0),
            ("event at its end", (10.0, true), 1.0),
            ("event in the second", (15.0, true), 2.0),
            ("event at time 0", (0.0, true), 1.0),
            ("event after all", (40.0, true), 3.0),
            ("censored before the middle", (14.0, false), 1.0),
            ("censored past the middle", (15.0, false), 2.0),
            ("censored at once", (0.0, false), 0.0),
        ] {
            let observed =
                Observed::new(&outcomes(&[outcome]), (Intervals(&[10.0, 20.0, 30.0]), 1), 1.0);
            let loss = observed.loss(&Tensor::zeros([1, 1, 3], tch::kind::FLOAT_CPU));
            assert!((loss.double_value(&[]) - seen * ln2).abs() < 1e-6, "{name}");
        }
    }

    /// By hand: the logit 0 has the cumulative hazard ln 2, of which the share after the entry counts.
    #[test]
    fn of_the_interval_of_the_entry_the_rest_counts() {
        let ln2 = std::f64::consts::LN_2;
        let died_within = |share: f64| -(1.0 - (-share * ln2).exp()).ln();
        for (name, (time_days, event), entry, expected) in [
            ("and an event later", (25.0, true), 14.0, 0.6 * ln2 + ln2),
            ("at the start of one", (25.0, true), 10.0, 2.0 * ln2),
            ("and the event in the same", (28.0, true), 27.0, died_within(0.3)),
            ("and censored after all", (40.0, false), 9.0, 2.1 * ln2),
            ("and censored in the same", (18.0, false), 16.0, 0.2 * ln2),
        ] {
            let cause = event.then_some(EVENT);
            let outcome = CompetingOutcome { time_days, cause, entry_days: Some(entry) };
            let observed = Observed::new(&[outcome], (Intervals(&[10.0, 20.0, 30.0]), 1), 1.0);
            let loss = observed.loss(&Tensor::zeros([1, 1, 3], tch::kind::FLOAT_CPU));
            assert!((loss.double_value(&[]) - expected).abs() < 1e-6, "{name}");
        }
    }

    #[test]
    fn an_events_weight_multiplies_its_patients_share() {
        let both = outcomes(&[(5.0, true), (15.0, false)]);
        let logits = Tensor::from_slice(&[0.3_f32, -0.2, 1.0, 0.5]).reshape([2, 1, 2]);
        let loss = |weight: f64| {
            let observed = Observed::new(&both, (Intervals(&[10.0, 20.0]), 1), weight);
            observed.loss(&logits).double_value(&[])
        };
        // The event's own likelihood is log h of the logit 0.3, halved over two patients.
        let own = (1.0 + (-0.3_f64).exp()).ln() / 2.0;
        assert!((loss(3.0) - loss(1.0) - 2.0 * own).abs() < 1e-6);
    }

    /// The judge is libtorch's own cross-entropy over the classes `none`, `first event` and `second
    /// event` in each interval that is seen.
    #[test]
    fn the_likelihood_of_all_events_is_the_cross_entropy_of_each_interval() {
        const HIDDEN: i64 = -100;
        let rows = [
            ((15.0, Some(2)), [0, 2, HIDDEN]),
            ((4.0, Some(1)), [1, HIDDEN, HIDDEN]),
            ((30.0, None), [0, 0, 0]),
            ((12.0, None), [0, HIDDEN, HIDDEN]),
            ((25.0, Some(1)), [0, 0, 1]),
        ];
        let logits: Vec<f32> = (0..30_u8).map(|place| (f32::from(place) * 1.7).sin()).collect();
        let logits = Tensor::from_slice(&logits).reshape([5, 2, 3]) * 3.0;
        // With one event alone the first row is left out: it has the other.
        for (events, first) in [(2, 0), (1, 1)] {
            let rows = &rows[first..];
            let ending = |&((time_days, cause), _): &_| CompetingOutcome::until(time_days, cause);
            let endings: Vec<CompetingOutcome> = rows.iter().map(ending).collect();
            let ends = Intervals(&[10.0, 20.0, 30.0]);
            let own = logits.slice(0, to_i64(first), None, 1).narrow(1, 0, to_i64(events));
            let found = Observed::new(&endings, (ends, events), 1.0).loss(&own);

            let none = own.narrow(1, 0, 1).zeros_like();
            let classes: Vec<i64> = rows.iter().flat_map(|row| row.1).collect();
            let classes = Tensor::from_slice(&classes).reshape([to_i64(rows.len()), 3]);
            let sum = tch::Reduction::Sum;
            let expected = Tensor::cat(&[none, own], 1)
                .cross_entropy_loss::<Tensor>(&classes, None, sum, HIDDEN, 0.0);
            let difference = (found - expected / rows.len() as f64).double_value(&[]);
            assert!(difference.abs() < 1e-5, "{events} events: off by {difference}");
        }
    }

    #[test]
    fn events_share_the_rise_of_the_hazard_of_any_as_their_hazards_are() {
        // (patients, events, intervals)
        let values = [0.4_f32, -2.0, 90.0, -90.0, -1.0, 1.5, 80.0, -80.0];
        let all = Tensor::from_slice(&values).reshape([1, 2, 4]).set_requires_grad(true);
        let own = [0, 1].map(|event| of_event(&all, event));
        let sum = own[0].sum(Kind::Float) + own[1].sum(Kind::Float);
        let gradient = &Tensor::run_backward(&[sum], &[&all], false, false)[0];
        assert!(bool::try_from(gradient.isfinite().all()).unwrap(), "{gradient:?}");
        let own = own.map(|own| Vec::<f32>::try_from(own.view([-1])).unwrap());
        for interval in 0..4 {
            let [first, second] = [values[interval], values[interval + 4]].map(f64::from);
            let hazards = own.each_ref().map(|own| softplus(f64::from(own[interval])));
            let any = softplus(first.max(second) + (-(first - second).abs()).exp().ln_1p());
            let rise = hazards[0] + hazards[1];
            assert!((rise / any - 1.0).abs() < 1e-5 || any < 1e-20, "{interval}: {rise} of {any}");
            let least = LEAST_LOG_HAZARD.exp() * 1.001;
            let share = hazards[0] / rise;
            let expected = 1.0 / (1.0 + (second - first).exp());
            assert!((share - expected).abs() < 1e-5 || rise < 2.0 * least, "{interval}: {share}");
        }
    }

    #[test]
    fn survival_is_the_product_and_bends_within_an_interval() {
        let intervals = Intervals(&[10.0, 30.0]);
        let logits = [0.0, (3.0_f32).ln()]; // hazards 1/2 and 3/4
        for (day, expected) in [
            (0.0, 1.0),
            (5.0, 0.5_f64.sqrt()),
            (10.0, 0.5),
            (20.0, 0.25),
            (30.0, 0.125),
            (99.0, 0.125),
        ] {
            let found = intervals.survival(&logits, day).0;
            assert!((found - expected).abs() < 1e-6, "day {day}: {found}");
        }
        let risk = log_risk(&Tensor::from_slice(&logits).reshape([1, 2])).double_value(&[0]);
        assert!((risk - (-(0.125_f64).ln()).ln()).abs() < 1e-6);
    }
}
