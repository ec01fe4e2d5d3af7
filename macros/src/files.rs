//! Files that a macro call names.

use std::path::{Path, PathBuf};

use syn::{Error, LitStr, Result};

/// The file of a model; none where it can only be the name of a model in `castiron.toml`, which the generator reads.
pub(crate) fn of_model(literal: &LitStr, is_name: bool) -> Result<Option<PathBuf>> {
    if is_name {
        return Ok(None);
    }
    match resolve(literal) {
        // A path has an ending, or a folder in front.
        Err(_) if !literal.value().contains(['.', '/', '\\']) => Ok(None),
        file => file.map(Some),
    }
}

/// The absolute path of a file named relative to the source file of the call or, where there is
/// none of that name, to the crate's manifest.
pub(crate) fn resolve(literal: &LitStr) -> Result<PathBuf> {
    let wanted = PathBuf::from(literal.value());
    let mut tried = Vec::new();
    for base in bases(literal) {
        let path = base.join(&wanted);
        if path.is_file() {
            return std::path::absolute(&path)
                .map_err(|e| Error::new(literal.span(), format!("{}: {e}", path.display())));
        }
        tried.push(path.display().to_string());
    }
    tried.dedup();
    Err(Error::new(
        literal.span(),
        format!(
            "the file does not exist; looked for\n  {}\n\
             help: paths are relative to this source file or to the folder of Cargo.toml",
            tried.join("\n  ")
        ),
    ))
}

/// The folders a path may be relative to, the nearest first. An absolute path replaces either.
fn bases(literal: &LitStr) -> Vec<PathBuf> {
    let source = literal.span().unwrap().local_file();
    let beside = source.as_deref().and_then(Path::parent).map(Path::to_owned);
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    beside.into_iter().chain(manifest).collect()
}
