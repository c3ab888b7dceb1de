//! Writes the tables of `docs/telemetry.md` from the declarations: `cargo run -p observability --example
//! telemetry_reference`.

mod render;

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/telemetry.md");
    let document = std::fs::read_to_string(&path)?;
    std::fs::write(&path, render::with_tables(&document)?)?;
    Ok(())
}
