//! Measures the code that models take and makes the table that `castiron fit` estimates from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use castiron_build::library::{Options, build};
use castiron_codegen::compile::{CodeTable, CompileOptions, compile, kernels};
use castiron_codegen::target::{Optimize, Target};
use castiron_codegen::tflite;

use crate::models::tflite_files;

const TARGET: &str = "thumbv7em-none-eabihf";
const TABLE: &str = "codegen/src/compile/code/cortex-m4.toml";
const OPERATORS: &str = "tests/data/ops";
const OWN: [&str; 2] = ["examples/models", "tests/data/models"];
const FURTHER: &str = "CASTIRON_SHARED";
/// One-operator models that are measured of each kernel.
const OF_EACH: usize = 3;
/// What is assumed before anything is measured: bytes of any model and of a call, and how much
/// these and the medians of one-operator models weigh against networks.
const BASE: f64 = 200.0;
const CALL: f64 = 40.0;
const WEIGHT: f64 = 0.3;

/// A model and what it takes.
struct Sample {
    name: String,
    kernels: BTreeMap<String, u64>,
    /// Code and constants without the packed weights.
    bytes: f64,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Operator,
    Own,
    Further,
}

/// Bytes of every kernel, in the order of their names, of any model and of a call.
type Parameters = Vec<f64>;

/// Measures models and gives the table's text.
///
/// # Errors
/// If a model cannot be built for a Cortex-M4.
pub(crate) fn table(root: &Path) -> Result<String> {
    let mut samples = Vec::new();
    let mut seen = BTreeSet::new();
    let mut of_kernel: BTreeMap<String, usize> = BTreeMap::new();
    let mut places: Vec<(Kind, PathBuf)> = vec![(Kind::Operator, root.join(OPERATORS))];
    places.extend(OWN.map(|folder| (Kind::Own, root.join(folder))));
    match std::env::var_os(FURTHER) {
        Some(folder) => {
            let models = Path::new(&folder).join("models");
            places.push((Kind::Further, models.clone()));
            places.push((Kind::Further, models.join("self")));
        }
        None => eprintln!("skipped: further models; {FURTHER} names no folder that has them"),
    }
    let mut toolchain = String::new();
    for (kind, folder) in places.iter().filter(|(_, folder)| folder.is_dir()) {
        for (name, path) in tflite_files(folder)? {
            let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
            let Ok(model) = tflite::read(&name, &bytes) else {
                continue;
            };
            let compiled =
                CompileOptions::for_target(Target::new(CodeTable::ISA, Optimize::default()));
            let Ok(program) = compile(&model, &compiled) else {
                eprintln!("skipped: {name}: castiron's engine does not have all of its operators");
                continue;
            };
            let kernels = kernels(&program);
            let enough = (kernels.keys())
                .all(|kernel| of_kernel.get(kernel).is_some_and(|count| *count >= OF_EACH));
            if (*kind == Kind::Operator && enough) || kernels.is_empty() || !seen.insert(bytes) {
                continue;
            }
            if *kind == Kind::Operator {
                for kernel in kernels.keys() {
                    *of_kernel.entry(kernel.clone()).or_default() += 1;
                }
            }
            let mut options = Options::default();
            options.target = Some(TARGET.to_owned());
            options.name = Some("measured".to_owned());
            options.build_dir = Some(root.join("target/code"));
            let library = build(&model, &options)?;
            toolchain = library.toolchain;
            let sizes = library.sizes;
            let weights = library.interface.weight_bytes as u64;
            // Weights of a few bytes may become part of the code.
            let bytes = (sizes.text + sizes.rodata).saturating_sub(weights);
            eprintln!("{name}: {bytes} bytes");
            samples.push(Sample {
                name,
                kernels,
                bytes: bytes as f64,
                kind: *kind,
            });
        }
    }
    ensure!(!samples.is_empty(), "there are no models to measure");
    Ok(render(&samples, &toolchain))
}

/// Writes the table.
///
/// # Errors
/// If a model cannot be built for a Cortex-M4, or the file cannot be written.
pub(crate) fn update(root: &Path) -> Result<PathBuf> {
    let path = root.join(TABLE);
    std::fs::write(&path, table(root)?).with_context(|| path.display().to_string())?;
    Ok(path)
}

fn render(samples: &[Sample], toolchain: &str) -> String {
    // The version: how it was built is no matter of size.
    let toolchain = toolchain.split(" (").next().unwrap_or(toolchain);
    let names: BTreeSet<&str> = (samples.iter())
        .flat_map(|s| s.kernels.keys().map(String::as_str))
        .collect();
    let names: Vec<&str> = names.into_iter().collect();
    let all: Vec<&Sample> = samples.iter().collect();
    let parameters = fit(&names, &all);

    // Networks that call the same kernels are left out together: none of them is estimated from
    // another that is nearly the same.
    let networks = samples.iter().filter(|s| s.kind != Kind::Operator);
    let mut errors = Vec::new();
    for sample in networks {
        let others: Vec<&Sample> = (samples.iter())
            .filter(|s| s.kind == Kind::Operator || !s.kernels.keys().eq(sample.kernels.keys()))
            .collect();
        let estimate = estimate(&names, &fit(&names, &others), sample);
        let error = estimate - sample.bytes;
        let percent = error / sample.bytes * 100.0;
        eprintln!(
            "{}: {} measured, {estimate:.0} estimated without it, {percent:.0} %",
            sample.name, sample.bytes
        );
        errors.push((error, percent));
    }
    let count = errors.len();
    let mean = errors.iter().map(|(_, percent)| percent.abs()).sum::<f64>() / count.max(1) as f64;
    let near = errors
        .iter()
        .filter(|(_, percent)| percent.abs() <= 25.0)
        .count();
    let below = errors
        .iter()
        .map(|(_, percent)| -percent)
        .fold(0.0, f64::max);
    let above = errors.iter().map(|(error, _)| *error).fold(0.0, f64::max);

    let (of_kernels, besides) = parameters.split_at(names.len());
    let mut sorted = of_kernels.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let mut text = format!(
        "# Bytes of code that castiron's engine takes on a Cortex-M4, its parameters included and packed weights not.
# Written by `cargo xtask code --update`: measured in libraries of `castiron lib`, opt-level 3, of one-operator
# models and networks. A model takes base + call for every kernel call + the kernel's bytes for every kernel that
# it calls at all; these are fitted by least squares, held near the medians of one-operator models.
#
# Errors are those of networks, each estimated from a table made without it and without those that call the same
# kernels.

measured = \"Cortex-M4, {TARGET}, opt-level 3, {toolchain}\"
one-operator-models = {}
networks = {count}
networks-within-25-percent = {near}
mean-error-percent = {mean:.0}
most-below-percent = {:.0}
most-above-bytes = {:.0}
base = {:.0}
call = {:.0}
other = {median:.0}

[kernel]
",
        samples.len() - count,
        below.ceil(),
        above.ceil(),
        besides[0].max(0.0),
        besides[1].max(0.0),
    );
    // Writing to a string cannot fail.
    for (name, bytes) in names.iter().zip(of_kernels) {
        writeln!(text, "{} = {:.0}", key(name), bytes.max(0.0)).ok();
    }
    text += "\n# What models of this project took.\n[model]\n";
    for sample in samples.iter().filter(|s| s.kind == Kind::Own) {
        writeln!(text, "{} = {}", sample.name, sample.bytes).ok();
    }
    text
}

/// A name as a key of TOML.
fn key(name: &str) -> String {
    match name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        true => name.to_owned(),
        false => format!("{name:?}"),
    }
}

/// What a model is a sum of: its kernels, itself, its calls.
fn row(names: &[&str], sample: &Sample) -> Vec<f64> {
    let kernels = names
        .iter()
        .map(|name| f64::from(u8::from(sample.kernels.contains_key(*name))));
    let calls: u64 = sample.kernels.values().sum();
    kernels.chain([1.0, calls as f64]).collect()
}

fn estimate(names: &[&str], parameters: &[f64], sample: &Sample) -> f64 {
    product(&row(names, sample), parameters)
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Least squares of what differs from the assumption, with a penalty for each difference.
fn fit(names: &[&str], samples: &[&Sample]) -> Parameters {
    let assumed: Vec<f64> = (names.iter())
        .map(|name| assumed(name, samples))
        .chain([BASE, CALL])
        .collect();
    let count = assumed.len();
    let mut matrix = vec![vec![0.0; count + 1]; count];
    for sample in samples {
        let row = row(names, sample);
        let rest = sample.bytes - product(&row, &assumed);
        for (line, a) in matrix.iter_mut().zip(&row) {
            for (cell, b) in line.iter_mut().zip(row.iter().chain([&rest])) {
                *cell += a * b;
            }
        }
    }
    for (i, line) in matrix.iter_mut().enumerate() {
        line[i] += WEIGHT;
    }
    let difference = solve(matrix);
    assumed.iter().zip(difference).map(|(a, d)| a + d).collect()
}

/// The median of one-operator models that call nothing else.
fn assumed(name: &str, samples: &[&Sample]) -> f64 {
    let alone = |s: &&&Sample| {
        s.kind == Kind::Operator && s.kernels.len() == 1 && s.kernels.contains_key(name)
    };
    let mut bytes: Vec<f64> = samples.iter().filter(alone).map(|s| s.bytes).collect();
    bytes.sort_by(f64::total_cmp);
    bytes
        .get(bytes.len() / 2)
        .map_or(2.0 * BASE, |median| median - BASE)
}

/// Gauss's elimination. The penalty makes the matrix positive definite: no pivot is 0.
fn solve(mut matrix: Vec<Vec<f64>>) -> Vec<f64> {
    let count = matrix.len();
    for pivot in 0..count {
        let line = matrix[pivot].clone();
        for other in (0..count).filter(|other| *other != pivot) {
            let factor = matrix[other][pivot] / line[pivot];
            for (cell, value) in matrix[other].iter_mut().zip(&line) {
                *cell -= factor * value;
            }
        }
    }
    (0..count)
        .map(|i| matrix[i][count] / matrix[i][i])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_sum_is_found_again() {
        assert_eq!(
            solve(vec![vec![2.0, 1.0, 5.0], vec![1.0, 3.0, 10.0]]),
            [1.0, 3.0]
        );
        let sample = |kind, kernels: &[(&'static str, u64)], bytes| Sample {
            name: "model".to_owned(),
            kernels: (kernels.iter())
                .map(|(name, calls)| ((*name).to_owned(), *calls))
                .collect(),
            bytes,
            kind,
        };
        let (one, net) = (Kind::Operator, Kind::Own);
        // 200 for any model, 40 for a call, 1000 for A, 500 for B.
        let samples = [
            sample(one, &[("A", 1)], 1240.0),
            sample(one, &[("B", 1)], 740.0),
            sample(net, &[("A", 3), ("B", 2)], 1900.0),
            sample(net, &[("B", 7)], 980.0),
        ];
        let all: Vec<&Sample> = samples.iter().collect();
        let found = fit(&["A", "B"], &all);
        for sample in &samples {
            let estimate = estimate(&["A", "B"], &found, sample);
            assert!((estimate - sample.bytes).abs() < 30.0, "{found:?}");
        }
        let text = render(&samples, "rustc");
        assert!(text.contains("[kernel]\nA = 10"), "{text}");
        assert!(text.contains("\n[model]\nmodel = 1900\n"), "{text}");
    }
}
