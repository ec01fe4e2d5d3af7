//! CMSIS-NN as a library that its own CMake project builds.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{env, fs};

use castiron_codegen::error::{Diagnostic, Result};

use crate::cxx::{Cxx, Target, diagnostic, io_error, jobs, run};

/// What CMake is to build.
#[derive(Debug)]
pub(super) struct Project<'a> {
    /// CMSIS-NN's folder.
    pub(super) source: &'a Path,
    /// CMSIS's, whose headers it includes.
    pub(super) cmsis: &'a Path,
    /// Where to build.
    pub(super) folder: PathBuf,
    pub(super) target: &'a Target,
}

/// The project for a tree that has CMSIS-NN's sources alone, which is what `create_tflm_tree.py` makes.
const SOURCES_ALONE: &str = r#"cmake_minimum_required(VERSION 3.15.6)
project(CMSISNN C)
file(GLOB_RECURSE SOURCES CONFIGURE_DEPENDS "${CMSIS_NN_PATH}/Source/*.c")
# Floating point wants processors that have it, and TFLM does not call it.
list(FILTER SOURCES EXCLUDE REGEX "_f(16|32)\\.c$")
add_library(cmsis-nn STATIC ${SOURCES})
target_compile_options(cmsis-nn PRIVATE ${CMSIS_OPTIMIZATION_LEVEL})
target_compile_definitions(cmsis-nn PRIVATE ARM_NN_ENABLE_F16=0 ARM_NN_ENABLE_F32=0)
target_include_directories(
  cmsis-nn PRIVATE "${CMSIS_NN_PATH}" "${CMSIS_NN_PATH}/Include" "${CMSIS_PATH}/CMSIS/Core/Include")
"#;

/// The first argument of a program that [`build_apart`] started.
const APART: &str = "build-cmsis-nn-apart";

/// Whether this program calls [`build_apart`].
static APART_IS_SERVED: AtomicBool = AtomicBool::new(false);

/// For programs whose output is for people: the crate `cmake` writes to standard output, and ends a program that it cannot
/// build something for. With this call at the start of its `main`, the program is started once more for that, and the call
/// does the work in the second one and says how that ends. Build scripts do without.
pub fn build_apart() -> Option<ExitCode> {
    APART_IS_SERVED.store(true, Ordering::Relaxed);
    let mut arguments = env::args_os().skip(1);
    if arguments.next()? != APART {
        return None;
    }
    let arguments: Vec<OsString> = arguments.collect();
    let [source, cmsis, folder, triple, cpu, opt_level, compiler] = &arguments[..] else {
        return None;
    };
    let given = |text: &OsString| (!text.is_empty()).then(|| text.to_string_lossy().into_owned());
    let target = Target {
        triple: given(triple),
        cpu: given(cpu),
        opt_level: opt_level.to_str().and_then(|level| level.parse().ok()),
        compiler: (!compiler.is_empty()).then(|| compiler.into()),
    };
    let project = Project {
        source: Path::new(source),
        cmsis: Path::new(cmsis),
        folder: folder.into(),
        target: &target,
    };
    match project.build_here() {
        Ok(_) => Some(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("{error}");
            Some(ExitCode::FAILURE)
        }
    }
}

impl Project<'_> {
    /// Builds the library, or what of it has changed; its path.
    pub(super) fn build(&self) -> Result<PathBuf> {
        find_cmake(&env::var_os("CMAKE").unwrap_or_else(|| "cmake".into()))?;
        if !APART_IS_SERVED.load(Ordering::Relaxed) {
            return self.build_here();
        }
        let program = env::current_exe()
            .map_err(|e| Diagnostic::new(format!("cannot start castiron again: {e}")))?;
        let mut command = Command::new(program);
        command
            .arg(APART)
            .args([self.source, self.cmsis, &self.folder])
            .arg(self.target.triple())
            .arg(self.target.cpu.as_deref().unwrap_or_default())
            .arg(self.target.opt_level())
            .arg(self.target.compiler.as_deref().unwrap_or(Path::new("")));
        match run(&mut command) {
            Ok(Ok(())) => Ok(self.library()),
            Ok(Err(text)) => Err(self.failed(&errors(&text)).into()),
            Err(error) => Err(self.failed(&error.to_string()).into()),
        }
    }

    fn library(&self) -> PathBuf {
        self.folder.join("build").join("libcmsis-nn.a")
    }

    fn failed(&self, found: &str) -> Diagnostic {
        diagnostic(self.source, "CMake cannot build CMSIS-NN")
            .found(found)
            .help("restore CMSIS-NN's sources, or use the reference kernels: --kernels reference")
    }

    fn build_here(&self) -> Result<PathBuf> {
        let triple = self.target.triple();
        let cxx = Cxx::new(self.target, &[], &[], &self.folder)?;
        let (c, cpp) = cxx.builds();
        let mut config = cmake::Config::new(self.project()?);
        config
            .target(&triple)
            .host(&target_lexicon::HOST.to_string())
            .out_dir(&self.folder)
            // CMake's own flags for a profile would stand beside ours.
            .profile("None")
            .init_c_cfg(c.clone())
            .init_cxx_cfg(cpp.clone())
            .no_default_flags(self.target.cpu.is_some())
            .build_target("cmsis-nn")
            .define(
                "CMSIS_OPTIMIZATION_LEVEL",
                format!("-O{}", self.target.opt_level()),
            )
            .define("CMSIS_PATH", self.cmsis)
            .define("CMSIS_NN_PATH", self.source);
        if let Some(system) = system(&triple).filter(|_| !self.target.is_native()) {
            let processor = triple.split('-').next().unwrap_or_default();
            config
                .define("CMAKE_SYSTEM_NAME", system)
                .define("CMAKE_SYSTEM_PROCESSOR", processor)
                // There may be nothing to link a program with.
                .define("CMAKE_TRY_COMPILE_TARGET_TYPE", "STATIC_LIBRARY");
        }
        if env::var_os("NUM_JOBS").is_none() {
            config.build_arg(format!("-j{}", jobs()));
        }
        config.build();
        Ok(self.library())
    }

    /// The folder of the CMake project.
    fn project(&self) -> Result<PathBuf> {
        if self.source.join("CMakeLists.txt").is_file() {
            return Ok(self.source.to_owned());
        }
        let folder = self.folder.join("project");
        let file = folder.join("CMakeLists.txt");
        fs::create_dir_all(&folder).map_err(|e| io_error("make the folder", &folder, &e))?;
        // An unchanged file is not to be configured anew.
        if fs::read(&file).is_ok_and(|text| text == SOURCES_ALONE.as_bytes()) {
            return Ok(folder);
        }
        fs::write(&file, SOURCES_ALONE).map_err(|e| io_error("write", &file, &e))?;
        Ok(folder)
    }
}

/// Fails unless there is a CMake.
fn find_cmake(program: &OsString) -> Result<()> {
    let found = match run(Command::new(program).arg("--version")) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(text)) => text,
        Err(error) => error.to_string(),
    };
    Err(Diagnostic::new("CMSIS-NN's kernels need CMake, which is not installed")
        .expected("CMake 3.15.6 or newer")
        .found(format!("{}: {found}", program.display()))
        .help(
            "on Debian: apt-get install cmake; or name the program in the environment variable CMAKE; or use the reference kernels: --kernels reference",
        )
        .into())
}

/// CMake's name of the system.
fn system(triple: &str) -> Option<&'static str> {
    let systems = [
        ("-none", "Generic"),
        ("linux", "Linux"),
        ("darwin", "Darwin"),
        ("windows", "Windows"),
    ];
    let mut systems = systems.into_iter();
    systems.find_map(|(part, name)| triple.contains(part).then_some(name))
}

/// Of what CMake and the compilers wrote, the errors, or else the end.
fn errors(text: &str) -> String {
    const MOST: usize = 12;
    let lines: Vec<&str> = text.lines().collect();
    let first = lines
        .iter()
        .position(|line| line.contains("rror:") || line.contains("CMake Error"));
    let from = first.unwrap_or(lines.len().saturating_sub(MOST));
    lines
        .into_iter()
        .skip(from)
        .take(MOST)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use castiron_test_tools::skipped;
    use object::{Object as _, ObjectSymbol as _};

    use super::*;

    const FUNCTION: &str =
        "#include \"arm_nnfunctions.h\"\nint arm_two(void) { return ARM_TWO; }\n";
    const PROJECT: &str = "cmake_minimum_required(VERSION 3.15.6)\nproject(P C CXX)\nadd_library(cmsis-nn STATIC Source/A/f.c)\n\
        target_compile_options(cmsis-nn PRIVATE ${CMSIS_OPTIMIZATION_LEVEL})\ntarget_include_directories(cmsis-nn PUBLIC Include)\n";

    fn put(path: PathBuf, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Builds a made-up CMSIS-NN of one function; the symbols of the library.
    fn symbols(project: Option<&str>, target: &Target) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("cmsis_nn");
        put(source.join("Source/A/f.c"), FUNCTION);
        put(
            source.join("Include/arm_nnfunctions.h"),
            "#define ARM_TWO 2\n",
        );
        if let Some(text) = project {
            put(source.join("CMakeLists.txt"), text);
        }
        let project = Project {
            source: &source,
            cmsis: folder.path(),
            folder: folder.path().join("made"),
            target,
        };
        let library = fs::read(project.build().unwrap()).unwrap();
        let archive = object::read::archive::ArchiveFile::parse(&*library).unwrap();
        let members = archive
            .members()
            .map(|member| member.unwrap().data(&*library).unwrap());
        let objects = members.map(|data| object::File::parse(data).unwrap());
        let mut names = Vec::new();
        for object in objects {
            let defined = object
                .symbols()
                .filter(|s| s.is_definition() && s.is_global());
            names.extend(defined.map(|symbol| symbol.name().unwrap().to_owned()));
        }
        names
    }

    fn is_there(tool: &str) -> bool {
        let there = Command::new(tool).arg("--version").output().is_ok();
        if !there {
            skipped(&format!("no {tool} on this machine"), false);
        }
        there
    }

    #[test]
    fn cmake_builds_the_project_or_the_sources_alone() {
        if !is_there("cmake") {
            return;
        }
        let native = Target::default();
        assert_eq!(symbols(Some(PROJECT), &native), ["arm_two"]);
        assert_eq!(symbols(None, &native), ["arm_two"]);
        if is_there("arm-none-eabi-g++") {
            let arm = Target {
                triple: Some("thumbv7em-none-eabihf".to_owned()),
                cpu: Some("cortex-m4".to_owned()),
                ..Target::default()
            };
            assert_eq!(symbols(Some(PROJECT), &arm), ["arm_two"]);
        }
    }

    #[test]
    fn without_cmake_there_is_a_remedy() {
        let text = find_cmake(&"no-such-cmake".into()).unwrap_err().to_string();
        for part in [
            "need CMake",
            "no-such-cmake",
            "apt-get install cmake",
            "--kernels reference",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
