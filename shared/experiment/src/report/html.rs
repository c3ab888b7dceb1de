//! Sections as one page that needs nothing else.

use super::content::{Block, Section};
use super::plot::{Plot, WIDTH, mark, px};
use super::table::Table;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::cell::Cell;

const STYLE: &str = include_str!("html/style.css");

/// Ids within a page.
#[derive(Debug, Default)]
struct Ids(Cell<usize>);

impl Ids {
    fn next(&self) -> usize {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }
}

/// A page with the sections; `label` stands above `heading`.
pub(crate) fn page(label: &str, heading: &str, sections: &[Section]) -> String {
    let ids = Ids::default();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Nothing is fetched, whatever the plan's texts hold.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (label) ": " (heading) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                @if let Some(first) = sections.first() {
                    a.skip href=(format!("#{}", first.id)) { "Skip to the first section" }
                }
                header {
                    p.name { (label) }
                    h1 { (heading) }
                }
                nav aria-label="Sections" {
                    ul { @for section in sections { li { a href=(format!("#{}", section.id)) { (section.title) } } } }
                }
                main { @for section in sections { (whole(section, &ids)) } }
            }
        }
    };
    page.into_string()
}

fn whole(section: &Section, ids: &Ids) -> Markup {
    let heading = format!("{}-heading", section.id);
    html! {
        section id=(section.id) aria-labelledby=(heading) {
            h2 id=(heading) { (section.title) }
            (blocks(&section.blocks, ids))
        }
    }
}

fn blocks(all: &[Block], ids: &Ids) -> Markup {
    html! {
        @for block in all {
            @match block {
                Block::Text(text) => p { (text) },
                Block::Answer(text, verdict) => {
                    p.answer {
                        @if let Some(verdict) = verdict {
                            strong class=(format!("verdict {}", verdict.label().replace(' ', "-"))) { (verdict.label()) }
                            " "
                        }
                        (text)
                    }
                },
                Block::List(items) => ul { @for item in items { li { (item) } } },
                Block::Table(one) => (table(one, ids)),
                Block::Plots(plots) => div.plots { @for one in plots { (plot(one, ids)) } },
                Block::Details(title, inner) => details { summary { (title) } (blocks(inner, ids)) },
            }
        }
    }
}

/// Tables that are wider than the screen are scrolled, with the keyboard as well.
fn table(table: &Table, ids: &Ids) -> Markup {
    let id = format!("table-{}", ids.next());
    html! {
        section.table aria-labelledby=(id) tabindex="0" {
            table {
                caption id=(id) { (table.caption) }
                thead { tr { @for column in &table.columns { th scope="col" class=[column.is_number.then_some("number")] { (column.name) } } } }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (field, column) in row.iter().zip(&table.columns).take(1) {
                                th scope="row" class=[column.is_number.then_some("number")] { (field) }
                            }
                            @for (field, column) in row.iter().zip(&table.columns).skip(1) {
                                td class=[column.is_number.then_some("number")] { (field) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn plot(plot: &Plot, ids: &Ids) -> Markup {
    let id = ids.next();
    let (title, description) = (format!("plot-{id}"), format!("plot-{id}-says"));
    html! {
        figure {
            figcaption { (plot.title) }
            @if plot.legend.len() > 1 {
                ul.legend {
                    @for (colour, shape, name) in &plot.legend {
                        li {
                            svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" { (mark(*shape, *colour, false, 7.0, 7.0)) }
                            (name)
                        }
                    }
                }
            }
            svg role="img" viewBox=(format!("0 0 {} {}", px(WIDTH), px(plot.height))) aria-labelledby=(format!("{title} {description}")) {
                title id=(title) { (plot.title) }
                desc id=(description) { (plot.description) }
                (plot.drawing)
            }
        }
    }
}
