//! What somebody tries who means harm.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::made_up::study;
use crate::site::Site;

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
    let mut refused = 0;
    for number in 0..40 {
        // The proxy's own line comes last, in the same header or in one below.
        let made_up = format!("10.1.1.{number}");
        let headers = [("X-Forwarded-For", made_up.as_str()), ("X-Forwarded-For", "192.0.2.7")];
        refused += usize::from(thief.send("/login", FORM, &form, &headers).status == 429);
    }
    assert!(refused >= 15, "{refused}");
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
