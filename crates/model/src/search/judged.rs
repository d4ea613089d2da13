//! Which settings the figure of a trial depends on.

use super::SearchConfig;
use crate::{
    ArchitectureKind, Error, Schedule, SubtypeHead, SurvivalHead, TrainConfig,
    device::training_device,
};

const NETWORK_ALONE: &str = "a trial trains and judges the network alone; set it in the settings \
                             file, and compare with `cv`";
const SPEED: &str = "it decides how fast a network is trained, not how well it ranks patients; set \
                     it in the settings file";

/// Settings, and sections of them, that are the same in all trials or change no risk, with why and
/// what to do instead.
const UNJUDGED: [(&str, &str); 9] = [
    ("model", NETWORK_ALONE),
    ("stack", NETWORK_ALONE),
    ("elastic_net", NETWORK_ALONE),
    (
        "horizons_days",
        "it decides when survival is reported, not how patients are ranked; set it in the settings \
         file",
    ),
    (
        "training.epochs",
        "trials train for the epochs of the settings file at most, with `halving` for a share of \
         them; set it there, and search `training.patience` for an earlier stop",
    ),
    ("training.threads", SPEED),
    ("training.network_threads", SPEED),
    ("training.shards", SPEED),
    ("training.device", SPEED),
];

/// A setting that matters only with certain values of another one.
struct Condition {
    setting: &'static str,
    /// The other one.
    by: &'static str,
    /// Its values, in words.
    needs: &'static str,
    is_met: fn(&TrainConfig) -> bool,
}

const fn condition(
    setting: &'static str,
    (by, needs): (&'static str, &'static str),
    is_met: fn(&TrainConfig) -> bool,
) -> Condition {
    Condition { setting, by, needs, is_met }
}

const KIND: &str = "network.kind";
const ATTENTION: (&str, &str) = (KIND, "`attention`");
const STOPS_EARLY: (&str, &str) = ("training.validation_fraction", "above 0");
const HAS_CLASSES: (&str, &str) = ("heads.subtype", "`auto` or `on`");
const PLATEAU: (&str, &str) = ("training.schedule", "`plateau`");

const CONDITIONS: [Condition; 17] = [
    condition("network.fused_width", (KIND, "neither `late_fusion` nor `attention`"), |config| {
        let without = [ArchitectureKind::LateFusion, ArchitectureKind::Attention];
        !without.contains(&config.network.kind)
    }),
    condition("network.learned_weights", (KIND, "`late_fusion`"), |config| {
        config.network.kind == ArchitectureKind::LateFusion
    }),
    condition("network.rank", (KIND, "`low_rank_bilinear`"), |config| {
        config.network.kind == ArchitectureKind::LowRankBilinear
    }),
    condition("network.attention_heads", ATTENTION, has_attention),
    condition("network.attention_layers", ATTENTION, has_attention),
    condition("network.wide_columns", ("network.bottleneck", "above 0"), |config| {
        config.network.bottleneck > 0
    }),
    condition("heads.intervals", ("heads.survival", "`discrete_time`"), |config| {
        config.heads.survival == SurvivalHead::DiscreteTime
    }),
    condition("heads.competing", ("heads.survival", "`discrete_time`"), |config| {
        config.heads.survival == SurvivalHead::DiscreteTime
    }),
    condition("heads.risk_set", ("heads.survival", "`cox`"), |config| {
        config.heads.survival == SurvivalHead::Cox
    }),
    condition("heads.risk_set", ("training.batch_size", "above 0"), |config| {
        config.training.batch_size > 0
    }),
    condition("heads.subtype_weight", HAS_CLASSES, has_classes),
    condition("heads.class_weight", HAS_CLASSES, has_classes),
    condition("training.lowest_rate", ("training.schedule", "not `constant`"), |config| {
        config.training.schedule != Schedule::Constant
    }),
    condition("training.plateau_epochs", PLATEAU, has_plateau),
    condition("training.plateau_factor", PLATEAU, has_plateau),
    condition("training.patience", STOPS_EARLY, stops_early),
    condition("training.stop_on", STOPS_EARLY, stops_early),
];

fn has_attention(config: &TrainConfig) -> bool {
    config.network.kind == ArchitectureKind::Attention
}

fn has_classes(config: &TrainConfig) -> bool {
    config.heads.subtype != SubtypeHead::Off
}

fn has_plateau(config: &TrainConfig) -> bool {
    config.training.schedule == Schedule::Plateau
}

fn stops_early(config: &TrainConfig) -> bool {
    config.training.validation_fraction > 0.0
}

/// Refuses names of settings that no trial's figure depends on, whatever the others are: all would
/// do equally well, and the first to be drawn would pass for the best.
pub(super) fn check_names(config: &SearchConfig) -> Result<(), Error> {
    let is_in = |name: &str, section: &str| {
        name.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    for name in config.settings.keys() {
        // A section that is drawn as a whole would bring what is refused alone.
        let unjudged = UNJUDGED.iter().find(|(other, _)| is_in(name, other) || is_in(other, name));
        if let Some((other, why)) = unjudged {
            let whole = if is_in(name, other) { String::new() } else { format!(" with `{other}`") };
            return Err(refused(format!("`{name}`{whole}: {why}")));
        }
    }
    Ok(())
}

/// Refuses settings that matter only with another value of a setting that is not searched.
pub(super) fn check_conditions(base: &TrainConfig, config: &SearchConfig) -> Result<(), Error> {
    let refuse = |setting: &str, (by, needs): (&str, &str)| {
        Err(refused(format!(
            "`{setting}`, which matters only where `{by}` is {needs}; set that in the settings \
             file, or search it too"
        )))
    };
    for Condition { setting, by, needs, is_met } in CONDITIONS {
        let is_searched = |name: &str| config.settings.contains_key(name);
        if is_searched(setting) && !is_searched(by) && !is_met(base) {
            return refuse(setting, (by, needs));
        }
    }
    let half = "training.mixed_precision";
    if config.settings.contains_key(half) && !training_device(base.training.device)?.is_cuda() {
        return refuse(half, ("training.device", "a CUDA device, and there is one"));
    }
    Ok(())
}

fn refused(found: String) -> Error {
    Error::Setting {
        setting: "settings",
        expected: "names of settings that the C of a trial depends on",
        found,
    }
}

#[cfg(test)]
mod tests {
    use toml::{Table, Value};

    use super::*;
    use crate::{
        Dataset, List, ModelKind, Values,
        search::{inner_folds, judge, space},
        testing::{Shape, simulate},
    };

    fn searching(name: &str, value: Value) -> SearchConfig {
        let list = List { values: vec![value] };
        let settings = [(name.to_owned(), Values::List(list))].into();
        SearchConfig { trials: 1, folds: 2, settings, ..SearchConfig::default() }
    }

    fn base() -> TrainConfig {
        toml::from_str(
            "horizons_days = [365]\n[network]\nwidth = 4\nfused_width = 4\n[heads]\nsubtype = \
             'off'\n[training]\nepochs = 4\nensemble = 1\nvalidation_fraction = 0\ndevice = 'cpu'",
        )
        .unwrap()
    }

    /// A value of each setting that is refused and is not about speed.
    const REFUSED: [(&str, &str); 25] = [
        ("model", "'ridge_cox'"),
        ("stack.folds", "3"),
        ("stack.lasso", "9.0"),
        ("stack.ridge", "0.1"),
        ("stack.elastic_net", "true"),
        ("stack.by_site", "true"),
        ("elastic_net.l1_ratio", "0.5"),
        ("horizons_days", "[20.0, 900.0]"),
        ("training.epochs", "1"),
        ("training.threads", "1"),
        ("network.learned_weights", "true"),
        ("network.rank", "2"),
        ("network.attention_heads", "1"),
        ("network.attention_layers", "1"),
        ("network.wide_columns", "2"),
        ("heads.intervals", "3"),
        ("heads.risk_set", "'batch'"),
        ("heads.subtype_weight", "9.0"),
        ("heads.class_weight", "'balanced'"),
        ("training.lowest_rate", "0.9"),
        ("training.plateau_epochs", "1"),
        ("training.plateau_factor", "0.1"),
        ("training.patience", "1"),
        ("training.stop_on", "'c_index'"),
        ("training.mixed_precision", "true"),
    ];

    fn value(text: &str) -> Value {
        let table: Table = toml::from_str(&format!("value = {text}")).unwrap();
        table["value"].clone()
    }

    #[test]
    fn what_is_refused_changes_no_trial() {
        let cohort = simulate(Shape { patients: 100, ..Shape::SMALL }).cohort;
        let data = Dataset { cohort: &cohort, id: "simulated", sha256: "0" };
        let rows: Vec<usize> = (0..100).collect();
        let folds = inner_folds(&data, &rows, &searching("seed", value("7"))).unwrap();
        let figure = |base: &TrainConfig, name: &str, text: &str| {
            let (_, mut drawn) = space::draw(base, &searching(name, value(text)), 0).unwrap();
            drawn.model = ModelKind::Network;
            drawn.training.epochs = base.training.epochs;
            judge(&data, &rows, &drawn, &folds).unwrap()
        };
        let expected = figure(&base(), "seed", "7");
        assert!(expected.iter().all(Result::is_ok), "{expected:?}");
        for (name, text) in REFUSED {
            let spec = searching(name, value(text));
            let error = check_names(&spec).and_then(|()| check_conditions(&base(), &spec));
            let error = error.expect_err(name).to_string();
            assert!(error.contains(&format!("`{name}`")) && error.contains("; set "), "{error}");
            assert_eq!(figure(&base(), name, text), expected, "{name}");
        }
        for (kind, needless) in [
            (ArchitectureKind::LateFusion, true),
            (ArchitectureKind::Attention, true),
            (ArchitectureKind::Gated, false),
        ] {
            let mut base = base();
            base.network.kind = kind;
            let spec = searching("network.fused_width", value("9"));
            assert_eq!(check_conditions(&base, &spec).is_err(), needless, "{kind:?}");
            let figures = ["4", "9"].map(|width| figure(&base, "network.fused_width", width));
            assert_eq!(figures[0] == figures[1], needless, "{kind:?}");
        }
    }

    #[test]
    fn every_name_is_that_of_a_setting() {
        let table = Table::try_from(base()).unwrap();
        let known = |name: &str| {
            let mut parts = name.split('.');
            let first = table.get(parts.next().unwrap());
            parts.try_fold(first?, |inner, part| inner.get(part))
        };
        let conditions = CONDITIONS.iter().flat_map(|one| [one.setting, one.by]);
        for name in UNJUDGED.iter().map(|(name, _)| *name).chain(conditions) {
            assert!(known(name).is_some(), "{name}");
        }
    }

    #[test]
    fn sections_hide_nothing_and_speed_is_not_searched() {
        for (name, expected) in [
            ("stack", "got `stack`: a trial trains and judges the network alone"),
            ("training", "got `training` with `training.epochs`: trials train for the epochs"),
            ("training.network_threads", "how fast"),
            ("training.shards", "how fast"),
            ("training.device", "how fast"),
        ] {
            let error = check_names(&searching(name, value("1"))).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        for name in ["network", "training.epoch", "models", "seed", "modalities"] {
            check_names(&searching(name, value("1"))).unwrap();
        }
    }

    #[test]
    fn a_setting_may_be_searched_with_the_one_that_it_needs() {
        let mut spec = searching("network.rank", value("2"));
        let error = check_conditions(&base(), &spec).unwrap_err().to_string();
        let expected = "`network.rank`, which matters only where `network.kind` is \
                        `low_rank_bilinear`; set that in the settings file, or search it too";
        assert!(error.ends_with(expected), "{error}");
        spec.settings.extend(searching("network.kind", value("'gated'")).settings);
        check_conditions(&base(), &spec).unwrap();
        // In batches a Cox loss has risk sets; without batches it has one.
        let spec = searching("heads.risk_set", value("'batch'"));
        let mut batches = base();
        batches.training.batch_size = 32;
        check_conditions(&batches, &spec).unwrap();
        batches.heads.survival = SurvivalHead::DiscreteTime;
        let error = check_conditions(&batches, &spec).unwrap_err().to_string();
        assert!(error.contains("`heads.survival` is `cox`"), "{error}");
    }
}
