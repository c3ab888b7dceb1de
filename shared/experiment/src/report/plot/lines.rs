//! Lines with bands, and points.

use super::scale::path;
use super::{Axis, COLOURS, WIDTH, grid, mark, px};
use maud::{Markup, html};

/// Marks that are told apart without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    Cross,
    /// The part of a stacked bar.
    Bar,
}

impl Shape {
    /// That of the n-th series.
    pub(in crate::report) fn of(series: usize) -> Self {
        [Self::Circle, Self::Square, Self::Triangle, Self::Diamond][series % 4]
    }
}

/// Which points have a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Marks {
    /// Every one.
    All,
    /// Every n-th: enough to tell lines apart.
    Some(usize),
}

/// A line, or marks.
#[derive(Debug)]
pub(in crate::report) struct Series {
    pub(in crate::report) colour: usize,
    pub(in crate::report) shape: Shape,
    pub(in crate::report) points: Vec<(f64, f64)>,
    /// Lower and upper edge, for each point or for none.
    pub(in crate::report) band: Vec<(f64, f64)>,
    /// Whether the points are joined.
    pub(in crate::report) is_joined: bool,
    pub(in crate::report) marks: Marks,
    /// Which points are drawn hollow.
    pub(in crate::report) hollow: Vec<bool>,
}

/// Lines behind the series: from one point to another.
pub(in crate::report) type Segment = ((f64, f64), (f64, f64));

/// Draws series over a grid. `behind` are thin lines, `limits` dashed ones across the drawing: true for vertical.
pub(in crate::report) fn lines(
    x: &Axis<'_>,
    y: &Axis<'_>,
    height: f64,
    series: &[Series],
    behind: &[Segment],
    limits: &[(bool, f64)],
) -> Markup {
    let place = |(horizontal, vertical): (f64, f64)| (x.scale.at(horizontal), y.scale.at(vertical));
    html! {
        (grid(x, y, height))
        @for (is_vertical, value) in limits {
            @let ends = limit(x, y, height, *is_vertical, *value);
            line class="limit" x1=(ends[0]) y1=(ends[1]) x2=(ends[2]) y2=(ends[3]) {}
        }
        @for (from, to) in behind {
            @let (from, to) = (place(*from), place(*to));
            line class="pair" x1=(px(from.0)) y1=(px(from.1)) x2=(px(to.0)) y2=(px(to.1)) {}
        }
        @for one in series {
            (drawn(one, place))
        }
    }
}

fn limit(x: &Axis<'_>, y: &Axis<'_>, height: f64, is_vertical: bool, value: f64) -> [String; 4] {
    let ends = if is_vertical {
        let at = x.scale.at(value);
        [at, super::TOP, at, height - super::BOTTOM]
    } else {
        let at = y.scale.at(value);
        [super::LEFT, at, WIDTH - super::RIGHT, at]
    };
    ends.map(px)
}

fn drawn(series: &Series, place: impl Fn((f64, f64)) -> (f64, f64)) -> Markup {
    let colour = series.colour % COLOURS;
    let step = match series.marks {
        Marks::All => 1,
        Marks::Some(step) => step.max(1),
    };
    html! {
        @if !series.band.is_empty() {
            @let lower = series.points.iter().zip(&series.band).map(|(point, band)| place((point.0, band.0)));
            @let upper = series.points.iter().zip(&series.band).rev().map(|(point, band)| place((point.0, band.1)));
            path class=(format!("band c{colour}")) d=(format!("{}Z", path(lower.chain(upper)))) {}
        }
        @if series.is_joined {
            path class=(format!("line c{colour} d{}", series.colour % 4)) d=(path(series.points.iter().copied().map(&place))) {}
        }
        @for (index, point) in series.points.iter().enumerate() {
            // The marks of several lines are not above each other.
            @if (index + 3 * series.colour).is_multiple_of(step) {
                @let at = place(*point);
                (mark(series.shape, series.colour, series.hollow.get(index).copied().unwrap_or(false), at.0, at.1))
            }
        }
    }
}
