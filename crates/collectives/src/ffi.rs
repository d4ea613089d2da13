//! The C interface of `cpp/shim.cpp`, and safe owners of what it gives.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    net::TcpListener,
    os::fd::{IntoRawFd, RawFd},
    ptr::NonNull,
    time::Duration,
};

/// Longest message of a failure, in bytes.
const MESSAGE: usize = 1024;

type Handle = *mut c_void;

unsafe extern "C" {
    fn oncoweave_store_open(
        host: *const c_char,
        port: u16,
        listener: RawFd,
        members: i64,
        timeout_ms: i64,
        message: *mut c_char,
        length: usize,
    ) -> Handle;
    fn oncoweave_store_clone(store: Handle, message: *mut c_char, length: usize) -> Handle;
    fn oncoweave_store_close(store: Handle);
    fn oncoweave_store_add(
        store: Handle,
        key: *const c_char,
        value: i64,
        sum: *mut i64,
        message: *mut c_char,
        length: usize,
    ) -> bool;
    fn oncoweave_group_open(
        store: Handle,
        rank: c_int,
        members: c_int,
        interface: *const c_char,
        address: *const c_char,
        timeout_ms: i64,
        message: *mut c_char,
        length: usize,
    ) -> Handle;
    fn oncoweave_group_close(group: Handle);
    fn oncoweave_group_sum(
        group: Handle,
        values: *mut c_void,
        count: i64,
        kind: c_int,
        message: *mut c_char,
        length: usize,
    ) -> Handle;
    fn oncoweave_group_gather(
        group: Handle,
        own: *mut c_void,
        all: *mut c_void,
        count: i64,
        kind: c_int,
        message: *mut c_char,
        length: usize,
    ) -> Handle;
    fn oncoweave_group_broadcast(
        group: Handle,
        values: *mut c_void,
        count: i64,
        kind: c_int,
        message: *mut c_char,
        length: usize,
    ) -> Handle;
    fn oncoweave_work_wait(
        work: Handle,
        timeout_ms: i64,
        message: *mut c_char,
        length: usize,
    ) -> c_int;
    fn oncoweave_work_close(work: Handle);
    fn oncoweave_cuda_load(message: *mut c_char, length: usize) -> c_int;
}

/// A kind of number that collectives carry.
pub trait Number: Copy + Default + private::Sealed {}

mod private {
    use std::ffi::c_int;

    pub trait Sealed {
        /// As the C interface numbers kinds.
        const KIND: c_int;
    }
}

macro_rules! number {
    ($number:ty, $kind:literal) => {
        impl private::Sealed for $number {
            const KIND: c_int = $kind;
        }
        impl Number for $number {}
    };
}

number!(u8, 0);
number!(f32, 1);
number!(f64, 2);

/// Where a failure's message is written.
struct Message([c_char; MESSAGE]);

impl Message {
    fn new() -> Self {
        Self([0; MESSAGE])
    }

    fn place(&mut self) -> *mut c_char {
        self.0.as_mut_ptr()
    }

    fn text(&self) -> String {
        // SAFETY: the C side ends every message with a zero, and it is all zeros before.
        let text = unsafe { CStr::from_ptr(self.0.as_ptr()) }.to_string_lossy();
        // What follows the first line is where in C++ it happened.
        text.lines().next().unwrap_or_default().trim().to_owned()
    }
}

/// Loads libtorch's CUDA half; gives whether there is one.
pub(crate) fn load_cuda() -> Result<bool, String> {
    let mut message = Message::new();
    // SAFETY: the message has room for MESSAGE; initialisers of the library run as at any start.
    match unsafe { oncoweave_cuda_load(message.place(), MESSAGE) } {
        1 => Ok(true),
        0 => Ok(false),
        _ => Err(message.text()),
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn text(text: &str) -> Result<CString, String> {
    CString::new(text).map_err(|_| "a name holds a zero byte".to_owned())
}

/// A connection to a TCP store.
pub(crate) struct Store(NonNull<c_void>);

// SAFETY: c10d's store locks each operation; a handle may be used by any thread.
unsafe impl Send for Store {}
// SAFETY: as above.
unsafe impl Sync for Store {}

impl Store {
    /// Serves a store at a listening socket.
    pub(crate) fn serve(
        listener: TcpListener,
        members: usize,
        timeout: Duration,
    ) -> Result<Self, String> {
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        Self::open("localhost", (port, listener.into_raw_fd()), members, timeout)
    }

    /// Joins the store that another process serves.
    pub(crate) fn join(
        host: &str,
        port: u16,
        members: usize,
        timeout: Duration,
    ) -> Result<Self, String> {
        Self::open(host, (port, -1), members, timeout)
    }

    fn open(
        host: &str,
        (port, listener): (u16, RawFd),
        members: usize,
        timeout: Duration,
    ) -> Result<Self, String> {
        let (host, mut message) = (text(host)?, Message::new());
        let members = i64::try_from(members).expect("members are few");
        let timeout = milliseconds(timeout);
        // SAFETY: the text ends with a zero and outlives the call; the message has room for MESSAGE.
        let handle = unsafe {
            let place = message.place();
            oncoweave_store_open(host.as_ptr(), port, listener, members, timeout, place, MESSAGE)
        };
        NonNull::new(handle).map(Self).ok_or_else(|| message.text())
    }

    /// A second connection to the same store.
    pub(crate) fn again(&self) -> Result<Self, String> {
        let mut message = Message::new();
        // SAFETY: the handle is open as long as `self` lives.
        let handle = unsafe { oncoweave_store_clone(self.0.as_ptr(), message.place(), MESSAGE) };
        NonNull::new(handle).map(Self).ok_or_else(|| message.text())
    }

    /// Adds to a number and gives the sum; a number that nobody added to is 0.
    pub(crate) fn add(&self, key: &str, value: i64) -> Result<i64, String> {
        let (key, mut message, mut sum) = (text(key)?, Message::new(), 0);
        // SAFETY: the handle is open, the key ends with a zero, `sum` outlives the call.
        let done = unsafe {
            let place = message.place();
            oncoweave_store_add(self.0.as_ptr(), key.as_ptr(), value, &raw mut sum, place, MESSAGE)
        };
        if done { Ok(sum) } else { Err(message.text()) }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: the handle was open, and nobody has it any more.
        unsafe { oncoweave_store_close(self.0.as_ptr()) }
    }
}

/// A process group over Gloo.
pub(crate) struct Gloo {
    handle: NonNull<c_void>,
    members: usize,
}

// SAFETY: nothing of a process group belongs to the thread that made it.
unsafe impl Send for Gloo {}

/// A collective on its way, with the numbers that it writes.
pub(crate) struct Work<T> {
    handle: NonNull<c_void>,
    own: Vec<T>,
    all: Vec<T>,
}

/// Where a process listens for the others.
#[derive(Clone, Copy)]
pub(crate) enum Endpoint<'a> {
    /// The name of a network interface.
    Interface(&'a str),
    /// A name or an address of this machine.
    Address(&'a str),
}

impl Gloo {
    /// Connects the members of a group, each of which calls this.
    pub(crate) fn open(
        store: &Store,
        (rank, members): (usize, usize),
        endpoint: Endpoint,
        timeout: Duration,
    ) -> Result<Self, String> {
        let mut message = Message::new();
        let own = match endpoint {
            Endpoint::Interface(own) | Endpoint::Address(own) => text(own)?,
        };
        let interface = matches!(endpoint, Endpoint::Interface(_));
        let number = |count: usize| c_int::try_from(count).expect("members are few");
        // SAFETY: the store is open; the texts end with a zero and outlive the call.
        let handle = unsafe {
            oncoweave_group_open(
                store.0.as_ptr(),
                number(rank),
                number(members),
                if interface { own.as_ptr() } else { std::ptr::null() },
                own.as_ptr(),
                milliseconds(timeout),
                message.place(),
                MESSAGE,
            )
        };
        NonNull::new(handle).map(|handle| Self { handle, members }).ok_or_else(|| message.text())
    }

    /// Begins to add up the numbers of all members.
    pub(crate) fn sum<T: Number>(&self, own: Vec<T>) -> Result<Work<T>, String> {
        self.start(own, vec![], |group, own, _, count, message| {
            // SAFETY: see `start`.
            unsafe { oncoweave_group_sum(group, own, count, T::KIND, message, MESSAGE) }
        })
    }

    /// Begins to put the numbers of all members one after the other.
    pub(crate) fn gather<T: Number>(&self, own: Vec<T>) -> Result<Work<T>, String> {
        let all = vec![T::default(); own.len() * self.members];
        self.start(own, all, |group, own, all, count, message| {
            // SAFETY: see `start`; `all` has room for `count` numbers of each member.
            unsafe { oncoweave_group_gather(group, own, all, count, T::KIND, message, MESSAGE) }
        })
    }

    /// Begins to replace the numbers by those of the first member.
    pub(crate) fn broadcast<T: Number>(&self, own: Vec<T>) -> Result<Work<T>, String> {
        self.start(own, vec![], |group, own, _, count, message| {
            // SAFETY: see `start`.
            unsafe { oncoweave_group_broadcast(group, own, count, T::KIND, message, MESSAGE) }
        })
    }

    /// Begins a collective on vectors that the work then owns, so that they stay where they are
    /// until it is done.
    fn start<T: Number>(
        &self,
        mut own: Vec<T>,
        mut all: Vec<T>,
        begin: impl FnOnce(Handle, *mut c_void, *mut c_void, i64, *mut c_char) -> Handle,
    ) -> Result<Work<T>, String> {
        let mut message = Message::new();
        let count = i64::try_from(own.len()).expect("what is in memory has 63 bits of length");
        let places = (own.as_mut_ptr().cast(), all.as_mut_ptr().cast());
        let handle = begin(self.handle.as_ptr(), places.0, places.1, count, message.place());
        NonNull::new(handle).map(|handle| Work { handle, own, all }).ok_or_else(|| message.text())
    }
}

impl Drop for Gloo {
    fn drop(&mut self) {
        // SAFETY: the handle was open, and nobody has it any more.
        unsafe { oncoweave_group_close(self.handle.as_ptr()) }
    }
}

impl<T: Number> Work<T> {
    /// Waits a while; gives whether it is done.
    pub(crate) fn wait(&self, while_: Duration) -> Result<bool, String> {
        let mut message = Message::new();
        // SAFETY: the handle is open as long as `self` lives.
        let state = unsafe {
            oncoweave_work_wait(
                self.handle.as_ptr(),
                milliseconds(while_),
                message.place(),
                MESSAGE,
            )
        };
        match state {
            1 => Ok(true),
            0 => Ok(false),
            _ => Err(message.text()),
        }
    }

    /// The numbers of finished work: `own` and, after a gathering, those of all members.
    pub(crate) fn finish(mut self) -> (Vec<T>, Vec<T>) {
        let numbers = (std::mem::take(&mut self.own), std::mem::take(&mut self.all));
        // SAFETY: the handle was open; the numbers that it names are no longer written once it is
        // done. What is not done is given up instead.
        unsafe { oncoweave_work_close(self.handle.as_ptr()) };
        numbers
    }

    /// Leaves unfinished work alone: its memory is never given back, since threads of Gloo may
    /// still write there.
    pub(crate) fn give_up(self) {
        std::mem::forget(self);
    }
}
