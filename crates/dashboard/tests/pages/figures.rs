//! The figures on the pages against R's, and small groups.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use oncoweave_core::{PatientId, Prediction, Risk, Survival};
use serde_json::Value;

use crate::made_up::{prediction, study};
use crate::site::{Site, between};

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/dashboard_groups.json");
    serde_json::from_str(&fs_err::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect()
}

/// R's cohort as predictions whose risk groups are R's groups.
fn lung(golden: &Value) -> Vec<Prediction> {
    let cohort = &golden["cohort"];
    let times = numbers(&cohort["time"]);
    times
        .into_iter()
        .enumerate()
        .map(|(row, time_days)| {
            let high = cohort["high"][row].as_bool().unwrap();
            Prediction {
                patient_id: PatientId::new(&format!("L{row:03}")).unwrap(),
                risk: Risk(if high { 1.0 } else { 0.0 }),
                high_risk: high,
                survival: vec![0.8, 0.5, 0.2],
                survival_low: vec![],
                survival_high: vec![],
                flags: vec![],
                missing_modalities: vec![],
                observed: Some(Survival::until(time_days, cohort["event"][row].as_bool().unwrap())),
                ..prediction("fusion", row)
            }
        })
        .collect()
}

/// The exact values in a row of a table, by the row's heading.
fn row_values(page: &str, heading: &str) -> Vec<f64> {
    let row = between(page, &format!("<th scope=\"row\">{heading}</th>"), "</tr>");
    let parts = row.split("<data value=\"").skip(1);
    parts.map(|part| part.split('"').next().unwrap().parse().unwrap()).collect()
}

fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{found:?} {expected:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found} {expected}");
    }
}

#[test]
fn the_page_has_the_figures_of_r() {
    let golden = golden();
    let (mut evaluation, _) = study(10);
    evaluation.horizons_days = numbers(&golden["horizons"]);
    let predictions = lung(&golden);
    evaluation.patients = predictions.len();
    let site = Site::new(&evaluation, &predictions);
    let manager = site.account(&site.admin(), "manager", &["data-manager"]);
    let page = manager.get("/studies/study");
    for (heading, group) in [("High risk", &golden["high"]), ("Low risk", &golden["low"])] {
        // The median with its interval, then survival at each horizon.
        let expected = [numbers(&group["median"]), numbers(&group["survival"])].concat();
        close(&row_values(&page.body, heading), &expected);
    }
    close(&[page.value_of("log-rank")], &[golden["log_rank"][1].as_f64().unwrap()]);
    close(&[page.value_of("hazard-ratio")], &[golden["hazard_ratio"][0].as_f64().unwrap()]);

    let table = manager.get("/studies/study/curves.csv").body;
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    for (label, group) in [("High risk", &golden["high"]), ("Low risk", &golden["low"])] {
        let curve = &group["curve"];
        for (column, name) in
            [(1, "time"), (2, "at_risk"), (5, "survival"), (6, "low"), (7, "high")]
        {
            let of_group = rows.iter().filter(|row| &row[0] == label);
            let found: Vec<f64> = of_group.map(|row| row[column].parse().unwrap()).collect();
            let expected = curve[name].as_array().unwrap();
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                // R has no band where survival is 1 or 0.
                if let Some(expected) = expected.as_f64() {
                    assert!((found - expected).abs() < 1e-6, "{name}: {found} {expected}");
                }
            }
        }
    }
}

#[test]
fn filters_recompute_the_curves_and_count_patients() {
    let (evaluation, predictions) = study(300);
    let site = Site::new(&evaluation, &predictions);
    let clinician = site.account(&site.admin(), "dr.grey", &["clinician"]);
    let all = clinician.get("/studies/study");
    assert!(all.body.contains("All 300 patients"));
    let some = clinician.get("/studies/study?label=luminal&missing=ct");
    assert!(some.body.contains("10 of 300 patients"), "{}", some.body);
    assert!(some.body.contains("no event was observed among these 10 patients"));
    let class = clinician.get("/studies/study?label=luminal");
    assert!(class.body.contains("100 of 300 patients"));
    assert_ne!(all.value_of("log-rank").to_bits(), class.value_of("log-rank").to_bits());
    let one = clinician.get("/studies/study?q=p00042");
    assert!(one.body.contains("1 of 300 patients") && one.body.contains("P00042"));
    let none = clinician.get("/studies/study?q=nobody");
    assert!(none.body.contains("There is no curve") && none.status == 200);
    let wrong = clinician.get("/studies/study?feature=clinical.age&min=old");
    assert!(wrong.body.contains("must be a number"), "{}", wrong.body);
    let sorted = clinician.get("/studies/study?sort=-risk&horizon=0");
    let rows = sorted.body.split("<a href=\"/studies/study/patients/").skip(1);
    assert_eq!(rows.count(), 50);
    assert!(sorted.body.contains("Next 50"));
}

#[test]
fn a_number_is_refused_where_the_model_does_not_apply() {
    let (evaluation, predictions) = study(60);
    let site = Site::new(&evaluation, &predictions);
    let clinician = site.account(&site.admin(), "dr.grey", &["clinician"]);
    let refused = clinician.get("/studies/study/patients/P00007").body;
    assert!(refused.contains("No number is shown") && refused.contains("62 %"));
    assert!(!refused.contains("Of 100 people"), "{refused}");
    let figure = clinician.get("/studies/study/patients/P00007/figures/people.svg");
    assert_eq!(figure.status, 404);
    let fine = clinician.get("/studies/study/patients/P00004").body;
    assert!(fine.contains("Of 100 people") && fine.contains("95\u{a0}% interval"));
    let lacking = clinician.get("/studies/study/patients/P00003").body;
    assert!(lacking.contains("No ct: the model fills it"), "{lacking}");
}

#[test]
fn those_who_see_no_patient_see_no_small_group() {
    let (evaluation, mut predictions) = study(120);
    // Four patients of a class of their own.
    for prediction in predictions.iter_mut().filter(|one| one.patient_id.as_str() < "P00004") {
        prediction.label = Some("rare".to_owned());
    }
    let site = Site::new(&evaluation, &predictions);
    let researcher = site.account(&site.admin(), "r", &["researcher"]);
    let all = researcher.get("/studies/study").body;
    assert!(!all.contains("P0000"), "a patient's id");
    assert!(all.contains("You see groups but no patients"));
    for path in ["/studies/study?label=rare", "/api/v1/studies/study/groups?label=rare"] {
        let few = researcher.get(path).body;
        assert!(few.contains("fewer than 10 patients"), "{path}: {few}");
        assert!(!few.contains("4 of 120"), "{few}");
    }
    // One filter at a time, and none that could pick out a few.
    let narrow = researcher.get("/studies/study?q=P00001&label=basal").body;
    assert!(narrow.contains("one site or one class at a time"), "{narrow}");
    let subgroups = researcher.get("/studies/study/validation").body;
    let row = between(&subgroups, "<th scope=\"row\">Class: rare</th>", "</tr>");
    assert!(row.contains("fewer than 10"), "{row}");
    assert!(!subgroups.contains("P0000"));
    for path in ["/studies/study/curves.csv", "/studies/study/predictions.csv"] {
        assert_eq!(researcher.get(path).status, 403, "{path}");
    }
}

/// A drawn curve: what its time axis steps by, and the times of its corners, both in the axis' unit.
fn corners(page: &str, series: &str) -> (f64, Vec<f64>) {
    let end = page.find("Number at risk").expect("a table below the curves");
    let page = &page[page[..end].rfind("<svg").expect("a drawing")..end];
    let ticks: Vec<(f64, f64)> = page
        .split("<path class=\"axis\" d=\"M")
        .filter(|part| part.split('"').next().is_some_and(|path| path.ends_with("v5")))
        .map(|part| {
            let x = part.split(' ').next().unwrap().parse().unwrap();
            (x, between(part, "text-anchor=\"middle\">", "<").parse().unwrap())
        })
        .collect();
    let (first, last) = (ticks[0], ticks[ticks.len() - 1]);
    let time = |x: f64| (x - first.0) / (last.0 - first.0) * (last.1 - first.1);
    let path = between(page, &format!("<path class=\"line {series}\" d=\""), "\"");
    let xs = path.split('H').skip(1).map(|part| part.split('V').next().unwrap());
    (ticks[1].1 - ticks[0].1, xs.map(|x| time(x.parse().unwrap())).collect())
}

#[test]
fn those_who_see_no_patient_see_coarse_curves() {
    let (evaluation, predictions) = study(300);
    let site = Site::new(&evaluation, &predictions);
    let admin = site.admin();
    let clinician = site.account(&admin, "dr.grey", &["clinician"]);
    let researcher = site.account(&admin, "r", &["researcher"]);
    for path in ["/studies/study", "/studies/study/figures/risk-groups.svg"] {
        let (open, page) = (clinician.get(path).body, researcher.get(path).body);
        for series in ["s0", "s1"] {
            let (tick, exact) = corners(&open, series);
            let (_, coarse) = corners(&page, series);
            // A pixel's tenth is the least that is drawn.
            let is_coarse = |time: &f64| {
                let quarters = time / tick * 4.0;
                (quarters - quarters.round()).abs() < 0.01
            };
            assert!(!exact.iter().all(is_coarse), "{path} {series}: {exact:?}");
            assert!(coarse.iter().all(is_coarse), "{path} {series}: {coarse:?}");
            assert!(coarse.len() > 2 && coarse.len() < exact.len() / 3, "{coarse:?}");
            let censored = format!("<path class=\"censored {series}\" d=\"\"/>");
            assert!(page.contains(&censored) && !open.contains(&censored), "{path} {series}");
        }
        let drawn = &page[page.find("Number at risk").expect("a table")..];
        let drawn = &drawn[..drawn.find("</svg>").expect("an end")];
        let counts = drawn.split("class=\"value\"").skip(1);
        let counts: Vec<usize> =
            counts.map(|part| between(part, "\">", "<").parse().unwrap()).collect();
        assert!(counts.len() > 8 && counts.iter().all(|count| count % 10 == 0), "{counts:?}");
    }
    // The median is such a time too, and the exact times cannot be had as a table.
    let groups = researcher.get("/api/v1/studies/study/groups").body;
    let groups: Value = serde_json::from_str(&groups).unwrap();
    let (tick, _) = corners(&clinician.get("/studies/study").body, "s0");
    for group in groups["groups"].as_array().unwrap() {
        let months = group["median_days"].as_f64().unwrap() / (365.25 / 12.0);
        let quarters = months / tick * 4.0;
        assert!((quarters - quarters.round()).abs() < 1e-9, "{group}");
    }
    assert_eq!(researcher.get("/studies/study/curves.csv").status, 403);
}
