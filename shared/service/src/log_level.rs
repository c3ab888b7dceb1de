//! `/loglevel`: shows the level of the log and changes it while the service runs.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use observability::log::{LevelError, level, set_level};

use crate::problem::{Problem, ProblemKind};

/// A filter is a few directives.
const BODY_BYTES_MAX: usize = 1024;

pub(crate) fn routes() -> Router {
    Router::new().route("/loglevel", get(show).put(change)).layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

async fn show() -> Result<String, Problem> {
    level().map(|level| format!("{level}\n")).ok_or_else(|| problem(&LevelError::NotStarted))
}

/// Takes a level or filter directives as plain text, such as `info,process_worker=debug`.
async fn change(text: String) -> Result<String, Problem> {
    set_level(&text).map_err(|error| problem(&error))?;
    show().await
}

fn problem(error: &LevelError) -> Problem {
    let kind = match error {
        LevelError::Invalid(..) => ProblemKind::InvalidParameter,
        LevelError::NotStarted => ProblemKind::NotReady,
    };
    Problem::new(kind, error.to_string())
}
