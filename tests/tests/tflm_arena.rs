//! Computed arenas of TFLM against arenas measured on emulated processors.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use castiron_codegen::error::Error;
use castiron_codegen::tflite;
use castiron_codegen::tflm::arena::{Arena, ArenaOptions, Kernels, Target};
use castiron_tests::{reference_folder, workspace};
use serde_json::Value;

/// Variables that the firmware that was measured makes room for, where the model has any.
const RESOURCE_VARIABLES: usize = 16;

/// Least arena, `arena_used_bytes()`, head and tail.
type Figures = [u64; 4];

#[derive(Default)]
struct Tally {
    equal: BTreeMap<(&'static str, &'static str), usize>,
    wrong: Vec<String>,
    /// Models that TFLM refuses when they run.
    refused: Vec<String>,
}

impl Tally {
    /// Compares one model with what was measured.
    fn compare(
        &mut self,
        file: &Path,
        kernels: Kernels,
        target: Target,
        measured: Figures,
    ) -> Option<Arena> {
        let name = file.display();
        let bytes = fs::read(file).unwrap_or_else(|e| panic!("{name}: {e}"));
        let arena = tflite::read(&name.to_string(), &bytes).and_then(|model| {
            let mut options = ArenaOptions {
                kernels,
                target,
                ..ArenaOptions::default()
            };
            let arena = Arena::new(&model, &options)?;
            if arena.resource_variables == 0 {
                return Ok(arena);
            }
            options.resource_variables = Some(RESOURCE_VARIABLES);
            Arena::new(&model, &options)
        });
        let arena = match arena {
            Ok(arena) => arena,
            // Its memory can be measured, as the kernel refuses only when it runs; nobody needs it.
            Err(error) if is_refusal(&error) => {
                self.refused.push(format!("{name}, {kernels}"));
                return None;
            }
            Err(error) => {
                self.wrong
                    .push(format!("{name}, {kernels}, {target}: {error}"));
                return None;
            }
        };
        let computed = [
            arena.min_arena_bytes,
            arena.arena_used_bytes,
            arena.head_bytes,
            arena.tail_bytes,
        ]
        .map(|n| n as u64);
        if computed == measured {
            *self
                .equal
                .entry((kernels.name(), target.name()))
                .or_default() += 1;
        } else {
            let line = format!(
                "{name}, {kernels}, {target}: computed {computed:?}, measured {measured:?}"
            );
            self.wrong.push(line);
        }
        Some(arena)
    }

    /// Compares the offset of every buffer: tensors by subgraph and index, then scratch.
    fn compare_plan(&mut self, arena: &Arena, measured: &Value) {
        let tensors = arena.buffers.iter().filter_map(|b| {
            let tensor = b.tensor?;
            Some([b.subgraph, tensor, b.offset].map(|n| n as u64).to_vec())
        });
        let scratch = arena.buffers.iter().filter(|b| b.scratch_of.is_some());
        let scratch: Vec<u64> = scratch.map(|b| b.offset as u64).collect();
        let numbers = |list: &Value| -> Vec<u64> {
            let list = list.as_array().into_iter().flatten();
            list.filter_map(Value::as_u64).collect()
        };
        let placed: Vec<_> = tensors.collect();
        let expected = measured["tensors"].as_array().into_iter().flatten();
        // Variables, which lie in the tail, are in the list, too.
        let in_head = |t: &Vec<u64>| t.get(2).is_some_and(|at| *at < arena.head_bytes as u64);
        let expected: Vec<Vec<u64>> = expected
            .map(|t| numbers(t).into_iter().take(3).collect())
            .filter(in_head)
            .collect();
        let same = placed == expected && scratch == numbers(&measured["scratch_offsets"]);
        if !same {
            let line = format!("{}, {}: another plan", arena.model, arena.kernels);
            self.wrong.push(line);
        }
    }

    fn print(&mut self, what: &str) {
        for refused in std::mem::take(&mut self.refused) {
            println!("{what}: {refused}: TFLM refuses it when it runs");
        }
        assert!(!self.equal.is_empty(), "nothing to compare in {what}");
        for ((kernels, target), count) in std::mem::take(&mut self.equal) {
            println!("{what}: {count} arenas of {kernels} kernels on {target} equal to the byte");
        }
    }

    fn finish(self) {
        let wrong = &self.wrong;
        assert!(
            wrong.is_empty(),
            "{} wrong:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}

fn is_refusal(error: &Error) -> bool {
    let mut all = error.diagnostics().iter();
    all.all(|d| d.message == "TFLM's kernel refuses the operator")
}

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn shipped_models_need_what_was_measured() {
    let root = workspace();
    let mut tally = Tally::default();
    let measured = json(&root.join("tests/data/tflm_arena.json"));
    for (file, targets) in measured.as_object().expect("models") {
        for (target, figures) in targets.as_object().expect("processors") {
            let mut known = Target::ALL.iter().filter(|t| t.name() == target);
            let target = known.next().expect("a processor castiron knows");
            for (kernels, figures) in figures.as_object().expect("kernels") {
                let mut known = Kernels::ALL.iter().filter(|k| k.name() == kernels);
                let kernels = known.next().expect("kernels castiron knows");
                let figures = figures.as_array().expect("four figures").iter();
                let figures: Vec<u64> = figures.filter_map(Value::as_u64).collect();
                let figures = figures.try_into().expect("four figures");
                tally.compare(&root.join(file), *kernels, *target, figures);
            }
        }
    }
    tally.print("shipped models");
    tally.finish();
}

#[test]
fn every_measured_model_needs_what_was_measured() {
    let Some(root) = reference_folder() else {
        return;
    };
    const OWN: [&str; 4] = [
        "min_arena_bytes",
        "arena_used_bytes",
        "head_bytes",
        "tail_bytes",
    ];
    const PUBLIC: [&str; 4] = ["min_arena_mult16", "arena_used", "head", "tail"];
    let mut tally = Tally::default();
    for (list, folder, ending, keys) in [
        ("results", "models", "", PUBLIC),
        ("arena_self", "models/self", ".tflite", OWN),
        ("arena_ops", "ops", ".tflite", OWN),
    ] {
        let measured = json(&root.join(format!("tflm/{list}.json")));
        let (mut absent, mut plans) = (0, 0);
        for (name, measured) in measured["models"].as_object().expect("models") {
            let file = root.join(folder).join(format!("{name}{ending}"));
            if !file.exists() {
                absent += 1;
                continue;
            }
            for (kernels, key) in [
                (Kernels::Reference, "reference"),
                (Kernels::CmsisNn, "cmsis_nn"),
            ] {
                let figures = keys.map(|k| measured[key][k].as_u64());
                // Models that TFLM refuses were not measured.
                if let [Some(min), Some(used), Some(head), Some(tail)] = figures {
                    let arena =
                        tally.compare(&file, kernels, Target::CortexM4, [min, used, head, tail]);
                    let plan = &measured[key]["plan"];
                    if let Some(arena) = arena.filter(|_| !plan.is_null()) {
                        tally.compare_plan(&arena, plan);
                        plans += 1;
                    }
                }
            }
        }
        if plans > 0 {
            println!("{list}: {plans} plans compared, every offset of them");
        }
        if absent > 0 {
            println!("{list}: {absent} measured models are not in {folder}");
        }
        tally.print(list);
    }
    tally.finish();
}
