//! The listening side.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use axum_server::{Handle, Server};

use crate::web::App;
use crate::{Error, Settings, web};

/// How long requests in hand may still take when the program is asked to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How long a browser may take to say what it wants, and an open connection be idle: over HTTP/2 until
/// it is asked whether it is still there.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a browser may take to say that it is still there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// What the one who started the dashboard must know.
#[derive(Clone, Debug)]
pub struct Started {
    /// Where it listens.
    pub address: SocketAddr,
    /// The address for a browser.
    pub url: String,
    /// The one-time password of the account `admin`, on the first start.
    pub first_password: Option<String>,
}

/// Serves until the process is asked to stop, after telling where.
///
/// # Errors
/// When settings contradict one another, a file cannot be read, or the address is taken.
pub fn serve(settings: &Settings, started: &mut dyn FnMut(&Started)) -> Result<(), Error> {
    settings.check()?;
    let app = Arc::new(App::open(settings.clone())?);
    let listener = TcpListener::bind(settings.listen)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let first_password = first_admin(&app)?;
    started(&Started { address, url: format!("{scheme}://{address}/"), first_password });
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(run(listener, app, settings))
}

/// Makes the first admin on the thread for passwords, whose memory is used again.
fn first_admin(app: &Arc<App>) -> Result<Option<String>, Error> {
    let shared = Arc::clone(app);
    let made = app.hashing.queue(move |memory| shared.store.first_admin(memory));
    let made = made.and_then(|made| made.blocking_recv().ok());
    made.unwrap_or_else(|| Err(std::io::Error::other("the first password was not hashed").into()))
}

async fn run(listener: TcpListener, app: Arc<App>, settings: &Settings) -> Result<(), Error> {
    let handle = Handle::new();
    tokio::spawn(stop_when_asked(handle.clone()));
    let service = web::router(app).into_make_service_with_connect_info::<SocketAddr>();
    if let Some((certificate, key)) = &settings.tls {
        let config = tls(certificate, key).await?;
        let server = axum_server::from_tcp_rustls(listener, config)?.handle(handle);
        patient(server).serve(service).await?;
    } else {
        let server = axum_server::from_tcp(listener)?.handle(handle);
        patient(server).serve(service).await?;
    }
    Ok(())
}

/// Closes connections on which nothing comes, over HTTP/2 those whose other end is gone.
fn patient<A>(server: Server<SocketAddr, A>) -> Server<SocketAddr, A> {
    let mut server = server.first_request_timeout(PATIENCE);
    let builder = server.http_builder();
    builder.http1().header_read_timeout(PATIENCE);
    builder.http2().keep_alive_interval(PATIENCE).keep_alive_timeout(SIGN_OF_LIFE);
    server
}

async fn tls(certificate: &Path, key: &Path) -> Result<RustlsConfig, Error> {
    // Another part of the program may have chosen already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    RustlsConfig::from_pem_file(certificate, key).await.map_err(|error| {
        let problem = format!("is with {} no certificate and key in PEM: {error}", key.display());
        Error::content(certificate, problem)
    })
}

async fn stop_when_asked(handle: Handle<SocketAddr>) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
    }
    #[cfg(not(unix))]
    let _ = tokio::signal::ctrl_c().await;
    handle.graceful_shutdown(Some(GRACE));
}
