use std::fmt::Write;

use crate::Model;

/// How many columns a card names before it says how many more there are.
const NAMED: usize = 12;

/// A short model card in Markdown, from what was measured in training and nothing else.
pub(crate) fn card(model: &Model) -> String {
    let training = &model.training;
    let mut text = format!("# Model card: {}\n\n", model.name);
    let mut line = |content: String| {
        // Writing to a string cannot fail.
        let _ok = writeln!(text, "{content}");
    };
    line(format!(
        "A neural network that ranks patients by hazard, trained by Oncoweave {} on {} patients of \
         cohort `{}` with {} observed events.\n",
        training.program_version, training.patients, training.cohort, training.events
    ));
    line("## What it reads\n".to_owned());
    for modality in &model.preprocessing.modalities {
        let names = modality.names();
        let more = names.len().saturating_sub(NAMED);
        let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
        let shown = names.iter().take(NAMED).map(|name| format!("`{name}`"));
        let shown = shown.collect::<Vec<_>>().join(", ");
        let dropped = modality.dropped.len();
        line(format!(
            "- **{}**: {} columns in use, {dropped} left out as empty or constant. {shown}{tail}",
            modality.name,
            names.len()
        ));
    }
    line("\n## What it gives\n".to_owned());
    let horizons: Vec<String> =
        model.horizons_days().iter().map(|days| format!("{days}")).collect();
    line(format!(
        "A log relative hazard (higher is worse) and the probability to survive {} days, from \
         Breslow's baseline hazard of the training patients.",
        horizons.join(", ")
    ));
    if !model.classes().is_empty() {
        line(format!("The probability of each class: {}.", model.classes().join(", ")));
    }
    line("\n## How it was fitted\n".to_owned());
    line(validation_line(model));
    line("\n## Limits\n".to_owned());
    line(
        "- The validation part chose when to stop, so its figures flatter the model. Judge it by \
         `oncoweave cv`, or by `oncoweave evaluate` on patients from elsewhere.\n\
         - Survival probabilities have not been recalibrated.\n\
         - A modality that a patient lacks is taken as the training mean.\n\
         - For research. It is not a medical device."
            .to_owned(),
    );
    for note in &training.notes {
        line(format!("- {note}."));
    }
    text
}

fn validation_line(model: &Model) -> String {
    let training = &model.training;
    if training.validation_patients == 0 {
        return format!("All {} epochs, without early stopping.", training.epochs.len());
    }
    let best = training.epochs.iter().find(|record| record.epoch == training.best_epoch);
    let c_index = best.and_then(|record| record.validation_c_index);
    let c_index = c_index.map_or("undefined".to_owned(), |value| format!("{value:.3}"));
    format!(
        "{} patients were set aside to stop early; training kept epoch {} of {}. Harrell's C on \
         them: {c_index}.",
        training.validation_patients,
        training.best_epoch,
        training.epochs.len()
    )
}
