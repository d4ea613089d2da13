//! The dashboard over a socket: who sees what, and whether the figures are right.

mod access;
mod competing;
mod exports;
mod figures;
mod hostile;
mod made_up;
mod site;
