//! What a stack is made of.

use super::{all_rows, quick_config, small, train_on};
use crate::{
    Predictor,
    testing::{Shape, simulate},
};

#[test]
fn a_stack_is_what_its_members_say() {
    let cohort = simulate(Shape { patients: 240, ..Shape::SMALL }).cohort;
    let rows = all_rows(&cohort);
    let model = train_on(&cohort, &rows, &quick_config());
    let Predictor::Stack(stack) = model.predictor() else { panic!("a stack is the default") };
    let names: Vec<&str> = stack.members.iter().map(|member| member.model.name()).collect();
    assert_eq!(names.len(), 12, "{names:?}");
    assert!(names.contains(&"ridge Cox by modality, without imaging"));
    assert!(stack.members.iter().any(|member| member.weight <= 0.0));
    let predictions = model.score(&cohort, &rows).unwrap();
    let mut sums = vec![0.0; rows.len()];
    for member in stack.members.iter().filter(|member| member.weight > 0.0) {
        for (sum, own) in sums.iter_mut().zip(member.model.score(&cohort, &rows).unwrap()) {
            // Who has nothing that the member reads is taken at its mean.
            if own.missing_modalities != member.model.modalities() {
                *sum += member.weight * (own.risk.0 - member.mean) / member.standard_deviation;
            }
        }
    }
    for (prediction, sum) in predictions.iter().zip(sums) {
        assert!((prediction.risk.0 - sum).abs() < 1e-9);
    }
    let total: f64 = stack.shares.iter().map(|share| share.share).sum();
    assert!((total - 1.0).abs() < 1e-9);
    for share in &stack.shares {
        assert_eq!(share.share > 0.0, model.modalities().contains(&share.modality));
    }
    for modality in ["genomics", "imaging", "clinical"] {
        let without = model.without(modality).unwrap();
        assert!(!without.modalities().contains(&modality.to_owned()));
        assert_eq!(without.score(&cohort, &rows[..3]).unwrap().len(), 3);
    }
    assert!(model.without("pet").is_none());
}

#[test]
fn modalities_of_noise_carry_little_of_the_risk() {
    let mut cohort = simulate(Shape { patients: 240, ..Shape::SMALL }).cohort;
    // Each patient has the imaging of another, and the genomics of a third.
    for (shift, modality) in [(31, "imaging"), (77, "genomics")] {
        for column in cohort.columns.iter_mut().filter(|column| column.modality == modality) {
            let values: Vec<Option<f32>> = column.values.iter().collect();
            let other = |row: usize| values[(row + shift) % values.len()];
            column.values = (0..values.len()).map(other).collect();
        }
    }
    let model = train_on(&cohort, &all_rows(&cohort), &quick_config());
    let Predictor::Stack(stack) = model.predictor() else { panic!("a stack is the default") };
    let share = |name: &str| stack.shares.iter().find(|one| one.modality == name).unwrap().share;
    // One draw of noise may look good by chance.
    assert!(share("clinical") > 0.6, "{:?}", stack.shares);
    assert!(share("imaging") + share("genomics") < 0.4, "{:?}", stack.shares);
}

#[test]
fn one_modality_is_not_compared_with_itself() {
    let cohort = small().cohort;
    let mut config = quick_config();
    config.modalities = Some(vec!["clinical".to_owned()]);
    let model = train_on(&cohort, &all_rows(&cohort), &config);
    let names: Vec<&str> = model.compared_with().iter().map(|model| model.name()).collect();
    assert_eq!(names, ["network", "ridge Cox"]);
}

#[test]
fn a_stack_has_as_many_networks_a_fold_as_there_are_seeds() {
    let cohort = small().cohort;
    let rows = all_rows(&cohort);
    let networks = |seeds: usize| -> Vec<(u64, usize)> {
        let mut config = quick_config();
        config.stack.seeds = seeds;
        let model = train_on(&cohort, &rows, &config);
        let Predictor::Stack(stack) = model.predictor() else { panic!("no stack") };
        let network = stack.members.iter().find(|one| one.model.name() == "network").unwrap();
        // Out of fold a mean of networks still tells patients apart.
        assert!(network.c_index.is_some_and(|c| c > 0.4 && c < 1.0), "{:?}", network.c_index);
        let members = &network.model.training().members;
        members.iter().map(|one| (one.seed, one.validation_patients)).collect()
    };
    let (one, two) = (networks(1), networks(2));
    assert_eq!((one.len(), two.len()), (3, 6));
    assert_eq!(one, two[..3]);
    // The second of each fold watches the same patients and starts from another seed.
    for fold in 0..3 {
        assert_eq!(two[fold].1, two[fold + 3].1);
        assert_ne!(two[fold].0, two[fold + 3].0);
    }
}
