//! What somebody tries who means harm.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use crate::made_up::study;
use crate::site::{Answer, Browser, Site};

const FORM: &str = "application/x-www-form-urlencoded";
const OWN: &str = "four quiet mountain lakes";

#[test]
fn addresses_lead_to_no_file_and_no_other_patient() {
    let (evaluation, predictions) = study(60);
    let site = Site::new(&evaluation, &predictions);
    let manager = site.account(&site.admin(), "manager", &["data-manager"]);
    for path in [
        "/static/..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/studies/..%2fstore/validation",
        "/studies/study/figures/..%2f..%2fevaluation.json",
        "/studies/study/figures/evaluation.json",
        "/studies/study/figures/risk.svg%00.png",
        "/studies/study/patients/..%2f..%2fetc%2fpasswd",
        "/studies/study/patients/P00001%0d%0aSet-Cookie:%20x=y",
        "/studies/study/patients/P00001/figures/curve.html",
        "/studies/study/patients/P00001/fhir/..%2fr4",
        "/studies/study/patients/P00001/images?image=..%2f..%2fetc%2fpasswd",
        "/studies/study/patients/P00001/images?image=99999999999",
        "/studies/study/patients/P00001/slice.png?slice=0",
        "/score/..%2f..%2fstore",
    ] {
        let answer = manager.get(path);
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.body.contains("root:") && answer.header("set-cookie").is_empty(), "{path}");
    }
}

#[test]
fn nobody_fills_the_memory_with_a_form() {
    let (evaluation, predictions) = study(60);
    let site = Site::new(&evaluation, &predictions);
    let address = site.url.trim_start_matches("http://");
    let mut connection = TcpStream::connect(address).unwrap();
    // Refused while it is read, and not only when the rest has come, which never does.
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: {address}\r\nContent-Type: {FORM}\r\n\
         Content-Length: 1048576\r\nConnection: close\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(&vec![b'x'; (256 << 10) + 1]).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

/// Sends a table as the page's form does.
fn upload(manager: &Browser, table: &str) -> Answer {
    let csrf = manager.get("/score").csrf();
    let body = format!(
        "--limit\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n\
         --limit\r\nContent-Disposition: form-data; name=\"table\"\r\n\r\n{table}\r\n\
         --limit--\r\n"
    );
    manager.send("/score", "multipart/form-data; boundary=limit", &body, &[])
}

#[test]
fn few_tables_wait_for_the_model_at_a_time() {
    let (evaluation, predictions) = study(60);
    // It lets everybody in and never answers.
    let endpoint = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = endpoint.local_addr().unwrap();
    let site = Site::with(&evaluation, &predictions, |settings| {
        settings.endpoint = Some(format!("http://{address}/invocations"));
    });
    let admin = site.admin();
    let names = ["manager-1", "manager-2", "manager-3"];
    let [one, two, three] = names.map(|name| site.account(&admin, name, &["data-manager"]));
    // What is no table takes no place.
    for _ in 0..5 {
        assert_eq!(upload(&one, "no table").status, 400);
    }
    let table = "patient_id,clinical.age\nP1,70\n";
    let waiting = [&one, &one, &two, &two].map(|manager| upload(manager, table).status);
    assert_eq!(waiting, [303; 4]);
    for manager in [&one, &three] {
        let answer = upload(manager, table);
        assert_eq!(answer.status, 429);
        assert!(answer.body.contains("2 of one account"), "{}", answer.body);
    }
}

#[test]
fn a_session_ends_where_another_begins_in_the_same_browser() {
    let (evaluation, predictions) = study(60);
    let site = Site::new(&evaluation, &predictions);
    let admin = site.admin();
    let clinician = site.account(&admin, "dr.grey", &["clinician"]);
    // The token of the form is chosen by who tries to fix a session; that of the session never.
    let fixed = "a".repeat(64);
    let mut browser = site.browser();
    browser.cookie = format!("{}; oncoweave-form={fixed}", clinician.cookie);
    let form = format!("csrf={fixed}&name=dr.grey&password={}", OWN.replace(' ', "+"));
    let answer = browser.send("/login", FORM, &form, &[]);
    assert_eq!(answer.status, 303, "{}", answer.body);
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("oncoweave=") && !cookie.contains(&fixed), "{cookie}");
    assert_eq!(clinician.get("/studies/study").status, 303, "the session before");
    // What a proxy would split a header by is no page to go on to.
    let next = "%2F%0d%0aSet-Cookie:%20x%3Dy";
    let answer = browser.send("/login", FORM, &format!("{form}&next={next}"), &[]);
    assert_eq!((answer.status, answer.header("location")), (303, "/"));
}

#[test]
fn addresses_that_a_browser_makes_up_are_not_believed() {
    let (evaluation, predictions) = study(60);
    let site = Site::with(&evaluation, &predictions, |settings| settings.is_behind_proxy = true);
    let fixed = "a".repeat(64);
    let mut thief = site.browser();
    thief.cookie = format!("__Host-oncoweave-form={fixed}");
    let form = format!("csrf={fixed}&name=admin&password=guess");
    let (start, mut taken) = (Instant::now(), 0);
    for number in 0..40 {
        // The proxy's own line comes last, in the same header or in one below.
        let made_up = format!("10.1.1.{number}");
        let headers = [("X-Forwarded-For", made_up.as_str()), ("X-Forwarded-For", "192.0.2.7")];
        taken += u32::from(thief.send("/login", FORM, &form, &headers).status != 429);
    }
    // Twenty at once and one in five seconds, however slow this machine is.
    let most = 20.0 + start.elapsed().as_secs_f64() / 5.0;
    assert!(f64::from(taken) <= most, "{taken} of at most {most}");
}

#[test]
fn no_role_is_taken_by_asking_for_it() {
    let (evaluation, predictions) = study(60);
    let site = Site::new(&evaluation, &predictions);
    let admin = site.admin();
    for role in ["clinician", "researcher", "data-manager", "auditor"] {
        let browser = site.account(&admin, role, &[role]);
        let csrf = browser.get("/password").csrf();
        let form = [("csrf", csrf.as_str()), ("action", "roles"), ("admin", "on"), ("name", "x")];
        for path in ["/accounts", "/accounts/admin", &format!("/accounts/{role}")] {
            assert_eq!(browser.post(path, &form).status, 403, "{role}: {path}");
        }
        // Nor is another's token of forms worth anything.
        let other = admin.get("/accounts").csrf();
        assert_eq!(browser.post("/logout", &[("csrf", other.as_str())]).status, 403, "{role}");
        let token = browser.cookie.replace("oncoweave=", "Bearer ");
        let nobody = site.browser();
        let bearer = [("Authorization", token.as_str())];
        assert_eq!(nobody.get_with("/api/v1/studies", &bearer).status, 401, "{role}");
    }
    let own = admin.get("/accounts").csrf();
    let form = [("csrf", own.as_str()), ("action", "become"), ("data-manager", "on")];
    assert_eq!(admin.post("/accounts/admin", &form).status, 400);
    assert_eq!(admin.get("/studies/study").status, 403);
}
