//! The micro-kernel in plain Rust, as the macro's generator has it.

use alloc::vec::Vec;
use core::cell::Cell;
use core::ops::Range;

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::dot::CHANNELS;
use super::{Block, Dot, Numbers, Portable, Rows, Windows};
use crate::host::Expression;

/// [`Portable`] of any number of steps, for firmware. On the host all of them compute by steps of one, which gives the same
/// results: kernels of every number would take a third of a user's first build, to fold constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnySteps {
    /// The steps of what is written down.
    pub steps: usize,
}

type Computing = Portable<1>;

/// [`Portable`] of so many steps, as firmware names it.
pub(super) fn kind(steps: usize) -> TokenStream {
    let steps = Literal::usize_unsuffixed(steps);
    let kind = crate::host::kind("Portable", &[]);
    quote!(#kind<#steps>)
}

impl Expression for AnySteps {
    fn expression(&self) -> TokenStream {
        Computing {}.expression()
    }
}

impl<N: Numbers> Dot<N> for AnySteps {
    const CHANNELS: usize = CHANNELS;
    const FOLDS: bool = true;
    type Packed = <Computing as Dot<N>>::Packed;
    type Operands<'a> = <Computing as Dot<N>>::Operands<'a>;
    type Channels = <Computing as Dot<N>>::Channels;

    fn kind(&self) -> TokenStream {
        kind(self.steps)
    }

    fn pack(
        channels: Range<usize>,
        inputs: usize,
        weight: &dyn Fn(usize, usize) -> N::W,
        packed: &mut Vec<Self::Packed>,
    ) {
        <Computing as Dot<N>>::pack(channels, inputs, weight, packed);
    }

    fn packed_len(inputs: usize) -> usize {
        <Computing as Dot<N>>::packed_len(inputs)
    }

    fn channels<const BORDER: bool>(
        numbers: &N,
        operands: &Self::Operands<'_>,
        channel: usize,
    ) -> Self::Channels {
        <Computing as Dot<N>>::channels::<BORDER>(numbers, operands, channel)
    }

    fn rows(
        numbers: &N,
        block: Block<'_, Self::Packed, Self::Channels>,
        rows: Rows,
        x: &[Cell<N::X>],
        y: &[Cell<N::Y>],
    ) {
        <Computing as Dot<N>>::rows(numbers, block, rows, x, y);
    }

    fn windows(
        numbers: &N,
        block: Block<'_, Self::Packed, Self::Channels>,
        windows: &Windows,
        x: &[Cell<N::X>],
        y: &[Cell<N::Y>],
    ) {
        <Computing as Dot<N>>::windows(numbers, block, windows, x, y);
    }
}
