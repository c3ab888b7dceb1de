//! Answers questions about processed events from a cache of its own.

use std::process::ExitCode;

use anyhow::Context as _;
use query_api::config::Args;
use tokio::net::TcpListener;

fn main() -> ExitCode {
    service::launch::launch("query-api", Args::convert, async |config, shutdown| {
        let address = config.listen_address;
        let listener = TcpListener::bind(address).await.with_context(|| format!("LISTEN_ADDR {address}"))?;
        query_api::run(config, listener, shutdown).await
    })
}
