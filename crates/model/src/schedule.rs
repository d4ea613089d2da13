use std::f64::consts::PI;

use crate::{EpochRecord, Schedule, TrainingConfig};

/// The step of `AdamW` in the epoch after a history. It is replayed from the history alone, so that
/// a resumed run needs no state of its own.
pub(crate) fn learning_rate(training: &TrainingConfig, history: &[EpochRecord]) -> f64 {
    let (epoch, warmup) = (history.len(), training.warmup_epochs);
    let full = training.learning_rate;
    if epoch < warmup {
        return full * (epoch + 1) as f64 / (warmup + 1) as f64;
    }
    let lowest = full * training.lowest_rate;
    match training.schedule {
        Schedule::Constant => full,
        Schedule::Cosine => {
            let total = training.epochs.saturating_sub(warmup).max(1);
            let passed = (epoch - warmup) as f64 / total as f64;
            lowest + (full - lowest) * 0.5 * (1.0 + (PI * passed.min(1.0)).cos())
        }
        Schedule::Plateau => {
            let (mut best, mut since, mut rate) = (f64::INFINITY, 0, full);
            for record in &history[warmup..] {
                let loss = record.validation_loss.unwrap_or(record.train_loss);
                since += 1;
                if loss < best {
                    (best, since) = (loss, 0);
                } else if since >= training.plateau_epochs {
                    (rate, since) = ((rate * training.plateau_factor).max(lowest), 0);
                }
            }
            rate
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(losses: &[f64]) -> Vec<EpochRecord> {
        let record = |(epoch, &loss): (usize, &f64)| EpochRecord {
            epoch: epoch + 1,
            train_loss: 9.0,
            validation_loss: Some(loss),
            validation_c_index: None,
            gradient_norm: 1.0,
        };
        losses.iter().enumerate().map(record).collect()
    }

    fn training(schedule: Schedule) -> TrainingConfig {
        TrainingConfig {
            schedule,
            learning_rate: 0.1,
            lowest_rate: 0.1,
            epochs: 12,
            warmup_epochs: 2,
            plateau_epochs: 2,
            plateau_factor: 0.5,
            ..TrainingConfig::default()
        }
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }

    #[test]
    fn it_warms_up() {
        let training = training(Schedule::Constant);
        close(learning_rate(&training, &history(&[])), 0.1 / 3.0);
        close(learning_rate(&training, &history(&[1.0])), 0.2 / 3.0);
        close(learning_rate(&training, &history(&[1.0, 1.0])), 0.1);
    }

    #[test]
    fn a_cosine_falls_from_the_full_step_to_the_lowest() {
        let training = training(Schedule::Cosine);
        close(learning_rate(&training, &history(&[1.0; 2])), 0.1);
        close(learning_rate(&training, &history(&[1.0; 7])), 0.055);
        close(learning_rate(&training, &history(&[1.0; 12])), 0.01);
    }

    #[test]
    fn a_plateau_halves_the_step_and_has_a_floor() {
        let training = training(Schedule::Plateau);
        close(learning_rate(&training, &history(&[9.0, 9.0, 3.0, 2.0, 2.5])), 0.1);
        close(learning_rate(&training, &history(&[9.0, 9.0, 3.0, 2.0, 2.5, 2.0])), 0.05);
        close(learning_rate(&training, &history(&[9.0, 9.0, 3.0, 2.0, 2.5, 2.0, 1.0, 1.0])), 0.05);
        close(learning_rate(&training, &history(&[2.0; 30])), 0.01);
    }
}
