//! Plots as SVG, inside the page. They are narrow, so that their text is read on a phone without being enlarged, and they take
//! all colours from the page's style sheet.

mod bars;
mod lines;
mod scale;

use maud::{Markup, html};

pub(super) use bars::{Bar, bars};
pub(super) use lines::{Marks, Segment, Series, Shape, lines};
pub(super) use scale::Scale;

/// User units; the width of a phone.
pub(super) const WIDTH: f64 = 400.0;
pub(super) const LEFT: f64 = 66.0;
pub(super) const RIGHT: f64 = 12.0;
pub(super) const TOP: f64 = 26.0;
pub(super) const BOTTOM: f64 = 40.0;

/// Series that have colours of their own.
pub(super) const COLOURS: usize = 8;

/// A drawing and what it says.
#[derive(Debug)]
pub(crate) struct Plot {
    pub(super) title: String,
    /// What a reader who does not see it must know.
    pub(super) description: String,
    /// Colour and name.
    pub(super) legend: Vec<(usize, Shape, String)>,
    pub(super) drawing: Markup,
    /// User units.
    pub(super) height: f64,
}

/// An axis: its scale, what it shows, and how its numbers are written.
pub(super) struct Axis<'a> {
    pub(super) scale: Scale,
    pub(super) title: &'a str,
    pub(super) ticks: Vec<(f64, String)>,
}

/// A coordinate: a tenth of a unit is finer than any screen.
pub(super) fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    if text == "-0.0" { "0.0".to_owned() } else { text }
}

/// The lines and numbers behind everything.
fn grid(x: &Axis<'_>, y: &Axis<'_>, height: f64) -> Markup {
    let (right, bottom) = (WIDTH - RIGHT, height - BOTTOM);
    html! {
        @for (value, label) in &y.ticks {
            @let at = px(y.scale.at(*value));
            line class="grid" x1=(px(LEFT)) x2=(px(right)) y1=(at) y2=(at) {}
            text x=(px(LEFT - 5.0)) y=(px(y.scale.at(*value) + 4.0)) text-anchor="end" { (label) }
        }
        @for (value, label) in &x.ticks {
            @let at = px(x.scale.at(*value));
            line class="grid" x1=(at) x2=(at) y1=(px(TOP)) y2=(px(bottom)) {}
            text x=(at) y=(px(bottom + 15.0)) text-anchor="middle" { (label) }
        }
        line class="axis" x1=(px(LEFT)) x2=(px(right)) y1=(px(bottom)) y2=(px(bottom)) {}
        text class="axis-title" x="4" y="14" { (y.title) }
        text class="axis-title" x=(px(f64::midpoint(LEFT, right))) y=(px(height - 6.0)) text-anchor="middle" { (x.title) }
    }
}

/// A mark of a series, around a point.
pub(super) fn mark(shape: Shape, colour: usize, is_hollow: bool, x: f64, y: f64) -> Markup {
    let class = format!("mark c{}{}", colour % COLOURS, if is_hollow { " hollow" } else { "" });
    let points = |points: &[(f64, f64)]| {
        points.iter().map(|(dx, dy)| format!("{},{}", px(x + dx), px(y + dy))).collect::<Vec<_>>().join(" ")
    };
    html! {
        @match shape {
            Shape::Circle => circle class=(class) cx=(px(x)) cy=(px(y)) r="3.5" {},
            Shape::Square => rect class=(class) x=(px(x - 3.2)) y=(px(y - 3.2)) width="6.4" height="6.4" {},
            Shape::Triangle => polygon class=(class) points=(points(&[(0.0, -4.2), (4.0, 3.2), (-4.0, 3.2)])) {},
            Shape::Diamond => polygon class=(class) points=(points(&[(0.0, -4.6), (4.2, 0.0), (0.0, 4.6), (-4.2, 0.0)])) {},
            Shape::Cross => path class=(class) d=(format!(
                "M{} {}L{} {}M{} {}L{} {}",
                px(x - 3.5), px(y - 3.5), px(x + 3.5), px(y + 3.5), px(x - 3.5), px(y + 3.5), px(x + 3.5), px(y - 3.5)
            )) {},
            Shape::Bar => rect class=(class) x=(px(x - 5.0)) y=(px(y - 5.0)) width="10" height="10" {},
        }
    }
}
