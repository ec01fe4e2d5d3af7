//! TRANSPOSE_CONV in every number format.

use castiron_runtime::kernels::{self, Dot, Numbers, TransposeConvSizes, Window};

use super::numbers::{Call, Product, ScalePrecision, Sizes};
use super::window::check_reach;
use super::{Family, Site};
use crate::error::Diagnostic;
use crate::graph::{Operator, Options};
use crate::program::{Choosing, Constant};

pub(super) struct TransposeConv;

impl Family for TransposeConv {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let Options::TransposeConv(options) = site.options() else {
            return Err(site.error("the operator has no options"));
        };
        // The output's shape comes first, and is known.
        let operator = Operator {
            inputs: vec![
                Some(site.input_id(2)?),
                Some(site.input_id(1)?),
                site.optional_input_id(3),
            ],
            ..site.operator.clone()
        };
        let site = &Site {
            operator: &operator,
            ..*site
        };
        let [batches, in_h, in_w, in_c] = site.nhwc(site.input_id(0)?)?;
        let [out_c, filter_h, filter_w, filter_c] = site.nhwc(site.input_id(1)?)?;
        let [_, out_h, out_w, _] = site.nhwc(site.output_id(0)?)?;
        site.expect_shape(site.output_id(0)?, &[batches, out_h, out_w, out_c])?;
        if filter_c != in_c {
            return Err(site
                .tensor_error(
                    site.input_id(1)?,
                    "the filter has another number of channels than the input",
                )
                .expected(in_c)
                .found(filter_c));
        }
        let (stride_h, stride_w) = options.stride;
        check_reach(site, (filter_h, filter_w), options.stride, (1, 1))?;
        // As of the convolution that leads from the output back to the input.
        let (_, pad_top) = options.padding.windows(out_h, filter_h, stride_h, 1);
        let (_, pad_left) = options.padding.windows(out_w, filter_w, stride_w, 1);
        let sizes = TransposeConvSizes {
            window: Window {
                batches,
                in_h,
                in_w,
                in_c,
                out_h,
                out_w,
                out_c,
                filter_h,
                filter_w,
                stride_h,
                stride_w,
                dilation_h: 1,
                dilation_w: 1,
                pad_top: pad_top as isize,
                pad_left: pad_left as isize,
            },
        };
        let inputs = filter_h * filter_w * in_c;
        let product = Product {
            activation: options.activation,
            precision: ScalePrecision::Double,
            channels: out_c,
            index: &|channel, i| channel * inputs + i,
            // What an output meets depends on its place: all windows are as across the border.
            pads: true,
        };
        product.choose(&sizes, site, choosing)
    }
}

impl Sizes for TransposeConvSizes {
    fn call<N: Numbers<W: Constant>, D: Dot<N, Packed: Constant>>(
        &self,
        call: Call<'_, N>,
        dot: D,
        choosing: &mut Choosing<'_>,
    ) {
        let packed = self.pack::<N, D>(call.weight);
        let kernel = kernels::TransposeConv {
            sizes: *self,
            numbers: call.numbers,
            dot,
        };
        call.add(kernel, &packed, choosing);
    }
}
