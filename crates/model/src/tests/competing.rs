//! Competing events, on a simulated cohort whose hazards are known.

use oncoweave_core::{
    Cohort, Incidence, Prediction, Survival,
    competing_risks::{CompetingOutcome, CumulativeIncidence, EVENT},
};
use rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};

use super::{all_rows, dataset, network_config, quick_config, saved, small, train_on};
use crate::{
    CompetingHead, Folds, Model, ModelKind, Predictor, SurvivalHead, TrainConfig, cross_validate,
    evaluate,
    testing::{Shape, simulate},
};

/// A cohort in which another death competes, with each patient's two hazards a day.
struct Competed {
    cohort: Cohort,
    hazards: Vec<[f64; 2]>,
}

/// The other death's hazard follows the laboratory column alone.
fn competed(patients: usize, other_per_day: f64) -> Competed {
    let shape = Shape { patients, ..Shape::SMALL };
    let simulated = simulate(shape);
    let mut cohort = simulated.cohort;
    let lab = cohort.columns.iter().find(|column| column.info.name == "lab").unwrap();
    let mut random = ChaCha12Rng::seed_from_u64(5);
    let hazards: Vec<[f64; 2]> = (0..patients)
        .map(|row| {
            let lab = f64::from(lab.values.get(row).unwrap());
            [simulated.oracle[row].0.exp() / 900.0, other_per_day * (0.8 * lab).exp()]
        })
        .collect();
    cohort.competing = vec![None; patients];
    for (row, [_, other]) in hazards.iter().enumerate() {
        let time_days = (-random.random::<f64>().ln() / other).ceil();
        if time_days < cohort.survival[row].unwrap().time_days {
            cohort.survival[row] = Some(Survival::until(time_days, false));
            cohort.competing[row] = Some("other death".to_owned());
        }
    }
    Competed { cohort, hazards }
}

impl Competed {
    /// The true incidence of the event by a day.
    fn truth(&self, row: usize, day: f64) -> f64 {
        let [own, other] = self.hazards[row];
        own / (own + other) * (1.0 - (-(own + other) * day).exp())
    }
}

fn ridge_config() -> TrainConfig {
    TrainConfig { model: ModelKind::RidgeCox, ..quick_config() }
}

/// One network for both events.
fn joint_config() -> TrainConfig {
    let mut config = network_config();
    config.heads.survival = SurvivalHead::DiscreteTime;
    config.heads.competing = CompetingHead::Joint;
    config
}

/// How far single incidences may be from the truth by sampling alone, on average: a patient's
/// log-hazard has the variance columns / events over the patients that it was fitted to, and an
/// incidence moves with either log-hazard by 1 / e times that at most.
fn sampling_error(model: &Model, competed: &Competed, rows: &[usize]) -> f64 {
    let columns: usize = model.preprocessing().widths().iter().map(|(_, width)| width).sum();
    let own = rows.iter().filter(|&&row| competed.cohort.survival[row].unwrap().event).count();
    let other = rows.iter().filter(|&&row| competed.cohort.competing[row].is_some()).count();
    let deviation = |events: usize| (columns as f64 / events as f64).sqrt();
    // The mean size of a normal error of standard deviation 1.
    let size = (2.0 / std::f64::consts::PI).sqrt();
    (-1.0_f64).exp() * size * (deviation(own) + deviation(other))
}

#[test]
fn incidence_is_near_the_truth_and_one_less_survival_is_not() {
    let competed = competed(6000, 1.0 / 700.0);
    let rows = |range: std::ops::Range<usize>| -> Vec<usize> { range.collect() };
    let (train_rows, test_rows, many_rows) = (rows(0..900), rows(900..1200), rows(1200..6000));
    let model = train_on(&competed.cohort, &train_rows, &ridge_config());
    // What the columns, which show the truth with noise, and a model without products leave open
    // however many patients there are.
    let best = train_on(&competed.cohort, &many_rows, &ridge_config());
    let days = [300.0, 900.0];
    let incidence_of =
        |model: &Model| model.incidence_at(&competed.cohort, &test_rows, &days).unwrap();
    let (incidence, least) = (incidence_of(&model), incidence_of(&best));
    let alone = model.survival_at(&competed.cohort, &test_rows, &days).unwrap();
    let count = test_rows.len() as f64;
    let sampling = sampling_error(&model, &competed, &train_rows);
    for (place, day) in days.into_iter().enumerate() {
        let mean = test_rows.iter().map(|&row| competed.truth(row, day)).sum::<f64>() / count;
        let (mut truth, mut found, mut naive) = (0.0, 0.0, 0.0);
        let (mut apart, mut least_apart, mut spread) = (0.0, 0.0, 0.0);
        for (at, &row) in test_rows.iter().enumerate() {
            let own = incidence[[at, 0, place]].0;
            let expected = competed.truth(row, day);
            truth += expected / count;
            found += own / count;
            naive += (1.0 - alone[[at, place]].0) / count;
            apart += (own - expected).abs() / count;
            spread += (mean - expected).abs() / count;
            least_apart += (least[[at, 0, place]].0 - expected).abs() / count;
        }
        assert!((found - truth).abs() < 0.03, "day {day}: {found} for {truth}");
        assert!(naive - truth > 0.05, "day {day}: {naive} for {truth}");
        // Independent errors add up by their squares; a model that knows nobody is `spread` apart.
        let most = least_apart.hypot(sampling).min(spread);
        assert!(least_apart < 0.7 * spread, "day {day}: {least_apart} of {spread}");
        assert!(apart < most, "day {day}: {apart} of {least_apart}, {sampling}, {spread}");
    }
}

/// Each patient's incidences and survival, whatever the kind of the model, sum to 1 and rise, and lie
/// within their intervals.
fn check_incidence(model: &Model, cohort: &Cohort) {
    let rows = all_rows(cohort);
    for prediction in model.score(cohort, &rows).unwrap() {
        assert_eq!(prediction.incidence.len(), 2);
        for (place, survival) in prediction.survival.iter().enumerate() {
            let ended: f64 = prediction.incidence.iter().map(|event| event[place]).sum();
            assert!((ended + survival - 1.0).abs() < 1e-9, "{ended} and {survival}");
        }
        assert!(prediction.incidence.iter().all(|event| event.is_sorted()));
        let within = |low: &[f64], values: &[f64], high: &[f64]| {
            assert_eq!([low.len(), high.len()], [values.len(); 2]);
            for ((low, value), high) in low.iter().zip(values).zip(high) {
                assert!(0.0 <= *low && low <= value && value <= high && *high <= 1.0);
            }
            low.iter().zip(high).any(|(low, high)| high - low > 0.01)
        };
        let Prediction { incidence, incidence_low: low, incidence_high: high, .. } = &prediction;
        assert_eq!([low.len(), high.len()], [2; 2]);
        assert!(within(&low[0], &incidence[0], &high[0]));
        within(&low[1], &incidence[1], &high[1]);
        assert!(within(&prediction.survival_low, &prediction.survival, &prediction.survival_high));
    }
}

#[test]
fn every_kind_of_model_gives_incidences_and_keeps_them_in_its_folder() {
    let cohort = competed(150, 1.0 / 900.0).cohort;
    let mut discrete = network_config();
    discrete.heads.survival = SurvivalHead::DiscreteTime;
    let elastic = TrainConfig { model: ModelKind::ElasticNetCox, ..quick_config() };
    let networks = [network_config(), discrete, joint_config()];
    for config in networks.into_iter().chain([quick_config(), ridge_config(), elastic]) {
        let model = train_on(&cohort, &all_rows(&cohort), &config);
        assert_eq!(model.competing_events(), ["other death"]);
        check_incidence(&model, &cohort);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        model.save(&path).unwrap();
        let read = Model::load(&path).unwrap();
        assert_eq!(read, model);
        assert_eq!(saved(&read), saved(&model));
    }
}

/// What a folder of an older version holds: nothing that intervals beside competing events take.
#[test]
fn a_folder_without_steps_gives_incidences_without_intervals_and_the_card_says_so() {
    let cohort = competed(150, 1.0 / 900.0).cohort;
    let rows = all_rows(&cohort);
    let mut discrete = network_config();
    discrete.heads.survival = SurvivalHead::DiscreteTime;
    for config in [ridge_config(), discrete] {
        let model = train_on(&cohort, &rows, &config);
        let given = "each with a 95 % interval, that of all patients";
        assert!(model.card().markdown.contains(given));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        model.save(&path).unwrap();
        let file = path.join("baseline.json");
        let text = fs_err::read_to_string(&file).unwrap();
        let mut scale: serde_json::Value = serde_json::from_str(&text).unwrap();
        let steps = scale["precision"].as_object_mut().unwrap().remove("steps").unwrap();
        scale.as_object_mut().unwrap().remove("intervals");
        fs_err::write(&file, scale.to_string()).unwrap();
        let old = Model::load(&path).unwrap();
        let card = old.card();
        assert!(!card.markdown.contains(given) && card.markdown.contains("without an interval"));
        assert!(card.tripod.contains("of an event comes without an interval"), "{}", card.tripod);
        let predictions = old.score(&cohort, &rows).unwrap();
        for (old, new) in predictions.iter().zip(model.score(&cohort, &rows).unwrap()) {
            assert_eq!((&old.incidence, &old.survival), (&new.incidence, &new.survival));
            assert!(old.incidence_low.is_empty() && old.incidence_high.is_empty());
            assert!(old.survival_low.is_empty() && old.survival_high.is_empty());
        }
        scale["precision"]["steps"] = steps;
        scale["precision"]["steps"]["variance"].as_array_mut().unwrap().pop();
        fs_err::write(&file, scale.to_string()).unwrap();
        let error = Model::load(&path).unwrap_err().to_string();
        assert!(error.contains("times of the baseline, got"), "{error}");
    }
}

#[test]
fn evaluation_judges_incidence_and_says_what_competes() {
    let cohort = competed(150, 1.0 / 900.0).cohort;
    let folds = Folds::stratified(&cohort, 3, 1).unwrap();
    let (evaluation, predictions) =
        cross_validate(&dataset(&cohort), &quick_config(), &folds, &|_| {}).unwrap();
    let observed = cohort.competing.iter().flatten().count();
    assert_eq!(evaluation.competing.len(), 1);
    assert_eq!(evaluation.competing[0].events, observed);
    for model in &evaluation.models {
        assert!(model.c_index_competing.is_some() && model.ibs.is_some(), "{}", model.name);
        assert!(model.c_index_uno.is_none() && model.c_index_antolini.is_some());
    }
    assert!(evaluation.calibration.unwrap().slope.is_none());
    assert!(!evaluation.decisions.is_empty());
    assert!(predictions.iter().all(|one| one.incidence.len() == 2));
    assert!(predictions.iter().all(|one| one.incidence_low.len() == 2));
    assert!(predictions.iter().any(|one| one.competing.is_some()));
}

fn network_of(model: &Model) -> &crate::NetworkPredictor {
    let Predictor::Network(network) = model.predictor() else { panic!("no network") };
    network
}

/// Aalen and Johansen's estimate knows no columns: it is what the network's incidences have to be on
/// average over the patients that it was fitted to, whose mean a logit fits exactly at the optimum.
#[test]
fn one_network_gives_the_incidences_of_all_events() {
    let competed = competed(900, 1.0 / 700.0);
    let cohort = &competed.cohort;
    let (train_rows, test_rows): (Vec<usize>, Vec<usize>) =
        ((0..600).collect(), (600..900).collect());
    let mut config = joint_config();
    config.training.learning_rate = 0.01;
    config.training.epochs = 100;
    config.heads.intervals = 5;
    let model = train_on(cohort, &train_rows, &config);
    let [rival] = model.competing() else { panic!("one event competes") };
    let (own, other) = (network_of(&model), network_of(&rival.model));
    assert_eq!(own.architecture.competing, ["other death"]);
    assert_eq!([own.architecture.event, other.architecture.event], [0, 1]);
    assert_eq!(own.weights, other.weights);
    assert_eq!(model.training().members.len(), rival.model.training().members.len());

    let outcomes: Vec<CompetingOutcome> =
        train_rows.iter().filter_map(|&row| cohort.outcomes()[row]).collect();
    let ends = &own.architecture.cut_points_days;
    let days = [ends[1], ends[3]];
    let incidence = model.incidence_at(cohort, &train_rows, &days).unwrap();
    for event in 0..2 {
        let cause = EVENT + u32::try_from(event).unwrap();
        let observed = CumulativeIncidence::fit(&outcomes, cause).unwrap();
        for (place, &day) in days.iter().enumerate() {
            let own = (0..train_rows.len()).map(|row| incidence[[row, event, place]].0);
            let mean = own.sum::<f64>() / train_rows.len() as f64;
            let expected = observed.incidence_at(day).0;
            assert!((mean - expected).abs() < 0.03, "event {event}, day {day}: {mean}, {expected}");
        }
    }

    // It tells patients apart, nearly as well as a network for each event does.
    let apart = |config: &TrainConfig| {
        let model = train_on(cohort, &train_rows, config);
        let found = model.incidence_at(cohort, &test_rows, &days[1..]).unwrap();
        let truth = test_rows.iter().map(|&row| competed.truth(row, days[1]));
        let errors =
            truth.zip(found.outer_iter()).map(|(truth, own)| (own[[0, 0]].0 - truth).abs());
        errors.sum::<f64>() / test_rows.len() as f64
    };
    let separate = TrainConfig {
        heads: crate::HeadsConfig { competing: CompetingHead::Separate, ..config.heads.clone() },
        ..config.clone()
    };
    let (joint, separate) = (apart(&config), apart(&separate));
    let truths: Vec<f64> = test_rows.iter().map(|&row| competed.truth(row, days[1])).collect();
    let mean = truths.iter().sum::<f64>() / truths.len() as f64;
    // Who gave everybody the same would be so far off.
    let spread = truths.iter().map(|truth| (truth - mean).abs()).sum::<f64>() / truths.len() as f64;
    assert!(joint < 0.8 * spread && joint < 1.5 * separate, "{joint}, {separate}, {spread}");
}

#[test]
fn one_network_for_all_events_is_judged_in_folds_and_its_folder_is_checked() {
    let cohort = competed(150, 1.0 / 900.0).cohort;
    let config = joint_config();
    let folds = Folds::stratified(&cohort, 3, 1).unwrap();
    let (evaluation, predictions) =
        cross_validate(&dataset(&cohort), &config, &folds, &|_| {}).unwrap();
    assert!(evaluation.models.iter().all(|model| model.c_index_competing.is_some()));
    assert!(predictions.iter().all(|one| one.incidence.len() == 2));

    let model = train_on(&cohort, &all_rows(&cohort), &config);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    model.save(&path).unwrap();
    let file = path.join("competing/0/model.toml");
    let text = fs_err::read_to_string(&file).unwrap();
    assert!(text.contains("event = 1\n"), "{text}");
    fs_err::write(&file, text.replace("event = 1\n", "event = 2\n")).unwrap();
    let error = Model::load(&path).unwrap_err().to_string();
    assert!(error.contains("`event` must be below 2"), "{error}");
}

#[test]
fn without_enough_competing_events_the_network_is_that_of_the_event() {
    let mut cohort = small().cohort;
    let rows = all_rows(&cohort);
    for rare in [0, 4] {
        let mut left = rare;
        cohort.competing = vec![None; cohort.len()];
        for (row, competing) in cohort.competing.iter_mut().enumerate() {
            if left > 0 && !cohort.survival[row].is_some_and(|one| one.event) {
                *competing = Some("other death".to_owned());
                left -= 1;
            }
        }
        let model = train_on(&cohort, &rows, &joint_config());
        assert!(network_of(&model).architecture.competing.is_empty());
        let said = |note: &String| note.contains("too few competing events");
        assert!(model.training().notes.iter().any(said), "{:?}", model.training().notes);
        assert_eq!(model.competing().len(), usize::from(rare > 0));
    }
}

#[test]
fn a_rare_event_has_one_hazard_for_all_and_an_unknown_one_is_said() {
    let mut cohort = competed(150, 1.0 / 900.0).cohort;
    let mut left = 4;
    for competing in cohort.competing.iter_mut().filter(|one| one.is_some()) {
        if left == 0 {
            *competing = None;
        } else {
            left -= 1;
        }
    }
    let rows = all_rows(&cohort);
    let model = train_on(&cohort, &rows, &ridge_config());
    let note = "everybody has the same hazard of `other death`: it was observed 4 times";
    assert!(model.training().notes.iter().any(|one| one == note), "{:?}", model.training().notes);
    check_incidence(&model, &cohort);
    let days = [model.horizons_days()[0]];
    let other = model.incidence_at(&cohort, &rows, &days).unwrap();
    assert!(other.iter().all(|one| *one >= Incidence(0.0)));

    let plain = Cohort { competing: vec![], ..cohort.clone() };
    let model = train_on(&plain, &rows, &ridge_config());
    assert!(model.competing_events().is_empty());
    let (evaluation, _) = evaluate(&model, &dataset(&cohort), &rows).unwrap();
    let said = |note: &String| note.contains("trained without the competing events other death");
    assert!(evaluation.notes.iter().any(said), "{:?}", evaluation.notes);
}

#[test]
fn held_out_competing_events_do_not_move_the_model() {
    let mut cohort = competed(120, 1.0 / 900.0).cohort;
    let rows: Vec<usize> = (0..80).collect();
    let before = saved(&train_on(&cohort, &rows, &ridge_config()));
    for row in 80..120 {
        cohort.competing[row] = None;
    }
    assert_eq!(saved(&train_on(&cohort, &rows, &ridge_config())), before);
}
