//! `tripod.md`: the items of TRIPOD+AI, Collins et al., BMJ 2024;385:e078378, in our own words, with
//! answers where the run knows them.

use std::fmt::Write;

use super::{
    DISCLAIMER,
    judged::{Design, Judged},
    markdown::excluded,
    text::{AUTHORS, design, escaped, interval, kind, probabilities, with_interval},
};
use crate::{Missing, Model, Predictor};

/// Each item: its number, its part of the report, and what it asks for.
const ITEMS: [(&str, &str, &str); 52] = [
    (
        "1",
        "Title",
        "That a prediction model is developed or evaluated, for whom and for what outcome",
    ),
    ("2", "Abstract", "A structured summary, after TRIPOD+AI for abstracts"),
    ("3a", "Background", "The medical context, why the model is needed, and earlier models"),
    (
        "3b",
        "Background",
        "The target patients, the purpose on their way through care, and the users",
    ),
    ("3c", "Background", "Known differences in health between social groups"),
    ("4", "Objectives", "The aims: development, evaluation, or both"),
    ("5a", "Data", "Where the data come from, for each part, why these, and whom they stand for"),
    ("5b", "Data", "The dates of recruitment and of the end of follow-up"),
    ("6a", "Participants", "The setting: kind of care, number and place of centres"),
    ("6b", "Participants", "Who could be included"),
    ("6c", "Participants", "Treatments received and how they were handled"),
    ("7", "Data preparation", "Cleaning and checks of quality, and whether alike in social groups"),
    ("8a", "Outcome", "The outcome, its time horizon, and how it was assessed"),
    ("8b", "Outcome", "Who assessed it, where that takes judgment"),
    ("8c", "Outcome", "Whether assessment was blind to predictors"),
    ("9a", "Predictors", "How predictors were chosen before modeling"),
    ("9b", "Predictors", "Each predictor: its definition, how and when it was measured"),
    ("9c", "Predictors", "Who assessed them, where that takes judgment"),
    ("10", "Sample size", "How the number of patients came about and whether it is enough"),
    ("11", "Missing data", "How missing values were handled"),
    ("12a", "Analysis", "How the data were parted for development and evaluation"),
    ("12b", "Analysis", "How predictors enter the model: form, scale, transformation"),
    ("12c", "Analysis", "The kind of model, how it was built and tuned, and internal validation"),
    (
        "12d",
        "Analysis",
        "Whether and how differences between clusters, such as centres, were examined",
    ),
    ("12e", "Analysis", "Measures of performance, and how models were compared"),
    ("12f", "Analysis", "Updating of the model after evaluation, such as recalibration"),
    ("12g", "Analysis", "How the predictions under evaluation were made"),
    (
        "13",
        "Class imbalance",
        "Whether classes were weighted or resampled, and recalibration after it",
    ),
    ("14", "Fairness", "What was done for fairness between groups of people, and why"),
    ("15", "Model output", "What the model gives, and how any threshold was chosen"),
    (
        "16",
        "Training and evaluation",
        "Differences between both data sets in setting, patients, outcome, predictors",
    ),
    ("17", "Ethics", "The board that approved the study, and consent"),
    ("18a", "Open science", "Funding and the part of the funders"),
    ("18b", "Open science", "Competing interests"),
    ("18c", "Open science", "Where the protocol can be read"),
    ("18d", "Open science", "Registration of the study"),
    ("18e", "Open science", "Whether and how the data can be had"),
    ("18f", "Open science", "Whether and how the program can be had"),
    ("19", "Patients and public", "Their part in the study, or that they had none"),
    ("20a", "Participants", "The flow of patients, with and without the outcome, and follow-up"),
    ("20b", "Participants", "Who they are, overall and by setting; missing data; main groups"),
    ("20c", "Participants", "For an evaluation: how its patients differ from those of development"),
    ("21", "Model development", "Patients and events in each analysis"),
    ("22", "Model specification", "The whole model, so that anybody can predict with it"),
    ("23a", "Performance", "Performance with intervals, in main groups too"),
    ("23b", "Performance", "Performance in clusters, such as centres"),
    ("24", "Model updating", "The updated model and its performance"),
    ("25", "Interpretation", "What the results mean, fairness included, beside earlier studies"),
    ("26", "Limitations", "Weaknesses of the study, and what they do to the results"),
    ("27a", "Usability", "What to do with poor or missing input when the model is used"),
    ("27b", "Usability", "What users must do and know"),
    ("27c", "Usability", "Next steps of research, and where else the model may hold"),
];

/// The checklist as a table.
pub(super) fn checklist(model: &Model, judged: Option<&Judged>) -> String {
    let mut text = format!(
        "# TRIPOD+AI checklist: {}\n\n**{DISCLAIMER}**\n\nModel version {}; SHA-256 of the training \
         table {}. The items are those of Collins et al., BMJ 2024;385:e078378, in other words; use \
         the original for a submission.\n\n| Item | Part | What it asks for | Answer |\n|---|---|---|---|\n",
        escaped(&model.name),
        model.version(),
        escaped(&model.training.data_sha256),
    );
    for (item, part, asks) in ITEMS {
        let answer = methods(item, model)
            .or_else(|| building(item, model))
            .or_else(|| judged.and_then(|judged| measured(item, judged)))
            .or_else(|| results(item, model, judged));
        let answer = answer.unwrap_or_else(|| AUTHORS.to_owned());
        // Writing to a string cannot fail.
        let _ok = writeln!(text, "| {item} | {part} | {asks} | {answer} |");
    }
    text
}

/// What the program itself decides of the methods.
fn methods(item: &str, model: &Model) -> Option<String> {
    let answer = match item {
        "3b" => format!("{DISCLAIMER} Target patients and users: {AUTHORS}."),
        "7" => format!(
            "Every file is checked when it is read; what fails is set aside and listed with the \
             reason, whoever the patient is. Cleaning before that: {AUTHORS}."
        ),
        "8a" => format!(
            "Time to one event with right-censored follow-up, read at {} days. Which event, and how \
             it was assessed: {AUTHORS}.",
            super::text::days(model.horizons_days())
        ),
        "9b" => {
            "`features.json` in the model folder lists every column; the feature dictionary of \
                 the table defines each."
                .to_owned()
        }
        "11" => format!(
            "Nobody was left out for missing values. A missing value is taken as the training mean, \
             with a flag that says so where enough patients lack it. {}",
            whole_modality(model)
        ),
        "12b" => "Columns are scaled by the training patients' mean and standard deviation; empty \
                  and constant ones are left out."
            .to_owned(),
        "12d" => "The card gives figures by site, where the table has sites.".to_owned(),
        "12e" => {
            "Harrell's and Uno's C, AUC(t), integrated Brier score, observed against predicted \
                  survival and calibration slope, with 95 % intervals: by bootstrap over \
                  patients, those of Antolini's C, of AUC without censoring and of calibration by \
                  their standard errors; models are compared on the same resampled patients."
                .to_owned()
        }
        "12f" | "24" => "The model was not updated after evaluation.".to_owned(),
        "14" => format!(
            "No adjustment was made. Figures by age, sex and site stand in the card, where the \
             table has them. Reasons: {AUTHORS}."
        ),
        "18f" => format!(
            "Oncoweave {}, open source under MIT or Apache-2.0.",
            escaped(&model.training.program_version)
        ),
        "27a" => format!(
            "A modality or value that is missing is handled as in training; predictions of patients \
             outside of the training range, or without what the model mostly reads, carry a flag. \
             Every probability of survival or of an event comes {}.",
            interval(model)
        ),
        _ => return None,
    };
    Some(answer)
}

fn whole_modality(model: &Model) -> &'static str {
    match (&model.predictor, model.config.network.missing) {
        (Predictor::Network(_), Missing::Token) => "A whole modality is a learned vector.",
        (Predictor::Network(_), Missing::Mask) => "A whole modality is masked.",
        _ => "A whole modality is handled as the settings say (`model.toml`).",
    }
}

/// What the model folder knows of how the model was built.
fn building(item: &str, model: &Model) -> Option<String> {
    let training = &model.training;
    let answer = match item {
        "4" => "Development of a model; its evaluation where the card has one.".to_owned(),
        "12c" => {
            let how = match &model.predictor {
                Predictor::Stack(stack) => {
                    format!(" {}.", escaped(stack.choice.trim_end_matches('.')))
                }
                Predictor::Network(_) => format!(" Networks trained: {}.", training.members.len()),
                Predictor::Linear(linear) => {
                    let kept =
                        linear.selection().map(|kept| format!(" {kept}.")).unwrap_or_default();
                    format!(" Its penalty was chosen by folds inside the training part.{kept}")
                }
            };
            format!("{}.{how} All settings and the seed stand in `model.toml`.", kind(model))
        }
        "13" => {
            let heads = &model.config.heads;
            format!(
                "Weight of patients with an event: {}; class weights: {:?}. Nobody was resampled.",
                heads.event_weight, heads.class_weight
            )
        }
        "15" => format!(
            "A log relative hazard; {}; and class probabilities where there is a class head. High \
             risk is above the median risk of the training patients: a description, not a threshold \
             for decisions.",
            probabilities(model)
        ),
        "22" => {
            "The model folder holds every number: weights or coefficients, scales and baseline \
                 hazard, in safetensors, TOML and JSON."
                .to_owned()
        }
        _ => return None,
    };
    Some(answer)
}

/// What an evaluation knows.
fn measured(item: &str, judged: &Judged) -> Option<String> {
    let evaluation = judged.evaluation;
    let cohort = &judged.cohort;
    let answer = match item {
        "12a" => format!("{} ({}).", design(judged.design), escaped(&evaluation.design)),
        "12g" => "By the same function that `oncoweave predict` uses, with everything that is \
                  estimated fitted on the training part alone."
            .to_owned(),
        "16" => match judged.design {
            Design::CrossValidation | Design::Apparent => "Both are of one table.".to_owned(),
            Design::OtherTable => format!(
                "Evaluated on cohort {} (SHA-256 {}). The card describes both cohorts; other \
                 differences: {AUTHORS}.",
                escaped(&evaluation.cohort),
                escaped(&evaluation.data_sha256)
            ),
        },
        "20a" => format!(
            "Judged: {} patients with {} events; set aside before: {}. A diagram: {AUTHORS}.",
            cohort.patients,
            cohort.events,
            excluded(judged)
        ),
        "20c" => match judged.design {
            Design::OtherTable => "The card describes both cohorts.".to_owned(),
            Design::CrossValidation | Design::Apparent => "They are the same patients.".to_owned(),
        },
        "23a" => {
            let c_index = evaluation.models.first().and_then(|model| model.c_index);
            format!(
                "Harrell's C {}, calibration slope {}; groups by age, sex and site stand in the \
                 card.",
                with_interval(c_index),
                with_interval(judged.slope())
            )
        }
        "23b" => {
            let sites = judged.subgroups.iter().filter(|group| group.factor == "Site");
            match sites.filter(|group| group.c_index.is_some()).count() {
                0 => return None,
                count => format!("The card gives C in {count} sites."),
            }
        }
        _ => return None,
    };
    Some(answer)
}

/// What the model folder knows of its patients, and the limits that every model has.
fn results(item: &str, model: &Model, judged: Option<&Judged>) -> Option<String> {
    let training = &model.training;
    let description = training.description.as_ref();
    let answer = match item {
        "5a" => format!(
            "Trained on cohort {}, SHA-256 of the table {}. Source and reasons: {AUTHORS}.",
            escaped(&training.cohort),
            escaped(&training.data_sha256)
        ),
        "10" | "21" => {
            let (patients, events) = description.map(|cohort| (cohort.patients, cohort.events))?;
            let why = if item == "10" {
                format!(" Whether that is enough: {AUTHORS}.")
            } else {
                String::new()
            };
            format!("Trained on {patients} patients with {events} events.{why}")
        }
        "20b" => {
            description?;
            format!(
                "The card gives age, sex, site and stage as far as the table has them. Treatments: {AUTHORS}."
            )
        }
        "26" => {
            let apparent = judged.is_none_or(|judged| judged.design == Design::Apparent);
            let unjudged =
                if apparent { " No figures on patients that it has not seen." } else { "" };
            format!("The card lists those that the run knows.{unjudged} Others: {AUTHORS}.")
        }
        "27b" => {
            "Users give an aligned table with the same columns, and must know survival analysis."
                .to_owned()
        }
        _ => return None,
    };
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_every_item_once_and_in_order() {
        let number =
            |item: &str| item.trim_end_matches(|c: char| c.is_alphabetic()).parse().unwrap();
        let mut numbers: Vec<u32> = ITEMS.iter().map(|(item, _, _)| number(item)).collect();
        assert!(
            ITEMS.iter().zip(&ITEMS[1..]).all(|(a, b)| (number(a.0), a.0) < (number(b.0), b.0))
        );
        numbers.dedup();
        assert_eq!(numbers, (1..=27).collect::<Vec<u32>>());
    }
}
