//! The listening side.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Control, Handle, Server};

use crate::connections::{Limits, Listener, Peer};
use crate::web::App;
use crate::{Error, Settings, web};

/// How long requests in hand may still take when the program is asked to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Requests at a time over one HTTP/2 connection; browsers count on a hundred.
const MOST_STREAMS: u32 = 100;

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
    made.unwrap_or_else(|| Err(io::Error::other("the first password was not hashed").into()))
}

async fn run(listener: TcpListener, app: Arc<App>, settings: &Settings) -> Result<(), Error> {
    let tls = match &settings.tls {
        Some((certificate, key)) => Some(tls(certificate, key).await?),
        None => None,
    };
    let handle = Handle::new();
    tokio::spawn(stop_when_asked(handle.control()));
    let listener = Listener::new(listener, Limits::default())?;
    Ok(answer(listener, web::router(app), tls, handle).await?)
}

/// Answers whoever comes until the handle ends it.
async fn answer(
    listener: Listener,
    router: Router,
    tls: Option<RustlsConfig>,
    handle: Handle<Peer>,
) -> io::Result<()> {
    let limits = listener.limits;
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let mut server =
        Server::<Peer>::from_listener(listener).handle(handle).first_request_timeout(limits.head);
    let builder = server.http_builder();
    builder.http1().header_read_timeout(limits.head);
    // Without pings, whose answers would keep a connection alive on which nobody asks for anything.
    builder.http2().keep_alive_interval(None).max_concurrent_streams(MOST_STREAMS);
    match tls {
        Some(config) => {
            let acceptor = RustlsAcceptor::new(config).handshake_timeout(limits.handshake);
            server.acceptor(acceptor).serve(service).await
        }
        None => server.serve(service).await,
    }
}

async fn tls(certificate: &Path, key: &Path) -> Result<RustlsConfig, Error> {
    // Another part of the program may have chosen already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    RustlsConfig::from_pem_file(certificate, key).await.map_err(|error| {
        let problem = format!("is with {} no certificate and key in PEM: {error}", key.display());
        Error::content(certificate, problem)
    })
}

async fn stop_when_asked(control: Control) {
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
    control.graceful_shutdown(Some(GRACE));
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::TcpStream;
    use std::thread;
    use std::time::Instant;

    use axum::extract::ConnectInfo;
    use axum::routing::get;
    use rustls::ServerConfig;
    use rustls::server::ResolvesServerCertUsingSni;
    use tokio::runtime::{Builder, Runtime};

    use super::*;

    /// Longer than any test waits.
    const LONG: Duration = Duration::from_mins(1);
    const ENOUGH: Duration = Duration::from_secs(10);
    /// Long enough for a busy machine to ask something within it.
    const SHORT: Duration = Duration::from_millis(800);

    const LENIENT: Limits = Limits { connections: 8, handshake: LONG, head: LONG, idle: LONG };

    const ASKED: &[u8] = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n";
    /// The preface, empty settings, and `GET /` of the host `here` as the first stream.
    const ASKED_HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
        \x00\x00\x00\x04\x00\x00\x00\x00\x00\
        \x00\x00\x09\x01\x05\x00\x00\x00\x01\x82\x86\x84\x41\x04here";

    /// More than the system keeps for who does not read.
    const MUCH: usize = 64 << 20;

    /// A server, which is gone with its runtime, and its address.
    fn served(limits: Limits, tls: Option<RustlsConfig>) -> (Runtime, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let who =
            |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { format!("{peer} is here") };
        let much = || async { vec![0_u8; MUCH] };
        let router = Router::new().route("/", get(who)).route("/much", get(much));
        runtime.spawn(async move {
            let listener = Listener::new(listener, limits).unwrap();
            answer(listener, router, tls, Handle::new()).await.unwrap();
        });
        (runtime, address)
    }

    fn connect(address: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(ENOUGH)).unwrap();
        stream
    }

    /// What is answered, if it is.
    fn answered(stream: &mut TcpStream) -> io::Result<String> {
        let mut text = String::new();
        while !text.contains("is here") {
            let mut bytes = [0; 1024];
            let count = stream.read(&mut bytes)?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            text.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        Ok(text)
    }

    /// Reads until the other end closes the connection; how much that was.
    fn read_to_end(stream: &mut TcpStream) -> usize {
        let (mut bytes, mut all) = (vec![0; 1 << 16], 0);
        loop {
            match stream.read(&mut bytes) {
                Ok(0) => return all,
                Ok(count) => all += count,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return all,
                Err(error) => panic!("it is still open: {error}"),
            }
        }
    }

    #[test]
    fn who_finds_no_place_waits_until_one_is_free() {
        let (_server, address) = served(Limits { connections: 1, ..LENIENT }, None);
        let mut first = connect(address);
        first.write_all(ASKED).unwrap();
        let own = first.local_addr().unwrap();
        assert!(answered(&mut first).unwrap().contains(&format!("{own} is here")));
        let mut second = connect(address);
        second.write_all(ASKED).unwrap();
        second.set_read_timeout(Some(SHORT)).unwrap();
        let waits = answered(&mut second).unwrap_err().kind();
        assert!([ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&waits), "{waits}");
        drop(first);
        second.set_read_timeout(Some(ENOUGH)).unwrap();
        answered(&mut second).unwrap();
    }

    #[test]
    fn who_is_silent_is_put_off() {
        type Case = (&'static str, Limits, Option<RustlsConfig>, &'static [u8]);
        let tls =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let tls = tls.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let tls = tls.with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        let tls = RustlsConfig::from_config(Arc::new(tls));
        let (head, idle) = (Limits { head: SHORT, ..LENIENT }, Limits { idle: SHORT, ..LENIENT });
        let handshake = Limits { handshake: SHORT, ..LENIENT };
        let cases: [Case; 7] = [
            ("from the first", head, None, b""),
            ("in its first head", head, None, &ASKED[..20]),
            ("after an answer", head, None, ASKED),
            ("idle from the first", idle, None, b""),
            ("idle after an answer", idle, None, ASKED),
            ("idle over HTTP/2", idle, None, ASKED_HTTP2),
            ("in its handshake", handshake, Some(tls), b""),
        ];
        for (name, limits, tls, said) in cases {
            let start = Instant::now();
            let (_server, address) = served(limits, tls);
            let mut stream = connect(address);
            stream.write_all(said).unwrap();
            if [ASKED, ASKED_HTTP2].contains(&said) {
                let told = answered(&mut stream);
                assert!(told.is_ok(), "{name}: {told:?}");
            }
            read_to_end(&mut stream);
            assert!(start.elapsed() >= SHORT, "{name}: {:?}", start.elapsed());
        }
    }

    #[test]
    fn who_does_not_read_is_put_off() {
        let (_server, address) = served(Limits { idle: SHORT, ..LENIENT }, None);
        let mut stream = connect(address);
        stream.write_all(b"GET /much HTTP/1.1\r\nhost: here\r\n\r\n").unwrap();
        thread::sleep(SHORT * 4);
        assert!(read_to_end(&mut stream) < MUCH);
    }

    #[test]
    fn who_goes_on_asking_stays() {
        let idle = Duration::from_secs(4);
        let (_server, address) = served(Limits { idle, ..LENIENT }, None);
        let mut stream = connect(address);
        let start = Instant::now();
        while start.elapsed() < idle * 3 / 2 {
            stream.write_all(ASKED).unwrap();
            answered(&mut stream).unwrap();
            thread::sleep(idle / 8);
        }
    }
}
