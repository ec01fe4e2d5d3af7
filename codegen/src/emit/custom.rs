//! What firmware writes for custom operators, in any language: a function for each name and each list of types.

use crate::error::Diagnostic;
use crate::program::{CustomCall, ElementType, Operand, Program};

/// The form of a function that computes operators of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The operator's name in the model.
    pub operator: String,
    /// What it gets beside the operator's options.
    pub parameters: Vec<Parameter>,
}

/// A parameter of such a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name: `input`, or of several `input_0`.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// The type of its elements.
    pub element: ElementType,
}

/// What a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Role {
    Input,
    /// An input that the operator writes, too.
    Variable,
    Output,
    Scratch,
    State,
}

impl Role {
    /// Whether it is a tensor of the model.
    pub fn is_tensor(self) -> bool {
        !matches!(self, Self::Scratch | Self::State)
    }
}

impl Signature {
    /// That of a call.
    pub fn of(call: &CustomCall<Operand>) -> Self {
        Self {
            operator: call.name.clone(),
            parameters: operands(call).map(|(parameter, _)| parameter).collect(),
        }
    }

    /// Those of all calls of a program, each once.
    pub fn all(program: &Program) -> Vec<Self> {
        let mut all = Vec::new();
        for step in program.custom_calls() {
            let signature = Self::of(&step.call);
            if !all.contains(&signature) {
                all.push(signature);
            }
        }
        all
    }
}

/// What is wrong where an operator has the identifier that one of another name wants: whoever writes code for the one would not see that it
/// computes the other.
pub(super) fn clash(
    signatures: &[Signature],
    wanted: &[String],
    given: &[String],
) -> Option<Diagnostic> {
    let wants = || std::iter::zip(signatures, wanted);
    std::iter::zip(signatures, given).find_map(|(has, name)| {
        let mut others = wants().filter(|(other, _)| other.operator != has.operator);
        let (other, _) = others.find(|(_, wanted)| *wanted == name)?;
        let message = "two custom operators have one name in the code that computes them";
        Some(
            Diagnostic::new(message)
                .expected("a name for each")
                .found(format_args!(
                    "`{name}` for {:?} and {:?}",
                    has.operator, other.operator
                )),
        )
    })
}

/// The parameters of a call, and what it gives for them.
pub(super) fn operands(
    call: &CustomCall<Operand>,
) -> impl Iterator<Item = (Parameter, Operand)> + '_ {
    let count = |is_output| {
        call.tensors
            .iter()
            .filter(|t| t.is_output == is_output)
            .count()
    };
    let counts = [false, true].map(count);
    let mut met = [0; 2];
    let tensors = call.tensors.iter().map(move |tensor| {
        let side = usize::from(tensor.is_output);
        let word = ["input", "output"][side];
        met[side] += 1;
        let name = match counts[side] {
            1 => word.to_owned(),
            _ => format!("{word}_{}", met[side] - 1),
        };
        let role = match (tensor.is_output, tensor.is_written) {
            (true, _) => Role::Output,
            (false, true) => Role::Variable,
            (false, false) => Role::Input,
        };
        (name, role, tensor.place)
    });
    let scratch = call
        .scratch
        .map(|place| ("scratch".to_owned(), Role::Scratch, place));
    let state = call
        .state
        .map(|place| ("state".to_owned(), Role::State, place));
    let all = tensors.chain(scratch).chain(state);
    all.map(|(name, role, place)| {
        let element = place.element;
        (
            Parameter {
                name,
                role,
                element,
            },
            place,
        )
    })
}
