//! The page as a whole, for full, hostile and degenerate input.

mod synthetic;

use oncoweave_core::{
    CompetingEvent, Estimate, Evaluation, Exclusion, FoldResult, Prediction, Survival,
    small_cells::Protected,
};
use oncoweave_report::{Error, figures, report_html};

#[test]
fn a_full_evaluation_has_every_part() {
    let (evaluation, predictions) = synthetic::cohort(240);
    let page = report_html(&evaluation, &predictions, None).unwrap();
    for part in [
        "<html lang=\"en\">",
        "Research use only.",
        "not a medical device",
        "simulated-glioma",
        "9f86d081884c7d65",
        "5-fold cross-validation",
        "Number at risk",
        "Log-rank test: p &#60; 0.001",
        "the median in years",
        "C of every model",
        "AUC at each horizon",
        "0.718 (",
        "the interval includes 0, so these data do not show that the fusion model is better",
        "clinical alone, C = 0.655",
        "Paired comparisons",
        "C of fusion minus C of each other model",
        "Fold 4",
        "mr alone, fold 3: no event was observed",
        "Always answering",
        "whole patient",
        "12 patients have no genomics",
        "&#34;learning_rate&#34;: 0.001",
    ] {
        assert!(page.contains(part), "the page lacks `{part}`");
    }
    assert_eq!(page.matches("<svg").count(), 7);
    assert_eq!(page.matches("<h1").count(), 1);
}

#[test]
fn patients_of_the_training_are_said_to_be_such() {
    let (mut evaluation, predictions) = synthetic::cohort(60);
    for (seen, there, not) in [
        (0, "patients that the model was not trained on", "flatters"),
        (
            1,
            "patients some of whom the model was trained on, which flatters it",
            "was not trained on",
        ),
        (60, "patients that the model was trained on, which flatters it", "was not trained on"),
    ] {
        evaluation.trained_on = seen;
        let page = report_html(&evaluation, &predictions, None).unwrap();
        assert_eq!(page.matches(there).count(), 3, "{seen}");
        assert!(!page.contains(not), "{seen}");
    }
}

#[test]
fn a_protected_page_points_at_nobody() {
    let (evaluation, predictions) = synthetic::cohort(240);
    let rule = Protected { least: 10 };
    let open = report_html(&evaluation, &predictions, None).unwrap();
    let page = report_html(&evaluation, &predictions, Some(rule)).unwrap();
    let ids: Vec<&str> = evaluation.exclusions.iter().map(|one| one.patient_id.as_str()).collect();
    assert!(ids.iter().any(|id| open.contains(id)));
    assert!(ids.iter().all(|id| !page.contains(id)), "an id of somebody set aside");
    for part in ["Who was set aside", "Always answering", "Patients by observed subtype"] {
        assert!(open.contains(part) && !page.contains(part), "{part}");
    }
    assert!(page.contains("Log-rank test") && page.contains("multiples of 10"));
    // No time of a patient: every step is at a quarter of a tick or a horizon.
    let file = |protected| {
        let all = figures(&evaluation, &predictions, protected).unwrap();
        all.into_iter().find(|(name, _)| name == "risk-groups.svg").unwrap().1
    };
    let corners = |svg: &str| svg.matches(['H', 'V']).count();
    let (exact, coarse) = (file(None), file(Some(rule)));
    assert!(corners(&coarse) < corners(&exact) / 2, "{} {}", corners(&coarse), corners(&exact));

    // A group in which few are without the event has no curve and no table.
    let mut few = predictions.clone();
    for one in few.iter_mut().filter(|one| one.high_risk) {
        one.observed = one.observed.map(|seen| Survival { event: true, ..seen });
    }
    let page = report_html(&evaluation, &few, Some(rule)).unwrap();
    assert!(page.contains("a group is too small") && !page.contains("Number at risk"));
}

#[test]
fn competing_events_turn_survival_into_incidence() {
    let (mut evaluation, mut predictions) = synthetic::cohort(240);
    evaluation.competing = vec![CompetingEvent { name: "other <death>".to_owned(), events: 31 }];
    let mut free = predictions.iter_mut().filter(|one| one.observed.is_some_and(|one| !one.event));
    for prediction in free.by_ref().take(31) {
        prediction.competing = Some("other <death>".to_owned());
    }
    let page = report_html(&evaluation, &predictions, None).unwrap();
    for part in [
        "Without the event by predicted risk group",
        "Without the event by Aalen and Johansen",
        "<td>other &#60;death&#62;</td>",
        "compete with this one: other &#60;death&#62; (31)",
        "Wolbers\u{2019} C",
        "free of the event",
    ] {
        assert!(page.contains(part), "the page lacks `{part}`");
    }
    assert!(!page.contains("Log-rank") && !page.contains("Kaplan-Meier survival"));
}

#[test]
fn the_page_asks_for_nothing_from_elsewhere() {
    let (evaluation, predictions) = synthetic::cohort(60);
    let page = report_html(&evaluation, &predictions, None).unwrap();
    for outside in ["http:", "https:", "<script", "@import", "url(", " src=", "//"] {
        assert!(!page.contains(outside), "the page holds `{outside}`");
    }
}

#[test]
fn figures_are_whole_files_named_once() {
    let (evaluation, predictions) = synthetic::cohort(60);
    let figures = figures(&evaluation, &predictions, None).unwrap();
    let names: Vec<&str> = figures.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "risk-groups.svg",
            "modalities.svg",
            "c-index.svg",
            "comparisons.svg",
            "auc.svg",
            "calibration.svg",
            "decision.svg"
        ]
    );
    for (name, svg) in &figures {
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""), "{name}");
        assert!(svg.ends_with("</svg>\n"), "{name}");
        assert!(!svg.contains("var("), "{name} needs a style sheet");
    }
}

#[test]
fn ten_thousand_patients_stay_a_small_page() {
    let (evaluation, predictions) = synthetic::cohort(10_000);
    let page = report_html(&evaluation, &predictions, None).unwrap();
    assert!(page.len() < 200_000, "{} bytes", page.len());
}

#[test]
fn text_from_outside_stays_text() {
    let hostile = "<script>alert(1)</script>\"'&";
    let (mut evaluation, mut predictions) = synthetic::cohort(60);
    for text in [
        &mut evaluation.cohort,
        &mut evaluation.design,
        &mut evaluation.program_version,
        &mut evaluation.data_sha256,
    ] {
        hostile.clone_into(text);
    }
    for model in &mut evaluation.models {
        model.name = format!("{} {hostile}", model.name);
        model.modalities = vec![hostile.to_owned()];
        if let Some(subtype) = &mut model.subtype {
            subtype.classes[0] = hostile.to_owned();
        }
        model.folds[0].note = Some(hostile.to_owned());
    }
    for comparison in &mut evaluation.comparisons {
        comparison.a = format!("{} {hostile}", comparison.a);
        hostile.clone_into(&mut comparison.b);
    }
    for prediction in &mut predictions {
        prediction.model = format!("{} {hostile}", prediction.model);
        prediction.label = Some(hostile.to_owned());
    }
    evaluation.notes = vec![hostile.to_owned()];
    evaluation.exclusions = vec![Exclusion {
        patient_id: hostile.to_owned(),
        modality: hostile.to_owned(),
        step: hostile.to_owned(),
        reason: hostile.to_owned(),
    }];
    evaluation.config = serde_json::json!({ hostile: hostile });
    let page = report_html(&evaluation, &predictions, None).unwrap();
    assert!(!page.contains("<script") && !page.contains("</script"));
    for (name, svg) in figures(&evaluation, &predictions, None).unwrap() {
        assert!(!svg.contains("<script"), "{name}");
    }
}

/// What is changed, and what the page then says.
type Case = (&'static str, fn(&mut Evaluation, &mut Vec<Prediction>), &'static str);

fn check(cases: &[Case]) {
    for (name, change, expected) in cases {
        let (mut evaluation, mut predictions) = synthetic::cohort(60);
        change(&mut evaluation, &mut predictions);
        let page = report_html(&evaluation, &predictions, None).expect("a page");
        assert!(page.contains(expected), "{name}: the page lacks `{expected}`");
        assert!(!page.contains("NaN") && !page.contains("inf "), "{name}");
        figures(&evaluation, &predictions, None).expect("figures");
    }
}

fn everybody(predictions: &mut [Prediction], time_days: f64, event: bool) {
    for one in predictions {
        one.observed = Some(Survival::until(time_days, event));
    }
}

#[test]
fn degenerate_predictions_still_make_a_page() {
    check(&[
        ("no predictions", |_, p| p.clear(), "There is no curve"),
        (
            "outcomes unknown",
            |_, p| p.iter_mut().for_each(|one| one.observed = None),
            "There is no curve",
        ),
        (
            "nobody at high risk",
            |_, p| p.iter_mut().for_each(|one| one.high_risk = false),
            "There is no log-rank test",
        ),
        (
            "no events",
            |_, p| everybody(p, 30.0, false),
            "There is no log-rank test: no event was observed",
        ),
        (
            "everybody dies on the index date",
            |_, p| everybody(p, 0.0, true),
            "Survival by predicted risk group",
        ),
        (
            "an empty cohort",
            |e, p| {
                p.clear();
                (e.patients, e.events) = (0, 0);
            },
            "There are only 0 events",
        ),
    ]);
}

fn without_figures(evaluation: &mut Evaluation) {
    evaluation.models.truncate(1);
    let fusion = &mut evaluation.models[0];
    fusion.c_index = None;
    fusion.c_index_uno = Some(Estimate { value: f64::NAN, low: 0.0, high: 1.0 });
    fusion.folds = vec![FoldResult { fold: 0, patients: 0, events: 0, c_index: None, note: None }];
    evaluation.comparisons.clear();
    evaluation.exclusions.clear();
    evaluation.notes.clear();
    evaluation.config = serde_json::Value::Null;
}

#[test]
fn degenerate_evaluations_still_make_a_page() {
    check(&[
        (
            "no horizon",
            |e, _| {
                e.horizons_days.clear();
                e.models.iter_mut().for_each(|model| model.auc.clear());
            },
            "No model has an AUC at a horizon",
        ),
        (
            "no model",
            |e, _| {
                e.models.clear();
                e.comparisons.clear();
            },
            "This evaluation holds no model",
        ),
        ("fusion alone without figures", |e, _| without_figures(e), "is not defined here"),
        (
            "the best single modality is a ridge Cox model",
            |e, _| "ridge Cox, clinical alone".clone_into(&mut e.models[5].name),
            "Best single modality: ridge Cox, clinical alone, C = 0.655",
        ),
    ]);
}

#[test]
fn the_page_says_what_each_modality_is_worth() {
    let (mut evaluation, predictions) = synthetic::cohort(60);
    let page = report_html(&evaluation, &predictions, None).unwrap();
    for expected in [
        "Modalities whose gain is more than chance explains: genomics. Without weight: mr.",
        "What each modality is worth",
        "genomics helps",
        "not shown to help",
        "mr has no weight",
        "The calibration slope is 0.93 (0.71 to 1.15): the interval includes 1, which is right.",
        "58\u{a0}% (46 to 70)",
        "9.0 | \u{2212}20.0",
        "High-risk patients had 2.31 times the hazard",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    // Where patients came late, the slope stands alone.
    let at = &mut evaluation.calibration.as_mut().unwrap().at[0];
    (at.observed_over_expected, at.observed_over_expected_interval) = (None, None);
    (at.intercept, at.ici) = (None, None);
    at.groups.clear();
    let page = report_html(&evaluation, &predictions, None).unwrap();
    assert!(page.contains("0.95 (0.74 to 1.16)") && page.contains("Calibration at each horizon"));
    assert!(!page.contains("Patients in groups by the") && !page.contains("lowest predictions"));
    evaluation.contributions.clear();
    evaluation.calibration = None;
    let page = report_html(&evaluation, &predictions, None).unwrap();
    assert!(!page.contains("What each modality is worth") && !page.contains("id=\"calibration\""));
}

#[test]
fn the_page_has_every_figure_with_its_direction() {
    let (mut evaluation, predictions) = synthetic::cohort(240);
    let page = report_html(&evaluation, &predictions, None).unwrap();
    for expected in [
        "<summary>Brier score at each horizon</summary>",
        "lower is better, and giving everybody 50\u{a0}% has 0.25 (Graf et al. 1999)",
        "0.186 (0.166 to 0.206)",
        "Antolini\u{2019}s C (95\u{a0}%)",
        "1.710 (1.440 to 2.030)",
        "<td class=\"n\">0.088</td>",
        "1.04 (0.88 to 1.21)",
        "0.04 (\u{2212}0.13 to 0.21)",
        "Slope: 1 is right, below 1 predictions are too extreme",
        "with 1 degree of freedom, stratified by held-out part",
        "In the first 2 years high-risk patients were without the event for 13.8 (11.8 to 15.8)",
        "a difference of 5.3 (2.5 to 8.0), above 0 where high risk is worse",
        "Trend test over the thirds: p &#60; 0.001, \u{3c7}\u{b2} = 35.20",
        "<summary>Net reclassification</summary>",
        "across 38.2\u{a0}%, the observed share",
        "+0.120 (\u{2212}0.030 to +0.270)",
        "Kerr et al. 2014",
        "<summary>Differences in AUC at each horizon</summary>",
        "<summary>Differences in AUC of each class</summary>",
        "+0.020 (\u{2212}0.030 to +0.070), p = 0.430",
        "AUC, weighted by patients",
        "precision is the share of those put into it that have it",
    ] {
        assert!(page.contains(expected), "the page lacks `{expected}`");
    }
    // As a folder from before these figures is read.
    let mut old = serde_json::to_value(&evaluation).unwrap();
    for name in ["reclassification", "risk_groups"] {
        old.as_object_mut().unwrap().remove(name).unwrap();
    }
    for model in old["models"].as_array_mut().unwrap() {
        let model = model.as_object_mut().unwrap();
        for name in ["brier", "ibs_interval", "c_index_antolini_interval", "hazard_ratio_per_sd"] {
            model.remove(name).unwrap();
        }
        if let Some(subtype) = model["subtype"].as_object_mut() {
            for name in ["auc_weighted", "f1_macro", "by_class"] {
                subtype.remove(name).unwrap();
            }
        }
    }
    for comparison in old["comparisons"].as_array_mut().unwrap() {
        comparison.as_object_mut().unwrap().retain(|name, _| !name.ends_with("auc"));
    }
    for at in old["calibration"]["at"].as_array_mut().unwrap() {
        let at = at.as_object_mut().unwrap();
        for name in ["observed_over_expected_interval", "slope", "intercept"] {
            at.remove(name).unwrap();
        }
    }
    evaluation = serde_json::from_value(old).unwrap();
    let page = report_html(&evaluation, &predictions, None).unwrap();
    assert!(page.contains("Log-rank test: p &#60; 0.001") && page.contains(">1.04<"));
    assert!(
        !page.contains("stratified by held-out part") && !page.contains("Net reclassification")
    );
    assert_eq!(page.matches("<details>").count(), 1, "the settings alone are folded");
}

#[test]
fn small_groups_keep_their_means_and_classes_to_themselves() {
    let (mut evaluation, predictions) = synthetic::cohort(240);
    let rule = Protected { least: 10 };
    let page = report_html(&evaluation, &predictions, Some(rule)).unwrap();
    assert!(
        page.contains("In the first 2 years high-risk") && page.contains("Thirds of predicted")
    );
    assert!(!page.contains("Differences in AUC of each class") && !page.contains("basal"));
    // Four events by the first time tell of few, however many come later.
    let mut early = evaluation.clone();
    let third = &mut early.risk_groups.as_mut().unwrap().thirds[0];
    third.without_event[0].as_mut().unwrap().value = 0.95;
    assert!(rule.evaluation(&early).risk_groups.unwrap().thirds.is_empty());
    let groups = evaluation.risk_groups.as_mut().unwrap();
    groups.restricted_means.as_mut().unwrap().high.events = 4;
    groups.thirds[0].events = 75;
    let page = report_html(&evaluation, &predictions, Some(rule)).unwrap();
    assert!(
        !page.contains("In the first 2 years high-risk") && !page.contains("Thirds of predicted")
    );
    assert!(rule.evaluation(&evaluation).models[0].subtype.as_ref().unwrap().by_class.is_empty());
}

#[test]
fn verdicts_follow_the_interval() {
    for (low, high, expected) in [
        (0.001, 0.1, "so the fusion model is better on these patients"),
        (-0.1, -0.001, "so the fusion model is worse on these patients"),
        (0.0, 0.1, "so these data do not show that the fusion model is better"),
        (-0.1, 0.1, "so these data do not show that the fusion model is better"),
    ] {
        let (mut evaluation, predictions) = synthetic::cohort(60);
        for comparison in &mut evaluation.comparisons {
            (comparison.low, comparison.high) = (low, high);
        }
        let page = report_html(&evaluation, &predictions, None).unwrap();
        assert!(page.contains(expected), "{low} to {high}");
    }
}

#[test]
fn a_patient_never_counts_twice() {
    let (evaluation, mut predictions) = synthetic::cohort(20);
    predictions.push(predictions[3].clone());
    let error = report_html(&evaluation, &predictions, None).unwrap_err();
    assert!(matches!(error, Error::RepeatedPatient { .. }));
    assert!(error.to_string().contains("P00003"));
}

#[test]
fn predictions_of_other_models_make_no_curve() {
    let (evaluation, mut predictions) = synthetic::cohort(20);
    for prediction in &mut predictions {
        "ridge Cox".clone_into(&mut prediction.model);
    }
    assert!(report_html(&evaluation, &predictions, None).unwrap().contains("There is no curve"));
}
