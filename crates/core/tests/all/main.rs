//! The statistics against other programs' figures: `tests/golden` holds these with the scripts that made
//! them, with versions.

#![expect(clippy::unwrap_used, reason = "a file of figures that cannot be read fails the test")]

mod competing;
mod elastic_net;
mod evaluation;
mod incidence_interval;
mod late_entries;
mod r_oracles;
mod read;
mod statistics;
mod survival;
