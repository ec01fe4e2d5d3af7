//! The folder that libraries are compiled in.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use castiron_codegen::error::{Diagnostic, Result};
use etcetera::BaseStrategy as _;

/// A build folder that no other build uses meanwhile.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens the folder, and waits while another build is in it.
    pub(crate) fn open(wanted: Option<&Path>) -> Result<Self> {
        let path = match wanted {
            Some(path) => path.to_owned(),
            None => of_user(),
        };
        let open = || {
            fs::create_dir_all(&path)?;
            let path = std::path::absolute(&path)?;
            let lock = File::create(path.join(".lock"))?;
            fs4::FileExt::lock(&lock)?;
            Ok(Self { path, _lock: lock })
        };
        open().map_err(|e| failure(&path, &e).into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file unless it has this content: cargo goes by times.
    pub(crate) fn write(&self, name: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
        let path = self.path.join(name);
        if fs::read(&path).is_ok_and(|old| old == bytes) {
            return Ok(());
        }
        let write = || {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&path, bytes)
        };
        write().map_err(|e| failure(&path, &e).into())
    }
}

fn of_user() -> PathBuf {
    let cache = etcetera::choose_base_strategy().map(|strategy| strategy.cache_dir());
    cache
        .unwrap_or_else(|_| std::env::temp_dir())
        .join("castiron")
}

fn failure(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::new(format!("cannot build in {}: {error}", path.display()))
        .help("name another folder with --build-dir")
}
