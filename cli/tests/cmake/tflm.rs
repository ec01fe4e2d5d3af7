//! The header and the resolver for TensorFlow Lite Micro.

use std::process::Command;

use super::{KWS, Project, SINE, succeeds, without};

#[test]
fn headers_of_both_styles_compile() {
    if without(&["cmake", "ninja", "cc"]) {
        return;
    }
    let project = Project::new(
        "set(CMAKE_C_FLAGS \"-std=c99 -Wall -Wextra -Werror -Wpedantic\")
add_executable(app main.c)
castiron_gen_header(app MODEL m.tflite OUTPUT generated/model.h NAME kws SECTION .weights ALIGN 64
  LABELS labels.txt KERNELS cmsis-nn CPU cortex-m55)
add_executable(kenning kenning.c)
castiron_gen_header(kenning MODEL m.tflite OUTPUT model_data.h STYLE kenning)
target_include_directories(kenning PRIVATE ${RUNTIME})
",
    );
    project.take(KWS, "m.tflite");
    let labels: Vec<String> = (0..12).map(|i| format!("word {i}")).collect();
    project.write("labels.txt", labels.join("\n"));
    project.write(
        "main.c",
        "#include <stdint.h>
#include <stdio.h>
#include \"model.h\"
int main(void)
{
    printf(\"%s %u %d\\n\", kws_output_0_labels[11], (unsigned)((uintptr_t)kws_model_data % 64u),
        KWS_TFLM_ARENA_BYTES > 1000);
    return 0;
}
",
    );
    project.write(
        "kenning.c",
        "#include <stdio.h>
#include \"castiron/kenning.h\"
#include \"model_data.h\"
int main(void) { printf(\"%u %u\\n\", (unsigned)sizeof(model_spec_t), (unsigned)model_data_len); return 0; }
",
    );
    let runtime = super::define("RUNTIME", super::shipped("zephyr-module/include"));
    succeeds(project.configuring("Ninja").arg(runtime));
    project.build();
    project.is_built();
    assert_eq!(project.run("app"), "word 11 0 1\n");
    let bytes = project.read("m.tflite").len();
    assert_eq!(project.run("kenning"), format!("356 {bytes}\n"));
}

/// Kenning's function, outside of Zephyr's build.
#[test]
fn kennings_header_is_that_of_the_configured_model() {
    if without(&["cmake", "ninja", "cc"]) {
        return;
    }
    let project = Project::new(
        "set(CONFIG_KENNING_MODEL_PATH m.tflite)
add_executable(app main.c)
kenning_gen_model_header(model_data.h)
",
    );
    project.take(SINE, "m.tflite");
    project.configure("Ninja");
    project.build();
    project.is_built();
    let header = String::from_utf8(project.read("build/model_data.h")).unwrap();
    assert!(header.contains("model_data_len"), "{header}");
}

#[test]
fn a_resolver_has_the_operators_of_its_models() {
    if without(&["cmake", "ninja", "cc"]) {
        return;
    }
    let project = Project::new(
        "add_executable(app main.c)
castiron_gen_resolver(app MODELS one.tflite custom.tflite OUTPUT one.h CUSTOM Erfinv=register_erfinv OPS CONV_2D)
castiron_gen_resolver(app MODELS one.tflite two.tflite OUTPUT both.h KERNELS cmsis-nn CPU cortex-m4)
castiron_gen_resolver(app OUTPUT kenning/default.h)
set(CONFIG_KENNING_TFLITE_OPS Logistic,TANH)
castiron_gen_resolver(app OUTPUT named.h)
",
    );
    project.take(SINE, "one.tflite");
    project.take(KWS, "two.tflite");
    project.take("tests/data/models/unsupported.tflite", "custom.tflite");
    project.configure("Ninja");
    project.build();
    project.is_built();
    let operators = |name: &str| {
        let text = String::from_utf8(project.read(&format!("build/{name}"))).unwrap();
        let calls = text.split(".Add").skip(1);
        let mut names: Vec<String> = calls
            .filter_map(|call| Some(call.split_once('(')?.0.to_owned()))
            .collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(
        operators("one.h"),
        "Add Conv2D Custom FullyConnected Mul Tanh"
    );
    assert_eq!(
        operators("both.h"),
        "AveragePool2D Conv2D DepthwiseConv2D FullyConnected Softmax"
    );
    assert_eq!(
        operators("kenning/default.h"),
        "Conv2D FullyConnected MaxPool2D Reshape Softmax"
    );
    assert_eq!(operators("named.h"), "Logistic Tanh");

    // What it is made from is what it follows.
    project.take(KWS, "one.tflite");
    let steps = project.build();
    assert_eq!(steps, ["castiron: operator resolver"; 2]);
}

/// With TensorFlow Lite Micro's sources: the same functions, from its kernels.
#[test]
fn the_engine_can_be_tensorflow_lite_micro() {
    if without(&["cmake", "ninja", "c++"]) {
        return;
    }
    let Some(tree) = castiron_test_tools::folder("CASTIRON_TFLM") else {
        return;
    };
    let project = Project::new(
        "add_executable(app main.c)
castiron_add_model(app MODEL one.tflite NAME one ENGINE tflm SELF_TEST)
",
    );
    project.take(SINE, "one.tflite");
    project.write(
        "main.c",
        "#include \"one_self_test.h\"\nint main(void) { return one_self_test(); }\n",
    );
    let tree = super::define("CASTIRON_TFLM", tree);
    succeeds(project.configuring("Ninja").arg(tree));
    project.build();
    project.is_built();
    succeeds(&mut Command::new(project.path("build/app")));
}

/// A CIRCULAR_BUFFER that ends a run of TensorFlow Lite Micro's interpreter until it is full, which castiron's kernels do not: it has one of
/// the numbers of rows that mean so.
fn ring_that_ends_runs() -> Vec<u8> {
    let shape = |rows: u32| [1, rows, 3, 6].map(u32::to_le_bytes).concat();
    let mut model =
        std::fs::read(super::shipped("tests/data/ops/circular_buffer_i8_a.tflite")).unwrap();
    let (old, new) = (shape(25), shape(24));
    let places = model.windows(old.len()).enumerate();
    let places: Vec<usize> = places
        .filter(|(_, w)| *w == old)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "the model has no such shape");
    for at in places {
        model[at..at + new.len()].copy_from_slice(&new);
    }
    model
}

/// What castiron cannot compute it cannot make up cases for: said at once, before a compiler starts.
#[test]
fn a_self_test_that_cannot_be_made_up_needs_goldens() {
    if without(&["cmake", "ninja", "cc"]) {
        return;
    }
    let Some(tree) = std::env::var_os("CASTIRON_TFLM") else {
        castiron_test_tools::skipped(
            "CASTIRON_TFLM names no sources of TensorFlow Lite Micro",
            false,
        );
        return;
    };
    let project = Project::new(
        "add_executable(app main.c)
castiron_add_model(app MODEL ring.tflite ENGINE tflm SELF_TEST)
",
    );
    project.write("ring.tflite", ring_that_ends_runs());
    let tree = super::define("CASTIRON_TFLM", tree);
    succeeds(project.configuring("Ninja").arg(tree));
    let text = super::fails(&mut project.building(&[]));
    for part in [
        "castiron cannot run this model, so it cannot compute expected outputs for the self-test",
        "with CASES, or omit SELF_TEST",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(text.matches("error: ").count(), 1, "{text}");
}

/// Sources of another revision are refused with what the build would say to take them: the function's keyword, and in a
/// Zephyr build that chose the engine, its option.
#[test]
fn another_revision_is_refused_with_the_builds_own_words() {
    if without(&["cmake", "ninja", "cc"]) {
        return;
    }
    for (setting, remedy) in [
        ("", "as they are, with ALLOW_REVISION"),
        (
            "set(CONFIG_CASTIRON_ENGINE_TFLM y)\n",
            "as they are, with CONFIG_CASTIRON_TFLM_ALLOW_REVISION=y or ALLOW_REVISION",
        ),
    ] {
        let project = Project::new(&format!(
            "{setting}add_executable(app main.c)
castiron_add_model(app MODEL one.tflite ENGINE tflm TFLM tree)
"
        ));
        project.take(SINE, "one.tflite");
        let header = "tree/tensorflow/lite/micro/micro_context.h";
        std::fs::create_dir_all(project.path(header).parent().unwrap()).unwrap();
        project.write(header, "");
        project.configure("Ninja");
        let text = super::fails(&mut project.building(&[]));
        assert!(text.contains(remedy), "{remedy}: {text}");
        assert_eq!(text.matches("error: ").count(), 1, "{text}");
    }
}
