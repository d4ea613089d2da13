use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use oncoweave_core::Prediction;
use oncoweave_model::Model;
use tokio::sync::Semaphore;

use crate::ServeSettings;
use crate::negotiate::Format;
use crate::records::{Body as Records, Columns, Record, RecordError};
use crate::redact::of_model;
use crate::render::{self, Answer};

/// How many records are read and scored at a time: the memory that a request takes does not grow
/// with how many it has.
const CHUNK: usize = 1000;

/// What the routes share: the model, and whether the process is on its way out.
#[derive(Debug)]
pub struct App {
    model: Model,
    columns: Columns,
    body_limit_bytes: usize,
    record_limit: usize,
    /// As many requests are scored at a time as there are processors; the others wait, so that
    /// `/ping` keeps answering.
    scoring: Semaphore,
    leaving: AtomicBool,
    giving_up: AtomicBool,
}

impl App {
    /// Serves a model; bodies over the limits of the settings are refused.
    #[must_use]
    pub fn new(model: Model, settings: &ServeSettings) -> Arc<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Arc::new(Self {
            columns: Columns::new(model.preprocessing()),
            model,
            body_limit_bytes: settings.body_limit_bytes,
            record_limit: settings.record_limit,
            scoring: Semaphore::new(processors),
            leaving: AtomicBool::new(false),
            giving_up: AtomicBool::new(false),
        })
    }

    /// From now on `/ping` says that no more requests should come.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// From now on no request is worked on further than to the end of the records in hand.
    pub(crate) fn give_up(&self) {
        self.giving_up.store(true, Ordering::Relaxed);
    }
}

/// The container's routes: `GET /ping` and `POST /invocations`.
pub fn app(app: Arc<App>) -> Router {
    Router::new()
        .route("/ping", get(ping))
        .route("/invocations", post(invocations))
        // The limit is this crate's own, so that its answer says what to do.
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}

async fn ping(State(app): State<Arc<App>>) -> StatusCode {
    if app.leaving.load(Ordering::Relaxed) {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    }
}

async fn invocations(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Response {
    let start = Instant::now();
    match invoke(app, &headers, body).await {
        Ok(done) => {
            let (records, errors) = (done.records, done.errors);
            let milliseconds = start.elapsed().as_millis();
            tracing::info!(records, errors, milliseconds, "answered");
            ([(CONTENT_TYPE, done.format.name())], done.text).into_response()
        }
        Err(Refusal { status, reason }) => {
            tracing::info!(status = status.as_u16(), reason, "refused");
            (status, format!("{reason}\n")).into_response()
        }
    }
}

/// An answer to a whole request.
struct Done {
    format: Format,
    text: String,
    records: usize,
    errors: usize,
}

/// Why a whole request gets no answer, in one sentence without any value of it.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    reason: String,
}

impl Refusal {
    fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into() }
    }
}

async fn invoke(app: Arc<App>, headers: &HeaderMap, body: Body) -> Result<Done, Refusal> {
    let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let content = Format::of_content(header(CONTENT_TYPE)).ok_or_else(|| {
        let reason = "the content type must be text/csv or application/jsonlines, in UTF-8";
        Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason)
    })?;
    let answer = Format::of_answer(header(ACCEPT), content).ok_or_else(|| {
        let reason = "the answer can be text/csv or application/jsonlines, name one in `Accept`";
        Refusal::new(StatusCode::NOT_ACCEPTABLE, reason)
    })?;
    let limit = app.body_limit_bytes;
    let too_large = || {
        let reason =
            format!("the body may have at most {limit} bytes, send fewer records at a time");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
    };
    let announced = header(CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let body = to_bytes(body, limit).await.map_err(|error| {
        if is_too_large(&error) {
            too_large()
        } else {
            Refusal::new(StatusCode::BAD_REQUEST, "the body broke off before its end")
        }
    })?;
    let fault = || {
        let reason = "the program failed on this request, which is its own fault";
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, reason)
    };
    let permit = Arc::clone(&app);
    let _permit = permit.scoring.acquire().await.map_err(|_| fault())?;
    tokio::task::spawn_blocking(move || answer_body(&app, &body, content, answer))
        .await
        .map_err(|_| fault())?
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        // The type is not axum's own to name, its message has been the same for years; a test
        // watches it.
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Everything that takes time: reading, scoring and writing.
fn answer_body(app: &App, body: &[u8], content: Format, answer: Format) -> Result<Done, Refusal> {
    let bad = |reason: String| Refusal::new(StatusCode::BAD_REQUEST, reason);
    let text = std::str::from_utf8(body).map_err(|error| {
        bad(format!("the body is not UTF-8 from byte {} on", error.valid_up_to()))
    })?;
    let text = text.trim_start_matches('\u{feff}');
    // One more than is allowed shows that there are too many.
    let most = app.record_limit.saturating_add(1);
    let records = match content {
        Format::JsonLines => Records::json_lines(text, most),
        Format::Csv => Records::csv(text, &app.columns, most).map_err(bad)?,
    };
    if records.len() > app.record_limit {
        let reason = format!(
            "the body may have at most {} records, split it into several requests",
            app.record_limit
        );
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, reason));
    }
    if records.is_blank() {
        return Err(bad("the body holds no record".to_owned()));
    }
    let mut text = match answer {
        Format::Csv if records.header => render::csv_header(&app.model),
        _ => String::new(),
    };
    let mut errors = 0;
    for start in (0..records.len()).step_by(CHUNK) {
        if app.giving_up.load(Ordering::Relaxed) {
            let reason = "the program was asked to stop, send the request again";
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, reason));
        }
        let chunk = records.records(start..records.len().min(start + CHUNK), &app.columns);
        let answers = score(app, start + 1, &chunk);
        errors += answers.iter().filter(|answer| answer.result.is_err()).count();
        text.push_str(&match answer {
            Format::JsonLines => render::json_lines(&answers, &app.model),
            Format::Csv => render::csv(&answers, &app.model),
        });
    }
    Ok(Done { format: answer, text, records: records.len(), errors })
}

/// Answers for records that stand in the request from place `first`, counted from 1.
fn score(app: &App, first: usize, records: &[Record]) -> Vec<Answer> {
    let good: Vec<(usize, &Record)> =
        (first..).zip(records).filter(|(_, record)| record.values.is_ok()).collect();
    let mut scores = score_good(app, &good).into_iter();
    (first..)
        .zip(records)
        .map(|(number, record)| {
            let result = match &record.values {
                Ok(_) => scores.next().expect("one score for each good record"),
                Err(error) => Err(error.clone()),
            };
            Answer { number, patient_id: record.patient_id.clone(), result }
        })
        .collect()
}

/// Scores all at once; where that fails for one of them, each by itself, so that the others keep
/// their answers.
fn score_good(app: &App, good: &[(usize, &Record)]) -> Vec<Result<Prediction, RecordError>> {
    if good.is_empty() {
        return Vec::new();
    }
    let rows: Vec<usize> = (0..good.len()).collect();
    let cohort = app.columns.cohort(good);
    if let Ok(predictions) = app.model.score(&cohort, &rows) {
        return predictions.into_iter().map(Ok).collect();
    }
    let alone = |row: usize| match app.model.score(&cohort, &[row]) {
        Ok(mut predictions) => Ok(predictions.remove(0)),
        Err(error) => Err(RecordError::new("not_scored", of_model(&error))),
    };
    rows.into_iter().map(alone).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;
    use crate::testing;

    const JSON_LINES: &str = "application/jsonlines";

    /// Status, content type and text of the answer.
    async fn post(
        state: &Arc<App>,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> (u16, String, String) {
        let mut request = Request::post("/invocations");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let answer = app(Arc::clone(state)).oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let content = answer.headers().get(CONTENT_TYPE).map(|v| v.to_str().unwrap().to_owned());
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, content.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap())
    }

    fn state() -> Arc<App> {
        let settings =
            ServeSettings { body_limit_bytes: 4096, record_limit: 40, ..ServeSettings::default() };
        App::new(testing::model(), &settings)
    }

    // Contract: serve.ping serve.ping_leaving
    #[tokio::test]
    async fn ping_answers_until_the_process_leaves() {
        let state = state();
        for (leave, expected) in [(false, 200), (true, 503)] {
            if leave {
                state.leave();
            }
            let request = Request::get("/ping").body(Body::empty()).unwrap();
            let answer = app(Arc::clone(&state)).oneshot(request).await.unwrap();
            assert_eq!(answer.status().as_u16(), expected);
            assert!(to_bytes(answer.into_body(), 10).await.unwrap().is_empty());
        }
    }

    // Contract: batch.one_for_one serve.formats
    #[tokio::test]
    async fn json_lines_in_and_out_in_order_with_errors_in_place() {
        let body = "{\"patient_id\":\"A\",\"clinical.age\":70,\"clinical.stage\":3,\"ct.volume\":28}\n\
                    not json\n\
                    {\"patient_id\":\"C\",\"clinical.age\":70,\"clinical.weight\":1}\n\
                    {\"clinical.age\":50,\"clinical.stage\":0,\"ct.volume\":null}\n";
        let (status, content, text) = post(&state(), &[("content-type", JSON_LINES)], body).await;
        assert_eq!((status, content.as_str()), (200, JSON_LINES));
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0]["id"], "A");
        assert!(lines[0]["risk"].as_f64().unwrap() > lines[3]["risk"].as_f64().unwrap());
        assert_eq!(lines[0]["survival"][0]["time_days"], 365.25);
        assert!(lines[0]["class_probabilities"]["a"].is_number());
        assert_eq!(lines[0]["missing_modalities"], serde_json::json!([]));
        assert_eq!(
            (&lines[1]["id"], &lines[1]["error"]["code"]),
            (&2.into(), &"invalid_json".into())
        );
        assert_eq!(lines[2]["id"], "C");
        assert_eq!(lines[2]["error"]["code"], "unknown_column");
        assert_eq!(lines[3]["id"], 4);
        assert_eq!(lines[3]["missing_modalities"], serde_json::json!(["ct"]));
    }

    // Contract: serve.formats
    #[tokio::test]
    async fn csv_and_json_lines_give_one_risk() {
        let state = state();
        let csv = "clinical.age,clinical.stage,ct.volume\n70,3,28\n,,\n50,0,\n";
        let (status, content, text) = post(&state, &[("content-type", "text/csv")], csv).await;
        assert_eq!((status, content.as_str()), (200, "text/csv"));
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(
            rows[0],
            "id,risk,high_risk,survival_365.25d,survival_730.5d,\
             low_survival_365.25d,low_survival_730.5d,high_survival_365.25d,\
             high_survival_730.5d,probability_a,probability_b,missing_modalities,flags,error"
        );
        assert_eq!(rows.len(), 4);
        assert!(rows[2].starts_with("2,,,,,,,,,,,,,no_values: "), "{}", rows[2]);
        // The same numbers without a header give rows without a header.
        let headless = csv.split_once('\n').unwrap().1;
        let (_, _, bare) = post(&state, &[("content-type", "text/csv")], headless).await;
        assert_eq!(bare.lines().collect::<Vec<_>>(), rows[1..]);
        let headers = [("content-type", "text/csv"), ("accept", JSON_LINES)];
        let (_, content, lines) = post(&state, &headers, csv).await;
        assert_eq!(content, JSON_LINES);
        let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        let risk: f64 = rows[1].split(',').nth(1).unwrap().parse().unwrap();
        assert!((first["risk"].as_f64().unwrap() - risk).abs() < 1e-12);
    }

    #[tokio::test]
    async fn a_risk_does_not_depend_on_who_else_is_asked_about() {
        let state = state();
        let one = "{\"clinical.age\":66,\"ct.volume\":21}\n";
        let other = "{\"clinical.age\":40}\n";
        let headers = [("content-type", JSON_LINES)];
        let (_, _, alone) = post(&state, &headers, one).await;
        let (_, _, together) = post(&state, &headers, format!("{one}{}", other.repeat(30))).await;
        assert_eq!(together.lines().next(), alone.lines().next());
    }

    // Contract: serve.body_limit serve.content_type serve.accept serve.bad_body
    #[tokio::test]
    async fn requests_that_cannot_be_answered_say_why_in_one_sentence() {
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [u8], u16);
        let state = state();
        let long = "x".repeat(5000);
        let many = "1,2,3\n".repeat(41);
        let cases: [Case; 12] = [
            ("no content type", &[], b"{}", 415),
            ("unknown content type", &[("content-type", "image/png")], b"{}", 415),
            (
                "unservable accept",
                &[("content-type", "text/csv"), ("accept", "image/png")],
                b"",
                406,
            ),
            ("too long", &[("content-type", "text/csv")], long.as_bytes(), 413),
            (
                "too long as announced",
                &[("content-type", "text/csv"), ("content-length", "99999")],
                b"",
                413,
            ),
            ("no UTF-8", &[("content-type", "text/csv")], b"a\xff", 400),
            ("empty", &[("content-type", JSON_LINES)], b"\n\n", 400),
            ("blank CSV", &[("content-type", "text/csv")], b"\n\n", 400),
            ("too many records", &[("content-type", "text/csv")], many.as_bytes(), 413),
            ("an open quote", &[("content-type", "text/csv")], b"ct.volume\n\"1\n2\n", 400),
            ("header alone", &[("content-type", "text/csv")], b"clinical.age\n", 400),
            ("wrong width", &[("content-type", "text/csv")], b"1,2\n", 400),
        ];
        for (name, headers, body, expected) in cases {
            let (status, _, text) = post(&state, headers, body.to_vec()).await;
            assert_eq!(status, expected, "{name}: {text}");
            assert!(text.trim().len() > 20 && text.lines().count() == 1, "{name}: {text}");
        }
    }

    // Contract: serve.body_limit
    #[tokio::test]
    async fn the_limit_counts_records_and_not_the_header() {
        let state = state();
        for (header, records, expected) in
            [("", 40, 200), ("ct.volume\n", 40, 200), ("ct.volume\n", 41, 413)]
        {
            let row = if header.is_empty() { "1,2,3\n" } else { "1\n" };
            let body = format!("{header}{}", row.repeat(records));
            let (status, _, text) = post(&state, &[("content-type", "text/csv")], body).await;
            assert_eq!(status, expected, "{header}{records}");
            if status == 413 {
                assert!(text.contains("at most 40 records, split it"), "{text}");
            }
        }
    }

    // Contract: batch.one_for_one
    #[tokio::test]
    async fn records_past_the_first_chunk_keep_their_order_and_numbers() {
        let state = App::new(testing::model(), &ServeSettings::default());
        let mut lines: Vec<String> =
            (0..2500).map(|age| format!("{{\"clinical.age\":{}}}", age % 90)).collect();
        lines[1000] = String::new();
        let headers = [("content-type", JSON_LINES)];
        let (_, _, text) = post(&state, &headers, lines.join("\n")).await;
        let answers: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(answers.len(), 2500);
        for (number, answer) in (1..).zip(&answers) {
            assert_eq!(answer["id"], number);
        }
        assert_eq!(answers[1000]["error"]["code"], "empty_record");
        assert_eq!(answers[2400]["risk"], answers[2400 - 90 * 20]["risk"]);
        state.give_up();
        assert_eq!(post(&state, &headers, lines.join("\n")).await.0, 503);
    }
}
