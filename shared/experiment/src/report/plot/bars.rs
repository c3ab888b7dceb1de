//! Stacked bars, one below the other.

use super::{COLOURS, RIGHT, Scale, WIDTH, px};
use maud::{Markup, html};

/// A bar: its name, its parts, what stands at its end.
#[derive(Debug)]
pub(in crate::report) struct Bar {
    pub(in crate::report) name: String,
    /// Colour and size of each part.
    pub(in crate::report) parts: Vec<(usize, f64)>,
    /// How far the end may be off, in both directions.
    pub(in crate::report) error: f64,
    pub(in crate::report) total: String,
}

const ROW: f64 = 40.0;
const BAR: f64 = 16.0;
/// For the number at the end of the longest bar.
const NUMBER: f64 = 76.0;

/// Draws bars; gives the height too. All begin at 0, from which parts below it, as clocks that disagree give, go to the left.
pub(in crate::report) fn bars(bars: &[Bar]) -> (Markup, f64) {
    let sum = |bar: &Bar, of: fn(f64) -> f64| bar.parts.iter().map(|(_, size)| of(*size)).sum::<f64>();
    let longest = bars.iter().map(|bar| sum(bar, |size| size.max(0.0)) + bar.error).fold(0.0, f64::max);
    let lowest = bars.iter().map(|bar| sum(bar, |size| size.min(0.0))).fold(0.0, f64::min);
    let scale = Scale::linear(lowest, longest, 4.0, WIDTH - RIGHT - NUMBER);
    let height = 6.0 + ROW * bars.len() as f64;
    let drawing = html! {
        @for (row, bar) in bars.iter().enumerate() {
            @let top = 6.0 + ROW * row as f64;
            text x="4" y=(px(top + 11.0)) { (bar.name) }
            (stacked(bar, &scale, top + 16.0))
        }
    };
    (drawing, height)
}

fn stacked(bar: &Bar, scale: &Scale, top: f64) -> Markup {
    let (mut above, mut below) = (0.0, 0.0);
    let parts: Vec<(usize, f64, f64)> = bar
        .parts
        .iter()
        .map(|(colour, size)| {
            let end = if *size < 0.0 { &mut below } else { &mut above };
            let from = *end;
            *end += size;
            let (left, right) = (scale.at(from.min(*end)), scale.at(from.max(*end)));
            (*colour, left, right - left)
        })
        .collect();
    let (low, high) = (scale.at(above - bar.error), scale.at(above + bar.error));
    let middle = px(top + BAR / 2.0);
    html! {
        @for (colour, from, width) in parts {
            rect class=(format!("part c{}", colour % COLOURS)) x=(px(from)) y=(px(top)) width=(px(width)) height=(px(BAR)) {}
        }
        @if below < 0.0 {
            @let zero = px(scale.at(0.0));
            line class="error" x1=(zero) x2=(zero) y1=(px(top - 2.0)) y2=(px(top + BAR + 2.0)) {}
        }
        @if bar.error > 0.0 {
            line class="error" x1=(px(low)) x2=(px(high)) y1=(middle) y2=(middle) {}
            line class="error" x1=(px(low)) x2=(px(low)) y1=(px(top + 4.0)) y2=(px(top + 12.0)) {}
            line class="error" x1=(px(high)) x2=(px(high)) y1=(px(top + 4.0)) y2=(px(top + 12.0)) {}
        }
        text x=(px(high + 6.0)) y=(px(top + 12.5)) { (bar.total) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(sizes: [f64; 3]) -> String {
        let parts = sizes.iter().copied().enumerate().collect();
        let bar = Bar { name: String::new(), parts, error: 0.0, total: String::new() };
        bars(&[bar]).0.into_string()
    }

    /// Left end and width of each part, in units in which the whole drawing is 308 wide.
    fn parts(sizes: [f64; 3]) -> Vec<(f64, f64)> {
        let drawing = drawn(sizes);
        let number = |text: &str, name: &str| -> f64 {
            let rest = text.split_once(&format!("{name}=\"")).unwrap().1;
            rest.split('"').next().unwrap().parse().unwrap()
        };
        drawing.split("<rect").skip(1).map(|rect| (number(rect, " x"), number(rect, "width"))).collect()
    }

    #[test]
    fn parts_follow_each_other_and_add_up() {
        assert_eq!(parts([10.0, 30.0, 60.0]), [(4.0, 30.8), (34.8, 92.4), (127.2, 184.8)]);
        assert!(!drawn([10.0, 30.0, 60.0]).contains("<line"));
    }

    #[test]
    fn part_below_zero_goes_to_the_left_of_it() {
        let parts = parts([25.0, -25.0, 50.0]);
        assert_eq!(parts, [(81.0, 77.0), (4.0, 77.0), (158.0, 154.0)]);
        assert!(drawn([25.0, -25.0, 50.0]).contains("class=\"error\" x1=\"81.0\" x2=\"81.0\""));
    }
}
