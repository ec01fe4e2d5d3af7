//! Libraries for this machine.

use std::fmt::Write as _;
use std::process::Command;

use castiron_build::Buffers;
use castiron_build::library::{self, Cases, Options};
use castiron_codegen::compile::{self, CompileOptions, Input};
use castiron_codegen::emit::c_api::Case;
use castiron_codegen::exec::Machine;
use castiron_codegen::graph::{self, Model, Signature};
use castiron_codegen::program::Observation;
use castiron_codegen::target::Isa;
use object::read::archive::ArchiveFile;
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

use castiron_test_tools::{present, run, skipped};

use super::{EXCHANGE, EXCHANGED, build, build_of, exchange, model, options, path, store};

const STRICT: [&str; 7] = [
    "-std=c99",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wpedantic",
    "-Wconversion",
    "-Wstrict-prototypes",
];
const VAE: &str = "examples/models/vae_int8.tflite";
const SINE: &str = "examples/models/sine_int8.tflite";

pub(super) fn without_compiler() -> bool {
    if !cfg!(target_os = "linux") {
        skipped("libraries are linked so on Linux", false);
        return true;
    }
    !present("gcc")
}

/// Two libraries, instances beside the built-in one, and what is wrong use.
#[test]
fn two_models_live_in_one_program() {
    if without_compiler() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in [VAE, SINE] {
        store(&build(name, Options::default()), folder.path());
    }
    let program = r#"
#include <stdio.h>
#include <string.h>
#include "sine_int8.h"
#include "sine_int8_self_test.h"
#include "vae_int8.h"
#include "vae_int8_self_test.h"

static sine_int8_model first, second;

int main(void)
{
    int8_t before;

    printf("%s\n", sine_int8_status_text(sine_int8_run()));
    printf("%s\n", sine_int8_status_text(sine_int8_model_run(&first)));
    printf("%d\n", sine_int8_model_input(&first, 0) == NULL);
    printf("%s\n", sine_int8_status_text(sine_int8_model_init(NULL)));
    memset(&first, 0xff, sizeof first);
    sine_int8_model_init(&first);
    sine_int8_model_init(&second);
    printf("%d\n", sine_int8_model_input(&first, 1) == NULL && sine_int8_model_output(&first, 1) == NULL);
    printf("%d\n", sine_int8_input_bytes(0) == 1 && sine_int8_input_bytes(1) == 0);
    *(int8_t *)sine_int8_model_input(&first, 0) = sine_int8_input_0_quantize(1.5f);
    *(int8_t *)sine_int8_model_input(&second, 0) = sine_int8_input_0_quantize(4.5f);
    sine_int8_model_run(&first);
    before = *(const int8_t *)sine_int8_model_output(&first, 0);
    sine_int8_model_run(&second);
    printf("%d\n", before == *(const int8_t *)sine_int8_model_output(&first, 0));
    printf("%d\n", sine_int8_output_0_dequantize(before) > 0.9f);
    printf("%d\n", sine_int8_output_0_dequantize(*(const int8_t *)sine_int8_model_output(&second, 0)) < -0.9f);
    printf("%d %d\n", sine_int8_self_test(), vae_int8_self_test());
    return 0;
}
"#;
    std::fs::write(folder.path().join("two.c"), program).unwrap();
    for order in [
        ["libsine_int8.a", "libvae_int8.a"],
        ["libvae_int8.a", "libsine_int8.a"],
    ] {
        run(Command::new("gcc")
            .current_dir(folder.path())
            .args(STRICT)
            .args(["two.c", "sine_int8_self_test.c", "vae_int8_self_test.c"])
            .args(order)
            .args(["-o", "two"]));
        let said = run(&mut Command::new(folder.path().join("two")));
        let expected = "not initialised\nnot initialised\n1\nerror\n1\n1\n1\n1\n1\n0 0\n";
        assert_eq!(said, expected);
    }
}

/// Rows of an input: one, several, none, too many, and what is wrong use. The self-test pushes rows one by one.
#[test]
fn a_library_takes_rows() {
    if without_compiler() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let golden = path("tests/data/ops/golden/conv2d_i8_1.safetensors");
    let by_rows = options(|options| {
        options.input = Input::Rows;
        options.name = Some("conv".to_owned());
        options.cases = Cases::Recorded(golden);
    });
    store(
        &build("tests/data/ops/conv2d_i8_1.tflite", by_rows),
        folder.path(),
    );
    let program = r#"
#include <stdio.h>
#include "conv.h"
#include "conv_self_test.h"

static conv_model own;
static int8_t rows[CONV_INPUT_0_ROWS * CONV_INPUT_0_ROW_ELEMENTS];

int main(void)
{
    printf("%s\n", conv_status_text(conv_model_push_rows(&own, rows, 1)));
    conv_model_init(&own);
    printf("%s\n", conv_status_text(conv_model_push_rows(&own, NULL, 1)));
    printf("%s\n", conv_status_text(conv_model_push_rows(&own, NULL, 0)));
    printf("%s\n", conv_status_text(conv_model_push_rows(&own, rows, CONV_INPUT_0_ROWS + 1)));
    printf("%s\n", conv_status_text(conv_model_push_rows(&own, rows, (size_t)-1)));
    printf("%s\n", conv_status_text(conv_model_push_rows(&own, rows, 2)));
    printf("%d\n", conv_model_output(&own, 0) == NULL);
    printf("%s\n", conv_status_text(conv_model_push_rows(&own, rows, CONV_INPUT_0_ROWS - 1)));
    printf("%s\n", conv_status_text(conv_model_push_rows(&own, rows, CONV_INPUT_0_ROWS - 2)));
    printf("%d\n", conv_model_output(&own, 0) != NULL && conv_model_output(&own, 1) == NULL);
    printf("%s\n", conv_status_text(conv_model_push_rows(&own, rows, CONV_INPUT_0_ROWS)));
    printf("%s\n", conv_status_text(conv_model_push_rows(&own, rows, 1)));
    printf("%d\n", conv_model_output(&own, 0) == NULL);
    printf("%s\n", conv_status_text(conv_model_reset(&own)));
    printf("%s\n", conv_status_text(conv_model_push_rows(&own, rows, CONV_INPUT_0_ROWS)));
    printf("%d\n", conv_self_test());
    return 0;
}
"#;
    std::fs::write(folder.path().join("rows.c"), program).unwrap();
    run(Command::new("gcc")
        .current_dir(folder.path())
        .args(STRICT)
        .args(["rows.c", "conv_self_test.c", "libconv.a", "-o", "rows"]));
    let said = run(&mut Command::new(folder.path().join("rows")));
    let expected = "not initialised\nerror\nno outputs yet\ntoo many rows\ntoo many rows\nno outputs yet\n1\n\
                    too many rows\nok\n1\nok\nno outputs yet\n1\nok\nok\n0\n";
    assert_eq!(said, expected);
}

/// Inputs and outputs in the program's own buffers.
#[test]
fn a_library_takes_buffers() {
    if without_compiler() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    store(&exchange(None, Buffers::Caller), folder.path());
    std::fs::write(folder.path().join("exchange.c"), EXCHANGE).unwrap();
    run(Command::new("gcc")
        .current_dir(folder.path())
        .args(STRICT)
        .args(["exchange.c", "kws_self_test.c", "libkws.a"])
        .args(["-o", "exchange"]));
    let said = run(&mut Command::new(folder.path().join("exchange")));
    assert_eq!(said, EXCHANGED);
    if !present("make") {
        return;
    }
    // One side alone: the other is the model's, as ever.
    for (buffers, symbols) in [
        (Buffers::Inputs, ["kws_output", "kws_model_output"]),
        (Buffers::Outputs, ["kws_input", "kws_model_input"]),
    ] {
        let made = exchange(None, buffers);
        let names = made.interface.symbols();
        assert!(
            symbols
                .iter()
                .all(|symbol| names.contains(&(*symbol).to_owned()))
        );
        assert!(names.contains(&"kws_run_with".to_owned()));
        store(&made, folder.path());
        let said = run(Command::new("make").arg("run").current_dir(folder.path()));
        assert!(said.contains("self-test passed"), "{said}");
    }
}

/// A model in two memories: instances of their own memories, and what is wrong use. The self-test takes the instance that is built in, whose
/// memories have sections.
#[test]
fn a_library_works_in_memories() {
    if without_compiler() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let in_memories = options(|options| {
        options.name = Some("kws".to_owned());
        options.memories = ["dtcm=8k:fast", "sram=64k", "psram=1M:slow"]
            .map(|memory| memory.parse().unwrap())
            .into();
        options.cases = Cases::Recorded(path("examples/models/golden/kws_dscnn_int8.safetensors"));
    });
    let made = build("examples/models/kws_dscnn_int8.tflite", in_memories);
    store(&made, folder.path());
    let program = r#"
#include <stdio.h>
#include <string.h>
#include "kws.h"
#include "kws_self_test.h"

static kws_model one, two;
static kws_dtcm dtcm[2];
static kws_sram sram[2];

static void infer(kws_model *model, int value)
{
    memset(kws_model_input(model, 0), value, KWS_INPUT_0_BYTES);
    kws_model_run(model);
}

int main(void)
{
    signed char outputs[2][KWS_OUTPUT_0_BYTES];

    memset(dtcm, 0x55, sizeof dtcm);
    memset(sram, 0x55, sizeof sram);
    printf("%s\n", kws_status_text(kws_model_run(&one)));
    printf("%s\n", kws_status_text(kws_model_init(&one, NULL, &sram[0], NULL)));
    printf("%s\n", kws_status_text(kws_model_init(&one, &dtcm[0], &sram[0], NULL)));
    printf("%s\n", kws_status_text(kws_model_init(&two, &dtcm[1], &sram[1], NULL)));
    infer(&one, 3);
    memcpy(outputs[0], kws_model_output(&one, 0), sizeof outputs[0]);
    infer(&two, -90);
    printf("%d\n", memcmp(kws_model_output(&one, 0), outputs[0], sizeof outputs[0]));
    infer(&one, -90);
    printf("%d\n", memcmp(kws_model_output(&one, 0), kws_model_output(&two, 0), sizeof outputs[0]));
    printf("%d\n", memcmp(kws_model_output(&one, 0), outputs[0], sizeof outputs[0]) != 0);
    printf("%d %d\n", sizeof(kws_dtcm) + sizeof(kws_sram) == KWS_ARENA_BYTES, KWS_PSRAM_BYTES);
    printf("%d\n", kws_self_test());
    return 0;
}
"#;
    std::fs::write(folder.path().join("memories.c"), program).unwrap();
    run(Command::new("gcc")
        .current_dir(folder.path())
        .args(STRICT)
        .args([
            "memories.c",
            "kws_self_test.c",
            "libkws.a",
            "-o",
            "memories",
        ]));
    let said = run(&mut Command::new(folder.path().join("memories")));
    assert_eq!(said, "not initialised\nerror\nok\nok\n0\n0\n1\n1 0\n0\n");
}

/// A status says that a run ended before there were outputs, and the self-test knows which do.
#[test]
fn a_run_that_ends_early_has_a_status() {
    if without_compiler() {
        return;
    }
    let golden = path("tests/data/waiting/golden/waiting_i8.safetensors");
    let folder = tempfile::tempdir().unwrap();
    let recorded = options(|options| options.cases = Cases::Recorded(golden));
    store(
        &build("tests/data/waiting/waiting_i8.tflite", recorded),
        folder.path(),
    );
    let program = r#"
#include <stdio.h>
#include "waiting_i8.h"
#include "waiting_i8_self_test.h"

int main(void)
{
    int i;

    waiting_i8_init();
    for (i = 0; i < 6; i++) {
        printf("%s, ", waiting_i8_status_text(waiting_i8_run()));
    }
    printf("%d of %d\n", waiting_i8_self_test(), WAITING_I8_SELF_TEST_CASES);
    return 0;
}
"#;
    std::fs::write(folder.path().join("waiting.c"), program).unwrap();
    run(Command::new("gcc")
        .current_dir(folder.path())
        .args(STRICT)
        .args(["waiting.c", "waiting_i8_self_test.c", "libwaiting_i8.a"])
        .args(["-o", "waiting"]));
    let said = run(&mut Command::new(folder.path().join("waiting")));
    assert_eq!(
        said,
        format!("{}ok, 0 of 13\n", "no outputs yet, ".repeat(5))
    );
}

/// The example as it is written, and a self-test that has to fail.
#[test]
fn the_example_builds_and_notices_a_wrong_output() {
    if without_compiler() || !present("make") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made = build("tests/data/models/multi_io_f32.tflite", Options::default());
    store(&made, folder.path());
    let make = || {
        let mut make = Command::new("make");
        make.arg("run").current_dir(folder.path());
        make
    };
    let said = run(&mut make());
    assert!(said.contains("self-test passed"), "{said}");

    let wrong = Case {
        inputs: (made.interface.facts.inputs.iter())
            .map(|t| vec![0; t.bytes])
            .collect(),
        outputs: (made.interface.facts.outputs.iter())
            .map(|t| vec![0x42; t.bytes])
            .collect(),
    };
    let wrong = options(|o| o.cases = Cases::Given(vec![wrong]));
    store(
        &build("tests/data/models/multi_io_f32.tflite", wrong),
        folder.path(),
    );
    let failed = make().output().unwrap();
    let said = String::from_utf8_lossy(&failed.stdout);
    assert!(
        !failed.status.success() && said.contains("case 0: differs"),
        "{said}"
    );
}

/// A model whose first subgraph another signature's runs, too: a branch of an IF.
fn branch_first() -> Model {
    let mut model = model("tests/data/calls/if_i8_0.tflite");
    model.graphs.swap(0, 1);
    let graph::Options::If(branches) = &mut model.graphs[1].operators[0].options else {
        panic!("the model is an IF");
    };
    branches.then_graph = 0;
    let signatures = [("branch", 0), ("choose", 1)];
    let signature = |(name, graph): (&str, usize)| Signature {
        name: name.to_owned(),
        graph,
        inputs: Vec::new(),
        outputs: Vec::new(),
    };
    model.signatures = signatures.map(signature).to_vec();
    model
}

/// What C sees of every operator is what the host's machine shows, in the same sequence, in two successive runs: of plain
/// models, of movements that are computed together, of nested calls with variables.
#[test]
fn traced_runs_show_the_same_as_the_host() {
    if without_compiler() {
        return;
    }
    // With the outputs of operators that a run shows.
    for (model, shown) in [
        (model("examples/models/kws_dscnn_int8.tflite"), 12),
        (model("tests/data/models/multi_io_int8.tflite"), 11),
        (model("tests/data/ops/chain_i8_121.tflite"), 1),
        (model("tests/data/calls/nested_f32.tflite"), 6),
        (branch_first(), 1),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let made = build_of(
            &model,
            options(|o| {
                o.name = Some("m".to_owned());
                o.traced = true;
            }),
        );
        store(&made, folder.path());
        let program = r#"
#include <stdio.h>
#include "m.h"

static m_model model;

static void after(void *context, size_t operator_index, size_t output_index, const void *data, size_t bytes)
{
    unsigned sum = 0;
    size_t i;

    for (i = 0; i < bytes; i++) {
        sum = sum * 31u + ((const unsigned char *)data)[i];
    }
    fprintf((FILE *)context, "%u %u %u %u\n", (unsigned)operator_index, (unsigned)output_index, (unsigned)bytes, sum);
}

int main(void)
{
    size_t i, k, run;

    m_model_init(&model);
    for (run = 0; run < 2; run++) {
        for (i = 0; i < M_INPUT_COUNT; i++) {
            unsigned char *input = m_model_input(&model, i);

            for (k = 0; k < m_input_bytes(i); k++) {
                input[k] = (unsigned char)(k * 37u + 11u);
            }
        }
        if (m_model_run_traced(&model, after, stdout) != M_OK) {
            return 1;
        }
    }
    return 0;
}
"#;
        std::fs::write(folder.path().join("traced.c"), program).unwrap();
        run(Command::new("gcc")
            .current_dir(folder.path())
            .args(STRICT)
            .args(["traced.c", "libm.a", "-o", "traced"]));
        let said = run(&mut Command::new(folder.path().join("traced")));

        let program = compile::compile(&model, &CompileOptions::default()).unwrap();
        let mut machine = Machine::new(&program, &program.entries[0]);
        let mut expected = String::new();
        for _ in 0..2 {
            for (i, port) in program.entries[0].inputs.iter().enumerate() {
                let bytes = (0..port.operand.range().len()).map(|k| (k as u32 * 37 + 11) as u8);
                let bytes: Vec<u8> = bytes.collect();
                machine.set_input(i, &bytes).unwrap();
            }
            let after = |seen: &Observation, bytes: &[u8]| {
                let sum = bytes.iter().fold(0u32, |sum, b| {
                    sum.wrapping_mul(31).wrapping_add((*b).into())
                });
                let (operator, output) = (seen.operator, seen.output);
                writeln!(expected, "{operator} {output} {} {sum}", bytes.len()).unwrap();
            };
            machine.run_traced(after).unwrap();
        }
        let file = &model.file;
        assert_eq!(expected.lines().count(), 2 * shown, "{file}: {expected}");
        assert_eq!(said, expected, "{file}");
    }
}

/// The header has to serve C++ as well.
#[test]
fn the_header_is_clean_cpp17() {
    if !present("g++") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let labels: Vec<String> = (0..12).map(|i| format!("\"{i}\" %d ??/")).collect();
    let made = build(
        "examples/models/kws_dscnn_int8.tflite",
        options(|o| {
            o.labels = Some(labels);
            o.traced = true;
        }),
    );
    store(&made, folder.path());
    let program = "#include \"kws_dscnn_int8.h\"
#include \"kws_dscnn_int8_self_test.h\"
static const char *const labels[] = KWS_DSCNN_INT8_OUTPUT_0_LABELS;
int main() { return labels[0] == nullptr ? 1 : kws_dscnn_int8_self_test(); }
";
    std::fs::write(folder.path().join("main.cpp"), program).unwrap();
    run(Command::new("g++")
        .current_dir(folder.path())
        .args(["-std=c++17", "-Wall", "-Wextra", "-Werror", "-Wpedantic"])
        .args(["-Wconversion", "-fsyntax-only", "main.cpp"]));
}

/// Sections of the instance and of the weights, and nothing visible but the interface.
#[test]
fn memory_lies_where_it_is_wanted() {
    if !cfg!(target_os = "linux") {
        skipped("sections are named so on Linux", false);
        return;
    }
    let made = build(
        SINE,
        options(|o| {
            o.arena_section = Some(".fast".to_owned());
            o.section = Some(".slow".to_owned());
        }),
    );
    let bytes = &*made.files[0].bytes;
    let archive = ArchiveFile::parse(bytes).unwrap();
    let members: Vec<_> = archive.members().map(Result::unwrap).collect();
    assert_eq!(members.len(), 1);
    let object = object::File::parse(members[0].data(bytes).unwrap()).unwrap();
    let fast = object.section_by_name(".fast").unwrap();
    assert_eq!(fast.size(), made.interface.instance_bytes as u64);
    assert_eq!(fast.kind(), object::SectionKind::UninitializedData);
    let slow = object.section_by_name(".slow").unwrap();
    let program = compile::compile(&model(SINE), &CompileOptions::default()).unwrap();
    let weights = program.constants.bytes();
    assert!(slow.data().unwrap().starts_with(weights));

    let mut visible: Vec<_> = object
        .symbols()
        .filter(|s| s.is_global() && s.is_definition())
        .map(|s| s.name().unwrap().to_owned())
        .collect();
    visible.sort();
    let mut expected = made.interface.symbols();
    expected.sort();
    assert_eq!(visible, expected);
    let known = |name: &String| ["memcpy", "memset", "memmove", "memcmp"].contains(&&**name);
    assert!(made.undefined.iter().all(known), "{:?}", made.undefined);
}

#[test]
fn the_same_model_gives_the_same_library() {
    let files = || {
        let made = build(SINE, Options::default());
        made.files
            .into_iter()
            .map(|f| (f.name, f.bytes))
            .collect::<Vec<_>>()
    };
    assert_eq!(files(), files());
}

/// A library that could panic is refused; so are twins of kernels that could.
#[test]
fn kernels_of_another_processor_may_be_in_a_library_for_this_one() {
    for name in [
        "examples/models/kws_dscnn_int8.tflite",
        "tests/data/ops/conv2d_f32_1.tflite",
    ] {
        build(name, options(|o| o.isa = Some(Isa::DspFp)));
    }
}

#[test]
fn bad_input_comes_with_the_remedy() {
    let message = |name: &str, options: Options<'_>| {
        let error = library::build(&model(name), &options).unwrap_err();
        error.to_string()
    };
    let target = |triple: &str| options(|o| o.target = Some(triple.to_owned()));
    let unsupported = message("tests/data/models/unsupported.tflite", Options::default());
    assert!(
        unsupported.contains("does not support this operator"),
        "{unsupported}"
    );
    let unknown = message(SINE, target("z80-unknown-none"));
    assert!(
        unknown.contains("Rust does not know the target"),
        "{unknown}"
    );
    let processor = options(|o| o.cpu = Some("cortex-m4".to_owned()));
    assert!(message(SINE, processor).contains("has no processor"));
    let golden = options(|o| o.cases = Cases::Recorded("nowhere".into()));
    assert!(message(SINE, golden).contains("there is no case in nowhere"));
    let section = options(|o| o.arena_section = Some("a\"b".to_owned()));
    assert!(message(SINE, section).contains("section name cannot be used"));
}
