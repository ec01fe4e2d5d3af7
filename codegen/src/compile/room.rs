//! How much memory kernels work in.
//!
//! Some kernels are faster with more of it: inputs of two pixels are widened at once, many channels are laid out together. Where an arena is larger
//! than its bound, these get less room, and as much of it as fits. That costs a few instructions: fewer than to run row by row, which comes next, and
//! than to compute anything again, which comes last.

use super::chosen::Chosen;
use super::options::{CompileOptions, Input, Streams};
use crate::passes::Pass;
use crate::plan::PlanOptions;

/// Bytes of room for which another plan is not worth its time.
const CLOSE: usize = 64;
/// The same as a part of the room.
const CLOSE_PART: usize = 4;

/// What part of a plan's search those have that say how much room there is: they are more than there would be otherwise.
const QUICK: u64 = 16;

/// What is chosen where kernels have so much room, by `whole` tensors and then `streamed` as wanted: the fewest rows that keep the bound, and with
/// them the most room.
pub(super) fn fitting<'a>(
    options: &CompileOptions,
    whole: impl Fn(usize) -> Chosen<'a>,
    streamed: impl Fn(Chosen<'a>, Streams, &PlanOptions) -> Chosen<'a>,
) -> Chosen<'a> {
    let (streams, full) = (options.streams(), &options.plan);
    let roomy = whole(usize::MAX);
    let (most, ways) = match streams {
        Streams::None => return streamed(roomy, streams, full),
        // There is no bound: the input comes by rows, or memories are too small.
        Streams::Least if options.max_arena.is_none() => return streamed(roomy, streams, full),
        Streams::Least => (None, vec![streams]),
        Streams::RowsBelow(most) | Streams::Below(most) if options.input == Input::Rows => {
            (Some(most), vec![streams])
        }
        Streams::RowsBelow(most) => (Some(most), vec![Streams::None, streams]),
        Streams::Below(most) => (
            Some(most),
            vec![Streams::None, Streams::RowsBelow(most), streams],
        ),
    };
    // Without that pass nothing runs row by row.
    let ways = match options.without.contains(Pass::StreamRows) {
        true => &ways[..1],
        false => &ways,
    };
    let wanted = roomy.working_bytes();
    let too_much = wanted.iter().copied().max().unwrap_or(0);
    // What does not compile says so, whatever the room.
    if too_much == 0 || !roomy.problems.is_empty() {
        return streamed(roomy, streams, full);
    }
    let mut quick = options.plan;
    quick.budget.steps /= QUICK;
    let planned = |chosen: &Chosen<'_>, options: &PlanOptions| {
        let plan = chosen.plan(options).ok();
        plan.map_or((usize::MAX, false), |plan| (plan.peak_bytes, plan.optimal))
    };
    let peak = |chosen: &Chosen<'_>, options: &PlanOptions| planned(chosen, options).0;
    let mut lean = None;
    let mut found: Option<(usize, Chosen<'a>)> = None;
    for (at, way) in ways.iter().copied().enumerate() {
        let is_last = at + 1 == ways.len();
        let usual = streamed(roomy.clone(), way, full);
        let of_usual = peak(&usual, full);
        if most.is_some_and(|most| of_usual <= most) {
            return usual;
        }
        found = lower(found, (of_usual, usual));
        // Kernels give up what they work in, and no more. Of the last way, an error says what is possible.
        if !is_last && most.is_some_and(|most| of_usual.saturating_sub(too_much) > most) {
            continue;
        }
        let lean = lean.get_or_insert_with(|| whole(0));
        if lean.working_bytes() == wanted {
            continue;
        }
        let of_lean = streamed(lean.clone(), way, &quick);
        let (peak_of_lean, is_least) = planned(&of_lean, &quick);
        let bound = most.unwrap_or(peak_of_lean);
        if peak_of_lean < of_usual && peak_of_lean <= bound {
            // A plan whose search does not end takes as long as a search may: one more for each step would be too many.
            if !is_least {
                return of_lean;
            }
            let fits = |chosen: &Chosen<'_>| peak(chosen, &quick) <= bound;
            let with = |room| streamed(whole(room), way, &quick);
            return roomiest(of_lean, too_much, with, fits);
        }
        found = lower(found, (peak_of_lean, of_lean));
    }
    match found {
        Some((_, found)) => found,
        None => streamed(roomy, streams, full),
    }
}

/// The one with the lower peak; the first of two that are equal.
fn lower<'a>(
    found: Option<(usize, Chosen<'a>)>,
    other: (usize, Chosen<'a>),
) -> Option<(usize, Chosen<'a>)> {
    match found {
        Some(found) if found.0 <= other.0 => Some(found),
        _ => Some(other),
    }
}

/// The one with the most room that fits, of one that has none and one that has too much.
fn roomiest<'a>(
    lean: Chosen<'a>,
    too_much: usize,
    with: impl Fn(usize) -> Chosen<'a>,
    fits: impl Fn(&Chosen<'_>) -> bool,
) -> Chosen<'a> {
    let (mut best, mut room, mut end) = (lean, 0, too_much);
    while end - room > CLOSE.max(end / CLOSE_PART) {
        let middle = room + (end - room) / 2;
        let chosen = with(middle);
        match fits(&chosen) {
            true => (best, room) = (chosen, middle),
            false => end = middle,
        }
    }
    best
}
