//! `castiron lib`'s libraries, linked into C programs: on this machine and on emulated processors.

mod custom;
mod device;
mod host;
mod integrity;
mod server;

use std::path::{Path, PathBuf};

use castiron_build::Buffers;
use castiron_build::library::{self, Cases, Library, Options};
use castiron_codegen::graph::Model;

/// Two frames and two results that change places, what is wrong use, and the self-test, of a library whose prefix is `kws`.
const EXCHANGE: &str = r#"
#include <stdio.h>
#include <string.h>
#include "kws.h"
#include "kws_self_test.h"

static KWS_ALIGNED(16) int8_t front[KWS_INPUT_0_ELEMENTS + 1], back[KWS_INPUT_0_ELEMENTS], sent[KWS_INPUT_0_ELEMENTS];
static KWS_ALIGNED(16) int8_t first[KWS_OUTPUT_0_ELEMENTS + 1], second[KWS_OUTPUT_0_ELEMENTS], third[KWS_OUTPUT_0_ELEMENTS];
static kws_model own;

int main(void)
{
    size_t i;

    for (i = 0; i < KWS_INPUT_0_ELEMENTS; i++) {
        sent[i] = (int8_t)(i % 200 - 100);
        front[i] = sent[i];
        back[i] = (int8_t)(i % 7);
    }
    memset(first, 77, sizeof first);
    printf("%s\n", kws_status_text(kws_model_run_with(&own, front, first)));
    kws_model_init(&own);
    printf("%s\n", kws_status_text(kws_model_run_with(&own, NULL, first)));
    printf("%s\n", kws_status_text(kws_model_run_with(&own, front, NULL)));
    printf("%s\n", kws_status_text(kws_model_run_with(&own, front + 1, first)));
    printf("%s\n", kws_status_text(kws_model_run_with(&own, front, first + 1)));
    printf("%s\n", kws_status_text(kws_model_run_with(&own, front, front)));
    printf("%s\n", kws_status_text(kws_model_run_with(&own, front, front + 16)));
    printf("%d\n", first[0] == 77 && memcmp(front, sent, sizeof sent) == 0);
    printf("%s\n", kws_status_text(kws_model_run_with(&own, front, first)));
    printf("%s\n", kws_status_text(kws_model_run_with(&own, back, second)));
    printf("%s\n", kws_status_text(kws_model_run_with(&own, front, third)));
    printf("%d\n", memcmp(first, third, sizeof third) == 0 && memcmp(first, second, sizeof second) != 0);
    printf("%d\n", memcmp(front, sent, sizeof sent) == 0);
    kws_init();
    printf("%s\n", kws_status_text(kws_run_with(back, third)));
    printf("%d\n", memcmp(second, third, sizeof third) == 0);
    printf("%d\n", kws_self_test());
    return 0;
}
"#;
/// What it prints.
const EXCHANGED: &str =
    "not initialised\nerror\nerror\nerror\nerror\nerror\nerror\n1\nok\nok\nok\n1\n1\nok\n1\n0\n";

/// The library that it is for.
fn exchange(target: Option<&str>, buffers: Buffers) -> Library {
    let golden = path("examples/models/golden/kws_dscnn_int8.safetensors");
    let how = options(|options| {
        options.target = target.map(str::to_owned);
        options.buffers = buffers;
        options.name = Some("kws".to_owned());
        options.cases = Cases::Recorded(golden);
    });
    build("examples/models/kws_dscnn_int8.tflite", how)
}

/// One of the project's models.
fn path(name: &str) -> PathBuf {
    castiron_tests::workspace().join(name)
}

fn model(name: &str) -> Model {
    castiron_tests::goldens::read(&path(name)).unwrap()
}

/// Builds a library, with everything compiled for others kept.
fn build(name: &str, options: Options<'_>) -> Library {
    build_of(&model(name), options)
}

fn build_of(model: &Model, mut options: Options<'_>) -> Library {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("castiron");
    options.build_dir = Some(folder);
    library::build(model, &options).unwrap_or_else(|e| panic!("{}: {e}", model.file))
}

/// Options with something set.
fn options<'a>(set: impl FnOnce(&mut Options<'a>)) -> Options<'a> {
    let mut options = Options::default();
    set(&mut options);
    options
}

/// Writes a library's files to a folder.
fn store(library: &Library, folder: &Path) {
    for file in &library.files {
        std::fs::write(folder.join(&file.name), &file.bytes).unwrap();
    }
}
