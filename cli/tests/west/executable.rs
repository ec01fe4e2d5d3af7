//! Where castiron's executable is looked for.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Said, said, west, write};

const NAME_IT: &str = "name it with --castiron PATH, CASTIRON_EXECUTABLE, or `west config \
                       castiron.executable PATH`\n";

/// A program that says who it is and what it was given.
fn script(path: &Path, content: &str) {
    write(path, format!("#!/bin/sh\n{content}\n"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// PATH with `first` before all, and without folders where there is a castiron already.
fn path_with(first: &Path) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let others = std::env::split_paths(&path).filter(|f| !f.join("castiron").exists());
    std::env::join_paths([first.to_owned()].into_iter().chain(others)).unwrap()
}

#[test]
fn the_executable_is_found_in_a_stated_order() {
    let Some(west) = west() else { return };
    let folder = west.folder("executable");
    let place = |name: &str| folder.join(name).join("castiron");
    for name in ["argument", "environment", "cache", "config", "path"] {
        script(&place(name), &format!("echo {name} \"$@\"\nexit 7"));
    }
    let cache = format!(
        "CASTIRON_EXECUTABLE:FILEPATH={}\n",
        place("cache").display()
    );
    write(&folder.join("build/CMakeCache.txt"), cache);
    fs::create_dir_all(folder.join("build/zephyr")).unwrap();
    // Relative to the workspace, wherever west is called.
    let relative = "[castiron]\nexecutable = tests/executable/config/castiron\n";
    write(&folder.join("west.ini"), relative);
    let checkout = west.top.join("modules/castiron");
    let built = checkout.join("target/release/castiron");
    let bin = folder.join("path");

    let run = |argument: &Path, environment: &Path| {
        let mut arguments = vec!["report"];
        if argument.as_os_str() != "" {
            arguments.extend(["--castiron", argument.to_str().unwrap()]);
        }
        arguments.push("m.tflite");
        let mut command = west.command(&folder, &arguments);
        command.env("CASTIRON_EXECUTABLE", environment);
        command.env("WEST_CONFIG_GLOBAL", folder.join("west.ini"));
        said(command.env("PATH", path_with(&bin)))
    };
    let ran = |said: Said, name: &str| {
        let expected = format!("{name} inspect m.tflite\n");
        assert_eq!(
            (said.code, &*said.out, &*said.err),
            (Some(7), &*expected, "")
        );
    };
    let none = Path::new("");

    ran(run(&place("argument"), &place("environment")), "argument");
    ran(run(none, &place("environment")), "environment");
    ran(run(none, none), "cache");
    // A build made before the executable went is no obstacle.
    fs::remove_file(place("cache")).unwrap();
    ran(run(none, none), "config");
    fs::remove_file(folder.join("west.ini")).unwrap();
    ran(run(none, none), "path");
    fs::remove_file(place("path")).unwrap();

    let nothing = format!(
        "error: there is no castiron executable, and no cargo to build it with\n  \
         help: install Rust from https://rustup.rs, or {NAME_IT}"
    );
    let without = run(none, none);
    assert_eq!((without.code, without.err), (Some(3), nothing));
    script(&built, "echo checkout \"$@\"\nexit 7");
    ran(run(none, none), "checkout");

    // With its sources there, the checkout is built, and that it takes time is said.
    fs::remove_file(&built).unwrap();
    write(&checkout.join("Cargo.toml"), "");
    let cargo = format!(
        "echo \"cargo $@\"\npwd\nprintf '#!/bin/sh\\necho built \"$@\"\\nexit 7' > {0}\nchmod +x {0}",
        built.display()
    );
    script(&bin.join("cargo"), &cargo);
    let first = run(none, none);
    let command = format!(
        "--target-dir {}\n{}\n",
        checkout.join("target").display(),
        checkout.display()
    );
    assert_eq!(
        (first.code, &*first.out),
        (Some(7), "built inspect m.tflite\n")
    );
    let note = format!("building castiron in {}: once, ", checkout.display());
    assert!(first.err.starts_with(&note), "{}", first.err);
    assert!(first.err.ends_with(&command), "{}", first.err);
    // Not said again; but cargo looks whether the checkout has changed.
    let again = run(none, none);
    let quiet = "cargo build --release --locked -p castiron-cli --quiet --target-dir ";
    assert!(again.err.starts_with(quiet), "{}", again.err);
    script(&bin.join("cargo"), "echo no luck\nexit 101");
    let broken = run(none, none);
    let cause = format!(
        "no luck\nerror: cargo could not build castiron in {}\n  \
         help: see its message above, or {NAME_IT}",
        checkout.display()
    );
    assert_eq!((broken.code, broken.err), (Some(3), cause));
}

/// One that is named is the one: no other runs in its place.
#[test]
fn a_named_executable_has_to_be_there() {
    let Some(west) = west() else { return };
    let folder = west.folder("named");
    write(&folder.join("text"), "no program");
    write(&folder.join("west.ini"), "[castiron]\nexecutable = nope\n");
    let refuse = |arguments: &[&str], environment: &str, config: &str, cause: &str| {
        let mut command = west.command(&folder, &[&["report", "m.tflite"], arguments].concat());
        command.env("CASTIRON_EXECUTABLE", environment);
        let refused = said(command.env("WEST_CONFIG_GLOBAL", folder.join(config)));
        let expected = format!("error: {cause}\n  help: {NAME_IT}");
        assert_eq!((refused.code, refused.err), (Some(3), expected));
    };
    let absent = |origin: &str| format!("there is no such executable ({origin})");
    let option = absent("--castiron");
    refuse(
        &["--castiron", "./text"],
        "",
        "none",
        &format!("./text: {option}"),
    );
    let variable = absent("CASTIRON_EXECUTABLE");
    refuse(&[], "/none", "none", &format!("/none: {variable}"));
    let config = absent("west config castiron.executable");
    refuse(&[], "", "west.ini", &format!("nope: {config}"));
    let broken = folder.join("broken");
    script(&broken, "");
    fs::write(&broken, "#!/no/such/interpreter\n").unwrap();
    let path = broken.display().to_string();
    let cause = format!("{path}: cannot be run: No such file or directory");
    refuse(&["--castiron", &path], "", "none", &cause);
}
