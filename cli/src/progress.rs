//! A sign of life on standard error for work that may take a second or more.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::args::General;

/// Does `work` under a spinner. Without a terminal, with `--quiet` and with `--json` there is none.
pub(crate) fn during<T>(what: &str, general: &General, work: impl FnOnce() -> T) -> T {
    if general.quiet || general.json {
        return work();
    }
    // indicatif hides the bar where standard error is no terminal, and draws first after one
    // tick, so that short work shows nothing.
    let mut spinner = ProgressBar::new_spinner().with_message(what.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner = spinner.with_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(150));
    let result = work();
    spinner.finish_and_clear();
    result
}
