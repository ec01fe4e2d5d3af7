//! What the firmware is built for.

use std::fmt;

use super::Kernels;
use crate::cortex::{CORTEX_M, Cortex, Simd};

/// A processor, as far as it decides sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Target {
    /// Cortex-M0, M0+, M3 and M23: no vector instructions.
    CortexM0,
    /// Cortex-M4, M7, M33 and M35P, the latter two with their DSP extension.
    #[default]
    CortexM4,
    /// Cortex-M52, M55 and M85 with MVE.
    CortexM55,
    /// RISC-V of 32 bits, whatever its extensions: they change no size.
    Riscv32,
}

/// Processors of RISC-V with 32 bits, as Rust and LLVM name them; the first stands for any.
const RISCV32: &[&str] = &[
    "generic-rv32",
    "andes-a25",
    "andes-a45",
    "andes-n45",
    "rocket-rv32",
    "rp2350-hazard3",
    "sifive-e20",
    "sifive-e21",
    "sifive-e24",
    "sifive-e31",
    "sifive-e34",
    "sifive-e76",
    "syntacore-scr1-base",
    "syntacore-scr1-max",
];

impl Target {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::CortexM0,
        Self::CortexM4,
        Self::CortexM55,
        Self::Riscv32,
    ];

    /// The name in answers: that of a processor that stands for all of its kind.
    pub fn name(self) -> &'static str {
        match self {
            Self::CortexM0 => "cortex-m0",
            Self::CortexM4 => "cortex-m4",
            Self::CortexM55 => "cortex-m55",
            Self::Riscv32 => "generic-rv32",
        }
    }

    /// Whether there are such kernels for the processor: CMSIS-NN is for Arm's.
    pub fn runs(self, kernels: Kernels) -> bool {
        self != Self::Riscv32 || kernels == Kernels::Reference
    }

    /// The kind of a processor as compilers name it: any Cortex-M, or one of RISC-V's with 32 bits.
    pub fn of_cpu(name: &str) -> Option<Self> {
        match Cortex::of_cpu(name) {
            Some(cortex) => Some(Self::of_arm(cortex.simd)),
            None => RISCV32.contains(&name).then_some(Self::Riscv32),
        }
    }

    /// Every name that [`of_cpu`](Self::of_cpu) knows.
    pub fn cpus() -> impl Iterator<Item = &'static str> {
        let cortex = CORTEX_M.iter().map(|cortex| cortex.name);
        cortex.chain(RISCV32.iter().copied())
    }

    /// The kind of an Arm processor with such vector instructions.
    pub fn of_arm(simd: Simd) -> Self {
        match simd {
            Simd::None => Self::CortexM0,
            Simd::Dsp => Self::CortexM4,
            Simd::Mve => Self::CortexM55,
        }
    }

    pub(super) fn simd(self) -> Simd {
        match self {
            Self::CortexM0 | Self::Riscv32 => Simd::None,
            Self::CortexM4 => Simd::Dsp,
            Self::CortexM55 => Simd::Mve,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
