//! Models that another language computes, behind the C interface of castiron's libraries.

use core::error::Error;
use core::ffi::c_void;
use core::fmt;
use core::mem::size_of;

use super::memory::Element;

/// The C interface of a model, bound to Rust; the type is an instance of it.
///
/// # Safety
/// Implementors are the instances of one header that castiron generated, and the functions those of the
/// same library. They may be moved at any time. All-zero bytes are an instance that was never
/// initialised, in which `INPUT` and `OUTPUT` give pointers already. Those lie within the instance, or
/// to constants, are aligned for any [`Element`], and hold as many bytes as `INPUT_BYTES` and
/// `OUTPUT_BYTES` say.
pub unsafe trait CInterface: Sized {
    /// What functions return.
    type Status: Copy + PartialEq;
    /// Success.
    const OK: Self::Status;
    /// Bytes of the inputs.
    const INPUT_BYTES: &'static [usize];
    /// Bytes of the outputs.
    const OUTPUT_BYTES: &'static [usize];
    /// Initialises an instance.
    const INIT: unsafe extern "C" fn(*mut Self) -> Self::Status;
    /// Gives an input's memory.
    const INPUT: unsafe extern "C" fn(*mut Self, usize) -> *mut c_void;
    /// Computes the outputs.
    const RUN: unsafe extern "C" fn(*mut Self) -> Self::Status;
    /// Sets variables to their first values.
    const RESET: unsafe extern "C" fn(*mut Self) -> Self::Status;
    /// Gives an output's memory.
    const OUTPUT: unsafe extern "C" fn(*const Self, usize) -> *const c_void;
}

/// A model behind a C interface, initialised when it is first run.
#[derive(Debug)]
pub struct Foreign<T> {
    instance: T,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Ready,
    Failed,
}

/// The engine could not compute: a kernel refused the model, or its memory was too small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineError;

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the engine could not run the model")
    }
}

impl Error for EngineError {}

impl<T: CInterface> Foreign<T> {
    /// A model of an instance whose bytes are all zero.
    #[must_use]
    pub const fn new(instance: T) -> Self {
        Self {
            instance,
            state: State::New,
        }
    }

    /// Initialises the instance unless that was done. It sets inputs to zero.
    pub fn init(&mut self) -> Result<(), EngineError> {
        if self.state == State::New {
            // SAFETY: a valid instance, borrowed for the call.
            let status = unsafe { (T::INIT)(&mut self.instance) };
            self.state = state(status == T::OK);
        }
        self.status()
    }

    /// Computes the outputs from the inputs.
    pub fn run(&mut self) {
        if self.init().is_ok() {
            // SAFETY: as in `init`; the library notices by itself that an instance has moved.
            let status = unsafe { (T::RUN)(&mut self.instance) };
            self.state = state(status == T::OK);
        }
    }

    /// Forgets what earlier runs left: variables are as at first. Inputs have to be written again.
    pub fn reset(&mut self) {
        if self.state == State::Ready {
            // SAFETY: as in `init`; the library notices by itself that an instance has moved.
            let status = unsafe { (T::RESET)(&mut self.instance) };
            self.state = state(status == T::OK);
        }
    }

    /// How the last run went.
    pub fn status(&self) -> Result<(), EngineError> {
        match self.state {
            State::New | State::Ready => Ok(()),
            State::Failed => Err(EngineError),
        }
    }

    /// The memory of an input, to write.
    #[inline]
    pub fn input_mut<E: Element, const INDEX: usize, const LEN: usize>(&mut self) -> &mut [E; LEN] {
        const { check::<E, INDEX, LEN>(T::INPUT_BYTES) };
        // Initialising sets inputs to zero, so it has to come before they are written. What failed
        // shows in the status, and the memory is there all the same.
        let _ = self.init();
        // SAFETY: the interface gives so many bytes for this index (checked above), aligned, within
        // the instance, which is borrowed uniquely; every bit pattern is an `E`.
        unsafe { &mut *(T::INPUT)(&mut self.instance, INDEX).cast() }
    }

    /// The memory of an output, to read.
    #[inline]
    pub fn output<E: Element, const INDEX: usize, const LEN: usize>(&self) -> &[E; LEN] {
        const { check::<E, INDEX, LEN>(T::OUTPUT_BYTES) };
        // SAFETY: as in `input_mut`, from a shared borrow.
        unsafe { &*(T::OUTPUT)(&self.instance, INDEX).cast() }
    }
}

const fn state(ok: bool) -> State {
    if ok { State::Ready } else { State::Failed }
}

/// Fails to compile unless a tensor has the bytes of `LEN` elements.
const fn check<E: Element, const INDEX: usize, const LEN: usize>(bytes: &[usize]) {
    assert!(
        INDEX < bytes.len() && bytes[INDEX] == LEN * size_of::<E>(),
        "the compiled library is of another model: build it anew"
    );
}
