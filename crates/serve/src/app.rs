use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, http::header::CONTENT_TYPE};
use oncoweave_model::Model;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::body::Room;
use crate::invoke::invoke;
use crate::linger::linger;
use crate::models::{self, Models};
use crate::refusal::Refusal;
use crate::served::Served;
use crate::together::Waiting;
use crate::{Extract, ServeSettings};

/// The name of the model where there is one alone.
const ONLY: &str = "";

/// What the routes share: the models, and whether the process is on its way out.
#[derive(Debug)]
pub struct App {
    pub(crate) settings: ServeSettings,
    pub(crate) models: Models,
    pub(crate) room: Room,
    /// As many requests are computed at a time as there are processors; the others wait, so that
    /// `/ping` keeps answering.
    pub(crate) scoring: Semaphore,
    /// Places for requests that wait or are worked on.
    pub(crate) queue: Arc<Semaphore>,
    pub(crate) waiting: Waiting,
    /// Raw files of one patient at a time.
    pub(crate) extracting: Semaphore,
    /// What makes a row of raw files.
    pub(crate) extract: Option<Extract>,
    leaving: AtomicBool,
    giving_up: AtomicBool,
}

impl App {
    /// Serves one model.
    #[must_use]
    pub fn new(model: Model, settings: &ServeSettings) -> Arc<Self> {
        let app = Self::without_model(settings, None);
        app.models.put(ONLY, Served::new(model));
        Arc::new(app)
    }

    /// Serves what is loaded later. `extract` makes a row of raw files; without it none are taken.
    pub(crate) fn without_model(settings: &ServeSettings, extract: Option<Extract>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            models: Models::new(settings.models_limit_bytes),
            room: Room::new(
                settings.body_limit_bytes,
                Duration::from_secs(settings.silence_seconds),
            ),
            scoring: Semaphore::new(processors),
            queue: Arc::new(Semaphore::new(settings.queue_limit)),
            waiting: Waiting::default(),
            extracting: Semaphore::new(1),
            extract,
            settings: settings.clone(),
            leaving: AtomicBool::new(false),
            giving_up: AtomicBool::new(false),
        }
    }

    /// Loads the one model that is served.
    pub(crate) fn load(&self, folder: &std::path::Path) -> Result<(), crate::Error> {
        let served = Served::load(folder)?;
        tracing::info!(model = served.model.name(), "loaded the model");
        self.models.put(ONLY, served);
        Ok(())
    }

    /// From now on `/ping` says that no more requests should come.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// From now on no request is worked on further than to the end of the records in hand.
    pub(crate) fn give_up(&self) {
        self.giving_up.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_given_up(&self) -> bool {
        self.giving_up.load(Ordering::Relaxed)
    }
}

/// The container's routes.
pub fn app(app: Arc<App>) -> Router {
    let routes = Router::new()
        .route("/ping", get(ping))
        .route("/execution-parameters", get(execution_parameters));
    let routes = if app.settings.multi_model {
        routes
            .route("/models", get(models::list).post(models::load))
            .route("/models/{name}", get(models::find).delete(models::remove))
            .route("/models/{name}/invoke", post(invoke_named))
    } else {
        routes.route("/invocations", post(invocations))
    };
    // The limit is this crate's own, so that its answer says what to do.
    let routes = routes.fallback(unknown).layer(DefaultBodyLimit::disable());
    routes.layer(from_fn(linger)).with_state(app)
}

async fn ping(State(app): State<Arc<App>>) -> StatusCode {
    if app.leaving.load(Ordering::Relaxed) {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    }
}

/// What batch transform is told where its caller said nothing.
async fn execution_parameters(State(app): State<Arc<App>>) -> Response {
    let settings = &app.settings;
    let megabytes = (settings.body_limit_bytes >> 20).clamp(1, 100);
    // The platform allows 100 MB in flight.
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let together = settings.transforms.unwrap_or(2 * processors).min(100 / megabytes).max(1);
    Json(json!({
        "MaxConcurrentTransforms": together,
        "BatchStrategy": settings.batch_strategy.name(),
        "MaxPayloadInMB": megabytes,
    }))
    .into_response()
}

async fn invocations(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Response {
    match app.models.get(ONLY) {
        Some(served) => invoke(app, served, headers, body).await,
        None => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "no model is loaded").into_response(),
    }
}

async fn invoke_named(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match app.models.get(&name) {
        Some(served) => invoke(app, served, headers, body).await,
        None => models::not_loaded().into_response(),
    }
}

async fn unknown(State(app): State<Arc<App>>) -> Response {
    let reason = if app.settings.multi_model {
        "the routes are GET /ping, GET /execution-parameters, GET and POST /models, GET and DELETE \
         /models/{name}, and POST /models/{name}/invoke"
    } else {
        "the routes are GET /ping, GET /execution-parameters and POST /invocations"
    };
    let text = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::NOT_FOUND, text, format!("{reason}\n")).into_response()
}

#[cfg(test)]
mod tests;
