//! castiron's templates, and the code that fills them in.
//!
//! Text that came from a model's author is made harmless before it becomes a value: see `literal` and `ident` of
//! castiron-codegen.

use std::fmt;

use serde::Serialize;

/// A text with places to fill in.
#[derive(Debug, Clone, Copy)]
pub struct Template {
    text: &'static str,
    partials: &'static [Partial],
}

/// A text that templates include: the name they include it by, and the text.
type Partial = (&'static str, &'static str);

/// Macros about inputs and outputs.
const TENSORS: Partial = ("c_tensors", include_str!("../c_tensors.h.tera"));
/// Types and functions that turn real values into an input's and an output's back.
const QUANTIZE: Partial = ("c_quantize", include_str!("../c_quantize.h.tera"));
/// Kenning's macros about the first input and output, and its `model_spec`.
const MODEL_SPEC: Partial = (
    "kenning_model_spec",
    include_str!("../kenning_model_spec.tera"),
);
/// A macro that aligns a variable, whatever the compiler.
const ALIGNED: Partial = ("c_aligned", include_str!("../c_aligned.tera"));
/// A check that an arena of TFLM's interpreter is large enough.
const ARENA_CHECK: Partial = ("arena_check", include_str!("../arena_check.tera"));

macro_rules! templates {
    ($($(#[$about:meta])* $name:ident = $file:literal $([$($partial:ident),*])?;)*) => {
        $(
            $(#[$about])*
            pub const $name: Template = Template {
                text: include_str!(concat!("../", $file)),
                partials: &[$($($partial),*)?],
            };
        )*
    };
}
templates! {
    /// A header for a model of which the program brings its own interpreter.
    STANDALONE_H = "standalone.h.tera" [ARENA_CHECK, TENSORS, QUANTIZE];
    /// The model's bytes behind that header.
    STANDALONE_C = "standalone.c.tera" [ALIGNED];
    /// Kenning's `model_data.h`.
    KENNING_MODEL_DATA_H = "kenning_model_data.h.tera" [MODEL_SPEC];
    /// Kenning's `model_data_struct.h`.
    KENNING_MODEL_STRUCT_H = "kenning_model_struct.h.tera" [MODEL_SPEC];
    /// The resolver of operators for TFLM's interpreter.
    OPS_RESOLVER_H = "ops_resolver.h.tera" [ARENA_CHECK];
    /// The header of C++ that calls TFLM's kernels.
    MODEL_TFLM_H = "model_tflm.h.tera";
    /// That C++.
    MODEL_TFLM_CC = "model_tflm.cc.tera";
    /// Its constants.
    MODEL_TFLM_WEIGHTS_CC = "model_tflm_weights.cc.tera";
    /// The header of a library for C.
    LIBRARY_H = "library.h.tera" [TENSORS, QUANTIZE, ALIGNED];
    /// The C interface of a library that TFLM computes.
    LIBRARY_TFLM_CC = "library_tflm.cc.tera";
    /// The header of a library's self-test.
    SELF_TEST_H = "self_test.h.tera";
    /// The self-test.
    SELF_TEST_C = "self_test.c.tera";
    /// The program of a library's example.
    EXAMPLE_MAIN_C = "example_main.c.tera";
    /// What builds it with make.
    EXAMPLE_MAKEFILE = "example_makefile.tera";
    /// What builds it with CMake.
    EXAMPLE_CMAKE = "example_cmake.tera";
    /// What a board runs first.
    EXAMPLE_STARTUP_C = "example_startup.c.tera";
    /// The linker script for a board.
    EXAMPLE_LD = "example.ld.tera";
    /// A platform for Renode.
    BOARD_REPL = "board.repl.tera";
    /// A script for Renode that loads it.
    BOARD_RESC = "board.resc.tera";
    /// A report as one page, to fill in with what follows and with its data.
    REPORT_HTML = "report.html.tera";
}

/// What all C++ of castiron's that calls TFLM's kernels shares: the header. There is nothing to fill in.
pub const CASTIRON_TFLM_H: &str = include_str!("../castiron_tflm.h.tera");
/// The source behind [`CASTIRON_TFLM_H`].
pub const CASTIRON_TFLM_CC: &str = include_str!("../castiron_tflm.cc.tera");

/// How the page of a report looks.
pub const REPORT_STYLE: &str = include_str!("../report/style.css");
/// What draws it: one script after the other, of which each needs only those before.
pub const REPORT_SCRIPTS: &[&str] = &[
    include_str!("../report/elements.js"),
    include_str!("../report/tables.js"),
    include_str!("../report/graph.js"),
    include_str!("../report/memory.js"),
    include_str!("../report/model.js"),
    include_str!("../report/compare.js"),
    include_str!("../report/page.js"),
];

/// A template that does not fit its values. That is a defect of castiron, not of the model; tests fill in every
/// template, so nobody should meet it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect(String);

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a template does not fit its values: {}", self.0)
    }
}

impl std::error::Error for Defect {}

impl From<tera::Error> for Defect {
    fn from(error: tera::Error) -> Self {
        Self(error.to_string())
    }
}

impl Template {
    /// The text with these values.
    ///
    /// # Errors
    /// If the values are not those that the template names.
    pub fn render(&self, values: &impl Serialize) -> Result<String, Defect> {
        let context = tera::Context::from_serialize(values)?;
        let mut tera = tera::Tera::default();
        // What stands after an inclusion says how the text goes on.
        let partials = self.partials.iter();
        let partials = partials.map(|(name, text)| (*name, text.trim_end()));
        tera.add_raw_templates(partials.chain([("template", self.text)]))?;
        Ok(tera.render("template", &context)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_embedded() {
        let here = include_str!("lib.rs");
        let files = std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).expect("readable");
        let names = files.map(|file| file.expect("readable").file_name());
        let names: Vec<_> = names.filter_map(|name| name.into_string().ok()).collect();
        let mut templates = 0;
        for name in names.iter().filter(|name| name.ends_with(".tera")) {
            assert!(
                here.contains(&format!("{name}\"")),
                "{name} is in no constant"
            );
            templates += 1;
        }
        assert!(templates > 20, "{templates} templates");
    }

    #[test]
    fn a_value_that_is_missing_is_named() {
        let error = STANDALONE_C.render(&std::collections::BTreeMap::<String, String>::new());
        let text = error.expect_err("there are no values").to_string();
        assert!(
            text.contains("does not fit") && text.contains("`model_comment` is not defined"),
            "{text}"
        );
    }
}
