//! A plan as a picture: time across, addresses up.

use std::collections::HashSet;

use svg::Document;
use svg::node::element::{Group, Line, Rectangle, Style, Text, Title};

use super::{Location, Plan, PlannedTensor, Region};

/// Pixels of the margins: byte figures on the left, operator names below.
const LEFT: f64 = 84.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 64.0;
/// Pixels of the plot's height, and of the width it tries to have.
const HEIGHT: f64 = 440.0;
const WIDTH: f64 = 1040.0;
/// Pixels per time step: room for a turned operator name at least.
const STEP: (f64, f64) = (15.0, 88.0);
/// Pixels of the longest operator name that is shown whole, and around names.
const NAME: f64 = 280.0;
const GAP: f64 = 10.0;
/// Pixels between the maps of two memories.
const BETWEEN: f64 = 26.0;
/// Pixels of a line of the legend.
const LEGEND: f64 = 20.0;
/// How much wider bold text is.
const BOLD: f64 = 1.12;

/// Light fills that dark text reads well on.
const FILLS: [&str; 8] = [
    "#a6cee3", "#b2df8a", "#fdd0a2", "#cab2d6", "#fbb4c4", "#ffe699", "#b3e2cd", "#d9d9d9",
];

const STYLE: &str = "\
text{font-family:'Helvetica Neue',Arial,'DejaVu Sans',sans-serif;fill:#222}\
.grid{stroke:#ddd;stroke-width:1}.axis{stroke:#444;stroke-width:1}\
.peak{stroke:#c0392b;stroke-width:1.5;stroke-dasharray:6 4}\
.bound{stroke:#2c6fbb;stroke-width:1.5;stroke-dasharray:2 4}\
.full{fill:#c0392b;fill-opacity:.13;pointer-events:none}.name{pointer-events:none}.tensor{stroke:#444;stroke-width:.8}.scratch{fill:#888;stroke:#444;stroke-width:.8}";

impl Plan {
    /// The plan as an SVG picture: one rectangle per tensor, with its name, shape, size and
    /// offset as a tooltip; scratch is dark. The step at which the arena is full is tinted.
    pub fn to_svg(&self, title: &str) -> String {
        let steps = self.order.len() + 2;
        let maps = self.maps();
        let room = HEIGHT - BETWEEN * (maps.len() - 1) as f64;
        let scale = Scale {
            step: (WIDTH / steps as f64).clamp(STEP.0, STEP.1),
            bytes: room.max(BETWEEN) / (self.peak_bytes.max(1) as f64 * 1.04),
            starts: maps.iter().map(|map| map.start).collect(),
        };
        let right = scale.x(steps as f64);
        let width = (right + RIGHT).max(LEFT + 560.0);
        let names = self.step_names();
        let longest = names.iter().map(|name| extent(name, 10.0) * BOLD);
        let below = TOP + HEIGHT + 2.0 * GAP + longest.fold(0.0, f64::max);
        let (legend, height) = self.legend(width, below + GAP);
        let mut doc = Document::new()
            .set("viewBox", (0, 0, px(width), px(height)))
            .set("width", px(width))
            .set("height", px(height))
            .add(Style::new(STYLE))
            .add(
                Rectangle::new()
                    .set("width", "100%")
                    .set("height", "100%")
                    .set("fill", "#fff"),
            );
        doc = doc.add(self.heading(title, width - LEFT - RIGHT));
        doc = doc.add(self.address_axis(&scale, &maps, right));
        doc = doc.add(self.time_axis(&scale, &names));
        let (blocks, labels) = self.blocks(&scale);
        doc = doc.add(blocks);
        // These go over the blocks, or nobody would see them.
        doc = doc
            .add(self.full_step(&scale, below))
            .add(labels)
            .add(self.limits(&scale, &maps, right))
            .add(legend);
        let mut text = doc.to_string();
        text.push('\n');
        text
    }

    /// The full step, from the top down to the end of its operator's name.
    fn full_step(&self, scale: &Scale, below: f64) -> Rectangle {
        Rectangle::new()
            .set("class", "full")
            .set("x", px(scale.x(self.peak_step as f64)))
            .set("y", px(TOP))
            .set("width", px(scale.step))
            .set("height", px(below - TOP))
    }

    fn heading(&self, title: &str, room: f64) -> Group {
        let proof = if self.optimal {
            "proven optimal"
        } else {
            "best found"
        };
        let arena = match self.memories.len() {
            0 => format!(
                "{} bytes of arena ({proof}), lower bound {}",
                figure(self.peak_bytes),
                figure(self.lower_bound_bytes),
            ),
            memories => format!(
                "{} bytes of arena in {memories} memories",
                figure(self.peak_bytes)
            ),
        };
        let facts = format!(
            "{arena}, {} operators, {} buffers",
            self.order.len(),
            self.buffers.iter().filter(|b| b.bytes > 0).count()
        );
        Group::new()
            .add(
                label(&cut(title, 15.0 * BOLD, room), LEFT, 24.0, 15.0, "start")
                    .set("font-weight", "bold"),
            )
            .add(label(&facts, LEFT, 44.0, 12.0, "start"))
    }

    /// The arena, or each memory that some of it lies in.
    fn maps(&self) -> Vec<Map> {
        let used = self.memories.iter().filter(|memory| memory.bytes > 0);
        let maps: Vec<Map> = used
            .map(|memory| Map {
                start: memory.offset,
                bytes: memory.bytes,
                text: format!(
                    "{} ({}): {} of {} bytes",
                    memory.name,
                    memory.speed,
                    figure(memory.bytes),
                    figure(memory.capacity_bytes)
                ),
            })
            .collect();
        match maps.is_empty() {
            false => maps,
            true => vec![Map {
                start: 0,
                bytes: self.peak_bytes,
                text: format!("peak {}", figure(self.peak_bytes)),
            }],
        }
    }

    fn address_axis(&self, scale: &Scale, maps: &[Map], right: f64) -> Group {
        let mut axis = Group::new();
        let tick = tick(self.peak_bytes);
        for map in maps {
            for at in (0..=map.bytes).step_by(tick) {
                let y = scale.y(map.start, at);
                let class = if at == 0 { "axis" } else { "grid" };
                axis = axis.add(line(LEFT, y, right, y, class));
                axis = axis.add(label(&figure(at), LEFT - 8.0, y + 4.0, 11.0, "end"));
            }
        }
        let middle = TOP + HEIGHT / 2.0;
        axis.add(line(LEFT, TOP, LEFT, TOP + HEIGHT, "axis")).add(
            label("address (bytes)", 16.0, middle, 11.0, "middle")
                .set("transform", format!("rotate(-90 16 {})", px(middle))),
        )
    }

    /// What happens at each step: the operator's index and as much of its name as there is room for.
    fn step_names(&self) -> Vec<String> {
        let operators = self.positions.iter().map(|&op| {
            let index = format!("{} ", self.operators[op].index);
            let room = NAME - extent(&index, 10.0 * BOLD);
            index + &cut(&self.operators[op].name, 10.0 * BOLD, room)
        });
        std::iter::once("inputs".to_owned())
            .chain(operators)
            .chain(std::iter::once("outputs".to_owned()))
            .collect()
    }

    fn time_axis(&self, scale: &Scale, names: &[String]) -> Group {
        let mut axis = Group::new();
        for (step, name) in names.iter().enumerate() {
            let x = scale.x(step as f64);
            let y = TOP + HEIGHT;
            axis = axis.add(line(x, y, x, y + 4.0, "axis"));
            let (x, y) = (x + scale.step / 2.0 + 3.5, y + GAP);
            let mut text = label(name, x, y, 10.0, "end")
                .set("transform", format!("rotate(-90 {} {})", px(x), px(y)));
            if step == self.peak_step {
                text = text.set("font-weight", "bold").set("style", "fill:#c0392b");
            }
            axis = axis.add(text);
        }
        axis
    }

    /// Rectangles, and the names in them.
    fn blocks(&self, scale: &Scale) -> (Group, Group) {
        let mut blocks = Group::new();
        let mut names = Group::new().set("class", "name");
        let copies: HashSet<(usize, usize)> = self
            .output_copies
            .iter()
            .map(|c| (c.offset, c.bytes))
            .collect();
        for buffer in self.buffers.iter().filter(|b| b.bytes > 0) {
            // Tensors of one buffer take turns; each rectangle ends where the next begins,
            // in the middle of the step they share.
            let mut turns: Vec<(f64, &PlannedTensor)> = buffer
                .tensors
                .iter()
                .map(|&t| &self.tensors[t])
                .filter_map(|t| match t.location {
                    Location::Arena { first, .. } => Some((first as f64, t)),
                    _ => None,
                })
                .collect();
            turns.sort_by(|a, b| a.0.total_cmp(&b.0));
            for (start, _) in turns.iter_mut().skip(1) {
                *start += 0.5;
            }
            let end = buffer.last as f64 + 1.0;
            for (at, &(start, tensor)) in turns.iter().enumerate() {
                let stop = turns.get(at + 1).map_or(end, |next| next.0);
                let fill = FILLS[tensor.index % FILLS.len()];
                let block = Rectangle::new().set("class", "tensor").set("fill", fill);
                let bounds = scale.bounds(start, stop, buffer.offset, buffer.bytes);
                blocks = blocks.add(bounds.draw(block, &self.tooltip(tensor)));
                if let Some(name) = bounds.name(&labels(tensor, buffer.bytes)) {
                    names = names.add(name);
                }
            }
            if turns.is_empty() {
                let about = self.place(buffer.offset, buffer.bytes);
                let copy = buffer.first > self.order.len()
                    && copies.contains(&(buffer.offset, buffer.bytes));
                let kind = if copy {
                    "copy of a constant"
                } else {
                    "scratch"
                };
                let block = Rectangle::new().set("class", "scratch");
                let bounds = scale.bounds(buffer.first as f64, end, buffer.offset, buffer.bytes);
                blocks = blocks.add(bounds.draw(block, &format!("{kind}\n{about}")));
            }
        }
        (blocks, names)
    }

    fn limits(&self, scale: &Scale, maps: &[Map], right: f64) -> Group {
        let mut limits = Group::new();
        for map in maps {
            let y = scale.y(map.start, map.bytes);
            limits = limits.add(line(LEFT, y, right, y, "peak"));
            let text = label(&map.text, right, y - 5.0, 11.0, "end");
            limits = limits.add(text.set("style", "fill:#c0392b"));
        }
        if self.has_bound() {
            let y = scale.y(0, self.lower_bound_bytes);
            limits = limits.add(line(LEFT, y, right, y, "bound"));
            let text = format!("lower bound {}", figure(self.lower_bound_bytes));
            limits =
                limits.add(label(&text, right, y + 13.0, 11.0, "end").set("style", "fill:#2c6fbb"));
        }
        limits
    }
}

impl Plan {
    /// Whether the picture shows how small the arena might be.
    fn has_bound(&self) -> bool {
        self.memories.is_empty() && self.lower_bound_bytes < self.peak_bytes
    }

    /// Size and place of a run.
    fn place(&self, offset: usize, bytes: usize) -> String {
        let (bytes_text, region) = (figure(bytes), Region { offset, bytes });
        match self.memory_of(region) {
            Some(memory) => format!(
                "{bytes_text} bytes at {} of {}",
                figure(offset - memory.offset),
                memory.name
            ),
            None => format!("{bytes_text} bytes at {}", figure(offset)),
        }
    }

    fn tooltip(&self, tensor: &PlannedTensor) -> String {
        let shape: Vec<String> = tensor.shape.iter().map(usize::to_string).collect();
        let head = format!(
            "{} {}\n{} [{}]",
            tensor.index,
            tensor.name,
            tensor.dtype,
            shape.join("×")
        );
        match tensor.location {
            Location::Arena {
                offset,
                bytes,
                first,
                last,
                ..
            } => format!(
                "{head}\n{}\nsteps {first} to {last}",
                self.place(offset, bytes)
            ),
            _ => head,
        }
    }

    /// What stands for what, below everything; and where the picture ends.
    fn legend(&self, width: f64, top: f64) -> (Group, f64) {
        let sample = |class: &str| {
            let sample = Rectangle::new().set("class", class).set("height", 10);
            match class {
                "tensor" => sample.set("fill", FILLS[0]),
                _ => sample,
            }
        };
        let mark = |class: &str, x: f64, y: f64| line(x, y - 4.0, x + 20.0, y - 4.0, class);
        let scratch = self
            .buffers
            .iter()
            .any(|b| b.bytes > 0 && b.tensors.is_empty());
        let entries = [
            ("tensor", "a tensor while it is needed", true),
            ("scratch", "working memory", scratch),
            ("full", "the step that fills the arena", true),
            ("peak", "size of the arena", true),
            ("bound", "no plan can be smaller", self.has_bound()),
        ];
        let (mut legend, mut x, mut y) = (Group::new(), LEFT, top + 12.0);
        for (class, text, _) in entries.into_iter().filter(|(_, _, there)| *there) {
            let takes = 26.0 + extent(text, 11.0);
            if x > LEFT && x + takes > width - RIGHT {
                (x, y) = (LEFT, y + LEGEND);
            }
            legend = match class {
                "peak" | "bound" => legend.add(mark(class, x, y)),
                _ => {
                    let place = sample(class).set("x", px(x)).set("y", px(y - 9.0));
                    legend.add(place.set("width", 20))
                }
            };
            legend = legend.add(label(text, x + 26.0, y, 11.0, "start"));
            x += takes + 2.0 * GAP;
        }
        (legend, y + GAP)
    }
}

/// A memory that is drawn.
struct Map {
    /// Where it begins in the arena.
    start: usize,
    bytes: usize,
    /// What stands at its end.
    text: String,
}

/// Pixels per step and per byte.
struct Scale {
    step: f64,
    bytes: f64,
    /// Where maps begin.
    starts: Vec<usize>,
}

impl Scale {
    fn x(&self, step: f64) -> f64 {
        LEFT + step * self.step
    }

    /// So many bytes above an address, in the map of that address.
    fn y(&self, address: usize, above: usize) -> f64 {
        let map = self.starts.partition_point(|start| *start <= address);
        let below = map.saturating_sub(1) as f64 * BETWEEN;
        TOP + HEIGHT - (address + above) as f64 * self.bytes - below
    }

    fn bounds(&self, start: f64, stop: f64, offset: usize, bytes: usize) -> Bounds {
        let top = self.y(offset, bytes);
        Bounds {
            x: self.x(start),
            y: top,
            w: (stop - start) * self.step,
            h: self.y(offset, 0) - top,
        }
    }
}

struct Bounds {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
}

impl Bounds {
    /// The rectangle with its tooltip.
    fn draw(&self, block: Rectangle, tooltip: &str) -> Group {
        let block = block
            .set("x", px(self.x))
            .set("y", px(self.y))
            .set("width", px(self.w))
            .set("height", px(self.h.max(0.5)));
        Group::new().add(Title::new(printable(tooltip))).add(block)
    }

    /// The first label that fits: across, or upwards in a block that is tall and narrow.
    fn name(&self, labels: &[String]) -> Option<Text> {
        const FONT: f64 = 10.0;
        let (x, y) = (self.x + self.w / 2.0, self.y + self.h / 2.0);
        let fits = |text: &str, along: f64, across: f64| {
            across >= FONT + 2.0 && extent(text, FONT) + 4.0 <= along
        };
        for text in labels {
            if fits(text, self.w, self.h) {
                return Some(label(text, x, y + FONT * 0.35, FONT, "middle"));
            }
            if fits(text, self.h, self.w) {
                let (x, y) = (px(x + FONT * 0.35), px(y));
                let turned = format!("rotate(-90 {x} {y})");
                return Some(label(text, x, y, FONT, "middle").set("transform", turned));
            }
        }
        None
    }
}

/// Labels for a tensor's block, the most telling first.
fn labels(tensor: &PlannedTensor, bytes: usize) -> [String; 3] {
    let index = tensor.index;
    [
        tensor.name.clone(),
        format!("#{index} · {} B", figure(bytes)),
        format!("#{index}"),
    ]
}

pub(crate) fn line(x1: f64, y1: f64, x2: f64, y2: f64, class: &str) -> Line {
    Line::new()
        .set("x1", px(x1))
        .set("y1", px(y1))
        .set("x2", px(x2))
        .set("y2", px(y2))
        .set("class", class)
}

pub(crate) fn label(text: &str, x: f64, y: f64, size: f64, anchor: &str) -> Text {
    Text::new(printable(text))
        .set("x", px(x))
        .set("y", px(y))
        .set("font-size", px(size))
        .set("text-anchor", anchor)
}

/// Tenths of a pixel are fine enough, and keep the file small.
pub(crate) fn px(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Distance between two figures on the address axis: a power of two, eight of them at most.
pub fn tick(peak: usize) -> usize {
    peak.div_ceil(8).max(1).next_power_of_two()
}

/// A number with its thousands set apart.
pub fn figure(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Pixels of a text at most, whichever of the fonts is there.
fn extent(text: &str, size: f64) -> f64 {
    let glyph = |c: char| match c {
        ' ' | '.' | ',' | ':' | ';' | '\'' | '/' | '-' | 'i' | 'j' | 'l' | 't' | 'f' | 'r'
        | 'I' => 0.42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 1.0,
        'A'..='Z' => 0.79,
        c if c.is_ascii() => 0.64,
        _ => 1.05,
    };
    text.chars().map(glyph).sum::<f64>() * size
}

/// As much of a name as there is room for. Its end tells more than its beginning: tensors are named by path.
pub fn cut(name: &str, size: f64, room: f64) -> String {
    if extent(name, size) <= room {
        return name.to_owned();
    }
    let mut left = room - extent("…", size);
    let mut start = name.len();
    for (at, c) in name.char_indices().rev() {
        left -= extent(c.encode_utf8(&mut [0; 4]), size);
        if left < 0.0 {
            break;
        }
        start = at;
    }
    format!("…{}", &name[start..])
}

/// Without the characters that XML cannot hold in any form.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => c,
            '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}
