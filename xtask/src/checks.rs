//! What a model must be on the target.

use crate::bench::Measured;
use crate::cores::Core;
use crate::tflm;

/// The most code and constants, weights aside, that a model may bring along. Other processors than the Cortex-M4 take more instructions for what the
/// portable kernels do.
const fn most_code(core: Core) -> u64 {
    match core {
        Core::M4 => 20_000,
        Core::M3 | Core::M0plus | Core::Rv32imc => 24_000,
        // Its loops are unrolled, once for each number of inputs.
        Core::M55 => 28_000,
    }
}

/// Bytes that arenas take beyond TFLM's planned tensors, by model: inputs that kernels of the DSP extension widen, which TFLM's reference kernels do not
/// have. A FULLY_CONNECTED has up to 152 of them beside its output, with two bytes each: mlperf_ad takes 0.43 of CMSIS-NN's instructions for it, in place of
/// 0.50, and less RAM with its stack than before. A convolution has those of two windows.
const WIDENED: [(&str, u64); 2] = [("mlperf_ad", 176), ("multi_io_int8", 32)];

/// What is wrong, a sentence each.
pub(crate) fn faults(core: Core, measured: &Measured, tflm: Option<&tflm::Model>) -> Vec<String> {
    let mut faults = Vec::new();
    let run = &measured.run;
    if run.mismatches > 0 || run.values == 0 {
        let first = run.first.as_ref().map_or_else(String::new, |first| {
            format!(
                "; the first: case {}, output {}, element {}: {} instead of {}",
                first.case,
                first.output,
                first.index,
                first.show(first.got),
                first.show(first.want)
            )
        });
        faults.push(format!(
            "{} of {} output values are wrong{first}",
            run.mismatches, run.values
        ));
    }
    if !measured.offenders.is_empty() {
        faults.push(format!(
            "code that panics or allocates is linked:\n{}",
            measured.offenders.join("\n")
        ));
    }
    let mut most = |what: &str, found: u64, limit: u64, reason: &str| {
        if found > limit {
            faults.push(format!(
                "{what}: {found} bytes, over the {limit} of {reason}"
            ));
        }
    };
    most("code", measured.code, most_code(core), "any model");
    if let Some(tflm) = tflm {
        let widened = WIDENED.iter().find(|(name, _)| *name == tflm.name);
        most(
            "arena",
            run.arena,
            tflm.least_planned() + widened.map_or(0, |(_, bytes)| *bytes),
            "TFLM's planned tensors and widened inputs",
        );
        let ram = measured.ram + run.deepest_stack();
        most(
            "RAM and stack",
            ram,
            tflm.least_arena(),
            "TFLM's smallest arena",
        );
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qemu::Run;

    fn measured() -> Measured {
        let run = Run {
            instructions: vec![1],
            stack: vec![100],
            stack_limit: 1000,
            arena: 32,
            ram: 32,
            weights: 0,
            macs: 1,
            values: 1,
            mismatches: 0,
            first: None,
            operators: vec![],
        };
        Measured {
            run,
            code: 1,
            weights: 0,
            ram: 0,
            sections: Default::default(),
            offenders: vec![],
            operators: vec![],
            cycles: None,
        }
    }

    fn tflm() -> tflm::Model {
        let kernels = tflm::Kernels {
            min_arena: 1072,
            planned_head: 32,
            instructions: 1,
            code_flash: None,
        };
        tflm::Model {
            name: String::new(),
            sha256: String::new(),
            reference: kernels.clone(),
            cmsis_nn: kernels,
            cmsis_nn_assembly: None,
            smallest_code: None,
        }
    }

    #[test]
    fn a_good_model_has_no_fault() {
        assert_eq!(faults(Core::M4, &measured(), Some(&tflm())), [""; 0]);
    }

    #[test]
    fn each_fault_is_named() {
        let mut bad = measured();
        bad.run.mismatches = 1;
        bad.run.arena = 1000;
        bad.ram = 1000;
        bad.code = most_code(Core::M4) + 1;
        bad.offenders = vec!["core::panicking::panic".into()];
        let faults = faults(Core::M4, &bad, Some(&tflm()));
        for (fault, start) in faults.iter().zip([
            "1 of 1 output",
            "code that",
            "code:",
            "arena:",
            "RAM and stack:",
        ]) {
            assert!(fault.starts_with(start), "{fault}");
        }
        assert_eq!(faults.len(), 5, "{faults:?}");
    }
}
