//! Firmware by way of a debug probe. In place of probe-rs and a board there is a script with QEMU behind it, which is strict
//! about arguments and reads RTT's buffer in memory as probe-rs does.

use std::process::Command;

use castiron_test_tools::present;

use super::*;

fn fake() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/validate/fake_probe.py")
}

#[test]
fn a_probe_runs_the_firmware() {
    if !available(Platform::Qemu) || !present("python3") {
        return;
    }
    let subject = Subjects::kws();
    let folder = tempfile::tempdir().expect("a folder");
    // The variable that names probe-rs is of the whole process: a process of its own has it.
    if std::env::var_os("CASTIRON_PROBE_RS").is_none() {
        let this = std::env::current_exe().expect("this program");
        for damage in [false, true] {
            let mut command = Command::new(&this);
            command.args(["--exact", "probe::a_probe_runs_the_firmware", "--nocapture"]);
            command.env("CASTIRON_PROBE_RS", fake());
            if damage {
                command.env("CASTIRON_TEST_DAMAGE", "1");
            }
            let output = command.output().expect("it starts");
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr)
            );
        }
        return;
    }
    let mut settings = layers(Platform::Probe);
    settings.chip = Some("MPS2_AN386".to_owned());
    settings.keep = Some(folder.path().to_owned());
    let of = Subject {
        model: &subject.model,
        program: &subject.program,
    };
    let outcome = validate(of, &subject.cases, &settings, &mut |_| {});
    if std::env::var_os("CASTIRON_TEST_DAMAGE").is_some() {
        let error = outcome.expect_err("damaged").to_string();
        assert!(error.contains("missing, or damaged"), "{error}");
        return;
    }
    let outcome = outcome.unwrap_or_else(|e| panic!("{e}"));
    assert!(outcome.agree, "{:?}", outcome.first);
    assert_eq!(outcome.references[0].tally.cases, subject.cases.len());
    let operators = subject.model.graphs[0].operators.len();
    assert_eq!(outcome.operators.len() + outcome.unseen.len(), operators);
    settings.chip = Some("UNKNOWN".to_owned());
    let error = validate(of, &subject.cases, &settings, &mut |_| {});
    let error = error.expect_err("no such chip").to_string();
    assert!(error.contains("chip list"), "{error}");
}
