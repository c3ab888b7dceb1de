#[test]
fn document_follows_the_snapshot() {
    insta::assert_json_snapshot!(ingest_api::openapi_document());
}
