//! Threads for passwords alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

type Work = Box<dyn FnOnce() + Send>;

/// Sign-ins wait their turn, so that they cannot take all cores.
const THREADS: usize = 2;

/// How many may wait.
const MOST_WAITING: usize = 64;

/// Where passwords are hashed, few at a time, beside the event loop.
#[derive(Debug)]
pub(crate) struct Hashing {
    queue: SyncSender<Work>,
}

impl Hashing {
    pub(crate) fn start() -> Self {
        let (queue, waiting) = sync_channel(MOST_WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..THREADS {
            let waiting = Arc::clone(&waiting);
            thread::spawn(move || work(&waiting));
        }
        Self { queue }
    }

    /// Where what the work gives will arrive, or an error if it panicked; `None` where too many
    /// wait already.
    pub(crate) fn queue<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<oneshot::Receiver<T>> {
        let (done, result) = oneshot::channel();
        let work = move || {
            // Nothing is done for a request that went away.
            if !done.is_closed() {
                drop(done.send(work()));
            }
        };
        self.queue.try_send(Box::new(work)).ok()?;
        Some(result)
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

#[cfg(test)]
mod tests {
    use std::iter;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn few_wait_and_nothing_is_done_for_who_went_away() {
        let hashing = Hashing::start();
        let barrier = Arc::new(Barrier::new(THREADS + 1));
        let busy = |_| {
            let barrier = Arc::clone(&barrier);
            let work = move || {
                barrier.wait();
                barrier.wait();
            };
            hashing.queue(work).unwrap()
        };
        let _busy: Vec<_> = (0..THREADS).map(busy).collect();
        barrier.wait();
        let is_done = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&is_done);
        drop(hashing.queue(move || done.store(true, Ordering::SeqCst)));
        let waiting: Vec<_> = iter::from_fn(|| hashing.queue(|| ())).collect();
        assert_eq!(waiting.len(), MOST_WAITING - 1);
        barrier.wait();
        for result in waiting {
            result.blocking_recv().unwrap();
        }
        assert!(!is_done.load(Ordering::SeqCst));
    }

    #[test]
    fn who_waits_is_told_that_the_work_panicked() {
        let hashing = Hashing::start();
        for _ in 0..2 * THREADS {
            let result = hashing.queue(|| -> usize { panic!("as the test wants") }).unwrap();
            assert!(result.blocking_recv().is_err());
        }
        assert_eq!(hashing.queue(|| 7).unwrap().blocking_recv(), Ok(7));
    }
}
