//! `castiron power`.

use crate::support::{Folder, failure, json, stdout};

#[test]
fn a_recording_becomes_energy_of_an_inference() {
    let folder = Folder::new();
    let mut text = "Timestamp(ms),Current(uA),D0-D7\n".to_owned();
    for i in 0..40 {
        let on = i % 20 >= 10;
        let current = if on { 4000 } else { 100 };
        text += &format!("{i},{current},{}0000000\n", u8::from(on));
    }
    text += "40,100,00000000\n";
    let file = folder.write("ppk2.csv", &text);
    let arguments = ["power", &file, "--marker", "D0", "--voltage", "2.5"];
    let said = stdout(&arguments);
    assert!(
        said.contains("2 whole inferences") && said.contains("0.100000"),
        "{said}"
    );
    let answer = json(&[&arguments[..], &["--json"]].concat());
    let energy = answer["inferences"][1]["energy"]
        .as_f64()
        .expect("a number");
    assert!((energy - 2.5 * 4e-3 * 10e-3).abs() < 1e-9, "{energy}");

    folder.write("ppk2.csv", text.replace("20,100,", "20,oops,"));
    let (code, message) = failure(&arguments);
    assert_eq!(code, 1);
    assert!(
        message.contains("ppk2.csv") && message.contains("line 22, column 2"),
        "{message}"
    );
    let (code, _) = failure(&["power", &file]);
    assert_eq!(code, 2);
}
