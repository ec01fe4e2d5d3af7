//! Arm's Cortex-M processors: what each is, for whoever asks.
//!
//! Devicetrees, compilers and TFLM's kernels all name these processors, and what they say about one
//! has to agree. A new processor is a row here.

/// A Cortex-M processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cortex {
    /// As compilers name it in `-mcpu`.
    pub name: &'static str,
    /// Its architecture.
    pub architecture: Architecture,
    /// The vector instructions that it has, or may have.
    pub simd: Simd,
}

/// An architecture of Cortex-M.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Architecture {
    V6M,
    V7M,
    V7EM,
    V8MBase,
    V8MMain,
    V81MMain,
}

/// Vector instructions, which decide what CMSIS-NN is compiled to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Simd {
    /// None.
    None,
    /// Those of the DSP extension.
    Dsp,
    /// M-Profile Vector Extension, also called Helium.
    Mve,
}

const fn cortex(name: &'static str, architecture: Architecture, simd: Simd) -> Cortex {
    Cortex {
        name,
        architecture,
        simd,
    }
}

/// Every Cortex-M; of each architecture the plainest first.
pub const CORTEX_M: &[Cortex] = &[
    cortex("cortex-m0", Architecture::V6M, Simd::None),
    cortex("cortex-m0plus", Architecture::V6M, Simd::None),
    cortex("cortex-m1", Architecture::V6M, Simd::None),
    cortex("cortex-m3", Architecture::V7M, Simd::None),
    cortex("cortex-m4", Architecture::V7EM, Simd::Dsp),
    cortex("cortex-m7", Architecture::V7EM, Simd::Dsp),
    cortex("cortex-m23", Architecture::V8MBase, Simd::None),
    cortex("cortex-m33", Architecture::V8MMain, Simd::Dsp),
    cortex("cortex-m35p", Architecture::V8MMain, Simd::Dsp),
    cortex("cortex-m52", Architecture::V81MMain, Simd::Mve),
    cortex("cortex-m55", Architecture::V81MMain, Simd::Mve),
    cortex("cortex-m85", Architecture::V81MMain, Simd::Mve),
];

impl Cortex {
    /// The processor that a compiler calls so.
    pub fn named(name: &str) -> Option<&'static Self> {
        CORTEX_M.iter().find(|cortex| cortex.name == name)
    }

    /// The same of a name as compilers take it, which may leave extensions out: `cortex-m55+nomve`.
    pub fn of_cpu(name: &str) -> Option<Self> {
        let mut parts = name.split('+');
        let cortex = *Self::named(parts.next()?)?;
        let simd = parts.fold(cortex.simd, |simd, extension| match (extension, simd) {
            ("nomve", Simd::Mve) => Simd::Dsp,
            // Helium is more of the DSP extension.
            ("nodsp", _) => Simd::None,
            _ => simd,
        });
        Some(Self { simd, ..cortex })
    }

    /// As people write it: `Cortex-M0+`.
    pub fn title(&self) -> String {
        let model = self.name.trim_start_matches("cortex-m");
        format!("Cortex-M{}", model.replace("plus", "+").to_uppercase())
    }

    /// The processor of a devicetree's compatible: `arm,cortex-m0+`, `arm,cortex-m4f`.
    pub fn of_compatible(compatible: &str) -> Option<&'static Self> {
        let name = compatible.strip_prefix("arm,")?;
        // With a unit for floating-point numbers it is the same processor.
        let name = name.strip_suffix('f').unwrap_or(name).replace('+', "plus");
        Self::named(&name)
    }
}

impl Architecture {
    /// The vector instructions that all of its processors have.
    pub fn simd(self) -> Simd {
        match self {
            Self::V7EM => Simd::Dsp,
            _ => Simd::None,
        }
    }

    /// As compilers and TVM name it in `-march`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V6M => "armv6s-m",
            Self::V7M => "armv7-m",
            Self::V7EM => "armv7e-m",
            Self::V8MBase => "armv8-m.base",
            Self::V8MMain => "armv8-m.main",
            Self::V81MMain => "armv8.1-m.main",
        }
    }

    /// The compatible of its interrupt controller.
    pub fn nvic(self) -> &'static str {
        match self {
            Self::V6M => "arm,v6m-nvic",
            Self::V7M | Self::V7EM => "arm,v7m-nvic",
            Self::V8MBase | Self::V8MMain => "arm,v8m-nvic",
            Self::V81MMain => "arm,v8.1m-nvic",
        }
    }

    /// Rust's targets for it; the last has floats in registers, if there is such.
    pub fn targets(self) -> &'static [&'static str] {
        match self {
            Self::V6M => &["thumbv6m-none-eabi"],
            Self::V7M => &["thumbv7m-none-eabi"],
            Self::V7EM => &["thumbv7em-none-eabi", "thumbv7em-none-eabihf"],
            Self::V8MBase => &["thumbv8m.base-none-eabi"],
            Self::V8MMain | Self::V81MMain => {
                &["thumbv8m.main-none-eabi", "thumbv8m.main-none-eabihf"]
            }
        }
    }

    /// The architecture that Rust compiles a target triple for, where no processor is named.
    pub fn of_target(triple: &str) -> Option<Self> {
        Some(match triple.split('-').next()? {
            "thumbv6m" => Self::V6M,
            "thumbv7m" => Self::V7M,
            "thumbv7em" => Self::V7EM,
            "thumbv8m.base" => Self::V8MBase,
            "thumbv8m.main" => Self::V8MMain,
            _ => return None,
        })
    }
}
