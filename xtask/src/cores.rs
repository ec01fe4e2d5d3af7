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

/// A processor in an emulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Core {
    /// Cortex-M4 with its floating-point extension.
    M4,
    /// Cortex-M3.
    M3,
    /// Cortex-M0+, whose code runs on an emulated Cortex-M3, which has memory for all models.
    M0plus,
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
            Self::Rv32imc => "RV32IMC",
        }
    }

    /// What firmware is compiled for.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::M4 => "thumbv7em-none-eabihf",
            Self::M3 => "thumbv7m-none-eabi",
            Self::M0plus => "thumbv6m-none-eabi",
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
        "TFLM reference, on Cortex-M4"
    }

    /// Its instructions.
    pub(crate) fn baseline(self, model: &Model) -> Option<u64> {
        Some(model.reference.instructions)
    }

    /// What there is to say of the figures.
    pub(crate) fn note(self) -> &'static str {
        match self {
            Self::M4 => "",
            Self::M3 => {
                "QEMU's mps2-an385. TensorFlow Lite Micro's reference kernels were measured on the Cortex-M4 alone, which has more instructions than this \
                 processor, of which those kernels hardly use any."
            }
            Self::M0plus => {
                "Compiled for the Cortex-M0+ and run on an emulated Cortex-M3, QEMU's mps2-an385, as no emulated Cortex-M0 has the memory. \
                 TensorFlow Lite Micro's reference kernels were measured on the Cortex-M4 alone; on a Cortex-M0+ they take more."
            }
            Self::Rv32imc => {
                "QEMU's virt, by its counter of instructions. TensorFlow Lite Micro has no other kernels for this processor than its reference \
                 kernels, which were measured on the Cortex-M4."
            }
        }
    }

    /// The instructions that kernels may use.
    pub(crate) fn isa(self) -> Isa {
        Isa::of_target(Some(self.target()), None)
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
            Self::Rv32imc => &["virt", "-cpu", "rv32", "-bios", "none", "-serial", "stdio"],
        };
        let mut command = Command::new(self.emulator());
        command.arg("-machine").args(machine);
        command.args(["-icount", "shift=0", "-display", "none", "-monitor", "none"]);
        command.args(["-semihosting-config", "enable=on,target=native", "-kernel"]);
        command
    }
}
