use super::*;

const SETTINGS: &str = r#"
    table = "clinical.csv"
    patient_id = "id"
    index_date = "diagnosed"
    site = "hospital"
    fold = "fold"
    [columns]
    age = { type = "number", unit = "years", min = 0, max = 120 }
    sex = { type = "category" }
"#;
const OUTCOME: &str = r#"
    time = "months"
    time_unit = "months"
    event = "status"
    event_values = ["dead"]
    censored_values = ["alive"]
    label = "subtype"
"#;
const HEADER: &str = "id,diagnosed,hospital,fold,age,sex,months,status,subtype\n";

fn read_with(text: &str, settings: &str, outcome: Option<&str>) -> Result<ClinicalTable, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    fs_err::write(&path, text).unwrap();
    let outcome = outcome.map(|outcome| toml::from_str(outcome).unwrap());
    read_clinical(&path, &toml::from_str(settings).unwrap(), outcome.as_ref())
}

fn read(rows: &str) -> ClinicalTable {
    read_with(&format!("{HEADER}{rows}"), SETTINGS, Some(OUTCOME)).unwrap()
}

#[test]
fn a_row_becomes_a_patient() {
    let table = read(
        "P1,2020-01-31,north,2,61,f,10,dead,A\n\
         P2,NA,,,unknown,,0,Alive,\n\
         P3,2020-03-01,south,0.0,50.5,m,1.5,ALIVE,B\n",
    );
    assert_eq!(table.rejected, []);
    let names: Vec<&str> = table.features.features.iter().map(|info| info.name.as_str()).collect();
    assert_eq!(names, ["age", "sex=f", "sex=m"]);
    let date = NaiveDate::from_ymd_opt(2020, 1, 31);
    assert_eq!(
        table.patients[0],
        ClinicalPatient {
            patient_id: PatientId::new("P1").unwrap(),
            site: Some("north".to_owned()),
            index_date: date,
            survival: Some(Survival::until(304.375, true)),
            competing: None,
            label: Some("A".to_owned()),
            fold: Some(2),
        }
    );
    assert_eq!(table.features.rows[0].date, date);
    assert_eq!(
        table.patients[1],
        ClinicalPatient {
            patient_id: PatientId::new("P2").unwrap(),
            site: None,
            index_date: None,
            survival: Some(Survival::until(0.0, false)),
            competing: None,
            label: None,
            fold: None,
        }
    );
    let values: Vec<_> = table.features.rows.iter().map(|row| row.values.clone()).collect();
    assert_eq!(
        values,
        [
            vec![Some(61.0), Some(1.0), Some(0.0)],
            vec![None, None, None],
            vec![Some(50.5), Some(0.0), Some(1.0)],
        ]
    );
    assert_eq!(table.patients[2].fold, Some(0));
}

#[test]
fn a_competing_event_is_censored_and_named() {
    let outcome = format!("{OUTCOME}\ncompeting = {{ 'other death' = ['dead, other', 3] }}");
    let rows = "A,,,,1,f,1,dead,\nB,,,,1,f,2,Dead, other,\nC,,,,1,f,3,3,\nD,,,,1,f,4,alive,\n\
                E,,,,1,f,5,gone,\n";
    let rows = rows.replace("Dead, other", "\"Dead, other\"");
    let table = read_with(&format!("{HEADER}{rows}"), SETTINGS, Some(&outcome)).unwrap();
    let found: Vec<_> = table
        .patients
        .iter()
        .map(|one| (one.survival.unwrap().event, one.competing.as_deref()))
        .collect();
    let other = Some("other death");
    assert_eq!(found, [(true, None), (false, other), (false, other), (false, None)]);
    let reason = &table.rejected[0].reason;
    assert!(reason.contains("expected `dead` or `alive`, `dead, other`, `3`"), "{reason}");
}

/// Rows of id, months, status and begin of observation in months.
fn read_entries(rows: &str) -> ClinicalTable {
    let settings = "table = 't.csv'\npatient_id = 'id'";
    let outcome = "time = 'months'\ntime_unit = 'months'\nevent = 'status'\n\
                   event_values = ['dead']\ncensored_values = ['alive']\nentry = 'begin'";
    let text = format!("id,months,status,begin\n{rows}");
    read_with(&text, settings, Some(outcome)).unwrap()
}

#[test]
fn observation_may_begin_after_the_index_date() {
    let table = read_entries(
        "A,10,dead,4\nB,10,alive,\nC,10,alive,NA\nD,10,alive,0\nE,10,dead,-1e308\n\
         F,0,dead,-0.5\nG,10,alive,9.99\n",
    );
    assert_eq!(table.rejected, []);
    let entries: Vec<Option<f64>> =
        table.patients.iter().map(|one| one.survival.unwrap().entry_days).collect();
    assert_eq!(entries, [Some(121.75), None, None, None, None, None, Some(9.99 * 30.4375)]);
    let first = Survival::until(304.375, true).entered(121.75);
    assert_eq!(table.patients[0].survival, first.ok());
}

#[test]
fn a_begin_of_observation_at_fault_sets_its_row_aside_and_no_other() {
    let end = "the begin of observation must lie before the end of follow-up";
    for (row, expected) in [
        ("B,5,dead,5", format!("{end}, found the same time; correct the cell or the time")),
        ("B,5,dead,7", format!("{end}, found a later time; correct the cell or the time")),
        (
            "B,5,dead,soon",
            "expected a number of months, found text that is no number; correct the cell"
                .to_owned(),
        ),
        (
            "B,5,dead,2020-01-31",
            "expected a number of months, found what looks like a date; correct the cell"
                .to_owned(),
        ),
        (
            "B,5,dead,inf",
            "expected a number of months, found a value that is not finite; correct the cell"
                .to_owned(),
        ),
        (
            "B,5,dead,1300",
            "expected a number of months of at most 100 years, found a longer time; \
             is `time_unit` right?"
                .to_owned(),
        ),
    ] {
        let table = read_entries(&format!("A,1,dead,\n{row}\nC,1,alive,0.5\n"));
        let ids: Vec<&str> = table.patients.iter().map(|one| one.patient_id.as_str()).collect();
        assert_eq!(ids, ["A", "C"], "{row}");
        let expected = format!("column `begin`: {expected}");
        assert_eq!(table.rejected[0].reason.split_once("t.csv:3: ").unwrap().1, expected);
    }
    // Of two faults both are told, and a time that is not known is no fault of the entry.
    let table = read_entries("A,1,dead,\nB,-1,gone,7\n");
    let reason = &table.rejected[0].reason;
    assert!(reason.contains("column `months`") && reason.contains("column `status`"));
    assert!(!reason.contains("column `begin`"), "{reason}");
}

#[test]
fn without_outcome_nobody_needs_one() {
    let table = read_with("id,age,sex\nP1,3,f\n", "table = ''\npatient_id = 'id'", None).unwrap();
    assert_eq!(table.patients[0].survival, None);
    assert_eq!(table.features.rows[0].values, []);
}

#[test]
fn each_fault_sets_its_row_aside_and_no_other() {
    for (row, expected) in [
        (",,,,1,f,1,dead,", "column `id`: a patient id must not be empty; fill it in"),
        (
            "B,,,,1,f,-1,dead,",
            "column `months`: expected a number of months, zero or more, found a negative number; \
             correct the cell",
        ),
        (
            "B,,,,1,f,,dead,",
            "column `months`: expected a number of months, found a missing cell; fill it in",
        ),
        (
            "B,,,,1,f,inf,dead,",
            "column `months`: expected a number of months, zero or more, found a value that is not finite; \
             correct the cell",
        ),
        (
            "B,,,,1,f,1950-02-03,dead,",
            "column `months`: expected a number of months, zero or more, \
             found what looks like a date; correct the cell",
        ),
        (
            "B,,,,1,f,1,gone,",
            "column `status`: expected `dead` or `alive`, found another value; \
             correct the cell or add the value to the settings",
        ),
        (
            "B,,,,1,f,1,,",
            "column `status`: expected whether the event was observed, found an empty cell; \
             fill it in",
        ),
        (
            "B,31.12.1950,,,1,f,1,dead,",
            "column `diagnosed`: expected a date as YYYY-MM-DD, found something else; rewrite it",
        ),
        (
            "B,,,first,1,f,1,dead,",
            "column `fold`: expected a fold as a whole number, found text that is no number; correct the cell",
        ),
        (
            "B,,,,732,f,1,gone,",
            "column `age`: expected 0 to 120 in years, found a number above 120; is it in another unit?; \
             also column `status`: expected `dead` or `alive`, found another value; \
             correct the cell or add the value to the settings",
        ),
        ("B,,,,1,f,1", "expected 9 cells, found 7; correct the row"),
    ] {
        let table = read(&format!("A,,,,1,f,1,dead,\n{row}\nC,,,,1,f,1,dead,\n"));
        let ids: Vec<&str> = table.patients.iter().map(|row| row.patient_id.as_str()).collect();
        assert_eq!(ids, ["A", "C"], "{row}");
        assert_eq!(table.features.rows.len(), 2);
        assert_eq!(table.rejected.len(), 1, "{row}");
        let rejected = &table.rejected[0];
        assert_eq!(rejected.line, 3);
        assert_eq!(rejected.reason.split_once("t.csv:3: ").unwrap().1, expected);
        assert_eq!(rejected.patient_id.as_deref(), row.starts_with('B').then_some("B"));
    }
}

#[test]
fn a_follow_up_of_more_than_100_years_is_in_another_unit() {
    let table = read("A,,,,1,f,1200,dead,\nB,,,,1,f,1201,dead,\n");
    assert_eq!(table.patients.len(), 1);
    assert!(table.rejected[0].reason.ends_with(
        "t.csv:3: column `months`: expected a number of months of at most 100 years, \
         found a longer time; is `time_unit` right?"
    ));
}

#[test]
fn a_repeated_patient_counts_once_or_not_at_all() {
    let table = read(
        "A,,,,1,f,1,dead,\nB,,,,2,f,1,dead,\nA,,,,1,f,1,dead,\nB,,,,3,f,1,dead,\nb,,,,4,f,1,dead,\n",
    );
    let ids: Vec<&str> = table.patients.iter().map(|row| row.patient_id.as_str()).collect();
    assert_eq!(ids, ["A", "b"]);
    assert_eq!(table.rejected.len(), 2);
    for (row, line) in table.rejected.iter().zip([3, 5]) {
        assert_eq!(row.line, line);
        assert!(row.reason.ends_with(
            "expected one row a patient, found lines 3, 5 that differ in column `age`; \
             keep the right one"
        ));
    }
}

#[test]
fn a_table_that_cannot_be_used_is_an_error() {
    let absent = Path::new("no/such/clinical.csv");
    let message = read_clinical(absent, &toml::from_str(SETTINGS).unwrap(), None).unwrap_err();
    let message = message.to_string();
    assert!(message.contains("no/such/clinical.csv"), "{message}");
    let message = read_clinical(&std::env::temp_dir(), &toml::from_str(SETTINGS).unwrap(), None)
        .unwrap_err()
        .to_string();
    assert!(message.ends_with("expected a file, found a folder; name a file"), "{message}");
    let rows = format!("{HEADER}A,,,,1,f,1,gone,\nB,,,,1,f,1,alive,\n");
    let message = read_with(&rows, SETTINGS, Some(OUTCOME)).unwrap_err().to_string();
    assert!(
        message.ends_with(
            "column `status`: none of event_values (`dead`) occurs in the table; \
             correct `event_values`"
        ),
        "{message}"
    );
    let message =
        read_with("id,age,sex\nP1,1,f\n", SETTINGS, Some(OUTCOME)).unwrap_err().to_string();
    assert!(message.contains("no column `diagnosed`"), "{message}");
}
