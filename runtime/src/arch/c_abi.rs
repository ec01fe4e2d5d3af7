//! A model behind functions that C calls.
//!
//! What C hands over are pointers and indices, so everything here is `unsafe` by nature. The functions are macros (`interface.rs`), since
//! exported names and sections have to be spelled out where they are made; generated text only names the model's methods. Here is what they call.

use core::cell::{Cell, UnsafeCell};
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use super::memory::Element;
use crate::{Tensor, TensorMut, TensorSpec};

mod interface;
mod server;

/// Status codes of the C interface; the header has the same.
pub mod status {
    use core::ffi::c_int;

    /// Done.
    pub const OK: c_int = 0;
    /// A pointer is NULL or not aligned, or buffers overlap.
    pub const ERROR: c_int = 1;
    /// The instance was not initialised.
    pub const NOT_READY: c_int = 2;
    /// The run ended before there were outputs.
    pub const NOT_YET: c_int = 3;
    /// More rows than the input lacks.
    pub const TOO_MANY_ROWS: c_int = 4;
    /// The weights are not what they were.
    pub const DAMAGED: c_int = 5;
    /// Somebody wrote behind the memory of an instance.
    pub const OVERRUN: c_int = 6;

    /// What a run gave, of a model whose guard words hold or do not.
    #[inline(always)]
    #[must_use]
    pub fn guarded(status: c_int, is_guarded: bool) -> c_int {
        match is_guarded {
            true => status,
            false => OVERRUN,
        }
    }

    /// What a run gave, as a status.
    pub trait Ran {
        /// The status.
        fn status(self) -> c_int;
    }

    impl Ran for () {
        #[inline(always)]
        fn status(self) -> c_int {
            OK
        }
    }

    impl Ran for Result<(), crate::NotYet> {
        #[inline(always)]
        fn status(self) -> c_int {
            match self {
                Ok(()) => OK,
                Err(crate::NotYet) => NOT_YET,
            }
        }
    }

    impl Ran for Result<(), crate::RunError> {
        #[inline(always)]
        fn status(self) -> c_int {
            match self {
                Ok(()) => OK,
                Err(crate::RunError::NotYet) => NOT_YET,
                Err(crate::RunError::Unaligned) => ERROR,
            }
        }
    }
}

/// Says of an instance that it was initialised: no likely content of memory that was not.
const READY: u32 = 0xca57_14e0;

/// A model in memory that C owns.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Instance<M> {
    model: MaybeUninit<M>,
    ready: u32,
}

impl<M> Instance<M> {
    /// Makes an instance of memory of any content, and its model's inputs zero.
    ///
    /// # Safety
    /// `instance` is NULL or points to memory for an instance that nobody else uses, and a model
    /// of zero bytes is a model.
    #[must_use]
    pub unsafe fn init(instance: *mut Self) -> bool {
        if instance.is_null() || !instance.is_aligned() {
            return false;
        }
        // SAFETY: not NULL and aligned (checked here), and memory for an instance (the caller).
        unsafe {
            instance.write_bytes(0, 1);
            (&raw mut (*instance).ready).write(READY);
        }
        true
    }

    /// Makes an instance of memory of any content, for a model that works in other memory.
    ///
    /// # Safety
    /// `instance` is NULL or points to memory for an instance that nobody else uses.
    #[must_use]
    pub unsafe fn init_with(instance: *mut Self, model: M) -> bool {
        if instance.is_null() || !instance.is_aligned() {
            return false;
        }
        // SAFETY: not NULL and aligned (checked here), and memory for an instance (the caller).
        unsafe {
            instance.write(Self {
                model: MaybeUninit::new(model),
                ready: READY,
            });
        }
        true
    }

    /// The model of an instance that was initialised.
    ///
    /// # Errors
    /// The status code for one that is not.
    ///
    /// # Safety
    /// `instance` is NULL or points to memory of an instance that nobody else uses meanwhile.
    pub unsafe fn model<'a>(instance: *mut Self) -> Result<&'a mut M, core::ffi::c_int> {
        if instance.is_null() || !instance.is_aligned() {
            return Err(status::ERROR);
        }
        // SAFETY: readable (the caller), and any bit pattern is a number.
        if unsafe { (&raw const (*instance).ready).read() } != READY {
            return Err(status::NOT_READY);
        }
        // SAFETY: `init` has made it a model, and nobody else uses it (the caller).
        Ok(unsafe { (*instance).model.assume_init_mut() })
    }
}

/// One of the memories that a model works in, of zeros; nothing where C hands over no address of one.
///
/// # Safety
/// `memory` is NULL or points to memory of this size that nobody else uses as long as the model is used. A `T` of zero bytes is a `T`.
#[inline(always)]
pub unsafe fn memory<'a, T>(memory: *mut T) -> Option<&'a mut T> {
    if size_of::<T>() == 0 {
        // SAFETY: aligned, and there is nothing to refer to.
        return Some(unsafe { NonNull::dangling().as_mut() });
    }
    if memory.is_null() || !memory.is_aligned() {
        return None;
    }
    // SAFETY: not NULL and aligned (checked here), and memory for a `T`, which zeros are (the caller).
    unsafe {
        memory.write_bytes(0, 1);
        Some(&mut *memory)
    }
}

/// What is built in: the one instance, or a memory of it. All zero, so that it lives in `.bss`.
#[derive(Debug)]
#[repr(transparent)]
pub struct BuiltIn<T>(UnsafeCell<MaybeUninit<T>>);

// SAFETY: nothing but the functions of the C interface reach it, through a raw pointer, and their
// documentation allows one of them at a time.
unsafe impl<T> Sync for BuiltIn<T> {}

impl<T> BuiltIn<T> {
    /// Memory that is yet to be initialised.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "statics alone are of this type")]
    pub const fn new() -> Self {
        Self(UnsafeCell::new(MaybeUninit::zeroed()))
    }

    /// Memory that holds this from the start.
    #[must_use]
    pub const fn of(value: T) -> Self {
        Self(UnsafeCell::new(MaybeUninit::new(value)))
    }

    /// Where it is.
    #[inline(always)]
    pub const fn get(&self) -> *mut T {
        self.0.get().cast()
    }
}

/// The address of a tensor, for C to read and write.
#[inline(always)]
pub fn address<T: Element>(tensor: &mut [T]) -> *mut c_void {
    tensor.as_mut_ptr().cast()
}

/// What a model gives of an output.
pub trait Values {
    /// The address of its values, for C to read; NULL where there are none.
    fn address(self) -> *const c_void;
}

impl<T: Element, const LEN: usize> Values for &[T; LEN] {
    #[inline(always)]
    fn address(self) -> *const c_void {
        self.as_ptr().cast()
    }
}

impl<T: Element, const LEN: usize> Values for Option<&[T; LEN]> {
    #[inline(always)]
    fn address(self) -> *const c_void {
        self.map_or(core::ptr::null(), Values::address)
    }
}

/// Rows of an input; nothing where C hands over no address of rows. It may be NULL for none of them.
///
/// # Safety
/// At the address, if it is one, are `count` rows, which nobody changes as long as the slice is there.
#[inline(always)]
pub unsafe fn rows<'a, R>(rows: *const R, count: usize) -> Option<&'a [R]> {
    match count {
        0 => Some(&[]),
        _ if rows.is_null() || !rows.is_aligned() => None,
        // SAFETY: not NULL and aligned (checked here), and so many rows (the caller) of plain numbers.
        _ => Some(unsafe { core::slice::from_raw_parts(rows, count) }),
    }
}

/// A buffer of an input or output; nothing where C hands over no address of one. The run asks for more of alignment.
///
/// # Safety
/// At the address, if it is one, are the values of the buffer, which nobody else uses as long as the reference is there, and nobody writes to
/// through it if C may not.
#[inline(always)]
pub unsafe fn buffer<'a, T: Element, const LEN: usize>(
    values: *mut [T; LEN],
) -> Option<&'a mut [T; LEN]> {
    match values.is_null() || !values.is_aligned() {
        true => None,
        // SAFETY: not NULL and aligned (checked here), and values (the caller) that are plain numbers.
        false => Some(unsafe { &mut *values }),
    }
}

/// Whether buffers, addresses with sizes, meet.
#[inline(always)]
pub fn meet(buffers: &[(usize, usize)]) -> bool {
    buffers.iter().enumerate().any(|(at, (start, bytes))| {
        let others = buffers.iter().skip(at + 1);
        let mut others = others.filter(|(_, size)| *size > 0 && *bytes > 0);
        others.any(|(other, size)| match other.checked_sub(*start) {
            Some(behind) => behind < *bytes,
            None => start.wrapping_sub(*other) < *size,
        })
    })
}

/// The address of bytes of a running model, for C to read.
#[inline(always)]
pub fn cell_address(bytes: &[Cell<u8>]) -> *const c_void {
    bytes.as_ptr().cast()
}

/// What a C function that computes a custom operator is told of a tensor; the header has the same.
#[derive(Debug)]
#[repr(C)]
pub struct OperatorTensor {
    pub shape: *const usize,
    pub rank: usize,
    pub elements: usize,
    pub scale: f32,
    pub zero_point: i32,
}

/// What it is told of the operator; the header has the same.
#[derive(Debug)]
#[repr(C)]
pub struct Operator {
    pub options: *const u8,
    pub options_bytes: usize,
    pub inputs: *const OperatorTensor,
    pub input_count: usize,
    pub outputs: *const OperatorTensor,
    pub output_count: usize,
    pub scratch_elements: usize,
    pub state_elements: usize,
}

impl OperatorTensor {
    fn new<T>(spec: &TensorSpec<T>, values: &[T]) -> Self {
        Self {
            shape: spec.shape.as_ptr(),
            rank: spec.shape.len(),
            elements: values.len(),
            scale: spec.scale,
            zero_point: spec.zero_point,
        }
    }
}

impl Operator {
    /// An operator, as long as the lists are there.
    #[inline(always)]
    pub fn new(
        options: &[u8],
        inputs: &[OperatorTensor],
        outputs: &[OperatorTensor],
        [scratch_elements, state_elements]: [usize; 2],
    ) -> Self {
        Self {
            options: options.as_ptr(),
            options_bytes: options.len(),
            inputs: inputs.as_ptr(),
            input_count: inputs.len(),
            outputs: outputs.as_ptr(),
            output_count: outputs.len(),
            scratch_elements,
            state_elements,
        }
    }
}

/// A tensor of a custom operator, for C.
pub trait ForC {
    /// A pointer to its values.
    type Pointer;
    /// What there is to say of it.
    fn facts(&self) -> OperatorTensor;
    /// Its values.
    fn pointer(self) -> Self::Pointer;
}

impl<T: Element> ForC for Tensor<'_, T> {
    type Pointer = *const T;

    #[inline(always)]
    fn facts(&self) -> OperatorTensor {
        OperatorTensor::new(self.spec, self.values)
    }

    #[inline(always)]
    fn pointer(self) -> *const T {
        self.values.as_ptr()
    }
}

impl<T: Element> ForC for TensorMut<'_, T> {
    type Pointer = *mut T;

    #[inline(always)]
    fn facts(&self) -> OperatorTensor {
        OperatorTensor::new(self.spec, self.values)
    }

    #[inline(always)]
    fn pointer(self) -> *mut T {
        self.values.as_mut_ptr()
    }
}

/// A custom operator of a model that a C function of the header's form computes.
#[doc(hidden)]
#[macro_export]
macro_rules! c_operator {
    (
        firmware: $firmware:ty,
        operator: $operator:path,
        function: $function:ident,
        inputs: [$($input:ident: $input_type:ty),* $(,)?],
        outputs: [$($output:ident: $output_type:ty),* $(,)?],
        $(scratch: $scratch:ty,)?
        $(state: $state:ty,)?
    ) => {
        const _: () = {
            unsafe extern "C" {
                fn $function(
                    operator: *const $crate::c_abi::Operator,
                    $($input: <$input_type as $crate::c_abi::ForC>::Pointer,)*
                    $($output: <$output_type as $crate::c_abi::ForC>::Pointer,)*
                    $(scratch: *mut $scratch,)?
                    $(state: *mut $state,)?
                );
            }

            impl $operator for $firmware {
                fn run(
                    options: &[u8],
                    $($input: $input_type,)*
                    $($output: $output_type,)*
                    $(scratch: &mut [$scratch],)?
                    $(state: &mut [$state],)?
                ) {
                    let inputs: &[$crate::c_abi::OperatorTensor] =
                        &[$($crate::c_abi::ForC::facts(&$input)),*];
                    let outputs: &[$crate::c_abi::OperatorTensor] =
                        &[$($crate::c_abi::ForC::facts(&$output)),*];
                    #[allow(unused_mut, unused_assignments)]
                    let mut elements = [0; 2];
                    $(
                        elements[0] = <[$scratch]>::len(scratch);
                    )?
                    $(
                        elements[1] = <[$state]>::len(state);
                    )?
                    let operator = $crate::c_abi::Operator::new(options, inputs, outputs, elements);
                    // SAFETY: the header says what the function is called with, and how long that is there.
                    unsafe {
                        $function(
                            &raw const operator,
                            $($crate::c_abi::ForC::pointer($input),)*
                            $($crate::c_abi::ForC::pointer($output),)*
                            $(<[$scratch]>::as_mut_ptr(scratch),)?
                            $(<[$state]>::as_mut_ptr(state),)?
                        );
                    }
                }
            }
        };
    };
}
