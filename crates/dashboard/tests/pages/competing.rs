//! Beside competing events the pages show incidences, against figures of scikit-survival.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::float_cmp, reason = "causes are whole numbers")]

use oncoweave_core::{CompetingEvent, Evaluation, PatientId, Prediction, Risk, Survival};
use serde_json::Value;

use crate::made_up::{prediction, study};
use crate::site::{Site, between};

const OTHER: &str = "death of <other> causes";

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/core_competing.json");
    serde_json::from_str(&fs_err::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect()
}

/// The cohort of the golden figures in one risk group, and an incidence of the event of 0.2 and 0.4.
fn cohort(golden: &Value) -> (Evaluation, Vec<Prediction>) {
    let (mut evaluation, _) = study(10);
    let causes = numbers(&golden["cause"]);
    let predictions = numbers(&golden["time"]).into_iter().zip(&causes).enumerate();
    let predictions: Vec<Prediction> = predictions
        .map(|(row, (time_days, &cause))| Prediction {
            patient_id: PatientId::new(&format!("C{row:03}")).unwrap(),
            risk: Risk(row as f64),
            high_risk: true,
            survival: vec![0.5, 0.3],
            survival_low: vec![0.4, 0.2],
            survival_high: vec![0.6, 0.4],
            incidence: vec![vec![0.2, 0.4], vec![0.3, 0.3]],
            incidence_low: vec![vec![0.15, 0.31], vec![0.2, 0.2]],
            incidence_high: vec![vec![0.26, 0.52], vec![0.4, 0.4]],
            flags: vec![],
            observed: Some(Survival::until(time_days, cause == 1.0)),
            competing: (cause == 2.0).then(|| OTHER.to_owned()),
            ..prediction("fusion", 1)
        })
        .collect();
    let count = |wanted: f64| causes.iter().filter(|&&cause| cause == wanted).count();
    evaluation.patients = predictions.len();
    evaluation.events = count(1.0);
    evaluation.competing = vec![CompetingEvent { name: OTHER.to_owned(), events: count(2.0) }];
    evaluation.models.truncate(1);
    (evaluation, predictions)
}

#[test]
fn curves_are_one_less_the_incidence_and_the_page_says_so() {
    let golden = golden();
    let (evaluation, predictions) = cohort(&golden);
    let site = Site::new(&evaluation, &predictions);
    let manager = site.account(&site.admin(), "manager", &["data-manager"]);
    let page = manager.get("/studies/study").body;
    assert!(page.contains("Other events compete with this one (death of &#60;other&#62; causes)"));
    assert!(page.contains("Aalen and Johansen") && !page.contains("Kaplan-Meier curves of"));
    let table = manager.get("/studies/study/curves.csv").body;
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let expected = numbers(&golden["aalen_johansen"]["incidence"]);
    assert_eq!(rows.len(), expected.len());
    for (row, incidence) in rows.iter().zip(expected) {
        let without: f64 = row[5].parse().unwrap();
        assert!((1.0 - without - incidence).abs() < 1e-6, "{without} {incidence}");
    }
    let other = manager.get("/studies/study?outcome=other").body;
    let count = evaluation.competing[0].events;
    assert!(other.contains(&format!("{count} of 160 patients")), "{other}");
    for path in ["/studies/study/validation", "/compare"] {
        let page = manager.get(path);
        assert!(page.status == 200 && page.body.contains("Wolbers"), "{path}");
    }
}

#[test]
fn a_patient_s_risk_is_the_incidence_of_the_event() {
    let (evaluation, predictions) = cohort(&golden());
    let site = Site::new(&evaluation, &predictions);
    let manager = site.account(&site.admin(), "manager", &["data-manager"]);
    let page = manager.get("/studies/study/patients/C003").body;
    let row = between(&page, "<th scope=\"row\">1 year</th>", "</tr>");
    // The interval is the incidence's own: that of survival is one of no event at all.
    assert!(row.contains("20.0") && row.contains("80.0") && row.contains("15.0 to 26.0"), "{row}");
    assert!(page.contains("counted among those without it"));
    let bundle = manager.get("/studies/study/patients/C003/fhir/r4").body;
    let bundle: Value = serde_json::from_str(&bundle).unwrap();
    let assessment = &bundle["entry"][0]["resource"];
    assert_eq!(assessment["prediction"][0]["probabilityDecimal"], 20.0);
    assert!(assessment["note"].to_string().contains("cumulative incidences beside other events"));
}
