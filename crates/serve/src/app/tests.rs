use axum::body::{Bytes, to_bytes};
use axum::http::Request;
use axum::http::header::CONTENT_TYPE;
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::asked::CUSTOM_ATTRIBUTES;
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
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["id"], "A");
    assert!(lines[0]["risk"].as_f64().unwrap() > lines[3]["risk"].as_f64().unwrap());
    assert_eq!(lines[0]["survival"][0]["time_days"], 365.25);
    assert!(lines[0]["class_probabilities"]["a"].is_number());
    assert_eq!(lines[0]["missing_modalities"], serde_json::json!([]));
    assert_eq!((&lines[1]["id"], &lines[1]["error"]["code"]), (&2.into(), &"invalid_json".into()));
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
    let cases: [Case; 16] = [
        ("no content type", &[], b"{}", 415),
        ("unknown content type", &[("content-type", "image/png")], b"{}", 415),
        ("unservable accept", &[("content-type", "text/csv"), ("accept", "image/png")], b"", 406),
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
        ("no JSON", &[("content-type", "application/json")], b"{\"a\":", 400),
        ("no Parquet", &[("content-type", "application/x-parquet")], b"PAR1", 400),
        (
            "a wish that makes no sense",
            &[("content-type", "text/csv"), (CUSTOM_ATTRIBUTES, "horizons_days=soon")],
            b"1,2,3\n",
            400,
        ),
        ("raw files", &[("content-type", "application/zip")], b"PK", 400),
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

async fn get_text(state: &Arc<App>, path: &str) -> (u16, String) {
    send(state, "GET", path, Body::empty()).await
}

async fn send(state: &Arc<App>, method: &str, path: &str, body: impl Into<Body>) -> (u16, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap();
    let answer = app(Arc::clone(state)).oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn json_comes_back_in_the_shape_it_came_in() {
    let state = state();
    let headers = [("content-type", "application/json")];
    let one = r#"{"clinical.age": 70, "ct.volume": 28}"#;
    let (status, content, text) = post(&state, &headers, one).await;
    assert_eq!((status, content.as_str()), (200, "application/json"));
    let alone = json(&text);
    assert_eq!(alone["id"], 1);
    let list = format!(r#"[{one}, {{"clinical.age": "x"}}, {one}]"#);
    let listed = json(&post(&state, &headers, list.clone()).await.2);
    assert_eq!((&listed[0]["risk"], listed.as_array().unwrap().len()), (&alone["risk"], 3));
    assert_eq!(listed[1]["error"]["code"], "invalid_value");
    let instances = format!(r#"{{"instances": {list}}}"#);
    assert_eq!(json(&post(&state, &headers, instances).await.2)["predictions"], listed);
}

#[tokio::test]
async fn parquet_in_and_out_gives_the_numbers_of_csv() {
    use oncoweave_cohort::{AnswerColumn, answers_parquet, read_answers};
    let state = state();
    let number = |values: [Option<f64>; 3]| AnswerColumn::Number(values.to_vec());
    let text = |texts: [&str; 3]| AnswerColumn::Text(texts.map(|t| Some(t.to_owned())).to_vec());
    let body = answers_parquet(vec![
        ("patient_id".to_owned(), text(["A", "=B", "C"])),
        ("clinical.age".to_owned(), number([Some(70.0), None, Some(50.0)])),
        ("ct.volume".to_owned(), number([Some(28.0), None, None])),
    ])
    .unwrap();
    let parquet = "application/x-parquet";
    let csv = "patient_id,clinical.age,ct.volume\nA,70,28\n=B,,\nC,50,\n";
    let (_, _, rows) = post(&state, &[("content-type", "text/csv")], csv).await;
    let (status, content, found) =
        post(&state, &[("content-type", parquet), ("accept", "text/csv")], body.clone()).await;
    assert_eq!((status, content.as_str(), &found), (200, "text/csv", &rows));
    let request = Request::post("/invocations").header("content-type", parquet);
    let request = request.body(Body::from(body)).unwrap();
    let answer = app(Arc::clone(&state)).oneshot(request).await.unwrap();
    assert_eq!(answer.headers()[CONTENT_TYPE], parquet);
    let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let columns = read_answers(bytes).unwrap();
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let header = rows.lines().next().unwrap().replace(",error", ",error_code,error_message");
    assert_eq!(names.join(","), header);
    let of = |name: &str| &columns.iter().find(|(own, _)| own == name).unwrap().1;
    assert_eq!(of("id"), &text(["A", "=B", "C"]));
    let risk = |row: usize| rows.lines().nth(row).unwrap().split(',').nth(1).unwrap().parse().ok();
    assert_eq!(of("risk"), &number([risk(1), None, risk(3)]));
    let codes = [None, Some("no_values".to_owned()), None];
    assert_eq!(of("error_code"), &AnswerColumn::Text(codes.to_vec()));
}

#[tokio::test]
async fn survival_is_given_at_the_times_asked_for() {
    let state = state();
    let wish = "trace=1;horizons_days=100,730.5";
    let headers = [("content-type", "application/json"), (CUSTOM_ATTRIBUTES, wish)];
    let record = r#"{"clinical.age": 66, "clinical.stage": 1, "ct.volume": 21}"#;
    let found = json(&post(&state, &headers, record).await.2);
    let own = json(&post(&state, &headers[..1], record).await.2);
    assert_eq!(found["survival"][1], own["survival"][1]);
    assert_eq!(found["survival"][0]["time_days"], 100.0);
    assert!(found["survival"][0]["low"].is_null() && !own["survival"][0]["low"].is_null());
    let served = state.models.get(ONLY).unwrap();
    let mut cohort = testing::cohort(1);
    for (column, value) in cohort.columns.iter_mut().zip([66.0, 1.0, 1.0, 21.0]) {
        column.values = [Some(value)].into_iter().collect();
    }
    let survival = served.model.survival_at(&cohort, &[0], &[100.0]).unwrap()[[0, 0]].0;
    assert_eq!(found["survival"][0]["survival"], survival);
    assert_eq!(found["risk"], served.model.score(&cohort, &[0]).unwrap()[0].risk.0);
}

#[tokio::test]
async fn beside_competing_events_incidences_have_intervals_at_any_time() {
    let state = App::new(testing::competing_model(), &ServeSettings::default());
    let wish = "horizons_days=500,730.5";
    let headers = [("content-type", "application/json"), (CUSTOM_ATTRIBUTES, wish)];
    let record = r#"{"clinical.age": 66, "clinical.stage": 1, "ct.volume": 21}"#;
    let found = json(&post(&state, &headers, record).await.2);
    let value = |of: &Value| of.as_f64().unwrap();
    for place in 0..2 {
        let at = |word: &str, event: &str| value(&found[word][event][place]);
        for event in ["event", "other"] {
            let (low, high) = (at("incidence_low", event), at("incidence_high", event));
            assert!(low < at("incidence", event) && at("incidence", event) < high, "{found}");
        }
        let survival = &found["survival"][place];
        let sum =
            value(&survival["survival"]) + at("incidence", "event") + at("incidence", "other");
        assert!((sum - 1.0).abs() < 1e-9, "{found}");
        assert!(value(&survival["low"]) < value(&survival["survival"]), "{found}");
    }
    let csv = "clinical.age,clinical.stage,ct.volume\n66,1,21\n,,\n";
    let (_, _, text) = post(&state, &[("content-type", "text/csv"), headers[1]], csv).await;
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let names = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let cell = |name: &str| &rows[0][names.iter().position(|own| own == name).unwrap()];
    for (name, word, event) in [
        ("incidence_500d", "incidence", "event"),
        ("low_incidence_500d", "incidence_low", "event"),
        ("high_incidence_other_500d", "incidence_high", "other"),
    ] {
        assert_eq!(found[word][event][0], cell(name).parse::<f64>().unwrap(), "{name}");
    }
    assert!(rows[1][names.len() - 1].starts_with("no_values"), "{text}");
}

#[tokio::test]
async fn explanations_are_given_by_header_or_attribute_and_sum_to_the_risk() {
    let state = state();
    let record = r#"{"clinical.age": 75, "clinical.stage": 3, "ct.volume": 28}"#;
    let json_type = ("content-type", "application/json");
    let by_header =
        post(&state, &[json_type, ("x-amzn-sagemaker-enable-explanations", "`true`")], record)
            .await;
    let by_wish = post(&state, &[json_type, (CUSTOM_ATTRIBUTES, "explain=true")], record).await;
    assert_eq!(by_header, by_wish);
    let answer = json(&by_header.2);
    let log_risk = &answer["explanation"]["log_risk"];
    let number = |value: &Value| value.as_f64().unwrap();
    let sum = number(&log_risk["nothing_known"])
        + number(&log_risk["modalities"]["clinical"])
        + number(&log_risk["modalities"]["ct"]);
    assert!((sum - number(&answer["risk"])).abs() < 1e-5, "{answer}");
    assert!(log_risk["features"]["clinical.age"].is_number());
    assert!(json(&post(&state, &[json_type], record).await.2)["explanation"].is_null());
    let headers = [("content-type", "text/csv"), (CUSTOM_ATTRIBUTES, "explain=true")];
    let (_, _, csv) = post(&state, &headers, "clinical.age\n75\nold\n").await;
    let widths: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
    assert!(csv.contains(",modality:ct,background,gap,feature:clinical.age,"), "{csv}");
    assert!(widths.iter().all(|width| *width == widths[0]), "{csv}");
}

#[tokio::test]
async fn attributes_go_back_as_they_came_with_answers_and_refusals() {
    let state = state();
    for (body, expected) in [("1,2,3\n", 200), ("x,y\n", 400)] {
        let request = Request::post("/invocations")
            .header("content-type", "text/csv")
            .header(CUSTOM_ATTRIBUTES, "trace=ab;explain=false")
            .header("x-something-else", "ignored")
            .body(Body::from(body))
            .unwrap();
        let answer = app(Arc::clone(&state)).oneshot(request).await.unwrap();
        assert_eq!(answer.status().as_u16(), expected);
        assert_eq!(answer.headers()[CUSTOM_ATTRIBUTES], "trace=ab;explain=false");
    }
}

// Contract: serve.streaming
#[tokio::test]
async fn a_stream_is_the_whole_answer_in_pieces() {
    let state = App::new(testing::model(), &ServeSettings::default());
    let lines = (0..3000)
        .map(|age| format!("{{\"clinical.age\":{}}}\n", age % 90))
        .collect::<Vec<_>>()
        .concat();
    let whole = post(&state, &[("content-type", JSON_LINES)], lines.clone()).await;
    let request = Request::post("/invocations")
        .header("content-type", JSON_LINES)
        .header(CUSTOM_ATTRIBUTES, "stream=true")
        .body(Body::from(lines))
        .unwrap();
    let answer = app(Arc::clone(&state)).oneshot(request).await.unwrap();
    let mut body = answer.into_body();
    let mut pieces: Vec<Bytes> = vec![];
    while let Some(frame) = http_body_util::BodyExt::frame(&mut body).await {
        pieces.push(frame.unwrap().into_data().unwrap());
    }
    assert!(pieces.len() > 2, "{}", pieces.len());
    assert_eq!(String::from_utf8(pieces.concat()).unwrap(), whole.2);
    assert_eq!(whole.2.lines().count(), 3000);
}

// Contract: batch.repeat
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_at_the_same_time_get_their_own_answers() {
    let state = App::new(testing::model(), &ServeSettings::default());
    let body = |age: usize| format!("{{\"patient_id\":\"P{age}\",\"clinical.age\":{age}}}\n");
    let mut alone = vec![];
    for age in 0..90 {
        alone.push(post(&state, &[("content-type", JSON_LINES)], body(age)).await);
    }
    let tasks: Vec<_> = (0..900)
        .map(|number| {
            let (state, body) = (Arc::clone(&state), body(number % 90));
            tokio::spawn(async move {
                let mut answer = (503, String::new(), String::new());
                // Too many at once are refused, as they should be.
                while answer.0 == 503 {
                    answer = post(&state, &[("content-type", JSON_LINES)], body.clone()).await;
                    tokio::task::yield_now().await;
                }
                answer
            })
        })
        .collect();
    for (number, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), alone[number % 90]);
    }
}

// Contract: serve.overload
#[tokio::test]
async fn more_than_can_wait_is_refused_at_once_and_ping_stays_well() {
    let settings = ServeSettings { queue_limit: 1, ..ServeSettings::default() };
    let state = App::new(testing::model(), &settings);
    let place = Arc::clone(&state.queue).try_acquire_owned().unwrap();
    let request = Request::post("/invocations").header("content-type", "text/csv");
    let request = request.body(Body::from("1,2,3\n")).unwrap();
    let answer = app(Arc::clone(&state)).oneshot(request).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (503, &"1".parse().unwrap())
    );
    assert_eq!(get_text(&state, "/ping").await.0, 200);
    drop(place);
    assert_eq!(post(&state, &[("content-type", "text/csv")], "1,2,3\n").await.0, 200);
}

// Contract: batch.execution_parameters
#[tokio::test]
async fn batch_transform_is_told_how_to_send() {
    let settings = ServeSettings {
        body_limit_bytes: 25 << 20,
        transforms: Some(64),
        batch_strategy: crate::BatchStrategy::SingleRecord,
        ..ServeSettings::default()
    };
    let state = App::new(testing::model(), &settings);
    let (status, text) = get_text(&state, "/execution-parameters").await;
    let expected = serde_json::json!({
        "MaxConcurrentTransforms": 4, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 25
    });
    assert_eq!((status, json(&text)), (200, expected));
    let (status, text) = get_text(&state, "/elsewhere").await;
    assert!(status == 404 && text.contains("POST /invocations"), "{text}");
}

// Contract: batch.one_for_one
#[tokio::test]
async fn none_of_ten_thousand_is_lost_or_wrong_when_one_in_a_hundred_is_malformed() {
    let state = App::new(testing::model(), &ServeSettings::default());
    let bad = ["{", "[]", "{\"clinical.age\":\"x\"}", "", "{\"no.column\":1}", "nonsense"];
    let line = |number: usize| match number % 100 {
        37 => bad[number / 100 % bad.len()].to_owned(),
        rest => format!("{{\"patient_id\":\"N{number}\",\"clinical.age\":{rest}}}"),
    };
    let mut expected = vec![];
    for rest in 0..100 {
        let text = post(&state, &[("content-type", JSON_LINES)], line(rest)).await.2;
        expected.push(json(&text)["risk"].clone());
    }
    let body: Vec<String> = (0..10_000).map(line).collect();
    let (_, _, text) = post(&state, &[("content-type", JSON_LINES)], body.join("\n")).await;
    let answers: Vec<Value> = text.lines().map(json).collect();
    assert_eq!(answers.len(), 10_000);
    for (number, answer) in answers.iter().enumerate() {
        if number % 100 == 37 {
            assert_eq!(answer["id"], number + 1);
            assert!(answer["error"]["code"].is_string(), "{answer}");
        } else {
            assert_eq!(answer["id"], format!("N{number}"));
            assert_eq!(answer["risk"], expected[number % 100]);
        }
    }
}

/// Exact Shapley values of a view's cells, by every coalition of a record's and a baseline's cells:
/// what Kernel SHAP estimates, and gives exactly when it takes all coalitions.
// Contract: clarify.grouped
#[tokio::test]
async fn an_explainer_that_moves_cells_of_the_view_finds_the_models_own_shapley_values() {
    let state = state();
    let described = post(&state, &[(CUSTOM_ATTRIBUTES, "describe=true")], "").await.2;
    let view = json(&described)["views"]["modalities"].clone();
    assert_eq!(view[0]["columns"], serde_json::json!(["clinical.age", "clinical.stage"]));
    let record = ["75;3", "28"];
    let wish = (CUSTOM_ATTRIBUTES, "view=modalities");
    let cells = |coalition: usize| -> Vec<&str> {
        (0..2).map(|cell| if coalition >> cell & 1 == 1 { record[cell] } else { "" }).collect()
    };
    // The empty coalition is no record, but what the model says of nobody.
    let lines = (1..4)
        .map(|coalition| format!("{}\n", serde_json::json!({ "features": cells(coalition) })))
        .collect::<Vec<_>>()
        .concat();
    let (_, _, text) = post(&state, &[("content-type", JSON_LINES), wish], lines).await;
    let risks: Vec<f64> = text.lines().map(|line| json(line)["risk"].as_f64().unwrap()).collect();
    let csv = (1..4)
        .map(|coalition| format!("{}\n", cells(coalition).join(",")))
        .collect::<Vec<_>>()
        .concat();
    let (_, _, rows) = post(&state, &[("content-type", "text/csv"), wish], csv).await;
    let from_csv: Vec<f64> =
        rows.lines().map(|row| row.split(',').nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(from_csv, risks);
    let headers = [("content-type", "application/json"), (CUSTOM_ATTRIBUTES, "explain=true")];
    let body = r#"{"clinical.age": 75, "clinical.stage": 3, "ct.volume": 28}"#;
    let own = json(&post(&state, &headers, body).await.2)["explanation"]["log_risk"].clone();
    let nothing = own["nothing_known"].as_f64().unwrap();
    let value = [nothing, risks[0], risks[1], risks[2]];
    let clinical = 0.5 * (value[1] - value[0] + value[3] - value[2]);
    let ct = 0.5 * (value[2] - value[0] + value[3] - value[1]);
    for (name, found) in [("clinical", clinical), ("ct", ct)] {
        let expected = own["modalities"][name].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-5, "{name}: {found}, not {expected}");
    }
}

// Contract: clarify.csv clarify.json_lines
#[tokio::test]
async fn an_explainer_gets_probabilities_alone() {
    let settings = ServeSettings::default()
        .with_answer(crate::AnswerKind::Probabilities, crate::ViewKind::Columns);
    let state = App::new(testing::model(), &settings);
    let (_, _, rows) = post(&state, &[("content-type", "text/csv")], "70,3,28\nx,3,28\n").await;
    let rows: Vec<&str> = rows.lines().collect();
    assert_eq!((rows.len(), rows[1]), (2, ","));
    let from_csv: Vec<f64> = rows[0].split(',').map(|cell| cell.parse().unwrap()).collect();
    let body = "{\"features\":[70,3,28]}\n";
    let (_, _, text) = post(&state, &[("content-type", JSON_LINES)], body).await;
    let answer = json(text.trim());
    assert_eq!(answer, serde_json::json!({ "id": 1, "probabilities": from_csv }));
    let full = [("content-type", JSON_LINES), (CUSTOM_ATTRIBUTES, "answer=full")];
    let full = json(post(&state, &full, body).await.2.trim());
    let survival = full["survival"][0]["survival"].as_f64().unwrap();
    assert!((1.0 - survival - from_csv[0]).abs() < 1e-12);
}

// Contract: multi.load multi.list multi.unload multi.invoke
#[tokio::test]
async fn models_are_loaded_listed_used_and_unloaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    testing::model().save(&path).unwrap();
    let settings = ServeSettings { multi_model: true, ..ServeSettings::default() };
    let mut state = App::without_model(&settings, None);
    state.models.page = 2;
    let state = Arc::new(state);
    let load = |name: &str| serde_json::json!({ "model_name": name, "url": path }).to_string();
    assert_eq!(get_text(&state, "/ping").await.0, 200);
    assert_eq!(json(&get_text(&state, "/models").await.1), serde_json::json!({ "models": [] }));
    assert_eq!(send(&state, "POST", "/models", load("a b/c")).await.0, 200);
    assert_eq!(send(&state, "POST", "/models", load("a b/c")).await.0, 409);
    for number in [7, 8] {
        assert_eq!(send(&state, "POST", "/models", load(&format!("m{number:03}"))).await.0, 200);
    }
    let first = json(&get_text(&state, "/models").await.1);
    let token = first["nextPageToken"].as_str().unwrap();
    assert_eq!(first["models"][0]["modelName"], "a b/c");
    assert_eq!(first["models"][0]["modelUrl"], path.to_str().unwrap());
    let second = json(&get_text(&state, &format!("/models?next_page_token={token}")).await.1);
    let names = |page: &Value| page["models"].as_array().unwrap().len();
    assert_eq!((names(&first), names(&second), second["nextPageToken"].is_null()), (2, 1, true));
    let one = json(&get_text(&state, "/models/m007").await.1);
    assert_eq!(one["modelName"], "m007");
    let record = "{\"clinical.age\": 70}";
    let (status, answer) = send(&state, "POST", "/models/m007/invoke", record).await;
    assert!(status == 200 && json(&answer)["risk"].is_number(), "{answer}");
    assert_eq!(send(&state, "DELETE", "/models/m007", "").await.0, 200);
    assert_eq!(send(&state, "DELETE", "/models/m007", "").await.0, 404);
    assert_eq!(get_text(&state, "/models/m007").await.0, 404);
    assert_eq!(send(&state, "POST", "/models/m007/invoke", record).await.0, 404);
    assert_eq!(send(&state, "POST", "/models/a%20b%2Fc/invoke", record).await.0, 200);
    for (body, expected) in [
        ("{}", 400),
        ("x", 400),
        ("{\"model_name\":\"\",\"url\":\"/x\"}", 400),
        ("{\"model_name\":\"z\",\"url\":\"/nowhere\"}", 400),
    ] {
        assert_eq!(send(&state, "POST", "/models", body).await.0, expected, "{body}");
    }
    assert_eq!(get_text(&state, "/models/z").await.0, 404);
}

// Contract: multi.load
#[tokio::test]
async fn a_model_without_room_is_refused_until_another_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    testing::model().save(&path).unwrap();
    let room = 3 * crate::memory::folder_bytes(&path) + (33 << 20);
    let settings = ServeSettings {
        multi_model: true,
        models_limit_bytes: Some(room),
        ..ServeSettings::default()
    };
    let state = Arc::new(App::without_model(&settings, None));
    let load = |name: &str| serde_json::json!({ "model_name": name, "url": path }).to_string();
    assert_eq!(send(&state, "POST", "/models", load("a")).await.0, 200);
    assert_eq!(send(&state, "POST", "/models", load("b")).await.0, 507);
    assert_eq!(send(&state, "DELETE", "/models/a", "").await.0, 200);
    assert_eq!(send(&state, "POST", "/models", load("b")).await.0, 200);
}

#[tokio::test]
async fn a_model_in_use_goes_when_its_last_request_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    testing::model().save(&path).unwrap();
    let settings = ServeSettings { multi_model: true, ..ServeSettings::default() };
    let state = Arc::new(App::without_model(&settings, None));
    let load = serde_json::json!({ "model_name": "a", "url": path }).to_string();
    assert_eq!(send(&state, "POST", "/models", load).await.0, 200);
    let used = state.models.get("a").unwrap();
    let watched = Arc::downgrade(&used);
    let own = Arc::clone(&state);
    let removal = tokio::spawn(async move { send(&own, "DELETE", "/models/a", "").await.0 });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!removal.is_finished() && watched.upgrade().is_some());
    assert_eq!(get_text(&state, "/models/a").await.0, 404);
    drop(used);
    assert_eq!(removal.await.unwrap(), 200);
    assert!(watched.upgrade().is_none());
}
