use crate::fixture::WorkerCache;

#[test]
fn document_follows_the_snapshot() {
    insta::assert_json_snapshot!(query_api::openapi_document());
}

#[tokio::test]
async fn document_is_served_and_its_parameters_are_known() {
    let cache = WorkerCache::new();
    let query = cache.query(&[]).await;
    let served = query.answer("/openapi.json").await;
    for (path, item) in served["paths"].as_object().expect("paths") {
        for parameter in item["get"]["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] != "query" {
                continue;
            }
            let name = parameter["name"].as_str().expect("a name");
            let problem = query.get(&format!("{}?{name}=", path.replace(['{', '}'], ""))).await.1;
            let detail = problem["detail"].as_str().expect("a problem");
            assert!(detail.contains("is empty"), "{path} {name}: {detail}");
        }
    }
}
