use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};

use crate::asked::Asked;
use crate::{AnswerKind, App, Error, Extract, Root, ViewKind, app};

/// The platform kills the process 30 seconds after it asked it to stop.
const LONGEST_DRAIN: Duration = Duration::from_secs(25);

/// How long work that nobody waits for any more may take to come to an end.
const LAST_WORK: Duration = Duration::from_secs(1);

/// How long the head of a request may take to come, and a connection may lie still between two.
const SLOWEST_HEAD: Duration = Duration::from_secs(75);

/// Connections at a time; further ones wait to be taken.
const MOST_CONNECTIONS: usize = 4096;

/// How batch transform cuts its files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BatchStrategy {
    /// As many records in a request as fit.
    #[default]
    MultiRecord,
    /// One record a request.
    SingleRecord,
}

impl BatchStrategy {
    /// As the container spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MultiRecord => "MULTI_RECORD",
            Self::SingleRecord => "SINGLE_RECORD",
        }
    }
}

/// How a model is served.
#[derive(Clone, Debug, PartialEq)]
pub struct ServeSettings {
    /// The port to listen on, on all addresses; 8080 on the platform unless it says otherwise.
    pub port: u16,
    /// The longest body of a request; the platform sends at most 25 MB, asynchronously 1 GB.
    pub body_limit_bytes: usize,
    /// The most records of a request: short records make an answer many times as long as they
    /// are.
    pub record_limit: usize,
    /// Requests that may wait or be worked on; more are refused at once.
    pub queue_limit: usize,
    /// How long a client may send nothing while its request is awaited.
    pub silence_seconds: u64,
    /// The most that the files of one patient may come to when they are unpacked.
    pub unpacked_limit_bytes: u64,
    /// Whether models are loaded and unloaded by the platform.
    pub multi_model: bool,
    /// What all models may take together; by default as much as there is.
    pub models_limit_bytes: Option<u64>,
    /// Requests that batch transform sends at a time; by default two a processor.
    pub transforms: Option<usize>,
    /// How batch transform cuts its files.
    pub batch_strategy: BatchStrategy,
    /// The format of answers where a request names none; by default that of its body.
    pub default_accept: Option<String>,
    pub(crate) asked: Asked,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            port: 8080,
            body_limit_bytes: 25 * 1024 * 1024,
            record_limit: 20_000,
            queue_limit: 256,
            silence_seconds: 20,
            unpacked_limit_bytes: 2 << 30,
            multi_model: false,
            models_limit_bytes: None,
            transforms: None,
            batch_strategy: BatchStrategy::default(),
            default_accept: None,
            asked: Asked::default(),
        }
    }
}

impl ServeSettings {
    /// What a request gets that asks for nothing else: for an explainer that cannot ask.
    #[must_use]
    pub fn with_answer(mut self, answer: AnswerKind, view: ViewKind) -> Self {
        (self.asked.answer, self.asked.view) = (answer, view);
        self
    }
}

/// Loads the model below `root`, then serves it until the process is asked to stop by `SIGTERM` or
/// `SIGINT`; requests that are in hand by then are answered first. With many models none is loaded
/// yet, and the platform says which. `extract` makes a row of one patient's raw files.
///
/// # Errors
/// When the model cannot be loaded or the port cannot be listened on.
pub fn serve(root: &Root, settings: &ServeSettings, extract: Option<Extract>) -> Result<(), Error> {
    let state = App::without_model(settings, extract);
    if !settings.multi_model {
        state.load(&root.model())?;
    }
    finish(Runtime::new()?, listen(Arc::new(state), settings.port))
}

/// Runs to the end, and does not wait for work in other threads much longer: dropping a runtime
/// waits for it without limit.
fn finish<T>(runtime: Runtime, work: impl Future<Output = T>) -> T {
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(LAST_WORK);
    done
}

async fn listen(state: Arc<App>, port: u16) -> Result<(), Error> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        .await
        .map_err(|source| Error::Bind { port, source })?;
    tracing::info!(port, "listening");
    let router = app(Arc::clone(&state));
    let (leaving, left) = watch::channel(false);
    let accepting = tokio::spawn(accept(listener, router, left));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("asked to stop, answering what is in hand");
    state.leave();
    // Connections listen for it, and the last of them closes the channel.
    leaving.send_replace(true);
    if tokio::time::timeout(LONGEST_DRAIN, leaving.closed()).await.is_err() {
        state.give_up();
        tracing::warn!("some requests took too long to drain");
    }
    accepting.abort();
    Ok(())
}

/// Takes connections until it is told to leave.
async fn accept(listener: TcpListener, router: Router, mut left: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = left.changed() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let (router, left) = (router.clone(), left.clone());
                tokio::spawn(async move {
                    let _place = place;
                    converse(stream, router, left).await;
                });
            }
            // Too many open files, or a client that is gone: neither ends the server.
            Err(error) => {
                tracing::warn!(%error, "could not take a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Answers the requests of one connection.
async fn converse(stream: TcpStream, router: Router, mut left: watch::Receiver<bool>) {
    // Answers are whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(SLOWEST_HEAD);
    let service = TowerToHyperService::new(router);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let done = tokio::select! {
        done = connection.as_mut() => done,
        _ = left.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = done {
        tracing::debug!(%error, "a connection ended");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn work_that_takes_too_long_does_not_hold_the_process() {
        let start = Instant::now();
        let done = finish(Runtime::new().unwrap(), async {
            drop(tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(20))));
            7
        });
        assert_eq!(done, 7);
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        assert!(LONGEST_DRAIN + LAST_WORK < Duration::from_secs(27));
    }
}
