//! The program as a process: one binary for all such tests, for linking it takes long.

mod container;
mod extract;
mod kinds;
mod results;
