use super::*;
use crate::columns::tests::columns;

/// The values of the columns in use, in the model's order.
type Values = Vec<Option<f32>>;

struct Parsed {
    id: Option<PatientId>,
    values: Result<Values, RecordError>,
}

fn read(text: impl Into<Bytes>, format: Format) -> Result<(bool, Vec<Parsed>), String> {
    let columns = Arc::new(columns());
    let body = Body::Memory(text.into());
    let reader = Reader::open(&body, format, &columns, None, 100);
    let mut reader = reader.map_err(|problem| match problem {
        Unreadable::Bad(reason) => reason,
        problem => format!("{problem:?}"),
    })?;
    let (names, mut parsed) = (reader.has_names(), vec![]);
    while let Some(chunk) = reader.next(3).unwrap() {
        assert_eq!(chunk.first, parsed.len() + 1);
        let mut rows = chunk.values.chunks(columns.width());
        for record in chunk.records {
            let values = record.fault.map_or_else(
                || {
                    let row = rows.next().unwrap();
                    let known = |&place: &usize| Some(row[place]).filter(|value| !value.is_nan());
                    Ok(columns.used().iter().map(known).collect())
                },
                Err,
            );
            parsed.push(Parsed { id: record.patient_id, values });
        }
        assert!(rows.next().is_none());
    }
    assert_eq!(parsed.len(), reader.count());
    Ok((names, parsed))
}

fn from_csv(text: &str) -> Result<(bool, Vec<Parsed>), String> {
    read(text.to_owned(), Format::Csv)
}

fn code(record: &Parsed) -> &'static str {
    record.values.as_ref().map_or_else(|error| error.code, |_| "ok")
}

#[test]
fn a_json_line_gives_values_or_a_named_error() {
    for (line, expected) in [
        (r#"{"clinical.age": 61}"#, "ok"),
        (r#"{"patient_id": "P1", "ct.volume": 1.5, "clinical.age": null}"#, "ok"),
        (r#"{"patient_id": 7, "ct.volume": 1.5}"#, "ok"),
        (r#"{"clinical.constant": "anything", "ct.volume": 1}"#, "invalid_value"),
        (r#"{"clinical.constant": 3, "ct.volume": 1}"#, "ok"),
        (r#"{"clinical.constant": 3}"#, "no_values"),
        (r#"{"clinical.weight": 61}"#, "unknown_column"),
        (r#"{"clinical.age": "61"}"#, "invalid_value"),
        (r#"{"clinical.age": true}"#, "invalid_value"),
        (r#"{"clinical.age": 1e300}"#, "invalid_value"),
        (r#"{"clinical.age": 1e999}"#, "invalid_json"),
        (r#"{"clinical.age": 1, "clinical.age": 2}"#, "repeated_column"),
        (r#"{"patient_id": "a", "patient_id": "b", "ct.volume": 1}"#, "repeated_column"),
        (r#"{"patient_id": "", "ct.volume": 1}"#, "invalid_patient_id"),
        (r#"{"patient_id": [], "ct.volume": 1}"#, "invalid_patient_id"),
        (r#"{"patient_id": "P1"}"#, "no_values"),
        (r#"{"clinical.age": null}"#, "no_values"),
        ("{}", "no_values"),
        ("[1, 2, 3]", "ok"),
        ("[1, null, 3]", "ok"),
        ("[1, 2]", "wrong_width"),
        ("[1, 2, \"3\"]", "invalid_value"),
        (r#"{"features": [1, 2, 3], "patient_id": "P1"}"#, "ok"),
        (r#"{"features": [1, 2]}"#, "wrong_width"),
        (r#"{"features": {"ct.volume": 3}}"#, "ok"),
        (r#"{"features": {"ct.other": 3}}"#, "unknown_column"),
        (r#"{"features": 3}"#, "unknown_column"),
        (r#"{"features": [[1], 2, 3]}"#, "invalid_value"),
        (r#"{"clinical.age": 61"#, "invalid_json"),
        (r#"{"clinical.age": NaN}"#, "invalid_json"),
        ("7", "invalid_json"),
    ] {
        let (_, records) = read(line.to_owned(), Format::JsonLines).unwrap();
        assert_eq!(code(&records[0]), expected, "{line}");
    }
}

#[test]
fn no_error_shows_a_value() {
    for line in [
        r#"{"clinical.age": "SECRET"}"#,
        r#"{"clinical.age": SECRET}"#,
        r#"{"patient_id": "SECRET\t", "clinical.age": "x"}"#,
        r#""SECRET""#,
        r#"{"features": ["SECRET", 1, 2]}"#,
    ] {
        let (_, records) = read(line.to_owned(), Format::JsonLines).unwrap();
        let error = records[0].values.as_ref().unwrap_err();
        assert!(!error.message.contains("SECRET"), "{line}: {}", error.message);
    }
}

#[test]
fn csv_with_a_header_takes_columns_by_name() {
    let body = "ct.volume,patient_id,clinical.age\n1.5,P1,61\n,P2,NA\n2,P3,old\n3,P4\n4,,5\n";
    let (header, records) = from_csv(body).unwrap();
    assert!(header);
    let codes: Vec<_> = records.iter().map(code).collect();
    assert_eq!(codes, ["ok", "no_values", "invalid_value", "wrong_width", "ok"]);
    assert_eq!(records[0].values, Ok(vec![Some(61.0), None, Some(1.5)]));
    assert_eq!(records[3].id.as_ref().unwrap().as_str(), "P4");
    assert_eq!(records[4].id, None);
}

#[test]
fn csv_without_a_header_needs_exactly_the_models_columns() {
    let (header, records) = from_csv("61,,1.5\n62,2,\n").unwrap();
    assert!(!header);
    assert_eq!(records[0].values, Ok(vec![Some(61.0), None, Some(1.5)]));
    assert_eq!(records.len(), 2);
    let error = from_csv("61,2\n").err().unwrap();
    assert!(error.contains("no header and 2 columns, the model reads 3"), "{error}");
}

#[test]
fn every_line_of_csv_keeps_its_place() {
    for (name, body, expected) in [
        ("a bad first row", "old,2,3\n61,2,3\n", (false, vec!["invalid_value", "ok"])),
        ("a blank line", "61,2,3\n\n62,2,3\n", (false, vec!["ok", "empty_record", "ok"])),
        ("a blank line last", "61,2,3\n\n", (false, vec!["ok", "empty_record"])),
        ("a blank line first", " \n61,2,3", (false, vec!["empty_record", "ok"])),
        ("a mark in front", "\u{feff}ct.volume\n1\n", (true, vec!["ok"])),
        ("Windows", "ct.volume\r\n1\r\n\r\n2\r\n", (true, vec!["ok", "no_values", "ok"])),
        ("old Macintosh", "61,2,3\r62,2,3\r", (false, vec!["ok", "ok"])),
        (
            "one column",
            "clinical.age\n1\n\n\"\"\n2\n",
            (true, vec!["ok", "no_values", "no_values", "ok"]),
        ),
        ("quotes", "patient_id,ct.volume\n\"a \"\"b\"\", c\",1\nd\"e,2\n", (true, vec!["ok"; 2])),
    ] {
        let (header, records) = from_csv(body).unwrap();
        assert_eq!((header, records.iter().map(code).collect()), expected, "{name}");
    }
}

#[test]
fn a_line_that_is_no_text_is_one_bad_record() {
    for (format, body) in [
        (Format::Csv, &b"61,2,3\n6\xff,2,3\n62,2,3\n"[..]),
        (Format::JsonLines, &b"[1,2,3]\n[\xff]\n[1,2,3]\n"[..]),
    ] {
        let (_, records) = read(body, format).unwrap();
        assert_eq!(records.iter().map(code).collect::<Vec<_>>(), ["ok", "invalid_text", "ok"]);
    }
}

#[test]
fn bodies_that_cannot_be_told_are_refused() {
    for (body, part) in [
        ("clinical.age,clinical.weight\n1,2\n", "no column `clinical.weight`"),
        ("clinical.age,clinical.age\n1,2\n", "column `clinical.age` stands there twice"),
        ("P1,61,2,4\n", "the first row of the body names no column"),
        ("age,stage,volume\n1,2,3\n", "the first row of the body names no column"),
        (
            "patient_id,ct.volume\nA,1\n\"B,2\nC,3\n",
            "a quoted field runs over a line end at line 3; records must be one line each",
        ),
        ("ct.volume\n\"1\n2\"\n", "at line 2;"),
        ("", "the body holds no record"),
        ("clinical.age\n", "the body holds no record"),
    ] {
        let error = from_csv(body).err().unwrap();
        assert!(error.contains(part), "{body}: {error}");
    }
}

#[test]
fn json_holds_records_as_one_a_list_or_instances() {
    for (body, expected) in [
        (r#"{"ct.volume": 1}"#, vec!["ok"]),
        (
            r#"[{"ct.volume": 1}, {}, [1, 2, 3], "x"]"#,
            vec!["ok", "no_values", "ok", "invalid_json"],
        ),
        (r#"{"instances": [{"features": [1, 2, 3]}, 7]}"#, vec!["ok", "invalid_json"]),
    ] {
        let (_, records) = read(body.to_owned(), Format::Json).unwrap();
        assert_eq!(records.iter().map(code).collect::<Vec<_>>(), expected, "{body}");
    }
    for body in ["[]", "{\"instances\": []}", "[1", "nonsense", ""] {
        assert!(read(body.to_owned(), Format::Json).is_err(), "{body}");
    }
}

#[test]
fn parquet_gives_the_records_of_csv() {
    use oncoweave_cohort::{AnswerColumn, answers_parquet};
    let number = |values: &[Option<f64>]| AnswerColumn::Number(values.to_vec());
    let ids = [Some("P1"), None, Some(" "), Some("P4"), Some("P5")];
    let columns = vec![
        ("ct.volume", number(&[Some(1.5), Some(2.0), Some(3.0), None, Some(1e300)])),
        ("patient_id", AnswerColumn::Text(ids.map(|id| id.map(str::to_owned)).to_vec())),
        ("clinical.age", number(&[Some(61.0), None, Some(1.0), None, None])),
    ];
    let columns = columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect();
    let (_, records) = read(answers_parquet(columns).unwrap(), Format::Parquet).unwrap();
    let codes: Vec<_> = records.iter().map(code).collect();
    assert_eq!(codes, ["ok", "ok", "invalid_patient_id", "no_values", "invalid_value"]);
    assert_eq!(records[0].values, Ok(vec![Some(61.0), None, Some(1.5)]));
    let strange = answers_parquet(vec![("ct.other".to_owned(), number(&[Some(1.0)]))]).unwrap();
    assert!(read(strange, Format::Parquet).err().unwrap().contains("no column `ct.other`"));
    let many = answers_parquet(vec![("ct.volume".to_owned(), number(&[Some(1.0); 101]))]).unwrap();
    assert_eq!(read(many, Format::Parquet).err().unwrap(), "TooMany");
}
