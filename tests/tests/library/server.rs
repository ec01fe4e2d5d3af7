//! A library that Kenning's client talks to, through functions of the program.

use std::io::Write as _;
use std::process::{Command, Stdio};

use castiron_build::library::Options;
use castiron_cases::{Interface, Recording};
use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::emit::rust::KenningServer;

use castiron_test_tools::run;

use super::host::without_compiler;
use super::{build, model, options, path, store};

const MODEL: &str = "examples/models/vae_int8.tflite";
const GOLDEN: &str = "examples/models/golden/vae_int8.safetensors";
const PROGRAM: &str = r#"
#include <stdio.h>
#include "vae_int8.h"

static int is_over;

int vae_int8_server_read(void)
{
    int byte = getchar();

    is_over |= byte == EOF;
    return byte == EOF ? -1 : byte;
}

void vae_int8_server_write(const uint8_t *bytes, size_t count)
{
    fwrite(bytes, 1, count, stdout);
}

uint64_t vae_int8_server_nanoseconds(void)
{
    static uint64_t now;

    return now += 1000;
}

int main(void)
{
    if (vae_int8_server_poll() != VAE_INT8_NOT_READY || vae_int8_init() != VAE_INT8_OK) {
        return 1;
    }
    while (!is_over) {
        if (vae_int8_server_poll() != VAE_INT8_OK) {
            return 2;
        }
    }
    return 0;
}
"#;

/// A request of one part, and its answer's header.
fn request(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let has = if payload.is_empty() { 0 } else { 8 };
    let mut bytes = vec![kind, 0, 0, 0, 0, 0, flags | has | 0x30, 0];
    bytes.extend((payload.len() as u32).to_le_bytes());
    bytes.extend(payload);
    bytes
}

fn answer(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = request(kind, 0x81, payload);
    bytes[4] = 0xc0;
    bytes[5] = bytes.iter().fold(0x4b, |xor, byte| xor ^ byte);
    bytes
}

#[test]
fn a_program_in_c_serves_a_model() {
    if without_compiler() {
        return;
    }
    let file = std::fs::read(path(MODEL)).unwrap();
    let server = KenningServer::of(&file);
    let library = build(
        MODEL,
        options(|options: &mut Options<'_>| options.server = Some(server)),
    );
    let folder = tempfile::tempdir().unwrap();
    store(&library, folder.path());
    std::fs::write(folder.path().join("server.c"), PROGRAM).unwrap();
    run(Command::new("gcc")
        .args([
            "-std=c99",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-o",
            "server",
            "server.c",
            "libvae_int8.a",
        ])
        .current_dir(folder.path()));

    let program = compile::compile(&model(MODEL), &CompileOptions::default()).unwrap();
    let interface = Interface::from(&program.entries[0]);
    let cases = Recording::open(&path(GOLDEN))
        .unwrap()
        .cases(&interface)
        .unwrap();
    let mut requests = request(0, 1, &[]);
    let mut expected = answer(0, &[]);
    requests.extend(request(3, 0, &file));
    expected.extend(answer(3, &[]));
    for case in &cases {
        for (kind, payload) in [(2, &case.inputs[0][..]), (4, &[]), (5, &[])] {
            requests.extend(request(kind, 0, payload));
        }
        let output = case.outputs[0].as_deref().unwrap();
        for (kind, payload) in [(2, &[][..]), (4, &[]), (5, output)] {
            expected.extend(answer(kind, payload));
        }
    }
    requests.extend(request(0, 2, &[]));
    expected.extend(answer(0, &[]));

    let mut child = Command::new(folder.path().join("server"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // All answers fit into the pipe.
    child.stdin.take().unwrap().write_all(&requests).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    assert!(!cases.is_empty() && output.stdout == expected);
}
