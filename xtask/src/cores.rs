//! The processors that firmware is built for and run on.

use std::process::Command;

use castiron_codegen::target::Isa;
use clap::ValueEnum;

use crate::tflm::{Figures, Model};

/// Models that the documentation has a table of for every processor.
pub(crate) const DOCUMENTED: [&str; 6] = [
    "micro_speech_quantized",
    "mlperf_ad",
    "mlperf_ic",
    "mlperf_kws",
    "mlperf_vww",
    "person_detect",
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
            Self::M4 | Self::M3 | Self::M0plus => "TFLM CMSIS-NN",
            Self::M55 => "TFLM CMSIS-NN, Helium",
            Self::Rv32imc => "TFLM reference",
        }
    }

    /// Its instructions.
    pub(crate) fn baseline(self, model: &Model, figures: &Figures) -> Option<u64> {
        match self {
            Self::M4 => Some(model.cmsis_nn.instructions),
            _ => figures.on(&self.name(), &model.name),
        }
    }

    /// What there is to say of the figures.
    pub(crate) fn note(self) -> &'static str {
        match self {
            Self::M4 => "",
            Self::M3 => {
                "QEMU's mps2-an385. TensorFlow Lite Micro with CMSIS-NN (90b983c2, 99f736a6, gcc 12.2, TFLM's default flags) ran there, too. \
                 These are instructions: of an SMLAL, which multiplies for two windows, the processor's manual has four to seven cycles, of an MLA two. \
                 By the manual that makes 2.9 to 4.4 cycles for a multiply-accumulate, and 3.5 with MLA alone."
            }
            Self::M0plus => {
                "Compiled for the Cortex-M0+ and run on an emulated Cortex-M3, QEMU's mps2-an385, as no emulated Cortex-M0 has the memory. \
                 TensorFlow Lite Micro with CMSIS-NN (90b983c2, 99f736a6, gcc 12.2, TFLM's default flags) was measured in the same way."
            }
            Self::M55 => {
                "QEMU's mps3-an547, which takes an instruction for each turn of a loop that ends with LE, as the processor does not. \
                 TensorFlow Lite Micro with CMSIS-NN and Helium (90b983c2, 99f736a6, gcc 12.2 with `-mcpu=cortex-m55`, TFLM's default flags) ran there, too."
            }
            Self::Rv32imc => {
                "QEMU's virt, by its counter of instructions. TensorFlow Lite Micro has no other kernels for this processor than its reference \
                 kernels, which ran there, too (90b983c2, gcc 12.2, TFLM's flags of the build type release)."
            }
        }
    }

    /// The instructions that kernels may use.
    pub(crate) fn isa(self) -> Isa {
        Isa::of_target(Some(self.target()), self.processor())
    }

    /// Whether it has instructions for floats.
    pub(crate) fn isa_has_fp(self) -> bool {
        matches!(self.isa(), Isa::DspFp | Isa::Mve)
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
