//! AVERAGE_POOL_2D and MAX_POOL_2D of float32 and integers, and L2_POOL_2D of float32.

use castiron_runtime::host::HostKernel;
use castiron_runtime::kernels::{
    AveragePool2dF32, AveragePool2dI8, AveragePool2dI16, AveragePool2dU8, DspAveragePool2d,
    DspMaxPool2d, L2Pool2dF32, LANES, MaxPool2dF32, MaxPool2dI8, MaxPool2dI16, MaxPool2dU8,
    VcmpMaxPool2d, Window,
};

use super::channels::Channels;
use super::window::window;
use super::{Family, Site};
use crate::error::Diagnostic;
use crate::graph::{DType, Options};
use crate::program::Choosing;
use crate::target::Isa;

pub(super) enum Pool2d {
    Average,
    L2,
    Max,
}

impl Family for Pool2d {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let Options::Pool2d(options) = site.options() else {
            return Err(site.error("the operator has no options"));
        };
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let [.., channels] = site.nhwc(x_id)?;
        let window = window(
            site,
            (options.padding, options.border),
            options.stride,
            (1, 1),
            options.filter,
            channels,
        )?;
        let operands = [choosing.activation(x_id)?, choosing.activation(y_id)?];
        let (dtype, isa) = (site.input(0)?.dtype, choosing.target().isa);
        let kernel = match dtype {
            _ if site.output(0)?.dtype != dtype => None,
            DType::Float32 => {
                let float = site.float_range(options.activation)?;
                Some(match self {
                    Self::Average => kernel(AveragePool2dF32 { window, float }),
                    Self::L2 => kernel(L2Pool2dF32 { window, float }),
                    Self::Max if isa.has_fp() && channels >= LANES => {
                        kernel(VcmpMaxPool2d { window, float })
                    }
                    Self::Max => kernel(MaxPool2dF32 { window, float }),
                })
            }
            DType::Int8 | DType::Int16 | DType::Uint8 => {
                site.same_quantization(x_id, y_id)?;
                let range = site.integer_range(options.activation, y_id)?;
                self.of_integers(isa, dtype, window, range)
            }
            _ => None,
        };
        let kernel = kernel.ok_or_else(|| {
            site.unsupported_types(match self {
                Self::L2 => "float32",
                _ => "int8, int16, uint8 or float32, the same for input and output",
            })
        })?;
        // Elements of both tensors are of one type, pixel by pixel.
        let bytes = operands[0].element.bytes();
        choosing.overlap(window.distance_by_pixels(bytes), 1);
        choosing.call(kernel, operands);
        Ok(())
    }

    fn channels(&self, _: &Site<'_>) -> Option<Channels> {
        Some(Channels::Each(1))
    }
}

fn kernel(kernel: impl HostKernel + 'static) -> Box<dyn HostKernel> {
    Box::new(kernel)
}

impl Pool2d {
    fn of_integers(
        &self,
        isa: Isa,
        dtype: DType,
        window: Window,
        (min, max): (i32, i32),
    ) -> Option<Box<dyn HostKernel>> {
        let has_loops = isa.has_dsp() && window.in_c >= LANES;
        let pixels = window.filter_h * window.filter_w;
        Some(match (self, dtype) {
            (Self::Average, DType::Int8)
                if has_loops && pixels <= DspAveragePool2d::MOST_PIXELS =>
            {
                kernel(DspAveragePool2d { window, min, max })
            }
            (Self::Max, DType::Int8) if has_loops => kernel(DspMaxPool2d { window, min, max }),
            (Self::Average, DType::Int8) => kernel(AveragePool2dI8 { window, min, max }),
            (Self::Average, DType::Int16) => kernel(AveragePool2dI16 { window, min, max }),
            (Self::Average, DType::Uint8) => kernel(AveragePool2dU8 { window, min, max }),
            (Self::Max, DType::Int8) => kernel(MaxPool2dI8 { window, min, max }),
            (Self::Max, DType::Int16) => kernel(MaxPool2dI16 { window, min, max }),
            (Self::Max, DType::Uint8) => kernel(MaxPool2dU8 { window, min, max }),
            _ => return None,
        })
    }
}
