use arrow::{
    array::{
        ArrayRef, BooleanArray, DictionaryArray, Int64Array, LargeStringArray, StringViewArray,
        TimestampNanosecondArray,
    },
    datatypes::Int32Type,
};
use chrono::NaiveDate;
use oncoweave_core::{Feature, Survival};

use super::*;
use crate::{
    merge_tables, single_row,
    testing::{Foreign, id, numbers, texts, write_foreign},
    write_feature_table,
};

fn cohort() -> Cohort {
    let column = |modality: &str, name: &str, values: &[Option<f32>]| CohortColumn {
        modality: modality.to_owned(),
        info: Feature::new(name, "mm3", "Volume.", None).with_standard("IBSI").info,
        values: values.iter().copied().collect(),
    };
    Cohort {
        patients: vec![id("P1"), id("P2")],
        sites: vec![Some("North".to_owned()), None],
        index_dates: vec![NaiveDate::from_ymd_opt(1969, 12, 31), None],
        survival: vec![Some(Survival::until(30.5, true)), None],
        competing: vec![],
        labels: vec![None, Some("luminal".to_owned())],
        folds: vec![Some(3), None],
        columns: vec![
            column("clinical", "age", &[Some(61.0), None]),
            column("ct", "morph.volume", &[Some(0.1), Some(-2.0)]),
            column("mr", "absent", &[None, None]),
        ],
    }
}

#[test]
fn a_cohort_comes_back_and_the_same_content_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
    write_cohort(&first, "demo", &cohort()).unwrap();
    write_cohort(&second, "demo", &cohort()).unwrap();
    assert_eq!(read_cohort(&first).unwrap(), cohort());
    assert_eq!(read_cohort_id(&first).unwrap().as_deref(), Some("demo"));
    assert_eq!(fs_err::read(&first).unwrap(), fs_err::read(&second).unwrap());
}

#[test]
fn competing_events_come_back_and_must_fit_the_event() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cohort.parquet");
    let ended = |event| vec![Some(Survival::until(30.5, event)), None];
    let competing = vec![Some("other death".to_owned()), None];
    let cohort = Cohort { survival: ended(false), competing: competing.clone(), ..cohort() };
    write_cohort(&path, "demo", &cohort).unwrap();
    assert_eq!(read_cohort(&path).unwrap(), cohort);
    for survival in [ended(true), vec![None, None]] {
        let wrong = Cohort { survival, competing: competing.clone(), ..cohort.clone() };
        write_cohort(&path, "demo", &wrong).unwrap();
        let message = read_cohort(&path).unwrap_err().to_string();
        assert!(message.contains("row 1: `competing` names an event"), "{message}");
        let (read, problems) = read_cohort_to_predict(&path).unwrap();
        assert!(read.competing.is_empty() && problems.len() == 1, "{problems:?}");
    }
}

#[test]
fn late_entries_come_back_in_a_column_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cohort.parquet");
    let names = || Table::open(&path, Kind::Cohort).unwrap().names;
    write_cohort(&path, "demo", &cohort()).unwrap();
    let without = names();
    let late = Survival::until(30.5, false).entered(12.25).ok();
    let competing = vec![Some("other death".to_owned()), None];
    let cohort = Cohort { survival: vec![late, None], competing, ..cohort() };
    write_cohort(&path, "demo", &cohort).unwrap();
    assert_eq!(read_cohort(&path).unwrap(), cohort);
    let mut with = names();
    assert_eq!(with[5..7], ["competing", "entry_days"]);
    with.drain(5..7);
    assert_eq!(with, without);
}

#[test]
fn observation_that_does_not_begin_before_it_ends_is_a_problem_of_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let two = |a: Option<f64>, b: Option<f64>| numbers(&[a, b]);
    let end = "`entry_days`: observation must begin on a finite day before follow-up ends";
    for (case, time, entry, expected) in [
        ("none", Some(9.0), None, Ok(None)),
        ("not a number", Some(9.0), Some(f64::NAN), Ok(None)),
        ("late", Some(9.0), Some(8.5), Ok(Some(8.5))),
        ("on the index date", Some(0.0), Some(0.0), Ok(None)),
        ("before the index date", Some(9.0), Some(-3.0), Ok(None)),
        ("at the end", Some(9.0), Some(9.0), Err(end)),
        ("after the end", Some(9.0), Some(9.5), Err(end)),
        ("infinite", Some(9.0), Some(f64::INFINITY), Err(end)),
        ("never before", Some(9.0), Some(f64::NEG_INFINITY), Err(end)),
        ("no time", None, Some(3.0), Err("`entry_days` has a value, but `time_days` has none")),
    ] {
        let columns = [
            ("patient_id", texts(&[Some("P1"), Some("P2")])),
            ("time_days", two(Some(5.0), time)),
            ("event", two(Some(1.0), time.and(Some(0.0)))),
            ("entry_days", two(None, entry)),
        ];
        let path = write_foreign(folder.path(), &[], &columns);
        let (cohort, problems) = read_cohort_to_predict(&path).expect(case);
        assert_eq!(cohort.survival[0], Some(Survival::until(5.0, true)), "{case}");
        match expected {
            Ok(entry) => {
                assert_eq!(cohort.survival[1].unwrap().entry_days, entry, "{case}");
                assert_eq!(read_cohort(&path).expect(case), cohort, "{case}");
            }
            Err(expected) => {
                assert!(cohort.survival[1].is_none() && problems.len() == 1, "{case}");
                let message = read_cohort(&path).expect_err(case).to_string();
                let expected = format!("foreign.parquet: row 2: patient `P2`: {expected}");
                assert!(message.contains(&expected), "{case}: {message}");
            }
        }
    }
}

#[test]
fn outcomes_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outcomes.parquet");
    let outcomes = Cohort { columns: Vec::new(), ..cohort() };
    write_outcomes(&path, "demo", &outcomes).unwrap();
    assert_eq!(read_outcomes(&path).unwrap(), outcomes);
}

#[test]
fn a_cohort_without_patients_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cohort.parquet");
    write_cohort(&path, "demo", &Cohort::default()).unwrap();
    assert_eq!(read_cohort(&path).unwrap(), Cohort::default());
}

#[test]
fn reads_the_types_that_pandas_and_polars_write() {
    let folder = tempfile::tempdir().unwrap();
    let day_ns = 86_400_000_000_000_i64;
    let labels: DictionaryArray<Int32Type> = vec!["a", "b"].into_iter().collect();
    let columns: [Foreign; 10] = [
        ("patient_id", Arc::new(LargeStringArray::from(vec!["P1", "P2"]))),
        ("site", Arc::new(StringViewArray::from(vec![Some("North"), None]))),
        ("index_date", Arc::new(TimestampNanosecondArray::from(vec![Some(day_ns), None]))),
        ("time_days", Arc::new(Int64Array::from(vec![10, 20]))),
        ("event", Arc::new(BooleanArray::from(vec![true, false]))),
        ("label", Arc::new(labels)),
        ("fold", numbers(&[Some(0.0), Some(f64::NAN)])),
        ("ct.volume", numbers(&[Some(1.5), Some(f64::NAN)])),
        ("rna.TP53", Arc::new(Int64Array::from(vec![None, Some(7)]))),
        ("ct.flag", Arc::new(BooleanArray::from(vec![true, false]))),
    ];
    let cohort = read_cohort(&write_foreign(folder.path(), &[], &columns)).unwrap();
    assert_eq!(cohort.sites, [Some("North".to_owned()), None]);
    assert_eq!(cohort.index_dates, [NaiveDate::from_ymd_opt(1970, 1, 2), None]);
    assert_eq!(cohort.survival[0], Some(Survival::until(10.0, true)));
    assert_eq!(cohort.labels[1].as_deref(), Some("b"));
    assert_eq!(cohort.folds, [Some(0), None]);
    // Those of one modality are brought side by side.
    let names: Vec<String> = cohort.columns.iter().map(CohortColumn::name).collect();
    assert_eq!(names, ["ct.volume", "ct.flag", "rna.TP53"]);
    let values = |index: usize| cohort.columns[index].values.iter().collect::<Vec<_>>();
    assert_eq!(values(0), [Some(1.5), None]);
    assert_eq!(values(1), [Some(1.0), Some(0.0)]);
    assert_eq!(values(2), [None, Some(7.0)]);
}

#[test]
fn says_which_column_and_row_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let ids = || texts(&[Some("P1"), Some("P2")]);
    let two = |a: f64, b: f64| numbers(&[Some(a), Some(b)]);
    let no_ids: Vec<Foreign> = vec![("id", ids())];
    let number_ids: Vec<Foreign> = vec![("patient_id", two(1., 2.))];
    let twice: Vec<Foreign> = vec![("patient_id", texts(&[Some("P1"), Some("P1")]))];
    let empty_id: Vec<Foreign> = vec![("patient_id", texts(&[Some("P1"), None]))];
    let with = |more: Vec<Foreign>| [vec![("patient_id", ids())], more].concat();
    let time = |a: f64, b: f64| ("time_days", two(a, b));
    let infinite = two(1e300, 1.);
    for (case, columns, expected) in [
        ("no ids", no_ids, "no column `patient_id`; the columns are `id`"),
        ("ids as numbers", number_ids, "`patient_id` must be text (utf8), found float64"),
        ("a patient twice", twice, "patients in more than one row: `P1`; leave one row"),
        ("an empty id", empty_id, "row 2: column `patient_id`: a patient id must not be empty"),
        (
            "time as text",
            with(vec![("time_days", ids())]),
            "column `time_days` must be a number (float64), found utf8",
        ),
        (
            "a negative time",
            with(vec![time(1., -3.), ("event", two(1., 0.))]),
            "row 2: patient `P2`: follow-up must be",
        ),
        (
            "a time without event",
            with(vec![time(1., 2.)]),
            "row 1: patient `P1`: `time_days` has a value, but",
        ),
        (
            "an event of 2",
            with(vec![time(1., 2.), ("event", two(1., 2.))]),
            "`event` must be 0 or 1, got 2",
        ),
        (
            "half a fold",
            with(vec![("fold", two(1., 0.5))]),
            "`fold` must be a whole number from 0, got 0.5",
        ),
        (
            "a date as text",
            with(vec![("index_date", ids())]),
            "`index_date` must be a date (date32)",
        ),
        ("no modality", with(vec![("age", two(1., 2.))]), "column `age` is neither one of"),
        ("a feature as text", with(vec![("ct.x", ids())]), "column `ct.x` must be a number"),
        ("too large", with(vec![("ct.x", infinite)]), "row 1: column `ct.x` must be finite"),
    ] {
        let path = write_foreign(folder.path(), &[], &columns);
        let message = read_cohort(&path).expect_err(case).to_string();
        assert!(message.contains("foreign.parquet: "), "{case}: {message}");
        assert!(message.contains(expected), "{case}: {message}");
    }
}

#[test]
fn the_exclusions_stay_with_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cohort.parquet");
    let one = Exclusion {
        patient_id: "P 9".to_owned(),
        modality: "ct".to_owned(),
        step: "extract".to_owned(),
        reason: "no \"mask\"".to_owned(),
    };
    for list in [vec![one], Vec::new()] {
        write_aligned(&path, "demo", &Cohort::default(), &list, None).unwrap();
        assert_eq!(read_cohort_exclusions(&path).unwrap(), list);
    }
    let ids: [Foreign; 1] = [("patient_id", texts(&[Some("P1")]) as ArrayRef)];
    let foreign = write_foreign(folder.path(), &[], &ids);
    assert_eq!(read_cohort_exclusions(&foreign).unwrap(), []);
    let damaged = write_foreign(folder.path(), &[("oncoweave.exclusions", "{")], &ids);
    let message = read_cohort_exclusions(&damaged).unwrap_err().to_string();
    assert!(message.contains("damaged"), "{message}");
}

#[test]
fn an_unusable_outcome_is_no_obstacle_where_none_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let base: Foreign = ("patient_id", texts(&[Some("P1"), Some("P2")]));
    let numbers = |values: [f64; 2]| numbers(&values.map(Some));
    let words = || texts(&[Some("dead"), None]);
    for (case, time, event, outcomes) in [
        ("a negative time", numbers([-1.0, 3.0]), numbers([1.0, 0.0]), 1),
        ("words for events", numbers([2.0, 3.0]), words(), 0),
        ("nothing wrong", numbers([2.0, 3.0]), numbers([1.0, 0.0]), 2),
    ] {
        let columns = [base.clone(), ("time_days", time), ("event", event)];
        let path = write_foreign(folder.path(), &[], &columns);
        let (cohort, problems) = read_cohort_to_predict(&path).expect(case);
        assert_eq!(cohort.survival.iter().flatten().count(), outcomes, "{case}");
        assert_eq!(problems.is_empty(), outcomes == 2, "{case}: {problems:?}");
        assert_eq!(read_cohort(&path).is_ok(), outcomes == 2, "{case}");
    }
}

#[test]
fn refuses_other_files_and_other_versions() {
    let folder = tempfile::tempdir().unwrap();
    let ids: [Foreign; 1] = [("patient_id", texts(&[Some("P1")]) as ArrayRef)];
    let newer = write_foreign(folder.path(), &[("oncoweave.schema_version", "2")], &ids);
    let message = read_cohort(&newer).unwrap_err().to_string();
    assert!(message.contains("schema version 2 is unknown"), "{message}");
    let table = folder.path().join("ct.parquet");
    let row = single_row(id("P1"), None, vec![Feature::new("x", "", "", Some(1.0))]);
    write_feature_table(&table, &merge_tables(vec![row.unwrap()])).unwrap();
    let message = read_cohort(&table).unwrap_err().to_string();
    assert!(message.contains("holds `features`, but `cohort` was expected"), "{message}");
    let text = folder.path().join("cohort.csv");
    fs_err::write(&text, "patient_id\nP1\n").unwrap();
    let message = read_cohort(&text).unwrap_err().to_string();
    assert!(message.contains("not a Parquet file"), "{message}");
    let absent = read_cohort(&folder.path().join("none")).unwrap_err().to_string();
    assert!(absent.contains("none"), "{absent}");
}
