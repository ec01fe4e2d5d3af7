//! TFLite_Detection_PostProcess: boxes of a detector, decoded, and the best of those that overlap.

use core::cell::Cell;

use super::place::Source;
use super::{host_kernel, parameters, part};

/// Sides of a box: lower and upper edge along height and width.
const SIDES: usize = 4;

parameters! {
    /// Boxes from their encodings, which are relative to anchors, and what of them to keep.
    pub struct PostProcess {
        /// Values of an encoding, of which the first four count.
        pub encoding: usize,
        /// Scores of a box that are no class: one for the background, or none.
        pub background: usize,
        /// Scores of a box behind them.
        pub classes: usize,
        /// What encodings are divided by: of height, width, and of the center's position along both.
        pub scales: [f32; SIDES],
        /// The least score of what is kept.
        pub least_score: f32,
        /// How much of a box another one may cover.
        pub most_overlap: f32,
        /// For each class, how many boxes are kept; 0 where each box is of its best class only.
        pub per_class: usize,
    }
}

host_kernel! {
    PostProcess(encodings: f32, scores: f32, anchors: f32, decoded, left, boxes, classes, best, count);
}

impl PostProcess {
    /// Writes boxes, classes and scores of what is kept, best first, zeros behind, and how many they are. `decoded` has
    /// room for all boxes, `left` for a score of each.
    #[inline(never)]
    #[allow(clippy::too_many_arguments)]
    pub fn run<E: Source<f32>, S: Source<f32>, A: Source<f32>>(
        &self,
        encodings: &[E],
        scores: &[S],
        anchors: &[A],
        decoded: &[Cell<f32>],
        left: &[Cell<f32>],
        boxes: &[Cell<f32>],
        classes: &[Cell<f32>],
        best: &[Cell<f32>],
        count: &[Cell<f32>],
    ) {
        for y in boxes.iter().chain(classes).chain(best) {
            y.set(0.0);
        }
        for (i, sides) in decoded.as_chunks::<SIDES>().0.iter().enumerate() {
            let encoding = part(encodings, i * self.encoding, SIDES);
            let anchor = part(anchors, i * SIDES, SIDES);
            self.decode(encoding, anchor, sides);
        }
        let mut kept = Kept {
            boxes,
            classes,
            scores: best,
            count: 0,
        };
        if self.per_class == 0 {
            for (i, score) in left.iter().enumerate() {
                score.set(self.best_class(scores, i).1);
            }
            self.suppress(decoded, left, best.len(), |i, score, side| {
                kept.insert(side, self.best_class(scores, i).0, score);
            });
        } else {
            for class in 0..self.classes {
                for (i, score) in left.iter().enumerate() {
                    score.set(self.score(scores, i, class));
                }
                self.suppress(decoded, left, self.per_class, |_, score, side| {
                    kept.insert(side, class, score);
                });
            }
        }
        if let Some(count) = count.first() {
            count.set(kept.count as f32);
        }
    }

    /// The edges of a box, in double precision but for their differences, as the reference computes them.
    #[inline(always)]
    fn decode<E: Source<f32>, A: Source<f32>>(
        &self,
        encoding: &[E],
        anchor: &[A],
        sides: &[Cell<f32>; SIDES],
    ) {
        let (Some([y, x, height, width]), Some([at_y, at_x, anchor_h, anchor_w])) = (
            encoding.first_chunk::<SIDES>(),
            anchor.first_chunk::<SIDES>(),
        ) else {
            return;
        };
        let [scale_y, scale_x, scale_h, scale_w] = self.scales;
        let [y_min, x_min, y_max, x_max] = sides;
        for (center, at, size, anchor, (min, max)) in [
            (
                (y, scale_y),
                at_y,
                (height, scale_h),
                anchor_h,
                (y_min, y_max),
            ),
            (
                (x, scale_x),
                at_x,
                (width, scale_w),
                anchor_w,
                (x_min, x_max),
            ),
        ] {
            let scaled = |(value, scale): (&E, f32)| f64::from(value.read()) / f64::from(scale);
            let anchor = f64::from(anchor.read());
            let center = (scaled(center) * anchor + f64::from(at.read())) as f32;
            let half = (0.5 * libm::exp(scaled(size)) * anchor) as f32;
            min.set(center - half);
            max.set(center + half);
        }
    }

    #[inline(always)]
    fn score<S: Source<f32>>(&self, scores: &[S], i: usize, class: usize) -> f32 {
        let at = i * (self.background + self.classes) + self.background + class;
        scores.get(at).map_or(f32::NAN, Source::read)
    }

    /// The first of a box's best classes, and its score.
    #[inline(always)]
    fn best_class<S: Source<f32>>(&self, scores: &[S], i: usize) -> (usize, f32) {
        let mut best = (0, self.score(scores, i, 0));
        for class in 1..self.classes {
            let score = self.score(scores, i, class);
            if score > best.1 {
                best = (class, score);
            }
        }
        best
    }

    /// Takes the box of the best score out of those left, and with it those that it covers, at most `most` times. A
    /// score that is no longer a number is none.
    #[inline(always)]
    fn suppress(
        &self,
        decoded: &[Cell<f32>],
        left: &[Cell<f32>],
        most: usize,
        mut keep: impl FnMut(usize, f32, &[Cell<f32>]),
    ) {
        let (decoded, _) = decoded.as_chunks::<SIDES>();
        for _ in 0..most {
            let mut best: Option<(usize, &[Cell<f32>; SIDES], f32)> = None;
            for (i, (score, side)) in left.iter().zip(decoded).enumerate() {
                let score = score.get();
                if score >= self.least_score && best.is_none_or(|best| score > best.2) {
                    best = Some((i, side, score));
                }
            }
            let Some((i, side, score)) = best else {
                return;
            };
            keep(i, score, side);
            for (n, (score, other)) in left.iter().zip(decoded).enumerate() {
                let alive = score.get() >= self.least_score;
                if n == i || (alive && overlap(side, other) > self.most_overlap) {
                    score.set(f32::NAN);
                }
            }
        }
    }
}

/// The part of two boxes that is of both.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(never))]
fn overlap(a: &[Cell<f32>; SIDES], b: &[Cell<f32>; SIDES]) -> f32 {
    let [a, b] = [a, b].map(|side| side.each_ref().map(Cell::get));
    let area = |[y_min, x_min, y_max, x_max]: [f32; SIDES]| (y_max - y_min) * (x_max - x_min);
    let (area_a, area_b) = (area(a), area(b));
    if area_a <= 0.0 || area_b <= 0.0 {
        return 0.0;
    }
    let less = |a: f32, b: f32| if b < a { b } else { a };
    let more = |a: f32, b: f32| if a < b { b } else { a };
    let along = |a_min, a_max, b_min, b_max| more(less(a_max, b_max) - more(a_min, b_min), 0.0);
    let [a_top, a_left, a_bottom, a_right] = a;
    let [b_top, b_left, b_bottom, b_right] = b;
    let both = along(a_top, a_bottom, b_top, b_bottom) * along(a_left, a_right, b_left, b_right);
    both / (area_a + area_b - both)
}

/// What is kept so far, the best first.
struct Kept<'a> {
    boxes: &'a [Cell<f32>],
    classes: &'a [Cell<f32>],
    scores: &'a [Cell<f32>],
    count: usize,
}

impl Kept<'_> {
    /// Puts a box behind all that are as good; the last one leaves where there is no room.
    #[cfg_attr(debug_assertions, inline)]
    fn insert(&mut self, side: &[Cell<f32>], class: usize, score: f32) {
        let (boxes, _) = self.boxes.as_chunks::<SIDES>();
        let all = self.scores.iter().zip(self.classes).zip(boxes);
        let mut now = (score, class as f32, [0.0; SIDES]);
        for (now, side) in now.2.iter_mut().zip(side) {
            *now = side.get();
        }
        let (kept, mut moves) = (self.count, false);
        for (i, ((score, class), side)) in all.enumerate() {
            if i == kept {
                self.count += 1;
            }
            // What is behind the place moves on, however good.
            moves |= i >= kept || now.0 > score.get();
            if moves {
                let next = (score.get(), class.get(), side.each_ref().map(Cell::get));
                score.set(now.0);
                class.set(now.1);
                side.iter().zip(now.2).for_each(|(to, from)| to.set(from));
                if i >= kept {
                    return;
                }
                now = next;
            }
        }
    }
}
