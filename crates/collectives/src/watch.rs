//! Who is still there: every member counts up a number of its own in the store, and looks at the
//! others'.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::ffi::Store;

/// How often a member says that it is there.
const BEAT: Duration = Duration::from_millis(500);

/// A member that said nothing for so long is gone, where another sign says so too.
const QUIET: Duration = Duration::from_secs(3);

/// A member that said nothing for so long is gone. A process that is swapped out or stopped for a
/// while comes back before.
const GONE: Duration = Duration::from_mins(1);

/// The thread that says that this member is there and looks at the others.
pub(crate) struct Watch {
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Raised when the store, which the first member serves, no longer answers.
    store_lost: Arc<AtomicBool>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What one member last counted, and when that was seen.
#[derive(Clone, Copy)]
struct Seen {
    count: i64,
    at: Instant,
}

impl Watch {
    /// Starts to watch by a connection of its own.
    pub(crate) fn start(store: Store, rank: usize, members: usize) -> Self {
        let seen = Arc::new(Mutex::new(vec![Seen { count: 0, at: Instant::now() }; members]));
        let ends = Arc::new(AtomicBool::new(false));
        let store_lost = Arc::new(AtomicBool::new(false));
        let (shared, stops, lost) = (Arc::clone(&seen), Arc::clone(&ends), Arc::clone(&store_lost));
        let thread = thread::spawn(move || {
            while !stops.load(Ordering::Relaxed) {
                if beat(&store, rank, &shared).is_err() {
                    lost.store(true, Ordering::Relaxed);
                    break;
                }
                thread::park_timeout(BEAT);
            }
        });
        Self { seen, store_lost, ends, thread: Some(thread) }
    }

    /// The members that are gone for certain.
    pub(crate) fn gone(&self) -> Vec<usize> {
        self.silent(GONE)
    }

    /// The members that said nothing of late, after a collective has failed; waits until it shows.
    pub(crate) fn lost(&self) -> Vec<usize> {
        let start = Instant::now();
        loop {
            let silent = self.silent(QUIET);
            if !silent.is_empty() || start.elapsed() > 3 * QUIET {
                return silent;
            }
            thread::sleep(BEAT);
        }
    }

    fn silent(&self, time: Duration) -> Vec<usize> {
        let seen = lock(&self.seen);
        // Without the store nothing is known of the others.
        if self.store_lost.load(Ordering::Relaxed) || seen[0].at.elapsed() > time {
            return vec![0];
        }
        (1..seen.len()).filter(|&member| seen[member].at.elapsed() > time).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // A thread whose store does not answer is left behind.
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if self.silent(QUIET).is_empty() {
                let _ended = thread.join();
            }
        }
    }
}

/// Counts up the own number and looks at all.
fn beat(store: &Store, rank: usize, seen: &Mutex<Vec<Seen>>) -> Result<(), String> {
    let members = lock(seen).len();
    for member in 0..members {
        let count = store.add(&format!("alive/{member}"), i64::from(member == rank))?;
        let mut seen = lock(seen);
        if count != seen[member].count {
            seen[member] = Seen { count, at: Instant::now() };
        }
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
