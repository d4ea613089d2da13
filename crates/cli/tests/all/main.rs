//! The program as a process: one binary for all such tests, for linking it takes long.

mod container;
mod embedding;
mod extract;
mod import;
mod inspect;
mod kinds;
mod results;
mod together;
