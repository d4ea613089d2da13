//! The Cox loss over the whole training part when steps see a batch of it.
//!
//! The bank holds every training patient's log-risk as it was last seen. A step renews those of its
//! batch and takes the gradient of the whole partial likelihood with respect to them; the others are
//! constants. Over the steps of an epoch every patient's gradient is followed once, against risk
//! sets of everyone.

use oncoweave_core::Survival;

/// Log-risks and risk sets of the training part, in the order of falling time.
pub(crate) struct RiskBank {
    /// The place of each patient, (patients,).
    place: Vec<usize>,
    /// Ends of the patients with one time, and the events among them.
    groups: Vec<(usize, usize)>,
    /// The group of each place, (patients,).
    group: Vec<usize>,
    /// The late entries, from the latest: the first group in which the patient is not at risk any
    /// more, and the patient's place.
    entries: Vec<(usize, usize)>,
    /// The same group for each place; the number of groups without a late entry, (patients,).
    first_without: Vec<usize>,
    /// Whether the patient at each place had the event, (patients,).
    event: Vec<bool>,
    /// What is added to the log-risk at each place: the log of the patient's weight.
    offset: Vec<f64>,
    /// The log-risk at each place with its offset.
    log_risks: Vec<f64>,
    /// exp(`log_risk` - `shift`) at each place.
    relative: Vec<f64>,
    shift: f64,
    events: usize,
    log_weight: f64,
}

/// The value of the loss and its gradient with respect to some patients' log-risks.
pub(crate) struct Slope {
    pub(crate) loss: f64,
    pub(crate) gradient: Vec<f64>,
}

/// Exponents stay within this of the shift, so that no sum over- or underflows.
const RANGE: f64 = 300.0;

impl RiskBank {
    /// Sorts the training part, all log-risks 0; `None` where it has no event. Patients with an
    /// event weigh `event_weight`, the others 1.
    pub(crate) fn new(outcomes: &[Survival], event_weight: f64) -> Option<Self> {
        let mut order: Vec<usize> = (0..outcomes.len()).collect();
        order.sort_by(|&a, &b| outcomes[b].time_days.total_cmp(&outcomes[a].time_days));
        let event: Vec<bool> = order.iter().map(|&row| outcomes[row].event).collect();
        let (mut groups, mut group, mut end) = (vec![], vec![], 0);
        let same_time = |a: &usize, b: &usize| {
            outcomes[*a].time_days.total_cmp(&outcomes[*b].time_days).is_eq()
        };
        for tied in order.chunk_by(same_time) {
            end += tied.len();
            group.extend(tied.iter().map(|_| groups.len()));
            groups.push((end, tied.iter().filter(|&&row| outcomes[row].event).count()));
        }
        let mut place = vec![0; order.len()];
        for (at, &row) in order.iter().enumerate() {
            place[row] = at;
        }
        let mut entries: Vec<(usize, usize)> = vec![];
        let mut first_without = vec![groups.len(); order.len()];
        let times: Vec<f64> = groups
            .iter()
            .map(|&(end, _): &(usize, usize)| outcomes[order[end - 1]].time_days)
            .collect();
        for (row, outcome) in outcomes.iter().enumerate() {
            let Some(entry) = outcome.entry_days else { continue };
            let first = times.partition_point(|&time| time > entry);
            first_without[place[row]] = first;
            entries.push((first, place[row]));
        }
        entries.sort_unstable();
        let events = event.iter().filter(|&&event| event).count();
        let log_weight = event_weight.ln();
        let offset: Vec<f64> =
            event.iter().map(|&event| if event { log_weight } else { 0.0 }).collect();
        let mut bank = Self {
            place,
            groups,
            group,
            entries,
            first_without,
            event,
            log_risks: offset.clone(),
            offset,
            relative: vec![],
            shift: 0.0,
            events,
            log_weight,
        };
        bank.shift_to(0.0);
        (events > 0).then_some(bank)
    }

    /// The patients of the training part.
    pub(crate) fn patients(&self) -> usize {
        self.place.len()
    }

    /// Puts the largest log-risk at 0 inside. Between epochs, so that a resumed run rounds alike.
    pub(crate) fn center(&mut self) {
        self.shift_to(self.log_risks.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    }

    /// Renews the log-risks of some patients.
    pub(crate) fn renew(&mut self, rows: &[usize], log_risks: &[f64]) {
        let mut farthest = 0.0_f64;
        for (&row, &log_risk) in rows.iter().zip(log_risks) {
            let place = self.place[row];
            let value = log_risk + self.offset[place];
            self.log_risks[place] = value;
            self.relative[place] = (value - self.shift).clamp(-RANGE, RANGE).exp();
            farthest = farthest.max((value - self.shift).abs());
        }
        if farthest > RANGE / 2.0 {
            self.center();
        }
    }

    fn shift_to(&mut self, shift: f64) {
        self.shift = shift;
        let relative = |&value: &f64| (value - shift).clamp(-RANGE, RANGE).exp();
        self.relative = self.log_risks.iter().map(relative).collect();
    }

    /// The negative log partial likelihood with Efron's handling of ties, divided by the number of
    /// events, and its gradient with respect to some patients' log-risks.
    pub(crate) fn slope(&self, rows: &[usize]) -> Slope {
        let count = self.groups.len();
        // For each group the sum over its events of 1 / risk set, and of Efron's share of it.
        let (mut inverse, mut reduced) = (vec![0.0; count], vec![0.0; count]);
        let (mut at_risk, mut start) = (0.0, 0);
        let mut logs = ProductLog::default();
        let mut own = 0.0;
        let mut entries = self.entries.iter().peekable();
        for (index, &(end, events)) in self.groups.iter().enumerate() {
            let mut tied = 0.0;
            while let Some(&(_, place)) = entries.next_if(|(first, _)| *first <= index) {
                at_risk -= self.relative[place];
            }
            for place in start..end {
                at_risk += self.relative[place];
                if self.event[place] {
                    tied += self.relative[place];
                    own += self.log_risks[place] - self.shift;
                }
            }
            for rank in 0..events {
                let left = rank as f64 / events as f64;
                // Those with the event are at risk, whatever digits are lost.
                let sum = f64::max(at_risk, tied) - left * tied;
                logs.multiply(sum);
                inverse[index] += 1.0 / sum;
                reduced[index] += left / sum;
            }
            start = end;
        }
        // Everyone with a longer time is in the risk sets of all shorter ones, but for those before
        // an entry.
        for index in (1..count).rev() {
            inverse[index - 1] += inverse[index];
        }
        let events = self.events as f64;
        let gradient = |&row: &usize| {
            let place = self.place[row];
            let (group, event) = (self.group[place], self.event[place]);
            let before = inverse.get(self.first_without[place]).copied().unwrap_or(0.0);
            let seen = inverse[group] - before - if event { reduced[group] } else { 0.0 };
            (self.relative[place] * seen - f64::from(u8::from(event))) / events
        };
        Slope {
            // What the weights add to every event's own log-risk is no part of the loss.
            loss: (logs.total() - own) / events + self.log_weight,
            gradient: rows.iter().map(gradient).collect(),
        }
    }

    /// The log-risks by patient, (patients,), without the weights.
    pub(crate) fn log_risks(&self) -> Vec<f64> {
        self.place.iter().map(|&place| self.log_risks[place] - self.offset[place]).collect()
    }
}

/// The log of a product: one logarithm for many factors.
struct ProductLog {
    product: f64,
    sum: f64,
}

impl Default for ProductLog {
    fn default() -> Self {
        Self { product: 1.0, sum: 0.0 }
    }
}

impl ProductLog {
    fn multiply(&mut self, factor: f64) {
        let product = self.product * factor;
        if (1e-150..1e150).contains(&product) {
            self.product = product;
        } else {
            self.sum += self.product.ln() + factor.ln();
            self.product = 1.0;
        }
    }

    fn total(&self) -> f64 {
        self.sum + self.product.ln()
    }
}

#[cfg(test)]
mod tests {
    use oncoweave_core::{
        Risk,
        cox::{Ties, partial_log_likelihood},
    };

    use super::*;

    fn outcomes(rows: &[(f64, bool)]) -> Vec<Survival> {
        rows.iter().map(|&(time_days, event)| Survival::until(time_days, event)).collect()
    }

    fn check(name: &str, outcomes: &[Survival], risks: &[f64]) {
        let everyone: Vec<usize> = (0..outcomes.len()).collect();
        let wrapped: Vec<Risk> = risks.iter().copied().map(Risk).collect();
        let expected = partial_log_likelihood(outcomes, &wrapped, Ties::Efron);
        let events = outcomes.iter().filter(|outcome| outcome.event).count() as f64;
        let mut bank = RiskBank::new(outcomes, 1.0).unwrap();
        // In two parts, as two steps would.
        let (first, second) = everyone.split_at(outcomes.len() / 2);
        bank.renew(first, &risks[..first.len()]);
        bank.renew(second, &risks[first.len()..]);
        let slope = bank.slope(&everyone);
        let difference = slope.loss + expected.value / events;
        assert!(difference.abs() < 1e-9 * slope.loss.abs().max(1.0), "{name}: off by {difference}");
        for (row, (found, expected)) in slope.gradient.iter().zip(&expected.gradient).enumerate() {
            let difference = found + expected / events;
            assert!(difference.abs() < 1e-9, "{name}, row {row}: off by {difference}");
        }
        let some = [outcomes.len() - 1, 0];
        let part = bank.slope(&some).gradient;
        assert_eq!(part, some.map(|row| slope.gradient[row]), "{name}");
    }

    #[test]
    fn value_and_gradient_are_those_of_the_statistics_crate() {
        let tied = [(3.0, true), (3.0, true), (3.0, true), (5.0, false), (1.0, true), (3.0, false)];
        check("tied events", &outcomes(&tied), &[0.2, -0.4, 1.5, 0.0, -2.0, 0.7]);
        let distinct = [(4.0, true), (2.0, false), (1.0, true), (9.0, true)];
        check("distinct times", &outcomes(&distinct), &[0.3, -1.0, 2.0, 0.1]);
        check("far from 0", &outcomes(&distinct), &[1000.3, 999.0, 1002.0, 1000.1]);
        check("time zero", &outcomes(&[(0.0, true), (0.0, true), (1.0, false)]), &[0.5, 0.1, 0.2]);
        let many: Vec<(f64, bool)> =
            (0..500).map(|row| (f64::from(row * 37 % 101), row % 3 > 0)).collect();
        let risks: Vec<f64> = (0..500).map(|row| (f64::from(row) * 1.7).sin() * 3.0).collect();
        check("many", &outcomes(&many), &risks);
    }

    /// A patient of weight 2 is two patients at once under Breslow's ties; with distinct times of
    /// different patients the weighted gradient follows from that.
    #[test]
    fn an_events_weight_counts_in_the_risk_sets() {
        let rows = outcomes(&[(4.0, false), (3.0, true), (2.0, false), (1.0, true)]);
        let risks = [0.3, -0.5, 0.8, 0.1];
        let mut bank = RiskBank::new(&rows, 2.0).unwrap();
        bank.renew(&[0, 1, 2, 3], &risks);
        let e: Vec<f64> = risks.iter().map(|risk| risk.exp()).collect();
        let (late, early) = (e[0] + 2.0 * e[1], e[0] + 2.0 * e[1] + e[2] + 2.0 * e[3]);
        let expected = [
            e[0] * (1.0 / late + 1.0 / early) / 2.0,
            (2.0 * e[1] * (1.0 / late + 1.0 / early) - 1.0) / 2.0,
            e[2] / early / 2.0,
            (2.0 * e[3] / early - 1.0) / 2.0,
        ];
        for (found, expected) in bank.slope(&[0, 1, 2, 3]).gradient.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12);
        }
        for (found, risk) in bank.log_risks().iter().zip(risks) {
            assert!((found - risk).abs() < 1e-12);
        }
    }

    #[test]
    fn without_an_event_there_is_no_bank() {
        assert!(RiskBank::new(&outcomes(&[(1.0, false)]), 1.0).is_none());
        assert!(RiskBank::new(&[], 1.0).is_none());
    }
}
