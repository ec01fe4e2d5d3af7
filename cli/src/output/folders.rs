//! Folders that are made for outputs, and go again where nothing is written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folders that were not there before, each behind the one it is in.
#[derive(Default)]
pub(super) struct Folders {
    made: Vec<PathBuf>,
}

impl Folders {
    /// Makes a folder, and those that it is in.
    pub(super) fn make(&mut self, folder: &Path) -> io::Result<()> {
        let missing: Vec<_> = (folder.ancestors())
            .take_while(|f| !f.as_os_str().is_empty() && !f.exists())
            .collect();
        fs::create_dir_all(folder)?;
        self.made
            .extend(missing.into_iter().rev().map(Path::to_owned));
        Ok(())
    }

    /// Leaves them where they are.
    pub(super) fn keep(&mut self) {
        self.made.clear();
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        for folder in self.made.iter().rev() {
            // One that something else went into stays.
            let _ = fs::remove_dir(folder);
        }
    }
}
