//! Weights with a CRC-32, and guard words behind memory: what a program on this machine, and one on an emulated processor, notices.

use std::path::Path;
use std::process::Command;

use castiron_build::Buffers;
use castiron_build::library::{Library, Options};
use castiron_codegen::compile::Input;
use castiron_test_tools::run;

use super::host::without_compiler;
use super::{build, device, options, store};

const KWS: &str = "examples/models/kws_dscnn_int8.tflite";
const STATEFUL: &str = "tests/data/calls/stateful_counter_f32.tflite";
/// What a program prints of weights that are as they were.
const VERIFIED: &str = "weights: 0";

fn guarded<'a>(set: impl FnOnce(&mut Options<'a>)) -> Options<'a> {
    options(|options| {
        options.name = Some("model".to_owned());
        options.verify = true;
        options.guards = true;
        set(options);
    })
}

fn link(folder: &Path, program: &str) {
    std::fs::write(folder.join("main.c"), program).unwrap();
    run(Command::new("gcc")
        .current_dir(folder)
        .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-Wpedantic"])
        .args(["main.c", "libmodel.a", "-o", "program"]));
}

/// The image with a bit of its weights changed, in their middle.
fn damage(image: &Path, made: &Library) -> Vec<u8> {
    let mut bytes = std::fs::read(image).unwrap();
    let weights = made.program.as_ref().unwrap().constants.bytes();
    let at = bytes.windows(weights.len()).position(|w| w == weights);
    let at = at.expect("the image has the weights") + weights.len() / 2;
    bytes[at] ^= 0x10;
    bytes
}

#[test]
fn a_changed_bit_of_the_weights_is_found() {
    if without_compiler() {
        return;
    }
    let memories = ["fast=4k:fast:rom", "slow=1M:slow:rom"];
    for memories in [&[][..], &memories[..]] {
        let folder = tempfile::tempdir().unwrap();
        let made = build(
            KWS,
            guarded(|options| {
                options.memories = memories.iter().map(|m| m.parse().unwrap()).collect();
            }),
        );
        assert!(
            made.interface
                .symbols()
                .contains(&"model_verify".to_owned())
        );
        store(&made, folder.path());
        link(
            folder.path(),
            r#"
#include <stdio.h>
#include "model.h"
int main(void)
{
    printf("weights: %d\n", model_verify());
    return model_verify() == MODEL_DAMAGED;
}
"#,
        );
        let image = folder.path().join("program");
        assert_eq!(run(&mut Command::new(&image)).trim(), VERIFIED);
        if memories.is_empty() {
            std::fs::write(&image, damage(&image, &made)).unwrap();
            let said = Command::new(&image).output().unwrap();
            assert_eq!(said.status.code(), Some(1));
            assert_eq!(said.stdout, b"weights: 5\n");
        } else {
            // Each memory has a part, and a number of its own.
            assert_eq!(made.program.as_ref().unwrap().roms.len(), 2);
        }
    }
}

/// The same by an emulated Cortex-M4, whose image the debugger of a board would have written.
#[test]
fn a_microcontroller_finds_it_too() {
    const TARGET: &str = "thumbv7em-none-eabihf";
    if device::missing(TARGET) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made = build(
        KWS,
        guarded(|options| options.target = Some(TARGET.to_owned())),
    );
    store(&made, folder.path());
    let program = std::fs::read_to_string(folder.path().join("main.c")).unwrap();
    let before = "int main(void)\n{";
    assert!(program.contains(before), "{program}");
    let checked = format!("{before}\n    if (model_verify() != MODEL_OK) {{ return 5; }}");
    std::fs::write(
        folder.path().join("main.c"),
        program.replace(before, &checked),
    )
    .unwrap();
    let make = || {
        let mut make = Command::new("make");
        make.arg("run").current_dir(folder.path());
        make
    };
    let said = run(&mut make());
    assert!(said.contains("self-test passed"), "{said}");
    let image = std::fs::read_dir(folder.path()).unwrap();
    let mut image = image.map(|file| file.unwrap().path());
    let image = image
        .find(|path| path.extension().is_some_and(|e| e == "elf"))
        .expect("an image");
    std::fs::write(&image, damage(&image, &made)).unwrap();
    let said = make().output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(
        !said.status.success() && !text.contains("self-test"),
        "{text}"
    );
}

#[test]
fn a_library_without_them_has_neither() {
    let made = build(KWS, Options::default());
    let header = made.files.iter().find(|file| file.name.ends_with(".h"));
    let header = String::from_utf8_lossy(&header.unwrap().bytes).into_owned();
    for word in ["verify", "DAMAGED", "OVERRUN", "GUARDS"] {
        assert!(!header.contains(word), "{word}");
    }
    let with = build(KWS, guarded(|options| options.verify = false));
    assert_eq!(
        with.interface.instance_bytes,
        made.interface.instance_bytes + 16
    );
}

/// Whoever writes behind the memory of an instance is told of by the next run, in every form of a model; even zeros are noticed while it runs.
#[test]
fn an_overrun_is_found() {
    if without_compiler() {
        return;
    }
    let plain = r#"
#include <stdio.h>
#include <string.h>
#include "model.h"
static model_model own;
int main(void)
{
    printf("%s\n", model_status_text(model_model_init(&own)));
    printf("%s\n", model_status_text(model_model_run(&own)));
    /* A device that was told one byte too many. */
    memset(model_model_input(&own, 0), 7, MODEL_INPUT_0_BYTES);
    own.bytes[(MODEL_ARENA_BYTES + 15) / 16 * 16] ^= 1;
    printf("%s\n", model_status_text(model_model_run(&own)));
    printf("%s\n", model_status_text(model_model_run(&own)));
    printf("%s\n", model_status_text(model_model_init(&own)));
    printf("%s\n", model_status_text(model_model_run(&own)));
    return 0;
}
"#;
    // What lasts from run to run may lie before the arena: each has guard words, which begin with this number.
    let rows = r#"
#include <stdio.h>
#include <string.h>
#include "model.h"
static model_model own;
static MODEL_ALIGNED(16) signed char row[MODEL_INPUT_0_ROW_ELEMENTS];
int main(void)
{
    const uint32_t word = 0xca5714e1u;
    size_t at;
    printf("%s\n", model_status_text(model_model_init(&own)));
    printf("%s\n", model_status_text(model_model_push_rows(&own, row, 0)));
    printf("%s\n", model_status_text(model_model_push_rows(&own, row, 1)));
    for (at = 0; at + 16 <= sizeof own.bytes; at += 4) {
        model_model other = own;
        if (memcmp(other.bytes + at, &word, sizeof word) == 0) {
            other.bytes[at + 15] ^= 1;
            printf("%s\n", model_status_text(model_model_push_rows(&other, row, 1)));
        }
    }
    return 0;
}
"#;
    let held = r#"
#include <stdio.h>
#include "model.h"
static model_model own;
static MODEL_ALIGNED(16) signed char input[MODEL_INPUT_0_ELEMENTS], output[MODEL_OUTPUT_0_ELEMENTS];
int main(void)
{
    printf("%s\n", model_status_text(model_model_init(&own)));
    printf("%s\n", model_status_text(model_model_run_with(&own, input, output)));
    own.bytes[(MODEL_ARENA_BYTES + 15) / 16 * 16 + 4] ^= 0x80;
    printf("%s\n", model_status_text(model_model_run_with(&own, input, output)));
    return 0;
}
"#;
    let memories = r#"
#include <stdio.h>
#include "model.h"
static model_model own;
static struct { model_dtcm memory; char behind[64]; } dtcm;
static model_sram sram;
int main(void)
{
    printf("%s\n", model_status_text(model_model_init(&own, &dtcm.memory, &sram)));
    printf("%s\n", model_status_text(model_model_run(&own)));
    dtcm.memory.bytes[MODEL_DTCM_BYTES - 16] ^= 1;
    printf("%s\n", model_status_text(model_model_run(&own)));
    return 0;
}
"#;
    // Behind what lasts from run to run, too.
    let state = r#"
#include <stdio.h>
#include "model.h"
static model_model own;
int main(void)
{
    size_t at, found = 0;
    printf("%s\n", model_status_text(model_model_init(&own)));
    printf("%s\n", model_status_text(model_model_run(&own)));
    for (at = 0; at < sizeof own.bytes; at++) {
        int status;
        own.bytes[at] ^= 0x55;
        status = model_model_run(&own);
        found += status == MODEL_OVERRUN;
        own.bytes[at] ^= 0x55;
    }
    printf("%d\n", found == 32);
    return 0;
}
"#;
    type Set = fn(&mut Options<'_>);
    let forms: [(&str, &str, Set, &str); 5] = [
        (
            KWS,
            plain,
            |_| {},
            "ok\nok\nmemory overrun\nmemory overrun\nok\nok\n",
        ),
        (
            "tests/data/ops/conv2d_i8_1.tflite",
            rows,
            |options| options.input = Input::Rows,
            "ok\nno outputs yet\nno outputs yet\nmemory overrun\nmemory overrun\n",
        ),
        (
            KWS,
            held,
            |options| options.buffers = Buffers::Caller,
            "ok\nok\nmemory overrun\n",
        ),
        (
            KWS,
            memories,
            |options| {
                let memories = ["dtcm=8k:fast", "sram=64k"];
                options.memories = memories.map(|memory| memory.parse().unwrap()).into();
            },
            "ok\nok\nmemory overrun\n",
        ),
        (STATEFUL, state, |_| {}, "ok\nok\n1\n"),
    ];
    for (model, program, set, expected) in forms {
        let folder = tempfile::tempdir().unwrap();
        store(&build(model, guarded(set)), folder.path());
        link(folder.path(), program);
        let said = run(&mut Command::new(folder.path().join("program")));
        assert_eq!(said, expected, "{program}");
    }
}
