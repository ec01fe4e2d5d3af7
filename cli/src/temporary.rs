//! Files and folders that do not outlive the command, whether it ends by itself or by a signal.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tempfile::{NamedTempFile, TempDir};

/// All that there are. Whoever holds it is alone: nothing is made, moved or removed meanwhile.
static ALL: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Whether signals are this command's.
static OWN_SIGNALS: AtomicBool = AtomicBool::new(false);

/// Takes the process for the command's own, so that a signal that ends it ends the command. Without this call, what a signal does is left to
/// the program that the command runs in.
pub(crate) fn remove_at_signals() {
    OWN_SIGNALS.store(true, Ordering::Relaxed);
}

fn all() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    static SIGNALS: Once = Once::new();
    if OWN_SIGNALS.load(Ordering::Relaxed) {
        SIGNALS.call_once(signals::watch);
    }
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file with a name of its own.
pub(crate) struct Temporary(Option<NamedTempFile>);

impl Temporary {
    pub(crate) fn new(folder: &Path) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".castiron-").suffix(".tmp");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Temporary files are private by default; outputs get what the umask leaves, like any.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let mut all = all();
        let file = builder.tempfile_in(folder)?;
        all.insert(file.path().to_owned());
        Ok(Self(Some(file)))
    }

    fn file(&self) -> &NamedTempFile {
        self.0.as_ref().expect("it is there until it is dropped")
    }

    pub(crate) fn as_file(&self) -> &File {
        self.file().as_file()
    }

    pub(crate) fn path(&self) -> &Path {
        self.file().path()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            let mut all = all();
            all.remove(file.path());
            drop(file);
        }
    }
}

/// A folder among the system's temporary ones.
pub(crate) struct Folder(Option<TempDir>);

impl Folder {
    pub(crate) fn new(prefix: &str) -> io::Result<Self> {
        let mut all = all();
        let folder = tempfile::Builder::new().prefix(prefix).tempdir()?;
        all.insert(folder.path().to_owned());
        Ok(Self(Some(folder)))
    }

    pub(crate) fn path(&self) -> &Path {
        let folder = self.0.as_ref();
        folder.expect("it is there until it is dropped").path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(folder) = self.0.take() {
            let mut all = all();
            all.remove(folder.path());
            drop(folder);
        }
    }
}

/// Gives files their names: all of them, or none and the index of the one that would not take its.
pub(crate) fn keep(files: Vec<(Temporary, PathBuf)>) -> Result<(), (usize, io::Error)> {
    let mut all = all();
    let mut files: Vec<(NamedTempFile, PathBuf)> = (files.into_iter())
        .filter_map(|(mut file, to)| Some((file.0.take()?, to)))
        .collect();
    for (file, _) in &files {
        all.remove(file.path());
    }
    let mut done: Vec<Done> = Vec::new();
    for (index, (file, to)) in files.drain(..).enumerate() {
        match Done::rename(file, to) {
            Ok(one) => done.push(one),
            Err(error) => {
                done.into_iter().rev().for_each(Done::undo);
                return Err((index, error));
            }
        }
    }
    done.into_iter().for_each(Done::settle);
    Ok(())
}

/// A file that has its name.
struct Done {
    to: PathBuf,
    /// The file that had it before, where the disk allows a second name.
    old: Option<PathBuf>,
    new: bool,
}

impl Done {
    fn rename(file: NamedTempFile, to: PathBuf) -> io::Result<Self> {
        let new = !to.exists();
        let mut name = file.path().as_os_str().to_owned();
        name.push(".old");
        let old = Some(PathBuf::from(name)).filter(|name| fs::hard_link(&to, name).is_ok());
        match file.persist(&to) {
            Ok(_) => Ok(Self { to, old, new }),
            Err(error) => {
                old.map(fs::remove_file);
                Err(error.error)
            }
        }
    }

    fn undo(self) {
        // There is nobody left to tell.
        let _ = match (self.old, self.new) {
            (Some(old), _) => fs::rename(old, &self.to),
            (None, true) => fs::remove_file(&self.to),
            (None, false) => Ok(()),
        };
    }

    fn settle(self) {
        self.old.map(fs::remove_file);
    }
}

#[cfg(unix)]
mod signals {
    use std::fs;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    /// Removes what is temporary when a signal ends the command, which it then does.
    pub(super) fn watch() {
        let ignored = ignored();
        let wanted = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ];
        let wanted = wanted.into_iter().filter(|s| ignored & (1 << (s - 1)) == 0);
        let Ok(mut signals) = Signals::new(wanted) else {
            return;
        };
        std::thread::spawn(move || {
            for signal in signals.forever() {
                // A file has become larger than the user may write: writing fails, and the command says so.
                if signal == SIGXFSZ {
                    continue;
                }
                // Kept to the end: nothing is made after this.
                let all = super::ALL.lock();
                for path in all.iter().flat_map(|all| all.iter()) {
                    let _ = match path.is_dir() {
                        true => fs::remove_dir_all(path),
                        false => fs::remove_file(path),
                    };
                }
                let _ = emulate_default_handler(signal);
            }
        });
    }

    /// The signals that whoever started the command wants ignored, as nohup does: a bit each.
    fn ignored() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .unwrap_or_default()
    }
}

#[cfg(not(unix))]
mod signals {
    /// Elsewhere the system's temporary files outlive a command that is ended.
    pub(super) fn watch() {}
}
