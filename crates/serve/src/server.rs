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

/// How a model is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeSettings {
    /// The port to listen on, on all addresses; 8080 on the platform unless it says otherwise.
    pub port: u16,
    /// The longest body of a request; the platform sends at most 25 MB.
    pub body_limit_bytes: usize,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self { port: 8080, body_limit_bytes: 25 * 1024 * 1024 }
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
    let state = App::new(model, settings.body_limit_bytes);
    Runtime::new()?.block_on(listen(state, settings.port))
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
    let server = axum::serve(listener, app(state)).with_graceful_shutdown(asked).into_future();
    let too_long = async {
        match left.await {
            Ok(()) => tokio::time::sleep(LONGEST_DRAIN).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        done = server => Ok(done?),
        () = too_long => {
            tracing::warn!("some requests took too long to drain");
            Ok(())
        }
    }
}
