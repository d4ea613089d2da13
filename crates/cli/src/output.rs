use std::io::{self, ErrorKind, Write};

use anyhow::Result;

/// Writes text and a line break to stdout, which is for data. A reader that went away, such as
/// `head`, is no failure.
pub(crate) fn data(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes what a reader of the results must know to stderr.
pub(crate) fn note(text: &str) {
    // Where stderr is closed, nobody is left to tell.
    let _ = writeln!(io::stderr(), "note: {text}");
}

/// A cell that is not what it should be, which may be somebody's name: said, not shown.
pub(crate) fn cell_in_words(cell: &str) -> String {
    match cell.trim().chars().count() {
        0 => "an empty cell".to_owned(),
        count => format!("another text of {count} characters"),
    }
}

/// Writes a failure with its causes to stderr.
pub(crate) fn error(error: &anyhow::Error) {
    let _ = writeln!(io::stderr(), "error: {error:#}");
}
