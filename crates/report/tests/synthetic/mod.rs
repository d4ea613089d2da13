//! An evaluation of made-up patients, for the tests and for looking at the page.

use oncoweave_core::{
    AucAt, AucDifference, Bounds, BrierAt, Calibration, CalibrationAt, CalibrationGroupResult,
    ClassDifference, ClassResult, Comparison, Contribution, DecisionCurve, DecisionPoint, Estimate,
    Evaluation, Exclusion, FoldResult, GroupMean, HazardRatio, ModelResult, PatientId, Prediction,
    ReclassificationKind, ReclassificationResult, RestrictedMeans, Risk, RiskGroups, RiskThird,
    SubtypeResult, Survival, TestResult,
};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

/// The models, fusion first, with a C that a cohort like this would have.
const MODELS: [(&str, &[&str], f64); 6] = [
    ("fusion", &["genomics", "ct", "mr", "clinical"], 0.718),
    ("ridge Cox", &["genomics", "ct", "mr", "clinical"], 0.702),
    ("genomics alone", &["genomics"], 0.641),
    ("ct alone", &["ct"], 0.603),
    ("mr alone", &["mr"], 0.498),
    ("clinical alone", &["clinical"], 0.655),
];

const CLASSES: [&str; 3] = ["luminal", "basal", "mesenchymal"];

/// An evaluation with every part filled in, and the predictions behind it.
pub(crate) fn cohort(patients: usize) -> (Evaluation, Vec<Prediction>) {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let predictions: Vec<Prediction> =
        (0..patients).map(|index| prediction(index, &mut rng)).collect();
    let events =
        predictions.iter().filter(|one| one.observed.is_some_and(|seen| seen.event)).count();
    let width = 0.9 / (events.max(1) as f64).sqrt();
    let models = MODELS.iter().enumerate().map(|(index, model)| result(index, *model, width));
    let evaluation = Evaluation {
        schema_version: 2,
        program_version: "0.1.0".to_owned(),
        cohort: "simulated-glioma".to_owned(),
        data_sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
        design: "5-fold cross-validation, stratified by event and time, seed 7".to_owned(),
        patients,
        events,
        trained_on: 0,
        competing: vec![],
        horizons_days: vec![365.25, 730.5, 1826.25],
        classes: CLASSES.map(str::to_owned).to_vec(),
        models: models.collect(),
        comparisons: comparisons(width),
        reclassification: reclassification(),
        contributions: contributions(),
        hazard_ratio: Some(Estimate { value: 2.31, low: 1.62, high: 3.3 }),
        risk_groups: Some(risk_groups()),
        calibration: Some(calibration()),
        decisions: vec![DecisionCurve {
            time_days: 730.5,
            points: [(0.1, 0.31, 0.28), (0.5, 0.09, -0.2)]
                .map(|(threshold, model, everybody)| DecisionPoint {
                    threshold,
                    model: Some(model),
                    everybody,
                })
                .to_vec(),
        }],
        exclusions: exclusions(),
        notes: vec![
            "Harrell's C is the mean over folds; its interval resamples patients within folds."
                .to_owned(),
            "12 patients have no genomics; the networks saw the training mean in its place."
                .to_owned(),
        ],
        config: serde_json::json!({
            "model": { "kind": "early-fusion", "hidden": 64, "dropout": 0.3 },
            "training": { "learning_rate": 0.001, "epochs": 200, "patience": 20, "seed": 7 },
        }),
    };
    (evaluation, predictions)
}

fn reclassification() -> Vec<ReclassificationResult> {
    let kinds =
        [ReclassificationKind::Continuous, ReclassificationKind::EventRate { cutoff: 0.382 }];
    let result = |kind| ReclassificationResult {
        new: "fusion".to_owned(),
        old: "clinical alone".to_owned(),
        time_days: 730.5,
        kind,
        events: Estimate { value: 0.12, low: -0.03, high: 0.27 },
        non_events: Estimate { value: 0.09, low: 0.01, high: 0.17 },
        improvement: Estimate { value: 0.21, low: 0.02, high: 0.4 },
    };
    kinds.map(result).to_vec()
}

fn risk_groups() -> RiskGroups {
    let mean = |value: f64| GroupMean {
        patients: 120,
        events: 60,
        days: Estimate { value, low: value - 60.0, high: value + 60.0 },
    };
    let third = |events, share| RiskThird {
        patients: 80,
        events,
        without_event: vec![Some(around(share, 0.1)), Some(around(share - 0.2, 0.1)), None],
    };
    RiskGroups {
        restricted_means: Some(RestrictedMeans {
            tau_days: 730.5,
            high: mean(420.0),
            low: mean(580.0),
            difference: Estimate { value: 160.0, low: 75.0, high: 245.0 },
        }),
        log_rank: Some(TestResult { statistic: 31.4, degrees_of_freedom: 1, p: 2e-8 }),
        thirds: vec![third(30, 0.85), third(45, 0.8), third(55, 0.6)],
        trend: Some(TestResult { statistic: 35.2, degrees_of_freedom: 1, p: 3e-9 }),
    }
}

fn contributions() -> Vec<Contribution> {
    let rows = [
        ("genomics", 0.45, Some((0.031, 0.008, 0.055))),
        ("ct", 0.2, Some((0.012, -0.003, 0.027))),
        ("mr", 0.0, Some((0.0, 0.0, 0.0))),
        ("clinical", 0.35, None),
    ];
    rows.map(|(modality, weight_share, gain)| Contribution {
        modality: modality.to_owned(),
        weight_share,
        gain: gain.map(|(value, low, high)| Estimate { value, low, high }),
        p: gain.map(|_| 0.2),
    })
    .to_vec()
}

fn calibration() -> Calibration {
    let group = |predicted: f64, observed: Option<f64>| CalibrationGroupResult {
        patients: 48,
        predicted,
        observed: observed.map(|value| around(value, 0.12)),
    };
    Calibration {
        slope: Some(Estimate { value: 0.93, low: 0.71, high: 1.15 }),
        at: vec![CalibrationAt {
            time_days: 730.5,
            observed_over_expected: Some(1.04),
            observed_over_expected_interval: Some(Bounds { low: 0.88, high: 1.21 }),
            slope: Some(Estimate { value: 0.95, low: 0.74, high: 1.16 }),
            intercept: Some(Estimate { value: 0.04, low: -0.13, high: 0.21 }),
            ici: Some(0.031),
            groups: vec![group(0.31, Some(0.35)), group(0.62, Some(0.58)), group(0.84, None)],
        }],
    }
}

fn prediction(index: usize, rng: &mut ChaCha8Rng) -> Prediction {
    let risk: f64 = (0..6).map(|_| rng.random_range(-0.7..0.7)).sum();
    let uniform: f64 = rng.random_range(1e-9..1.0);
    let time = 1500.0 * (-uniform.ln()) * (-risk * 0.8).exp();
    let censored: f64 = rng.random_range(100.0..2600.0);
    let observed = Survival::new(time.min(censored), time <= censored).expect("positive times");
    let class = rng.random_range(0..3_usize);
    let mut probabilities = [0.2; 3];
    probabilities[if rng.random_bool(0.7) { class } else { (class + 1) % 3 }] = 0.6;
    Prediction {
        patient_id: PatientId::new(&format!("P{index:05}")).expect("a valid id"),
        model: "fusion".to_owned(),
        fold: u32::try_from(index % 5).ok(),
        risk: Risk(risk),
        high_risk: risk > 0.0,
        survival: vec![0.8, 0.6, 0.3],
        survival_low: vec![0.7, 0.5, 0.2],
        survival_high: vec![0.9, 0.7, 0.4],
        flags: vec![],
        incidence: vec![],
        incidence_low: vec![],
        incidence_high: vec![],
        class_probabilities: probabilities.to_vec(),
        missing_modalities: if index.is_multiple_of(17) {
            vec!["genomics".to_owned()]
        } else {
            vec![]
        },
        observed: Some(observed),
        competing: None,
        label: Some(CLASSES[class].to_owned()),
    }
}

fn around(value: f64, width: f64) -> Estimate {
    Estimate { value, low: (value - width).max(0.0), high: (value + width).min(1.0) }
}

fn result(index: usize, (name, modalities, c): (&str, &[&str], f64), width: f64) -> ModelResult {
    let auc = [(365.25, 0.03), (730.5, 0.02), (1826.25, -0.02)].map(|(time_days, more)| AucAt {
        time_days,
        auc: around(c + more, width * if time_days > 1000.0 { 1.9 } else { 1.2 }),
    });
    let fold = |fold: u32| FoldResult {
        fold,
        patients: 48,
        events: 27 + fold as usize,
        c_index: (index != 4 || fold != 3).then(|| c + (f64::from(fold) - 2.0) * 0.013),
        note: (index == 4 && fold == 3)
            .then(|| "no event was observed among these 48 patients".to_owned()),
    };
    ModelResult {
        name: name.to_owned(),
        modalities: modalities.iter().map(|&name| name.to_owned()).collect(),
        c_index: Some(around(c, width)),
        c_index_uno: Some(around(c - 0.012, width * 1.1)),
        c_index_competing: None,
        c_index_antolini: Some(c + 0.002),
        c_index_antolini_interval: Some(Bounds { low: c - width, high: c + width }),
        auc: auc.to_vec(),
        brier: vec![BrierAt { time_days: 730.5, brier: around(0.33 - c / 5.0, 0.02) }],
        ibs: Some(0.31 - c / 5.0),
        ibs_interval: Some(Bounds { low: 0.29 - c / 5.0, high: 0.33 - c / 5.0 }),
        hazard_ratio_per_sd: (index != 4).then_some(HazardRatio {
            ratio: Estimate { value: 1.71, low: 1.44, high: 2.03 },
            standard_error: 0.088,
        }),
        subtype: (index == 0).then(|| SubtypeResult {
            classes: CLASSES.map(str::to_owned).to_vec(),
            auc_macro: Some(around(0.812, width)),
            auc_weighted: Some(around(0.823, width)),
            accuracy: around(0.694, width),
            f1_macro: Some(around(0.687, width)),
            by_class: CLASSES
                .iter()
                .map(|class| ClassResult {
                    class: (*class).to_owned(),
                    patients: 80,
                    auc: Some(around(0.812, width)),
                    precision: Some(0.71),
                    recall: Some(0.66),
                    f1: Some(0.684),
                })
                .collect(),
        }),
        folds: (0..5).map(fold).collect(),
    }
}

fn comparisons(width: f64) -> Vec<Comparison> {
    MODELS[1..]
        .iter()
        .map(|&(name, _, c)| {
            let delta = MODELS[0].2 - c;
            Comparison {
                a: "fusion".to_owned(),
                b: name.to_owned(),
                delta_c_index: delta,
                low: delta - width * 0.7,
                high: delta + width * 0.75,
                p: if delta > width {
                    0.0004
                } else if delta > width * 0.7 {
                    0.021
                } else {
                    0.31
                },
                auc: vec![AucDifference {
                    time_days: 730.5,
                    difference: Estimate { value: delta, low: delta - 0.08, high: delta + 0.08 },
                    p: 0.25,
                }],
                class_auc: vec![ClassDifference {
                    class: "basal".to_owned(),
                    difference: Estimate { value: 0.02, low: -0.03, high: 0.07 },
                    p: 0.43,
                }],
            }
        })
        .collect()
}

fn exclusions() -> Vec<Exclusion> {
    let row = |id: &str, modality: &str, step: &str, reason: String| Exclusion {
        patient_id: id.to_owned(),
        modality: modality.to_owned(),
        step: step.to_owned(),
        reason,
    };
    let mut rows: Vec<Exclusion> = (0..14)
        .map(|index| {
            let reason = format!(
                "dicom/P{index:05}/ct: the slices leave a gap of {}.0 mm where 3.0 mm was \
                 expected, fetch the missing slice",
                index + 6
            );
            row(&format!("P{index:05}"), "ct", "extract", reason)
        })
        .collect();
    rows.push(row(
        "P00044",
        "genomics",
        "extract",
        "vcf/P00044.vcf.gz:118: the file ends inside a block, copy it again".to_owned(),
    ));
    rows.push(row("p0071", "", "align", "differs from patient `P0071` only in case".to_owned()));
    rows.push(row("P00090", "", "align", "no follow-up time, fill in `follow_up`".to_owned()));
    rows
}
