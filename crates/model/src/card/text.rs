//! Words that both forms of the card use, and text from data made harmless.

use oncoweave_core::Estimate;

use super::judged::Design;
use crate::{Model, Predictor};

/// What stands where there is no figure.
pub(crate) const NONE: &str = "\u{2013}";

/// Text from data as Markdown that shows it and does nothing else: one line, no markup, no HTML, no
/// link.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | ':' | '@' | '!' | '$' => {
                escaped.push('\\');
                escaped.push(character);
            }
            _ if character.is_control() => escaped.push(' '),
            _ if is_invisible(character) => {}
            _ => escaped.push(character),
        }
    }
    // Some readers make a link of it without any colon.
    escaped.replace("www.", "www\\.").replace("WWW.", "WWW\\.")
}

/// Text from data in one line.
pub(crate) fn plain(text: &str) -> String {
    let shown = text.chars().filter(|&character| !is_invisible(character));
    shown.map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Characters that turn the direction of text or have no width.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// `0.712 (0.660 to 0.764)`.
pub(crate) fn with_interval(estimate: Option<Estimate>) -> String {
    let finite = |estimate: &Estimate| {
        [estimate.value, estimate.low, estimate.high].iter().all(|figure| figure.is_finite())
    };
    estimate.filter(finite).map_or_else(
        || NONE.to_owned(),
        |Estimate { value, low, high }| format!("{value:.3} ({low:.3} to {high:.3})"),
    )
}

pub(crate) fn kind(model: &Model) -> &'static str {
    match &model.predictor {
        Predictor::Network(_) => "A neural network",
        Predictor::Linear(linear) if linear.l1_ratio.is_some() => "An elastic-net Cox regression",
        Predictor::Linear(_) => "A penalized Cox regression",
        Predictor::Stack(_) => "A stack of models",
    }
}

pub(crate) fn design(design: Design) -> &'static str {
    match design {
        Design::CrossValidation => {
            "Internal: models trained in the same way were judged on patients of the same table \
             that they had not seen. The model itself was trained on all of these patients"
        }
        Design::Apparent => {
            "Apparent: the model was judged on the very patients that it was trained on, which \
             flatters it. These figures are no evidence of how it does on others"
        }
        Design::OtherTable => "The model was judged as it is on another table",
    }
}

/// What the program cannot know.
pub(crate) const AUTHORS: &str = "to be filled in by the authors";

/// Days, as people count.
pub(crate) fn days(days: &[f64]) -> String {
    days.iter().map(f64::to_string).collect::<Vec<_>>().join(", ")
}

/// The probabilities that the model gives beside classes, their intervals, and what they come from.
pub(crate) fn probabilities(model: &Model) -> String {
    let days = days(model.horizons_days());
    let others: Vec<String> = model.competing_events().iter().map(|one| escaped(one)).collect();
    let what = if others.is_empty() {
        format!("the probability to survive {days} days")
    } else {
        format!(
            "the cumulative incidence by {days} days of the event and of what competes with it ({}), \
             with the probability of none of these",
            others.join(", ")
        )
    };
    let rivals = model.competing().iter().map(|one| &one.model);
    let from = if std::iter::once(model).chain(rivals).any(|model| model.intervals().is_some()) {
        "hazards that the network gives itself"
    } else {
        "Breslow's baseline hazard of the training patients"
    };
    format!("{what}, each {}, from {from}", interval(model))
}

/// Whether a prediction has an interval.
pub(crate) fn interval(model: &Model) -> &'static str {
    if model.gives_intervals() {
        "with a 95 % interval, that of all patients at this risk"
    } else {
        "without an interval, as the version of Oncoweave that trained it kept nothing to make one of"
    }
}

/// The limits of every model, and of this one, one sentence each.
pub(crate) fn limits() -> [&'static str; 5] {
    [
        "A prediction's interval says how well survival at its risk is known. It leaves out how far \
         a patient's own risk is from that: in simulated cohorts the 95 % intervals held a patient's \
         own survival in 6 or 7 of 10.",
        "Trained on one cohort; it need not hold for patients of other hospitals, times or \
         treatments. Judge it by `oncoweave evaluate` on patients from elsewhere.",
        "Figures on validation parts chose when to stop and what to weigh, so they flatter the \
         model.",
        "Survival probabilities of a stack come from out-of-fold risks; those of any other model from \
         risks of its training patients, which are too far apart.",
        "A modality that a patient lacks is taken as unknown; predictions of such patients, and of \
         patients outside of the training range, carry a flag.",
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_from_data_is_shown_not_done() {
        for (text, expected) in [
            ("plain name", "plain name"),
            ("gene_a|b", "gene\\_a\\|b"),
            ("<script>x</script>&", "&lt;script&gt;x&lt;/script&gt;&amp;"),
            ("a\n# b\r\n", "a \\# b  "),
            ("[x](http://y)", "\\[x\\](http\\://y)"),
            ("www.x.org, a@b.c", "www\\.x.org, a\\@b.c"),
            ("![i](j) `c` **d**", "\\!\\[i\\](j) \\`c\\` \\*\\*d\\*\\*"),
            ("a\u{202E}b", "ab"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
