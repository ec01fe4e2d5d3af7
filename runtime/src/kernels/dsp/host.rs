//! These kernels on the host, where the epilogue is a value.

use alloc::format;
use alloc::string::String;

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{
    DspConv2d, DspDepthwiseConv2d, DspFullyConnected, DspLstm, DspPointwise, DspSmall,
    DspSmallClamped, DspSmallRow, DspWideFullyConnected, DspWindowConv2d,
};
use crate::arch::armv7em::{AnyDepthwise, AnyDepthwiseI16, AnyEpilogue, AnyLoops, AnyLoopsI16};
use crate::host::{Expression, HostKernel, Operand, Refused, kind, run_in_model, structure, take};

impl AnyEpilogue {
    fn name(self) -> &'static str {
        match self {
            Self::Short(_) => "Short",
            Self::Away(_) => "Away",
            Self::ShortAlike(_) => "ShortAlike",
            Self::AwayAlike(_) => "AwayAlike",
            Self::Signed(_) => "Signed",
            Self::Long => "Long",
            Self::LongI16 => "LongI16",
            Self::OnceI16 => "OnceI16",
            Self::TwiceI16 => "TwiceI16",
        }
    }

    /// The type, as firmware names it.
    fn kind(self) -> TokenStream {
        let kind = kind(self.name(), &[]);
        match self {
            Self::Short(shift)
            | Self::Away(shift)
            | Self::ShortAlike(shift)
            | Self::AwayAlike(shift)
            | Self::Signed(shift) => {
                let shift = Literal::u32_unsuffixed(shift);
                quote!(#kind<#shift>)
            }
            Self::Long | Self::LongI16 | Self::OnceI16 | Self::TwiceI16 => kind,
        }
    }
}

impl Expression for AnyEpilogue {
    fn expression(&self) -> TokenStream {
        kind(self.name(), &[])
    }
}

impl AnyLoops {
    /// The epilogue, and the type around it.
    fn parts(self) -> (AnyEpilogue, Option<&'static str>) {
        match self {
            Self::Both(epilogue) => (epilogue, None),
            Self::Pairs(epilogue) => (epilogue, Some("PairsOnly")),
            Self::Halves(epilogue) => (epilogue, Some("Halves")),
            Self::Overlapping(epilogue) => (epilogue, Some("Overlapping")),
            Self::Rows(epilogue) => (epilogue, Some("RowsOnly")),
            Self::WideRows(epilogue) => (epilogue, Some("WideRows")),
        }
    }

    fn kind(self) -> TokenStream {
        match self.parts() {
            (epilogue, None) => epilogue.kind(),
            (epilogue, Some(around)) => kind(around, &[epilogue.kind()]),
        }
    }
}

impl Expression for AnyLoops {
    fn expression(&self) -> TokenStream {
        let (epilogue, around) = self.parts();
        let epilogue = epilogue.expression();
        match around.map(|around| kind(around, &[])) {
            None => epilogue,
            Some(around) => quote!(#around(#epilogue)),
        }
    }
}

impl AnyLoopsI16 {
    fn parts(self) -> (AnyEpilogue, Option<&'static str>) {
        self.0.parts()
    }

    fn kind(self) -> TokenStream {
        self.0.kind()
    }
}

impl Expression for AnyLoopsI16 {
    fn expression(&self) -> TokenStream {
        self.0.expression()
    }
}

impl AnyDepthwise {
    /// The type, as firmware names it.
    fn kind(self) -> TokenStream {
        let (kind, epilogue) = (kind("Depthwise", &[]), self.epilogue.kind());
        let numbers = [self.stride, self.at_once[0], self.at_once[1]];
        let numbers = numbers.map(Literal::usize_unsuffixed);
        quote!(#kind<#epilogue, #(#numbers),*>)
    }
}

impl Expression for AnyDepthwise {
    fn expression(&self) -> TokenStream {
        structure("Depthwise", [("epilogue", self.epilogue.expression())])
    }
}

impl AnyDepthwiseI16 {
    fn kind(self) -> TokenStream {
        self.0.kind()
    }
}

impl Expression for AnyDepthwiseI16 {
    fn expression(&self) -> TokenStream {
        self.0.expression()
    }
}

macro_rules! kernels {
    ($($kernel:ident<$of:ident>: $field:ident, $epilogue:expr, ($($operand:ident),*);)*) => {$(
        impl HostKernel for $kernel<$of> {
            fn name(&self) -> String {
                let of: fn(&Self) -> AnyEpilogue = $epilogue;
                format!("{}<{}>", stringify!($kernel), of(self).name())
            }

            fn kind(&self) -> TokenStream {
                kind(stringify!($kernel), &[self.$field.kind()])
            }

            fn folds(&self) -> bool {
                false
            }

            fn call(&self, operands: &[Operand<'_>]) -> Result<(), Refused> {
                let mismatch = Refused::Operands {
                    kernel: stringify!($kernel),
                    takes: [$(stringify!($operand)),*].len(),
                };
                let &[$($operand),*] = operands else { return Err(mismatch) };
                $(let $operand = take($operand, mismatch)?;)*
                run_in_model(stringify!($kernel), || self.run($($operand),*))
            }
        }
    )*};
}
kernels! {
    DspConv2d<AnyLoops>: epilogue, |k| k.epilogue.parts().0, (x, weights, rows, pairs, y);
    DspConv2d<AnyLoopsI16>: epilogue, |k| k.epilogue.parts().0, (x, weights, rows, pairs, y);
    DspDepthwiseConv2d<AnyDepthwise>: depthwise, |k| k.depthwise.epilogue, (x, weights, rows, y);
    DspDepthwiseConv2d<AnyDepthwiseI16>: depthwise, |k| k.depthwise.0.epilogue, (x, weights, rows, y);
    DspFullyConnected<AnyLoops>: epilogue, |k| k.epilogue.parts().0, (x, weights, y);
    DspFullyConnected<AnyLoopsI16>: epilogue, |k| k.epilogue.parts().0, (x, weights, y);
    DspLstm<AnyLoops>: epilogue, |k| k.epilogue.parts().0, (x, weights, table, hidden, cells, groups, room, y);
    DspLstm<AnyLoopsI16>: epilogue, |k| k.epilogue.parts().0, (x, weights, table, hidden, cells, groups, room, y);
    DspPointwise<AnyLoops>: epilogue, |k| k.epilogue.parts().0, (x, weights, pairs, y);
    DspPointwise<AnyLoopsI16>: epilogue, |k| k.epilogue.parts().0, (x, weights, pairs, y);
    DspWindowConv2d<AnyLoops>: epilogue, |k| k.epilogue.parts().0, (x, weights, inputs, y);
    DspWindowConv2d<AnyLoopsI16>: epilogue, |k| k.epilogue.parts().0, (x, weights, inputs, y);
    DspWideFullyConnected<AnyLoops>: epilogue, |k| k.epilogue.parts().0, (x, weights, wide, y);
}

crate::host::plain! {
    DspSmall(x, weights, rows, y);
    DspSmallClamped(x, weights, rows, y);
    DspSmallRow(x, weights, y);
}
