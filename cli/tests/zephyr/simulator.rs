//! A program that runs until it has said enough.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// Much longer than any of them needs: a firmware that says nothing more has failed.
const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) struct Simulator {
    child: Child,
    lines: Receiver<String>,
}

impl Simulator {
    /// Starts firmware on the emulated board.
    pub(crate) fn qemu(elf: &Path) -> Self {
        let mut qemu = Command::new("qemu-system-arm");
        qemu.args([
            "-machine",
            "mps2-an385",
            "-cpu",
            "cortex-m3",
            "-nographic",
            "-kernel",
        ]);
        Self::start(qemu.arg(elf))
    }

    /// Starts it in a process group of its own, since what a build system starts outlives it.
    pub(crate) fn start(command: &mut Command) -> Self {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in out.split(b'\n').map_while(Result::ok) {
                if sender
                    .send(String::from_utf8_lossy(&line).into_owned())
                    .is_err()
                {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    /// What it says up to the line that contains `until`.
    #[track_caller]
    pub(crate) fn read_until(self, until: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut said = String::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("it never said `{until}`, but:\n{said}");
            };
            said += &line;
            said.push('\n');
            if line.contains(until) {
                return said;
            }
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        #[cfg(unix)]
        let _ = Command::new("kill")
            .arg("--")
            .arg(format!("-{}", self.child.id()))
            .status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
