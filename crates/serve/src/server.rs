use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use oncoweave_model::Model;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::{App, Error, Root, app};

/// The platform kills the process 30 seconds after it asked it to stop.
const LONGEST_DRAIN: Duration = Duration::from_secs(25);

/// How long work that nobody waits for any more may take to come to an end.
const LAST_WORK: Duration = Duration::from_secs(1);

/// How a model is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeSettings {
    /// The port to listen on, on all addresses; 8080 on the platform unless it says otherwise.
    pub port: u16,
    /// The longest body of a request; the platform sends at most 25 MB.
    pub body_limit_bytes: usize,
    /// The most records of a request: short records make an answer many times as long as they
    /// are.
    pub record_limit: usize,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self { port: 8080, body_limit_bytes: 25 * 1024 * 1024, record_limit: 20_000 }
    }
}

/// Loads the model below `root`, then serves it until the process is asked to stop by `SIGTERM` or
/// `SIGINT`; requests that are in hand by then are answered first.
///
/// # Errors
/// When the model cannot be loaded or the port cannot be listened on.
pub fn serve(root: &Root, settings: &ServeSettings) -> Result<(), Error> {
    let model = Model::load(&root.model())?;
    tracing::info!(model = model.name(), "loaded the model");
    let state = App::new(model, settings);
    finish(Runtime::new()?, listen(state, settings.port))
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
    let (leaving, left) = oneshot::channel::<()>();
    let asked = {
        let state = Arc::clone(&state);
        async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("asked to stop, answering what is in hand");
            state.leave();
            // The receiver is gone only when the server ended by itself.
            let _ = leaving.send(());
        }
    };
    let server =
        axum::serve(listener, app(Arc::clone(&state))).with_graceful_shutdown(asked).into_future();
    let too_long = async {
        match left.await {
            Ok(()) => tokio::time::sleep(LONGEST_DRAIN).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        done = server => Ok(done?),
        () = too_long => {
            state.give_up();
            tracing::warn!("some requests took too long to drain");
            Ok(())
        }
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
