//! `docs/telemetry.md` says what the declarations say.

#[path = "../examples/telemetry_reference/render.rs"]
mod render;

#[test]
fn tables_of_the_document_are_those_of_the_declarations() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/telemetry.md");
    let document = std::fs::read_to_string(path).expect("docs/telemetry.md is there");
    let expected = render::with_tables(&document).expect("the document has all markers");
    assert!(
        document == expected,
        "docs/telemetry.md is not up to date: run `cargo run -p observability --example telemetry_reference`"
    );
}
