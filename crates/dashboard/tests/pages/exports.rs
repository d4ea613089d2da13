//! What is taken away says what it is, and programs read it.

use serde_json::Value;

use crate::made_up::study;
use crate::site::Site;

const NOTICE: &str = "Not a medical device";

#[test]
fn every_export_says_what_it_is_and_from_which_data() {
    let (evaluation, predictions) = study(60);
    let site = Site::new(&evaluation, &predictions);
    let manager = site.account(&site.admin(), "manager", &["data-manager"]);
    for path in [
        "/studies/study",
        "/studies/study/validation",
        "/studies/study/patients/P00004",
        "/studies/study/predictions.csv",
        "/studies/study/curves.csv",
        "/studies/study/figures/risk-groups.svg",
        "/studies/study/figures/risk.svg",
        "/studies/study/patients/P00004/figures/curve.svg",
        "/studies/study/patients/P00004/fhir/r4",
        "/studies/study/patients/P00004/fhir/r5",
        "/api/v1/studies/study/patients/P00004",
    ] {
        let answer = manager.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.body.contains(NOTICE), "{path}");
        assert!(answer.body.contains("Oncoweave 0.1.0"), "{path}");
        assert!(answer.body.contains(&evaluation.data_sha256), "{path}");
    }
}

#[test]
fn tables_hold_the_page_s_patients_and_no_formula() {
    let (evaluation, mut predictions) = study(60);
    for prediction in &mut predictions {
        prediction.label = Some("=HYPERLINK(\"http://evil.example\")".to_owned());
    }
    let site = Site::new(&evaluation, &predictions);
    let manager = site.account(&site.admin(), "manager", &["data-manager"]);
    let table = manager.get("/studies/study/predictions.csv?missing=ct").body;
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let header = reader.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|known| known == name).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().all(|row| row[place("class")].starts_with("'=")));
    let all = manager.get("/studies/study/predictions.csv").body;
    let mut reader = csv::Reader::from_reader(all.as_bytes());
    let refused = reader.records().map(Result::unwrap).find(|row| &row[0] == "P00007").unwrap();
    assert_eq!((&refused[place("model_applies")], &refused[place("log_risk")]), ("no", ""));
}

#[test]
fn late_entries_are_shown_where_there_are_any() {
    let (evaluation, mut predictions) = study(60);
    for any_late in [false, true] {
        let observed = &mut predictions[4].observed;
        if any_late {
            *observed = observed.map(|one| one.entered(12.5).unwrap());
        }
        let site = Site::new(&evaluation, &predictions);
        let manager = site.account(&site.admin(), "manager", &["data-manager"]);
        let table = manager.get("/studies/study/predictions.csv").body;
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        let header = reader.headers().unwrap().clone();
        let place = header.iter().position(|name| name == "observed_from_days");
        assert_eq!(place.is_some(), any_late);
        let entries = reader.records().map(Result::unwrap).filter_map(|row| {
            let entry = row[place?].to_owned();
            (!entry.is_empty()).then(|| (row[0].to_owned(), entry))
        });
        let entries: Vec<(String, String)> = entries.collect();
        let expected = any_late.then(|| ("P00004".to_owned(), "12.5".to_owned()));
        assert_eq!(entries, Vec::from_iter(expected));
        let json = manager.get("/api/v1/studies/study/patients/P00004").body;
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["patient"]["observed"]["entry_days"].as_f64(), any_late.then_some(12.5));
        let page = manager.get("/studies/study/patients/P00004").body;
        assert_eq!(page.contains("from day 12 on"), any_late);
        let cohort = manager.get("/studies/study").body;
        assert_eq!(cohort.contains("seen from day 12 on"), any_late);
    }
}

#[test]
fn fhir_probabilities_are_percentages_in_place_of_a_range() {
    let (evaluation, predictions) = study(60);
    let site = Site::new(&evaluation, &predictions);
    let manager = site.account(&site.admin(), "manager", &["data-manager"]);
    for (release, reason) in [("r4", "reasonCode"), ("r5", "reason")] {
        let answer = manager.get(&format!("/studies/study/patients/P00004/fhir/{release}"));
        assert!(answer.header("content-type").starts_with("application/fhir+json"));
        let bundle: Value = serde_json::from_str(&answer.body).unwrap();
        let assessment = &bundle["entry"][0]["resource"];
        assert_eq!(assessment["resourceType"], "RiskAssessment");
        assert!(assessment[reason].is_array(), "{release}");
        let predictions = assessment["prediction"].as_array().unwrap();
        assert_eq!(predictions.len(), 2);
        for prediction in predictions {
            let probability = prediction["probabilityDecimal"].as_f64().unwrap();
            assert!((1.0..=100.0).contains(&probability), "{probability}");
            assert!(prediction.get("probabilityRange").is_none());
            assert!(prediction["rationale"].as_str().unwrap().contains("not a cause"));
        }
        let refused = manager.get(&format!("/studies/study/patients/P00007/fhir/{release}")).body;
        assert!(!refused.contains("probabilityDecimal") && refused.contains("62 %"));
    }
}

#[test]
fn the_openapi_document_names_routes_that_answer() {
    let (evaluation, predictions) = study(60);
    let site = Site::new(&evaluation, &predictions);
    let manager = site.account(&site.admin(), "manager", &["data-manager"]);
    let document = manager.get("/api/v1/openapi.json").body;
    let document: Value = serde_json::from_str(&document).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 6);
    for path in paths.keys() {
        let path = path.replace("{study}", "study").replace("{patient}", "P00004");
        let answer = manager.get(&format!("/api/v1{path}"));
        assert_eq!(answer.status, 200, "{path}");
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert!(body.is_object());
    }
    assert_eq!(manager.get("/api/v1/studies/none").status, 404);
}
