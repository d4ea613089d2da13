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

/// How long a body is read that nobody wants.
#[derive(Clone, Copy)]
struct Patience {
    most_bytes: usize,
    /// How long nothing may come.
    silence: Duration,
    /// How long it may take in all, however little comes at a time.
    in_all: Duration,
}

/// The platform sends no more bytes than these, but for asynchronous requests.
const PATIENCE: Patience = Patience {
    most_bytes: 100 << 20,
    silence: Duration::from_secs(2),
    in_all: Duration::from_mins(1),
};

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
            runtime.spawn(swallow(rest, PATIENCE));
        }
    }
}

async fn swallow(mut rest: BodyDataStream, patience: Patience) {
    let to_the_end = async {
        let mut left = patience.most_bytes;
        loop {
            let part = poll_fn(|cx| Pin::new(&mut rest).poll_next(cx));
            let Ok(Some(Ok(part))) = tokio::time::timeout(patience.silence, part).await else {
                return;
            };
            let Some(less) = left.checked_sub(part.len()) else { return };
            left = less;
        }
    };
    let _ = tokio::time::timeout(patience.in_all, to_the_end).await;
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::sync::mpsc;
    use tokio::time::sleep;

    use super::*;
    use crate::stream::Pieces;

    const LONG: Duration = Duration::from_mins(10);

    /// Sends pieces of a length without end, one after each pause, to who has that patience; how many
    /// were taken, and how long it took until no more were.
    async fn send_on(piece: usize, pause: Duration, patience: Patience) -> (usize, Duration) {
        let (send, receive) = mpsc::channel(1);
        let start = Instant::now();
        let rest = Body::from_stream(Pieces::new(receive)).into_data_stream();
        let reader = tokio::spawn(swallow(rest, patience));
        let mut taken = 0;
        loop {
            tokio::select! {
                () = send.closed() => break,
                () = sleep(pause) => {}
            }
            if send.send(Ok(Bytes::from(vec![0; piece]))).await.is_err() {
                break;
            }
            taken += 1;
        }
        reader.await.expect("no panic");
        (taken, start.elapsed())
    }

    #[tokio::test]
    async fn patience_ends_with_time_silence_and_bytes() {
        let endless = Patience { most_bytes: usize::MAX, silence: LONG, in_all: LONG };
        let often = Duration::from_millis(1);

        let in_all = Duration::from_millis(300);
        let (taken, time) = send_on(1, often, Patience { in_all, ..endless }).await;
        assert!(taken > 1 && time >= in_all && time < LONG, "{taken} in {time:?}");

        let silence = Duration::from_millis(100);
        let (taken, time) = send_on(1, LONG, Patience { silence, ..endless }).await;
        assert!(taken == 0 && time >= silence && time < LONG, "{taken} in {time:?}");

        let (taken, _) = send_on(10, often, Patience { most_bytes: 100, ..endless }).await;
        assert!((11..=13).contains(&taken), "{taken}");
    }
}
