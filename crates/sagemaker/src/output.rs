use std::io::{self, ErrorKind, Write};

use anyhow::Result;
use oncoweave_sagemaker::client::without_accounts;

/// Writes text and a line break to stdout, which is for data. A reader that went away is no failure.
pub(crate) fn data(text: &str) -> Result<()> {
    bytes(format!("{}\n", text.trim_end()).as_bytes())
}

/// Writes bytes to stdout as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes what a reader of the results must know to stderr.
pub(crate) fn note(text: &str) {
    // Where stderr is closed, nobody is left to tell.
    let _ = writeln!(io::stderr(), "note: {}", without_accounts(text));
}

/// Writes a failure with its causes to stderr.
pub(crate) fn error(error: &anyhow::Error) {
    let _ = writeln!(io::stderr(), "error: {}", without_accounts(&format!("{error:#}")));
}
