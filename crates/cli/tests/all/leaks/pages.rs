//! Every route of the dashboard, for somebody who may see everything, for somebody who may see no
//! patient, and for nobody.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io::Read,
    path::Path,
    process::Command,
};

use flate2::read::ZlibDecoder;
use fs_err as fs;

use super::{
    Way, container,
    running::{Answer, Client, Running},
    surfaces::{Surfaces, found_in},
};
use crate::extract::text;

const PASSWORD: &str = "four quiet mountain lakes";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Where the browser comes back from OpenID Connect: the one route that its source names by a constant.
const CALLBACK: &str = "/login/oidc/callback";

/// Routes that give a PDF or a PNG to whoever may see patients.
const PRINTED: [&str; 3] = [
    "/studies/{study}/validation.pdf",
    "/studies/{study}/patients/{patient}/report.pdf",
    "/studies/{study}/figures/{file}",
];

/// So many addresses of one route are asked for: of patients some that have images, too.
const OF_A_ROUTE: usize = 10;

pub(super) fn every_page(way: &Way, patient: &str, surfaces: &mut Surfaces) {
    let (endpoint, address) = container::server(way, "endpoint.log");
    let said = way.at("dashboard.log");
    let mut dashboard = Running::start(dashboard(way, &address), &said);
    let told = dashboard.said("open http://");
    let between = |before: &str| {
        let rest = &told[told.find(before).unwrap() + before.len()..];
        rest.split_whitespace().next().unwrap().to_owned()
    };
    let password = between("printed this once: ");
    let client = || Client::new(between("open ").trim_end_matches('/'));
    let mut pages = Pages {
        patient,
        surfaces,
        asked: BTreeMap::new(),
        printed: BTreeSet::new(),
        has_patient: false,
    };

    let mut admin = client();
    pages.signs_in(&mut admin, "admin", &password);
    let all = pages.account(&admin, "all", &["clinician", "researcher", "data-manager", "auditor"]);
    let (mut seer, mut counter) = (client(), client());
    pages.signs_in(&mut seer, "all", &all);
    let few = pages.account(&admin, "few", &["researcher"]);
    pages.signs_in(&mut counter, "few", &few);
    let nobody = client();
    for one in [&seer, &counter, &admin, &nobody] {
        pages.crawl(one);
        // Who is not signed in is led back to what they asked for.
        if !one.cookie.is_empty() {
            let path = "/studies/Zyxwpatient/patients/9434765919";
            pages.look("a page that is not there", one.get(path));
        }
    }
    pages.forms(&admin, &seer);
    assert!(pages.has_patient, "no page shows `{patient}`");
    pages.program(client(), &admin);
    pages.post("/logout", &seer, &[("csrf", &csrf(&seer.get("/password")))]);
    pages.every_route_was_asked();
    for route in PRINTED {
        assert!(pages.printed.contains(route), "no PDF or PNG came from {route}");
    }
    surfaces.look("dashboard: log", &dashboard.end());
    surfaces.folder(&way.at("store"), "audit");
    surfaces.look("endpoint: log", &endpoint.end());
    surfaces.reached.insert("dashboard".to_owned());
}

fn dashboard(way: &Way, address: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oncoweave"));
    command.arg("dashboard").args([way.at("evaluation"), way.at("judged")]);
    for (flag, path) in [
        ("--data", way.at("aligned/cohort.parquet")),
        ("--model", way.at("model")),
        ("--explanations", way.at("explanations.parquet")),
        ("--lineage", way.at("features/lineage.parquet")),
        ("--cohort", way.manifest.clone()),
        ("--store", way.at("store")),
    ] {
        command.arg(flag).arg(path);
    }
    let endpoint = format!("{address}/invocations");
    command.args(["--listen", "127.0.0.1:0", "--endpoint", &endpoint]);
    command
}

struct Pages<'a> {
    patient: &'a str,
    surfaces: &'a mut Surfaces,
    /// How many addresses of each route were asked for.
    asked: BTreeMap<String, usize>,
    /// The routes that gave a PDF or a PNG.
    printed: BTreeSet<String>,
    has_patient: bool,
}

impl Pages<'_> {
    fn look(&mut self, path: &str, answer: Answer) -> Answer {
        let route = route_of(path.split(['?', '#']).next().unwrap());
        *self.asked.entry(route.clone()).or_default() += 1;
        let name = format!("dashboard: {route}");
        if holds(&answer.bytes, b"%PDF-") {
            let unpacked = unpacked(&answer.bytes);
            assert!(!unpacked.is_empty(), "no stream of {path} could be unpacked");
            self.surfaces.look(&name, &unpacked);
            self.printed.insert(route);
        } else if holds(&answer.bytes, b"\x89PNG\r\n") {
            self.printed.insert(route);
        }
        self.surfaces.look(&name, &answer.bytes);
        self.has_patient |= !found_in(&answer.bytes, &[self.patient]).is_empty();
        answer
    }

    fn post(&mut self, path: &str, client: &Client, form: &[(&str, &str)]) -> Answer {
        let pairs: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let answer = client.post(path, &[FORM], pairs.join("&").as_bytes());
        self.look(path, answer)
    }

    fn signs_in(&mut self, client: &mut Client, name: &str, password: &str) {
        let form = client.get("/login");
        let form = self.look("/login", form);
        client.cookie = kept(&form);
        let token = csrf(&form);
        let filled = |password| {
            [("csrf", token.as_str()), ("name", name), ("password", password), ("next", "/")]
        };
        assert_eq!(self.post("/login", client, &filled("Zyxwpatient")).status, 401);
        client.cookie = kept(&self.post("/login", client, &filled(password)));
        let token = csrf(&client.get("/password"));
        let new =
            [("csrf", token.as_str()), ("old", password), ("new", PASSWORD), ("again", PASSWORD)];
        let answer = self.post("/password", client, &new);
        assert_eq!(answer.status, 303, "{}", answer.text());
        client.cookie = kept(&answer);
    }

    fn account(&mut self, admin: &Client, name: &str, roles: &[&str]) -> String {
        let csrf = csrf(&admin.get("/accounts"));
        let mut form = vec![("csrf", csrf.as_str()), ("name", name)];
        form.extend(roles.iter().map(|role| (*role, "on")));
        let answer = self.post("/accounts", admin, &form);
        between(&answer.text(), "<code>", "</code>").to_owned()
    }

    /// Follows every link from the first page on, and asks for what no link leads to.
    fn crawl(&mut self, client: &Client) {
        let mut seen = BTreeSet::new();
        let mut here: BTreeMap<String, usize> = BTreeMap::new();
        let mut waiting: VecDeque<String> = VecDeque::from(
            ["/", "/login", "/password", "/accounts", "/audit", "/audit?check=yes", "/compare"]
                .map(str::to_owned),
        );
        waiting.extend(
            ["/score", "/api/v1/openapi.json", "/api/v1/studies", "/cds-services", "/healthz"]
                .map(str::to_owned),
        );
        waiting.extend(["/login/oidc", CALLBACK].map(str::to_owned));
        for study in ["evaluation", "judged"] {
            let patient = encoded(self.patient);
            for rest in [
                String::new(),
                "/groups".to_owned(),
                "/patients".to_owned(),
                format!("/patients/{patient}"),
            ] {
                waiting.push_back(format!("/api/v1/studies/{study}{rest}"));
            }
            waiting.push_back(format!("/studies/{study}/patients/{patient}"));
            waiting.push_back(format!("/studies/{study}/model"));
            waiting.push_back(format!("/studies/{study}/patients/NOBODY"));
            for rest in ["report.pdf", "figures/curve.png", "slice.png"] {
                waiting.push_back(format!("/studies/{study}/patients/{patient}/{rest}"));
            }
            for rest in ["validation.pdf", "figures/risk.png"] {
                waiting.push_back(format!("/studies/{study}/{rest}"));
            }
        }
        while let Some(path) = waiting.pop_front() {
            let count = here.entry(route_of(path.split('?').next().unwrap())).or_default();
            if *count >= OF_A_ROUTE || !seen.insert(path.clone()) {
                continue;
            }
            *count += 1;
            let answer = client.get(&path);
            let answer = self.look(&path, answer);
            assert!(answer.status < 500, "{path}: {}", answer.text());
            waiting.extend(links(&answer));
        }
    }

    /// What people send: tables, values, questions of the log, with names in them.
    fn forms(&mut self, admin: &Client, seer: &Client) {
        let csrf_of = |client: &Client| csrf(&client.get("/password"));
        let token = csrf_of(seer);
        for (field, content) in [
            ("study", "evaluation"),
            ("table", "patient_id,clinical.age\nOW-1,70\n"),
            ("table", "patient_id,clinical.age\nOW-1,Zyxwpatient\nOW-2,9434765919\n"),
            ("table", "Qvorna Zyxwpatient 9434765919"),
            ("table", "\"Zyxwpatient"),
        ] {
            let body = format!(
                "--limit\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{token}\r\n\
                 --limit\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{content}\r\n\
                 --limit--\r\n"
            );
            let kind = [("content-type", "multipart/form-data; boundary=limit")];
            let answer = seer.post("/score", &kind, body.as_bytes());
            let answer = self.look("/score", answer);
            if answer.status == 303 {
                self.batch(seer, &answer.location);
            }
        }
        let path = format!("/studies/evaluation/patients/{}/what-if", encoded(self.patient));
        for value in ["71", "Zyxwpatient"] {
            let form = [("csrf", token.as_str()), ("clinical.age", value)];
            let answer = seer.post(&path, &[FORM], urlencoded(&form).as_bytes());
            // A form comes back with what its sender typed.
            let shown = String::from_utf8_lossy(&answer.bytes).replace("value=\"Zyxwpatient\"", "");
            self.surfaces.look("dashboard: what-if", shown.as_bytes());
            *self.asked.entry(route_of(&path)).or_default() += 1;
        }
        let token = csrf_of(admin);
        self.post("/accounts/few", admin, &[("csrf", &token), ("action", "reset")]);
        self.post("/accounts/few", admin, &[("csrf", &token), ("action", "close")]);
        self.post("/accounts/few", admin, &[("csrf", "Zyxwpatient"), ("action", "open")]);
    }

    fn batch(&mut self, seer: &Client, path: &str) {
        for _ in 0..200 {
            let answer = seer.get(path);
            let answer = self.look(path, answer);
            if !answer.text().to_lowercase().contains("refresh:")
                && !answer.text().contains("\"refresh\"")
            {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let table = format!("{path}/predictions.csv");
        let answer = seer.get(&table);
        self.look(&table, answer);
    }

    /// A record system that asks about a patient.
    fn program(&mut self, mut program: Client, admin: &Client) {
        let form = [("csrf", &*csrf(&admin.get("/accounts"))), ("action", "token")];
        let answer = self.post("/accounts/all", admin, &form);
        between(&answer.text(), "<code>", "</code>").clone_into(&mut program.token);
        let kind = [("content-type", "application/json")];
        let path = "/cds-services/oncoweave-risk";
        for (patient, hook) in
            [(self.patient, "patient-view"), ("9434765919", "patient-view"), ("x", "Zyxwpatient")]
        {
            let call = serde_json::json!({
                "hook": hook, "hookInstance": "Zyxwpatient", "context": {"patientId": patient},
            });
            let answer = program.post(path, &kind, call.to_string().as_bytes());
            self.look(path, answer);
        }
        let answer =
            program.post(path, &kind, b"{\"hook\": \"Zyxwpatient\", \"context\": 9434765919}");
        self.look(path, answer);
    }

    /// A route that is new must be asked for here.
    fn every_route_was_asked(&self) {
        let routes = routes();
        assert!(routes.len() > 30, "{routes:?}");
        for route in routes {
            assert!(self.asked.contains_key(&route), "nobody has searched {route}");
        }
    }
}

/// The routes of the dashboard, by its own source.
fn routes() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboard/src/web");
    let mut routes = vec![CALLBACK.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let source = fs::read_to_string(&path).unwrap();
        let mut prefix = if text(&path).ends_with("api.rs") { "/api/v1" } else { "" };
        for line in source.lines() {
            if line.starts_with("fn study_routes") {
                prefix = "/studies/{study}";
            }
            let Some((_, rest)) = line.split_once(".route(\"") else { continue };
            let whole = format!("{prefix}{}", rest.split('"').next().unwrap());
            let is_first = whole.len() == 1;
            routes.push(if is_first { whole } else { whole.trim_end_matches('/').to_owned() });
        }
    }
    routes
}

/// The route that a path is of; the path itself where there is none.
fn route_of(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |route: &&String| {
        let known: Vec<&str> = route.split('/').collect();
        known.len() == parts.len()
            && known.iter().zip(&parts).all(|(a, b)| a.starts_with('{') && !b.is_empty() || a == b)
    };
    let mut fitting: Vec<String> = routes().iter().filter(fits).cloned().collect();
    fitting.sort_by_key(|route| route.matches('{').count());
    fitting.into_iter().next().unwrap_or_else(|| "none".to_owned())
}

fn holds(bytes: &[u8], mark: &[u8]) -> bool {
    memchr::memmem::find(bytes, mark).is_some()
}

/// What is packed in the streams of a PDF.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    for place in memchr::memmem::find_iter(bytes, b"stream") {
        let rest = &bytes[place + b"stream".len()..];
        let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
        let rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        // One that is not packed, and the end of each, gives nothing.
        let _ = ZlibDecoder::new(rest).read_to_end(&mut unpacked);
    }
    unpacked
}

fn links(answer: &Answer) -> Vec<String> {
    let page = answer.text();
    let mut found = Vec::new();
    for mark in ["href=\"", "src=\"", "data-slice-url=\""] {
        for rest in page.split(mark).skip(1) {
            let link = rest.split('"').next().unwrap_or_default().replace("&amp;", "&");
            if link.starts_with('/') {
                found.push(link.split('#').next().unwrap_or_default().to_owned());
            }
        }
    }
    if answer.status == 303 && answer.location.starts_with('/') {
        found.push(answer.location.clone());
    }
    found
}

fn kept(answer: &Answer) -> String {
    let (cookie, _) = answer.cookie.split_once(';').expect("a cookie is set");
    cookie.to_owned()
}

fn csrf(answer: &Answer) -> String {
    between(&answer.text(), "name=\"csrf\" value=\"", "\"").to_owned()
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let start = text.find(before).unwrap_or_else(|| panic!("no {before} in {text}")) + before.len();
    text[start..].split(after).next().unwrap()
}

fn urlencoded(form: &[(&str, &str)]) -> String {
    form.iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect::<Vec<_>>()
        .join("&")
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
