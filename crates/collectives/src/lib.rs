//! What of libtorch `tch` does not offer, with the unsafe calls that it takes fenced off here: loading
//! its CUDA half where there is one, and processes that work together by PyTorch's own collectives
//! (c10d over Gloo), with the name of a peer that is gone instead of an endless wait.
//!
//! The members of a [`Group`] make the same calls in the same order. Numbers travel unencrypted and
//! without a password, as PyTorch's do: the network between the members must be trusted.

mod cuda;
mod error;
mod ffi;
mod watch;

use std::{
    net::{TcpListener, TcpStream, ToSocketAddrs},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

pub use cuda::load_cuda;
pub use error::Error;
pub use ffi::Number;
use ffi::{Endpoint, Gloo, Store, Work};
use watch::Watch;

/// How often what is not there yet is looked for.
const AGAIN: Duration = Duration::from_millis(500);

/// How long a collective may take, whatever happens: one member may prepare its columns, score or
/// write a checkpoint while the others wait.
const LONGEST: Duration = Duration::from_hours(24);

/// How long the store is still served after a failure, so that all members hear who is gone.
const LINGER: Duration = Duration::from_secs(2);

/// Where and as whom to join a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// The place of this process among the members, from 0; the first serves the store.
    pub rank: usize,
    /// What to call the members in sentences.
    pub members: Vec<String>,
    /// The first member's name or address.
    pub host: String,
    /// The port of its store.
    pub port: u16,
    /// The network interface to listen on, such as `eth0`; by default that of the own name or,
    /// where that has no address, this machine alone.
    pub interface: Option<String>,
    /// The name or address of this machine where no interface is named.
    pub own: String,
    /// How long to wait for the others.
    pub patience: Duration,
}

/// How long the last word of the others is waited for.
const FAREWELL: Duration = Duration::from_secs(10);

/// Some processes, this one among them.
pub struct Group {
    rank: usize,
    members: Vec<String>,
    // Given up instead of closed after a failure: closing waits for what never comes.
    gloo: Option<Mutex<Gloo>>,
    watch: Option<Watch>,
    store: Option<Store>,
    failed: AtomicBool,
}

impl Group {
    /// Meets the others; the first member listens on the port of the meeting.
    ///
    /// # Errors
    /// When the first member cannot be reached or somebody does not come.
    ///
    /// # Panics
    /// When the rank is not among the members.
    pub fn join(meeting: &Meeting) -> Result<Self, Error> {
        if meeting.rank > 0 {
            return Self::follow(meeting);
        }
        let port = meeting.port;
        let listener = TcpListener::bind(("::", port))
            .or_else(|_| TcpListener::bind(("0.0.0.0", port)))
            .map_err(|error| Error::Listen { port, reason: error.to_string() })?;
        Self::lead(meeting, listener)
    }

    /// Meets the others as the first member, at a socket that listens already.
    ///
    /// # Errors
    /// When somebody does not come.
    ///
    /// # Panics
    /// When the meeting has another rank.
    pub fn lead(meeting: &Meeting, listener: TcpListener) -> Result<Self, Error> {
        assert_eq!(meeting.rank, 0, "the first member leads");
        let store = Store::serve(listener, meeting.members.len(), meeting.patience)
            .map_err(|reason| Error::Listen { port: meeting.port, reason })?;
        Self::meet(meeting, store, Instant::now())
    }

    fn follow(meeting: &Meeting) -> Result<Self, Error> {
        let start = Instant::now();
        let (host, port) = (&meeting.host, meeting.port);
        wait_for(host, port, meeting.patience)?;
        let left = meeting.patience.saturating_sub(start.elapsed()).max(AGAIN);
        let store = Store::join(host, port, meeting.members.len(), left).map_err(|reason| {
            let seconds = meeting.patience.as_secs();
            Error::Unreachable { host: host.clone(), port, seconds, reason }
        })?;
        Self::meet(meeting, store, start)
    }

    /// Waits until everybody is at the store, then connects all to all.
    fn meet(meeting: &Meeting, store: Store, start: Instant) -> Result<Self, Error> {
        let size = meeting.members.len();
        let at_store = |reason| Error::Unreachable {
            host: meeting.host.clone(),
            port: meeting.port,
            seconds: meeting.patience.as_secs(),
            reason,
        };
        let joined = |rank: usize| format!("joined/{rank}");
        store.add(&joined(meeting.rank), 1).map_err(at_store)?;
        for rank in 0..size {
            while store.add(&joined(rank), 0).map_err(at_store)? == 0 {
                if start.elapsed() > meeting.patience {
                    let mut missing = vec![];
                    for rank in 0..size {
                        if store.add(&joined(rank), 0).map_err(at_store)? == 0 {
                            missing.push(meeting.members[rank].clone());
                        }
                    }
                    let seconds = meeting.patience.as_secs();
                    return Err(Error::Missing { missing, seconds });
                }
                thread::sleep(AGAIN.min(meeting.patience));
            }
        }
        let endpoint = match &meeting.interface {
            Some(interface) => Endpoint::Interface(interface),
            None => Endpoint::Address(&meeting.own),
        };
        let connect = |reason| Error::Connect { members: size, reason };
        let gloo = Gloo::open(&store, (meeting.rank, size), endpoint, LONGEST).map_err(connect)?;
        let watch = Watch::start(store.again().map_err(connect)?, meeting.rank, size);
        Ok(Self {
            rank: meeting.rank,
            members: meeting.members.clone(),
            gloo: Some(Mutex::new(gloo)),
            watch: Some(watch),
            store: Some(store),
            failed: AtomicBool::new(false),
        })
    }

    /// The place of this process, from 0.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The number of members.
    #[must_use]
    pub fn size(&self) -> usize {
        self.members.len()
    }

    /// The sum over all members of each number; the same bits for all of them. With more than two
    /// members the order of the sum is Gloo's.
    ///
    /// # Errors
    /// When a member is gone.
    pub fn sum<T: Number>(&self, own: Vec<T>) -> Result<Vec<T>, Error> {
        Ok(self.done(self.gloo().sum(own))?.0)
    }

    /// The numbers of all members one after the other; each gives as many.
    ///
    /// # Errors
    /// When a member is gone.
    pub fn gather<T: Number>(&self, own: Vec<T>) -> Result<Vec<T>, Error> {
        Ok(self.done(self.gloo().gather(own))?.1)
    }

    /// The bytes of the first member; what the others give does not matter.
    ///
    /// # Errors
    /// When a member is gone.
    ///
    /// # Panics
    /// When the bytes do not fit into memory.
    pub fn share(&self, own: Vec<u8>) -> Result<Vec<u8>, Error> {
        let length = self.done(self.gloo().broadcast(vec![own.len() as f64]))?.0[0];
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a length below 2^53 is exact in float64"
        )]
        let mut own = if self.rank == 0 { own } else { vec![0; length as usize] };
        if own.is_empty() {
            own.push(0);
            self.done(self.gloo().broadcast(own))?;
            return Ok(vec![]);
        }
        Ok(self.done(self.gloo().broadcast(own))?.0)
    }

    /// Whether any member says so.
    ///
    /// # Errors
    /// When a member is gone.
    pub fn any(&self, own: bool) -> Result<bool, Error> {
        Ok(self.sum(vec![f32::from(u8::from(own))])?[0] > 0.0)
    }

    /// Parts in peace: waits until everybody is here.
    ///
    /// # Errors
    /// When a member is gone.
    pub fn leave(mut self) -> Result<(), Error> {
        self.any(false)?;
        // First nobody asks the store any more, then the first member closes it.
        drop(self.watch.take());
        let farewell = self.gloo().sum(vec![0_f32]);
        if let Ok(work) = farewell {
            match work.wait(FAREWELL) {
                Ok(true) => drop(work.finish()),
                _ => work.give_up(),
            }
        }
        Ok(())
    }

    fn gloo(&self) -> MutexGuard<'_, Gloo> {
        let gloo = self.gloo.as_ref().expect("it is open until the group is dropped");
        gloo.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a collective, and finds out who is gone where it fails or never ends.
    fn done<T: Number>(&self, work: Result<Work<T>, String>) -> Result<(Vec<T>, Vec<T>), Error> {
        let watch = self.watch.as_ref().expect("it runs until the group is dropped");
        let failure = |lost: Vec<usize>, reason: String| {
            self.failed.store(true, Ordering::Relaxed);
            if lost.is_empty() {
                return Error::Exchange { reason };
            }
            let name = |&rank: &usize| self.members[rank].clone();
            Error::Left { members: lost.iter().map(name).collect() }
        };
        let work = work.map_err(|reason| failure(watch.lost(), reason))?;
        loop {
            match work.wait(AGAIN) {
                Ok(true) => return Ok(work.finish()),
                Ok(false) => {
                    let gone = watch.gone();
                    if !gone.is_empty() {
                        work.give_up();
                        return Err(failure(gone, String::new()));
                    }
                }
                Err(reason) => {
                    work.give_up();
                    return Err(failure(watch.lost(), reason));
                }
            }
        }
    }
}

impl Drop for Group {
    /// Without [`Group::leave`] the others hear that this member is gone.
    fn drop(&mut self) {
        drop(self.watch.take());
        if self.failed.load(Ordering::Relaxed) {
            std::mem::forget(self.gloo.take());
            if self.rank == 0 {
                thread::sleep(LINGER);
            }
        }
        drop(self.gloo.take());
        drop(self.store.take());
    }
}

/// Waits until somebody listens: a name may get its address only after its machine has started.
fn wait_for(host: &str, port: u16, patience: Duration) -> Result<(), Error> {
    let (start, seconds) = (Instant::now(), patience.as_secs());
    loop {
        let found = (host, port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        let reached = match &found {
            Ok(addresses) => TcpStream::connect(&addresses[..]).map(drop),
            Err(_) => Ok(()),
        };
        let failure = match (found, reached) {
            (Ok(_), Ok(())) => return Ok(()),
            (Ok(_), Err(error)) => {
                let reason = error.to_string();
                Error::Unreachable { host: host.to_owned(), port, seconds, reason }
            }
            (Err(error), _) => {
                let reason = error.to_string();
                Error::Unresolved { host: host.to_owned(), seconds, reason }
            }
        };
        if start.elapsed() > patience {
            return Err(failure);
        }
        thread::sleep(AGAIN.min(patience));
    }
}
