//! Patients who came under observation late, on a simulated cohort whose hazards are known.

use oncoweave_core::{Cohort, Survival};
use rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};

use super::{all_rows, dataset, quick_config, train_on};
use crate::{
    CompetingHead, Folds, Model, ModelKind, SurvivalHead, TrainConfig, cross_validate,
    testing::{Shape, simulate},
};

/// Patients who are seen only if they live until they enter, up to two years on, with the true
/// survival past a day.
struct Late {
    cohort: Cohort,
    hazards_per_day: Vec<f64>,
}

fn late(patients: usize) -> Late {
    let simulated = simulate(Shape { patients, ..Shape::SMALL });
    let mut random = ChaCha12Rng::seed_from_u64(9);
    let mut cohort = simulated.cohort;
    let mut seen = vec![];
    for row in 0..patients {
        let outcome = cohort.survival[row].unwrap();
        let entry = random.random_range(0.0..730.0);
        if let Ok(entered) = outcome.entered(entry) {
            cohort.survival[row] = Some(entered);
            seen.push(row);
        }
    }
    let hazard = |&row: &usize| simulated.oracle[row].0.exp() / 900.0;
    Late { hazards_per_day: seen.iter().map(hazard).collect(), cohort: cohort.select(&seen) }
}

impl Late {
    /// The same patients as if they had been seen from the index date on.
    fn naive(&self) -> Cohort {
        let mut cohort = self.cohort.clone();
        for outcome in cohort.survival.iter_mut().flatten() {
            *outcome = Survival { entry_days: None, ..*outcome };
        }
        cohort
    }

    fn mean_survival(&self, day: f64) -> f64 {
        let each = self.hazards_per_day.iter().map(|hazard| (-hazard * day).exp());
        each.sum::<f64>() / self.hazards_per_day.len() as f64
    }
}

fn mean_of(model: &Model, cohort: &Cohort, day: f64) -> f64 {
    model
        .survival_at(cohort, &all_rows(cohort), &[day])
        .unwrap()
        .iter()
        .map(|one| one.0)
        .sum::<f64>()
        / cohort.len() as f64
}

#[test]
fn every_model_gives_the_survival_from_the_index_date_on() {
    let late = late(1000);
    let naive = late.naive();
    let rows = all_rows(&late.cohort);
    assert!(rows.len() > 400, "{} are seen", rows.len());
    let kinds = [ModelKind::Stack, ModelKind::RidgeCox, ModelKind::ElasticNetCox];
    let mut configs: Vec<TrainConfig> =
        kinds.map(|model| TrainConfig { model, ..quick_config() }).to_vec();
    for (head, batch_size) in
        [(SurvivalHead::Cox, 0), (SurvivalHead::Cox, 128), (SurvivalHead::DiscreteTime, 0)]
    {
        let mut config = TrainConfig { model: ModelKind::Network, ..quick_config() };
        config.heads.survival = head;
        config.training.batch_size = batch_size;
        config.training.learning_rate = 0.01;
        config.training.epochs = 60;
        configs.push(config);
    }
    let day = 400.0;
    let truth = late.mean_survival(day);
    for config in configs {
        let model = train_on(&late.cohort, &rows, &config);
        let found = mean_of(&model, &late.cohort, day);
        let ignored = mean_of(&train_on(&naive, &rows, &config), &naive, day);
        let name = format!("{:?}, {:?}", config.model, config.heads.survival);
        assert!((found - truth).abs() < 0.05, "{name}: {found} for {truth}");
        assert!(ignored - truth > 0.08, "{name}: {ignored} for {truth} where entries are ignored");
        let said = |note: &String| note.contains("came under observation after the index date");
        assert!(model.training().notes.iter().any(said), "{:?}", model.training().notes);
        let intervals = model.score(&late.cohort, &rows[..1]).unwrap()[0].survival_low.clone();
        let given = !intervals.is_empty() && intervals.iter().all(|low| low.is_finite());
        assert!(given, "{intervals:?}");
    }
}

/// One network for both events, a rarer one among them: the intervals of time are cut by both, so that
/// some have none of its events.
#[test]
fn a_joint_network_has_intervals_for_a_rare_event_and_late_patients() {
    let mut late = late(500).cohort;
    late.competing = vec![None; late.len()];
    let mut left = 12;
    for row in (0..late.len()).step_by(7) {
        if left > 0 && late.survival[row].is_some_and(|one| !one.event) {
            late.competing[row] = Some("other death".to_owned());
            left -= 1;
        }
    }
    assert_eq!(left, 0, "the rare event is frequent enough to have a hazard of its own");
    let mut config = TrainConfig { model: ModelKind::Network, ..quick_config() };
    config.heads.survival = SurvivalHead::DiscreteTime;
    config.heads.competing = CompetingHead::Joint;
    let rows = all_rows(&late);
    let model = train_on(&late, &rows, &config);
    for prediction in model.score(&late, &rows[..20]).unwrap() {
        assert_eq!(prediction.incidence_low.len(), 2);
        let bounds = prediction
            .incidence_low
            .iter()
            .zip(&prediction.incidence_high)
            .flat_map(|(low, high)| low.iter().zip(high));
        for (low, high) in bounds {
            assert!(low.is_finite() && 0.0 <= *low && low <= high && *high <= 1.0);
        }
    }
    let folds = Folds::stratified(&late, 2, 1).unwrap();
    let (evaluation, _) = cross_validate(&dataset(&late), &config, &folds, &|_| {}).unwrap();
    assert!(evaluation.models[0].c_index.is_some());
    assert!(evaluation.models[0].c_index_competing.is_none());
    let said = "concordance beside competing events is not defined here";
    assert!(evaluation.notes.iter().any(|note| note.contains(said)), "{:?}", evaluation.notes);
}

#[test]
fn evaluation_gives_what_late_entries_allow_and_names_the_rest() {
    let late = late(400);
    let config = TrainConfig { model: ModelKind::RidgeCox, ..quick_config() };
    let folds = Folds::stratified(&late.cohort, 3, 1).unwrap();
    let (evaluation, predictions) =
        cross_validate(&dataset(&late.cohort), &config, &folds, &|_| {}).unwrap();
    let model = &evaluation.models[0];
    assert!(model.c_index.is_some() && model.c_index_antolini_interval.is_some());
    assert!(model.hazard_ratio_per_sd.is_some());
    assert!(model.c_index_uno.is_none() && model.ibs.is_none());
    assert!(model.auc.is_empty() && model.brier.is_empty());
    let calibration = evaluation.calibration.as_ref().expect("it has a slope");
    assert!(calibration.slope.is_some());
    assert_eq!(calibration.at.len(), evaluation.horizons_days.len());
    for at in &calibration.at {
        let slope = at.slope.expect("it is given at each horizon");
        assert!(slope.low < slope.value && slope.value < slope.high, "{slope:?}");
        assert!(at.observed_over_expected.is_none() && at.intercept.is_none() && at.ici.is_none());
        assert!(at.groups.is_empty());
    }
    assert!(evaluation.decisions.is_empty() && evaluation.reclassification.is_empty());
    let groups = evaluation.risk_groups.as_ref().expect("they have curves");
    assert!(groups.log_rank.is_some() && groups.restricted_means.is_some());
    for said in [
        "came under observation after the index date",
        "figures of all models are left out: weighing by censoring is not defined here",
        "setting shares of patients against observed ones is not defined here",
    ] {
        assert!(evaluation.notes.iter().any(|note| note.contains(said)), "{:?}", evaluation.notes);
    }
    let late_notes = evaluation.notes.iter().filter(|note| note.contains("not defined here"));
    assert_eq!(late_notes.count(), 2, "{:?}", evaluation.notes);
    assert!(predictions.iter().all(|one| one.observed.is_none_or(|one| one.entry_days.is_some())));
}
