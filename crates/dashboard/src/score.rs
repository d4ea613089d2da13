//! A scoring endpoint: the container's `/invocations`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use oncoweave_report::words;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::access::hex;

/// Records and bytes that are sent at a time: SageMaker takes no body above some MB.
const CHUNK: usize = 500;
const CHUNK_BYTES: usize = 4 << 20;

/// Batches that are kept, and their records in all; the oldest goes.
const KEPT: usize = 20;
const KEPT_RECORDS: usize = 2 * MOST_RECORDS;

/// Records of one batch, and columns of a table.
const MOST_RECORDS: usize = 100_000;
const MOST_COLUMNS: usize = 100_000;

/// Bytes of the answer to one request.
const MOST_BYTES: u64 = 64 << 20;

/// How long the endpoint may take for one request.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Where records are scored.
#[derive(Debug)]
pub(crate) struct Endpoint {
    url: String,
    agent: ureq::Agent,
}

/// What came back for one record.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Answer {
    pub(crate) id: Value,
    pub(crate) risk: Option<f64>,
    pub(crate) high_risk: Option<bool>,
    #[serde(default)]
    pub(crate) survival: Vec<SurvivalAt>,
    /// Beside competing events, of each by its name; this one is `event`.
    #[serde(default)]
    incidence: BTreeMap<String, Vec<f64>>,
    /// The bounds of its 95 % interval, where the model gives them.
    #[serde(default)]
    incidence_low: BTreeMap<String, Vec<Option<f64>>>,
    #[serde(default)]
    incidence_high: BTreeMap<String, Vec<Option<f64>>>,
    #[serde(default)]
    pub(crate) missing_modalities: Vec<String>,
    #[serde(default)]
    pub(crate) flags: Vec<String>,
    pub(crate) error: Option<RecordError>,
}

/// Survival at one horizon.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct SurvivalAt {
    pub(crate) time_days: f64,
    pub(crate) survival: f64,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
}

/// Why one record was not scored.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RecordError {
    pub(crate) message: String,
}

impl Answer {
    /// Beside competing events the pages' probability is that of being without this event, and its
    /// interval that of the event's incidence turned round.
    fn without_the_event(mut self) -> Self {
        let Some(incidence) = self.incidence.get("event") else { return self };
        let turned = |bounds: &BTreeMap<String, Vec<Option<f64>>>, place: usize| {
            let bound: Option<f64> = *bounds.get("event")?.get(place)?;
            bound.map(|bound| 1.0 - bound)
        };
        for (place, (at, incidence)) in self.survival.iter_mut().zip(incidence).enumerate() {
            *at = SurvivalAt {
                survival: 1.0 - incidence,
                low: turned(&self.incidence_high, place),
                high: turned(&self.incidence_low, place),
                ..*at
            };
        }
        self
    }

    /// The id that the record gave, or its number.
    pub(crate) fn name(&self) -> String {
        self.id.as_str().map_or_else(|| self.id.to_string(), str::to_owned)
    }
}

impl Endpoint {
    pub(crate) fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        Self { url: url.to_owned(), agent: config.into() }
    }

    /// Where records are sent to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Scores records of one JSON object each in one request. Blocks.
    ///
    /// # Errors
    /// With a sentence for people, when the endpoint cannot be reached or refuses.
    pub(crate) fn score(&self, records: &[Map<String, Value>]) -> Result<Vec<Answer>, String> {
        let mut body = String::new();
        for record in records {
            body.push_str(&Value::Object(record.clone()).to_string());
            body.push('\n');
        }
        let sent = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/jsonlines")
            .header("Accept", "application/jsonlines")
            .send(body);
        let mut response = sent.map_err(|error| {
            format!("The endpoint cannot be reached ({error}). Is the model being served?")
        })?;
        let status = response.status();
        let text = response
            .body_mut()
            .with_config()
            .limit(MOST_BYTES)
            .read_to_string()
            .map_err(|error| format!("The endpoint's answer broke off ({error})."))?;
        if !status.is_success() {
            let reason: String = text.chars().filter(|one| !one.is_control()).take(300).collect();
            return Err(format!("The endpoint refused the request ({status}): {reason}"));
        }
        let answers: Vec<Answer> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| serde_json::from_str(line).map(Answer::without_the_event))
            .collect::<Result<_, _>>()
            .map_err(|_| {
                "The endpoint's answer is not as `container serve` gives it.".to_owned()
            })?;
        if answers.len() != records.len() {
            return Err(format!(
                "The endpoint gave {} answers for {} records.",
                answers.len(),
                records.len()
            ));
        }
        Ok(answers)
    }
}

/// How many records go into one request, by the size of one: all have the same columns.
fn at_a_time(record: &Map<String, Value>) -> usize {
    let bytes = Value::Object(record.clone()).to_string().len();
    (CHUNK_BYTES / bytes.max(1)).clamp(1, CHUNK)
}

/// Records that are scored in the background.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) id: String,
    /// Whose: nobody else sees it.
    pub(crate) account: String,
    /// SHA-256 of the table that the records are of.
    pub(crate) data_sha256: String,
    pub(crate) total: usize,
    pub(crate) answers: Vec<Answer>,
    /// What ended it early.
    pub(crate) failure: Option<String>,
}

impl Batch {
    pub(crate) fn is_done(&self) -> bool {
        self.failure.is_some() || self.answers.len() == self.total
    }
}

/// The batches of this process.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    all: Mutex<VecDeque<Arc<Mutex<Batch>>>>,
}

/// Locks a batch; a panic in the thread that fills it left whole answers only.
pub(crate) fn locked(batch: &Mutex<Batch>) -> MutexGuard<'_, Batch> {
    batch.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Batches {
    /// A new batch for records to come.
    pub(crate) fn add(
        &self,
        account: &str,
        data_sha256: String,
        total: usize,
    ) -> Arc<Mutex<Batch>> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system gives random bytes");
        let batch = Arc::new(Mutex::new(Batch {
            id: hex(&bytes),
            account: account.to_owned(),
            data_sha256,
            total,
            answers: Vec::new(),
            failure: None,
        }));
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.push_back(Arc::clone(&batch));
        let records = |all: &VecDeque<Arc<Mutex<Batch>>>| -> usize {
            all.iter().map(|batch| locked(batch).total).sum()
        };
        while all.len() > KEPT || records(&all) > KEPT_RECORDS {
            // Nobody sees it any more, so that the rest of it is not scored.
            if let Some(old) = all.pop_front() {
                locked(&old).failure = Some("Newer batches took its place.".to_owned());
            }
        }
        batch
    }

    /// A batch of an account.
    pub(crate) fn find(&self, id: &str, account: &str) -> Option<Arc<Mutex<Batch>>> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |batch: &&Arc<Mutex<Batch>>| {
            let batch = locked(batch);
            batch.id == id && batch.account == account
        };
        all.iter().find(is_it).cloned()
    }
}

/// Scores a batch piece by piece, until something ends it. Blocks. Records are made when their turn
/// comes: all at once they would take many times the room of the table.
pub(crate) fn run(
    endpoint: &Endpoint,
    batch: &Mutex<Batch>,
    records: impl Iterator<Item = Map<String, Value>>,
) {
    let mut records = records.peekable();
    while let Some(next) = records.peek() {
        if locked(batch).failure.is_some() {
            return;
        }
        let count = at_a_time(next);
        let chunk: Vec<Map<String, Value>> = records.by_ref().take(count).collect();
        match endpoint.score(&chunk) {
            Ok(answers) => locked(batch).answers.extend(answers),
            Err(problem) => {
                locked(batch).failure = Some(problem);
                return;
            }
        }
    }
}

/// A CSV with a header, each row of which is a record: numbers, and nothing for an empty cell.
#[derive(Debug)]
pub(crate) struct Table {
    text: String,
    rows: usize,
}

impl Table {
    /// Reads the whole table once.
    ///
    /// # Errors
    /// With a sentence that names the line, and no value of it.
    pub(crate) fn read(text: String) -> Result<Self, String> {
        let mut rows = 0;
        for record in records(&text)? {
            record?;
            rows += 1;
            check_count(rows)?;
        }
        if rows == 0 {
            return Err("The file has a first row and no patient.".to_owned());
        }
        Ok(Self { text, rows })
    }

    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// SHA-256 of the text.
    pub(crate) fn sha256(&self) -> String {
        hex(&Sha256::digest(self.text.as_bytes()))
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = Map<String, Value>> {
        // What was read once can be read again.
        records(&self.text).into_iter().flatten().map_while(Result::ok)
    }
}

/// Refuses more records than one batch may have.
///
/// # Errors
/// With a sentence for people.
pub(crate) fn check_count(records: usize) -> Result<(), String> {
    if records > MOST_RECORDS {
        return Err(format!("At most {} patients at a time.", words::thousands(MOST_RECORDS)));
    }
    Ok(())
}

fn records(text: &str) -> Result<impl Iterator<Item = Result<Map<String, Value>, String>>, String> {
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header =
        reader.headers().map_err(|_| "The file cannot be read as CSV.".to_owned())?.clone();
    if !header.iter().any(|name| name.contains('.')) {
        return Err("The first row must name columns such as clinical.age, with commas between \
                    them."
            .to_owned());
    }
    if header.len() > MOST_COLUMNS {
        return Err(format!("At most {} columns.", words::thousands(MOST_COLUMNS)));
    }
    let numbered = (2..).zip(reader.into_records());
    Ok(numbered.map(move |(line, row)| {
        let row =
            row.map_err(|_| format!("Line {line} has not as many cells as the first row."))?;
        let cells = header.iter().zip(&row);
        cells.map(|(name, cell)| Ok((name.trim().to_owned(), value(line, name, cell)?))).collect()
    }))
}

fn value(line: usize, name: &str, cell: &str) -> Result<Value, String> {
    let (name, cell) = (name.trim(), cell.trim());
    if name == "patient_id" {
        return Ok(Value::from(cell));
    }
    if ["", "na", "nan", "null"].iter().any(|missing| cell.eq_ignore_ascii_case(missing)) {
        return Ok(Value::Null);
    }
    let number = cell.parse::<f64>().ok().filter(|number| number.is_finite());
    let number =
        number.ok_or_else(|| format!("Line {line}, column {name}: a number is expected."))?;
    Ok(Value::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_becomes_records() {
        let text = "\u{feff}patient_id,clinical.age\nP1,61.5\n\"P,2\",\n";
        let table = Table::read(text.to_owned()).unwrap();
        let records: Vec<Map<String, Value>> = table.records().collect();
        assert_eq!((table.len(), records.len()), (2, 2));
        assert_eq!(
            Value::from(records[0].clone()).to_string(),
            r#"{"patient_id":"P1","clinical.age":61.5}"#
        );
        assert_eq!(records[1]["clinical.age"], Value::Null);
        assert_eq!(records[1]["patient_id"], "P,2");
    }

    #[test]
    fn wide_records_go_few_at_a_time() {
        let wide = |columns: usize| {
            let values = (0..columns).map(|at| (format!("ct.feature_{at}"), Value::from(0.25)));
            values.collect::<Map<_, _>>()
        };
        assert_eq!(at_a_time(&wide(3)), CHUNK);
        assert!((1..CHUNK).contains(&at_a_time(&wide(2000))));
        assert_eq!(at_a_time(&wide(300_000)), 1);
    }

    #[test]
    fn tables_that_would_fill_the_memory_are_refused_while_they_are_read() {
        let long = "clinical.age\n".to_owned() + &"1\n".repeat(MOST_RECORDS + 1);
        assert!(Table::read(long).unwrap_err().contains("At most 100,000 patients"));
        let wide = "ct.x,".repeat(MOST_COLUMNS) + "ct.y\n";
        assert!(Table::read(wide).unwrap_err().contains("At most 100,000 columns"));
    }

    #[test]
    fn old_batches_go_where_many_records_are_kept() {
        let batches = Batches::default();
        let add = |total| locked(&batches.add("manager", String::new(), total)).id.clone();
        let first = add(MOST_RECORDS);
        let others = [add(MOST_RECORDS), add(MOST_RECORDS)];
        assert!(batches.find(&first, "manager").is_none());
        assert!(others.iter().all(|id| batches.find(id, "manager").is_some()));
        assert!(batches.find(&others[0], "somebody else").is_none());
    }

    #[test]
    fn what_nobody_sees_any_more_is_not_scored() {
        let nowhere = Endpoint::new("http://127.0.0.1:1/invocations");
        let batches = Batches::default();
        let first = batches.add("manager", String::new(), MOST_RECORDS);
        let others = [(); 2].map(|()| batches.add("manager", String::new(), MOST_RECORDS));
        let table = Table::read("clinical.age\n61\n".to_owned()).unwrap();
        run(&nowhere, &first, table.records());
        run(&nowhere, &others[0], table.records());
        let failure = |batch: &Mutex<Batch>| locked(batch).failure.clone().unwrap();
        assert!(failure(&first).contains("took its place"));
        assert!(failure(&others[0]).contains("The endpoint"));
    }

    #[test]
    fn beside_competing_events_the_number_is_the_incidence_of_this_one() {
        let line = r#"{"id":1,"risk":0.5,"high_risk":true,"survival":[{"time_days":365,"survival":0.5,"low":0.4,"high":0.6}],
                       "incidence":{"event":[0.2],"other death":[0.3]}}"#;
        let answer: Answer = serde_json::from_str(line).unwrap();
        let at = answer.without_the_event().survival[0];
        assert!((at.survival - 0.8).abs() < 1e-12 && at.low.is_none() && at.high.is_none());
        let bounds = r#","incidence_low":{"event":[0.1]},"incidence_high":{"event":[0.3]}}"#;
        let line = format!("{}{bounds}", line.strip_suffix('}').unwrap());
        let answer: Answer = serde_json::from_str(&line).unwrap();
        let at = answer.without_the_event().survival[0];
        assert!((at.low.unwrap() - 0.7).abs() < 1e-12 && (at.high.unwrap() - 0.9).abs() < 1e-12);
        assert!((at.survival - 0.8).abs() < 1e-12);
    }

    #[test]
    fn what_is_wrong_with_a_table_is_said_without_its_values() {
        for (text, problem) in [
            ("", "first row must name"),
            ("a;b\n1;2\n", "first row must name"),
            ("clinical.age\n", "no patient"),
            ("clinical.age\nsixty\n", "Line 2, column clinical.age"),
            ("clinical.age,ct.x\n1\n", "Line 2"),
        ] {
            let found = Table::read(text.to_owned()).unwrap_err();
            assert!(found.contains(problem) && !found.contains("sixty"), "{found}");
        }
    }
}
