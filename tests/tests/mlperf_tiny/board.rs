//! The example's firmware, and the emulated board that it runs on.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use castiron_build::toolchain::{Purpose, Toolchain};
use castiron_test_tools::{run, skipped, starts};
use castiron_tests::workspace;
use tempfile::TempDir;

const M4: &str = "thumbv7em-none-eabihf";
/// Far more than any answer takes.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Cargo builds all firmware into one folder, where the next image takes the place of the last.
static BUILDS: Mutex<()> = Mutex::new(());

/// A compiler for the board, if it and the emulator are there. With CASTIRON_REQUIRE_FIRMWARE it is a failure if they are not.
pub(super) fn toolchain() -> Option<Toolchain> {
    let required = std::env::var_os("CASTIRON_REQUIRE_FIRMWARE").is_some();
    if !starts("qemu-system-arm") {
        skipped("no qemu-system-arm", required);
        return None;
    }
    let found = Toolchain::detect(Some(M4), Purpose::Program);
    found.map_err(|e| skipped(&e.to_string(), required)).ok()
}

/// Firmware for a task.
pub(super) struct Firmware {
    folder: TempDir,
}

impl Firmware {
    pub(super) fn build(toolchain: &Toolchain, task: &str, model: &Path, mode: &str) -> Self {
        let guard = BUILDS.lock().unwrap_or_else(PoisonError::into_inner);
        let target_dir = workspace().join("target/firmware");
        // There, cargo finds the processor to compile for.
        let mut command = toolchain.cargo(&workspace().join("examples/cortex-m"));
        command
            .args(["build", "--release", "--package", "castiron-mlperf-tiny"])
            .arg("--target-dir")
            .arg(&target_dir)
            .env("CASTIRON_TASK", task)
            .env("CASTIRON_MODEL", model)
            .env("CASTIRON_MODE", mode);
        toolchain.options(&mut command);
        run(&mut command);
        let folder = tempfile::tempdir().unwrap();
        let built = target_dir.join(M4).join("release/mlperf-tiny");
        std::fs::copy(&built, folder.path().join("image.elf")).unwrap();
        drop(guard);
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the emulator says of devices that it has not, and of the serial port's speed.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }
}

/// A board that runs, with the host's end of its serial port.
pub(super) struct Board {
    emulator: Child,
    port: UnixStream,
    received: Vec<u8>,
}

impl Board {
    pub(super) fn start(firmware: &Firmware) -> Self {
        let socket = firmware.path("port");
        // An emulator before this one left it.
        let _ = std::fs::remove_file(&socket);
        let port = format!("socket,id=host,path={},server=on,wait=on", socket.display());
        let emulator = Command::new("qemu-system-arm")
            .args(["-machine", "mps2-an386", "-cpu", "cortex-m4"])
            .args(["-display", "none", "-monitor", "none"])
            .args(["-chardev", &port, "-serial", "chardev:host"])
            .args(["-d", "unimp", "-trace", "cmsdk_apb_uart_set_params", "-D"])
            .arg(firmware.path("log"))
            .arg("-kernel")
            .arg(firmware.path("image.elf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let start = Instant::now();
        let port = loop {
            match UnixStream::connect(&socket) {
                Ok(port) => break port,
                Err(error) => assert!(start.elapsed() < TIMEOUT, "the emulator: {error}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        port.set_read_timeout(Some(TIMEOUT)).unwrap();
        Self {
            emulator,
            port,
            received: Vec::new(),
        }
    }

    /// Sends bytes as they are.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.port.write_all(bytes).unwrap();
    }

    /// Lines until the board waits for the next command, without the one that says so.
    pub(super) fn answer(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.line() {
                line if line == "m-ready" => return lines,
                line => lines.push(line),
            }
        }
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.received.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.received.drain(..end + 2).collect::<Vec<u8>>();
                return String::from_utf8(line[..end].to_vec()).unwrap();
            }
            let mut bytes = [0; 1024];
            let received = self.port.read(&mut bytes).unwrap_or_else(|e| {
                let so_far = String::from_utf8_lossy(&self.received);
                panic!("no answer after {so_far:?}: {e}")
            });
            assert!(received > 0, "the emulator ended");
            self.received.extend(&bytes[..received]);
        }
    }

    /// Sends a command and takes its answer.
    pub(super) fn ask(&mut self, command: &str) -> Vec<String> {
        self.send(format!("{command}%").as_bytes());
        self.answer()
    }

    /// Loads an input as the benchmark's runner does.
    pub(super) fn load(&mut self, input: &[u8]) {
        let said = self.ask(&format!("db load {}", input.len()));
        assert_eq!(said, [format!("m-[Expecting {} bytes]", input.len())]);
        let mut parts = input.chunks(31).peekable();
        while let Some(part) = parts.next() {
            let digits: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
            let said = self.ask(&format!("db {digits}"));
            match parts.peek() {
                Some(_) => assert_eq!(said, [""; 0]),
                None => assert_eq!(said, ["m-load-done"]),
            }
        }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.emulator.kill();
        let _ = self.emulator.wait();
    }
}
