//! Operators that read or write where values say.

use castiron_codegen::graph::{BuiltinOperator as Op, DType};
use castiron_test_tools::file::Options;

use super::draw::Draw;
use super::movement::{drawn, named, one, worst};
use super::spec::{FLOATS, Spec};
use super::weights;

/// Indices below a size: constants, or an input of the model.
fn indices(d: &mut Draw<'_>, shape: &[usize], below: usize) -> i32 {
    let count: usize = shape.iter().product();
    if d.may_have_input() && d.coin() {
        let spec = Spec::of(DType::Int32, shape);
        return d.input(spec, 0..=below as i64 - 1).id;
    }
    let values: Vec<i64> = (0..count)
        .map(|_| d.between(0..=below - 1) as i64)
        .collect();
    d.integers(DType::Int32, shape, &values)
}

pub(super) fn gather(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 1..=4);
    let axis = d.between(0..=x.shape.len() - 1);
    let batch = match d.one_in(3) {
        true => d.between(0..=axis),
        false => 0,
    };
    let places = match d.between(0..=3) {
        0 if batch == 0 => Vec::new(),
        1 => d.shape(2..=2),
        _ => vec![d.between(1..=4)],
    };
    let shape = [&x.shape[..batch], &places].concat();
    let indices = indices(d, &shape, x.shape[axis]);
    let y = [&x.shape[..axis], &places, &x.shape[axis + 1..]].concat();
    let axis = named(d, axis, x.shape.len());
    let options = Options::Numbers(23, vec![axis as i32, batch as i32]);
    let y = x.shaped(&y);
    one(d, op, &[x.id, indices], y, options)
}

pub(super) fn gather_nd(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 1..=4);
    let depth = d.between(1..=x.shape.len());
    let places = d.shape(0..=2);
    let shape = [&places[..], &[depth]].concat();
    let least = x.shape[..depth].iter().copied().min()?;
    let indices = indices(d, &shape, least);
    let y = x.shaped(&[&places, &x.shape[depth..]].concat());
    one(d, op, &[x.id, indices], y, Options::None)
}

pub(super) fn embedding_lookup(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let shape = d.shape(2..=3);
    let places = d.between(1..=5);
    let indices = indices(d, &[places], shape[0]);
    let y = [&[places], &shape[1..]].concat();
    if d.is_hybrid && d.coin() {
        let table = table_of_integers(d, &shape);
        let y = Spec::of(DType::Float32, &y).within(FLOATS, 0.0);
        return one(d, op, &[indices, table], y, Options::None);
    }
    // What LiteRT takes, or anything.
    let types = match d.coin() {
        true => &[DType::Float32, DType::Int8],
        false => d.moved(),
    };
    let dtype = d.choose(types);
    let scale = d.scale(dtype);
    let table = Spec::of(dtype, &shape).scaled(scale);
    let range = table.range();
    let id = d.constant(&table, range);
    one(d, op, &[indices, id], table.shaped(&y), Options::None)
}

/// Rows that floats are made of: with one scale, with one each, or with one for each block of a row.
fn table_of_integers(d: &mut Draw<'_>, shape: &[usize]) -> i32 {
    // Of four bits, LiteRT takes rows of whole bytes.
    let bytes = shape[1..].iter().product::<usize>().is_multiple_of(2);
    let dtype = match bytes && d.coin() {
        true => DType::Int4,
        false => DType::Int8,
    };
    match shape {
        // LiteRT takes blocks of rows alone.
        [_, _] if d.one_in(3) => weights::in_blocks(d, dtype, shape),
        _ => weights::integers(d, dtype, shape, 0),
    }
}

pub(super) fn dynamic_update_slice(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 1..=4);
    let shape: Vec<usize> = x.shape.iter().map(|n| d.between(1..=*n)).collect();
    let update = d.like(&x.shaped(&shape));
    // Beyond the end, an update moves back.
    let begins = indices(d, &[shape.len()], 6);
    let y = worst(x.shaped(&x.shape), &[x.clone(), update.clone()]);
    one(d, op, &[x.id, update.id, begins], y, Options::None)
}
