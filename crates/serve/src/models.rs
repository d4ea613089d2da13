//! The models that are loaded, and the platform's calls that load and unload them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Path as UrlPath, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::refusal::Refusal;
use crate::served::Served;
use crate::{App, Error, memory};

/// The longest request to load a model.
const LONGEST_LOAD: usize = 1 << 16;

/// Models named in one answer.
const PAGE: usize = 100;

/// A loaded model takes about so many times the bytes of its folder: its numbers are kept once as
/// they are and once as tensors.
const FOLDER_TIMES: u64 = 3;

/// What loading takes beside.
const SPARE_BYTES: u64 = 32 << 20;

/// How long requests in hand may keep a model that is to go.
const LONGEST_USE: Duration = Duration::from_mins(1);

/// Models by the platform's names for them.
#[derive(Debug)]
pub(crate) struct Models {
    /// `None` while a model is being loaded.
    loaded: RwLock<BTreeMap<String, Option<Arc<Served>>>>,
    /// What all may take; by default as much as the machine has.
    limit_bytes: Option<u64>,
    /// Models named in one answer.
    pub(crate) page: usize,
}

impl Models {
    pub(crate) fn new(limit_bytes: Option<u64>) -> Self {
        Self { loaded: RwLock::default(), limit_bytes, page: PAGE }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Served>> {
        self.read().get(name).cloned().flatten()
    }

    pub(crate) fn put(&self, name: &str, served: Served) {
        self.write().insert(name.to_owned(), Some(Arc::new(served)));
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Option<Arc<Served>>>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<String, Option<Arc<Served>>>> {
        self.loaded.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a name for a model that is about to be loaded; false where it is taken.
    fn reserve(&self, name: &str) -> bool {
        let mut loaded = self.write();
        let is_free = !loaded.contains_key(name);
        if is_free {
            loaded.insert(name.to_owned(), None);
        }
        is_free
    }

    fn forget(&self, name: &str) {
        self.write().remove(name);
    }

    /// Whether a model of a folder fits beside those loaded.
    fn has_room(&self, folder: &Path) -> bool {
        let needed = FOLDER_TIMES * memory::folder_bytes(folder) + SPARE_BYTES;
        match self.limit_bytes {
            Some(limit) => {
                let folders: Vec<_> =
                    self.read().values().flatten().map(|served| served.folder.clone()).collect();
                let of = |folder: &std::path::PathBuf| {
                    FOLDER_TIMES * memory::folder_bytes(folder) + SPARE_BYTES
                };
                folders.iter().map(of).sum::<u64>() + needed <= limit
            }
            None => memory::free_bytes().is_none_or(|free| needed <= free),
        }
    }
}

/// `POST /models`.
#[derive(Deserialize)]
pub(crate) struct Load {
    model_name: String,
    url: String,
}

pub(crate) async fn load(State(app): State<Arc<App>>, body: Body) -> Response {
    match load_model(&app, body).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn load_model(app: &Arc<App>, body: Body) -> Result<(), Refusal> {
    let bad = || Refusal::bad("expected `model_name` and `url` as text in a JSON object");
    let text = to_bytes(body, LONGEST_LOAD).await.map_err(|_| bad())?;
    let Load { model_name, url } = serde_json::from_slice(&text).map_err(|_| bad())?;
    if model_name.is_empty() {
        return Err(Refusal::bad("`model_name` must not be empty"));
    }
    if !app.models.reserve(&model_name) {
        return Err(Refusal::new(StatusCode::CONFLICT, "a model of this name is loaded already"));
    }
    let own = Arc::clone(app);
    let loaded = tokio::task::spawn_blocking(move || read(&own, Path::new(&url))).await;
    match loaded.unwrap_or_else(|_| Err(Refusal::fault())) {
        Ok(served) => {
            tracing::info!(model = served.model.name(), "loaded a model");
            app.models.put(&model_name, served);
            Ok(())
        }
        Err(refusal) => {
            app.models.forget(&model_name);
            Err(refusal)
        }
    }
}

fn read(app: &App, folder: &Path) -> Result<Served, Refusal> {
    if !app.models.has_room(folder) {
        let reason = "there is no memory for the model, unload another first";
        return Err(Refusal::new(StatusCode::INSUFFICIENT_STORAGE, reason));
    }
    Served::load(folder).map_err(|error| {
        let Error::Model(error) = error else { return Refusal::fault() };
        Refusal::bad(format!("the model cannot be loaded: {}", crate::redact::of_model(&error)))
    })
}

/// `GET /models`.
pub(crate) async fn list(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Json<Value> {
    let loaded = app.models.read();
    let mut pairs = query.as_deref().unwrap_or_default().split('&');
    let after = pairs.find_map(|pair| pair.strip_prefix("next_page_token="));
    let after = after.unwrap_or_default().to_owned();
    let mut page: Vec<(&String, &Arc<Served>)> = loaded
        .iter()
        .filter(|(name, _)| token(name) > after)
        .filter_map(|(name, served)| Some((name, served.as_ref()?)))
        .take(app.models.page + 1)
        .collect();
    let is_last = page.len() <= app.models.page;
    page.truncate(app.models.page);
    let token = page.last().filter(|_| !is_last).map(|(name, _)| token(name));
    let models: Vec<Value> = page.iter().map(|(name, served)| describe(name, served)).collect();
    Json(match token {
        Some(token) => json!({ "models": models, "nextPageToken": token }),
        None => json!({ "models": models }),
    })
}

/// A name in letters that need no escape in an address, in the same order.
fn token(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("memory takes any text");
        text
    })
}

fn describe(name: &str, served: &Served) -> Value {
    json!({ "modelName": name, "modelUrl": served.folder })
}

pub(crate) async fn find(State(app): State<Arc<App>>, UrlPath(name): UrlPath<String>) -> Response {
    match app.models.get(&name) {
        Some(served) => Json(describe(&name, &served)).into_response(),
        None => not_loaded().into_response(),
    }
}

/// Unloads a model: no new request gets it, those in hand end, and its memory is free before the
/// answer.
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    UrlPath(name): UrlPath<String>,
) -> Response {
    let Some(mut served) = app.models.get(&name) else { return not_loaded().into_response() };
    app.models.forget(&name);
    let start = std::time::Instant::now();
    let served = loop {
        match Arc::try_unwrap(served) {
            Ok(alone) => break alone,
            Err(shared) if start.elapsed() < LONGEST_USE => served = shared,
            Err(_) => {
                tracing::warn!("a request keeps a model that was unloaded");
                return StatusCode::OK.into_response();
            }
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    if tokio::task::spawn_blocking(move || drop(served)).await.is_err() {
        return Refusal::fault().into_response();
    }
    StatusCode::OK.into_response()
}

pub(crate) fn not_loaded() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "no model of this name is loaded")
}
