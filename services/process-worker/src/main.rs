//! Consumes the events streams into a SQLite cache and publishes the results.

use std::process::ExitCode;

use anyhow::Context as _;
use process_worker::config::Args;
use tokio::net::TcpListener;

fn main() -> ExitCode {
    service::launch::launch("process-worker", Args::convert, async |config, shutdown| {
        let address = config.listen_address;
        let listener = TcpListener::bind(address).await.with_context(|| format!("LISTEN_ADDR {address}"))?;
        process_worker::run(config, listener, shutdown).await
    })
}
