//! Rows through stages against whole images, one after the other.

use std::vec::Vec;

use castiron_runtime::kernels::{Flow, Line, Progress, Reading, StageRows, Stream};

use crate::testing::{Numbers, cells, times};

const STAGES: usize = 3;
/// Bytes of every row.
const WIDTH: usize = 5;

/// A stage as an image sees it.
struct Image {
    rows: usize,
    top: usize,
    padding: i8,
    window: usize,
    stride: usize,
}

/// A chain, with the rows of its output.
struct Chain {
    images: Vec<Image>,
    rows: usize,
    /// Whether the last stage adds the stream's input.
    adds: bool,
    /// By stage: how many rows it computes at a turn.
    at_once: [usize; STAGES],
}

impl Chain {
    fn any(n: &mut Numbers) -> Self {
        let adds = n.below(2) == 0;
        let mut rows = 1 + n.below(9);
        let images = (0..STAGES).map(|stage| {
            let odd = 2 * n.below(2);
            // An addition has one row of either side, of images of one size.
            let (window, top, bottom, stride) = match (adds, stage) {
                (true, 2) => (1, 0, 0, 1),
                (true, _) => (1 + odd, odd / 2, odd / 2, 1),
                (false, _) => (1 + n.below(3), n.below(3), n.below(3), 1 + n.below(2)),
            };
            let window = window.min(rows + top + bottom);
            let image = Image {
                rows,
                top,
                padding: n.next() as i8,
                window,
                stride,
            };
            rows = (rows + top + bottom - window) / stride + 1;
            image
        });
        let images: Vec<Image> = images.collect();
        let at_once = std::array::from_fn(|stage| {
            let made = images.get(stage + 1).map_or(rows, |next| next.rows);
            let parts: Vec<usize> = (1..=made)
                .filter(|count| made.is_multiple_of(*count))
                .collect();
            parts[n.below(parts.len())]
        });
        Self {
            images,
            rows,
            adds,
            at_once,
        }
    }

    /// What a stage makes of the rows that it reads; the order of rows counts.
    fn row(stage: usize, rows: &[i8], other: &[i8]) -> Vec<i8> {
        let sum = |x: usize| {
            let column = rows.iter().skip(x).step_by(WIDTH).zip(1..);
            let sum = column.fold(stage as i8, |sum, (row, i)| {
                sum.wrapping_add(row.wrapping_mul(i))
            });
            sum.wrapping_add(other.get(x).copied().unwrap_or(0))
        };
        (0..WIDTH).map(sum).collect()
    }

    /// Image after image.
    fn expected(&self, input: &[i8]) -> Vec<i8> {
        let mut image = input.to_vec();
        for (stage, this) in self.images.iter().enumerate() {
            let rows = match self.images.get(stage + 1) {
                Some(next) => next.rows,
                None => self.rows,
            };
            let row = |y: usize| {
                let window = (0..this.window).flat_map(|i| {
                    let y = (y * this.stride + i).checked_sub(this.top);
                    let row = y.and_then(|y| image.get(y * WIDTH..)?.get(..WIDTH));
                    row.map_or(vec![this.padding; WIDTH], <[i8]>::to_vec)
                });
                let other = match self.adds && stage == 2 {
                    true => &input[y * WIDTH..][..WIDTH],
                    false => &[],
                };
                Self::row(stage, &window.collect::<Vec<_>>(), other)
            };
            image = (0..rows).flat_map(row).collect();
        }
        image
    }

    fn stream(&self, starts: [usize; STAGES], input: Option<usize>) -> Stream<STAGES> {
        let stages = std::array::from_fn(|at| {
            let (image, at_once) = (&self.images[at], self.at_once[at]);
            let reads = Reading {
                line: at,
                window: image.window + (at_once - 1) * image.stride,
                stride: at_once * image.stride,
                first: 0,
            };
            let also = (self.adds && at == 2).then(|| Reading {
                line: 0,
                window: at_once,
                stride: at_once,
                first: self.images[0].top,
            });
            let line = Line {
                rows: image.rows,
                row_bytes: WIDTH,
                top: image.top,
                padding: image.padding,
                at_once: at
                    .checked_sub(1)
                    .map_or(1, |before| self.at_once[before] as u16),
                readers: if self.adds && at == 0 { 3 } else { at + 1 },
                start: Some(starts[at]),
                home: at,
            };
            StageRows { reads, also, line }
        });
        Stream {
            stages,
            input,
            rows: self.rows / self.at_once[STAGES - 1],
        }
    }
}

/// The most rows that each line buffer holds, as the generator finds them: by following the stream.
fn held(stream: &Stream<STAGES>) -> [usize; STAGES] {
    let mut progress = [Progress::default(); STAGES];
    let mut flow = Flow::new(&stream.stages, &mut progress, Some(0), stream.rows);
    let mut most = [0; STAGES];
    while let Some(turn) = flow.turn(&[]) {
        let stage = &stream.stages[turn.stage];
        let readings = [Some(&stage.reads), stage.also.as_ref()];
        for (from, reading) in turn.from.iter().zip(readings) {
            if let Some(reading) = reading {
                most[reading.line] = most[reading.line].max(from + reading.window);
            }
        }
        if let Some(next) = most.get_mut(turn.stage + 1) {
            let at_once = stream.stages[turn.stage + 1].line.at_once;
            *next = (*next).max(turn.to + usize::from(at_once));
        }
        flow.made(&[]);
    }
    most
}

#[test]
fn rows_through_stages_are_images_one_after_the_other() {
    let mut n = Numbers::new(7);
    for _ in 0..times(500) {
        check(&Chain::any(&mut n), &mut n);
    }
}

/// All that is computed is of padding that a later stage reads, and nothing asks for the rows before the input's first.
#[test]
fn an_input_by_rows_has_come_where_nothing_is_computed_of_it() {
    let image = |rows, top, window, stride| Image {
        rows,
        top,
        padding: 3,
        window,
        stride,
    };
    let chain = Chain {
        images: vec![image(2, 1, 3, 1), image(2, 2, 2, 4), image(1, 0, 1, 1)],
        rows: 1,
        adds: false,
        at_once: [1; STAGES],
    };
    check(&chain, &mut Numbers::new(11));
}

/// Line buffers one behind the other, each as long as it has to be; then the output, and the input if it is there as a whole.
fn check(chain: &Chain, n: &mut Numbers) {
    let most = held(&chain.stream([0; STAGES], Some(0)));
    let mut end = 0;
    let starts = most.map(|rows| {
        end += rows * WIDTH;
        end - rows * WIDTH
    });
    let output = end;
    let input = output + chain.rows * WIDTH;
    let x = n.bytes(chain.images[0].rows * WIDTH);
    let expected = chain.expected(&x);
    let compute = |arena: &[std::cell::Cell<i8>], at: usize, from: [usize; 2], to: usize| {
        let rows = |line: usize, first: usize, count: usize| -> Vec<i8> {
            let rows = &arena[starts[line] + first * WIDTH..][..count * WIDTH];
            rows.iter().map(std::cell::Cell::get).collect()
        };
        let (image, at_once) = (&chain.images[at], chain.at_once[at]);
        for row in 0..at_once {
            let other = match chain.adds && at == 2 {
                true => rows(0, from[1] + row, 1),
                false => Vec::new(),
            };
            let window = rows(at, from[0] + row * image.stride, image.window);
            let made = Chain::row(at, &window, &other);
            let (start, first) = match starts.get(at + 1) {
                Some(start) => (*start, to),
                None => (output, to * at_once),
            };
            let y = &arena[start + (first + row) * WIDTH..][..WIDTH];
            for (y, value) in y.iter().zip(made) {
                y.set(value);
            }
        }
    };

    let mut arena = n.bytes(input);
    arena.extend(&x);
    let whole = chain.stream(starts, Some(input));
    let cells_of = cells(&mut arena);
    whole.run(cells_of, |at, from, to| compute(cells_of, at, from, to));
    assert_eq!(arena[output..input], expected, "{whole:?}");

    // The same stream twice: its progress is at the beginning again.
    let mut arena = n.bytes(input);
    let by_rows = chain.stream(starts, None);
    let mut progress = [Progress::default(); STAGES];
    for _ in 0..2 {
        let cells_of = cells(&mut arena);
        for row in x.chunks(WIDTH) {
            by_rows.begins(&mut progress);
            let line = &cells_of[starts[0]..][..most[0] * WIDTH];
            by_rows.push(&mut progress, cells_of, line, row, |at, from, to| {
                compute(cells_of, at, from, to);
            });
        }
        assert_eq!(by_rows.missing(&progress), 0, "{by_rows:?}");
        assert_eq!(arena[output..input], expected, "{by_rows:?}");
        arena[..input].fill(0x55);
    }
}
