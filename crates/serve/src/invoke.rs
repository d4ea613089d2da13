//! One request from its headers to its answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body as HttpBody, Bytes};
use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::App;
use crate::asked::{self, Asked};
use crate::body::Received;
use crate::negotiate::Format;
use crate::raw;
use crate::records::{Reader, Unreadable};
use crate::refusal::Refusal;
use crate::render::{Layout, Writer};
use crate::served::Served;
use crate::stream::Pieces;
use crate::together::{self, Short};

/// Bodies up to so many bytes are scored together with others that wait.
const SHORT_BYTES: usize = 256 << 10;

/// Explanations take so long that they are given in smaller pieces.
const EXPLAINED_AT_A_TIME: usize = 16;

/// How long a client may take to read a piece of its answer.
const SLOWEST_READER: Duration = Duration::from_mins(1);

/// What a request is about.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) served: Arc<Served>,
    pub(crate) content: Format,
    pub(crate) answer: Format,
    pub(crate) asked: Asked,
}

/// Answers a request.
pub(crate) async fn invoke(
    app: Arc<App>,
    served: Arc<Served>,
    headers: HeaderMap,
    body: HttpBody,
) -> Response {
    let mut response = match answer(&app, served, &headers, body).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    };
    if let Some(attributes) = asked::echo(&headers) {
        let name = HeaderName::from_static(asked::CUSTOM_ATTRIBUTES);
        response.headers_mut().insert(name, attributes);
    }
    response
}

async fn answer(
    app: &Arc<App>,
    served: Arc<Served>,
    headers: &HeaderMap,
    body: HttpBody,
) -> Result<Response, Refusal> {
    let start = Instant::now();
    let asked = Asked::read(headers, &app.settings.asked)?;
    if asked.describe {
        let text = format!("{:#}\n", served.describe());
        return Ok(whole(Format::Json, text.into_bytes()));
    }
    let (content, answer) = formats(headers, app)?;
    let place = Arc::clone(&app.queue).try_acquire_owned().map_err(|_| Refusal::overload())?;
    let request = Request { served, content, answer, asked };
    if content.is_raw() {
        return raw::answer(app, request, headers, body).await;
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let announced = length.and_then(|length| length.parse().ok());
    let received = app.room.receive(announced, body).await?;
    let is_short = received.body.len() <= SHORT_BYTES;
    if is_short && !request.asked.explain && !request.asked.stream {
        let Done { bytes, records, errors } =
            together::answer(app, Short { request, received }).await?;
        let milliseconds = start.elapsed().as_millis();
        tracing::info!(records, errors, milliseconds, "answered");
        return Ok(whole(answer, bytes));
    }
    long(app, request, received, place).await
}

fn formats(headers: &HeaderMap, app: &App) -> Result<(Format, Format), Refusal> {
    let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let content = Format::of_content(header(CONTENT_TYPE)).ok_or_else(|| {
        let reason = "the content type must be text/csv, application/jsonlines, application/json \
                      (in UTF-8), application/x-parquet, or for raw files application/zip or \
                      multipart/form-data";
        Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason)
    })?;
    let default = if content.is_raw() { Format::Json } else { content };
    let accept = header(ACCEPT).filter(|accept| !["", "*/*"].contains(&accept.trim()));
    let accept = accept.or(app.settings.default_accept.as_deref());
    let answer = Format::of_answer(accept, default).ok_or_else(|| {
        let reason = "the answer can be text/csv, application/jsonlines, application/json or \
                      application/x-parquet, name one in `Accept`";
        Refusal::new(StatusCode::NOT_ACCEPTABLE, reason)
    })?;
    Ok((content, answer))
}

/// An answer to a whole request.
pub(crate) struct Done {
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: usize,
    pub(crate) errors: usize,
}

pub(crate) fn whole(format: Format, bytes: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(format.name()))], bytes).into_response()
}

/// A long request while it is worked on.
pub(crate) struct Work {
    request: Request,
    reader: Reader,
    writer: Writer,
    errors: usize,
    /// The room that the body takes, until the end.
    _received: Received,
}

impl Work {
    /// Opens a body.
    pub(crate) fn open(request: Request, received: Received, most: usize) -> Result<Self, Refusal> {
        let Request { served, content, answer, asked } = &request;
        let view = served.view(asked.view);
        let reader = Reader::open(&received.body, *content, &served.columns, view, most)
            .map_err(|problem| unreadable(problem, most))?;
        let writer = Writer::new(Layout::new(served, asked), *answer, &reader);
        Ok(Self { request, reader, writer, errors: 0, _received: received })
    }

    /// The answers to the next records; `None` after the last.
    pub(crate) fn step(&mut self) -> Result<Option<Vec<u8>>, Refusal> {
        let Request { served, asked, .. } = &self.request;
        let most = served.chunk_records();
        let most = if asked.explain { most.min(EXPLAINED_AT_A_TIME) } else { most };
        let read = self.reader.next(most).map_err(|problem| unreadable(problem, 0))?;
        let Some(chunk) = read else { return Ok(None) };
        let answers = served.answer(vec![chunk], asked).remove(0);
        self.errors += answers.iter().filter(|answer| answer.result.is_err()).count();
        Ok(Some(self.writer.write(&answers)))
    }

    pub(crate) fn end(&mut self) -> Result<Vec<u8>, Refusal> {
        self.writer.finish().map_err(|error| {
            tracing::error!(%error, "could not write the answer");
            Refusal::fault()
        })
    }

    /// All that is left, at once.
    pub(crate) fn finish(mut self) -> Result<Done, Refusal> {
        let mut bytes = Vec::new();
        while let Some(more) = self.step()? {
            bytes.extend(more);
        }
        bytes.extend(self.end()?);
        Ok(Done { bytes, records: self.reader.count(), errors: self.errors })
    }
}

pub(crate) fn unreadable(problem: Unreadable, most: usize) -> Refusal {
    match problem {
        Unreadable::Bad(reason) => Refusal::bad(reason),
        Unreadable::TooMany => {
            let reason =
                format!("the body may have at most {most} records, split it into several requests");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
        }
        Unreadable::Io(error) => {
            tracing::error!(%error, "could not read a body that was kept");
            Refusal::fault()
        }
    }
}

/// Runs work that takes time where others of its kind wait in line, so that `/ping` keeps
/// answering and no request holds up the others for longer than one of its pieces takes.
pub(crate) async fn in_turn<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    let _turn = app.scoring.acquire().await.map_err(|_| Refusal::fault())?;
    if app.has_given_up() {
        return Err(Refusal::leaving());
    }
    tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::fault())
}

/// Answers piece by piece. The first piece comes before the head of the answer, so that a body that
/// cannot be read gets a status of its own.
async fn long(
    app: &Arc<App>,
    request: Request,
    received: Received,
    place: OwnedSemaphorePermit,
) -> Result<Response, Refusal> {
    let start = Instant::now();
    let (format, most) = (request.answer, app.settings.record_limit);
    let (work, first) = in_turn(app, move || {
        let mut work = Work::open(request, received, most)?;
        let first = work.step()?.unwrap_or_default();
        Ok::<_, Refusal>((work, first))
    })
    .await??;
    let (send, receive) = mpsc::channel(4);
    let pump = pump(Arc::clone(app), work, first, send);
    tokio::spawn(async move {
        let _place = place;
        match pump.await {
            Ok((records, errors)) => {
                let milliseconds = start.elapsed().as_millis();
                tracing::info!(records, errors, milliseconds, "answered");
            }
            Err(reason) => tracing::info!(reason, "broke off an answer"),
        }
    });
    let body = HttpBody::from_stream(Pieces::new(receive));
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.name()));
    Ok(response)
}

type Sender = mpsc::Sender<Result<Bytes, std::io::Error>>;

/// Works on the rest of a request as fast as its client reads.
async fn pump(
    app: Arc<App>,
    mut work: Work,
    first: Vec<u8>,
    send: Sender,
) -> Result<(usize, usize), String> {
    give(&send, Ok(first.into())).await?;
    loop {
        let turn = in_turn(&app, move || {
            let step = work.step();
            (work, step)
        });
        let step = match turn.await {
            Ok((kept, step)) => {
                work = kept;
                step
            }
            Err(refusal) => return break_off(&send, refusal).await,
        };
        match step {
            Ok(Some(piece)) => give(&send, Ok(piece.into())).await?,
            Ok(None) => break,
            Err(refusal) => return break_off(&send, refusal).await,
        }
    }
    let end = work.end().map_err(|refusal| refusal.reason)?;
    give(&send, Ok(end.into())).await?;
    Ok((work.reader.count(), work.errors))
}

/// The head says 200 already, so that all that is left is to end the answer before its end.
async fn break_off<T>(send: &Sender, refusal: Refusal) -> Result<T, String> {
    give(send, Err(std::io::Error::other(refusal.reason.clone()))).await?;
    Err(refusal.reason)
}

async fn give(send: &Sender, piece: Result<Bytes, std::io::Error>) -> Result<(), String> {
    if piece.as_ref().is_ok_and(Bytes::is_empty) {
        return Ok(());
    }
    match tokio::time::timeout(SLOWEST_READER, send.send(piece)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err("the client went away".to_owned()),
        Err(_) => Err("the client read its answer too slowly".to_owned()),
    }
}
