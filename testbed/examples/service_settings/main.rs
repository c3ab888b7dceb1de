//! Writes the list of the services' settings, by which plans of experiments are checked:
//! `cargo run -p testbed --example service_settings`.

mod render;

use anyhow::Context as _;

const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/experiment/src/known/services.json");

fn main() -> anyhow::Result<()> {
    std::fs::write(LIST, render::render()?).with_context(|| format!("cannot write {LIST}"))
}
