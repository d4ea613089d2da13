//! A body that nobody wants any more is read all the same: a client that is cut off while it sends
//! never sees why its request was refused.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::header::EXPECT;
use axum::middleware::Next;
use axum::response::Response;
use futures_core::Stream;
use tokio::runtime::Handle;

/// The platform sends no more, but for asynchronous requests.
const MOST_BYTES: usize = 100 << 20;

/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(2);

/// How long it may take in all, however little comes at a time.
const PATIENCE: Duration = Duration::from_mins(1);

/// Answers a request, whose body is read to its end whatever the answer is.
pub(crate) async fn linger(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    // A client that asks first whether it may send is told by the answer.
    let is_sending = !request.headers().contains_key(EXPECT);
    let (head, body) = request.into_parts();
    let body = Lingering { rest: Some(body.into_data_stream()), is_sending };
    next.run(Request::from_parts(head, Body::from_stream(body))).await
}

struct Lingering {
    /// `None` at the end.
    rest: Option<BodyDataStream>,
    is_sending: bool,
}

impl Stream for Lingering {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.is_sending = true;
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let part = Pin::new(rest).poll_next(cx);
        if !matches!(part, Poll::Pending | Poll::Ready(Some(Ok(_)))) {
            self.rest = None;
        }
        part
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if let Some(rest) = self.rest.take().filter(|_| self.is_sending)
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move {
                let _ = tokio::time::timeout(PATIENCE, swallow(rest)).await;
            });
        }
    }
}

async fn swallow(mut rest: BodyDataStream) {
    let mut left = MOST_BYTES;
    loop {
        let part = poll_fn(|cx| Pin::new(&mut rest).poll_next(cx));
        let Ok(Some(Ok(part))) = tokio::time::timeout(SILENCE, part).await else { return };
        let Some(less) = left.checked_sub(part.len()) else { return };
        left = less;
    }
}
