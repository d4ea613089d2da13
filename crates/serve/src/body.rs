//! A request's body: in memory while there is room, else in a temporary file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read as _, Seek as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body as HttpBody, Bytes};
use axum::http::StatusCode;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::Refusal;

/// A longer body always goes to a file.
const LONGEST_IN_MEMORY: usize = 32 << 20;

/// All bodies in memory together.
const ALL_IN_MEMORY: usize = 96 << 20;

/// Bytes that go to a file in one piece.
const WRITTEN_AT_A_TIME: usize = 1 << 20;

/// What a permit of the room in memory stands for.
const PERMIT_BYTES: usize = 1 << 10;

/// JSON that is one value is read at once, so it may not be as long as lines may.
const LONGEST_WHOLE: usize = 128 << 20;

/// A body that was received.
#[derive(Debug)]
pub(crate) enum Body {
    Memory(Bytes),
    /// A file without a name, which goes with its handle.
    File(File),
}

impl Body {
    /// Reads it from the beginning.
    pub(crate) fn read(&self) -> io::Result<Box<dyn BufRead + Send>> {
        Ok(match self {
            Self::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
            Self::File(file) => {
                let mut file = file.try_clone()?;
                file.rewind()?;
                Box::new(BufReader::with_capacity(1 << 16, file))
            }
        })
    }

    /// All of it in memory.
    pub(crate) fn whole(&self) -> Result<Bytes, crate::records::Unreadable> {
        let file = match self {
            Self::Memory(bytes) => return Ok(bytes.clone()),
            Self::File(file) => file,
        };
        if file.metadata()?.len() > LONGEST_WHOLE as u64 {
            let reason = format!(
                "a body in application/json may have at most {LONGEST_WHOLE} bytes, send longer \
                 ones as application/jsonlines"
            );
            return Err(crate::records::Unreadable::Bad(reason));
        }
        let mut text = Vec::new();
        self.read()?.read_to_end(&mut text)?;
        Ok(text.into())
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Memory(bytes) => bytes.len(),
            Self::File(file) => {
                file.metadata().map_or(0, |file| usize::try_from(file.len()).unwrap_or(usize::MAX))
            }
        }
    }
}

/// The room for bodies in memory, and how long one may take to come.
#[derive(Debug)]
pub(crate) struct Room {
    permits: Arc<Semaphore>,
    limit_bytes: usize,
    /// How long nothing may come.
    silence: Duration,
}

/// A body, and its share of the room for as long as it is kept.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) body: Body,
    _room: Option<OwnedSemaphorePermit>,
}

impl Room {
    pub(crate) fn new(limit_bytes: usize, silence: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(ALL_IN_MEMORY / PERMIT_BYTES));
        Self { permits, limit_bytes, silence }
    }

    /// Takes in a body.
    ///
    /// # Errors
    /// When it is too long, breaks off, or comes too slowly.
    pub(crate) async fn receive(
        &self,
        announced: Option<usize>,
        body: HttpBody,
    ) -> Result<Received, Refusal> {
        if announced.is_some_and(|length| length > self.limit_bytes) {
            return Err(self.too_large());
        }
        let mut parts = Parts {
            room: self,
            body,
            memory: Vec::with_capacity(announced.unwrap_or(0).min(1 << 20)),
            permit: None,
            file: None,
            length: 0,
        };
        while let Some(part) = self.next_part(&mut parts.body).await? {
            parts.take(&part).await?;
        }
        parts.finish().await
    }

    /// The next piece of a body; `None` at its end.
    pub(crate) async fn next_part(&self, body: &mut HttpBody) -> Result<Option<Bytes>, Refusal> {
        loop {
            let frame = tokio::time::timeout(self.silence, body.frame()).await.map_err(|_| {
                let reason = "the body came too slowly, send the request again";
                Refusal::new(StatusCode::REQUEST_TIMEOUT, reason)
            })?;
            match frame {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(_)) => {
                    let reason = "the body broke off before its end";
                    return Err(Refusal::new(StatusCode::BAD_REQUEST, reason));
                }
            }
        }
    }

    pub(crate) fn too_large(&self) -> Refusal {
        let reason = format!(
            "the body may have at most {} bytes, send fewer records at a time",
            self.limit_bytes
        );
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
    }
}

/// A body while it comes in.
struct Parts<'a> {
    room: &'a Room,
    body: HttpBody,
    memory: Vec<u8>,
    permit: Option<OwnedSemaphorePermit>,
    file: Option<File>,
    length: usize,
}

impl Parts<'_> {
    async fn take(&mut self, part: &[u8]) -> Result<(), Refusal> {
        self.length += part.len();
        if self.length > self.room.limit_bytes {
            return Err(self.room.too_large());
        }
        if self.file.is_none() && !self.fits() {
            let file = tempfile::tempfile()?;
            let memory = std::mem::take(&mut self.memory);
            self.file = Some(append(file, memory).await?);
            self.permit = None;
        }
        self.memory.extend_from_slice(part);
        if self.memory.len() >= WRITTEN_AT_A_TIME
            && let Some(file) = self.file.take()
        {
            let memory = std::mem::take(&mut self.memory);
            self.file = Some(append(file, memory).await?);
        }
        Ok(())
    }

    /// Whether there is room in memory for what has come, which is then taken.
    fn fits(&mut self) -> bool {
        if self.length > LONGEST_IN_MEMORY {
            return false;
        }
        let held = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = (self.length.div_ceil(PERMIT_BYTES)).saturating_sub(held);
        let more = u32::try_from(more).expect("below the longest body in memory");
        let Ok(permit) = Arc::clone(&self.room.permits).try_acquire_many_owned(more) else {
            return false;
        };
        match &mut self.permit {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        true
    }

    async fn finish(self) -> Result<Received, Refusal> {
        let body = match self.file {
            None => Body::Memory(self.memory.into()),
            Some(file) => Body::File(append(file, self.memory).await?),
        };
        Ok(Received { body, _room: self.permit })
    }
}

/// Writes to a file where it holds up nobody else.
pub(crate) async fn append(
    mut file: File,
    bytes: impl AsRef<[u8]> + Send + 'static,
) -> io::Result<File> {
    let write = move || file.write_all(bytes.as_ref()).map(|()| file);
    tokio::task::spawn_blocking(write).await.unwrap_or_else(|_| Err(io::Error::other("a fault")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &Body) -> String {
        let mut text = String::new();
        body.read().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[tokio::test]
    async fn bodies_go_to_a_file_when_memory_is_full_and_come_back_the_same() {
        let room = Room::new(1 << 20, Duration::from_secs(1));
        let sent = "abc\n".repeat(10_000);
        let first = room.receive(None, HttpBody::from(sent.clone())).await.unwrap();
        assert!(matches!(first.body, Body::Memory(_)));
        let left = room.permits.available_permits();
        let all = Arc::clone(&room.permits);
        let taken = all.acquire_many_owned(u32::try_from(left - 3).unwrap()).await.unwrap();
        let second = room.receive(None, HttpBody::from(sent.clone())).await.unwrap();
        assert!(matches!(second.body, Body::File(_)));
        assert_eq!((text(&first.body), text(&second.body)), (sent.clone(), sent.clone()));
        assert_eq!(second.body.whole().unwrap(), sent.as_bytes());
        assert_eq!(text(&second.body).len(), second.body.len());
        drop((first, taken));
        assert_eq!(room.permits.available_permits(), ALL_IN_MEMORY / PERMIT_BYTES);
    }

    #[tokio::test]
    async fn long_and_silent_bodies_are_refused() {
        let room = Room::new(100, Duration::from_millis(20));
        let refused = |result: Result<Received, Refusal>| result.unwrap_err().status.as_u16();
        assert_eq!(refused(room.receive(Some(101), HttpBody::empty()).await), 413);
        assert_eq!(refused(room.receive(None, HttpBody::from(vec![0; 101])).await), 413);
        let silent = HttpBody::new(http_body_util::StreamBody::new(Never));
        assert_eq!(refused(room.receive(None, silent).await), 408);
    }

    /// A client that sends nothing.
    struct Never;
    impl futures_core::Stream for Never {
        type Item = Result<hyper::body::Frame<Bytes>, io::Error>;
        fn poll_next(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            std::task::Poll::Pending
        }
    }
}
