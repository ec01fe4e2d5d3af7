//! The processors that firmware is built for and run on.

use std::process::Command;

use castiron_codegen::target::Isa;
use clap::ValueEnum;

use crate::tflm::Model;

/// Models that the documentation has a table of for every processor.
pub(crate) const DOCUMENTED: [&str; 6] = [
    "micro_speech_quantized",
    "mlperf_ad",
    "mlperf_ic",
    "mlperf_kws",
    "mlperf_vww",
    "person_detect",
];

/// Instructions of whole models with CMSIS-NN, which follow from what it takes for layers of some shapes; see [`Core::note`].
const CMSIS_NN_M3: [(&str, u64); 4] = [
    ("mlperf_kws", 10_400_000),
    ("mlperf_vww", 31_000_000),
    ("mlperf_ic", 41_000_000),
    ("mlperf_ad", 970_000),
];
const CMSIS_NN_M0PLUS: [(&str, u64); 4] = [
    ("mlperf_kws", 29_000_000),
    ("mlperf_vww", 85_000_000),
    ("mlperf_ic", 95_000_000),
    ("mlperf_ad", 1_800_000),
];

/// What CMSIS-NN's kernels take of a model on the Cortex-M55, in the emulator: revision 99f736a6, by GCC 12.2 with `-O3 -mcpu=cortex-m55`, each layer on its own,
/// without the interpreter and without SOFTMAX.
const HELIUM: [(&str, u64); 4] = [
    ("mlperf_ad", 146_855),
    ("mlperf_ic", 4_802_157),
    ("mlperf_kws", 1_778_050),
    ("mlperf_vww", 6_421_748),
];

/// A processor in an emulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Core {
    /// Cortex-M4 with its floating-point extension.
    M4,
    /// Cortex-M3.
    M3,
    /// Cortex-M0+, whose code runs on an emulated Cortex-M3, which has memory for all models.
    M0plus,
    /// Cortex-M55 with its vector extension.
    M55,
    /// RISC-V with 32 bits, multiplication and compressed instructions.
    Rv32imc,
}

impl Core {
    /// What people call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::M4 => "Cortex-M4",
            Self::M3 => "Cortex-M3",
            Self::M0plus => "Cortex-M0+",
            Self::M55 => "Cortex-M55",
            Self::Rv32imc => "RV32IMC",
        }
    }

    /// What firmware is compiled for.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::M4 => "thumbv7em-none-eabihf",
            Self::M3 => "thumbv7m-none-eabi",
            Self::M0plus => "thumbv6m-none-eabi",
            Self::M55 => "thumbv8m.main-none-eabihf",
            Self::Rv32imc => "riscv32imc-unknown-none-elf",
        }
    }

    /// Its name on the command line.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What a model is compared with.
    pub(crate) fn baseline_title(self) -> &'static str {
        match self {
            Self::M3 | Self::M0plus => "CMSIS-NN, projected",
            Self::M55 => "CMSIS-NN with Helium",
            Self::M4 | Self::Rv32imc => "TFLM reference, on Cortex-M4",
        }
    }

    /// Its instructions.
    pub(crate) fn baseline(self, model: &Model) -> Option<u64> {
        let known = |figures: &[(&str, u64)]| {
            let of_model = figures.iter().find(|(name, _)| *name == model.name);
            of_model.map(|(_, instructions)| *instructions)
        };
        match self {
            Self::M3 => known(&CMSIS_NN_M3),
            Self::M0plus => known(&CMSIS_NN_M0PLUS),
            Self::M55 => known(&HELIUM),
            Self::M4 | Self::Rv32imc => Some(model.reference.instructions),
        }
    }

    /// What there is to say of the figures.
    pub(crate) fn note(self) -> &'static str {
        match self {
            Self::M4 => "",
            Self::M3 => {
                "QEMU's mps2-an385. CMSIS-NN (99f736a6, gcc 12.2, -O2) was measured there on layers of eight shapes, from 2.9 to 9.4 instructions for a \
                 multiply-accumulate; whole models follow from that, other shapes between them. These are instructions: of an SMLAL, which multiplies for two windows, \
                 the processor's manual has four to seven cycles, of an MLA two. By the manual that makes 2.9 to 4.4 cycles for a multiply-accumulate, and 3.5 with \
                 MLA alone."
            }
            Self::M0plus => {
                "Compiled for the Cortex-M0+ and run on an emulated Cortex-M3, QEMU's mps2-an385, as no emulated Cortex-M0 has the memory. \
                 CMSIS-NN (99f736a6, gcc 12.2, -O2) was measured in the same way on layers of eight shapes, from 6.8 to 37 instructions for a multiply-accumulate; \
                 whole models follow from that, other shapes between them."
            }
            Self::M55 => {
                "QEMU's mps3-an547, which takes an instruction for each turn of a loop that ends with LE, as the processor does not. CMSIS-NN's kernels were \
                 measured there layer by layer, without TensorFlow Lite Micro around them: revision 99f736a6, by GCC 12.2 with `-O3 -mcpu=cortex-m55`."
            }
            Self::Rv32imc => {
                "QEMU's virt, by its counter of instructions. TensorFlow Lite Micro has no other kernels for this processor than its reference \
                 kernels, which were measured on the Cortex-M4."
            }
        }
    }

    /// The instructions that kernels may use.
    pub(crate) fn isa(self) -> Isa {
        Isa::of_target(Some(self.target()), self.processor())
    }

    /// What compilers call it, where the target is of several processors that have other instructions.
    fn processor(self) -> Option<&'static str> {
        match self {
            Self::M55 => Some("cortex-m55"),
            _ => None,
        }
    }

    /// The emulator.
    pub(crate) fn emulator(self) -> &'static str {
        match self {
            Self::Rv32imc => "qemu-system-riscv32",
            _ => "qemu-system-arm",
        }
    }

    /// Debian's package of the emulator.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Rv32imc => "qemu-system-misc",
            _ => "qemu-system-arm",
        }
    }

    /// The emulator as it is called. An instruction takes one nanosecond of emulated time: counts are exact, and the same on every host.
    pub(crate) fn machine(self) -> Command {
        let machine: &[&str] = match self {
            Self::M4 => &["mps2-an386", "-cpu", "cortex-m4"],
            Self::M3 | Self::M0plus => &["mps2-an385", "-cpu", "cortex-m3"],
            Self::M55 => &["mps3-an547", "-cpu", "cortex-m55"],
            Self::Rv32imc => &["virt", "-cpu", "rv32", "-bios", "none", "-serial", "stdio"],
        };
        let mut command = Command::new(self.emulator());
        command.arg("-machine").args(machine);
        command.args(["-icount", "shift=0", "-display", "none", "-monitor", "none"]);
        command.args(["-semihosting-config", "enable=on,target=native", "-kernel"]);
        command
    }
}
