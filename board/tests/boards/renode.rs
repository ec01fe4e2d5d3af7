//! Loads every platform into Renode, where it is installed.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use castiron_board::repl::repl;
use castiron_board::rules::Rules;
use castiron_test_tools::skipped;

/// After this, Renode waits for somebody to type, and the test has failed.
const LONGEST: Duration = Duration::from_secs(900);

/// A command of Renode's Monitor that loads platforms one after the other, whatever becomes of each.
const LOAD_ALL: &str = r#"
from Antmicro.Renode.Core import EmulationManager
import System

def mc_load_all(names):
    for path in System.IO.File.ReadAllLines(names):
        print "BOARD %s" % path
        try:
            monitor.Parse("mach create")
            monitor.Parse("machine LoadPlatformDescription @%s" % path)
        except Exception as e:
            print "Error: %s" % e
        EmulationManager.Instance.Clear()
    print "ALL LOADED"
    System.Console.Out.Flush()
    System.Environment.Exit(0)
"#;

fn renode() -> Option<PathBuf> {
    let named = std::env::var_os("RENODE").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("renode"));
    named.into_iter().chain(on_path).find(|file| file.is_file())
}

#[test]
fn renode_loads_every_platform() {
    let Some(renode) = renode() else {
        skipped("neither RENODE nor PATH has Renode", false);
        return;
    };
    let answer = Command::new(&renode)
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    let answer = answer.expect("Renode starts");
    let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
    let known = Rules::versions().find(|version| answer.contains(&format!("v{version}")));
    let Some(version) = known else {
        let reason = format!("castiron knows no classes of {}", answer.trim());
        skipped(&reason, false);
        return;
    };
    let rules = Rules::shipped(Some(version)).expect("rules");
    let folder = tempfile::tempdir().expect("a folder");
    let mut names = String::new();
    for (index, path) in super::all().iter().enumerate() {
        let text = repl(&super::platform(path, &rules)).expect("a platform");
        let file = folder
            .path()
            .join(format!("{}_{index}.repl", super::stem(path)));
        fs::write(&file, text).expect("a file");
        names += &format!("{}\n", file.display());
    }
    let list = folder.path().join("names.txt");
    fs::write(&list, &names).expect("a file");
    let script = folder.path().join("load_all.py");
    fs::write(&script, LOAD_ALL).expect("a file");
    let commands = format!(
        "logLevel 3; include @{}; load_all \"{}\"",
        script.display(),
        list.display()
    );
    let log = folder.path().join("log.txt");
    let mut child = Command::new(&renode)
        .args(["--disable-xwt", "--console", "--plain", "-e", &commands])
        // Its settings and history are nobody's business here.
        .env("XDG_CONFIG_HOME", folder.path())
        // Kept open: the end of its input may end Renode before it has begun.
        .stdin(Stdio::piped())
        .stdout(fs::File::create(&log).expect("a log"))
        .spawn()
        .expect("Renode runs");
    let start = Instant::now();
    while child.try_wait().expect("a child").is_none() {
        if start.elapsed() > LONGEST {
            child.kill().expect("a child");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let log = fs::read(&log).expect("a log");
    let log = String::from_utf8_lossy(&log).into_owned();
    assert!(log.contains("ALL LOADED"), "{log}");
    let boards: Vec<&str> = log.split("BOARD ").skip(1).collect();
    assert_eq!(boards.len(), names.lines().count());
    let faults = [
        "Error",
        "There was an error",
        "Could not tokenize",
        "Exception",
    ];
    let failed: Vec<&&str> = boards
        .iter()
        .filter(|b| faults.iter().any(|f| b.contains(f)))
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {}: {failed:#?}",
        failed.len(),
        boards.len()
    );
    println!("{} platforms load in Renode {version}", boards.len());
}
