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

/// Does work of so many parts under a bar, which the function that the work is handed moves on by one.
pub(crate) fn counted<T>(
    total: usize,
    general: &General,
    work: impl FnOnce(&(dyn Fn(&str) + Sync)) -> T,
) -> T {
    if general.quiet || general.json {
        return work(&|_| {});
    }
    let mut bar = ProgressBar::new(total as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} ({elapsed})") {
        bar = bar.with_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(150));
    let result = work(&|done| {
        bar.set_message(done.to_owned());
        bar.inc(1);
    });
    bar.finish_and_clear();
    result
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
