use std::{fmt::Write, io, path::PathBuf};

use crate::Finding;

/// How many faults a message lists before it counts the rest.
const SHOWN: usize = 30;

/// Why a study did not become a cohort.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be opened, read or written; the message carries its path.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The folder is no study.
    #[error(
        "{}: expected a study folder with a meta_study.txt, found none; name the folder that holds it",
        .path.display()
    )]
    NoStudy {
        /// The folder.
        path: PathBuf,
    },
    /// The study breaks the rules of its formats.
    #[error("{}: the study has {}; mend the study and import again\n{}", .path.display(), counted(.faults.len()), listed(.faults))]
    Invalid {
        /// The study's folder.
        path: PathBuf,
        /// What is wrong, at least one.
        faults: Vec<Finding>,
    },
    /// The setting names something that the study does not have.
    #[error("{}: {problem}", .path.display())]
    Setting {
        /// The study's folder.
        path: PathBuf,
        /// What was asked for and what there is.
        problem: String,
    },
}

fn counted(faults: usize) -> String {
    if faults == 1 { "a fault".to_owned() } else { format!("{faults} faults") }
}

fn listed(faults: &[Finding]) -> String {
    let mut text = String::new();
    for fault in faults.iter().take(SHOWN) {
        writeln!(text, "  {fault}").expect("writing to a text does not fail");
    }
    if faults.len() > SHOWN {
        writeln!(text, "  and {} more", faults.len() - SHOWN)
            .expect("writing to a text does not fail");
    }
    text.trim_end().to_owned()
}
