//! The tables of the source: every list, constant and struct once, by name.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use serde::Serialize;

use super::super::literal::{c_comment, c_float};
use super::{LONGEST_NAME, comment};
use crate::emit::literal::shortened_to;
use crate::graph::callees_first;
use crate::tflm::direct::{
    Call, Described, Direct, DirectTensor, KernelRegistration, Member, OWN_HEADER, OptionStruct,
    Place, Subgraph, element_type,
};

/// Constants from this size on are aligned for the widest loads.
const LARGE: usize = 64;

/// All tables.
#[derive(Serialize)]
pub(super) struct Tables {
    headers: BTreeSet<&'static str>,
    declarations: BTreeSet<String>,
    pub(super) constants: Vec<Constant>,
    lists: Vec<Named<i64>>,
    scales: Vec<Scales>,
    quantizations: Vec<QuantizationRow>,
    pub(super) tensors: Vec<TensorRow>,
    scratch: Vec<ScratchRow>,
    options: Vec<OptionRow>,
    customs: Vec<CustomRow>,
    tensor_lists: Vec<Named<usize>>,
    calls: Vec<CallRow>,
    /// Empty where none calls another.
    subgraphs: Vec<SubgraphRow>,
    omitted: Vec<String>,
    most_tensors: usize,
}

/// A constant's bytes.
#[derive(Serialize)]
pub(super) struct Constant {
    name: String,
    bytes: usize,
    alignment: usize,
    comment: String,
    #[serde(skip)]
    pub(super) data: Arc<[u8]>,
}

#[derive(Serialize)]
struct Named<T> {
    name: String,
    values: Vec<T>,
}

#[derive(Serialize)]
struct Scales {
    name: String,
    count: usize,
    values: Vec<String>,
}

#[derive(Serialize)]
struct QuantizationRow {
    name: String,
    scales: String,
    zero_points: String,
    dimension: usize,
}

#[derive(Serialize)]
pub(super) struct TensorRow {
    comment: String,
    pub(super) constant: String,
    offset: usize,
    bytes: usize,
    shape: String,
    quantization: String,
    dtype: &'static str,
    is_variable: bool,
}

#[derive(Serialize)]
struct ScratchRow {
    offset: usize,
    bytes: usize,
}

#[derive(Serialize)]
struct OptionRow {
    name: String,
    #[serde(rename = "type")]
    of: &'static str,
    is_written: bool,
    members: Vec<(&'static str, String)>,
}

#[derive(Serialize)]
struct CustomRow {
    name: String,
    values: String,
}

#[derive(Serialize)]
struct CallRow {
    comment: String,
    registration: String,
    tensors: String,
    inputs: String,
    outputs: String,
    options: String,
    custom_bytes: usize,
    tensor_count: usize,
    scratch_first: usize,
    scratch_count: usize,
}

#[derive(Serialize)]
struct SubgraphRow {
    comment: String,
    inputs: String,
    input_count: usize,
    outputs: String,
    output_count: usize,
    first_call: usize,
    call_count: usize,
}

/// Values that get a name each, equal ones the same.
struct Pool<T> {
    prefix: &'static str,
    names: HashMap<T, String>,
    values: Vec<(String, T)>,
}

impl<T: Clone + Eq + Hash> Pool<T> {
    fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            names: HashMap::new(),
            values: Vec::new(),
        }
    }

    fn name(&mut self, value: T) -> String {
        if let Some(name) = self.names.get(&value) {
            return name.clone();
        }
        let name = format!("{}{}", self.prefix, self.values.len());
        self.names.insert(value.clone(), name.clone());
        self.values.push((name.clone(), value));
        name
    }
}

struct Pools {
    lists: Pool<Vec<i64>>,
    scales: Pool<Vec<u32>>,
    quantizations: Pool<(String, String, usize)>,
    constants: Pool<Arc<[u8]>>,
    comments: Vec<String>,
    options: Pool<String>,
    option_rows: Vec<OptionRow>,
    tensor_lists: Pool<Vec<usize>>,
    customs: Pool<Vec<u8>>,
}

impl Tables {
    pub(super) fn new(direct: &Direct) -> Self {
        let mut pools = Pools {
            lists: Pool::new("kList"),
            scales: Pool::new("kScales"),
            quantizations: Pool::new("kQuantization"),
            constants: Pool::new("kConstant"),
            comments: Vec::new(),
            options: Pool::new("kOptions"),
            option_rows: Vec::new(),
            tensor_lists: Pool::new("kTensorsOf"),
            customs: Pool::new("kCustom"),
        };
        let tensors: Vec<_> = direct.tensors.iter().map(|t| pools.tensor(t)).collect();
        let calls: Vec<_> = direct.calls.iter().map(|c| pools.call(c)).collect();
        let subgraphs = match direct.subgraphs.len() {
            1 => Vec::new(),
            _ => (direct.subgraphs.iter())
                .map(|s| pools.subgraph(s))
                .collect(),
        };
        let registrations = || direct.calls.iter().map(|c| &c.registration);
        let undeclared = registrations().filter(|r| r.header.is_none());
        Self {
            headers: (registrations().filter_map(|r| r.header))
                .filter(|header| *header != OWN_HEADER)
                .collect(),
            declarations: undeclared
                .map(|r| r.function.trim_start_matches("tflite::").to_owned())
                .collect(),
            constants: pools.constants(),
            lists: named(pools.lists.values),
            scales: pools.scales.values.into_iter().map(scales_row).collect(),
            quantizations: (pools.quantizations.values.into_iter())
                .map(|(name, (scales, zero_points, dimension))| QuantizationRow {
                    name,
                    scales,
                    zero_points,
                    dimension,
                })
                .collect(),
            tensors,
            scratch: (direct.scratch.iter())
                .map(|region| ScratchRow {
                    offset: region.offset,
                    bytes: region.bytes,
                })
                .collect(),
            options: pools.option_rows,
            customs: (pools.customs.values.into_iter())
                .map(|(name, bytes)| CustomRow {
                    name,
                    values: hex(&bytes),
                })
                .collect(),
            tensor_lists: named(pools.tensor_lists.values),
            calls,
            subgraphs,
            omitted: direct.omitted.iter().map(omitted).collect(),
            most_tensors: most_tensors(direct).max(1),
        }
    }
}

impl Pools {
    fn tensor(&mut self, tensor: &DirectTensor) -> TensorRow {
        let (constant, offset) = match &tensor.place {
            Place::Arena(offset) => ("nullptr".to_owned(), *offset),
            // An array of C++ is not empty; nobody reads an empty constant.
            Place::Constant(data) if data.is_empty() => ("nullptr".to_owned(), 0),
            Place::Constant(data) => {
                let known = self.constants.values.len();
                let name = self.constants.name(Arc::clone(data));
                if self.constants.values.len() > known {
                    self.comments.push(comment(tensor));
                }
                (name, 0)
            }
        };
        let quantization = tensor.quantization.as_ref().map(|q| {
            let scales = q.scale.iter().map(|s| s.to_bits()).collect();
            let zero_points: Vec<i64> = q.zero_point.iter().map(|z| i64::from(*z)).collect();
            let row = (
                self.scales.name(scales),
                self.list(&zero_points),
                q.dimension,
            );
            format!("&{}", self.quantizations.name(row))
        });
        let shape: Vec<i64> = tensor.shape.iter().map(|n| number(*n)).collect();
        TensorRow {
            comment: comment(tensor),
            constant,
            offset,
            bytes: tensor.bytes,
            shape: self.list(&shape),
            quantization: quantization.unwrap_or_else(|| "nullptr".to_owned()),
            dtype: element_type(tensor.dtype),
            is_variable: tensor.is_variable,
        }
    }

    /// A counted list.
    fn list(&mut self, values: &[i64]) -> String {
        let counted = std::iter::once(number(values.len())).chain(values.iter().copied());
        self.lists.name(counted.collect())
    }

    fn call(&mut self, call: &Call) -> CallRow {
        let positions = |position: &Option<usize>| position.map_or(-1, number);
        let inputs: Vec<i64> = call.inputs.iter().map(positions).collect();
        let outputs: Vec<i64> = call.outputs.iter().map(|p| number(*p)).collect();
        let (options, custom_bytes) = match (&call.options, &call.custom) {
            (Some(options), _) => (format!("&{}", self.options(options)), 0),
            (None, Some(bytes)) if !bytes.is_empty() => {
                (self.customs.name(bytes.clone()), bytes.len())
            }
            _ => ("nullptr".to_owned(), 0),
        };
        CallRow {
            comment: described(&call.operator),
            registration: registration(&call.registration),
            tensors: self.tensor_lists.name(call.tensors.clone()),
            inputs: self.list(&inputs),
            outputs: self.list(&outputs),
            options,
            custom_bytes,
            tensor_count: call.tensors.len(),
            scratch_first: call.scratch.0,
            scratch_count: call.scratch.1,
        }
    }

    fn subgraph(&mut self, subgraph: &Subgraph) -> SubgraphRow {
        let mut list = |tensors: &[usize]| match tensors {
            [] => "nullptr".to_owned(),
            tensors => self.tensor_lists.name(tensors.to_vec()),
        };
        SubgraphRow {
            comment: format!("subgraph {}", subgraph.index),
            inputs: list(&subgraph.inputs),
            input_count: subgraph.inputs.len(),
            outputs: list(&subgraph.outputs),
            output_count: subgraph.outputs.len(),
            first_call: subgraph.calls.start,
            call_count: subgraph.calls.len(),
        }
    }

    fn options(&mut self, options: &OptionStruct) -> String {
        let members: Vec<(&'static str, String)> = (options.members.iter())
            .map(|(name, value)| (*name, member(value)))
            .collect();
        let known = self.options.values.len();
        let name = self.options.name(format!(
            "{} {members:?} {}",
            options.name, options.is_written
        ));
        if self.options.values.len() > known {
            self.option_rows.push(OptionRow {
                name: name.clone(),
                of: options.name,
                is_written: options.is_written,
                members,
            });
        }
        name
    }

    fn constants(&mut self) -> Vec<Constant> {
        let values = std::mem::take(&mut self.constants.values);
        let comments = std::mem::take(&mut self.comments);
        (values.into_iter().zip(comments))
            .map(|((name, data), comment)| Constant {
                name,
                bytes: data.len(),
                alignment: if data.len() >= LARGE { 16 } else { 8 },
                comment,
                data,
            })
            .collect()
    }
}

fn named<T>(values: Vec<(String, Vec<T>)>) -> Vec<Named<T>> {
    let named = |(name, values)| Named { name, values };
    values.into_iter().map(named).collect()
}

fn scales_row((name, bits): (String, Vec<u32>)) -> Scales {
    Scales {
        name,
        count: bits.len(),
        values: bits.iter().map(|b| float(f32::from_bits(*b))).collect(),
    }
}

/// The reader lets no scale and no option through that is not finite.
fn float(value: f32) -> String {
    c_float(value).map_or_else(|| "0.0f".to_owned(), |text| text + "f")
}

fn number(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn member(value: &Member) -> String {
    match value {
        Member::Integer(n) => n.to_string(),
        Member::Bool(b) => b.to_string(),
        Member::Float(f) => float(*f),
        Member::Constant(name) => (*name).to_owned(),
        Member::Integers(list) => {
            let list: Vec<String> = list.iter().map(i32::to_string).collect();
            format!("{{{}}}", list.join(", "))
        }
    }
}

fn registration(registration: &KernelRegistration) -> String {
    match registration.by_pointer {
        true => format!("castiron::Registration<{}>", registration.function),
        false => registration.function.clone(),
    }
}

/// Tensors of the operators that run at the same time, as some call subgraphs; the most there are.
fn most_tensors(direct: &Direct) -> usize {
    let calls = |subgraph: usize| &direct.calls[direct.subgraphs[subgraph].calls.clone()];
    let callees = |subgraph| calls(subgraph).iter().flat_map(|call| &call.callees);
    let mut most = vec![0; direct.subgraphs.len()];
    for subgraph in callees_first(&[0], |subgraph| callees(subgraph).copied().collect()) {
        let each = calls(subgraph).iter().map(|call| {
            let within = call.callees.iter().map(|n| most[*n]);
            call.tensors.len() + within.max().unwrap_or(0)
        });
        most[subgraph] = each.max().unwrap_or(0);
    }
    most[0]
}

fn omitted(operator: &Described) -> String {
    let why = match &*operator.name {
        "VAR_HANDLE" => "where the variable lies is known",
        _ => "the same bytes, nothing to do",
    };
    format!("{}: {why}.", described(operator))
}

fn described(operator: &Described) -> String {
    let shapes = |shapes: &[Vec<usize>]| {
        let all: Vec<String> = shapes.iter().map(|s| format!("{s:?}")).collect();
        all.join(", ")
    };
    let mut text = format!("{} {}", operator.index, c_comment(&operator.name));
    for (before, shapes) in [
        (" ", shapes(&operator.inputs)),
        (" -> ", shapes(&operator.outputs)),
    ] {
        if !shapes.is_empty() {
            text += &format!("{before}{shapes}");
        }
    }
    if operator.subgraph > 0 {
        text = format!("subgraph {}: {text}", operator.subgraph);
    }
    if operator.macs > 0 {
        text += &format!(", {} MACs", operator.macs);
    }
    c_comment(&shortened_to(&text, 4 * LONGEST_NAME))
}

fn hex(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    // Writing to a vector cannot fail.
    let _ = crate::emit::write_hex(bytes, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
