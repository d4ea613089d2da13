use oncoweave_core::{Contribution, Estimate, Evaluation};

use super::summary::{Verdict, verdict};
use crate::chart::{self, ForestRow, ForestScale};
use crate::page::{Section, Table};
use crate::words;

/// What each modality is worth to a stack: forest plot and table; no section for another model.
pub(super) fn modalities(evaluation: &Evaluation) -> Option<Section> {
    if evaluation.contributions.is_empty() {
        return None;
    }
    let mut section = Section {
        id: "modalities",
        heading: "What each modality is worth",
        text: vec![
            "The fusion model weighs models of one modality and of several. In training a \
             modality is left out when the fusion does better without it out of fold, beyond chance; \
             with fewer than 50 events nothing is chosen, and the models of all modalities share the weight. The gain is \
             its C minus that of the same fusion had the modality never been measured, on the \
             same patients. An interval that includes 0 leaves open whether the modality helps."
                .to_owned(),
        ],
        ..Section::default()
    };
    let row = |one: &Contribution| {
        let gain = words::finite(one.gain);
        ForestRow {
            label: one.modality.clone(),
            estimate: gain,
            text: gain.map_or_else(|| words::NONE.to_owned(), words::with_signed_interval),
            first: gain.is_some_and(|gain| verdict(gain) == Verdict::Better),
        }
    };
    let rows: Vec<ForestRow> = evaluation.contributions.iter().map(row).collect();
    let scale = ForestScale {
        name: "Gain in C by the modality; right of 0 it helps",
        reference: 0.0,
        reference_name: "no gain",
        limits: (-1.0, 1.0),
    };
    section.figures.push(chart::forest("modalities", "Gain in C by each modality", &rows, scale));
    let mut table = Table::new("What each modality is worth to the fusion model")
        .words("Modality")
        .figures("Share of the risk")
        .figures("Gain in C (95\u{a0}%)")
        .words("In words");
    for one in &evaluation.contributions {
        let gain = words::finite(one.gain);
        table.rows.push(vec![
            one.modality.clone(),
            words::percent(one.weight_share),
            gain.map_or_else(|| words::NONE.to_owned(), words::with_signed_interval),
            in_words(one, gain),
        ]);
    }
    section.tables.push(table);
    section.notes.push(
        "The share of the risk is how far the predicted risk moves when the modality is taken as \
         its mean, over the sum of all modalities; the mean over folds. Modalities that tell the \
         same may each gain little, because the others stand in."
            .to_owned(),
    );
    Some(section)
}

fn in_words(one: &Contribution, gain: Option<Estimate>) -> String {
    let name = &one.modality;
    match gain {
        _ if one.weight_share <= 0.0 => format!("{name} has no weight"),
        None => "no figure".to_owned(),
        Some(gain) => match verdict(gain) {
            Verdict::Better => format!("{name} helps"),
            Verdict::Worse => format!("{name} harms"),
            Verdict::Open => "not shown to help".to_owned(),
        },
    }
}
