use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A progress bar with the time to go, drawn on stderr where that is a terminal and hidden
/// elsewhere.
pub(crate) fn progress(what: &'static str, length: usize) -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}, {eta} to go")
        .expect("the template is well formed");
    ProgressBar::with_draw_target(Some(length as u64), target).with_style(style).with_message(what)
}
