//! What a model is compiled for.

use std::fmt;
use std::str::FromStr;

use crate::cortex::{Architecture, Cortex, Simd};
use crate::error::Diagnostic;

/// What a model is compiled for: it decides between kernels that compute the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Target {
    /// The instructions that kernels may use.
    pub isa: Isa,
    /// What matters where time costs flash.
    pub optimize: Optimize,
}

impl Target {
    /// What to compile for.
    pub fn new(isa: Isa, optimize: Optimize) -> Self {
        Self { isa, optimize }
    }

    /// Every set of instructions with everything that may matter.
    pub fn all() -> impl Iterator<Item = Self> {
        let of = |isa| Optimize::ALL.map(|optimize| Self { isa, optimize });
        Isa::ALL.into_iter().flat_map(of)
    }
}

/// A set of instructions that there are kernels for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Isa {
    /// Any that Rust compiles for.
    #[default]
    Portable,
    /// Armv7E-M's, and Armv8-M's with the DSP extension: Cortex-M4, M7, M33 and M35P.
    Dsp,
    /// The same, and those of the floating-point extension, of single precision at least.
    DspFp,
    /// Armv8.1-M's vector extension, also called Helium, with what comes with it: Cortex-M55, and M52 and M85.
    Mve,
    /// RV32IM's: RISC-V of 32 bits with multiplication.
    Rv32m,
    /// Armv7-M's, and Armv8-M's without the DSP extension: Cortex-M3.
    Armv7m,
    /// Armv6-M's, and those of Armv8-M's baseline: Cortex-M0, M0+, M1 and M23.
    Armv6m,
}

impl Isa {
    /// Every value.
    pub const ALL: [Self; 7] = [
        Self::Portable,
        Self::Dsp,
        Self::DspFp,
        Self::Mve,
        Self::Rv32m,
        Self::Armv7m,
        Self::Armv6m,
    ];

    /// The value's name, as users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Dsp => "dsp",
            Self::DspFp => "dsp+fp",
            Self::Mve => "mve",
            Self::Rv32m => "rv32m",
            Self::Armv7m => "armv7m",
            Self::Armv6m => "armv6m",
        }
    }

    /// Whether what is compiled for a target may be told to use these instructions, where the target says those: of an Arm processor it may not
    /// say all that there is.
    ///
    /// # Errors
    /// If the compiler has no such instructions for the target.
    pub fn check_for(self, target: Self) -> Result<(), Diagnostic> {
        let fits = match target {
            // A computer that runs the same code without the instructions, or a processor that castiron does not know.
            Self::Portable => true,
            Self::Rv32m | Self::Armv6m => self == target || self == Self::Portable,
            _ => self != Self::Rv32m,
        };
        match fits {
            true => Ok(()),
            false => Err(Diagnostic::new(format!(
                "the target does not have the instructions `{}`",
                self.name()
            ))
            .expected(format_args!("`{}`, or `portable`", target.name()))
            .help("compile for the processor's own target, or leave `isa` out")),
        }
    }

    /// Whether kernels may use the DSP extension.
    pub(crate) fn has_dsp(self) -> bool {
        matches!(self, Self::Dsp | Self::DspFp | Self::Mve)
    }

    /// Whether kernels may use the vector extension.
    pub(crate) fn has_mve(self) -> bool {
        self == Self::Mve
    }

    /// Whether there are kernels for it although it has no vector instructions.
    pub(crate) fn is_scalar(self) -> bool {
        matches!(self, Self::Rv32m | Self::Armv7m | Self::Armv6m)
    }

    /// Whether kernels may use the floating-point extension.
    pub(crate) fn has_fp(self) -> bool {
        matches!(self, Self::DspFp | Self::Mve)
    }
}

/// What matters where time costs flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Optimize {
    /// The least code.
    Size,
    /// Little time for the code.
    #[default]
    Balanced,
    /// The least time.
    Speed,
}

impl Optimize {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Size, Self::Balanced, Self::Speed];

    /// The value's name, as users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Balanced => "balanced",
            Self::Speed => "speed",
        }
    }

    /// Steps of a kernel's inner loop between two tests for its end.
    #[doc(hidden)]
    pub fn steps(self) -> usize {
        match self {
            Self::Size => 1,
            Self::Balanced => 4,
            Self::Speed => 8,
        }
    }
}

impl Isa {
    /// What the processor of a target triple has, or one that compilers call so.
    pub fn of_target(triple: Option<&str>, cpu: Option<&str>) -> Self {
        if triple.is_some_and(has_rv32m) {
            return Self::Rv32m;
        }
        // With an operating system, what is assembly on bare metal is computed in Rust.
        if triple.is_some_and(|triple| !triple.contains("-none")) {
            return Self::Portable;
        }
        let architecture = triple.and_then(Architecture::of_target);
        let (architecture, simd) = match cpu.and_then(Cortex::of_cpu) {
            Some(cortex) => (Some(cortex.architecture), cortex.simd),
            None => match architecture {
                Some(architecture) => (Some(architecture), architecture.simd()),
                None => (None, Simd::None),
            },
        };
        // What is compiled for such a target has floats in registers.
        let has_fp = triple.is_some_and(|triple| triple.ends_with("eabihf"));
        Self::of_parts(architecture, simd, has_fp)
    }

    /// What a RISC-V processor has, by its instruction set as devicetrees say it: `rv32imac_zicsr`.
    pub fn of_riscv(set: &str) -> Self {
        let letters = set
            .strip_prefix("rv32")
            .map(|rest| format!("riscv32{rest}"));
        match letters.is_some_and(|target| has_rv32m(&target)) {
            true => Self::Rv32m,
            false => Self::Portable,
        }
    }

    /// What a processor of a devicetree has, by its compatible: `arm,cortex-m4f`.
    pub fn of_compatible(compatible: &str) -> Self {
        match Cortex::of_compatible(compatible) {
            Some(cortex) => {
                let has_fp = compatible.ends_with('f') || cortex.simd == Simd::Mve;
                Self::of_parts(Some(cortex.architecture), cortex.simd, has_fp)
            }
            None => Self::Portable,
        }
    }

    fn of_parts(architecture: Option<Architecture>, simd: Simd, has_fp: bool) -> Self {
        match simd {
            Simd::None => match architecture {
                Some(Architecture::V7M | Architecture::V8MMain | Architecture::V81MMain) => {
                    Self::Armv7m
                }
                Some(Architecture::V6M | Architecture::V8MBase) => Self::Armv6m,
                _ => Self::Portable,
            },
            // Its registers are those of floats.
            Simd::Mve if has_fp => Self::Mve,
            Simd::Dsp if has_fp => Self::DspFp,
            Simd::Dsp | Simd::Mve => Self::Dsp,
        }
    }
}

impl Isa {
    /// What a crate is built for, by what cargo tells its build script: `TARGET`, and `CARGO_ENCODED_RUSTFLAGS`, which may name a processor, and
    /// extensions that it does not have.
    pub fn of_build(triple: Option<&str>, flags: Option<&str>) -> Self {
        let flags = flags.unwrap_or_default().split('\x1f');
        let flags: Vec<&str> = flags
            .map(|flag| flag.trim_start_matches("-C").trim_start())
            .collect();
        let values = |option: &'static str| {
            let value = move |flag: &&str| flag.strip_prefix(option).map(str::to_owned);
            flags.iter().filter_map(value)
        };
        // Of processors that are no Cortex-M, the target says it.
        let cpu = values("target-cpu=")
            .next_back()
            .filter(|name| Cortex::named(name).is_some());
        let features: Vec<String> = values("target-feature=").collect();
        let features = features.iter().flat_map(|features| features.split(','));
        let left_out = features.filter_map(|feature| feature.strip_prefix('-'));
        let cpu = cpu.map(|cpu| left_out.fold(cpu, |cpu, feature| format!("{cpu}+no{feature}")));
        Self::of_target(triple, cpu.as_deref())
    }
}

/// Whether a target is RISC-V of 32 bits with multiplication and all registers.
fn has_rv32m(triple: &str) -> bool {
    let architecture = triple.split('-').next().unwrap_or_default();
    let letters = architecture.strip_prefix("riscv32");
    letters.is_some_and(|letters| letters.starts_with("im") || letters.starts_with('g'))
}

impl FromStr for Isa {
    type Err = Diagnostic;

    fn from_str(name: &str) -> Result<Self, Diagnostic> {
        let found = Self::ALL.into_iter().find(|value| value.name() == name);
        found.ok_or_else(|| unknown("isa", &Self::ALL.map(Self::name), name))
    }
}

fn unknown(option: &str, names: &[&str], found: &str) -> Diagnostic {
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    Diagnostic::new(format!("unknown value of `{option}`"))
        .expected(names.join(", "))
        .found(format_args!("{found:?}"))
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.isa.name(), self.optimize)
    }
}

impl fmt::Display for Optimize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Optimize {
    type Err = Diagnostic;

    fn from_str(name: &str) -> Result<Self, Diagnostic> {
        let found = Self::ALL.into_iter().find(|value| value.name() == name);
        found.ok_or_else(|| unknown("optimize", &Self::ALL.map(Self::name), name))
    }
}
