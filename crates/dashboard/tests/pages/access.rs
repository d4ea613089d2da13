//! Accounts, rights, forms, and what is written down.

use crate::made_up::study;
use crate::site::{Site, between};
use oncoweave_dashboard::verify_audit;

#[test]
fn nobody_gets_in_without_the_password_and_the_first_one_works_once() {
    let (evaluation, predictions) = study(60);
    let site = Site::new(&evaluation, &predictions);
    let mut browser = site.browser();
    for path in ["/", "/studies/study", "/studies/study/patients/P00001", "/audit", "/score"] {
        let answer = browser.get(path);
        assert_eq!(answer.status, 303, "{path}");
        assert!(answer.header("location").starts_with("/login"), "{path}");
    }
    assert_eq!(browser.sign_in("admin", "a wrong password").status, 401);
    assert!(browser.cookie.is_empty());
    let answer = browser.sign_in("admin", &site.first_password);
    assert_eq!((answer.status, answer.header("location")), (303, "/password"));
    // Nothing but a new password is allowed with it.
    assert_eq!(browser.get("/accounts").header("location"), "/password");
    let old = browser.cookie.clone();
    browser.change_password(&site.first_password, "a quiet admin of mountains");
    assert_eq!(browser.get("/accounts").status, 200);
    browser.cookie = old;
    assert!(browser.get("/accounts").header("location").starts_with("/login"), "old session");
    let mut again = site.browser();
    assert_eq!(again.sign_in("admin", &site.first_password).status, 401);
}

#[test]
fn cookies_and_headers_are_strict() {
    let (evaluation, predictions) = study(60);
    let site = Site::new(&evaluation, &predictions);
    let mut browser = site.browser();
    let answer = browser.sign_in("admin", &site.first_password);
    let cookie = answer.header("set-cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let page = browser.get("/password");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(page.header("cache-control").contains("no-store"));
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert!(!page.body.contains("http://") && !page.body.contains("https://"), "external address");
    assert_eq!(browser.get_with("/login", &[("Host", "evil.example")]).status, 421);
}

#[test]
fn who_never_left_for_the_provider_comes_back_in_vain_and_writes_nothing() {
    let (evaluation, predictions) = study(60);
    let site = Site::with(&evaluation, &predictions, |settings| {
        let path = settings.store.with_file_name("oidc.toml");
        let text = "issuer = \"https://login.hospital.example\"\nclient_id = \"oncoweave\"\n\
                    address = \"http://127.0.0.1\"\n[roles]\ndoctors = \"clinician\"\n";
        fs_err::write(&path, text).unwrap();
        settings.oidc = Some(path);
    });
    let admin = site.admin();
    let auditor = site.account(&admin, "auditor", &["auditor"]);
    let mut forger = site.browser();
    forger.cookie = "oncoweave-oidc=x".to_owned();
    for way_back in ["state=x&error=y", "state=x&code=y", "state=z&error=y", "error=y"] {
        assert_eq!(forger.get(&format!("/login/oidc/callback?{way_back}")).status, 401);
    }
    let log = auditor.get("/audit").body;
    assert!(log.contains("sign in") && !log.contains("sign-in refused"), "{log}");
    let is_slowed = (0..30).any(|_| forger.get("/login/oidc/callback?state=x").status == 429);
    assert!(is_slowed);
}

#[test]
fn five_wrong_passwords_lock_an_account() {
    let (evaluation, predictions) = study(60);
    let site = Site::new(&evaluation, &predictions);
    let admin = site.admin();
    let clinician = site.account(&admin, "dr.grey", &["clinician"]);
    assert_eq!(clinician.get("/studies/study").status, 200);
    let mut thief = site.browser();
    for _ in 0..5 {
        assert_eq!(thief.sign_in("dr.grey", "a wrong password").status, 401);
    }
    // The right one does not help until the lock ends.
    let mut owner = site.browser();
    assert_eq!(owner.sign_in("dr.grey", "four quiet mountain lakes").status, 401);
    assert!(admin.get("/accounts").body.contains("locked after wrong passwords"));
}

#[test]
fn each_role_sees_what_is_its_own() {
    let (evaluation, predictions) = study(200);
    let site = Site::new(&evaluation, &predictions);
    let admin = site.admin();
    let roles = ["clinician", "researcher", "data-manager", "auditor"];
    let paths = [
        "/studies/study",
        "/studies/study/validation",
        "/studies/study/patients/P00001",
        "/studies/study/figures/risk.svg",
        "/studies/study/patients/P00001/figures/people.svg",
        "/studies/study/predictions.csv",
        "/studies/study/curves.csv",
        "/studies/study/patients/P00001/fhir/r4",
        "/audit",
        "/accounts",
    ];
    let expected = [
        [200, 200, 200, 200, 200, 403, 403, 403, 403, 403],
        [200, 200, 403, 200, 403, 403, 403, 403, 403, 403],
        [200, 200, 200, 200, 200, 200, 200, 200, 403, 403],
        [403, 403, 403, 403, 403, 403, 403, 403, 200, 403],
    ];
    for (role, expected) in roles.iter().zip(expected) {
        let browser = site.account(&admin, role, &[role]);
        let found = paths.map(|path| browser.get(path).status);
        assert_eq!(found, expected, "{role}");
    }
    let found = paths.map(|path| admin.get(path).status);
    assert_eq!(found, [403, 403, 403, 403, 403, 403, 403, 403, 403, 200], "admin");
    // Whether a patient exists is not told to those who may see none.
    let researcher = site.account(&admin, "other", &["researcher"]);
    assert_eq!(researcher.get("/studies/study/patients/NOBODY").status, 403);
}

#[test]
fn forms_from_elsewhere_do_nothing() {
    let (evaluation, predictions) = study(60);
    let site = Site::new(&evaluation, &predictions);
    let admin = site.admin();
    // Nor does a form of another site sign anybody in, here to an account of its own.
    let form = [("csrf", "guess"), ("name", "admin"), ("password", "a quiet admin of mountains")];
    assert_eq!(site.browser().post("/login", &form).status, 403);
    let form = [("csrf", "guess"), ("name", "thief"), ("admin", "on")];
    assert_eq!(admin.post("/accounts", &form).status, 403);
    let csrf = admin.get("/accounts").csrf();
    let body = format!("csrf={csrf}&name=thief&admin=on");
    let kind = "application/x-www-form-urlencoded";
    for header in [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")] {
        assert_eq!(admin.send("/accounts", kind, &body, &[header]).status, 403, "{header:?}");
    }
    assert!(!admin.get("/accounts").body.contains("thief"));
    assert_eq!(admin.send("/logout", kind, "csrf=guess", &[]).status, 403);
}

#[test]
fn closing_an_account_or_taking_a_role_ends_its_sessions() {
    let (evaluation, predictions) = study(60);
    let site = Site::new(&evaluation, &predictions);
    let admin = site.admin();
    let browser = site.account(&admin, "dr.grey", &["clinician"]);
    let csrf = admin.get("/accounts").csrf();
    let close = [("csrf", csrf.as_str()), ("action", "close")];
    assert_eq!(admin.post("/accounts/dr.grey", &close).status, 200);
    assert_eq!(browser.get("/studies/study").status, 303);
    let mut again = site.browser();
    assert_eq!(again.sign_in("dr.grey", "four quiet mountain lakes").status, 401);
    // The last way in stays open.
    let answer = admin.post("/accounts/admin", &close);
    assert!(answer.body.contains("cannot close your own"), "{}", answer.body);
}

#[test]
fn html_in_names_stays_text() {
    let (mut evaluation, mut predictions) = study(60);
    let hostile = "<script>alert(1)</script>\"'<img src=x onerror=alert(1)>";
    evaluation.cohort = hostile.to_owned();
    evaluation.design = hostile.to_owned();
    evaluation.program_version = hostile.to_owned();
    evaluation.notes = vec![hostile.to_owned()];
    for prediction in &mut predictions {
        prediction.label = Some(hostile.to_owned());
        prediction.missing_modalities = vec![hostile.to_owned()];
        prediction.flags = vec![format!("outside_range:{hostile}")];
        let id = format!("{hostile} {}", prediction.patient_id);
        prediction.patient_id = oncoweave_core::PatientId::new(&id).unwrap();
    }
    let site = Site::new(&evaluation, &predictions);
    let admin = site.admin();
    let browser = site.account(&admin, "manager", &["data-manager", "auditor"]);
    let list = browser.get("/studies/study");
    let href = between(&list.body, "<a href=\"/studies/study/patients/", "\"").to_owned();
    let patient = format!("/studies/study/patients/{href}");
    for path in [
        "/studies/study",
        "/studies/study/validation",
        "/studies/study/model",
        "/compare",
        "/audit",
        &patient,
        &format!("{patient}/figures/people.svg"),
        &format!("{patient}/fhir/r5"),
    ] {
        let page = browser.get(path);
        assert_eq!(page.status, 200, "{path}");
        let text = page.body.replace("\\\"", "");
        let is_json = page.header("content-type").contains("json");
        assert!(is_json || !text.contains("<script>alert"), "{path}");
        assert!(is_json || !text.contains("<img src=x"), "{path}");
    }
}

#[test]
fn what_is_read_and_taken_away_is_written_down() {
    let (evaluation, predictions) = study(60);
    let site = Site::new(&evaluation, &predictions);
    let admin = site.admin();
    let browser = site.account(&admin, "manager", &["data-manager"]);
    browser.get("/studies/study/patients/P00004");
    browser.get("/studies/study/predictions.csv?group=high");
    browser.get("/accounts");
    let auditor = site.account(&admin, "watch", &["auditor"]);
    let log = auditor.get("/audit?text=manager&check=yes").body;
    for entry in [
        "read patient",
        "study/P00004",
        "export predictions",
        "group=high",
        "refused",
        "manage accounts",
        "is whole",
    ] {
        assert!(log.contains(entry), "{entry} in {log}");
    }
    let state = verify_audit(&site.folder.path().join("store"), None).unwrap();
    assert!(state.entries > 10);
    assert!(verify_audit(site.folder.path(), None).is_err());
}

#[test]
fn tokens_open_the_api_and_the_hook_and_cookies_do_not_open_the_hook() {
    let (evaluation, predictions) = study(60);
    let site = Site::new(&evaluation, &predictions);
    let admin = site.admin();
    let person = site.account(&admin, "ehr", &["clinician"]);
    let token = format!("Bearer {}", Site::token(&admin, "ehr"));
    let program = site.browser();
    let bearer = [("Authorization", token.as_str())];
    assert_eq!(program.get("/api/v1/studies").status, 401);
    assert_eq!(program.get_with("/api/v1/studies", &bearer).status, 200);
    let one = program.get_with("/api/v1/studies/study/patients/P00001", &bearer);
    let one: serde_json::Value = serde_json::from_str(&one.body).unwrap();
    assert_eq!(one["patient"]["patient_id"], "P00001");
    assert!(one["notice"].as_str().unwrap().contains("Not a medical device"));
    let refused = program.get_with("/api/v1/studies/study/patients", &bearer);
    assert_eq!(refused.status, 403);
    let call = r#"{"hook":"patient-view","hookInstance":"d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
                   "context":{"userId":"Practitioner/1","patientId":"P00001"}}"#;
    let path = "/cds-services/oncoweave-risk";
    let answer = program.send(path, "application/json", call, &bearer);
    let cards: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert!(cards["cards"][0]["summary"].as_str().unwrap().chars().count() < 140);
    assert_eq!(person.send(path, "application/json", call, &[]).status, 401);
    let nobody = call.replace("P00001", "NOBODY");
    let answer = program.send(path, "application/json", &nobody, &bearer);
    assert_eq!(answer.body, r#"{"cards":[]}"#);
    let services = program.get("/cds-services").body;
    assert!(services.contains("patient-view"), "{services}");
}
