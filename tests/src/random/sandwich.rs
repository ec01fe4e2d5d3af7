//! TRANSPOSE, some operators, and TRANSPOSE to the order before, as converters of channels-first models write them.

use castiron_codegen::graph::{BuiltinOperator as Op, DType};
use castiron_test_tools::file::Options;

use super::draw::Draw;
use super::movement::drawn;
use super::products::fully_connected;
use super::rows::{Kind, Row};
use super::spec::Value;

/// Height and width in each other's place, as they may be around windows.
const SWAPPED: [usize; 4] = [0, 2, 1, 3];
/// Operators with windows.
const WINDOWS: [Op; 4] = [
    Op::Conv2d,
    Op::DepthwiseConv2d,
    Op::AveragePool2d,
    Op::MaxPool2d,
];
/// What these take.
const IMAGES: [DType; 5] = [
    DType::Int8,
    DType::Int8,
    DType::Int16,
    DType::Uint8,
    DType::Float32,
];

/// What is to come behind the first TRANSPOSE.
pub(super) struct Sandwich {
    value: Value,
    order: Vec<usize>,
    left: usize,
}

impl Sandwich {
    /// The first TRANSPOSE.
    pub(super) fn begin(d: &mut Draw<'_>) -> Option<Self> {
        let x = match d.one_in(3) {
            true => d.any(&IMAGES, 4..=4),
            false => drawn(d, 2..=4),
        };
        let rank = x.shape.len();
        let order: Vec<usize> = match (rank, d.between(0..=4)) {
            (4, 0) => vec![0, 2, 3, 1],
            (4, 1) => vec![0, 3, 1, 2],
            (4, 2..=3) => SWAPPED.to_vec(),
            (3, 0..=2) => vec![0, 2, 1],
            _ => (0..rank).map(|axis| (axis + 1) % rank).collect(),
        };
        Some(Self {
            value: transposed(d, &x, &order)?,
            order,
            left: d.between(1..=3),
        })
    }

    /// The next operator, which reads what there is so far if it can; and what is then to come.
    pub(super) fn next(mut self, d: &mut Draw<'_>, table: &[&Row]) -> (Option<()>, Option<Self>) {
        let rank = self.order.len();
        if self.left == 0 {
            let ends = row(table, Op::FullyConnected).is_some() && self.order[0] == 0;
            if ends && d.one_in(3) {
                return (self.multiplied(d), None);
            }
            let mut back = vec![0; rank];
            for (to, from) in self.order.iter().enumerate() {
                back[*from] = to;
            }
            return (transposed(d, &self.value, &back).map(drop), None);
        }
        self.left -= 1;
        let count = d.scope().values.len();
        let row = self.row(d, table);
        d.preferred = Some(self.value.id);
        let drawn = row.draw(d);
        d.preferred = None;
        let added = d.scope().values.get(count..).unwrap_or_default();
        let added = added.iter().rev().find(|v| !v.is_constant && !v.is_known);
        self.value = added.cloned().unwrap_or(self.value);
        let goes_on = self.value.shape.len() == rank;
        (drawn, goes_on.then_some(self))
    }

    /// What is drawn next: of images whose height and width are in each other's place, windows half of the time.
    fn row<'a>(&self, d: &mut Draw<'_>, table: &[&'a Row]) -> &'a Row {
        let windows = WINDOWS.iter().filter_map(|op| row(table, *op));
        let windows: Vec<&Row> = windows.collect();
        let fits = self.order == SWAPPED && IMAGES.contains(&self.value.dtype);
        match fits && !windows.is_empty() && d.coin() {
            true => d.choose(&windows),
            false => d.choose(table),
        }
    }

    /// Instead of the last TRANSPOSE: a product of rows, whose weights can take the order.
    fn multiplied(self, d: &mut Draw<'_>) -> Option<()> {
        let (first, rest) = self.value.shape.split_first()?;
        let rows = [*first, rest.iter().product()];
        let sizes = d.sizes(&rows);
        let y = self.value.shaped(&rows);
        let y = d.emit_one(Op::Reshape, &[self.value.id, sizes], y, Options::None)?;
        d.preferred = Some(y.id);
        let drawn = fully_connected(d, Op::FullyConnected);
        d.preferred = None;
        drawn
    }
}

/// The row of an operator, if it may be drawn.
fn row<'a>(table: &[&'a Row], op: Op) -> Option<&'a Row> {
    let is_it = |row: &&&Row| matches!(row.kind(), Kind::Builtin(other) if other == op);
    table.iter().find(is_it).copied()
}

fn transposed(d: &mut Draw<'_>, x: &Value, order: &[usize]) -> Option<Value> {
    let shape: Vec<usize> = order.iter().map(|i| x.shape[*i]).collect();
    let order = d.sizes(order);
    let y = x.shaped(&shape);
    d.emit_one(Op::Transpose, &[x.id, order], y, Options::None)
}
