//! Kernels of float32 for processors with the floating-point extension, over the loops of [`vfp`](crate::arch::vfp).

mod depthwise;
mod dot;
mod row;

pub use depthwise::VmlaDepthwise;
pub use dot::Vmla;
pub use row::VmlaRow;
