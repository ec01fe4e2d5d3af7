//! Element-wise operators: lines of the runtime's table, which say what is computed of which types. Arithmetic of
//! quantised values with rules of its own is in `unary.rs` and `binary.rs`.

use castiron_runtime::host;
use castiron_runtime::rows;

use super::broadcast::Operands;
use super::channels::Channels;
use super::unary::{Quantized, look_up, operands, types};
use super::{Family, Site, binary, curve, unary};
use crate::error::Diagnostic;
use crate::graph::{Activation, BinaryOptions, BuiltinOperator, DType, OptionValue, Options};
use crate::program::{Choosing, ElementType};

/// The table's types of elements, the model's, and what people call them.
const TYPES: [(&str, DType, &str); 7] = [
    ("f32", DType::Float32, "float32"),
    ("i8", DType::Int8, "int8"),
    ("u8", DType::Uint8, "uint8"),
    ("i16", DType::Int16, "int16"),
    ("i32", DType::Int32, "int32"),
    ("i64", DType::Int64, "int64"),
    ("bool", DType::Bool, "bool"),
];

/// The family of an operator of the table.
pub(super) fn family(operator: BuiltinOperator) -> Option<&'static dyn Family> {
    let unary = rows::unary(operator.name()).map(|row| row as &dyn Family);
    unary.or_else(|| rows::binary(operator.name()).map(|row| row as &dyn Family))
}

impl Family for rows::Unary {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        choosing.in_place(1);
        let (x, y) = operands(site, choosing)?;
        let quantized = unary::quantized(site).or(self.real.map(Quantized::Reals));
        let (dtype, y_type) = types(site)?;
        let kernel = match (quantized, dtype) {
            _ if y_type != dtype => None,
            (Some(rule), DType::Int8 | DType::Uint8) => {
                look_up(choosing, x, &rule.table(site)?, y);
                return Ok(());
            }
            (_, DType::Int16) if curve::has(site) => return curve::choose(site, choosing, x, y),
            (Some(Quantized::Bent(bent)), DType::Int16) => Some(host::map::<i16, i16>(bent(site)?)),
            _ => of_type(self.kernels, dtype).map(|kernel| kernel(&|name| option(site, name))),
        };
        let Some(kernel) = kernel else {
            let bent = matches!(quantized, Some(Quantized::Bent(_)));
            let words = bent || curve::has(site);
            let bytes = quantized.is_some();
            let rules = [
                (bytes, DType::Int8),
                (bytes, DType::Uint8),
                (words, DType::Int16),
            ];
            return Err(site.unsupported_types(&taken(self.kernels, &rules)));
        };
        choosing.call(kernel, [x, y]);
        Ok(())
    }

    fn channels(&self, _: &Site<'_>) -> Option<Channels> {
        Some(Channels::Each(1))
    }
}

/// An option of an operator by the schema's name of it; 0 where the file leaves options out, as the schema has it.
fn option(site: &Site<'_>, name: &str) -> f32 {
    match site.options().listed(name) {
        Some(OptionValue::Float(value)) => value,
        _ => 0.0,
    }
}

impl Family for rows::Binary {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        // An input of as many bytes but fewer elements would be read again once it is overwritten.
        let size = |dtype| ElementType::of(dtype).map(ElementType::bytes);
        if size(site.input(0)?.dtype) == size(site.output(0)?.dtype) {
            choosing.in_place(2);
        }
        let operands = Operands::new(site)?;
        let order = operands.order();
        let activation = match site.options() {
            Options::Binary(BinaryOptions { activation, .. }) => *activation,
            _ => Activation::None,
        };
        let dtype = site.input(0)?.dtype;
        let compares = !self.scaled.is_empty();
        let result = if compares { DType::Bool } else { dtype };
        let quantized = binary::quantized(site);
        let rule = |dtype| quantized.filter(|(types, _)| types.contains(&dtype));
        let alike = site.input(1)?.dtype == dtype || binary::widens(site)?;
        let alike = alike && site.output(0)?.dtype == result;
        let scaled = of_type(self.scaled, dtype).filter(|_| binary::scales(site));
        let kernel = match (rule(dtype), scaled) {
            _ if !alike => None,
            (Some((_, kernel)), _) => {
                let how = (activation, choosing.target().isa);
                Some(kernel(site, &operands, how)?)
            }
            (None, Some(scaled)) => {
                let [first, second] = binary::compared(site)?;
                Some(scaled(order, first, second))
            }
            _ if activation != Activation::None => {
                let range = site.float_range(activation)?;
                of_type(self.clamped, dtype).map(|kernel| kernel(order, range))
            }
            _ => {
                let stored = if compares {
                    site.input_id(1)?
                } else {
                    site.output_id(0)?
                };
                site.same_quantization(site.input_id(0)?, stored)?;
                site.same_quantization(site.input_id(1)?, stored)?;
                of_type(self.kernels, dtype).map(|kernel| kernel(order))
            }
        };
        let Some(kernel) = kernel else {
            let [bytes, unsigned, words] = [DType::Int8, DType::Uint8, DType::Int16]
                .map(|dtype| (rule(dtype).is_some(), dtype));
            let rules = [
                (bytes.0 || compares, bytes.1),
                (unsigned.0 || compares, unsigned.1),
                words,
            ];
            let types = taken(self.kernels, &rules);
            let alike = match compares {
                true => "the same for both inputs, to bool",
                false => "the same for all tensors",
            };
            return Err(site.unsupported_types(&format!("{types}, {alike}")));
        };
        operands.call(site, choosing, kernel)
    }

    fn channels(&self, _: &Site<'_>) -> Option<Channels> {
        Some(Channels::Each(2))
    }
}

/// What a line of the table has for a type.
pub fn of_type<K: Copy>(kernels: &[(&str, K)], dtype: DType) -> Option<K> {
    let (name, _, _) = TYPES.iter().find(|(_, of, _)| *of == dtype)?;
    kernels.iter().find(|(of, _)| of == name).map(|(_, k)| *k)
}

/// The types that a line of the table takes, and those for which there are further rules, in words.
pub fn taken<K>(kernels: &[(&str, K)], rules: &[(bool, DType)]) -> String {
    let mut names: Vec<&str> = TYPES
        .iter()
        .filter(|(of, dtype, _)| {
            kernels.iter().any(|(name, _)| name == of) || rules.contains(&(true, *dtype))
        })
        .map(|(_, _, name)| *name)
        .collect();
    match (names.pop(), &names[..]) {
        (Some(last), []) => last.to_owned(),
        (Some(last), names) => format!("{} or {last}", names.join(", ")),
        (None, _) => String::new(),
    }
}
