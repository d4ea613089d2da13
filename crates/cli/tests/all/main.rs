//! The program as a process: one binary for all such tests, for linking it takes long.

mod container;
mod deidentify;
mod embedding;
mod extract;
mod import;
mod inspect;
mod judge;
mod kinds;
mod leaks;
mod process;
mod raw;
mod results;
mod serving;
mod together;
