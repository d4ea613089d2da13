//! A thread for passwords alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use tokio::sync::oneshot;

use super::secret::{Memory, nobodys_hash};

type Work = Box<dyn FnOnce(&mut Memory) + Send>;

/// How many may wait.
const MOST_WAITING: usize = 64;

/// Where passwords are hashed, one at a time, beside the event loop: sign-ins take no more than one core
/// and one piece of memory.
#[derive(Debug)]
pub(crate) struct Hashing {
    queue: SyncSender<Work>,
}

impl Hashing {
    pub(crate) fn start() -> Self {
        let (queue, waiting) = sync_channel(MOST_WAITING);
        thread::spawn(move || work(&waiting));
        Self { queue }
    }

    /// Where what the work gives will arrive, or an error if it panicked; `None` where too many
    /// wait already.
    pub(crate) fn queue<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Option<oneshot::Receiver<T>> {
        let (done, result) = oneshot::channel();
        let work = move |memory: &mut Memory| {
            // Nothing is done for a request that went away.
            if !done.is_closed() {
                drop(done.send(work(memory)));
            }
        };
        self.queue.try_send(Box::new(work)).ok()?;
        Some(result)
    }
}

/// Works until the queue is gone.
fn work(waiting: &Receiver<Work>) {
    let mut memory = Memory::default();
    // Made now, so that the first one who names no account is not answered later than others.
    nobodys_hash(&mut memory);
    for next in waiting {
        // The thread outlives work that panicked; who waits for it is told.
        let _ = catch_unwind(AssertUnwindSafe(|| next(&mut memory)));
    }
}

#[cfg(test)]
mod tests {
    use std::iter;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Barrier};

    use super::*;

    #[test]
    fn few_wait_and_nothing_is_done_for_who_went_away() {
        let hashing = Hashing::start();
        let barrier = Arc::new(Barrier::new(2));
        let held = Arc::clone(&barrier);
        let busy = hashing.queue(move |_| {
            held.wait();
            held.wait();
        });
        let _busy = busy.unwrap();
        barrier.wait();
        let is_done = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&is_done);
        drop(hashing.queue(move |_| done.store(true, Ordering::SeqCst)));
        let waiting: Vec<_> = iter::from_fn(|| hashing.queue(|_| ())).collect();
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
        for _ in 0..2 {
            let result = hashing.queue(|_| -> usize { panic!("as the test wants") }).unwrap();
            assert!(result.blocking_recv().is_err());
        }
        assert_eq!(hashing.queue(|_| 7).unwrap().blocking_recv(), Ok(7));
    }
}
