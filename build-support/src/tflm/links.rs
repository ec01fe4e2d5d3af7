//! The table of sources against a real tree: `CASTIRON_TFLM` names it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use castiron_codegen::tflm::OPS;
use castiron_codegen::tflm::sources::Caller;
use object::{Object as _, ObjectSymbol as _};

use super::{Tflm, Tree, cmsis_nn};
use crate::Kernels;
use crate::cxx::{Cxx, Source, Target};

fn trees() -> Vec<Tree> {
    let Some(root) = castiron_test_tools::folder("CASTIRON_TFLM") else {
        return Vec::new();
    };
    let check = |kernels: &Kernels| Tflm::new(&root).kernels(*kernels).check().unwrap();
    Kernels::ALL.iter().map(check).collect()
}

#[test]
fn every_file_is_there() {
    for tree in trees() {
        let mut files = BTreeSet::new();
        for op in OPS {
            for caller in [Caller::Direct, Caller::Interpreter] {
                let found = tree.select(&[op], caller).unwrap();
                files.extend(found.sources.into_iter().map(|s| s.path));
            }
        }
        println!(
            "{}: {} operators, {} files",
            tree.kernels(),
            OPS.len(),
            files.len()
        );
    }
}

/// Symbols that an object defines and that it needs.
type Symbols = [BTreeSet<String>; 2];

fn symbols(object: &Path) -> Symbols {
    let bytes = fs::read(object).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let mut found = Symbols::default();
    for symbol in file.symbols().filter(|s| s.is_global() || s.is_undefined()) {
        let name = symbol.name().unwrap().to_owned();
        // What is TFLM's: the rest is the C library's and the compiler's.
        if [
            "tflite",
            "arm_",
            "kiss_",
            "MicroPrintf",
            "DebugLog",
            "TfLite",
        ]
        .iter()
        .any(|s| name.contains(s))
        {
            found[usize::from(symbol.is_undefined())].insert(name);
        }
    }
    found
}

/// What a library defines.
fn defined_in(library: &Path) -> BTreeSet<String> {
    let bytes = fs::read(library).unwrap();
    let archive = object::read::archive::ArchiveFile::parse(&*bytes).unwrap();
    let members = archive.members().map(|m| m.unwrap().data(&*bytes).unwrap());
    let objects = members.map(|data| object::File::parse(data).unwrap());
    let mut names = BTreeSet::new();
    for object in objects {
        let defined = object
            .symbols()
            .filter(|s| s.is_definition() && s.is_global());
        names.extend(defined.map(|symbol| symbol.name().unwrap().to_owned()));
    }
    names
}

#[test]
#[ignore = "compiles all of TFLM, which takes minutes"]
fn every_operator_links() {
    let target = Target::default();
    for tree in trees() {
        let selections = OPS
            .iter()
            .map(|op| (op, tree.select(&[op], Caller::Direct).unwrap()));
        let selections: Vec<_> = selections.collect();
        let all: BTreeMap<PathBuf, Source> = (selections.iter())
            .flat_map(|(_, selection)| selection.sources.clone())
            .map(|source| (source.path.clone(), source))
            .collect();
        let include_dirs: BTreeSet<PathBuf> = (selections.iter())
            .flat_map(|(_, selection)| selection.include_dirs.clone())
            .collect();
        let include_dirs: Vec<_> = include_dirs.into_iter().collect();
        let definitions: Vec<_> = tree.definitions(true).collect();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tflm-objects");
        let cxx = Cxx::new(&target, &definitions, &include_dirs, &folder).unwrap();
        let sources: Vec<_> = all.values().cloned().collect();
        let objects = cxx.compile(&sources, &folder, true).unwrap();
        let symbols: BTreeMap<&Path, Symbols> = (all.keys().map(PathBuf::as_path))
            .zip(objects.iter().map(|object| symbols(object)))
            .collect();
        let cmsis_nn = selections.iter().find_map(|(_, s)| s.cmsis_nn.as_ref());
        let cmsis_nn = cmsis_nn.map(|[source, cmsis]| {
            let project = cmsis_nn::Project {
                source,
                cmsis,
                folder: folder.join("cmsis-nn"),
                target: &target,
            };
            defined_in(&project.build().unwrap())
        });
        let mut wrong = Vec::new();
        for (op, selection) in &selections {
            let mut whole = Symbols::default();
            whole[0].extend(cmsis_nn.clone().unwrap_or_default());
            for source in &selection.sources {
                for (all, own) in whole.iter_mut().zip(&symbols[&*source.path]) {
                    all.extend(own.iter().cloned());
                }
            }
            let [defined, needed] = whole;
            let missing: Vec<_> = needed.difference(&defined).collect();
            if !missing.is_empty() {
                wrong.push(format!("{op}: {missing:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}: {}", tree.kernels(), wrong.join("\n"));
        println!(
            "{}: all {} operators link, of {} files",
            tree.kernels(),
            OPS.len(),
            all.len()
        );
    }
}
