//! Figures in the documentation that follow from code and data, between marks.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, bail, ensure};
use castiron_codegen::compile::{self, CodeTable, CompileOptions, Frontier, Input, Key, Point};

use crate::report::{grouped, replace_section};

/// Writes all sections; the pages that they are on.
///
/// # Errors
/// If a page or what its figures follow from cannot be read.
pub(crate) fn update(root: &Path) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (page, key, section) in [
        ("docs/architecture.md", "kernels", kernels(root)?),
        ("docs/boards.md", "estimate", estimate()?),
        ("docs/configuration.md", "keys", configuration()?),
        ("docs/passes.md", "frontier", frontier()?),
    ] {
        let path = root.join(page);
        let text = read(&path)?;
        let mark = format!("<!-- begin {key} -->");
        ensure!(text.contains(&mark), "{page} has no {mark}");
        fs::write(&path, replace_section(&text, key, &section)).with_context(|| page.to_owned())?;
        written.push(path);
    }
    Ok(written)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// What operators cost in kernels and in lines.
fn kernels(root: &Path) -> Result<String> {
    let kernels = kernel_types(&expanded_runtime(root)?).len();
    let lines = lines(&root.join("codegen/src/ops"))?;
    let page = read(&root.join("docs/operators.md"))?;
    // Names of operators are capitals; those of the tables' columns are not.
    let is_operator = |line: &&str| {
        let name = line.strip_prefix("| ").and_then(|l| l.split(' ').next());
        name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_uppercase()))
    };
    let operators = page.lines().filter(is_operator).count();
    ensure!(operators > 0, "docs/operators.md has no operators");
    Ok(format!(
        "The runtime has {kernels} kernels, types with a method `run`, for {operators} operators; before kernels were generic, at commit \
         307f2d3,\nthey were 45 for 24. `codegen/src/ops` has {} lines, {} for each operator; there it had 2,924, 122 for each.\n\
         `cargo xtask docs` counts them, the kernels in the runtime's source after macros.\n",
        grouped(lines as u64),
        (lines + operators / 2) / operators,
    ))
}

/// The keys of `castiron.toml`.
fn configuration() -> Result<String> {
    let mut text = String::new();
    for (heading, keys) in [
        ("Of `[model.NAME]` alone:", Key::OF_MODEL),
        (
            "Of `[model.NAME]`, and of `[defaults]` for all models:",
            Key::OF_ALL,
        ),
    ] {
        writeln!(
            text,
            "{heading}\n\n| key | example | what it says |\n|---|---|---|"
        )?;
        for key in keys {
            let Key {
                name,
                example,
                what,
                is_compiled,
                ..
            } = key;
            let only = if *is_compiled {
                "; castiron's kernels only"
            } else {
                ""
            };
            writeln!(text, "| `{name}` | `{example}` | {what}{only} |")?;
        }
        text.push('\n');
    }
    text += "`cargo xtask docs` writes this table from the parser's.\n";
    Ok(text)
}

/// What others published of MobileNetV2 0.35 at 144×144 pixels (msf-CNN): hundredths of its multiply-accumulates, and bytes.
const PUBLISHED: [(u64, usize); 5] = [
    (100, 194_400),
    (110, 67_905),
    (125, 25_674),
    (138, 15_340),
    (168, 7_887),
];

/// How small the arena of a known network can be for how much work.
fn frontier() -> Result<String> {
    let file = castiron_test_tools::mobilenet_v2(144, 35, 1000);
    let model = castiron_codegen::read("mobilenet_v2.tflite", &file)?;
    let mut curves = Vec::new();
    for input in Input::ALL {
        let mut options = CompileOptions::default();
        options.input = input;
        curves.push(compile::frontier(&model, 0, &options)?);
    }
    let mut table = String::from(
        "| multiply-accumulates, at most | published | castiron, whole input | castiron, input by rows |\n|--:|--:|--:|--:|\n",
    );
    for (hundredths, published) in PUBLISHED {
        let least = curves.iter().map(|curve: &Frontier| {
            let within = |point: &&Point| point.macs * 100 <= curve.macs * hundredths;
            let sizes = curve.points.iter().filter(within);
            let least = sizes
                .map(|point| point.arena_bytes + point.state_bytes)
                .min();
            least.map_or_else(String::new, |bytes| grouped(bytes as u64))
        });
        let least: Vec<String> = least.collect();
        writeln!(
            table,
            "| {}.{:02} × | {} | {} |",
            hundredths / 100,
            hundredths % 100,
            grouped(published as u64),
            least.join(" | "),
        )?;
    }
    Ok(format!(
        "MobileNetV2 of 0.35 of the channels for 144×144 pixels is what others publish such curves of; theirs (msf-CNN) hold no input \
         in memory below 62 kB.\nThe network has random weights here, and channels rounded down, as its 194,400 bytes for whole tensors \
         say. Bytes of arena and state, with portable kernels, as\n`cargo xtask docs` writes them:\n\n{table}"
    ))
}

/// The lines of all Rust files in a folder.
fn lines(folder: &Path) -> Result<usize> {
    let mut sum = 0;
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            sum += lines(&path)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            sum += read(&path)?.lines().count();
        }
    }
    Ok(sum)
}

/// The runtime's source as the compiler sees it once macros are expanded, without what only the host needs.
fn expanded_runtime(root: &Path) -> Result<String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = root.join("target/expanded");
    let output = Command::new(cargo)
        .current_dir(root)
        .args([
            "rustc",
            "--quiet",
            "--package",
            "castiron-runtime",
            "--lib",
            "--target-dir",
        ])
        .arg(target)
        .args(["--", "-Zunpretty=expanded"])
        // The option is unstable.
        .env("RUSTC_BOOTSTRAP", "1")
        .output()
        .context("cargo cannot be run")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The types that have a public method `run` of their own.
fn kernel_types(source: &str) -> BTreeSet<&str> {
    let mut current = None;
    let mut found = BTreeSet::new();
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("impl") {
            current = implementor(line);
        } else if line.starts_with("pub fn run(&self") || line.starts_with("pub fn run<") {
            found.extend(current);
        }
    }
    found
}

/// The type of an `impl` without a trait: `Conv2d` of `impl<N: Numbers> Conv2d<N> {`.
fn implementor(line: &str) -> Option<&str> {
    let mut rest = line.strip_prefix("impl")?;
    if rest.starts_with('<') {
        let mut depth = 0;
        let end = rest.char_indices().find_map(|(at, c)| {
            match c {
                '<' => depth += 1,
                '>' if !rest[..at].ends_with('-') => depth -= 1,
                _ => {}
            }
            (depth == 0).then_some(at + 1)
        })?;
        rest = &rest[end..];
    }
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    Some(&rest[..end])
}

/// How good the estimate of code is, as the table says that it is made from.
fn estimate() -> Result<String> {
    let table = CodeTable::cortex_m().map_err(|e| anyhow::anyhow!("{e}"))?;
    Ok(format!(
        "The figures were fitted to {} one-operator models and {} networks ({}).\n\
         To test them, each network was estimated from a table made without that network and without those that call the same kernels.\n\
         The estimate was off by {} % on average, and by at most 25 % for {} of the {}. The largest part of a network's code that it\n\
         lacked was {} %, and the most that it had too many {} bytes.\n",
        table.one_operator_models,
        table.networks,
        table.measured,
        table.mean_error_percent,
        table.networks_within_25_percent,
        table.networks,
        table.most_below_percent,
        grouped(table.most_above_bytes),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    #[test]
    fn sections_are_current() {
        for (page, key, section) in [
            ("docs/architecture.md", "kernels", kernels(root()).unwrap()),
            ("docs/boards.md", "estimate", estimate().unwrap()),
        ] {
            let text = read(&root().join(page)).unwrap();
            assert!(
                text == replace_section(&text, key, &section),
                "{page} is not current: run `cargo xtask docs`"
            );
        }
    }

    #[test]
    fn kernels_are_types_that_run() {
        let source = "
            impl<N: Numbers, D: Dot<N>> Conv2d<N, D> {
                fn compute(&self) {}
            }
            impl Conv2d<Float, Portable<1>> {
                pub fn run(&self, x: &[u8]) {}
            }
            impl Conv2d<Float, Portable<4>> {
                pub fn run(&self, x: &[u8]) {}
            }
            impl<F: Fn(u8) -> u8> Map<F> {
                pub fn run<X: Copy>(&self, x: &[X]) {}
            }
            impl Foreign {
                pub fn run(&mut self) {}
            }
        ";
        let found: Vec<&str> = kernel_types(source).into_iter().collect();
        assert_eq!(found, ["Conv2d", "Map"]);
    }

    /// Code that documentation quotes is the code that is there.
    #[test]
    fn quoted_code_is_current() {
        let page = read(&root().join("docs/adding-an-operator.md")).unwrap();
        let files = [
            "runtime/src/kernels/elementwise.rs",
            "codegen/src/ops/movement.rs",
        ]
        .map(|file| read(&root().join(file)).unwrap());
        let mut quoted = 0;
        for block in page.split("```text\n").skip(1) {
            let (block, _) = block.split_once("```").unwrap();
            for line in block.lines() {
                quoted += 1;
                assert!(
                    files.iter().any(|file| file.lines().any(|l| l == line)),
                    "docs/adding-an-operator.md quotes a line that is nowhere: {line}"
                );
            }
        }
        assert!(quoted > 20, "{quoted} lines are quoted");
    }
}
