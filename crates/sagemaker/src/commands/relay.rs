//! An endpoint under an address of this machine, for programs that sign no requests.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use oncoweave_sagemaker::client::{Clients, Invocation};
use serde_json::json;

use super::Outcome;
use crate::launcher::Options;
use crate::output;

/// The service takes no larger body.
const BODY_LIMIT_BYTES: usize = 25 << 20;

/// Answer at `http://127.0.0.1:8490/invocations` as an endpoint does, for `oncoweave dashboard --endpoint`
///
/// Requests are signed with the credentials of whoever starts this, so that it listens on the loopback alone and answers no browser.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The endpoint
    endpoint: String,
    /// One of several models behind the endpoint
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
    /// Where to listen, on the loopback
    #[arg(long, default_value = "127.0.0.1:8490", value_name = "ADDRESS")]
    listen: SocketAddr,
}

struct Relay {
    clients: Clients,
    endpoint: String,
    container: Option<String>,
}

pub(crate) async fn run(args: &Args, options: &Options) -> Result<Outcome> {
    if !args.listen.ip().is_loopback() {
        bail!(
            "{} can be reached from other machines, which would ask in your name; listen on 127.0.0.1",
            args.listen
        );
    }
    if options.dry_run {
        let shown = json!([{"service": "sagemaker-runtime", "operation": "InvokeEndpoint", "request": {
            "EndpointName": args.endpoint,
            "TargetContainerHostname": args.container,
        }}]);
        output::data(&serde_json::to_string_pretty(&shown)?)?;
        return Ok(Outcome::Complete);
    }
    let relay = Arc::new(Relay {
        clients: options.connect().await?,
        endpoint: args.endpoint.clone(),
        container: args.container.clone(),
    });
    let listener = tokio::net::TcpListener::bind(args.listen).await;
    let listener = listener.with_context(|| format!("could not listen on {}", args.listen))?;
    output::data(&format!("http://{}/invocations", listener.local_addr()?))?;
    let app = Router::new()
        .route("/ping", get(|| async {}))
        .route("/invocations", post(invocations))
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .layer(from_fn(no_browser))
        .with_state(relay);
    let stopped = async {
        // Without a handler the signal ends the program all the same.
        let _ = tokio::signal::ctrl_c().await;
    };
    axum::serve(listener, app).with_graceful_shutdown(stopped).await?;
    Ok(Outcome::Complete)
}

/// Refuses what a page in a browser could send here: it names its origin, or a host of its own.
async fn no_browser(request: Request, next: Next) -> Response {
    let host = text(request.headers(), &HOST).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_own = ["localhost", "127.0.0.1", "[::1]"].contains(&name);
    if !is_own || request.headers().contains_key(ORIGIN) {
        return (StatusCode::FORBIDDEN, "browsers are not answered\n").into_response();
    }
    next.run(request).await
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

async fn invocations(State(relay): State<Arc<Relay>>, headers: HeaderMap, body: Bytes) -> Response {
    let content_type = text(&headers, &CONTENT_TYPE).unwrap_or("application/json");
    let accept = text(&headers, &ACCEPT).unwrap_or(content_type);
    let invocation = Invocation {
        endpoint: &relay.endpoint,
        body: body.into(),
        content_type,
        accept,
        container: relay.container.as_deref(),
    };
    match relay.clients.invoke(invocation).await {
        Ok(answer) => ([(CONTENT_TYPE, accept)], answer).into_response(),
        Err(error) => {
            let problem = format!("{error:#}\n");
            (StatusCode::BAD_GATEWAY, problem).into_response()
        }
    }
}
