use oncoweave_core::{AucDifference, Comparison, Estimate, Evaluation, ReclassificationKind};

use super::models::{horizons, is_same_day};
use super::subtype::MOST_CLASSES;
use crate::page::{Details, Table};
use crate::words;

/// The AUC of the first model less that of each other one.
pub(super) fn auc(evaluation: &Evaluation) -> Option<Details> {
    let compared = evaluation.comparisons.iter().filter(|one| !one.auc.is_empty());
    let compared: Vec<&Comparison> = compared.collect();
    if compared.is_empty() {
        return None;
    }
    let horizons = horizons(evaluation);
    let mut table = Table::new("Differences in AUC at each horizon (95\u{a0}%)")
        .words("First model")
        .words("Second model");
    for &horizon in &horizons {
        table = table.figures(&words::horizon(horizon));
    }
    for comparison in compared {
        let mut row = vec![comparison.a.clone(), comparison.b.clone()];
        row.extend(horizons.iter().map(|&horizon| {
            let mut found = comparison.auc.iter().filter(|one| is_same_day(one.time_days, horizon));
            let text = |&AucDifference { difference, p, .. }: &AucDifference| cell(difference, p);
            found.next().map_or_else(|| words::NONE.to_owned(), text)
        }));
        table.rows.push(row);
    }
    Some(Details {
        summary: "Differences in AUC at each horizon",
        text: vec![
            "The AUC at a time of the first model less that of the second on the same patients: \
             above 0 the first is better. Intervals are of the paired bootstrap, or of DeLong et \
             al. (1988) where nobody was censored before the time."
                .to_owned(),
        ],
        tables: vec![table],
    })
}

/// The same of each class against the others.
pub(super) fn classes(evaluation: &Evaluation) -> Option<Details> {
    let compared = || evaluation.comparisons.iter().filter(|one| !one.class_auc.is_empty());
    let classes = &compared().next()?.class_auc;
    if classes.len() > MOST_CLASSES {
        return None;
    }
    let mut table = Table::new("Differences in AUC of each class against the others (95\u{a0}%)")
        .words("First model")
        .words("Second model");
    for class in classes {
        table = table.figures(&class.class);
    }
    for comparison in compared() {
        let mut row = vec![comparison.a.clone(), comparison.b.clone()];
        row.extend(classes.iter().map(|class| {
            let found = comparison.class_auc.iter().find(|one| one.class == class.class);
            found.map_or_else(|| words::NONE.to_owned(), |one| cell(one.difference, one.p))
        }));
        table.rows.push(row);
    }
    Some(Details {
        summary: "Differences in AUC of each class",
        text: vec![
            "The AUC of each class against the others of the first model less that of the second \
             on the same patients: above 0 the first is better (intervals of DeLong et al. 1988)."
                .to_owned(),
        ],
        tables: vec![table],
    })
}

fn cell(difference: Estimate, p: f64) -> String {
    match words::finite(Some(difference)) {
        Some(difference) => {
            format!("{}, {}", words::with_signed_interval(difference), words::p_value(p))
        }
        None => words::NONE.to_owned(),
    }
}

/// How the first model moves patients relative to older ones.
pub(super) fn reclassification(evaluation: &Evaluation) -> Option<Details> {
    let first = evaluation.reclassification.first()?;
    let caption = format!(
        "Net reclassification by {} within {} (95\u{a0}%)",
        first.new,
        words::horizon(first.time_days)
    );
    let mut table = Table::new(&caption)
        .words("Against")
        .words("Which moves count")
        .figures("With the event")
        .figures("Without")
        .figures("Sum");
    let signed = |estimate: Estimate| {
        words::finite(Some(estimate))
            .map_or_else(|| words::NONE.to_owned(), words::with_signed_interval)
    };
    for one in &evaluation.reclassification {
        let moves = match one.kind {
            ReclassificationKind::Continuous => "every change of the probability".to_owned(),
            ReclassificationKind::EventRate { cutoff } => {
                format!("across {}, the observed share", words::percent(cutoff))
            }
        };
        table.rows.push(vec![
            one.old.clone(),
            moves,
            signed(one.events),
            signed(one.non_events),
            signed(one.improvement),
        ]);
    }
    Some(Details {
        summary: "Net reclassification",
        text: vec![
            "Of the patients with the event, the share whose predicted probability the model \
             raises less the share whose it lowers; of those without, the reverse; and their sum, from \
             \u{2212}2 to 2: above 0 the model moves more patients the right way than the wrong \
             way (Pencina et al. 2011; across the observed share 2017). It can be above 0 for a model \
             that adds nothing or is badly calibrated, so that it should not be judged by alone \
             (Hilden and Gerds 2014; Kerr et al. 2014)."
                .to_owned(),
        ],
        tables: vec![table],
    })
}
