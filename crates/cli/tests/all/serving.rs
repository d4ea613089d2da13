//! A served model under load: many clients, slow ones, malformed requests, a signal to stop.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::container::{LONGEST_WAIT, Server, container, root, terminate, wait};

const LINES: &str = "application/jsonlines";
const JSON: &str = "application/json";
const RECORD: &str = "{\"clinical.age\":60}\n";

/// A root with a model, made once.
fn trained() -> &'static Path {
    static ROOT: OnceLock<TempDir> = OnceLock::new();
    ROOT.get_or_init(|| train(r#"{"training.epochs": "3", "training.ensemble": "1"}"#)).path()
}

fn train(hyperparameters: &str) -> TempDir {
    let root = root(hyperparameters);
    let output = container(root.path(), "train").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    root
}

/// A client that keeps its connection.
fn agent(patience: Duration) -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(patience)).build().into()
}

fn post(agent: &ureq::Agent, url: &str, [content, accept]: [&str; 2], body: &str) -> (u16, String) {
    let request = agent.post(url).header("content-type", content).header("accept", accept);
    let mut answer = request.send(body).expect("an answer");
    let text = answer.body_mut().with_config().limit(u64::MAX).read_to_string().expect("text");
    (answer.status().as_u16(), text)
}

impl Server {
    fn invocations(&self) -> String {
        format!("{}/invocations", self.address)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(LONGEST_WAIT)).unwrap();
        stream
    }

    /// Whether `/ping` says that requests are welcome, within the platform's two seconds.
    fn is_well(&self) -> bool {
        let ping = agent(Duration::from_secs(2)).get(format!("{}/ping", self.address)).call();
        ping.is_ok_and(|answer| answer.status() == 200)
    }

    /// Sends the head of a request and waits until the server asks for the body: from then on it has
    /// the request in hand.
    fn begin(&self, length: usize) -> TcpStream {
        let mut stream = self.connect();
        let head = format!(
            "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: {LINES}\r\n\
             Content-Length: {length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut asked = [0; 25];
        stream.read_exact(&mut asked).unwrap();
        assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream
    }

    /// A figure of the process in bytes, such as `VmRSS` or `VmHWM`, the most there ever was.
    fn memory(&self, name: &str) -> u64 {
        let path = PathBuf::from(format!("/proc/{}/status", self.child.id()));
        let status = fs_err::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().unwrap() << 10
    }
}

/// Status and content of what comes until the end of a connection.
fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, content) = text.split_once("\r\n\r\n").expect("a whole head");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), content.to_owned())
}

// Contract: serve.drain serve.ping_leaving
#[test]
fn a_request_in_hand_is_answered_after_the_signal_to_stop() {
    let mut server = Server::start_with(trained(), &[]);
    let body = RECORD.repeat(5000);
    let (sooner, later) = body.split_at(body.len() / 2);
    let mut client = server.begin(body.len());
    client.write_all(sooner.as_bytes()).unwrap();
    terminate(&server.child);
    let start = Instant::now();
    while server.is_well() {
        assert!(start.elapsed() < LONGEST_WAIT, "/ping is good while the process leaves");
    }
    assert!(server.child.try_wait().unwrap().is_none(), "it left with a request in hand");
    client.write_all(later.as_bytes()).unwrap();
    let (status, content) = answer(client);
    assert_eq!((status, content.matches("\"risk\":").count()), (200, 5000));
    assert_eq!(wait(&mut server.child).code(), Some(0));
}

// Contract: serve.ping_load
#[test]
fn ping_answers_in_two_seconds_while_every_place_is_taken() {
    let server = Server::start_with(trained(), &[("ONCOWEAVE_MAX_QUEUE", "8")]);
    let bodies = [RECORD.repeat(40), RECORD.repeat(2000), RECORD.repeat(20_000)];
    let kinds = [LINES, "*/*"];
    let whole = bodies.each_ref().map(|body| server.post(LINES, "*/*", body));
    let (answered, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for client in 0..16 {
            let (server, done, answered, refused) = (&server, &done, &answered, &refused);
            let (body, whole) = (&bodies[client % 3], &whole[client % 3]);
            scope.spawn(move || {
                let agent = agent(LONGEST_WAIT);
                while !done.load(Ordering::Relaxed) {
                    let found = post(&agent, &server.invocations(), kinds, body);
                    if found.0 == 503 {
                        refused.fetch_add(1, Ordering::Relaxed);
                    } else {
                        assert!(found == *whole, "{}: another answer under load", found.0);
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let start = Instant::now();
        let mut pings = 0;
        let busy = || answered.load(Ordering::Relaxed) >= 50 && refused.load(Ordering::Relaxed) > 0;
        while (pings < 50 || !busy()) && start.elapsed() < LONGEST_WAIT {
            let is_well = server.is_well();
            // Threads that are not told to end would hold up the test for ever.
            done.store(!is_well, Ordering::Relaxed);
            assert!(is_well, "no ping within 2 s at full load");
            pings += 1;
        }
        done.store(true, Ordering::Relaxed);
        assert!(busy(), "{answered:?} were answered, {refused:?} refused");
    });
}

// Contract: serve.overload
#[test]
fn when_all_places_are_taken_a_large_body_is_refused_and_silent_clients_leave_theirs() {
    let environment = [("ONCOWEAVE_MAX_QUEUE", "20"), ("ONCOWEAVE_SILENCE_SECONDS", "3")];
    let server = Server::start_with(trained(), &environment);
    let silent: Vec<TcpStream> = (0..20).map(|_| server.begin(1000)).collect();
    let large = " ".repeat(24 << 20);
    let (status, reason) = server.post(LINES, "*/*", &large);
    assert_eq!(
        (status, reason.trim()),
        (503, "too many requests are waiting, send this one again in a second")
    );
    assert!(server.is_well());
    for client in silent {
        let (status, reason) = answer(client);
        assert_eq!((status, reason.contains("too slowly")), (408, true), "{reason}");
    }
    assert_eq!(server.post(LINES, "*/*", RECORD).0, 200);
}

// Contract: serve.body_limit
#[test]
fn large_bodies_of_many_slow_clients_do_not_fill_the_memory() {
    const CLIENTS: usize = 24;
    const BODY: usize = 24 << 20;
    let server = Server::start_with(trained(), &[]);
    assert_eq!(server.post(LINES, "*/*", &RECORD.repeat(20_000)).0, 200);
    let before = server.memory("VmHWM:");
    let line = format!("{}{}\n", RECORD.trim(), " ".repeat((24 << 10) - RECORD.len()));
    let body = line.repeat(1 << 10);
    assert_eq!(body.len(), BODY);
    let all_sent = Barrier::new(CLIENTS);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = server.begin(BODY);
                let (most, last) = body.split_at(BODY - 1);
                for piece in most.as_bytes().chunks(1 << 20) {
                    client.write_all(piece).unwrap();
                    thread::sleep(Duration::from_millis(10));
                }
                all_sent.wait();
                client.write_all(last.as_bytes()).unwrap();
                let (status, content) = answer(client);
                assert_eq!((status, content.matches("\"risk\":").count()), (200, 1 << 10));
            });
        }
    });
    let more = server.memory("VmHWM:") - before;
    assert!(more < 300 << 20, "{CLIENTS} bodies of 24 MB took {} MB of memory", more >> 20);
}

/// What is wrong with a request, and the status that says so.
const MALFORMED: [([&str; 2], &str, u16); 5] = [
    ([JSON, "*/*"], "{\"clinical.age\":", 400),
    (["image/png", "*/*"], "{}", 415),
    ([JSON, "image/png"], "{}", 406),
    ([LINES, "*/*"], "\n\n", 400),
    (["application/x-parquet", "*/*"], "PAR1", 400),
];

// Contract: batch.one_for_one serve.bad_body serve.content_type serve.accept
#[test]
fn of_ten_thousand_requests_none_is_lost_or_wrong_when_one_in_a_hundred_is_malformed() {
    const CLIENTS: usize = 8;
    let server = Server::start_with(trained(), &[]);
    let body = |age: usize| format!("{{\"patient_id\":\"P{age}\",\"clinical.age\":{age}}}");
    let expected: Vec<_> = (0..100).map(|age| server.post(JSON, "*/*", &body(age))).collect();
    assert!(expected.iter().all(|(status, text)| *status == 200 && text.contains("\"risk\":")));
    let answered = AtomicUsize::new(0);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (server, expected, answered) = (&server, &expected, &answered);
            scope.spawn(move || {
                let (agent, url) = (agent(LONGEST_WAIT), server.invocations());
                for number in (client..10_000).step_by(CLIENTS) {
                    if number % 100 != 37 {
                        let found = post(&agent, &url, [JSON, "*/*"], &body(number % 100));
                        assert_eq!(found, expected[number % 100]);
                    } else if let Some((kinds, body, status)) = MALFORMED.get(number / 100 % 7) {
                        let found = post(&agent, &url, *kinds, body);
                        assert_eq!(found.0, *status, "{}", found.1);
                    } else if number / 100 % 7 == 5 {
                        let mut garbled = server.connect();
                        garbled.write_all(b"\x16\x03\x01 no HTTP\r\n\r\n").unwrap();
                        assert_eq!(answer(garbled).0, 400);
                    } else {
                        // A client that goes away in the middle of its body.
                        server.begin(1000).write_all(RECORD.as_bytes()).unwrap();
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(answered.into_inner(), 10_000);
    assert_eq!(server.post(JSON, "*/*", &body(7)), expected[7]);
}

// Contract: batch.max_payload
#[test]
fn the_platforms_setting_is_the_largest_body() {
    let server = Server::start_with(trained(), &[("SAGEMAKER_MAX_PAYLOAD_IN_MB", "1")]);
    let body = |bytes: usize| format!("{}{}", RECORD.trim(), " ".repeat(bytes - RECORD.len() + 1));
    assert_eq!(server.post(LINES, "*/*", &body(1 << 20)).0, 200);
    let (status, reason) = server.post(LINES, "*/*", &body((1 << 20) + 1));
    assert!(status == 413 && reason.contains("at most 1048576 bytes"), "{status}: {reason}");
}

// Contract: multi.unload
#[test]
fn a_model_that_is_unloaded_gives_its_memory_back() {
    let root = train(
        r#"{"model": "network", "training.epochs": "1", "training.ensemble": "1",
            "network.width": "2048", "network.fused_width": "4096"}"#,
    );
    let model = root.path().join("model");
    let bytes = fs_err::metadata(model.join("model.safetensors")).unwrap().len();
    assert!(bytes > 60 << 20, "a model of {bytes} bytes is too small to be seen");
    let server = Server::start_with(root.path(), &[("SAGEMAKER_MULTI_MODEL", "true")]);
    let agent = agent(LONGEST_WAIT);
    let models = format!("{}/models", server.address);
    let load = json!({ "model_name": "large", "url": model }).to_string();
    let mut unloaded = vec![];
    for _ in 0..5 {
        assert_eq!(post(&agent, &models, [JSON, "*/*"], &load).0, 200);
        let url = format!("{models}/large/invoke");
        assert_eq!(post(&agent, &url, [LINES, "*/*"], RECORD).0, 200);
        let loaded = server.memory("VmRSS:");
        assert_eq!(agent.delete(format!("{models}/large")).call().unwrap().status(), 200);
        unloaded.push(server.memory("VmRSS:"));
        assert!(loaded > unloaded.last().unwrap() + bytes * 9 / 10, "{loaded}, then {unloaded:?}");
    }
    // What libraries keep for themselves they take once.
    assert!(unloaded[4] < unloaded[0] + bytes / 4, "memory grows with every model: {unloaded:?}");
}
