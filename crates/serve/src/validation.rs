//! Whether a validation channel can judge the model, found out before the model is trained.

use oncoweave_core::preprocess::Preprocessing;
use oncoweave_model::TrainConfig;

use crate::Error;
use crate::channels::Table;

/// Fails where the model that will be trained could not be evaluated on the validation table.
pub(crate) fn check(train: &Table, validation: &Table, config: &TrainConfig) -> Result<(), Error> {
    let bad = |reason: String| Err(Error::Validation { reason });
    let outcomes = &validation.cohort.survival;
    if !outcomes.iter().flatten().any(|outcome| outcome.event) {
        return bad(format!(
            "none of its {} patients has an observed event, so there is nothing to judge by",
            outcomes.len()
        ));
    }
    let names = |cohort: &oncoweave_core::Cohort| -> Vec<String> {
        cohort.modalities().into_iter().map(str::to_owned).collect()
    };
    let trained = config.modalities.clone().unwrap_or_else(|| names(&train.cohort));
    let found = names(&validation.cohort);
    if !found.iter().any(|name| trained.contains(name)) {
        return bad(format!(
            "it has no modality that is trained on; those are {}, it has {}",
            trained.join(", "),
            if found.is_empty() { "none".to_owned() } else { found.join(", ") }
        ));
    }
    let rows: Vec<usize> =
        (0..train.cohort.len()).filter(|&row| train.cohort.survival[row].is_some()).collect();
    // Where the training part cannot be prepared, training says so in its own words.
    let Ok(preprocessing) = Preprocessing::fit(&train.cohort, &rows, &trained) else {
        return Ok(());
    };
    match preprocessing.apply(&validation.cohort, &[]) {
        Ok(_) => Ok(()),
        Err(reason) => bad(reason.to_string()),
    }
}
