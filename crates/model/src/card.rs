use std::fmt::Write;

use oncoweave_core::preprocess::ModalityColumns;

use crate::{MemberRecord, Model, Predictor, Stack};

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
        "{} that ranks patients by hazard, trained by Oncoweave {} on {} patients of cohort `{}` \
         with {} observed events.\n",
        kind(model),
        training.program_version,
        training.patients,
        training.cohort,
        training.events
    ));
    line("## What it reads\n".to_owned());
    for modality in &model.preprocessing.modalities {
        line(columns_line(modality));
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
    if let Predictor::Stack(stack) = &model.predictor {
        stack_lines(stack).into_iter().for_each(&mut line);
    }
    line(match training.members.len() {
        0 => "Without a network.\n".to_owned(),
        1 => "One network.\n".to_owned(),
        count => format!("{count} networks, merged into one that gives their mean.\n"),
    });
    for member in &training.members {
        line(validation_line(member));
    }
    line("\n## Limits\n".to_owned());
    line(
        "- The validation parts chose when to stop, so their figures flatter the model. Judge it by \
         `oncoweave cv`, or by `oncoweave evaluate` on patients from elsewhere.\n\
         - Survival probabilities of a stack come from out-of-fold risks; those of any other model from \
         risks of its training patients, which are too far apart.\n\
         - A modality that a patient lacks is taken as the training mean.\n\
         - For research. It is not a medical device."
            .to_owned(),
    );
    for note in &training.notes {
        line(format!("- {note}."));
    }
    text
}

fn stack_lines(stack: &Stack) -> Vec<String> {
    let c =
        |value: Option<f64>| value.map_or("undefined".to_owned(), |value| format!("{value:.3}"));
    let mut lines = vec![
        format!("Of {} models, {}.\n", stack.members.len(), stack.choice),
        "| model | C out of fold | weight |\n|---|---|---|".to_owned(),
    ];
    lines.extend(stack.members.iter().map(|member| {
        format!("| {} | {} | {:.3} |", member.model.name, c(member.c_index), member.weight)
    }));
    lines.push("\n| modality | share of the risk |\n|---|---|".to_owned());
    let shares = stack.shares.iter();
    lines.extend(shares.map(|one| format!("| {} | {:.1} % |", one.modality, 100.0 * one.share)));
    lines.push(String::new());
    lines
}

fn columns_line(modality: &ModalityColumns) -> String {
    let names = modality.names();
    let more = names.len().saturating_sub(NAMED);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    let shown = names.iter().take(NAMED).map(|name| format!("`{name}`"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    format!(
        "- **{}**: {} columns in use, {} left out as empty or constant. {shown}{tail}",
        modality.name,
        names.len(),
        modality.dropped.len()
    )
}

fn kind(model: &Model) -> &'static str {
    match model.predictor {
        Predictor::Network(_) => "A neural network",
        Predictor::Linear(_) => "A penalized Cox regression",
        Predictor::Stack(_) => "A stack of models",
    }
}

fn validation_line(member: &MemberRecord) -> String {
    let epochs = member.epochs.len();
    if member.validation_patients == 0 {
        return format!("- Seed {}: all {epochs} epochs, without early stopping.", member.seed);
    }
    let best = member.epochs.iter().find(|record| record.epoch == member.best_epoch);
    let c_index = best.and_then(|record| record.validation_c_index);
    let c_index = c_index.map_or("undefined".to_owned(), |value| format!("{value:.3}"));
    format!(
        "- Seed {}: {} patients were set aside to stop early; epoch {} of {epochs} was kept, with \
         a C of {c_index} on them.",
        member.seed, member.validation_patients, member.best_epoch
    )
}
