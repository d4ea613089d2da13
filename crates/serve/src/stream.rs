//! An answer that is sent while it is made.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use futures_core::Stream;
use tokio::sync::mpsc;

/// Pieces of an answer as they come.
pub(crate) struct Pieces {
    receive: mpsc::Receiver<Result<Bytes, io::Error>>,
}

impl Pieces {
    pub(crate) fn new(receive: mpsc::Receiver<Result<Bytes, io::Error>>) -> Self {
        Self { receive }
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receive.poll_recv(context)
    }
}
