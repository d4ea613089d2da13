//! Connections: a bounded number at a time, none of which lies still for long.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum_server::{AddrListener, Address};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

use crate::web::LONGEST_REQUEST;

/// How many connections there may be, and for how long they may be silent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections at a time; further ones wait to be taken.
    pub(crate) connections: usize,
    /// How long a TLS handshake may take.
    pub(crate) handshake: Duration,
    /// How long a browser may take to say what it wants, over HTTP/1 each time anew.
    pub(crate) head: Duration,
    /// How long nothing may go either way.
    pub(crate) idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Many systems let a process have 1,024 files, and the store needs some of them.
            connections: 512,
            handshake: Duration::from_secs(10),
            head: Duration::from_mins(1),
            // Nothing goes while an answer is worked out.
            idle: LONGEST_REQUEST + Duration::from_mins(1),
        }
    }
}

/// Takes a connection where there is a place for it.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    places: Arc<Semaphore>,
    pub(crate) limits: Limits,
}

impl Listener {
    /// Needs the runtime that will serve.
    pub(crate) fn new(listener: std::net::TcpListener, limits: Limits) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let socket = TcpListener::from_std(listener)?;
        Ok(Self { socket, places: Arc::new(Semaphore::new(limits.connections)), limits })
    }
}

impl AddrListener<Connection, Peer> for Listener {
    async fn bind_to(Peer(address): Peer) -> io::Result<Self> {
        Self::new(std::net::TcpListener::bind(address)?, Limits::default())
    }

    async fn accept_stream(&self) -> io::Result<(Connection, Peer)> {
        let places = || Arc::clone(&self.places);
        let place = if let Ok(place) = places().try_acquire_owned() {
            place
        } else {
            let connections = self.limits.connections;
            tracing::warn!(connections, "every place is taken; the next one waits");
            places().acquire_owned().await.expect("nobody closes the semaphore")
        };
        let (stream, address) = self.socket.accept().await?;
        Ok((Connection::new(stream, place, self.limits.idle), Peer(address)))
    }

    fn get_local_addr(&self) -> io::Result<Peer> {
        self.socket.local_addr().map(Peer)
    }
}

/// The address of one end of a [`Connection`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(SocketAddr);

impl Address for Peer {
    type Stream = Connection;
    type Listener = Listener;
}

impl Connected<Peer> for SocketAddr {
    fn connect_info(Peer(address): Peer) -> Self {
        address
    }
}

/// A connection, which fails when nothing went either way for too long. Its place is free again when
/// it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    idle: Duration,
    end: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    fn new(stream: TcpStream, place: OwnedSemaphorePermit, idle: Duration) -> Self {
        Self { stream, idle, end: Box::pin(sleep(idle)), _place: place }
    }

    /// Puts the end off where something went; else fails once it has come.
    fn watched<T>(
        &mut self,
        went: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if went.is_ready() {
            self.end.as_mut().reset(Instant::now() + self.idle);
            return went;
        }
        ready!(self.end.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let went = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.watched(went, context)
    }
}

// What is written goes to the system at once: flushing and closing never wait, and tell of no life.
impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let went = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(went, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let went = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.watched(went, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
