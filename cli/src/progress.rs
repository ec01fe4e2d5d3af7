//! A sign of life on standard error for work that may take a second or more.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::args::General;

/// Does `work` under a spinner. Without a terminal, with `--quiet` and with `--json` there is none.
pub(crate) fn during<T>(what: &str, general: &General, work: impl FnOnce() -> T) -> T {
    stages(general, |say| {
        say(what);
        work()
    })
}

/// As [`during`], for work that says what it is at.
pub(crate) fn stages<T>(general: &General, work: impl FnOnce(&mut dyn FnMut(&str)) -> T) -> T {
    if general.quiet || general.json {
        return work(&mut |_| {});
    }
    // indicatif hides the bar where standard error is no terminal, and draws first after one
    // tick, so that short work shows nothing.
    let mut spinner = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner = spinner.with_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(150));
    let result = work(&mut |what| spinner.set_message(what.to_owned()));
    spinner.finish_and_clear();
    result
}
