//! Number formats of the operators that multiply and accumulate: CONV_2D, DEPTHWISE_CONV_2D,
//! TRANSPOSE_CONV, FULLY_CONNECTED.
//!
//! Each is the counterpart of a format of the runtime: it says which element types it is for, and makes of an operator's
//! quantisation what the kernel takes. A new format is a file here, one in the runtime and a line in
//! `Product::choose`.

mod computed;
pub mod dsp;
mod factors;
mod float;
mod folded;
mod fp_small;
mod hybrid;
mod int16x8;
mod int8;
mod int8_short;
mod layer;
pub(super) mod mve;
mod narrow;
pub mod nested;
pub(super) mod scalar;
mod stored;
mod uint8;
mod weighted;

use castiron_runtime::host::HostKernel;
use castiron_runtime::kernels::{self, Dot, Numbers};

use super::Site;
use crate::error::Diagnostic;
use crate::graph::{Activation, DType};
use crate::program::{Argument, Choosing, Constant};
use crate::target::{Isa, Optimize, Target};

pub(super) use computed::Plain;
pub(super) use factors::ScalePrecision;
pub(super) use folded::folded;
pub(super) use hybrid::{choose_in_blocks, quantize_rows};
pub(super) use layer::Layer;
use stored::Stored;
pub(super) use weighted::{Reading, Taps};
pub(crate) use weighted::{Staying, Weighted};

/// A number format, implemented for what kernels are generic over.
trait Format: Numbers<W: Constant> {
    /// The element types that it is for, in words.
    const TYPES: &'static str;

    /// Whether it is for these types of input, weights and output.
    fn takes(types: [DType; 3]) -> bool;

    /// The operator's weights, in the file's order.
    fn weights(site: &Site<'_>) -> Result<Vec<Self::W>, Diagnostic>;

    /// The format's parameters, and the kernel's operands between weights and output.
    fn of(
        product: &Product<'_>,
        weights: &[Self::W],
        site: &Site<'_>,
        choosing: &mut Choosing<'_>,
    ) -> Result<(Self, Vec<Argument>), Diagnostic>;

    /// Adds the call, with the micro-kernel for the weights' type and what is compiled for.
    fn call(_: DType, call: Call<'_, Self>, sizes: &impl Sizes, choosing: &mut Choosing<'_>) {
        call_portable(call, sizes, choosing);
    }
}

/// Adds a call with the micro-kernel in plain Rust.
pub(super) fn call_portable<N: Numbers<W: Constant>>(
    call: Call<'_, N>,
    sizes: &impl Sizes,
    choosing: &mut Choosing<'_>,
) {
    portable!(choosing, |dot| sizes.call(call, dot, choosing))
}

/// Adds a call of int8 with the micro-kernel for the instructions that there are.
fn call_int8<N>(call: Call<'_, N>, sizes: &impl Sizes, choosing: &mut Choosing<'_>)
where
    N: Numbers<X = i8, W = i8, Acc = i32, Zero = i32>,
{
    let Target { isa, optimize } = choosing.target();
    match isa {
        Isa::Rv32m | Isa::Armv7m if optimize != Optimize::Size => sizes.call_plain(call, choosing),
        _ => call_portable(call, sizes, choosing),
    }
}

/// Evaluates an expression with the micro-kernel in plain Rust of as many steps as the target wants. Where castiron runs whole models,
/// each is the firmware's; the macro folds constants alone.
macro_rules! portable {
    ($choosing:ident, |$dot:ident| $call:expr) => {{
        let optimize = $choosing.target().optimize;
        #[cfg(feature = "text")]
        let value = {
            use castiron_runtime::kernels::Portable;
            match optimize.steps() {
                1 => {
                    let $dot = Portable::<1>;
                    $call
                }
                4 => {
                    let $dot = Portable::<4>;
                    $call
                }
                _ => {
                    let $dot = Portable::<8>;
                    $call
                }
            }
        };
        #[cfg(not(feature = "text"))]
        let value = {
            let $dot = castiron_runtime::kernels::AnySteps {
                steps: optimize.steps(),
            };
            $call
        };
        value
    }};
}
pub(super) use portable;

/// An operator that multiplies by weights, with input, weights and bias at 0, 1 and 2.
pub(super) struct Product<'a> {
    pub(super) activation: Activation,
    pub(super) precision: ScalePrecision,
    /// Output channels.
    pub(super) channels: usize,
    /// Where the file has weight *i* of a channel: `index(channel, i)`.
    pub(super) index: &'a dyn Fn(usize, usize) -> usize,
    /// Whether some window crosses the border of the input.
    pub(super) pads: bool,
}

impl Product<'_> {
    /// Adds the call of the kernel of these sizes, in the format of the operator's element types.
    pub(super) fn choose(
        &self,
        sizes: &impl Sizes,
        site: &Site<'_>,
        choosing: &mut Choosing<'_>,
    ) -> Result<(), Diagnostic> {
        let types = [
            site.input(0)?.dtype,
            site.input(1)?.dtype,
            site.output(0)?.dtype,
        ];
        if types == [DType::Float32; 3]
            && let Some(stored) = Stored::of(site, choosing)
        {
            return stored.choose(self, sizes, site, choosing);
        }
        if let Some(plain) = sizes.plain()
            && computed::is_needed(site)?
        {
            return computed::choose(self, &plain, site, choosing);
        }
        if hybrid::takes(types) {
            return hybrid::choose(self, sizes, site, choosing);
        }
        // No kernel for the extensions takes packed weights of four bits.
        if kernels::Int8::takes(types)
            && choosing.target().isa.has_mve()
            && !narrow::comes_first(types[1], choosing)
            && layer::choose(self, site, choosing, |layer, choosing| {
                sizes.call_mve(layer, choosing)
            })?
        {
            return Ok(());
        }
        if kernels::Int8::takes(types)
            && choosing.target().isa.has_dsp()
            && !narrow::comes_first(types[1], choosing)
            && dsp::choose(self, sizes, site, choosing)?
        {
            return Ok(());
        }
        if kernels::Int16x8::takes(types)
            && choosing.target().isa.has_dsp()
            && dsp::choose_i16(self, sizes, site, choosing)?
        {
            return Ok(());
        }
        if kernels::Int8::takes(types)
            && choosing.target().isa.is_scalar()
            && choosing.target().optimize != Optimize::Size
            && !narrow::are_packed(types[1], choosing)
            && (layer::choose(self, site, choosing, |layer, choosing| {
                sizes.call_scalar(layer, choosing)
            })? || int8_short::choose(self, sizes, site, choosing)?)
        {
            return Ok(());
        }
        if kernels::Float::takes(types)
            && choosing.target().isa.has_fp()
            && choosing.target().optimize == Optimize::Size
        {
            let weights = <kernels::Float as Format>::weights(site)?;
            let weights = fp_small::Weights::Floats(&weights);
            if fp_small::choose(self, sizes, &weights, site, choosing)? {
                return Ok(());
            }
        }
        macro_rules! formats {
            ($($format:ty,)*) => {{
                $(if <$format>::takes(types) {
                    return self.choose_in::<$format>(sizes, site, choosing);
                })*
                [$(<$format>::TYPES,)* hybrid::TYPES]
            }};
        }
        let known = formats![
            kernels::Float,
            kernels::Int8,
            kernels::Int16x8,
            kernels::Uint8,
        ];
        Err(site.unsupported_types(&known.join(", or ")))
    }

    fn choose_in<F: Format>(
        &self,
        sizes: &impl Sizes,
        site: &Site<'_>,
        choosing: &mut Choosing<'_>,
    ) -> Result<(), Diagnostic> {
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let (x, y) = (choosing.activation(x_id)?, choosing.activation(y_id)?);
        let weights = F::weights(site)?;
        let (numbers, constants) = F::of(self, &weights, site, choosing)?;
        let call = Call {
            numbers,
            weight: &|channel, i| weights[(self.index)(channel, i)],
            x,
            constants,
            y,
        };
        F::call(site.input(1)?.dtype, call, sizes, choosing);
        Ok(())
    }
}

/// A kernel call that lacks the kernel.
pub(super) struct Call<'a, N: Numbers> {
    pub(super) numbers: N,
    /// Weight *i* of an output channel.
    pub(super) weight: &'a dyn Fn(usize, usize) -> N::W,
    pub(super) x: Argument,
    /// The kernel's operands between weights and output.
    pub(super) constants: Vec<Argument>,
    pub(super) y: Argument,
}

impl<N: Numbers> Call<'_, N> {
    /// Adds the call of a kernel with the weights that were packed for it.
    pub(super) fn add<P: Constant>(
        self,
        kernel: impl HostKernel + 'static,
        packed: &[P],
        choosing: &mut Choosing<'_>,
    ) {
        let packed = choosing.constant(packed);
        choosing.call(kernel, operands(self.x, packed, &self.constants, self.y));
    }
}

fn operands(x: Argument, weights: Argument, constants: &[Argument], y: Argument) -> Vec<Argument> {
    let mut operands = vec![x, weights];
    operands.extend_from_slice(constants);
    operands.push(y);
    operands
}

/// The sizes of one of the kernels, which make it of a number format and a micro-kernel.
pub(super) trait Sizes {
    /// Adds the call of the kernel, with weights packed for it.
    fn call<N: Numbers<W: Constant>, D: Dot<N, Packed: Constant>>(
        &self,
        call: Call<'_, N>,
        dot: D,
        choosing: &mut Choosing<'_>,
    );
    /// The same for weights that cannot be packed, if there is a kernel of these sizes for them.
    fn plain(&self) -> Option<Plain> {
        None
    }
    /// Adds the call of a kernel for weights of four bits, packed two in a byte.
    fn call_nibbles<N: Numbers<W = i8>>(&self, call: Call<'_, N>, choosing: &mut Choosing<'_>) {
        self.call(call, kernels::Nibbles, choosing);
    }
    /// Adds the call of a kernel of float32 for the floating-point extension, or of a portable one where there is none.
    fn call_fp(&self, call: Call<'_, kernels::Float>, choosing: &mut Choosing<'_>)
    where
        Self: Sized,
    {
        call_portable(call, self, choosing);
    }
    /// Adds the call of a kernel of int8 over products of single numbers, or of a portable one where there is none.
    fn call_plain<N>(&self, call: Call<'_, N>, choosing: &mut Choosing<'_>)
    where
        N: Numbers<X = i8, W = i8, Acc = i32, Zero = i32>,
        Self: Sized,
    {
        call_portable(call, self, choosing);
    }
    /// Adds the call of a kernel for processors without vector instructions; says whether there is one for these sizes and values.
    fn call_scalar(&self, _layer: &Layer<'_>, _choosing: &mut Choosing<'_>) -> bool {
        false
    }
    /// Adds the call of a kernel for the vector extension; says whether there is one for these sizes and values.
    fn call_mve(&self, _layer: &Layer<'_>, _choosing: &mut Choosing<'_>) -> bool {
        false
    }
    /// Adds the call of a kernel for the DSP extension; says whether there is one for these sizes and values.
    fn call_dsp(&self, _layer: &dsp::Layer<'_>, _choosing: &mut Choosing<'_>) -> bool {
        false
    }
}
