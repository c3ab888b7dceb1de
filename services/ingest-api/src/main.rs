//! Takes CloudEvents over HTTP and writes them to Redis streams.

use std::process::ExitCode;

use anyhow::Context as _;
use ingest_api::config::Args;
use tokio::net::TcpListener;

fn main() -> ExitCode {
    service::launch::launch("ingest-api", Args::convert, async |config, shutdown| {
        let address = config.listen_address;
        let listener = TcpListener::bind(address).await.with_context(|| format!("LISTEN_ADDR {address}"))?;
        ingest_api::run(config, listener, shutdown).await
    })
}
