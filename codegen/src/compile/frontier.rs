//! How much memory a model takes for how much work: plans from the one of whole tensors to the one of the smallest arena.

use super::compile::{LaidOut, laid_out};
use super::options::CompileOptions;
use crate::error::Result;
use crate::graph::{Graph, Model, Options, Site};
use crate::program::Again;
use crate::{ops, passes, work};

/// A bound is so many parts of the last arena below that, at least: a curve has some hundred points at most.
const PARTS: usize = 64;

/// Plans of a subgraph, from the largest arena to the smallest.
///
/// # JSON
///
/// `Serialize` gives this shape, which is kept stable (keys may be added):
///
/// ```json
/// { "macs": 7489664, "points": [
///   { "arena_bytes": 55296, "state_bytes": 0, "macs": 7489664, "extra_macs": 0, "rows": 0, "room": null },
///   { "arena_bytes": 28672, "state_bytes": 0, "macs": 7489664, "extra_macs": 0, "rows": 480, "room": null }
/// ] }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Frontier {
    /// Multiply-accumulates where nothing is computed twice.
    pub macs: u64,
    /// A smaller arena each, for more work.
    pub points: Vec<Point>,
}

/// What one plan takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Point {
    /// The arena. As `max_arena`, it gives this plan.
    pub arena_bytes: usize,
    /// What is kept from run to run, and from row to row of an input that comes so.
    pub state_bytes: usize,
    /// Multiply-accumulates of a run.
    pub macs: u64,
    /// Those that compute what was there before.
    pub extra_macs: u64,
    /// Rows that kernels compute one by one, rather than as an image.
    pub rows: usize,
    /// The most bytes that a kernel works in where there is a slower one that needs less; none where all have what they want.
    pub room: Option<usize>,
}

/// Plans for smaller and smaller arenas, of one memory each.
///
/// # Errors
/// Those of [`plan_graph`](super::plan_graph), but for that of a bound.
pub fn frontier(model: &Model, index: usize, options: &CompileOptions) -> Result<Frontier> {
    let model = passes::of_called(model, options.without);
    let mut found = Frontier {
        macs: 0,
        points: Vec::new(),
    };
    let one = CompileOptions {
        memories: Vec::new(),
        ..options.clone()
    };
    let below = |bound: usize| {
        let options = CompileOptions {
            streams: Some(one.below(bound)),
            ..one.clone()
        };
        laid_out(&model, index, &options)
    };
    // The least without computing anything again.
    let of_rows = CompileOptions {
        max_arena: Some(0),
        ..one.clone()
    };
    let mut bound = usize::MAX;
    let mut least = None;
    loop {
        let laid_out = below(bound)?;
        let arena_bytes = laid_out.plan.peak_bytes;
        let points = &mut found.points;
        // A point is what its own size as a bound gives. A bound may give less, and one that nothing meets the least that there is.
        if arena_bytes != bound {
            let before = points.last().map_or(usize::MAX, |last| last.arena_bytes);
            let is_known = arena_bytes >= before || least == Some(arena_bytes);
            if arena_bytes > bound && is_known {
                break;
            }
            if arena_bytes > bound {
                least = Some(arena_bytes);
            }
            bound = arena_bytes;
            continue;
        }
        let (whole, point) = Point::of(&laid_out);
        found.macs = whole;
        // That is what most look for, and may lie between two bounds.
        let repeats = |point: &Point| point.extra_macs > 0;
        if repeats(&point) && !points.iter().any(repeats) {
            let least = self::laid_out(&model, index, &of_rows)?.plan.peak_bytes;
            let is_between = points.last().is_some_and(|last| least < last.arena_bytes);
            if is_between && least > arena_bytes {
                let (_, point) = Point::of(&below(least)?);
                if point.arena_bytes == least && !repeats(&point) {
                    add(points, point);
                }
            }
        }
        add(points, point);
        match arena_bytes.checked_sub(1 + arena_bytes / PARTS) {
            Some(below) => bound = below,
            None => break,
        }
    }
    Ok(found)
}

impl Point {
    /// What a plan takes, behind the multiply-accumulates of one that computes nothing twice.
    fn of(laid_out: &LaidOut) -> (u64, Self) {
        let (whole, macs, rows) = effort(&laid_out.graph);
        let point = Self {
            arena_bytes: laid_out.plan.peak_bytes,
            state_bytes: laid_out.state_bytes,
            macs,
            extra_macs: macs.saturating_sub(whole),
            rows,
            room: Some(laid_out.room).filter(|room| *room < usize::MAX),
        };
        (whole, point)
    }
}

/// Adds a smaller arena. Whatever takes more of all is of no use.
fn add(points: &mut Vec<Point>, point: Point) {
    let own = (point.extra_macs, point.rows);
    points.retain(|other| {
        let work = (other.extra_macs, other.rows);
        work < own || work == own && has_more(other.room, point.room)
    });
    points.push(point);
}

/// Whether kernels have more room in one plan than in another.
fn has_more(one: Option<usize>, other: Option<usize>) -> bool {
    other.is_some_and(|other| one.is_none_or(|one| one > other))
}

/// Multiply-accumulates of a graph where nothing is computed twice, those of its streams' patches as well, and the rows that streams compute.
fn effort(graph: &Graph) -> (u64, u64, usize) {
    let (mut whole, mut macs, mut rows) = (0u64, 0u64, 0);
    for index in 0..graph.operators.len() {
        let site = Site::new(graph, index);
        let of = |site: &Site<'_>| work::at(site).map_or(0, |work| work.macs());
        let mut count = |own: u64, again: Again| {
            whole = whole.saturating_add(own);
            macs = macs.saturating_add(again.of(own));
        };
        match &site.operator.options {
            Options::Streamed(streamed) => {
                rows += ops::stream::rows(graph, streamed);
                let again = ops::stream::again(graph, streamed).unwrap_or_default();
                for (operator, again) in streamed.operators.iter().zip(again) {
                    count(of(&Site { operator, ..site }), again);
                }
            }
            _ => count(of(&site), Again::ONCE),
        }
    }
    (whole, macs, rows)
}
