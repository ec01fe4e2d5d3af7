//! Kernels of float32 for processors with the floating-point extension, over the loops of [`vfp`](crate::arch::vfp).

/// Makes kernels of float32 with one number in their type, and one operand beside the weights, callable by the generator; the list names their fields.
#[cfg(feature = "host")]
macro_rules! host {
    ($kernel:ident<$number:ident> { $($field:ident),* }) => {
        impl<const $number: usize> crate::host::Expression for $kernel<$number> {
            fn expression(&self) -> proc_macro2::TokenStream {
                let fields = [$((stringify!($field), crate::host::Expression::expression(&self.$field))),*];
                crate::host::structure(stringify!($kernel), fields)
            }
        }

        impl<const $number: usize> crate::host::MultiplyAccumulate for $kernel<$number> {
            const NAME: &'static str = stringify!($kernel);
            type X = f32;
            type Packed = f32;
            type Y = f32;
            type Operands<'a> = (&'a [f32],);
            const FOLDS: bool = false;

            fn format(&self) -> &'static str {
                <crate::kernels::Float as crate::kernels::Numbers>::NAME
            }

            fn parameters(&self) -> alloc::vec::Vec<proc_macro2::TokenStream> {
                let number = proc_macro2::Literal::usize_unsuffixed($number);
                alloc::vec![quote::quote!(#number)]
            }

            fn compute(
                &self,
                x: &[core::cell::Cell<f32>],
                weights: &[f32],
                (bias,): (&[f32],),
                y: &[core::cell::Cell<f32>],
            ) {
                self.run(x, weights, bias, y);
            }
        }
    };
}
#[cfg(feature = "host")]
use host;

mod depthwise;
mod dot;
mod pool;
mod row;
mod small;

pub use depthwise::VmlaDepthwise;
pub use dot::Vmla;
pub use pool::VcmpMaxPool2d;
pub use row::VmlaRow;
pub use small::{VmlaSmall, VmlaSmallHalves};
