//! Requests to the provider.

use std::error::Error as StdError;
use std::path::Path;
use std::time::Duration;

use openidconnect::{HttpRequest, HttpResponse};

use crate::Error;

/// For one request.
const TIMEOUT: Duration = Duration::from_secs(10);
const MOST_BYTES: u64 = 1 << 20;

/// What asks the provider, by certificates of an authority of its own where there is one.
///
/// # Errors
/// When the authority's file cannot be read or holds none.
pub(super) fn agent(authority: Option<&Path>) -> Result<ureq::Agent, Error> {
    use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
    let mut tls = TlsConfig::builder();
    if let Some(path) = authority {
        let text = fs_err::read(path)?;
        let certificate = |item| match item {
            Ok(PemItem::Certificate(one)) => Some(one),
            _ => None,
        };
        let all: Vec<Certificate<'static>> = parse_pem(&text).filter_map(certificate).collect();
        if all.is_empty() {
            return Err(Error::content(path, "holds no certificate in PEM"));
        }
        tls = tls.root_certs(RootCerts::from(all));
    }
    let config = ureq::Agent::config_builder()
        .tls_config(tls.build())
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        // A redirect could lead to a host that the settings do not name.
        .max_redirects(0)
        .build();
    Ok(config.into())
}

/// Asks the provider.
pub(super) fn ask(agent: &ureq::Agent, request: HttpRequest) -> Result<HttpResponse, ureq::Error> {
    let answer = if request.method() == "GET" {
        agent.run(request.map(|_| ()))?
    } else {
        agent.run(request)?
    };
    let (head, mut body) = answer.into_parts();
    let bytes = body.with_config().limit(MOST_BYTES).read_to_vec()?;
    Ok(HttpResponse::from_parts(head, bytes))
}

/// An error with its causes; none of them holds a token or a code.
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.chars().filter(|one| !one.is_control()).take(300).collect()
}
