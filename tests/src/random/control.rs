//! Operators that run subgraphs, and variables.

use castiron_codegen::graph::{BuiltinOperator as Op, DType};
use castiron_test_tools::file::Options;

use super::draw::Draw;
use super::spec::{Spec, Value};

/// What subgraphs compute with.
const TYPES: &[DType] = &[DType::Float32, DType::Int8, DType::Int16, DType::Int32];

/// Something of a value that is as the value.
fn step(d: &mut Draw<'_>, x: &Value) -> Option<Value> {
    let op = d.choose(&[Op::Maximum, Op::Minimum, Op::Add]);
    let op = match x.dtype {
        DType::Float32 | DType::Int32 => op,
        _ if op == Op::Add => Op::Minimum,
        _ => op,
    };
    let other = d.like(&x.spec);
    let options = match op {
        Op::Add => Options::Numbers(11, vec![0, 0]),
        _ => Options::None,
    };
    let y = x.shaped(&x.shape);
    let y = match op {
        Op::Add => y.within(x.peak + other.peak, x.error + other.error),
        _ => y.within(x.peak.max(other.peak), x.error.max(other.error)),
    };
    d.emit_one(op, &[x.id, other.id], y, options)
}

/// A few steps.
fn steps(d: &mut Draw<'_>, x: &Value) -> Option<Value> {
    let mut y = step(d, x)?;
    for _ in 0..d.between(0..=2) {
        y = step(d, &y)?;
    }
    Some(y)
}

pub(super) fn branch(d: &mut Draw<'_>, op: Op) -> Option<()> {
    if d.is_called() {
        return None;
    }
    let x = d.any(TYPES, 1..=4);
    let condition = d.any_that(&[DType::Bool], 1..=1, |v| v.elements() == 1);
    if condition.elements() != 1 {
        return None;
    }
    let mut peak = 0.0;
    let mut branches = [0; 2];
    for branch in &mut branches {
        let at = d.subgraph(std::slice::from_ref(&x.spec), |d, inputs| {
            let y = steps(d, &inputs[0])?;
            peak = f32::max(peak, y.peak);
            Some(vec![y.id])
        })?;
        *branch = at as i32;
    }
    let y = x.shaped(&x.shape).within(peak, x.error);
    let options = Options::Numbers(92, branches.to_vec());
    d.emit_one(op, &[condition.id, x.id], y, options).map(drop)
}

pub(super) fn repeat(d: &mut Draw<'_>, op: Op) -> Option<()> {
    if d.is_called() {
        return None;
    }
    let x = d.any(TYPES, 1..=4);
    let counter = Spec::of(DType::Int32, &[1]);
    let turns = d.between(0..=3);
    let ports = [counter.clone(), x.spec.clone()];
    let test = d.subgraph(&ports, |d, inputs| {
        let most = d.integers(DType::Int32, &[1], &[turns as i64]);
        let y = Spec::of(DType::Bool, &[1]);
        let less = d.emit_one(Op::Less, &[inputs[0].id, most], y, Options::None)?;
        Some(vec![less.id])
    })?;
    let mut grown = 0.0;
    let body = d.subgraph(&ports, |d, inputs| {
        let one = d.integers(DType::Int32, &[1], &[1]);
        let add = Options::Numbers(11, vec![0, 0]);
        let next = Spec::of(DType::Int32, &[1]);
        let next = d.emit_one(Op::Add, &[inputs[0].id, one], next, add)?;
        let y = steps(d, &inputs[1])?;
        grown = y.peak - inputs[1].peak;
        Some(vec![next.id, y.id])
    })?;
    let zero = d.integers(DType::Int32, &[1], &[0]);
    let y = x.shaped(&x.shape);
    let y = y.within(x.peak + turns as f32 * f32::max(grown, 0.0) + 4.0, x.error);
    let options = Options::Numbers(93, vec![test as i32, body as i32]);
    d.emit(op, &[zero, x.id], vec![counter, y], options)
        .map(drop)
}

/// A handle of a variable, new or known.
fn handle(d: &mut Draw<'_>, name: &str) -> i32 {
    let id = d.tensor(&Spec::of(DType::Resource, &[1]), 0);
    d.operator(
        Op::VarHandle,
        &[],
        &[id],
        Options::Text(111, name.to_owned()),
    );
    id
}

/// A running extreme: what is read, with a value, is what is kept.
pub(super) fn variable(d: &mut Draw<'_>, op: Op) -> Option<()> {
    if d.is_called() || d.variables >= 3 {
        return None;
    }
    let x = d.any_exact(TYPES, 1..=4);
    let name = format!("v{}", d.variables);
    d.variables += 1;
    update(d, op, &name, &x)
}

fn update(d: &mut Draw<'_>, op: Op, name: &str, x: &Value) -> Option<()> {
    let handle = handle(d, name);
    let kept = x.shaped(&x.shape);
    let kept = d.emit_one(Op::ReadVariable, &[handle], kept, Options::None)?;
    let extreme = d.choose(&[Op::Maximum, Op::Minimum]);
    let y = x.shaped(&x.shape);
    let next = d.emit_one(extreme, &[kept.id, x.id], y, Options::None)?;
    d.operator(op, &[handle, next.id], &[], Options::None);
    Some(())
}

/// A variable that a subgraph gives its first value.
pub(super) fn call_once(d: &mut Draw<'_>, op: Op) -> Option<()> {
    if d.is_called() || d.variables >= 3 {
        return None;
    }
    let x = d.any_exact(TYPES, 1..=4);
    let name = format!("v{}", d.variables);
    d.variables += 1;
    let first = d.subgraph(&[], |d, _| {
        let handle = handle(d, &name);
        let value = d.constant(&Spec::of(x.dtype, &x.shape).scaled(x.scale), x.range());
        d.operator(Op::AssignVariable, &[handle, value], &[], Options::None);
        Some(Vec::new())
    })?;
    d.operator(op, &[], &[], Options::Numbers(103, vec![first as i32]));
    update(d, Op::AssignVariable, &name, &x)
}
