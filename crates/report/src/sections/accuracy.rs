use oncoweave_core::Evaluation;

use super::models::{horizons, is_same_day};
use crate::page::{Details, Table};
use crate::words;

/// The Brier score of every model at each horizon.
pub(super) fn brier_scores(evaluation: &Evaluation) -> Option<Details> {
    if evaluation.models.iter().all(|model| model.brier.is_empty()) {
        return None;
    }
    let horizons = horizons(evaluation);
    let mut table = Table::new("Brier score at each horizon (95\u{a0}%)").words("Model");
    for &horizon in &horizons {
        table = table.figures(&words::horizon(horizon));
    }
    for model in &evaluation.models {
        let mut row = vec![model.name.clone()];
        row.extend(horizons.iter().map(|&horizon| {
            let at = model.brier.iter().find(|at| is_same_day(at.time_days, horizon));
            words::with_interval(at.map(|at| at.brier))
        }));
        table.rows.push(row);
    }
    let who = if evaluation.competing.is_empty() {
        ""
    } else {
        "; who had another event counts as one who never has this one (Kretowska 2018)"
    };
    Some(Details {
        summary: "Brier score at each horizon",
        text: vec![format!(
            "The mean squared distance between the predicted probability of the event and what \
             happened, weighted for those who were censored before: lower is better, and giving \
             everybody 50\u{a0}% has 0.25 (Graf et al. 1999){who}. A dash means that follow-up \
             does not reach the time."
        )],
        tables: vec![table],
    })
}

/// The hazard ratio of one standard deviation of each model's risk.
pub(super) fn hazard_ratios(evaluation: &Evaluation) -> Option<Details> {
    if evaluation.models.iter().all(|model| model.hazard_ratio_per_sd.is_none()) {
        return None;
    }
    let mut table = Table::new("Cox regression of each model\u{2019}s risk")
        .words("Model")
        .figures("Hazard ratio per standard deviation (95\u{a0}%)")
        .figures("Standard error of its logarithm");
    for model in &evaluation.models {
        let ratio = model.hazard_ratio_per_sd;
        table.rows.push(vec![
            model.name.clone(),
            words::with_interval(ratio.map(|ratio| ratio.ratio)),
            words::optional(ratio.map(|ratio| ratio.standard_error)),
        ]);
    }
    Some(Details {
        summary: "Hazard ratio per standard deviation of the risk",
        text: vec![
            "How many times the hazard rises with one standard deviation of a model\u{2019}s risk, \
             by Cox regression with held-out parts as strata and Efron\u{2019}s ties: above 1 a \
             higher risk is worse, 1 tells nothing apart, and higher is better (Cox 1972)."
                .to_owned(),
        ],
        tables: vec![table],
    })
}
