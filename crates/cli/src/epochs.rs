//! What a training run tells of its networks.

use std::collections::BTreeMap;

use oncoweave_model::EpochReport;

/// The networks of one model that have been heard of.
#[derive(Default)]
pub(crate) struct Heard {
    model: String,
    /// By their number.
    networks: BTreeMap<usize, Network>,
}

#[derive(Default)]
struct Network {
    epochs: usize,
    best_epoch: usize,
    /// Harrell's C on the validation part after the best epoch; `None` where there is no such part,
    /// it is undefined, or that epoch was before a resumed run.
    c_index: Option<f64>,
}

impl Heard {
    /// Hears of an epoch; where it is another model's, gives a line about the one before.
    pub(crate) fn hear(&mut self, report: &EpochReport) -> Option<String> {
        // Models of one name follow each other where one event is modelled after another.
        let last = self.networks.last_key_value().map_or(0, |(number, _)| *number);
        let line =
            if report.model != self.model || report.member < last { self.line() } else { None };
        report.model.clone_into(&mut self.model);
        let network = self.networks.entry(report.member).or_default();
        network.epochs = report.record.epoch;
        network.best_epoch = report.best_epoch;
        if report.record.epoch == report.best_epoch {
            network.c_index = report.record.validation_c_index;
        }
        line
    }

    /// A line about the model whose networks were heard of last, which are then forgotten.
    pub(crate) fn line(&mut self) -> Option<String> {
        let networks: Vec<Network> = std::mem::take(&mut self.networks).into_values().collect();
        if networks.is_empty() {
            return None;
        }
        let whole = |figure: fn(&Network) -> usize| {
            let figures = networks.iter().map(|one| figure(one) as f64);
            range(figures, |figure| format!("{figure:.0}")).unwrap_or_default()
        };
        let c_index = range(networks.iter().filter_map(|one| one.c_index), |c| format!("{c:.3}"));
        Some(format!(
            "{}: {} network{} of {} epochs, best after {}{}",
            self.model,
            networks.len(),
            if networks.len() == 1 { "" } else { "s" },
            whole(|one| one.epochs),
            whole(|one| one.best_epoch),
            c_index.map_or(String::new(), |c| format!(", validation C {c}"))
        ))
    }
}

/// The lowest and the highest of some figures.
fn range(figures: impl Iterator<Item = f64>, shown: impl Fn(f64) -> String) -> Option<String> {
    let figures: Vec<f64> = figures.collect();
    let low = shown(figures.iter().copied().min_by(f64::total_cmp)?);
    let high = shown(figures.iter().copied().max_by(f64::total_cmp)?);
    Some(if low == high { low } else { format!("{low} to {high}") })
}

#[cfg(test)]
mod tests {
    use oncoweave_model::EpochRecord;

    use super::*;

    fn report<'a>(model: &'a str, member: usize, record: &'a EpochRecord) -> EpochReport<'a> {
        EpochReport {
            model,
            member,
            members: 2,
            record,
            epochs: 9,
            best_epoch: record.epoch.min(2),
            learning_rate: 0.1,
            layers: &[],
        }
    }

    fn record(epoch: usize, c_index: Option<f64>) -> EpochRecord {
        EpochRecord {
            epoch,
            train_loss: 1.0,
            validation_loss: None,
            validation_c_index: c_index,
            gradient_norm: 1.0,
        }
    }

    #[test]
    fn a_line_tells_of_each_model_once_its_networks_are_fitted() {
        let mut heard = Heard::default();
        let mut lines = vec![];
        for (model, member, epochs) in
            [("network", 1, 3), ("network", 2, 5), ("network, ct alone", 1, 1), ("network", 2, 4)]
        {
            for epoch in 1..=epochs {
                // The best epoch is the second, or the first of one.
                let record = record(epoch, Some(0.5 + 0.1 * member as f64 + 0.01 * epoch as f64));
                lines.extend(heard.hear(&report(model, member, &record)));
            }
        }
        // The same model of another event begins anew.
        lines.extend(heard.hear(&report("network", 1, &record(1, None))));
        lines.extend(heard.line());
        assert_eq!(
            lines,
            [
                "network: 2 networks of 3 to 5 epochs, best after 2, validation C 0.620 to 0.720",
                "network, ct alone: 1 network of 1 epochs, best after 1, validation C 0.610",
                "network: 1 network of 4 epochs, best after 2, validation C 0.720",
                "network: 1 network of 1 epochs, best after 1",
            ]
        );
        assert_eq!(heard.line(), None);
    }

    #[test]
    fn a_best_epoch_from_before_a_resumed_run_has_no_c() {
        let mut heard = Heard::default();
        for epoch in 4..=6 {
            assert_eq!(heard.hear(&report("fusion", 1, &record(epoch, Some(0.7)))), None);
        }
        assert_eq!(heard.line().unwrap(), "fusion: 1 network of 6 epochs, best after 2");
    }
}
