//! Sections as Markdown.

use super::content::{Block, Section};
use super::table::Table;

/// A document with the sections; `label` stands below `heading`.
pub(crate) fn document(label: &str, heading: &str, sections: &[Section]) -> String {
    let mut text = format!("# {}\n\n{}\n", escaped(heading), escaped(label));
    for section in sections {
        text.push_str(&format!("\n## {}\n", section.title));
        blocks(&section.blocks, &mut text);
    }
    text
}

fn blocks(all: &[Block], text: &mut String) {
    for block in all {
        match block {
            Block::Text(line) => text.push_str(&format!("\n{}\n", escaped(line))),
            Block::Answer(answer, verdict) => {
                text.push_str(&format!("\n**{}**\n", escaped(answer)));
                if let Some(verdict) = verdict {
                    text.push_str(&format!("\nVerdict: {}\n", verdict.label()));
                }
            }
            Block::List(items) => {
                text.push('\n');
                items.iter().for_each(|item| text.push_str(&format!("- {}\n", escaped(item))));
            }
            Block::Table(one) => table(one, text),
            Block::Plots(plots) => {
                text.push('\n');
                for plot in plots {
                    text.push_str(&format!("- {}: {}\n", escaped(&plot.title), escaped(&plot.description)));
                }
            }
            Block::Details(title, inner) => {
                text.push_str(&format!("\n### {title}\n"));
                blocks(inner, text);
            }
        }
    }
}

fn table(table: &Table, text: &mut String) {
    let row = |fields: &mut dyn Iterator<Item = String>| {
        format!("|{}\n", fields.map(|field| format!(" {field} |")).collect::<String>())
    };
    text.push_str(&format!("\n{}:\n\n", escaped(&table.caption)));
    text.push_str(&row(&mut table.columns.iter().map(|column| escaped(&column.name))));
    text.push_str(&row(&mut table
        .columns
        .iter()
        .map(|column| if column.is_number { "--:" } else { "---" }.to_owned())));
    for fields in &table.rows {
        text.push_str(&row(&mut fields.iter().map(|field| escaped(field))));
    }
}

/// What Markdown would take for its own, and line breaks.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' => {
                safe.push('\\');
                safe.push(character);
            }
            '\n' | '\r' => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}
