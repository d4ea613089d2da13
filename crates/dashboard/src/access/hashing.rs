//! Threads for passwords alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

type Work = Box<dyn FnOnce() + Send>;

/// A password takes 19 MiB, which the thread that worked on it keeps: few threads do it.
const THREADS: usize = 2;

/// Where passwords are hashed, few at a time, beside the event loop.
#[derive(Debug)]
pub(crate) struct Hashing {
    queue: Sender<Work>,
}

impl Hashing {
    pub(crate) fn start() -> Self {
        let (queue, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..THREADS {
            let waiting = Arc::clone(&waiting);
            thread::spawn(move || work(&waiting));
        }
        Self { queue }
    }

    /// What the work gives; `None` where it panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (done, result) = oneshot::channel();
        // A request that went away waits for nothing.
        let work = move || drop(done.send(work()));
        self.queue.send(Box::new(work)).ok()?;
        result.await.ok()
    }
}

/// Works until the queue is gone. The lock is held while waiting, not while working.
fn work(waiting: &Mutex<Receiver<Work>>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(next) = next else { return };
        // The thread outlives work that panicked; who waits for it is told.
        let _ = catch_unwind(AssertUnwindSafe(next));
    }
}
