//! A tree of TFLM's sources that has been found whole, and what to compile of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use castiron_codegen::error::{Diagnostic, Error, Result};
use castiron_codegen::tflm::arena::Kernels;
use castiron_codegen::tflm::sources::{
    CMSIS_NN_DEFINITIONS, Caller, DEFINITIONS, QUIET_DEFINITIONS, SourceFile, Sources,
};
use castiron_codegen::tflm::{TFLM_REVISION, TflmOp};

use super::Tflm;
use super::layout::{self, ThirdParty};
use crate::cxx::{Source, diagnostic};

/// TFLM's sources, found whole by [`Tflm::check`].
#[derive(Debug, Clone)]
pub struct Tree {
    pub(super) root: PathBuf,
    pub(super) kernels: Kernels,
    pub(super) third_party: BTreeMap<ThirdParty, PathBuf>,
    /// What shows that it is of another revision than castiron's tables, where that was allowed.
    pub(super) other_revision: Option<String>,
    pub(super) asked: Tflm,
}

/// What to compile for one model.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) sources: Vec<Source>,
    pub(crate) include_dirs: Vec<PathBuf>,
    /// CMSIS-NN and CMSIS, where the files call the former.
    pub(crate) cmsis_nn: Option<[PathBuf; 2]>,
}

impl Tree {
    /// The top folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The kernels to take.
    pub fn kernels(&self) -> Kernels {
        self.kernels
    }

    /// What shows that it is of another revision than castiron's tables, where that was allowed.
    pub fn other_revision(&self) -> Option<&str> {
        self.other_revision.as_deref()
    }

    /// Revision and kernels, for people. castiron's figures are those of the revision that it knows.
    pub(crate) fn describe(&self) -> String {
        let kernels = self.kernels;
        match &self.other_revision {
            None => format!("tflite-micro {TFLM_REVISION}, {kernels} kernels"),
            Some(found) => format!(
                "tflite-micro of another revision ({found}), {kernels} kernels; sizes of the arena are those of {TFLM_REVISION}"
            ),
        }
    }

    /// Whether its revision was not asked for, so that it may change under our hands.
    pub(crate) fn is_unknown(&self) -> bool {
        self.asked.allow_revision
    }

    /// Folders to search for headers, for what includes TFLM's.
    pub fn include_dirs(&self) -> Vec<PathBuf> {
        include_dirs(&self.root, &self.third_party)
    }

    /// Preprocessor definitions, for what includes TFLM's headers. Without `messages`, TFLM checks
    /// less and says nothing.
    pub fn definitions(
        &self,
        messages: bool,
    ) -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
        let cmsis = match self.kernels {
            Kernels::Reference => &[][..],
            Kernels::CmsisNn => CMSIS_NN_DEFINITIONS,
        };
        let quiet = if messages { &[][..] } else { QUIET_DEFINITIONS };
        DEFINITIONS.iter().chain(cmsis).chain(quiet).copied()
    }

    /// The files that some operators need; an error names those that the tree lacks.
    pub(crate) fn select(&self, ops: &[&'static TflmOp], caller: Caller) -> Result<Selection> {
        let table = Sources::new();
        let files = table.closure(ops.iter().copied(), self.kernels, caller);
        let mut third_party = self.third_party.clone();
        if files.iter().any(|file| file.path.contains("kiss_fft")) {
            let what = ThirdParty::KissFft;
            let found = layout::third_party(&self.root, what, self.asked.given.get(&what))?
                .ok_or_else(|| layout::lacking(&self.root, &[what]))?;
            third_party.insert(what, found);
        }
        let mut sources = Vec::new();
        let mut missing = Vec::new();
        for file in &files {
            match self.find(file) {
                Some(path) => sources.push(Source {
                    object: object_name(file),
                    path,
                }),
                None => {
                    let needs = |op: &&&TflmOp| {
                        let own = table.closure([**op], self.kernels, caller);
                        own.contains(file)
                    };
                    let op = ops.iter().find(needs).copied();
                    missing.push(self.missing(file, op));
                }
            }
        }
        match Error::from_many(missing) {
            Some(error) => Err(error),
            None => Ok(Selection {
                sources,
                cmsis_nn: (files.iter()).any(SourceFile::calls_cmsis_nn).then(|| {
                    let folder = |what| third_party.get(&what).cloned().unwrap_or_default();
                    [ThirdParty::CmsisNn, ThirdParty::Cmsis].map(folder)
                }),
                include_dirs: include_dirs(&self.root, &third_party),
            }),
        }
    }

    fn find(&self, file: &SourceFile) -> Option<PathBuf> {
        let path = self.root.join(&file.path);
        // `create_tflm_tree.py --rename_cc_to_cpp` makes trees for IDEs that know `.cpp` only.
        [path.clone(), path.with_extension("cpp")]
            .into_iter()
            .find(|path| path.is_file())
    }

    fn missing(&self, file: &SourceFile, op: Option<&TflmOp>) -> Diagnostic {
        let what = match op {
            Some(op) => format!(
                "the tree lacks a source file of {}'s {} kernel",
                op.kernel.name(),
                self.kernels
            ),
            None => "the tree lacks a source file that every model needs".to_owned(),
        };
        let option = match self.kernels {
            Kernels::Reference => "",
            Kernels::CmsisNn => " with OPTIMIZED_KERNEL_DIR=cmsis_nn",
        };
        diagnostic(&self.root, what)
            .expected(format!("the file {}", file.path))
            .help(format!(
                "restore the file (git checkout), make the tree anew{option}, or take the other \
                 kernels: a tree made for one set need not have the other's"
            ))
    }
}

fn include_dirs(root: &Path, third_party: &BTreeMap<ThirdParty, PathBuf>) -> Vec<PathBuf> {
    let others = third_party.iter().flat_map(|(what, folder)| {
        let dirs = what.include_dirs().iter();
        dirs.map(|dir| match *dir {
            "" => folder.clone(),
            dir => folder.join(dir),
        })
    });
    std::iter::once(root.to_owned()).chain(others).collect()
}

/// The path as one name, without what all paths share.
fn object_name(file: &SourceFile) -> String {
    let path = file.path.strip_prefix("tensorflow/lite/");
    let path = path.unwrap_or(&file.path).replace('/', "-");
    match path.rsplit_once('.') {
        Some((stem, _)) => stem.to_owned(),
        None => path,
    }
}
