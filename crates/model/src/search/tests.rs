use super::*;
use crate::testing::{Shape, simulate};

fn spec(text: &str) -> SearchConfig {
    let config: SearchConfig = toml::from_str(text).unwrap();
    config.validate().unwrap();
    config
}

const SPEC: &str = "
trials = 5
folds = 2
[settings]
'training.learning_rate' = { min = 1e-6, max = 0.05, scale = 'log' }
'network.width' = { values = [4, 8] }
'network.dropout' = { min = 0.0, max = 0.5 }
'network.fused_width' = { min = 4, max = 9, integer = true }
";

fn base() -> TrainConfig {
    toml::from_str("[network]\nwidth = 8\nfused_width = 8\n[training]\nepochs = 9\nensemble = 1\n")
        .unwrap()
}

fn run(folder: &Path, config: &SearchConfig, rows: &[usize]) -> (SearchResult, Vec<usize>) {
    let cohort = simulate(Shape { patients: 150, ..Shape::SMALL }).cohort;
    let data = Dataset { cohort: &cohort, id: "simulated", sha256: "0" };
    let mut heard = vec![];
    let mut listen = |record: &TrialRecord| heard.push(record.trial);
    let result = search(&data, rows, (&base(), config), folder, &mut listen).unwrap();
    (result, heard)
}

#[test]
fn draws_stay_in_their_ranges_and_keep_their_streams() {
    let config = spec(SPEC);
    let draws: Vec<_> =
        (0..200).map(|trial| space::draw(&base(), &config, trial).unwrap()).collect();
    let rates: Vec<f64> = draws.iter().map(|draw| draw.1.training.learning_rate).collect();
    assert!(rates.iter().all(|rate| (1e-6..=0.05).contains(rate)));
    // On a log scale the middle is the geometric mean.
    let below = rates.iter().filter(|&&rate| rate < (1e-6_f64 * 0.05).sqrt()).count();
    assert!((70..130).contains(&below), "{below}");
    let widths: std::collections::BTreeSet<usize> =
        draws.iter().map(|draw| draw.1.network.fused_width).collect();
    assert_eq!(widths, (4..=9).collect());
    assert!(draws.iter().any(|draw| draw.1.network.width == 4));
    assert_eq!(space::draw(&base(), &config, 3).unwrap(), draws[3]);
}

#[test]
fn a_search_that_was_cut_off_goes_on_and_finds_the_same() {
    let rows: Vec<usize> = (0..120).collect();
    let (whole, again) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = spec(SPEC);
    let (expected, heard) = run(whole.path(), &config, &rows);
    assert_eq!(heard, [0, 1, 2, 3, 4]);
    assert_eq!(run(again.path(), &spec(&SPEC.replace("= 5", "= 2")), &rows).1, [0, 1]);
    // A line that was cut off is done again.
    let path = again.path().join("trials.jsonl");
    let text = fs_err::read_to_string(&path).unwrap();
    fs_err::write(&path, &text[..text.len() - 9]).unwrap();
    let (found, heard) = run(again.path(), &config, &rows);
    assert_eq!(heard, [1, 2, 3, 4]);
    assert_eq!(found, expected);
    for file in ["trials.jsonl", "trials.csv", "best.toml"] {
        let read = |folder: &Path| fs_err::read_to_string(folder.join(file)).unwrap();
        assert_eq!(read(whole.path()), read(again.path()), "{file}");
    }
    let best = TrainConfig::read(&whole.path().join("best.toml")).unwrap();
    assert_eq!(best, expected.config);
    let figures = expected.trials.iter().map(|trial| trial.c_index.unwrap());
    let most = figures.fold(0.0, f64::max);
    assert!(expected.best.c_index.unwrap() >= most && most > 0.55, "{most}");
    // Another training part is another search.
    let cohort = simulate(Shape { patients: 150, ..Shape::SMALL }).cohort;
    let data = Dataset { cohort: &cohort, id: "simulated", sha256: "0" };
    let other = search(&data, &rows[1..], (&base(), &config), whole.path(), &mut |_| {});
    assert!(matches!(other, Err(Error::CheckpointMismatch { .. })));
}

#[test]
fn halving_gives_the_epochs_to_the_best() {
    let config =
        spec(&SPEC.replace("folds = 2", "folds = 2\nmethod = 'halving'\nreduction = 2\nrungs = 2"));
    assert_eq!(config.schedule(9), [(4, 5), (9, 2)]);
    let folder = tempfile::tempdir().unwrap();
    let (result, heard) = run(folder.path(), &config, &(0..120).collect::<Vec<_>>());
    assert_eq!(heard.len(), 7);
    let mut first = result.trials[..5].to_vec();
    first.sort_by(TrialRecord::best_first);
    let promoted: Vec<usize> = result.trials[5..].iter().map(|record| record.trial).collect();
    assert_eq!(promoted, [first[0].trial, first[1].trial]);
    assert_eq!(result.best.epochs, 9);
    assert_eq!(result.config.training.epochs, 9);
}

#[test]
fn patients_outside_the_training_part_change_nothing() {
    let mut cohort = simulate(Shape { patients: 150, ..Shape::SMALL }).cohort;
    let rows: Vec<usize> = (0..120).collect();
    let config = spec(&SPEC.replace("= 5", "= 2"));
    let before = run(tempfile::tempdir().unwrap().path(), &config, &rows).0;
    for row in 120..150 {
        cohort.survival[row] = Some(Survival::until(1.0, true));
    }
    let data = Dataset { cohort: &cohort, id: "simulated", sha256: "0" };
    let folder = tempfile::tempdir().unwrap();
    let after = search(&data, &rows, (&base(), &config), folder.path(), &mut |_| {}).unwrap();
    assert_eq!(after, before);
}

#[test]
fn what_cannot_be_searched_is_refused_in_words() {
    for (text, expected) in [
        ("trials = 0", "setting `trials`"),
        ("trials = 3", "setting `settings`"),
        ("[settings]\n'network.width' = { values = [] }", "setting `settings`"),
        ("[settings]\n'network.dropout' = { min = 0.5, max = 0.1 }", "network.dropout"),
        ("[settings]\n'network.dropout' = { min = 0, max = 0.1, scale = 'log' }", "log scale"),
    ] {
        let config: SearchConfig = toml::from_str(text).unwrap();
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    for (text, expected) in [
        ("[settings]\n'network.widht' = { values = [1] }", "widht"),
        ("[settings]\n'network.width' = { values = [0] }", "network.width"),
        ("[settings]\n'seed.x' = { values = [0] }", "trial 0"),
    ] {
        let found = space::draw(&base(), &toml::from_str(text).unwrap(), 0);
        let error = found.map_or_else(|error| error.to_string(), |_| "nothing".to_owned());
        assert!(error.contains(expected), "{error}");
    }
}
