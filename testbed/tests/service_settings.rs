//! The list of settings that plans are checked by is that of the programs.

#[path = "../examples/service_settings/render.rs"]
mod render;

#[test]
fn list_of_settings_is_that_of_the_services() {
    let written = include_str!("../../shared/experiment/src/known/services.json");
    assert_eq!(
        render::render().unwrap_or_default(),
        written,
        "the list is not up to date: run `cargo run -p testbed --example service_settings`"
    );
}
