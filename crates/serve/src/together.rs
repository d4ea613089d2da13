//! Short requests that wait at the same time are scored in one go.
//!
//! Each waits for its turn to compute; whoever's turn it is takes what waits, oldest first, as many
//! as one block of the network holds. So nobody waits for company, and under load a turn serves
//! many.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::App;
use crate::body::Received;
use crate::invoke::{Done, Request, Work, in_turn, unreadable};
use crate::records::{Chunk, Reader};
use crate::refusal::Refusal;
use crate::render::{Layout, Writer};
use crate::served::Answer;

/// So many requests are taken in one turn.
const MOST_TOGETHER: usize = 16;

/// A body with more records is worked on by itself.
const MOST_RECORDS: usize = 64;

/// A request that can wait for others.
pub(crate) struct Short {
    pub(crate) request: Request,
    pub(crate) received: Received,
}

/// Where the answer to a request is sent.
type Reply = oneshot::Sender<Result<Done, Refusal>>;

/// The requests that wait for a turn.
#[derive(Default)]
pub(crate) struct Waiting {
    queue: Mutex<VecDeque<(Short, Reply)>>,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

type Waiter = (Short, oneshot::Sender<Result<Done, Refusal>>);

impl Waiting {
    fn push(&self, waiter: Waiter) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(waiter);
    }

    /// The oldest that somebody still waits for.
    fn take(&self) -> Vec<Waiter> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        while taken.len() < MOST_TOGETHER
            && let Some(waiter) = queue.pop_front()
        {
            if !waiter.1.is_closed() {
                taken.push(waiter);
            }
        }
        taken
    }
}

/// Answers a request, with others or alone.
pub(crate) async fn answer(app: &Arc<App>, short: Short) -> Result<Done, Refusal> {
    let (reply, mut replied) = oneshot::channel();
    app.waiting.push((short, reply));
    let turn = {
        let app = Arc::clone(app);
        async move {
            let own = Arc::clone(&app);
            // Nothing may be left when the turn comes: another served it.
            in_turn(&app, move || serve(&own)).await
        }
    };
    tokio::select! {
        biased;
        done = &mut replied => return done.unwrap_or_else(|_| Err(Refusal::fault())),
        turn = turn => turn?,
    }
    replied.await.unwrap_or_else(|_| Err(Refusal::fault()))
}

/// Takes what waits and answers it.
fn serve(app: &App) {
    let most = app.settings.record_limit;
    let mut opened = Vec::new();
    for (short, reply) in app.waiting.take() {
        match Opened::open(short, most) {
            Ok(Entry::Few(one)) => opened.push((one, reply)),
            // Whoever waited may be gone.
            Ok(Entry::Many(work)) => drop(reply.send(work.finish())),
            Err(refusal) => drop(reply.send(Err(refusal))),
        }
    }
    while !opened.is_empty() {
        let first: Request = opened[0].0.request.clone();
        let (alike, others): (Vec<_>, Vec<_>) =
            opened.into_iter().partition(|(one, _)| one.request.goes_with(&first));
        opened = others;
        let (mut rest, mut chunks) = (Vec::new(), Vec::new());
        for (one, reply) in alike {
            chunks.push(one.chunk);
            rest.push((one.writer, reply));
        }
        let all = first.served.answer(chunks, &first.asked);
        for ((writer, reply), answers) in rest.into_iter().zip(all) {
            drop(reply.send(write(writer, &answers)));
        }
    }
}

fn write(mut writer: Writer, answers: &[Answer]) -> Result<Done, Refusal> {
    let errors = answers.iter().filter(|answer| answer.result.is_err()).count();
    let mut bytes = writer.write(answers);
    let end = writer.finish().map_err(|error| {
        tracing::error!(%error, "could not write the answer");
        Refusal::fault()
    })?;
    bytes.extend(end);
    Ok(Done { bytes, records: answers.len(), errors })
}

impl Request {
    /// Whether two requests can be scored in one go.
    fn goes_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.served, &other.served)
            && self.asked.horizons_days == other.asked.horizons_days
    }
}

/// A short request that was read.
struct Opened {
    request: Request,
    chunk: Chunk,
    writer: Writer,
}

enum Entry {
    Few(Opened),
    Many(Work),
}

impl Opened {
    fn open(short: Short, most: usize) -> Result<Entry, Refusal> {
        let Short { request, received } = short;
        let view = request.served.view(request.asked.view);
        let columns = &request.served.columns;
        let mut reader = Reader::open(&received.body, request.content, columns, view, most)
            .map_err(|problem| unreadable(problem, most))?;
        if reader.count() > MOST_RECORDS {
            return Work::open(request, received, most).map(Entry::Many);
        }
        let chunk = reader.next(MOST_RECORDS).map_err(|problem| unreadable(problem, most))?;
        let chunk = chunk.unwrap_or_default();
        let writer =
            Writer::new(Layout::new(&request.served, &request.asked), request.answer, &reader);
        Ok(Entry::Few(Self { request, chunk, writer }))
    }
}
