//! Other programs: what they print, and what of it says why they failed.

use std::process::{Command, Stdio};

/// Standard output of a command that succeeds.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The error messages in what cargo printed, or all of it if it holds none.
#[must_use]
pub fn errors(stderr: &str) -> String {
    const MOST: usize = 40;
    let from_first: Vec<&str> = stderr
        .lines()
        .skip_while(|line| !line.starts_with("error"))
        .collect();
    let lines = if from_first.is_empty() {
        stderr.lines().collect()
    } else {
        from_first
    };
    lines.into_iter().take(MOST).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_start_at_the_first() {
        assert_eq!(
            errors("   Compiling x\nwarning: y\nerror: no\n --> a.rs\n"),
            "error: no\n --> a.rs"
        );
        assert_eq!(errors("killed"), "killed");
    }
}
