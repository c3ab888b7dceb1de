//! The optional bearer token, RFC 6750.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq as _;

use crate::config::Secret;
use crate::problem::{Problem, ProblemKind};

/// Lets only those in who show the token; everyone where there is none.
pub fn protect<S: Clone + Send + Sync + 'static>(router: Router<S>, token: Option<&Secret>) -> Router<S> {
    match token {
        Some(token) => router.layer(from_fn_with_state(Arc::new(token.clone()), require_token)),
        None => router,
    }
}

/// Answers 401 unless the request shows the token. The comparison takes the same time wherever the tokens differ.
async fn require_token(State(expected): State<Arc<Secret>>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
    let shown = shown.strip_prefix(b"Bearer ").unwrap_or_default();
    if bool::from(shown.ct_eq(expected.expose().as_bytes())) {
        return next.run(request).await;
    }
    Problem::new(ProblemKind::Unauthorized, "send the header authorization: Bearer TOKEN").into_response()
}
