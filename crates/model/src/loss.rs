use oncoweave_core::Survival;
use tch::{Device, Kind, Tensor};

use crate::network::to_i64;

/// Who is at risk at each event of a batch, prepared once for many evaluations of the Cox loss.
pub(crate) struct RiskSets {
    /// Rows by falling time, (batch,).
    order: Tensor,
    /// For each event: its place in that order, (events,).
    event: Tensor,
    /// For each event: the place of the last patient still at risk, (events,).
    last_at_risk: Tensor,
    /// For each event: the number of its distinct time, (events,).
    tie_group: Tensor,
    /// For each event: Efron's share of the tied events that have left the risk set, (events,).
    left: Tensor,
    /// What is added to each sorted log-risk: the log of the patient's weight, (batch,); none where
    /// all weigh the same.
    offset: Option<Tensor>,
    /// The mean of the events' offsets.
    event_offset: f64,
    /// Who enters late; none where nobody does.
    late: Option<LateEntries>,
    tie_groups: i64,
    has_ties: bool,
}

/// Who comes only after events of a batch.
struct LateEntries {
    /// The places of those who enter late, the latest first, (entries,).
    place: Tensor,
    /// For each event: how many of them had not entered by then, (events,).
    to_come: Tensor,
}

/// The largest share of a risk set's sum that those who have not entered may have; float32 tells no
/// more from all.
const MOST_TO_COME: f64 = 1.0 - 1e-6;

impl LateEntries {
    /// `order` has the rows by falling time, `event_days` the time of each event.
    fn new(outcomes: &[Survival], order: &[usize], event_days: &[f64]) -> Option<Self> {
        let late = order.iter().enumerate();
        let late = late.filter_map(|(place, &row)| Some((outcomes[row].entry_days?, place)));
        let mut late: Vec<(f64, usize)> = late.collect();
        late.sort_by(|a, b| b.0.total_cmp(&a.0));
        let to_come = |&time: &f64| to_i64(late.partition_point(|(entry, _)| *entry >= time));
        let to_come: Vec<i64> = event_days.iter().map(to_come).collect();
        let place: Vec<i64> = late.iter().map(|(_, place)| to_i64(*place)).collect();
        (!place.is_empty()).then(|| Self {
            place: Tensor::from_slice(&place),
            to_come: Tensor::from_slice(&to_come),
        })
    }

    /// What is added to the log of each event's sum over all with a time as long or longer, `at_risk`,
    /// so that those who come later are out of it, (events,).
    fn taken_out(&self, sorted: &Tensor, at_risk: &Tensor) -> Tensor {
        let sums = sorted.index_select(0, &self.place).logcumsumexp(0); // (entries,)
        let none = Tensor::full([1], f64::NEG_INFINITY, (sums.kind(), sums.device()));
        let to_come = Tensor::cat(&[none, sums], 0).index_select(0, &self.to_come); // (events,)
        let share = (to_come - at_risk).exp().clamp_max(MOST_TO_COME);
        (-share).log1p()
    }
}

impl RiskSets {
    /// Sorts a batch; `None` where it has no event, since its likelihood is then constant. Patients
    /// with an event weigh `event_weight` in the risk sets, the others 1.
    pub(crate) fn new(outcomes: &[Survival], event_weight: f64) -> Option<Self> {
        let mut order: Vec<usize> = (0..outcomes.len()).collect();
        order.sort_by(|&a, &b| outcomes[b].time_days.total_cmp(&outcomes[a].time_days));
        let (mut event, mut last_at_risk, mut tie_group) = (vec![], vec![], vec![]);
        let mut left: Vec<f64> = vec![];
        let mut event_days: Vec<f64> = vec![];
        let mut groups = 0;
        let same_time = |a: &usize, b: &usize| {
            outcomes[*a].time_days.total_cmp(&outcomes[*b].time_days).is_eq()
        };
        let mut start = 0;
        for tied in order.chunk_by(same_time) {
            let end = start + tied.len();
            let events: Vec<usize> =
                (start..end).filter(|&place| outcomes[order[place]].event).collect();
            for (rank, &place) in events.iter().enumerate() {
                event.push(to_i64(place));
                last_at_risk.push(to_i64(end - 1));
                tie_group.push(groups);
                left.push(rank as f64 / events.len() as f64);
                event_days.push(outcomes[order[place]].time_days);
            }
            groups += i64::from(!events.is_empty());
            start = end;
        }
        let log_weight = event_weight.ln();
        let weighs = |&row: &usize| if outcomes[row].event { log_weight } else { 0.0 };
        let offset: Vec<f64> = order.iter().map(weighs).collect();
        let late = LateEntries::new(outcomes, &order, &event_days);
        let order: Vec<i64> = order.into_iter().map(to_i64).collect();
        (!event.is_empty()).then(|| Self {
            order: Tensor::from_slice(&order),
            has_ties: left.iter().any(|&share| share > 0.0),
            event: Tensor::from_slice(&event),
            last_at_risk: Tensor::from_slice(&last_at_risk),
            tie_group: Tensor::from_slice(&tie_group),
            left: Tensor::from_slice(&left),
            tie_groups: groups,
            offset: offset.iter().any(|&one| one != 0.0).then(|| Tensor::from_slice(&offset)),
            event_offset: log_weight,
            late,
        })
    }

    pub(crate) fn moved_to(self, device: Device) -> Self {
        Self {
            order: self.order.to_device(device),
            event: self.event.to_device(device),
            last_at_risk: self.last_at_risk.to_device(device),
            tie_group: self.tie_group.to_device(device),
            left: self.left.to_device(device),
            offset: self.offset.map(|offset| offset.to_device(device)),
            late: self.late.map(|late| LateEntries {
                place: late.place.to_device(device),
                to_come: late.to_come.to_device(device),
            }),
            ..self
        }
    }

    /// The negative log partial likelihood with Efron's handling of ties, divided by the number of
    /// events; a scalar. Efron (1977), Journal of the American Statistical Association 72:557.
    pub(crate) fn loss(&self, log_risk: &Tensor) -> Tensor {
        let mut sorted = log_risk.index_select(0, &self.order); // (batch,)
        if let Some(offset) = &self.offset {
            sorted = offset.to_kind(log_risk.kind()) + sorted;
        }
        // The log of the sum of exp over everyone with a time as long or longer, without overflow.
        let mut at_risk = sorted.logcumsumexp(0).index_select(0, &self.last_at_risk); // (events,)
        if let Some(late) = &self.late {
            at_risk = &at_risk + late.taken_out(&sorted, &at_risk);
        }
        let relative = sorted.index_select(0, &self.event) - at_risk; // (events,), never above 0
        if !self.has_ties {
            return self.event_offset() - relative.mean(relative.kind());
        }
        // Efron takes the share `left` of the tied events' sum out of the risk set's sum. Divided by
        // the risk set's sum, that is 1 - left x tied with `tied` between 0 and 1.
        let tied = Tensor::zeros([self.tie_groups], (relative.kind(), relative.device()))
            .index_add(0, &self.tie_group, &relative.exp()) // (groups,)
            .index_select(0, &self.tie_group); // (events,)
        let mut taken = tied * self.left.to_kind(relative.kind()); // (events,)
        if self.late.is_some() {
            taken = taken.clamp_max(MOST_TO_COME);
        }
        let reduced = (-taken).log1p();
        self.event_offset() + (reduced - relative).mean(log_risk.kind())
    }

    /// What the weights add to every event's own log-risk is no part of the loss.
    fn event_offset(&self) -> f64 {
        if self.offset.is_some() { self.event_offset } else { 0.0 }
    }
}

/// The mean cross-entropy over patients with a known class, or `None` where there is none.
///
/// `logits` is (batch, classes); `classes` holds -1 for an unknown class, (batch,); `weights` are
/// those of the classes, (classes,).
pub(crate) fn class_loss(
    logits: &Tensor,
    classes: &Tensor,
    weights: Option<&Tensor>,
) -> Option<Tensor> {
    let known = classes.ge(0);
    if known.sum(Kind::Int64).int64_value(&[]) == 0 {
        return None;
    }
    let reduction = tch::Reduction::Mean;
    Some(logits.cross_entropy_loss(classes, weights, reduction, -1, 0.0))
}

#[cfg(test)]
mod tests {
    use oncoweave_core::{
        Risk,
        cox::{Ties, partial_log_likelihood},
    };

    use super::*;

    fn outcomes(text: &[(f64, bool)]) -> Vec<Survival> {
        text.iter().map(|&(time_days, event)| Survival::until(time_days, event)).collect()
    }

    /// Every other patient enters at a share of the way.
    fn late(text: &[(f64, bool)], share: f64) -> Vec<Survival> {
        let enter = |(row, one): (usize, Survival)| {
            let late = row % 2 == 1 && one.time_days > 0.0;
            if late { one.entered(share * one.time_days).unwrap() } else { one }
        };
        outcomes(text).into_iter().enumerate().map(enter).collect()
    }

    fn cases() -> Vec<(&'static str, Vec<Survival>, Vec<f64>)> {
        let tied = [(3.0, true), (3.0, true), (3.0, true), (5.0, false), (1.0, true), (3.0, false)];
        vec![
            (
                "distinct times",
                outcomes(&[(4.0, true), (2.0, false), (1.0, true), (9.0, true)]),
                vec![0.3, -1.0, 2.0, 0.1],
            ),
            ("tied events", outcomes(&tied), vec![0.2, -0.4, 1.5, 0.0, -2.0, 0.7]),
            ("late entries", late(&tied, 0.4), vec![0.2, -0.4, 1.5, 0.0, -2.0, 0.7]),
            (
                "entries at times of events",
                late(&[(6.0, true), (6.0, true), (3.0, true), (12.0, false), (9.0, true)], 0.5),
                vec![0.3, -1.0, 2.0, 0.1, 0.8],
            ),
            (
                "everyone dies at once",
                outcomes(&[(7.0, true), (7.0, true), (7.0, true)]),
                vec![1.0, 2.0, -1.0],
            ),
            ("time zero", outcomes(&[(0.0, true), (0.0, true), (1.0, false)]), vec![0.5, 0.1, 0.2]),
            (
                "risks that overflow exp",
                outcomes(&[(1.0, true), (2.0, true), (2.0, true), (3.0, false)]),
                vec![900.0, 1000.0, 999.0, -900.0],
            ),
            ("one patient", outcomes(&[(1.0, true)]), vec![3.0]),
        ]
    }

    fn loss(outcomes: &[Survival], risks: &[f64]) -> f64 {
        let risk_sets = RiskSets::new(outcomes, 1.0).unwrap();
        risk_sets.loss(&Tensor::from_slice(risks)).double_value(&[])
    }

    #[test]
    fn value_and_gradient_are_those_of_the_statistics_crate() {
        for (name, outcomes, risks) in cases() {
            let events = outcomes.iter().filter(|outcome| outcome.event).count() as f64;
            let wrapped: Vec<Risk> = risks.iter().copied().map(Risk).collect();
            let expected = partial_log_likelihood(&outcomes, &wrapped, Ties::Efron);
            let tensor = Tensor::from_slice(&risks).set_requires_grad(true);
            let loss = RiskSets::new(&outcomes, 1.0).unwrap().loss(&tensor);
            let difference = loss.double_value(&[]) + expected.value / events;
            assert!(difference.abs() < 1e-9, "{name}: off by {difference}");
            let gradient = &Tensor::run_backward(&[&loss], &[&tensor], false, false)[0];
            for (row, expected) in expected.gradient.iter().enumerate() {
                let difference =
                    gradient.double_value(&[row.try_into().unwrap()]) + expected / events;
                assert!(difference.abs() < 1e-9, "{name}, row {row}: off by {difference}");
            }
        }
    }

    #[test]
    fn the_gradient_is_the_slope() {
        for (name, outcomes, risks) in cases() {
            let tensor = Tensor::from_slice(&risks).set_requires_grad(true);
            let value = RiskSets::new(&outcomes, 1.0).unwrap().loss(&tensor);
            let gradient = &Tensor::run_backward(&[&value], &[&tensor], false, false)[0];
            for row in 0..risks.len() {
                let (mut up, mut down) = (risks.clone(), risks.clone());
                up[row] += 1e-4;
                down[row] -= 1e-4;
                let slope = (loss(&outcomes, &up) - loss(&outcomes, &down)) / 2e-4;
                let difference = gradient.double_value(&[row.try_into().unwrap()]) - slope;
                assert!(difference.abs() < 1e-6, "{name}, row {row}: off by {difference}");
            }
        }
    }

    #[test]
    fn weighted_events_are_those_of_the_bank() {
        for (name, outcomes, risks) in cases().into_iter().filter(|case| case.2[0].abs() < 100.0) {
            let tensor = Tensor::from_slice(&risks).set_requires_grad(true);
            let loss = RiskSets::new(&outcomes, 3.0).unwrap().loss(&tensor);
            let gradient = &Tensor::run_backward(&[&loss], &[&tensor], false, false)[0];
            let rows: Vec<usize> = (0..risks.len()).collect();
            let mut bank = crate::risk_bank::RiskBank::new(&outcomes, 3.0).unwrap();
            bank.renew(&rows, &risks);
            let slope = bank.slope(&rows);
            assert!((loss.double_value(&[]) - slope.loss).abs() < 1e-9, "{name}");
            for (row, expected) in slope.gradient.iter().enumerate() {
                let found = gradient.double_value(&[row.try_into().unwrap()]);
                assert!((found - expected).abs() < 1e-9, "{name}, row {row}");
            }
        }
    }

    #[test]
    fn a_batch_without_an_event_has_no_loss() {
        assert!(RiskSets::new(&outcomes(&[(1.0, false), (2.0, false)]), 1.0).is_none());
        assert!(RiskSets::new(&[], 1.0).is_none());
    }

    #[test]
    fn patients_of_unknown_class_do_not_count() {
        let logits = Tensor::from_slice(&[2.0_f32, 0.0, 0.0, 9.0]).reshape([2, 2]);
        let known = class_loss(&logits, &Tensor::from_slice(&[0_i64, -1]), None).unwrap();
        // -log of e^2 / (e^2 + 1)
        assert!((known.double_value(&[]) - 0.126_928).abs() < 1e-5);
        assert!(class_loss(&logits, &Tensor::from_slice(&[-1_i64, -1]), None).is_none());
    }
}
