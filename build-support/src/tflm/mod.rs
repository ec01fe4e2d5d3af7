//! TensorFlow Lite Micro (TFLM) from the sources a user points to.

mod bindings;
mod cmsis_nn;
mod layout;
mod library;
mod revision;
mod tree;

#[cfg(test)]
mod links;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use castiron_codegen::error::{Error, Result};
use castiron_codegen::tflm::arena::Kernels;

pub(crate) use bindings::bindings;
pub use cmsis_nn::build_apart;
pub(crate) use library::Job;
pub use library::{Settings, build};
pub use tree::Tree;

use crate::Model;

use layout::ThirdParty;

/// A tree of TFLM's sources and what to take from it.
///
/// ```no_run
/// use castiron_build::{Kernels, Tflm};
/// let tree = Tflm::new("third_party/tflite-micro").kernels(Kernels::CmsisNn).check()?;
/// # Ok::<(), castiron_build::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Tflm {
    root: PathBuf,
    kernels: Kernels,
    given: BTreeMap<ThirdParty, PathBuf>,
    allow_revision: bool,
}

impl Tflm {
    /// The tree in `root`: a checkout of `tflite-micro` in which its Makefile has downloaded what it
    /// needs, a tree that its `create_tflm_tree.py` made, or Zephyr's module.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            kernels: Kernels::default(),
            given: BTreeMap::new(),
            allow_revision: false,
        }
    }

    /// Which kernels to take; [`Kernels::Reference`] unless said.
    #[must_use]
    pub fn kernels(mut self, kernels: Kernels) -> Self {
        self.kernels = kernels;
        self
    }

    /// Takes a tree of a revision that castiron does not know. What it emits may then not compile,
    /// or not fit in its memory.
    #[must_use]
    pub fn allow_revision(mut self, allow: bool) -> Self {
        self.allow_revision = allow;
        self
    }

    /// FlatBuffers, where it is not in the tree.
    #[must_use]
    pub fn flatbuffers(self, folder: impl Into<PathBuf>) -> Self {
        self.give(ThirdParty::Flatbuffers, folder.into())
    }

    /// gemmlowp, where it is not in the tree.
    #[must_use]
    pub fn gemmlowp(self, folder: impl Into<PathBuf>) -> Self {
        self.give(ThirdParty::Gemmlowp, folder.into())
    }

    /// ruy, where it is not in the tree.
    #[must_use]
    pub fn ruy(self, folder: impl Into<PathBuf>) -> Self {
        self.give(ThirdParty::Ruy, folder.into())
    }

    /// KISS FFT, where it is not in the tree. Models with FFTs need it.
    #[must_use]
    pub fn kissfft(self, folder: impl Into<PathBuf>) -> Self {
        self.give(ThirdParty::KissFft, folder.into())
    }

    /// CMSIS-NN, where it is not in the tree. [`Kernels::CmsisNn`] needs it.
    #[must_use]
    pub fn cmsis_nn(self, folder: impl Into<PathBuf>) -> Self {
        self.give(ThirdParty::CmsisNn, folder.into())
    }

    /// CMSIS, where it is not in the tree. [`Kernels::CmsisNn`] needs it.
    #[must_use]
    pub fn cmsis(self, folder: impl Into<PathBuf>) -> Self {
        self.give(ThirdParty::Cmsis, folder.into())
    }

    fn give(mut self, what: ThirdParty, folder: PathBuf) -> Self {
        self.given.insert(what, folder);
        self
    }

    /// A model for these kernels to compute, in a build script.
    ///
    /// ```no_run
    /// use castiron_build::{OrExit as _, Tflm};
    ///
    /// Tflm::new("third_party/tflite-micro").model("kws.tflite").compile().or_exit();
    /// ```
    pub fn model(self, path: impl Into<PathBuf>) -> Model {
        Model::new(path).tflm(self)
    }

    /// The tree, if it is whole and of the revision that castiron knows.
    pub fn check(&self) -> Result<Tree> {
        let root = std::path::absolute(&self.root).unwrap_or_else(|_| self.root.clone());
        layout::check_root(&root)?;
        let other_revision = revision::other(&root);
        if let (Some(found), false) = (&other_revision, self.allow_revision) {
            return Err(revision::refusal(&root, found).into());
        }
        let mut third_party = BTreeMap::new();
        let mut problems = Vec::new();
        let mut missing = Vec::new();
        for what in self.third_party() {
            match layout::third_party(&root, what, self.given.get(&what)) {
                Ok(Some(folder)) => {
                    third_party.insert(what, folder);
                }
                Ok(None) => missing.push(what),
                Err(diagnostic) => problems.push(diagnostic),
            }
        }
        if !missing.is_empty() {
            problems.push(layout::lacking(&root, &missing));
        }
        match Error::from_many(problems) {
            Some(error) => Err(error),
            None => Ok(Tree {
                root,
                kernels: self.kernels,
                third_party,
                other_revision,
                asked: self.clone(),
            }),
        }
    }

    /// What every model needs. KISS FFT is asked for by those that do.
    fn third_party(&self) -> impl Iterator<Item = ThirdParty> {
        use ThirdParty as T;
        let cmsis: &[T] = match self.kernels {
            Kernels::Reference => &[],
            Kernels::CmsisNn => &[T::CmsisNn, T::Cmsis],
        };
        [T::Flatbuffers, T::Gemmlowp, T::Ruy]
            .into_iter()
            .chain(cmsis.iter().copied())
    }
}
