//! Files that a macro call names.

use std::path::{Path, PathBuf};

use castiron_codegen::compile::Config;
use castiron_codegen::files;
use syn::{Error, LitStr, Result};

/// The absolute path of a file named relative to the source file of the call or, where there is
/// none of that name, to the crate's manifest.
pub(crate) fn resolve(literal: &LitStr) -> Result<PathBuf> {
    let wanted = PathBuf::from(literal.value());
    let mut tried = Vec::new();
    for base in bases(literal) {
        let path = base.join(&wanted);
        if path.is_file() {
            return std::path::absolute(&path).map_err(|e| failure(literal, &path, &e));
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

pub(crate) fn read(literal: &LitStr, path: &Path) -> Result<Vec<u8>> {
    files::read(path, files::MOST_OF_A_MODEL).map_err(|e| failure(literal, path, &e))
}

/// The path as text, for `include_bytes!`.
pub(crate) fn text(literal: &LitStr, path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::new(
            literal.span(),
            "the absolute path of this file is not UTF-8",
        )
    })
}

/// What the file beside the crate's manifest says.
pub(crate) fn config(call: &LitStr) -> Result<Config> {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let config = folder.map_or_else(|| Ok(Config::default()), |f| Config::of_folder(&f));
    config.map_err(|e| Error::new(call.span(), e))
}

/// The labels of a file, one per line.
pub(crate) fn labels(literal: &LitStr, path: &Path) -> Result<Vec<String>> {
    let text = files::read_text(path).map_err(|e| failure(literal, path, &e))?;
    Ok(castiron_codegen::labels::parse(&text))
}

fn failure(literal: &LitStr, path: &Path, error: &std::io::Error) -> Error {
    Error::new(literal.span(), format!("{}: {error}", path.display()))
}
