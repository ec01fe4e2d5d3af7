//! Where a tree of TensorFlow Lite Micro keeps its parts.

use std::path::{Path, PathBuf};

use castiron_codegen::error::{Diagnostic, Result};

use crate::cxx::diagnostic;

/// What TFLM takes from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum ThirdParty {
    Flatbuffers,
    Gemmlowp,
    Ruy,
    KissFft,
    CmsisNn,
    Cmsis,
}

/// Folders that hold third-party sources: of a checkout, of a tree that TFLM's
/// `create_tflm_tree.py` made, and of Zephyr's module.
const SHELVES: [&str; 3] = [
    "tensorflow/lite/micro/tools/make/downloads",
    "third_party",
    "third_party_static",
];
/// A file that every tree has.
const MARKER: &str = "tensorflow/lite/micro/micro_context.h";

impl ThirdParty {
    /// The folder's name.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Flatbuffers => "flatbuffers",
            Self::Gemmlowp => "gemmlowp",
            Self::Ruy => "ruy",
            Self::KissFft => "kissfft",
            Self::CmsisNn => "cmsis_nn",
            Self::Cmsis => "cmsis",
        }
    }

    /// A file that a complete one has. A checkout has folders of the same names with patches.
    fn marker(self) -> &'static str {
        match self {
            Self::Flatbuffers => "include/flatbuffers/flatbuffers.h",
            Self::Gemmlowp => "fixedpoint/fixedpoint.h",
            Self::Ruy => "ruy/profiler/instrumentation.h",
            Self::KissFft => "tools/kiss_fftr.h",
            Self::CmsisNn => "Include/arm_nnfunctions.h",
            Self::Cmsis => "CMSIS/Core/Include/cmsis_compiler.h",
        }
    }

    /// Folders to search for headers, within its own.
    pub(super) fn include_dirs(self) -> &'static [&'static str] {
        match self {
            Self::Flatbuffers => &["include"],
            Self::Gemmlowp | Self::Ruy | Self::KissFft => &[""],
            Self::CmsisNn => &["", "Include"],
            Self::Cmsis => &["", "CMSIS/Core/Include"],
        }
    }

    /// The command that downloads it into a checkout.
    fn download(self) -> &'static str {
        match self {
            Self::CmsisNn | Self::Cmsis => {
                "make -f tensorflow/lite/micro/tools/make/Makefile \
                 OPTIMIZED_KERNEL_DIR=cmsis_nn third_party_downloads"
            }
            _ => "make -f tensorflow/lite/micro/tools/make/Makefile third_party_downloads",
        }
    }
}

/// Fails unless `root` is the top of a TFLM tree.
pub(super) fn check_root(root: &Path) -> Result<()> {
    if !root.is_dir() {
        return Err(diagnostic(root, "there is no such folder")
            .expected("a copy of TensorFlow Lite Micro's sources")
            .help(
                "run `git clone https://github.com/tensorflow/tflite-micro`, and name the new folder",
            )
            .into());
    }
    if root.join(MARKER).is_file() {
        return Ok(());
    }
    let nearby = [root.join("tflite-micro"), root.join("tflm")];
    let upwards = root.ancestors().skip(1).map(Path::to_owned);
    let near = upwards
        .chain(nearby)
        .find(|path| path.join(MARKER).is_file());
    let wrong = diagnostic(
        root,
        "this folder does not contain TensorFlow Lite Micro's sources",
    )
    .expected(format!("the file {MARKER} in it"));
    let help = match near {
        Some(near) => format!("there is one in {}", near.display()),
        None => "name the top folder of a checkout of \
                 https://github.com/tensorflow/tflite-micro, or of a tree made by its \
                 tensorflow/lite/micro/tools/project_generation/create_tflm_tree.py"
            .to_owned(),
    };
    Err(wrong.help(help).into())
}

/// The folder of third-party sources: the one given, else the one in the tree, if there is one.
pub(super) fn third_party(
    root: &Path,
    what: ThirdParty,
    given: Option<&PathBuf>,
) -> Result<Option<PathBuf>, Diagnostic> {
    let name = what.folder();
    let whole = |folder: &PathBuf| folder.join(what.marker()).is_file();
    if let Some(given) = given {
        return match whole(given) {
            true => Ok(Some(given.clone())),
            false => Err(diagnostic(given, format!("this is not {name}"))
                .expected(format!("the file {} in it", what.marker()))
                .help(format!("name the folder of {name} that has this file"))),
        };
    }
    let places = SHELVES.map(|shelf| root.join(shelf).join(name));
    Ok(places.into_iter().find(whole))
}

/// What the tree should have and does not: one mistake, however many folders it is about.
pub(super) fn lacking(root: &Path, missing: &[ThirdParty]) -> Diagnostic {
    let list = |part: fn(&ThirdParty) -> String| {
        let parts: Vec<String> = missing.iter().map(part).collect();
        parts.join(" and ")
    };
    let names = list(|what| what.folder().to_owned());
    let files = list(|what| format!("{}/{}", what.folder(), what.marker()));
    let download = missing.last().map_or("", |what| what.download());
    let mut help = match root.join(SHELVES[0]).parent().is_some_and(Path::is_dir) {
        true => format!("in {}, run `{download}`", root.display()),
        false => format!("make a new tree with {names}"),
    };
    if (missing.iter()).all(|what| matches!(what, ThirdParty::CmsisNn | ThirdParty::Cmsis)) {
        help += ", or use the reference kernels: --kernels reference";
    }
    let setters = list(|what| format!(".{}(…)", what.folder()));
    help += &format!("; or, in a build script, name its folder with {setters}");
    diagnostic(root, format!("the tree lacks {names}, which TFLM needs"))
        .expected(format!("{files} in one of {}", SHELVES.join(", ")))
        .help(help)
}
