//! Elastic-net Cox, by itself and among the models of a stack.

use oncoweave_core::{Cohort, CohortColumn, FeatureInfo, PatientId, Survival};
use rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};

use super::{all_rows, dataset, quick_config, saved, train_on};
use crate::{Folds, Model, ModelKind, Predictor, TrainConfig, cross_validate, evaluate};

/// Among 400 columns of `rna` four carry the hazard; three clinical ones say nothing.
fn planted(patients: usize, seed: u64) -> Cohort {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    let mut draw = || random.random_range(-1.7..1.7_f32);
    let mut column = |modality: &str, name: String| CohortColumn {
        modality: modality.to_owned(),
        info: FeatureInfo {
            name,
            unit: String::new(),
            meaning: "simulated".to_owned(),
            standard: String::new(),
        },
        values: (0..patients).map(|_| Some(draw())).collect(),
    };
    let rna: Vec<CohortColumn> =
        (0..400).map(|gene| column("rna", format!("gene_{gene}"))).collect();
    let clinical = (0..3).map(|place| column("clinical", format!("lab_{place}")));
    let columns = rna.into_iter().chain(clinical).collect::<Vec<_>>();
    let outcome = |row: usize| {
        let value = |gene: usize| f64::from(columns[gene].values.get(row).unwrap());
        let log_hazard = 0.7 * (value(0) - value(1) + value(2) - value(3));
        let time = -random.random::<f64>().ln() * 900.0 / log_hazard.exp();
        let left = 200.0 + 2000.0 * random.random::<f64>();
        Some(Survival::until(time.min(left).ceil(), time <= left))
    };
    Cohort {
        patients: (0..patients).map(|row| PatientId::new(&format!("P{row:04}")).unwrap()).collect(),
        sites: vec![None; patients],
        labels: vec![None; patients],
        index_dates: vec![None; patients],
        competing: vec![],
        folds: vec![None; patients],
        survival: (0..patients).map(outcome).collect(),
        columns,
    }
}

fn elastic_config() -> TrainConfig {
    TrainConfig { model: ModelKind::ElasticNetCox, ..quick_config() }
}

#[test]
fn few_columns_among_many_are_found_and_ridge_is_beaten() {
    let cohort = planted(250, 3);
    let folds = Folds::stratified(&cohort, 3, 1).unwrap();
    let (evaluation, predictions) =
        cross_validate(&dataset(&cohort), &elastic_config(), &folds, &|_| {}).unwrap();
    let names: Vec<&str> = evaluation.models.iter().map(|model| &*model.name).collect();
    let expected =
        ["fusion", "ridge Cox", "elastic-net Cox, rna alone", "elastic-net Cox, clinical alone"];
    assert_eq!(names, expected);
    assert_eq!(predictions.len(), 4 * cohort.len());
    let c_index = |place: usize| evaluation.models[place].c_index.unwrap().value;
    assert!(c_index(0) > c_index(1) + 0.1, "{} {}", c_index(0), c_index(1));
    assert!(c_index(0) > 0.7, "{}", c_index(0));
    let selected = evaluation.notes.iter().filter(|note| note.contains("of 403 columns have a"));
    assert!(selected.count() > 0, "{:?}", evaluation.notes);
}

#[test]
fn a_saved_elastic_net_scores_the_same_bits_and_its_card_says_what_it_kept() {
    let cohort = planted(250, 3);
    let rows = all_rows(&cohort);
    let model = train_on(&cohort, &rows, &elastic_config());
    let Predictor::Linear(linear) = model.predictor() else { panic!("an elastic net is linear") };
    assert_eq!((linear.method(), linear.l1_ratio), ("elastic-net Cox", Some(0.9)));
    let kept: Vec<&str> = linear
        .coefficients
        .iter()
        .filter(|one| one.log_hazard_ratio != 0.0)
        .map(|one| &*one.column)
        .collect();
    for gene in 0..4 {
        assert!(kept.contains(&&*format!("rna.gene_{gene}")), "{kept:?}");
    }
    assert!(kept.len() < 100, "{}", kept.len());
    let sentence = linear.selection().unwrap();
    assert!(sentence.starts_with(&format!("{} of 403 columns have a coefficient", kept.len())));
    assert!(model.training().notes.contains(&sentence));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    model.save(&path).unwrap();
    let read = Model::load(&path).unwrap();
    assert_eq!(read, model);
    assert_eq!(saved(&read), saved(&model));
    assert_eq!(read.score(&cohort, &rows).unwrap(), model.score(&cohort, &rows).unwrap());
    for file in ["card.md", "tripod.md"] {
        let text = fs_err::read_to_string(path.join(file)).unwrap();
        assert!(text.contains(&sentence), "{file}: {text}");
    }
    // Outside patients find the models that it is compared with.
    let outside = planted(80, 4);
    let (evaluation, _) = evaluate(&read, &dataset(&outside), &all_rows(&outside)).unwrap();
    assert_eq!(evaluation.models[1].name, "ridge Cox");
}

#[test]
fn a_stack_may_have_elastic_nets_among_its_members() {
    let cohort = planted(250, 5);
    let rows = all_rows(&cohort);
    let mut config = quick_config();
    config.training.epochs = 3;
    config.stack.elastic_net = true;
    let model = train_on(&cohort, &rows, &config);
    let Predictor::Stack(stack) = model.predictor() else { panic!("a stack was asked for") };
    let names: Vec<&str> = stack.members.iter().map(|member| member.model.name()).collect();
    assert_eq!(
        &names[names.len() - 3..],
        ["elastic-net Cox", "elastic-net Cox, rna alone", "elastic-net Cox, clinical alone"]
    );
    let weight = |sparse: bool| -> f64 {
        let of_kind = stack
            .members
            .iter()
            .filter(|member| member.model.name().starts_with("elastic-net") == sparse);
        of_kind.map(|member| member.weight).sum()
    };
    assert!(weight(true) > weight(false), "{} {}", weight(true), weight(false));
    assert!(model.without("clinical").is_some());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    model.save(&path).unwrap();
    let read = Model::load(&path).unwrap();
    assert_eq!(read, model);
    assert_eq!(read.score(&cohort, &rows).unwrap(), model.score(&cohort, &rows).unwrap());
    config.stack.elastic_net = false;
    let Predictor::Stack(plain) = train_on(&cohort, &rows, &config).predictor else { panic!() };
    assert_eq!(plain.members.len() + 3, stack.members.len());
}

#[test]
fn a_patient_alone_gets_the_same_risk_as_in_company() {
    let cohort = planted(120, 6);
    let model = train_on(&cohort, &all_rows(&cohort), &elastic_config());
    let together = model.score(&cohort, &all_rows(&cohort)).unwrap();
    for (row, together) in together.iter().enumerate().take(10) {
        assert_eq!(&model.score(&cohort, &[row]).unwrap()[0], together);
    }
}

#[test]
fn held_out_patients_do_not_move_an_elastic_net() {
    let mut cohort = planted(150, 7);
    let rows: Vec<usize> = (0..150).filter(|row| row % 3 != 0).collect();
    let before = saved(&train_on(&cohort, &rows, &elastic_config()));
    for row in (0..150).step_by(3) {
        cohort.survival[row] = Some(Survival::until(5.0, true));
    }
    assert_eq!(saved(&train_on(&cohort, &rows, &elastic_config())), before);
}

#[test]
fn where_nothing_foretells_everybody_may_have_the_same_risk() {
    let mut cohort = planted(150, 8);
    cohort.columns.retain(|column| column.modality == "clinical");
    let folds = Folds::stratified(&cohort, 3, 1).unwrap();
    let (evaluation, _) =
        cross_validate(&dataset(&cohort), &elastic_config(), &folds, &|_| {}).unwrap();
    let c_index = evaluation.models[0].c_index.unwrap().value;
    assert!((0.35..0.65).contains(&c_index), "{c_index}");
}
