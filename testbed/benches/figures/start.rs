//! How long services take to start, and what they need while idle.

use std::time::Duration;

use crate::ROUNDS;
use crate::processes::{Process, redis};
use crate::report::Report;

/// Long enough for allocations of the start to be over.
const IDLE: Duration = Duration::from_secs(2);

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let (server, _connection) = redis().await;
    for program in ["ingest-api", "process-worker", "query-api"] {
        let (mut start, mut resident) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let directory = tempfile::tempdir()?;
            let cache = directory.path().join("cache.db").to_string_lossy().into_owned();
            let url = server.url();
            let mut arguments = vec!["--redis-url", &url];
            if program != "ingest-api" {
                arguments.extend(["--cache-path", &cache]);
            }
            let process = Process::start(program, &arguments).await?;
            start.push(process.start_ms);
            tokio::time::sleep(IDLE).await;
            resident.push(process.resident_mib()?);
        }
        report.add_bounded(&format!("{program}, start until ready"), "ms", start, 200.0);
        report.add_bounded(&format!("{program}, resident while idle"), "MiB", resident, 20.0);
    }
    Ok(())
}
