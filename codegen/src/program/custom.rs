//! Custom operators that the firmware computes: which ones, what memory they want, and a call of one.

use std::fmt;
use std::str::FromStr;

use super::program::ElementType;
use crate::error::Diagnostic;

/// The custom operators of a model that its firmware computes, beside those that castiron has kernels for.
///
/// Memory is planned before firmware is compiled, so whoever has a model compiled says what an operator wants besides its
/// tensors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirmwareOps {
    all: bool,
    named: Vec<String>,
    scratch: Vec<OpBuffer>,
    state: Vec<OpBuffer>,
}

/// Elements that an operator wants besides its tensors: `MyOp=256` of bytes, `MyOp=i16x128` of another type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpBuffer {
    /// The operator's name in the model.
    pub operator: String,
    /// Element type.
    pub element: ElementType,
    /// Number of elements.
    pub len: usize,
}

/// Elements of a buffer at most, far beyond any microcontroller's.
const MOST_ELEMENTS: usize = 1 << 28;

impl FirmwareOps {
    /// All that castiron has no kernel for.
    pub fn all() -> Self {
        Self {
            all: true,
            ..Self::default()
        }
    }

    /// Those of these names.
    pub fn named(names: impl IntoIterator<Item = String>) -> Self {
        Self {
            named: names.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Working memory of an operator while it runs, of any content at first.
    #[must_use]
    pub fn with_scratch(mut self, buffers: impl IntoIterator<Item = OpBuffer>) -> Self {
        self.scratch.extend(buffers);
        self
    }

    /// What an operator keeps from run to run, zeros at first; each operator of the name has its own.
    #[must_use]
    pub fn with_state(mut self, buffers: impl IntoIterator<Item = OpBuffer>) -> Self {
        self.state.extend(buffers);
        self
    }

    /// Whether the firmware computes operators of this name, where castiron does not.
    pub fn has(&self, operator: &str) -> bool {
        self.all || self.named.iter().any(|name| name == operator)
    }

    /// Working memory of operators of this name.
    pub fn scratch(&self, operator: &str) -> Option<&OpBuffer> {
        of(&self.scratch, operator)
    }

    /// What operators of this name keep.
    pub fn state(&self, operator: &str) -> Option<&OpBuffer> {
        of(&self.state, operator)
    }

    /// Those whose names a model has, for front ends that take several models.
    #[must_use]
    pub fn only(&self, is_there: impl Fn(&str) -> bool) -> Self {
        let buffers = |buffers: &[OpBuffer]| {
            let kept = buffers.iter().filter(|buffer| is_there(&buffer.operator));
            kept.cloned().collect()
        };
        let named = self.named.iter().filter(|name| is_there(name));
        Self {
            all: self.all,
            named: named.cloned().collect(),
            scratch: buffers(&self.scratch),
            state: buffers(&self.state),
        }
    }

    /// All names that were given, each once for each time.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let buffers = self.scratch.iter().chain(&self.state);
        let names = self.named.iter().map(String::as_str);
        names.chain(buffers.map(|buffer| &*buffer.operator))
    }
}

/// The one that was said last.
fn of<'a>(buffers: &'a [OpBuffer], operator: &str) -> Option<&'a OpBuffer> {
    buffers.iter().rfind(|buffer| buffer.operator == operator)
}

impl FromStr for OpBuffer {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        let parsed = text.rsplit_once('=').and_then(|(operator, size)| {
            let (element, len) = match size.rsplit_once('x') {
                Some((element, len)) => (ElementType::named(element)?, len),
                None => (ElementType::U8, size),
            };
            let len = len.parse().ok()?;
            let fits = (1..=MOST_ELEMENTS).contains(&len) && !operator.is_empty();
            fits.then(|| Self {
                operator: operator.to_owned(),
                element,
                len,
            })
        });
        parsed.ok_or_else(|| {
            Diagnostic::new("this is no size of an operator's memory")
                .expected("the operator and a number of bytes, MyOp=256, or of other elements, MyOp=i16x128")
                .found(format_args!("{text:?}"))
        })
    }
}

/// A call of what the firmware has for a custom operator; `P` is where things lie.
#[derive(Debug, Clone)]
pub struct CustomCall<P> {
    /// The operator's name in the model.
    pub name: String,
    /// The operator's options in the file.
    pub options: P,
    /// Its tensors: inputs, then outputs.
    pub tensors: Vec<CustomTensor<P>>,
    /// Working memory.
    pub scratch: Option<P>,
    /// What it keeps from run to run.
    pub state: Option<P>,
}

/// A tensor of a custom operator.
#[derive(Debug, Clone)]
pub struct CustomTensor<P> {
    /// Whether it is one of the outputs.
    pub is_output: bool,
    /// Whether the operator may write it: outputs, and inputs that are variables. Nothing else of the call lies there.
    pub is_written: bool,
    /// Its name in the model.
    pub name: String,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// Scale and zero point; 1 and 0 of one that is not quantised.
    pub quantization: (f32, i32),
    /// Where it is.
    pub place: P,
}

impl<P> CustomCall<P> {
    /// The call with everything elsewhere.
    ///
    /// # Errors
    /// The first of `to`.
    pub(crate) fn moved<Q, E>(
        self,
        mut to: impl FnMut(&P) -> Result<Q, E>,
    ) -> Result<CustomCall<Q>, E> {
        let tensors = self.tensors.into_iter().map(|tensor| {
            Ok(CustomTensor {
                place: to(&tensor.place)?,
                is_output: tensor.is_output,
                is_written: tensor.is_written,
                name: tensor.name,
                shape: tensor.shape,
                quantization: tensor.quantization,
            })
        });
        Ok(CustomCall {
            tensors: tensors.collect::<Result<_, E>>()?,
            options: to(&self.options)?,
            scratch: self.scratch.as_ref().map(&mut to).transpose()?,
            state: self.state.as_ref().map(&mut to).transpose()?,
            name: self.name,
        })
    }

    /// Everything that it reads, and everything that it writes.
    pub(crate) fn places(&self) -> [Vec<&P>; 2] {
        let of = |is_written| {
            let tensors = self
                .tensors
                .iter()
                .filter(move |t| t.is_written == is_written);
            tensors.map(|tensor| &tensor.place)
        };
        let buffers = self.scratch.iter().chain(&self.state);
        [
            std::iter::once(&self.options).chain(of(false)).collect(),
            of(true).chain(buffers).collect(),
        ]
    }
}

/// The elements of a buffer, as it is written.
impl fmt::Display for OpBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let element = self.element.rust_name();
        write!(f, "{}={element}x{}", self.operator, self.len)
    }
}
