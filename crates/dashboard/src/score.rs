//! A scoring endpoint: the container's `/invocations`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::access::hex;

/// Records and bytes that are sent at a time: SageMaker takes no body above some MB.
const CHUNK: usize = 500;
const CHUNK_BYTES: usize = 4 << 20;

/// Batches that are kept; the oldest goes.
const KEPT: usize = 20;

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
    /// Beside competing events the pages' probability is that of being without this event.
    fn without_the_event(mut self) -> Self {
        if let Some(incidence) = self.incidence.get("event") {
            for (at, incidence) in self.survival.iter_mut().zip(incidence) {
                *at = SurvivalAt { survival: 1.0 - incidence, low: None, high: None, ..*at };
            }
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

    /// Scores records of one JSON object each. Blocks.
    ///
    /// # Errors
    /// With a sentence for people, when the endpoint cannot be reached or refuses.
    pub(crate) fn score(&self, records: &[Map<String, Value>]) -> Result<Vec<Answer>, String> {
        let mut answers = Vec::with_capacity(records.len());
        for chunk in records.chunks(at_a_time(records)) {
            answers.extend(self.send(chunk)?);
        }
        Ok(answers)
    }

    fn send(&self, records: &[Map<String, Value>]) -> Result<Vec<Answer>, String> {
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
            .limit(256 << 20)
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

/// How many records go into one request, by the size of the first: all have the same columns.
fn at_a_time(records: &[Map<String, Value>]) -> usize {
    let bytes = records.first().map_or(1, |record| Value::Object(record.clone()).to_string().len());
    (CHUNK_BYTES / bytes.max(1)).clamp(1, CHUNK)
}

/// Records that are scored in the background.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) id: String,
    /// Whose: nobody else sees it.
    pub(crate) account: String,
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
    pub(crate) fn add(&self, account: &str, total: usize) -> Arc<Mutex<Batch>> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system gives random bytes");
        let batch = Arc::new(Mutex::new(Batch {
            id: hex(&bytes),
            account: account.to_owned(),
            total,
            answers: Vec::with_capacity(total),
            failure: None,
        }));
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.push_back(Arc::clone(&batch));
        if all.len() > KEPT {
            all.pop_front();
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

/// Scores a batch piece by piece. Blocks.
pub(crate) fn run(endpoint: &Endpoint, batch: &Mutex<Batch>, records: &[Map<String, Value>]) {
    for chunk in records.chunks(at_a_time(records)) {
        match endpoint.send(chunk) {
            Ok(answers) => locked(batch).answers.extend(answers),
            Err(problem) => {
                locked(batch).failure = Some(problem);
                return;
            }
        }
    }
}

/// A CSV with a header as records: numbers, and nothing for an empty cell.
///
/// # Errors
/// With a sentence that names the line, and no value of it.
pub(crate) fn records_of_csv(text: &str) -> Result<Vec<Map<String, Value>>, String> {
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header =
        reader.headers().map_err(|_| "The file cannot be read as CSV.".to_owned())?.clone();
    if !header.iter().any(|name| name.contains('.')) {
        return Err("The first row must name columns such as clinical.age, with commas between \
                    them."
            .to_owned());
    }
    let mut records = Vec::new();
    for (place, row) in reader.records().enumerate() {
        let line = place + 2;
        let row =
            row.map_err(|_| format!("Line {line} has not as many cells as the first row."))?;
        let mut record = Map::new();
        for (name, cell) in header.iter().zip(&row) {
            let (name, cell) = (name.trim(), cell.trim());
            let missing = ["", "na", "nan", "null"].contains(&cell.to_lowercase().as_str());
            let value =
                if name == "patient_id" {
                    Value::from(cell)
                } else if missing {
                    Value::Null
                } else {
                    let number = cell.parse::<f64>().ok().filter(|number| number.is_finite());
                    Value::from(number.ok_or_else(|| {
                        format!("Line {line}, column {name}: a number is expected.")
                    })?)
                };
            record.insert(name.to_owned(), value);
        }
        records.push(record);
    }
    if records.is_empty() {
        return Err("The file has a first row and no patient.".to_owned());
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_becomes_records() {
        let records =
            records_of_csv("\u{feff}patient_id,clinical.age\nP1,61.5\n\"P,2\",\n").unwrap();
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
            vec![values.collect::<Map<_, _>>(); 2]
        };
        assert_eq!(at_a_time(&wide(3)), CHUNK);
        assert!((1..CHUNK).contains(&at_a_time(&wide(2000))));
        assert_eq!(at_a_time(&wide(300_000)), 1);
        assert_eq!(at_a_time(&[]), CHUNK);
    }

    #[test]
    fn beside_competing_events_the_number_is_the_incidence_of_this_one() {
        let line = r#"{"id":1,"risk":0.5,"high_risk":true,"survival":[{"time_days":365,"survival":0.5,"low":0.4,"high":0.6}],
                       "incidence":{"event":[0.2],"other death":[0.3]}}"#;
        let answer: Answer = serde_json::from_str(line).unwrap();
        let at = answer.without_the_event().survival[0];
        assert!((at.survival - 0.8).abs() < 1e-12 && at.low.is_none() && at.high.is_none());
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
            let found = records_of_csv(text).unwrap_err();
            assert!(found.contains(problem) && !found.contains("sixty"), "{found}");
        }
    }
}
