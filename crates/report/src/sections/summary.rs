use oncoweave_core::{
    Comparison, Contribution, Estimate, Evaluation, ModelResult, Prediction, small_cells::Protected,
};

use crate::words;

/// Below this many events a C-index moves by chance more than models differ.
const FEW_EVENTS: usize = 50;

/// What the page says, in a few plain sentences.
pub(crate) fn summary(
    evaluation: &Evaluation,
    predictions: &[Prediction],
    protected: Option<Protected>,
) -> Vec<String> {
    let Some(fusion) = evaluation.models.first() else {
        return vec!["This evaluation holds no model, so there is nothing to judge.".to_owned()];
    };
    let mut sentences = vec![headline(fusion, words::whom(evaluation))];
    let single = best_single(evaluation);
    if let Some((single, c)) = single {
        let verdict = versus(evaluation, fusion, single);
        let name = &single.name;
        sentences.push(format!(
            "Best single modality: {name}, C = {}. {verdict}",
            words::with_interval(Some(c))
        ));
    }
    if let Some(ridge) = evaluation.models[1..].iter().find(|model| is_ridge(model)) {
        let verdict = versus(evaluation, fusion, ridge);
        sentences.push(format!(
            "Ridge Cox regression on the same columns: C = {}. {verdict}",
            words::with_interval(ridge.c_index)
        ));
    }
    sentences.extend(worth(evaluation));
    if evaluation.events < FEW_EVENTS {
        sentences.push(format!(
            "There are only {}: differences of a few hundredths in C cannot be told from chance.",
            protected.map_or_else(
                || words::count(evaluation.events, "event"),
                |_| format!("fewer than {FEW_EVENTS} events"),
            )
        ));
    }
    let incomplete = predictions
        .iter()
        .filter(|one| one.model == fusion.name && !one.missing_modalities.is_empty())
        .count();
    let complete = evaluation.patients.saturating_sub(incomplete);
    if incomplete > 0 && protected.is_none_or(|rule| incomplete.min(complete) >= rule.least) {
        sentences.push(format!(
            "{} had at least one modality missing and were scored without it.",
            words::count(incomplete, "patient")
        ));
    }
    sentences
}

/// Which modalities are shown to help, and which have no weight.
fn worth(evaluation: &Evaluation) -> Option<String> {
    if evaluation.contributions.is_empty() {
        return None;
    }
    let named = |wanted: &dyn Fn(&Contribution) -> bool| {
        let found = evaluation.contributions.iter().filter(|one| wanted(one));
        found.map(|one| one.modality.clone()).collect::<Vec<_>>().join(", ")
    };
    let helps = named(&|one| words::finite(one.gain).map(verdict) == Some(Verdict::Better));
    let idle = named(&|one| one.weight_share <= 0.0);
    let helps = if helps.is_empty() { "none by itself".to_owned() } else { helps };
    let idle = if idle.is_empty() { String::new() } else { format!(" Without weight: {idle}.") };
    Some(format!("Modalities whose gain is more than chance explains: {helps}.{idle}"))
}

fn headline(fusion: &ModelResult, whom: &str) -> String {
    let name = &fusion.name;
    let Some(c) = words::finite(fusion.c_index) else {
        return format!(
            "The C-index of the {name} model is not defined here: no two patients have a known \
             order of events."
        );
    };
    let of_hundred = (100.0 * c.value).round();
    let chance = if c.low > 0.5 {
        ""
    } else {
        " The interval reaches down to 0.5, which is chance: these data do not show that the \
         model tells risk apart."
    };
    format!(
        "The {name} model ranked patients {whom} with C = {} (95\u{a0}% interval): of \
         100 pairs of patients in which it is known who had the event first, it gave that patient \
         the higher risk in about {of_hundred}.{chance}",
        words::with_interval(Some(c)),
    )
}

/// Ridge Cox on all columns; on one modality it is one of the single-modality models.
fn is_ridge(model: &ModelResult) -> bool {
    model.name.eq_ignore_ascii_case("ridge Cox")
}

/// The single modality, by whichever model reads it, with the highest C on these patients.
fn best_single(evaluation: &Evaluation) -> Option<(&ModelResult, Estimate)> {
    evaluation.models[1..]
        .iter()
        .filter(|model| model.modalities.len() == 1 && !is_ridge(model))
        .filter_map(|model| Some((model, words::finite(model.c_index)?)))
        .max_by(|a, b| a.1.value.total_cmp(&b.1.value))
}

/// Whether the first model is better, as the interval of the difference has it.
fn versus(evaluation: &Evaluation, fusion: &ModelResult, other: &ModelResult) -> String {
    let found = evaluation.comparisons.iter().find_map(|comparison| {
        if comparison.a == fusion.name && comparison.b == other.name {
            Some(difference(comparison))
        } else if comparison.a == other.name && comparison.b == fusion.name {
            let Estimate { value, low, high } = difference(comparison);
            Some(Estimate { value: -value, low: -high, high: -low })
        } else {
            None
        }
    });
    let Some(delta) = words::finite(found) else {
        return format!("The evaluation does not compare it with {} by pairs.", fusion.name);
    };
    let text = words::with_signed_interval(delta);
    let name = &fusion.name;
    match verdict(delta) {
        Verdict::Better => format!(
            "The difference is {text}: the interval leaves out 0, so the {name} model is better \
             on these patients."
        ),
        Verdict::Worse => format!(
            "The difference is {text}: the interval leaves out 0, so the {name} model is worse \
             on these patients."
        ),
        Verdict::Open => format!(
            "The difference is {text}: the interval includes 0, so these data do not show that \
             the {name} model is better."
        ),
    }
}

/// A comparison's difference with its interval.
pub(super) fn difference(comparison: &Comparison) -> Estimate {
    Estimate { value: comparison.delta_c_index, low: comparison.low, high: comparison.high }
}

/// What an interval of a difference allows one to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Better,
    Worse,
    Open,
}

/// A bound of exactly 0 leaves the question open.
pub(super) fn verdict(delta: Estimate) -> Verdict {
    if delta.low > 0.0 {
        Verdict::Better
    } else if delta.high < 0.0 {
        Verdict::Worse
    } else {
        Verdict::Open
    }
}
