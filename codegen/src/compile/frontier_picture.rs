//! A frontier as a picture: extra work across, bytes up.

use svg::Document;
use svg::node::element::{Circle, Group, Polyline, Rectangle, Style, Title};

use super::frontier::{Frontier, Point};
use crate::plan::picture::{figure, label, line, px, tick};

const LEFT: f64 = 84.0;
const RIGHT: f64 = 40.0;
const TOP: f64 = 64.0;
const BELOW: f64 = 56.0;
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
/// Pixels between two labels.
const LABEL: f64 = 14.0;
/// The least width of the horizontal axis, in percent.
const LEAST: f64 = 10.0;

const STYLE: &str = "\
text{font-family:'Helvetica Neue',Arial,'DejaVu Sans',sans-serif;fill:#222}\
.grid{stroke:#ddd;stroke-width:1}.axis{stroke:#444;stroke-width:1}\
.curve{fill:none;stroke:#2c6fbb;stroke-width:1.5}.point{fill:#2c6fbb}";

impl Frontier {
    /// The curve as an SVG picture, with what each point takes as a tooltip.
    pub fn to_svg(&self, title: &str) -> String {
        let most = self.points.iter().map(|point| point.arena_bytes);
        let extra = self.points.iter().map(|point| self.percent(point));
        let scale = Scale {
            bytes: HEIGHT / (most.clone().max().unwrap_or(0).max(1) as f64 * 1.04),
            percent: WIDTH / (extra.fold(0.0, f64::max) * 1.04).max(LEAST),
        };
        let (width, height) = (LEFT + WIDTH + RIGHT, TOP + HEIGHT + BELOW);
        let facts = format!(
            "arena against multiply-accumulates that are computed again, of {}",
            figure(self.macs as usize)
        );
        let document = Document::new()
            .set("viewBox", (0, 0, width, height))
            .set("width", width)
            .set("height", height)
            .add(Style::new(STYLE))
            .add(
                Rectangle::new()
                    .set("width", "100%")
                    .set("height", "100%")
                    .set("fill", "#fff"),
            )
            .add(label(title, LEFT, 24.0, 15.0, "start").set("font-weight", "bold"))
            .add(label(&facts, LEFT, 44.0, 12.0, "start"))
            .add(scale.bytes_axis(most.max().unwrap_or(0)))
            .add(scale.percent_axis())
            .add(self.curve(&scale));
        let mut text = document.to_string();
        text.push('\n');
        text
    }

    fn percent(&self, point: &Point) -> f64 {
        100.0 * point.extra_macs as f64 / self.macs.max(1) as f64
    }

    fn curve(&self, scale: &Scale) -> Group {
        let places: Vec<[f64; 2]> = (self.points.iter())
            .map(|point| [scale.x(self.percent(point)), scale.y(point.arena_bytes)])
            .collect();
        // Across first: until a point is reached, the one before it is what there is.
        let mut corners: Vec<String> = Vec::new();
        for (at, [x, y]) in places.iter().enumerate() {
            if let Some([_, before]) = at.checked_sub(1).and_then(|at| places.get(at)) {
                corners.push(format!("{},{}", px(*x), px(*before)));
            }
            corners.push(format!("{},{}", px(*x), px(*y)));
        }
        let line = Polyline::new().set("class", "curve");
        let mut curve = Group::new().add(line.set("points", corners.join(" ")));
        let mut labelled = f64::NEG_INFINITY;
        for (point, [x, y]) in self.points.iter().zip(&places) {
            let circle = Circle::new().set("class", "point").set("r", 3);
            let circle = circle.set("cx", px(*x)).set("cy", px(*y));
            curve = curve.add(
                Group::new()
                    .add(Title::new(self.tooltip(point)))
                    .add(circle),
            );
            if *y - labelled >= LABEL {
                labelled = *y;
                curve = curve.add(label(
                    &figure(point.arena_bytes),
                    x + 7.0,
                    y - 4.0,
                    11.0,
                    "start",
                ));
            }
        }
        curve
    }

    fn tooltip(&self, point: &Point) -> String {
        format!(
            "{} bytes of arena\n{:.1} % more multiply-accumulates\n{} rows one by one",
            figure(point.arena_bytes),
            self.percent(point),
            figure(point.rows)
        )
    }
}

/// Pixels per byte and per percent.
struct Scale {
    bytes: f64,
    percent: f64,
}

impl Scale {
    fn x(&self, percent: f64) -> f64 {
        LEFT + percent * self.percent
    }

    fn y(&self, bytes: usize) -> f64 {
        TOP + HEIGHT - bytes as f64 * self.bytes
    }

    fn bytes_axis(&self, most: usize) -> Group {
        let mut axis = Group::new();
        for bytes in (0..=most).step_by(tick(most)) {
            let y = self.y(bytes);
            let class = if bytes == 0 { "axis" } else { "grid" };
            axis = axis.add(line(LEFT, y, LEFT + WIDTH, y, class)).add(label(
                &figure(bytes),
                LEFT - 8.0,
                y + 4.0,
                11.0,
                "end",
            ));
        }
        let middle = TOP + HEIGHT / 2.0;
        axis.add(line(LEFT, TOP, LEFT, TOP + HEIGHT, "axis")).add(
            label("arena (bytes)", 16.0, middle, 11.0, "middle")
                .set("transform", format!("rotate(-90 16 {})", px(middle))),
        )
    }

    fn percent_axis(&self) -> Group {
        let most = (WIDTH / self.percent) as usize;
        let mut axis = Group::new();
        for percent in (0..=most).step_by(tick(most)) {
            let (x, y) = (self.x(percent as f64), TOP + HEIGHT);
            axis = axis.add(line(x, y, x, y + 4.0, "axis")).add(label(
                &format!("{percent} %"),
                x,
                y + 18.0,
                11.0,
                "middle",
            ));
        }
        let middle = LEFT + WIDTH / 2.0;
        axis.add(label(
            "more multiply-accumulates",
            middle,
            TOP + HEIGHT + 40.0,
            11.0,
            "middle",
        ))
    }
}
