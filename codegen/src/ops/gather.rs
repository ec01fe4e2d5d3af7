//! GATHER, GATHER_ND and EMBEDDING_LOOKUP: parts of a tensor whose places are values of another; and
//! DYNAMIC_UPDATE_SLICE, which writes to such a place.
//!
//! A place beyond the tensor is an error where it is known, and reads as zeros where it is not.

use castiron_runtime::host::map;
use castiron_runtime::kernels::{self, LOOPS, TakeSlice, UpdateSlice};

use super::movement::{self, Move, Movement, one};
use super::walk::{Copy, Walk};
use super::{Family, Site};
use crate::error::Diagnostic;
use crate::graph::{DType, Options, TensorId};
use crate::program::{Argument, Choosing, ElementType};

pub(super) struct Gather;
pub(super) struct GatherNd;
pub(super) struct EmbeddingLookup;
pub(super) struct DynamicUpdateSlice;
/// A movement where the part's place is constant.
pub(super) struct Slice;

impl Family for Gather {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (x, indices) = (&site.input(0)?.shape, &site.input(1)?.shape);
        let axis = site.axis(site.options().integer("axis"), x.len())?;
        let batch = match site.options().integer("batch_dims") {
            batch if batch < 0 => site.axis(batch, indices.len())?,
            batch => site.axis(batch, indices.len() + 1)?,
        };
        if batch > axis || x.get(..batch) != indices.get(..batch) {
            return Err(site
                .error("the batches of input and indices differ")
                .expected(format_args!("{batch} dimensions alike, before axis {axis}"))
                .found(format_args!("{x:?} and {indices:?}")));
        }
        let (outer, inner) = (&x[batch..axis], &x[axis + 1..]);
        let shape = [&x[..axis], &indices[batch..], inner].concat();
        site.expect_shape(site.output_id(0)?, &shape)?;
        let size = x[axis];
        if let Some(places) = site.input(1)?.as_integers() {
            let places = known(site, &places, size)?;
            if batch == 0
                && let Some(walks) = evenly(x, axis, &places, outer, inner)
            {
                return movement::choose(site, choosing, &one(walks.0, walks.1));
            }
        }
        let lookup = Lookup {
            batches: product(&x[..batch]),
            parts: product(outer),
            part: product(&x[axis..]),
            places: product(&indices[batch..]),
            steps: vec![product(inner)],
            block: product(inner),
        };
        lookup.choose(site, choosing, [site.input_id(0)?, site.input_id(1)?])
    }
}

/// Walks to places along an axis that are evenly apart, as one place is.
fn evenly(
    x: &[usize],
    axis: usize,
    places: &[usize],
    outer: &[usize],
    inner: &[usize],
) -> Option<(Walk, Walk)> {
    let first = *places.first()?;
    let stride = match places {
        [_, second, ..] => *second as isize - first as isize,
        _ => 1,
    };
    let mut all = places.iter().enumerate();
    if !all.all(|(i, at)| *at as isize == first as isize + i as isize * stride) {
        return None;
    }
    let out = [outer, &[places.len()], inner].concat();
    let walk = Walk::of(x).part(axis, first, places.len(), stride);
    Some((walk, Walk::of(&out)))
}

impl Family for GatherNd {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (x, indices) = (&site.input(0)?.shape, &site.input(1)?.shape);
        let (depth, places) = indices
            .split_last()
            .filter(|(depth, _)| (1..=x.len().min(LOOPS)).contains(*depth))
            .ok_or_else(|| {
                site.error("the indices do not fit the input")
                    .expected(format_args!(
                        "1 to {} indices for each place",
                        x.len().min(LOOPS)
                    ))
                    .found(format_args!("{indices:?}"))
            })?;
        let shape = [places, &x[*depth..]].concat();
        site.expect_shape(site.output_id(0)?, &shape)?;
        let steps: Vec<usize> = (1..=*depth).map(|axis| product(&x[axis..])).collect();
        let (all, block) = (product(x), product(&x[*depth..]));
        if let Some(indices) = site.input(1)?.as_integers() {
            for place in indices.chunks(*depth) {
                let terms =
                    std::iter::zip(place, &steps).map(|(i, step)| i.saturating_mul(*step as i64));
                let at = terms.fold(0i64, i64::saturating_add);
                if at < 0 || at.saturating_add(block as i64) > all as i64 {
                    return Err(beyond(
                        site,
                        format_args!("{place:?}"),
                        format_args!("{x:?}"),
                    ));
                }
            }
        }
        let lookup = Lookup {
            batches: 1,
            parts: 1,
            part: all,
            places: product(places),
            steps,
            block,
        };
        lookup.choose(site, choosing, [site.input_id(0)?, site.input_id(1)?])
    }
}

impl Family for EmbeddingLookup {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (indices, table) = (site.input(0)?, site.input(1)?);
        let (table_id, y_id) = (site.input_id(1)?, site.output_id(0)?);
        let (rows, row) = match table.shape.split_first() {
            Some((rows, row)) if !row.is_empty() => (*rows, row),
            _ => {
                return Err(site
                    .tensor_error(table_id, "the table has no rows of values")
                    .found(format_args!("{:?}", table.shape)));
            }
        };
        let shape = [&indices.shape[..], row].concat();
        site.expect_shape(y_id, &shape)?;
        if let Some(places) = indices.as_integers() {
            known(site, &places, rows)?;
        }
        let lookup = Lookup {
            batches: 1,
            parts: 1,
            part: product(&table.shape),
            places: indices.elements(),
            steps: vec![product(row)],
            block: product(row),
        };
        match (table.dtype, site.output(0)?.dtype) {
            (x, y) if x == y => lookup.choose(site, choosing, [table_id, site.input_id(0)?]),
            (DType::Int8 | DType::Int4, DType::Float32) => lookup.dequantized(site, choosing),
            _ => {
                Err(site
                    .unsupported_types("one type for table and output, or int8 or int4 to float32"))
            }
        }
    }
}

impl Lookup {
    /// Adds the lookup of rows of an EMBEDDING_LOOKUP as the numbers that they stand for.
    fn dequantized(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (table_id, table) = (site.input_id(1)?, site.input(1)?);
        let scales = Scales::of(site, table_id, self.block)?;
        let x = match table.as_small_integers() {
            Some(values) if table.dtype == DType::Int4 => choosing.constant(&values),
            _ => choosing.tensor(table_id)?,
        };
        let y = choosing.activation(site.output_id(0)?)?;
        let rows = choosing.scratch(ElementType::I8, y.len);
        let indices = indices_of(site, choosing, site.input_id(0)?)?;
        choosing.call(self.kernel(1), [x.as_bytes(), indices, rows.as_bytes()]);
        if let [scale] = scales.all[..] {
            let kernel = map::<i8, f32>(kernels::Dequantize {
                scale,
                zero_point: 0,
            });
            choosing.call(kernel, [rows, y]);
            return Ok(());
        }
        let in_a_row = self.block / scales.elements;
        let of_scales = Self {
            part: scales.all.len(),
            steps: vec![in_a_row],
            block: in_a_row,
            ..*self
        };
        let all = choosing.constant(&scales.all);
        let own = choosing.scratch(ElementType::F32, self.places * in_a_row);
        let kernel = of_scales.kernel(all.element.bytes());
        choosing.call(kernel, [all.as_bytes(), indices, own.as_bytes()]);
        let kernel = kernels::DequantizeRows {
            row: scales.elements,
        };
        choosing.call(kernel, [rows, own, y]);
        Ok(())
    }
}

/// Scales of a table: one, or one for so many elements of a row.
struct Scales {
    all: Vec<f32>,
    elements: usize,
}

impl Scales {
    fn of(site: &Site<'_>, table: TensorId, row: usize) -> Result<Self, Diagnostic> {
        if let Some(blocks) = site.graph.tensor(table).blocks {
            let all = site.graph.tensor(blocks.scales).as_halves();
            return Ok(Self {
                all: all.ok_or_else(|| site.unsupported_types("scales of float16"))?,
                elements: blocks.size,
            });
        }
        let quantization = site.quantization(table)?;
        let refused = |message: &str| site.tensor_error(table, message);
        if quantization.zero_point.iter().any(|zero| *zero != 0) {
            return Err(
                refused("the table must be symmetric where the output is float32")
                    .expected("zero point 0")
                    .found(format_args!("{:?}", quantization.zero_point)),
            );
        }
        if quantization.scale.len() > 1 && quantization.dimension != 0 {
            return Err(refused("the table's scales do not run along its rows")
                .expected("one scale, or one for each row")
                .found(format_args!(
                    "scales along dimension {}",
                    quantization.dimension
                )));
        }
        Ok(Self {
            all: quantization.scale.clone(),
            elements: row.max(1),
        })
    }
}

/// Places along an axis, which have to lie within.
fn known(site: &Site<'_>, places: &[i64], size: usize) -> Result<Vec<usize>, Diagnostic> {
    let within = |at: &i64| usize::try_from(*at).ok().filter(|at| *at < size);
    let found = places.iter().find(|at| within(at).is_none());
    match found {
        None => Ok(places.iter().filter_map(within).collect()),
        Some(at) => Err(beyond(
            site,
            at,
            format_args!("0 to {}", size.saturating_sub(1)),
        )),
    }
}

fn beyond(
    site: &Site<'_>,
    found: impl std::fmt::Display,
    expected: impl std::fmt::Display,
) -> Diagnostic {
    site.error("an index lies beyond the input")
        .expected(expected)
        .found(found)
        .help("export the model again; the references stop at such an index")
}

fn product(sizes: &[usize]) -> usize {
    sizes.iter().product()
}

/// A lookup in elements; see [`kernels::Gather`].
struct Lookup {
    batches: usize,
    parts: usize,
    part: usize,
    places: usize,
    steps: Vec<usize>,
    block: usize,
}

impl Lookup {
    /// Adds the lookup in the first tensor by the indices of the second.
    fn choose(
        &self,
        site: &Site<'_>,
        choosing: &mut Choosing<'_>,
        [x_id, indices_id]: [TensorId; 2],
    ) -> Result<(), Diagnostic> {
        let y_id = site.output_id(0)?;
        if site.graph.tensor(x_id).dtype != site.output(0)?.dtype {
            return Err(site.unsupported_types("one type for input and output"));
        }
        let (x, y) = (choosing.tensor(x_id)?, choosing.activation(y_id)?);
        let indices = indices_of(site, choosing, indices_id)?;
        let kernel = self.kernel(x.element.bytes());
        choosing.call(kernel, [x.as_bytes(), indices, y.as_bytes()]);
        Ok(())
    }

    fn kernel(&self, element: usize) -> kernels::Gather {
        kernels::Gather {
            batches: self.batches,
            parts: self.parts,
            part: self.part * element,
            places: self.places,
            depth: self.steps.len(),
            steps: filled(self.steps.iter().map(|step| step * element)),
            block: self.block * element,
        }
    }
}

/// A value for each loop, zeros where there are fewer.
fn filled(values: impl Iterator<Item = usize>) -> [i32; LOOPS] {
    let mut all = [0; LOOPS];
    for (to, value) in all.iter_mut().zip(values) {
        *to = i32::try_from(value).unwrap_or(i32::MAX);
    }
    all
}

/// Indices as kernels take them: int32.
pub(super) fn indices_of(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    id: TensorId,
) -> Result<Argument, Diagnostic> {
    let tensor = site.graph.tensor(id);
    let words = || Some(tensor.as_words()?.map(i64::from).collect());
    if let Some(values) = tensor.as_integers().or_else(words) {
        let narrow = |value: i64| value.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        return Ok(choosing.constant(&values.into_iter().map(narrow).collect::<Vec<i32>>()));
    }
    let indices = choosing.activation(id)?;
    let kernel = match tensor.dtype {
        DType::Int32 => return Ok(indices),
        DType::Int64 => map::<i64, i32>(kernels::Narrow),
        DType::Int16 => map::<i16, i32>(kernels::Cast),
        _ => return Err(site.unsupported_type(id, "indices of int32, int64 or int16")),
    };
    let narrow = choosing.scratch(ElementType::I32, indices.len);
    choosing.call(kernel, [indices, narrow]);
    Ok(narrow)
}

impl Family for DynamicUpdateSlice {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (x_id, update_id, y_id) = (site.input_id(0)?, site.input_id(1)?, site.output_id(0)?);
        let (x, update) = (site.input(0)?, site.input(1)?);
        if x.dtype != update.dtype || x.dtype != site.output(0)?.dtype {
            return Err(site.unsupported_types("one type for operand, update and output"));
        }
        site.expect_shape(y_id, &x.shape)?;
        let rank = x.shape.len();
        let fits = update.shape.len() == rank
            && std::iter::zip(&update.shape, &x.shape).all(|(update, whole)| update <= whole);
        if !fits || site.input(2)?.elements() != rank || rank > LOOPS {
            return Err(site
                .error("the update does not fit the operand")
                .expected(format_args!(
                    "a part of {:?}, and a start for each of at most {LOOPS} axes",
                    x.shape
                ))
                .found(format_args!(
                    "{:?} and {} starts",
                    update.shape,
                    site.input(2)?.elements()
                )));
        }
        let (whole, part, y) = (
            choosing.tensor(x_id)?,
            choosing.tensor(update_id)?,
            choosing.activation(y_id)?,
        );
        // As the references do, whatever the starts.
        if whole.len == part.len {
            choosing.copy(part, y);
            return Ok(());
        }
        if !whole.is_constant() {
            choosing.in_place(1);
        }
        choosing.copy(whole, y);
        let most = room(&update.shape, &x.shape);
        let starts = site.input(2)?.as_integers();
        let mut inside = Walk::of(&x.shape);
        for (axis, most) in most.iter().enumerate() {
            let start = starts.as_ref().map_or(0, |starts| starts[axis]);
            let start = start.clamp(0, *most as i64) as usize;
            inside = inside.part(axis, start, update.shape[axis], 1);
        }
        let copy = Copy::new(&Walk::of(&update.shape), &inside);
        if starts.is_some() {
            let chosen = copy.is_some_and(|copy| copy.choose(choosing, part, y));
            return chosen
                .then_some(())
                .ok_or_else(|| site.error("too many dimensions are moved"));
        }
        let element = whole.element.bytes();
        let blocks = copy.and_then(|copy| copy.blocks(element));
        let Some(blocks) = blocks else {
            return Ok(());
        };
        let kernel = UpdateSlice {
            blocks,
            most: filled(most.into_iter()),
            steps: slice_steps(&x.shape, element),
        };
        let starts = indices_of(site, choosing, site.input_id(2)?)?;
        choosing.call(kernel, [part.as_bytes(), starts, y.as_bytes()]);
        Ok(())
    }
}

const SLICE: Movement = Movement(movement::slice);

impl Family for Slice {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let is_joined = matches!(site.options(), Options::Joined(_));
        if is_joined || site.input(1)?.is_constant() {
            return SLICE.choose(site, choosing);
        }
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let (x, y) = (site.input(0)?, site.output(0)?);
        if x.dtype != y.dtype {
            return Err(site.unsupported_types("one type for input and output"));
        }
        let rank = x.shape.len();
        let fits = y.shape.len() == rank
            && std::iter::zip(&y.shape, &x.shape).all(|(part, whole)| part <= whole);
        if !fits || site.input(1)?.elements() != rank || rank > LOOPS {
            return Err(site
                .error("the output is not a part of the input")
                .expected(format_args!(
                    "a part of {:?}, and a start for each of at most {LOOPS} axes",
                    x.shape
                ))
                .found(format_args!(
                    "{:?} and {} starts",
                    y.shape,
                    site.input(1)?.elements()
                )));
        }
        // The rest of an axis is as long as was recorded, and what is computed is not read.
        let sizes = site.input(2)?.as_integers().unwrap_or_default();
        let is_wrong =
            |(size, part): (&i64, &usize)| *size != -1 && usize::try_from(*size) != Ok(*part);
        if std::iter::zip(&sizes, &y.shape).any(is_wrong) {
            return Err(site
                .tensor_error(site.input_id(2)?, "the sizes are not those of the output")
                .expected(format_args!("{:?}", y.shape))
                .found(format_args!("{sizes:?}")));
        }
        let (from, to) = (choosing.tensor(x_id)?, choosing.activation(y_id)?);
        let element = from.element.bytes();
        let mut part = Walk::of(&x.shape);
        for (axis, size) in y.shape.iter().enumerate() {
            part = part.part(axis, 0, *size, 1);
        }
        let copy = Copy::new(&part, &Walk::of(&y.shape));
        let blocks = copy
            .and_then(|copy| copy.blocks(element))
            .ok_or_else(|| site.error("too many dimensions are moved"))?;
        let kernel = TakeSlice {
            blocks,
            most: filled(room(&y.shape, &x.shape).into_iter()),
            steps: slice_steps(&x.shape, element),
        };
        let starts = indices_of(site, choosing, site.input_id(1)?)?;
        choosing.call(kernel, [from.as_bytes(), starts, to.as_bytes()]);
        Ok(())
    }

    fn moves(&self, site: &Site<'_>) -> Result<Option<Vec<Move>>, Diagnostic> {
        match site.input(1)?.is_constant() {
            true => SLICE.moves(site),
            false => Ok(None),
        }
    }
}

/// How far a part may begin from the beginning, along each axis.
fn room(part: &[usize], whole: &[usize]) -> Vec<usize> {
    std::iter::zip(part, whole)
        .map(|(part, whole)| whole - part)
        .collect()
}

/// Bytes that a slice's start counts along each axis.
fn slice_steps(shape: &[usize], element: usize) -> [i32; LOOPS] {
    filled((1..=shape.len()).map(|axis| product(&shape[axis..]) * element))
}
