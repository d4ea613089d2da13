//! Every kind of network, head and schedule: what all of them promise.

use std::{ops::ControlFlow, path::Path};

use oncoweave_core::{
    Cohort, Risk, Survival, concordance::harrell_c, kaplan_meier::KaplanMeier,
    preprocess::Preprocessing,
};
use tch::{Device, Tensor};

use super::{all_rows, dataset, go_on, small};
use crate::{
    Architecture, ClassWeight, EpochRecord, EpochReport, Error, HeadsConfig, Model, ModelKind,
    NetworkConfig, Predictor, StopOn, TrainConfig,
    network::{Input, Network},
    part::{Data, LossSettings, Part},
    plan::Plan,
    testing::{Shape, Simulated, simulate},
};

const VARIANTS: [(&str, &str); 14] = [
    (
        "tuned early fusion",
        "[network]\nnorm='layer'\nbottleneck=6\nwide_columns=8\nencoder_dropout=0.1\ninput_dropout=0.1",
    ),
    ("batch norm in batches", "[network]\nnorm='batch'\n[training]\nbatch_size=64"),
    (
        "tokens and modality dropout",
        "[network]\nmissing='token'\nmodality_dropout=0.2\n[training]\nschedule='cosine'\nwarmup_epochs=3",
    ),
    ("late fusion, average", "[network]\nkind='late_fusion'\nmissing='mask'"),
    ("late fusion, learned", "[network]\nkind='late_fusion'\nlearned_weights=true"),
    ("gated", "[network]\nkind='gated'\nnorm='layer'"),
    ("low-rank bilinear", "[network]\nkind='low_rank_bilinear'"),
    ("attention", "[network]\nkind='attention'\nattention_layers=1\nmodality_dropout=0.1"),
    ("attention, masked", "[network]\nkind='attention'\nattention_layers=1\nmissing='mask'"),
    ("discrete time", "[heads]\nsurvival='discrete_time'\nintervals=8"),
    (
        "gated, discrete time, in batches",
        "[network]\nkind='gated'\n[heads]\nsurvival='discrete_time'\n[training]\nbatch_size=50",
    ),
    (
        "weights of events and classes, in batches",
        "[heads]\nevent_weight=2\nclass_weight='balanced'\n[training]\nbatch_size=50",
    ),
    ("risk sets of the batch", "[heads]\nrisk_set='batch'\n[training]\nbatch_size=64"),
    (
        "plateau, stopped by C",
        "[training]\nschedule='plateau'\nplateau_epochs=3\nstop_on='c_index'\npatience=12",
    ),
];

fn config(text: &str) -> TrainConfig {
    let mut config: TrainConfig = toml::from_str(text).unwrap();
    config.model = ModelKind::Network;
    config.network.width = 16;
    config.network.fused_width = 16;
    config.training.learning_rate = 0.01;
    config.training.epochs = 40;
    config.training.ensemble = 2;
    config
}

fn simulated() -> Simulated {
    simulate(Shape { patients: 360, genes: 12, textures: 10, without_imaging: 0.2, seed: 3 })
}

/// The network of all modalities alone, without what it is compared with.
fn network(
    cohort: &Cohort,
    rows: &[usize],
    config: &TrainConfig,
    checkpoints: Option<&Path>,
    on_epoch: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
) -> Result<Model, Error> {
    let data = dataset(cohort);
    let mut plan = Plan::new(&data, rows, config).unwrap();
    plan.statistics = true;
    plan.all_together(checkpoints, on_epoch)
}

#[test]
fn every_network_learns_and_comes_back_to_the_bit() {
    let cohort = simulated().cohort;
    let rows: Vec<usize> = (0..260).collect();
    let held_out: Vec<usize> = (260..360).collect();
    for (name, text) in VARIANTS {
        let model = network(&cohort, &rows, &config(text), None, &mut go_on).unwrap();
        let predictions = model.score(&cohort, &held_out).unwrap();
        let (outcomes, risks): (Vec<Survival>, Vec<Risk>) =
            predictions.iter().map(|one| (one.observed.unwrap(), one.risk)).unzip();
        let c_index = harrell_c(&outcomes, &risks).unwrap();
        assert!(c_index > 0.6, "{name}: C {c_index:.3}");
        let right = |one: &&oncoweave_core::Prediction| {
            let classes = model.classes().iter().zip(&one.class_probabilities);
            let likeliest = classes.max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
            one.label.as_ref() == Some(likeliest)
        };
        let right = predictions.iter().filter(right).count();
        assert!(right > 55, "{name}: {right} of 100 classes");
        for row in [260, 261, 262] {
            let alone = &model.score(&cohort, &[row]).unwrap()[0];
            assert_eq!(alone, &predictions[row - 260], "{name}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        model.save(&path).unwrap();
        let read = Model::load(&path).unwrap();
        assert_eq!(read, model, "{name}");
        assert_eq!(read.score(&cohort, &held_out).unwrap(), predictions, "{name}");
    }
}

#[test]
fn every_run_that_was_cut_off_ends_with_the_same_network() {
    let cohort = simulated().cohort;
    let rows: Vec<usize> = (0..150).collect();
    for (name, text) in VARIANTS {
        let mut config = config(text);
        config.training.epochs = 8;
        let whole = network(&cohort, &rows, &config, None, &mut go_on).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = folder.path().join("model_0");
        for (member, last) in [(1, 1), (1, 5), (2, 4)] {
            let mut stop = |report: &EpochReport| {
                let here = (report.member, report.record.epoch) == (member, last);
                if here { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let stopped = network(&cohort, &rows, &config, Some(&checkpoints), &mut stop);
            assert!(matches!(stopped, Err(Error::Stopped { .. })), "{name}");
        }
        let resumed = network(&cohort, &rows, &config, Some(&checkpoints), &mut go_on).unwrap();
        assert_eq!(resumed, whole, "{name}");
    }
}

#[test]
fn hazards_give_survival_near_what_was_observed() {
    let cohort = simulated().cohort;
    let rows: Vec<usize> = (0..360).collect();
    let text = "[heads]\nsurvival='discrete_time'\nsubtype='off'";
    let model = network(&cohort, &rows, &config(text), None, &mut go_on).unwrap();
    let times: Vec<f64> = (1..=12).map(|step| 100.0 * f64::from(step)).collect();
    let curves = model.survival_at(&cohort, &rows, &times).unwrap();
    let outcomes: Vec<Survival> = cohort.survival.iter().flatten().copied().collect();
    let observed = KaplanMeier::fit(&outcomes);
    for (place, &time) in times.iter().enumerate() {
        let mean = curves.column(place).iter().map(|one| one.0).sum::<f64>() / rows.len() as f64;
        let difference = mean - observed.survival_at(time).0;
        assert!(difference.abs() < 0.06, "day {time}: off by {difference:.3}");
    }
    let predictions = model.score(&cohort, &rows).unwrap();
    let horizons = model.survival_at(&cohort, &rows, model.horizons_days()).unwrap();
    for (prediction, curve) in predictions.iter().zip(horizons.rows()) {
        assert!(prediction.survival.is_sorted_by(|a, b| a >= b && (0.0..=1.0).contains(b)));
        let curve: Vec<f64> = curve.iter().map(|one| one.0).collect();
        assert_eq!(prediction.survival, curve);
    }
    // The intervals hold the survival, are wider than nothing, and those of a folder of an older
    // version, which does not say how well the hazards are known, are none.
    for prediction in &predictions {
        let bounds = prediction.survival_low.iter().zip(&prediction.survival_high);
        for ((low, high), survival) in bounds.zip(&prediction.survival) {
            assert!(0.0 < *low && low + 0.01 < *high && *high < 1.0, "{low} to {high}");
            assert!(low < survival && survival < high, "{low} to {high}: {survival}");
        }
        assert_eq!(prediction.survival_low.len(), prediction.survival.len());
    }
    let elsewhere = &model.score_at(&cohort, &rows[..1], &[123.0, 1e6]).unwrap()[0];
    assert!(elsewhere.survival_low.iter().all(|low| 0.0 < *low && *low < 1.0), "{elsewhere:?}");
    let mut old = model.clone();
    old.scale.intervals.clear();
    assert!(old.score(&cohort, &rows[..1]).unwrap()[0].survival_low.is_empty());
    // They are no function of the risk times a common hazard: curves of two patients may cross.
    let Predictor::Network(network) = model.predictor() else { panic!("it is a network") };
    assert_eq!(network.architecture.cut_points_days.len(), 10);
}

#[test]
fn the_token_speaks_for_whoever_lacks_the_modality_and_for_nobody_else() {
    let cohort = simulated().cohort;
    let rows: Vec<usize> = (0..150).collect();
    let mut config = config("[network]\nkind='gated'");
    config.training.epochs = 5;
    let model = network(&cohort, &rows, &config, None, &mut go_on).unwrap();
    let mut changed = model.clone();
    let Predictor::Network(network) = &mut changed.predictor else { panic!("it is a network") };
    let tokens: Vec<&String> =
        network.weights.keys().filter(|name| name.ends_with("_missing")).collect();
    // Every patient has the other modalities.
    assert_eq!(tokens, ["members.0.imaging_missing", "members.1.imaging_missing"]);
    for name in ["members.0.imaging_missing", "members.1.imaging_missing"] {
        *network.weights.get_mut(name).unwrap() += 0.5;
    }
    let before = model.score(&cohort, &rows).unwrap();
    let after = changed.score(&cohort, &rows).unwrap();
    let lacking = before.iter().filter(|one| !one.missing_modalities.is_empty()).count();
    assert!(lacking > 10);
    for (before, after) in before.iter().zip(&after) {
        let lacks = !before.missing_modalities.is_empty();
        assert_eq!(before.risk != after.risk, lacks);
    }
}

#[test]
fn a_run_that_diverges_says_which_layer() {
    let cohort = simulated().cohort;
    let rows: Vec<usize> = (0..150).collect();
    let mut wild = config("[network]\nkind='low_rank_bilinear'");
    wild.training.learning_rate = 1.0;
    wild.training.weight_decay = 100.0;
    wild.training.epochs = 1000;
    let error = network(&cohort, &rows, &wild, None, &mut go_on).unwrap_err().to_string();
    assert!(error.contains("diverged in epoch") && error.contains("layer `"), "{error}");
}

#[test]
fn every_layer_is_told_of() {
    let cohort = simulated().cohort;
    let rows: Vec<usize> = (0..150).collect();
    let mut config = config("[network]\nkind='attention'\nattention_layers=1");
    config.training.epochs = 2;
    let mut told = vec![];
    let mut listen = |report: &EpochReport| {
        told.push((report.learning_rate, report.layers.to_vec()));
        ControlFlow::Continue(())
    };
    network(&cohort, &rows, &config, None, &mut listen).unwrap();
    assert_eq!(told.len(), 4);
    for (rate, layers) in told {
        assert!((rate - 0.01).abs() < 1e-12);
        let names: Vec<&str> = layers.iter().map(|layer| &*layer.layer).collect();
        for name in ["genomic_fc", "imaging_missing", "encoder.layers.0.linear1", "output_fc"] {
            assert!(names.contains(&name), "{name} is not in {names:?}");
        }
        for layer in &layers {
            assert!(
                layer.gradient_norm.is_finite() && layer.weight_norm > 0.0
                    || layer.layer.ends_with("in_proj_bias"),
                "{layer:?}"
            );
        }
        let first = layers[0].activation.unwrap();
        assert!(first.sd > 0.0 && first.dead_share < 1.0 && first.largest.is_finite());
    }
}

#[test]
fn cuda_that_is_not_there_is_refused_in_words() {
    if tch::Cuda::is_available() {
        println!("skipped: there is a CUDA device");
        return;
    }
    let cohort = simulated().cohort;
    let rows: Vec<usize> = (0..150).collect();
    let config = config("[training]\ndevice='cuda'");
    let error = network(&cohort, &rows, &config, None, &mut go_on).unwrap_err().to_string();
    assert!(error.contains("training.device") && error.contains("no CUDA device"), "{error}");
}

#[test]
fn the_best_epoch_is_that_of_the_figure_that_is_watched() {
    let cohort = simulated().cohort;
    let rows: Vec<usize> = (0..150).collect();
    let mut config = config("");
    config.training.patience = 7;
    config.training.epochs = 60;
    let mut kept = vec![];
    for stop_on in [StopOn::Loss, StopOn::CIndex] {
        config.training.stop_on = stop_on;
        let model = network(&cohort, &rows, &config, None, &mut go_on).unwrap();
        for member in &model.training().members {
            // The lowest loss, or the highest C and of equal ones the lowest loss; of the same the first.
            let figure = |record: &EpochRecord| {
                let (loss, c_index) = (record.validation_loss?, record.validation_c_index?);
                Some(if stop_on == StopOn::Loss { [loss, 0.0] } else { [-c_index, loss] })
            };
            let figures: Vec<[f64; 2]> =
                member.epochs.iter().map(|record| figure(record).unwrap()).collect();
            let first =
                |best: usize, now: usize| if figures[now] < figures[best] { now } else { best };
            let best = (0..figures.len()).reduce(first).unwrap() + 1;
            assert_eq!(member.best_epoch, best, "{stop_on:?}");
            assert!(figures.len() == best + 7 || figures.len() == 60, "{stop_on:?}: {best}");
            kept.push(best);
        }
    }
    assert_ne!(kept[..2], kept[2..], "both figures were best in the same epochs");
}

/// Three patients of one class and one of another, none with the event, so that classes alone count.
#[test]
fn balanced_classes_weigh_the_same_in_the_loss() {
    let cohort = small().cohort;
    let modalities: Vec<String> = cohort.modalities().into_iter().map(str::to_owned).collect();
    let fitted = Preprocessing::fit(&cohort, &all_rows(&cohort), &modalities).unwrap();
    let prepared = fitted.prepare(&cohort, &[0, 1, 2, 3]).unwrap();
    let data = Data {
        prepared: &prepared,
        factors: &vec![1.0; prepared.blocks.len()],
        digest: std::cell::OnceCell::new(),
        outcomes: vec![Survival::until(1.0, false); 4],
        causes: vec![],
        classes: vec![0, 0, 0, 1],
    };
    let classes = ["basal", "luminal"].map(str::to_owned);
    let input = Input { modality: "ct", columns: 1, lacked: false };
    let architecture = Architecture::new(&NetworkConfig::default(), &[input], &classes, vec![]);
    let network = Network::new(&architecture, &architecture.initial_weights(1), Device::Cpu);
    // By how much the logit of each patient's own class is the higher one.
    let margins = [2.0_f32, 1.0, 0.0, -1.0];
    let signs = [-1.0, -1.0, -1.0, 1.0];
    // The log-risk and both logits of each.
    let raw: Vec<f32> =
        margins.iter().zip(signs).flat_map(|(margin, sign)| [0.5, 0.0, margin * sign]).collect();
    let raw = Tensor::from_slice(&raw).reshape([4, 3]);
    let [a, b, c, rare] = margins.map(|margin| f64::from(-margin).exp().ln_1p());
    for (class_weight, rows, expected) in [
        (ClassWeight::None, vec![0, 1, 2, 3], (a + b + c + rare) / 4.0),
        (ClassWeight::Balanced, vec![0, 1, 2, 3], (a + b + c) / 6.0 + rare / 2.0),
        // The weights are those of the training part, one to three, whoever is in a batch.
        (ClassWeight::None, vec![0, 3], f64::midpoint(a, rare)),
        (ClassWeight::Balanced, vec![0, 3], a / 4.0 + 3.0 * rare / 4.0),
    ] {
        let heads = HeadsConfig { class_weight, subtype_weight: 0.7, ..HeadsConfig::default() };
        let training = data.classes.iter().copied();
        let settings = LossSettings::new(&heads, &architecture, training, Device::Cpu);
        let part = Part::in_shards(&data, &rows, &settings);
        let index: Vec<i64> = rows.iter().map(|&row| i64::try_from(row).unwrap()).collect();
        let outputs = network.outputs(&raw.index_select(0, &Tensor::from_slice(&index)));
        let loss = part.loss(&outputs, &settings).unwrap().value;
        assert!((loss - 0.7 * expected).abs() < 1e-6, "{class_weight:?} {rows:?}: {loss}");
    }
}
