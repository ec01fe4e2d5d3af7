//! What is written has to compile without a warning, link, and hold the model's values.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use castiron_codegen::emit::IoSpecFile;
use castiron_codegen::emit::c_header::{CFile, HeaderOptions, HeaderStyle, c_header};
use castiron_codegen::emit::resolver::{CustomOp, Resolver, ResolverOptions};
use castiron_codegen::graph::{
    BuiltinOperator, DType, Model, OpKind, Quantization, Signature, SignaturePort, TensorId,
};
use castiron_codegen::tflm::arena::ArenaNeed;
use castiron_test_tools::{present, run};

use crate::models::{EVIL, builtin, gestures, model, operator, quantized, tensor};

const STRICT: &[&str] = &[
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wpedantic",
    "-Wconversion",
    "-Wshadow",
];
const C99: &[&str] = &["-std=c99", "-Wstrict-prototypes", "-Wmissing-prototypes"];
const CPP17: &[&str] = &["-std=c++17", "-x", "c++"];
const SCALE: f32 = 0.047_058_824;

fn store(dir: &Path, file: &CFile<'_>) {
    file.write_to(&mut File::create(dir.join(&file.file_name)).unwrap())
        .unwrap();
}

fn model_bytes() -> Vec<u8> {
    (0..1000_u32).map(|i| (i * 31 + i / 256) as u8).collect()
}

/// Every type, evil names, a 5-D tensor, channels and a second subgraph with a signature.
fn everything() -> Model {
    use DType::*;
    let types = [
        Float32,
        Float16,
        Int32,
        Uint8,
        Int64,
        String,
        Bool,
        Int16,
        Complex64,
        Int8,
        Float64,
        Complex128,
        Uint64,
        Resource,
        Variant,
        Uint32,
        Uint16,
        Int4,
        Bfloat16,
        Int2,
        Uint4,
        Float8E4M3Fn,
        Float8E5M2,
    ];
    let mut inputs = vec![
        quantized(EVIL, Int8, &[1, 2, 3, 4, 5], SCALE, -3),
        quantized(&EVIL.repeat(300), Int16, &[], 0.5, 0),
        quantized("u8", Uint8, &[4], 1.0, 255),
        quantized("i32", Int32, &[4], 0.25, i32::MIN),
        quantized("i4", Int4, &[3], 1.0, 0),
    ];
    inputs.extend(types.map(|t| tensor(t.name(), t, &[2, 0])));
    let mut channels = quantized("channels", Int8, &[2, 2], 1.0, 0);
    channels.quantization = Some(Quantization {
        scale: vec![0.1, 1e-30],
        zero_point: vec![-128, 127],
        dimension: 0,
    });
    let mut m = model(
        &format!("dir/{EVIL}"),
        inputs,
        vec![tensor("y", Float32, &[1, 3]), channels],
    );
    let mut second = m.graphs[0].clone();
    second.name = EVIL.to_owned();
    m.graphs.push(second);
    let port = |i| SignaturePort {
        name: EVIL.to_owned(),
        tensor: TensorId(i),
    };
    m.signatures = [0, 1]
        .map(|graph| Signature {
            name: EVIL.to_owned(),
            graph,
            inputs: vec![port(1), port(0)],
            outputs: vec![port(28)],
        })
        .into();
    m
}

const PROGRAM: &str = r#"
#include <stdio.h>
#include <string.h>
#include "int_model_model.h"
int other(float value);
static void bits(const char *what, float value)
{
    uint32_t b;
    memcpy(&b, &value, sizeof b);
    printf("%s %08lx\n", what, (unsigned long)b);
}
static void text(const char *s)
{
    for (; *s != '\0'; s++) { printf("%02x", (unsigned)(unsigned char)*s); }
    printf("\n");
}
int main(void)
{
    static const unsigned long shape[] = INT_MODEL_INPUT_0_SHAPE;
    static const float scales[] = INT_MODEL_OUTPUT_1_SCALES;
    static const int32_t zero_points[] = INT_MODEL_OUTPUT_1_ZERO_POINTS;
    static const float values[] = { VALUES };
    size_t i;
    for (i = 0; i < int_model_model_data_len; i++) { printf("%02x", (unsigned)int_model_model_data[i]); }
    printf("\naligned %d\n", (int)((uintptr_t)int_model_model_data % INT_MODEL_MODEL_ALIGNMENT));
    printf("sizes %d %d %d\n", (int)sizeof int_model_model_data, (int)sizeof(int_model_input_0_t), INT_MODEL_INPUT_0_BYTES);
    printf("shape %d:", INT_MODEL_INPUT_0_RANK);
    for (i = 0; i < sizeof shape / sizeof shape[0]; i++) { printf(" %lu", shape[i]); }
    printf("\n");
    bits("scale", INT_MODEL_INPUT_0_SCALE);
    bits("channel", scales[0]);
    bits("channel", scales[1]);
    printf("zero %ld %ld %ld\n", (long)INT_MODEL_INPUT_0_ZERO_POINT, (long)zero_points[0], (long)zero_points[1]);
    text(INT_MODEL_INPUT_0_NAME);
    text(int_model_output_0_labels[1]);
    for (i = 0; i < sizeof values / sizeof values[0]; i++) {
        printf("q %d %d %u %ld %d %d\n", int_model_input_0_quantize(values[i]), int_model_input_1_quantize(values[i]),
            (unsigned)int_model_input_2_quantize(values[i]), (long)int_model_input_3_quantize(values[i]),
            int_model_input_4_quantize(values[i]), other(values[i]));
    }
    for (i = 0; i < 256; i++) { bits("d", int_model_input_0_dequantize((int8_t)((int)i - 128))); }
    bits("d", int_model_input_3_dequantize(INT32_MAX));
    printf("signature %d %d %d\n", INT_MODEL_SIGNATURE_1_SUBGRAPH, INT_MODEL_SIGNATURE_1_INPUT_0_INDEX, INT_MODEL_SIGNATURE_COUNT);
    return 0;
}
"#;

const OTHER: &str = r#"
#include "int_model_model.h"
#include "int_model_model.h"
int other(float value);
int other(float value) { return int_model_graph_1_input_0_quantize(value); }
"#;

/// Values at and beside the edges of rounding and saturation.
fn values() -> Vec<(String, f32)> {
    let mut out: Vec<f32> = vec![
        0.0,
        -0.0,
        0.5,
        -0.5,
        1.5,
        2.5,
        -2.5,
        0.499_999_97,
        -0.499_999_97,
    ];
    for q in [
        -129.5_f32, -128.0, -125.5, -0.5, 0.5, 1.5, 127.49, 130.5, 1e5, -1e5,
    ] {
        for scale in [SCALE, 0.5, 1.0, 0.25] {
            out.extend([q * scale, (q * scale).next_up(), (q * scale).next_down()]);
        }
    }
    out.extend([
        1e9,
        -1e9,
        1e20,
        -1e20,
        f32::MAX,
        f32::MIN,
        f32::MIN_POSITIVE,
    ]);
    let mut named: Vec<_> = out
        .iter()
        .map(|v| (format!("{:?}f", f64::from(*v)), *v))
        .collect();
    named.push(("(float)(1e300 * 1e300)".to_owned(), f32::INFINITY));
    named
}

/// TFLite's affine quantisation: halves away from zero, saturating.
fn quantize(value: f32, scale: f32, zero_point: i64, min: i64, max: i64) -> i64 {
    // `as` saturates far beyond the types at hand.
    ((value / scale).round() as i64)
        .saturating_add(zero_point)
        .clamp(min, max)
}

fn expected(bytes: &[u8]) -> String {
    let hex = |b: &[u8]| b.iter().map(|b| format!("{b:02x}")).collect::<String>();
    // C strings end at the NUL.
    let evil = hex(EVIL.split('\0').next().unwrap().as_bytes());
    let bits = |what: &str, f: f32| format!("{what} {:08x}\n", f.to_bits());
    let mut out = format!("{}\naligned 0\nsizes {} 1 120\n", hex(bytes), bytes.len());
    out += "shape 5: 1 2 3 4 5\n";
    out += &(bits("scale", SCALE) + &bits("channel", 0.1) + &bits("channel", 1e-30));
    let _ = write!(out, "zero -3 -128 127\n{evil}\n{evil}\n");
    for (_, v) in values() {
        let q = quantize(v, SCALE, -3, -128, 127);
        let i16 = quantize(v, 0.5, 0, -32768, 32767);
        let u8 = quantize(v, 1.0, 255, 0, 255);
        let min = i64::from(i32::MIN);
        let i32 = quantize(v, 0.25, min, min, i64::from(i32::MAX));
        let i4 = quantize(v, 1.0, 0, -8, 7);
        let _ = writeln!(out, "q {q} {i16} {u8} {i32} {i4} {q}");
    }
    for q in -128..128 {
        out += &bits("d", SCALE * (q + 3) as f32);
    }
    out += &bits("d", (0.25 * 4_294_967_295.0_f64) as f32);
    out + "signature 1 1 2\n"
}

fn arena(model: &str, bytes: usize) -> ArenaNeed {
    ArenaNeed {
        model: model.to_owned(),
        kernels: "reference",
        target: "cortex-m4",
        tflm_revision: castiron_codegen::tflm::revision::TFLM_SHORT,
        bytes: Some(bytes),
        alignment: 16,
        reason: None,
    }
}

/// A compiler's complaints about a source, which has to be refused.
fn refusal(command: &mut Command) -> String {
    let out = command.output().unwrap();
    assert!(!out.status.success(), "{command:?} was taken");
    String::from_utf8_lossy(&out.stderr).into_owned()
}

/// Arrays that are large enough, once in a header's place and once within a function.
const ARENAS: &str = r#"
CHECK(large);
CHECK(exact);
int main(void)
{
    CHECK(exact);
    large[0] = exact[0];
    return large[0];
}
"#;

#[test]
fn an_arena_that_is_too_small_does_not_compile() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = HeaderOptions::default();
    options.arena = Some(arena("m", 22_832));
    let m = model("m.tflite", vec![], vec![]);
    store(dir.path(), &c_header(&m, &[0], &options).unwrap().header);
    let mut options = ResolverOptions::default();
    options.arenas = vec![arena("a", 20_000), arena("m", 22_832)];
    let resolver = Resolver::new([&m], &options).unwrap().to_header().unwrap();
    fs::write(dir.path().join("ops_resolver.h"), resolver).unwrap();
    let tflm = dir.path().join("tensorflow/lite/micro");
    fs::create_dir_all(&tflm).unwrap();
    fs::write(tflm.join("micro_mutable_op_resolver.h"), RESOLVER_H).unwrap();
    let header = ("m_model.h", "M_TFLM_CHECK_ARENA", "M_TFLM_ARENA_BYTES");
    let resolver = ("ops_resolver.h", "TFLITE_CHECK_ARENA", "TFLITE_ARENA_BYTES");
    for (compiler, dialect, (file, check, bytes)) in [
        ("gcc", C99, header),
        ("gcc", &["-std=c11"], header),
        ("clang", &["-std=c11"], header),
        ("g++", CPP17, header),
        ("clang++", CPP17, header),
        ("g++", CPP17, resolver),
        ("arm-none-eabi-gcc", &["-std=c11"], header),
        ("arm-none-eabi-g++", CPP17, header),
    ] {
        if !present(compiler) {
            continue;
        }
        let start = format!(
            "#include \"{file}\"\n#define CHECK(arena) {check}(arena)\n\
             static uint8_t large[30000];\nstatic uint8_t exact[{bytes}];\n"
        );
        let command = || {
            let mut command = Command::new(compiler);
            command.current_dir(dir.path()).args(dialect).arg("-I.");
            command.args([
                "-c",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-Wpedantic",
                "-ffreestanding",
            ]);
            command
        };
        let source = start.replace("uint8_t", "unsigned char") + ARENAS;
        fs::write(dir.path().join("fits.c"), source).unwrap();
        run(command().args(["fits.c", "-o", "fits.o"]));
        let small = format!("#include \"{file}\"\nunsigned char arena[1024];\n{check}(arena);\n");
        fs::write(dir.path().join("small.c"), small).unwrap();
        let said = refusal(command().args(["small.c", "-o", "small.o"]));
        println!("{compiler} {dialect:?}: {said}");
        if dialect == C99 {
            assert!(said.contains("m_tflm_arena_is_too_small"), "{said}");
            continue;
        }
        assert!(said.contains(bytes) && said.contains("22832"), "{said}");
        if dialect == CPP17 {
            assert!(said.contains("1024"), "{said}");
        }
    }
}

fn write_everything(dir: &Path, bytes: &[u8]) {
    let labels = ["plain", EVIL, "??/\"*/"].map(str::to_owned);
    let mut options = HeaderOptions::default();
    options.name = Some("int".to_owned());
    options.section = Some(".rodata.castiron".to_owned());
    options.alignment = Some(64);
    options.labels = Some(labels.into());
    options.arena = Some(arena("int", 4096));
    let m = everything();
    let files = c_header(&m, bytes, &options).unwrap();
    store(dir, &files.header);
    store(dir, files.source.as_ref().unwrap());
    let list: Vec<_> = values().into_iter().map(|(text, _)| text).collect();
    fs::write(
        dir.join("main.c"),
        PROGRAM.replace("VALUES", &list.join(", ")),
    )
    .unwrap();
    fs::write(dir.join("other.c"), OTHER).unwrap();
}

#[test]
fn standalone_is_clean_c99_and_cpp17_and_holds_the_values() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = model_bytes();
    write_everything(dir.path(), &bytes);
    let sources = ["int_model_model.c", "main.c", "other.c"];
    for (compiler, dialect) in [
        ("gcc", C99),
        ("g++", CPP17),
        ("clang", C99),
        ("clang++", CPP17),
    ] {
        if !present(compiler) {
            continue;
        }
        let program = dir.path().join(format!("program-{compiler}"));
        let mut compile = Command::new(compiler);
        compile
            .current_dir(dir.path())
            .args(STRICT)
            .args(dialect)
            .arg("-O2")
            .args(sources);
        run(compile.arg("-o").arg(&program));
        let got = run(&mut Command::new(&program));
        for (got, want) in got.lines().zip(expected(&bytes).lines()) {
            assert_eq!(got, want, "{compiler}");
        }
        assert_eq!(got, expected(&bytes), "{compiler}");
    }
}

#[test]
fn standalone_cross_compiles() {
    let dir = tempfile::tempdir().unwrap();
    write_everything(dir.path(), &model_bytes());
    for (compiler, dialect) in [("arm-none-eabi-gcc", C99), ("arm-none-eabi-g++", CPP17)] {
        if !present(compiler) {
            continue;
        }
        for file in ["int_model_model.c", "other.c"] {
            let mut compile = Command::new(compiler);
            compile
                .current_dir(dir.path())
                .args(["-c", "-mcpu=cortex-m4", "-mthumb", "-O2"]);
            // Without the C library's headers, which a compiler may come without.
            run(compile
                .args(["-ffreestanding"])
                .args(STRICT)
                .args(dialect)
                .arg(file));
        }
    }
}

/// Stands in for Kenning's header: the same fields in the same places.
const MODEL_H: &str = r#"
#pragma once
#include <stddef.h>
#include <stdint.h>
typedef struct __attribute__((packed)) { uint8_t code; uint8_t bits; } data_type_t;
typedef struct __attribute__((packed)) {
    uint32_t num_input;
    uint32_t num_input_dim[2];
    uint32_t input_shape[2][4];
    data_type_t input_data_type[2];
    uint32_t num_output;
    uint32_t num_output_dim[12];
    uint32_t output_shape[12][4];
    data_type_t output_data_type[12];
    uint8_t entry_func[20];
    uint8_t model_name[20];
} model_spec_t;
_Static_assert(sizeof(model_spec_t) == 356, "size");
_Static_assert(offsetof(model_spec_t, num_output) == 48, "outputs");
_Static_assert(offsetof(model_spec_t, model_name) == 336, "name");
"#;

const KENNING_PROGRAM: &str = r#"
#include <stdio.h>
#include "model.h"
#include "model_data.h"
static const char *class_names[] = CASTIRON_CLASS_NAMES;
int main(void)
{
    const uint8_t *raw = (const uint8_t *)&model_spec;
    size_t i;
    for (i = 0; i < sizeof(model_spec_t); i++) { printf("%02x", raw[i]); }
    printf("\n");
    for (i = 0; i < model_data_len; i++) { printf("%02x", model_data[i]); }
    printf("\n%d %.17g %d %.17g %d\n", (int)((uintptr_t)model_data % 32),
        (double)(float)QUANTIZATION_INPUT_SCALE, (int)(int8_t)(3.0f + (float)QUANTIZATION_INPUT_ZERO_POINT),
        (double)(float)QUANTIZATION_OUTPUT_SCALE, QUANTIZATION_OUTPUT_ZERO_POINT);
    printf("%d %s\n", CASTIRON_CLASS_COUNT, class_names[3]);
    return 0;
}
"#;

#[test]
fn kenning_header_fills_model_spec() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = model_bytes();
    let io_spec = IoSpecFile {
        file: "m.json",
        text: r#"{"input": [{"name": "*/ \" ??/ \n"}], "entry_func": "m.main",
            "output": [{"class_names": ["a", "*/", "\\\n", "\"??/"]}]}"#,
    };
    let mut options = HeaderOptions::default();
    options.style = HeaderStyle::Kenning;
    options.io_spec = Some(io_spec);
    store(
        dir.path(),
        &c_header(&gestures(), &bytes, &options).unwrap().header,
    );
    fs::write(dir.path().join("model.h"), MODEL_H).unwrap();
    fs::write(dir.path().join("main.c"), KENNING_PROGRAM).unwrap();

    let mut spec = [0_u8; 356];
    let mut put = |at: usize, value: u32| spec[at..at + 4].copy_from_slice(&value.to_le_bytes());
    for (at, value) in [(0, 1), (4, 4), (12, 1), (16, 128), (20, 3), (24, 1)] {
        put(at, value);
    }
    for (at, value) in [(48, 1), (52, 2), (100, 1), (104, 4)] {
        put(at, value);
    }
    spec[45] = 8;
    spec[293] = 8;
    spec[316..322].copy_from_slice(b"m.main");
    spec[336..342].copy_from_slice(b"module");
    let hex = |b: &[u8]| b.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let want = format!(
        "{}\n{}\n0 16 2 0.00390625 -128\n4 \"??/\n",
        hex(&spec),
        hex(&bytes)
    );

    for compiler in ["gcc", "clang"] {
        if present(compiler) {
            let program = dir.path().join("program");
            let mut compile = Command::new(compiler);
            compile
                .current_dir(dir.path())
                .args(["-std=c11", "-Wall", "-Wextra", "-Werror"]);
            run(compile.arg("main.c").arg("-o").arg(&program));
            assert_eq!(run(&mut Command::new(&program)), want);
        }
    }
}

#[test]
fn a_large_model_is_written_in_little_time_and_memory() {
    /// Counts what is written and the largest piece, which bounds the buffer behind it.
    #[derive(Default)]
    struct Sink {
        total: usize,
        largest: usize,
    }
    impl std::io::Write for Sink {
        fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
            self.total += data.len();
            self.largest = self.largest.max(data.len());
            Ok(data.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let bytes = vec![0xa5; 333_000];
    let start = std::time::Instant::now();
    let mut options = HeaderOptions::default();
    options.style = HeaderStyle::Kenning;
    let m = gestures();
    let mut sink = Sink::default();
    c_header(&m, &bytes, &options)
        .unwrap()
        .header
        .write_to(&mut sink)
        .unwrap();
    println!("{} bytes of text in {:?}", sink.total, start.elapsed());
    assert!(sink.total > 6 * bytes.len() && sink.largest < 64 * 1024);
}

/// Stands in for TFLM's header: as much as the generated code calls.
const RESOLVER_H: &str = r#"
#pragma once
#include <cstring>
enum TfLiteStatus { kTfLiteOk, kTfLiteError };
struct TFLMRegistration {};
namespace tflite {
template <unsigned int n> class MicroMutableOpResolver {
 public:
  TfLiteStatus AddConv2D() { return one(); }
  TfLiteStatus AddSplitV() { return one(); }
  TfLiteStatus AddCustom(const char *name, const TFLMRegistration *r) { last = name; return r ? one() : kTfLiteError; }
  unsigned int used = 0;
  const char *last = "";
 private:
  TfLiteStatus one() { return used < n ? (used++, kTfLiteOk) : kTfLiteError; }
};
}
"#;

/// Includes and calls as Kenning Zephyr Runtime does: it declares the resolver again and drops
/// what the function returns.
const RESOLVER_PROGRAM: &str = r#"
#include <cstdio>
#include "ops_resolver.h"
extern tflite::MicroMutableOpResolver<TFLITE_RESOLVER_SIZE> g_tflite_resolver;
TfLiteStatus again();
TFLMRegistration *Register_OWN() { static TFLMRegistration r; return &r; }
int main()
{
    tflite_initialize_resolver();
    const int status = again();
    std::printf("%d %d %u %d\n", status, TFLITE_RESOLVER_SIZE, g_tflite_resolver.used, (int)std::strlen(g_tflite_resolver.last));
    return 0;
}
"#;

#[test]
fn resolver_compiles_in_several_sources_and_registers_once() {
    if !present("g++") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut m = model("m.tflite", vec![], vec![]);
    m.graphs[0].operators = vec![
        builtin(BuiltinOperator::SplitV),
        builtin(BuiltinOperator::Conv2d),
        operator(OpKind::Custom("own \"??/".to_owned())),
    ];
    let mut options = ResolverOptions::default();
    options.custom = vec![CustomOp {
        name: "own \"??/".to_owned(),
        function: "Register_OWN".to_owned(),
    }];
    let text = Resolver::new([&m], &options).unwrap().to_header().unwrap();
    let tflm = dir.path().join("tensorflow/lite/micro");
    fs::create_dir_all(&tflm).unwrap();
    fs::write(tflm.join("micro_mutable_op_resolver.h"), RESOLVER_H).unwrap();
    fs::write(dir.path().join("ops_resolver.h"), text).unwrap();
    fs::write(dir.path().join("main.cc"), RESOLVER_PROGRAM).unwrap();
    let other = "#include \"ops_resolver.h\"\nTfLiteStatus again();\n\
        TfLiteStatus again() { return tflite_initialize_resolver(); }\n";
    fs::write(dir.path().join("other.cc"), other).unwrap();
    let program = dir.path().join("program");
    let mut compile = Command::new("g++");
    compile
        .current_dir(dir.path())
        .args(["-std=c++17", "-I."])
        .args(STRICT);
    run(compile.args(["main.cc", "other.cc", "-o"]).arg(&program));
    assert_eq!(run(&mut Command::new(&program)), "0 3 3 8\n");
}
