//! What a build directory knows.

use std::fs;
use std::path::Path;

use super::{model, west, workspace, write};

const KWS: &str = "kws_dscnn_int8.tflite";

/// What CMake and Kconfig leave in a build directory, as far as it is read.
fn configure(build: &Path, source: &Path, model: Option<&str>) {
    let cache = format!(
        "# CMake's\nAPPLICATION_SOURCE_DIR:PATH={}\nBOARD:STRING=test_f4@B/stm32f401xe\n",
        source.display()
    );
    write(&build.join("CMakeCache.txt"), cache);
    let mut config = String::from("CONFIG_BOARD=\"test_f4\"\nCONFIG_GPIO=y\n");
    if let Some(model) = model {
        config += &format!("CONFIG_KENNING_MODEL_PATH=\"{model}\"\n");
    }
    write(&build.join("zephyr/.config"), config);
    let dts = workspace().join("board/tests/data/dts/stm32f4.dts");
    write(&build.join("zephyr/zephyr.dts"), fs::read(dts).unwrap());
}

/// An application with its model, and a build of it at `build`.
fn application(folder: &Path, build: &str, path: &str) {
    let bytes = fs::read(model(KWS)).unwrap();
    write(&folder.join("app/models/kws.tflite"), bytes);
    configure(&folder.join(build), &folder.join("app"), Some(path));
}

#[test]
fn the_model_is_the_configured_one() {
    let Some(west) = west() else { return };
    let folder = west.folder("model");
    let absolute = model(KWS);
    for path in ["models/kws.tflite", "./models/kws.tflite", &absolute] {
        application(&folder, "build", path);
        let expected = match path == absolute {
            true => absolute.clone(),
            false => folder.join("app/models/kws.tflite").display().to_string(),
        };
        let report = west.castiron(&folder, &["report", "--json"]);
        assert_eq!(report, west.own(&folder, &["inspect", &expected, "--json"]));
        assert_eq!(report.code, Some(0), "{report:?}");
    }
    let dts = folder.join("build/zephyr/zephyr.dts").display().to_string();
    let model = folder.join("app/models/kws.tflite").display().to_string();
    application(&folder, "build", "models/kws.tflite");
    for (through, own) in [
        (
            &["arena", "--kernels", "cmsis-nn"] as &[&str],
            &["arena", &model, "--kernels", "cmsis-nn"] as &[&str],
        ),
        (
            &["header", "-o", "-", "--style", "kenning"],
            &["gen-header", &model, "-o", "-", "--style", "kenning"],
        ),
        (&["resolver", "-o-"], &["gen-resolver", &model, "-o-"]),
        (&["fit"], &["fit", &model, "--dts", &dts]),
        (
            &["fit", "--app-ram", "90"],
            &["fit", &model, "--dts", &dts, "--app-ram", "90"],
        ),
        (
            &["fit", "--board", "mps2/an385"],
            &["fit", &model, "--board", "mps2/an385"],
        ),
    ] {
        let expected = west.own(&folder, own);
        assert!(!expected.out.is_empty(), "{own:?}: {expected:?}");
        assert_eq!(west.castiron(&folder, through), expected, "{through:?}");
    }
    // As in west build, the current directory may be the build.
    let inside = west.castiron(&folder.join("build"), &["arena"]);
    assert_eq!(inside, west.own(&folder, &["arena", &model]));
}

#[test]
fn the_platform_is_the_builds() {
    let Some(west) = west() else { return };
    let folder = west.folder("platform");
    application(&folder, "build", "");
    let said = west.castiron(&folder, &["repl", "--json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let script = read("build/test_f4.resc");
    for named in ["build/test_f4.repl", "build/zephyr/zephyr.elf"] {
        let path = folder.join(named).display().to_string();
        assert!(script.contains(&format!("@{path}\n")), "{script}");
    }
    let dts = "build/zephyr/zephyr.dts";
    let expected = west.own(&folder, &["board-repl", dts]).out;
    assert!(expected.contains("cpu0"), "{expected}");
    assert_eq!(read("build/test_f4.repl"), expected);

    fs::remove_file(folder.join("build/test_f4.resc")).unwrap();
    for option in ["-oown.repl", "--output=own.repl"] {
        let said = west.castiron(&folder, &["repl", "-d", "build", "-q", option]);
        assert_eq!((said.code, &*said.out, &*said.err), (Some(0), "", ""));
        assert_eq!(read("own.repl"), expected);
        fs::remove_file(folder.join("own.repl")).unwrap();
    }
    let own = west.castiron(&folder, &["repl", dts]);
    assert_eq!(own.out, expected);
    assert!(!folder.join("build/test_f4.resc").exists());

    let elsewhere = ["repl", "-q", "--resc", "own.resc", "--elf", "own.elf"];
    assert_eq!(west.castiron(&folder, &elsewhere).code, Some(0));
    let script = read("own.resc");
    assert!(script.contains("own.elf\n") && script.contains("build/test_f4.repl\n"));
}

/// Adds lines to what Kconfig leaves.
fn configure_also(build: &Path, lines: &str) {
    let path = build.join("zephyr/.config");
    let config = fs::read_to_string(&path).unwrap() + lines;
    write(&path, config);
}

/// What the functions for CMake take from Kconfig is taken here, too.
#[test]
fn settings_are_the_builds() {
    let Some(west) = west() else { return };
    let folder = west.folder("settings");
    application(&folder, "build", "models/kws.tflite");
    let build = folder.join("build");
    configure_also(
        &build,
        "# CONFIG_CASTIRON_ENGINE_COMPILED is not set\nCONFIG_CASTIRON_ENGINE_TFLM=y\n\
         CONFIG_CASTIRON_FIT_APP_FLASH=16\nCONFIG_CASTIRON_FIT_APP_RAM=90\n\
         CONFIG_CASTIRON_RENODE_VERSION=\"1.15.3\"\n\
         CONFIG_CASTIRON_RENODE_RULES=\"../first.toml 'second rules.toml'\"\n\
         CONFIG_KENNING_TFLITE_OPS=\"Softmax,ADD\"\n",
    );
    let ignored = |compatible: &str, by: &str| {
        format!("[[ignore]]\ncompatible = \"{compatible}\"\nwhy = \"is {by}\"\n")
    };
    // Of both files there is something in the platform, and their order has a say in it.
    let (watchdog, timer) = ("st,stm32-watchdog", "st,stm32-timers");
    let first = ignored(watchdog, "first") + &ignored(timer, "first");
    write(&folder.join("first.toml"), first);
    let second = ignored(watchdog, "second");
    write(&folder.join("app/second rules.toml"), second);
    write(&folder.join("third.toml"), ignored(timer, "third"));

    let path = |name: &str| folder.join(name).display().to_string();
    let (dts, kws) = (
        path("build/zephyr/zephyr.dts"),
        path("app/models/kws.tflite"),
    );
    let (first, second) = (path("first.toml"), path("app/second rules.toml"));
    let sine = model("sine_int8.tflite");
    let fit = ["fit", &*kws, "--dts", &*dts];
    let tflm = ["--engine", "tflm", "--app-flash", "16", "--app-ram", "90"];
    let repl = ["board-repl", &*dts];
    let rules = ["--rules", &*first, "--rules", &*second];
    let old = ["--renode-version", "1.15.3"];
    let resolver = ["gen-resolver", "-o-"];
    for (through, own) in [
        (&["fit"] as &[&str], [&fit[..], &tflm].concat()),
        // One that is given stands in for the build's, the others stay.
        (
            &["fit", "--app-ram=1", "--engine", "compiled"],
            [&fit[..], &["--app-flash=16", "--app-ram=1"]].concat(),
        ),
        (
            &["fit", &sine],
            [&["fit", &*sine, "--dts", &*dts], &tflm[..]].concat(),
        ),
        (
            &["fit", "--board", "mps2/an385"],
            [&["fit", &*kws, "--board", "mps2/an385"], &tflm[..]].concat(),
        ),
        // Nothing is the build's, unless it is named.
        (
            &["fit", &sine, "--board", "mps2/an385"],
            vec!["fit", &sine, "--board", "mps2/an385"],
        ),
        (
            &["fit", &sine, "--board", "mps2/an385", "-d", "build"],
            [&["fit", &*sine, "--board", "mps2/an385"], &tflm[..]].concat(),
        ),
        (
            &["repl", "-o-"],
            [&repl[..], &["-o-"], &rules, &old].concat(),
        ),
        (
            &[
                "repl",
                "-o-",
                "--renode-version",
                "1.16.1",
                "--rules",
                "third.toml",
            ],
            [&repl[..], &["-o-", "--rules", "third.toml"]].concat(),
        ),
        (&["repl", &dts], repl.to_vec()),
        (
            &["resolver", "-o-"],
            [&resolver[..], &[&kws, "--ops", "Softmax,ADD"]].concat(),
        ),
        (
            &["resolver", "-o-", "--ops", "Logistic"],
            [&resolver[..], &[&kws, "--ops", "Logistic"]].concat(),
        ),
        (
            &["resolver", "-o-", &sine],
            [&resolver[..], &[&sine]].concat(),
        ),
    ] {
        let expected = west.own(&folder, &own);
        assert!(!expected.out.is_empty(), "{own:?}: {expected:?}");
        assert_eq!(west.castiron(&folder, through), expected, "{through:?}");
    }
    // What the settings say shows: none of the above is equal because they are nothing.
    let settled = west.own(&folder, &[&fit[..], &tflm].concat());
    assert_ne!(settled, west.own(&folder, &fit));
    assert_eq!(settled.code, Some(1), "{settled:?}");
    let settled = west.own(&folder, &[&repl[..], &rules].concat()).out;
    assert!(settled.contains("is first") && settled.contains("is second"));
    let settled = west.own(&folder, &[&repl[..], &["-o-"], &old].concat());
    assert_ne!(settled, west.own(&folder, &[&repl[..], &["-o-"]].concat()));

    // A switch, which takes no value. The engine is castiron's, whose code is estimated otherwise.
    application(&folder, "build", "models/kws.tflite");
    configure_also(&build, "CONFIG_CASTIRON_FIT_NO_CODE=y\n");
    let without = west.own(&folder, &[&fit[..], &["--no-code"]].concat());
    assert_eq!(west.castiron(&folder, &["fit"]), without);
    assert_ne!(without, west.own(&folder, &fit));
    assert_eq!(west.castiron(&folder, &["fit", "--no-code"]), without);
}

/// Operators need no model; files of rules that are not there, or cannot be told apart, are said.
#[test]
fn settings_stand_alone_and_are_checked() {
    let Some(west) = west() else { return };
    let folder = west.folder("settings-alone");
    let build = folder.join("build");
    configure(&build, &folder, Some(""));
    configure_also(&build, "CONFIG_KENNING_TFLITE_OPS=\"Softmax,ADD\"\n");
    let own = west.own(&folder, &["gen-resolver", "-o-", "--ops", "Softmax,ADD"]);
    assert_eq!(own.code, Some(0), "{own:?}");
    assert_eq!(west.castiron(&folder, &["resolver", "-o-"]), own);

    configure_also(&build, "CONFIG_CASTIRON_RENODE_RULES=\"absent.toml\"\n");
    let said = west.castiron(&folder, &["repl"]);
    let absent = folder.join("absent.toml").display().to_string();
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.err.contains(&absent), "{}", said.err);

    configure(&build, &folder, None);
    configure_also(&build, "CONFIG_CASTIRON_RENODE_RULES=\"'open.toml\"\n");
    let said = west.castiron(&folder, &["repl"]);
    let expected = "error: CONFIG_CASTIRON_RENODE_RULES is 'open.toml: No closing quotation\n  \
                    help: correct it in prj.conf\n";
    assert_eq!((said.code, &*said.err), (Some(3), expected));
}

/// Renode's scripts cannot name paths with spaces; the platform is made all the same.
#[test]
fn without_a_script_where_there_is_a_space() {
    let Some(west) = west() else { return };
    let folder = west.folder("with space");
    application(&folder, "build", "");
    let said = west.castiron(&folder, &["repl", "-q"]);
    let note = format!(
        "note: no script, as Renode's cannot name {}, which has a space\n",
        folder.join("build").display()
    );
    assert_eq!((said.code, &*said.err), (Some(0), &*note));
    assert!(folder.join("build/test_f4.repl").exists());
    assert!(!folder.join("build/test_f4.resc").exists());
}

/// The application is one of several builds; the others and the whole have no model.
#[test]
fn sysbuild_has_the_application_in_a_folder() {
    let Some(west) = west() else { return };
    let folder = west.folder("sysbuild");
    application(&folder, "build/own_app", "models/kws.tflite");
    configure(&folder.join("build/mcuboot"), &folder, None);
    fs::remove_file(folder.join("build/mcuboot/zephyr/zephyr.dts")).unwrap();
    write(
        &folder.join("build/CMakeCache.txt"),
        "ZEPHYR_BASE:PATH=/z\n",
    );
    let domain = |name: &str, top: &Path| {
        let path = top.join(name).display().to_string();
        format!("  - name: {name}\n    build_dir: {path}\n")
    };
    let model = folder.join("app/models/kws.tflite").display().to_string();
    let expected = west.own(&folder, &["arena", &model]);
    // The second is of a build directory that was moved.
    for top in [folder.join("build"), folder.join("gone")] {
        let domains = format!(
            "default: own_app\nbuild_dir: {}\ndomains:\n{}{}flash_order:\n  - mcuboot\n  - own_app\n",
            top.display(),
            domain("mcuboot", &top),
            domain("own_app", &top),
        );
        write(&folder.join("build/domains.yaml"), domains);
        assert_eq!(west.castiron(&folder, &["arena"]), expected);
    }
    let said = west.castiron(&folder, &["repl", "-q"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let script = fs::read_to_string(folder.join("build/own_app/test_f4.resc")).unwrap();
    let elf = folder.join("build/own_app/zephyr/zephyr.elf");
    assert!(script.contains(&elf.display().to_string()), "{script}");
    write(
        &folder.join("build/domains.yaml"),
        "default: absent\ndomains: []\n",
    );
    let said = west.castiron(&folder, &["repl"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(
        said.err
            .contains("domains.yaml: names no default build\n  help: ")
    );
}

/// `west config build.dir-fmt`: one build that it may have made is taken, of several none.
#[test]
fn other_places_of_builds_are_found() {
    let Some(west) = west() else { return };
    let folder = west.folder("places");
    application(&folder, "out/test_f4/stm32f401xe/app", "models/kws.tflite");
    let config = folder.join("config");
    write(&config, "[build]\ndir-fmt = out/{board}/{app}\n");
    let arena = || {
        let mut command = west.command(&folder, &["arena"]);
        command.env("CASTIRON_EXECUTABLE", &west.cli);
        super::said(command.env("WEST_CONFIG_GLOBAL", &config))
    };
    let said = arena();
    assert_eq!(said.code, Some(0), "{said:?}");
    application(&folder, "out/other/app", "models/kws.tflite");
    let said = arena();
    let several = "error: there are several build directories: out/other/app, \
                   out/test_f4/stm32f401xe/app\n  help: name one with -d\n";
    assert_eq!((said.code, &*said.err), (Some(2), several));
    write(&config, "[build]\ndir-fmt = elsewhere-{board}\n");
    let said = arena();
    assert_eq!(said.code, Some(3));
    assert!(
        said.err
            .starts_with("error: elsewhere-{board}: there is no build directory here\n")
    );
}

#[test]
fn what_is_missing_is_said_with_a_remedy() {
    let Some(west) = west() else { return };
    let folder = west.folder("errors");
    let first =
        "  help: run `west build -b BOARD APP` first, or name its build directory with -d\n";
    for (arguments, code, cause) in [
        (
            &["repl"] as &[&str],
            3,
            "build: there is no build directory here",
        ),
        (&["fit"], 3, "build: there is no build directory here"),
        (
            &["report", "-d", "b"],
            3,
            "b: there is no such build directory",
        ),
    ] {
        let said = west.castiron(&folder, arguments);
        let expected = format!("error: {cause}\n{first}");
        assert_eq!(
            (said.code, &*said.out, said.err),
            (Some(code), "", expected)
        );
    }

    configure(&folder.join("build"), &folder, None);
    let config = folder.join("build/zephyr/.config").display().to_string();
    let none = format!(
        "error: no model is given, and {config} has no CONFIG_KENNING_MODEL_PATH\n  \
         help: name a .tflite file\n"
    );
    for name in ["header", "fit"] {
        let said = west.castiron(&folder, &[name, "--json"]);
        assert_eq!((said.code, said.err), (Some(2), none.clone()), "{name}");
    }

    let dts = folder.join("build/zephyr/zephyr.dts");
    fs::remove_file(&dts).unwrap();
    let none = format!("error: {}: there is no devicetree\n{first}", dts.display());
    for arguments in [&["repl"] as &[&str], &["fit", "model.tflite"]] {
        let said = west.castiron(&folder, arguments);
        assert_eq!((said.code, &said.err), (Some(3), &none), "{arguments:?}");
    }

    configure(&folder.join("build"), &folder, Some("models/kws.tflite"));
    fs::write(folder.join("build/CMakeCache.txt"), "").unwrap();
    let said = west.castiron(&folder, &["report"]);
    let cause = "error: CONFIG_KENNING_MODEL_PATH is relative (models/kws.tflite), and ";
    assert_eq!(said.code, Some(3));
    assert!(
        said.err.starts_with(cause) && said.err.ends_with(first),
        "{}",
        said.err
    );
}
