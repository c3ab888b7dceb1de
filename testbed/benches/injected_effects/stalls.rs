//! A process that is stopped and continued at regular intervals.

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a process is stopped, and from the begin of one stop to that of the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stall {
    pub(crate) length: Duration,
    pub(crate) period: Duration,
}

/// Stalls that go on until they are ended, or dropped. The process runs afterwards.
pub(crate) struct Stalls {
    /// Its end ends the thread.
    until: SyncSender<()>,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Stalls {
    pub(crate) fn begin(pid: u32, stall: Stall) -> anyhow::Result<Self> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no process has this id")?;
        let (until, ended) = mpsc::sync_channel(0);
        let stalling = move || {
            // A load begins soon after this. Half a period later no stall is where one of its phases ends, which would not get all
            // that was to be sent in it.
            let mut begin = Instant::now() + stall.period / 2;
            // A thread by itself: a timer of the runtime is as late as whatever else the runtime does.
            while ended.recv_timeout(begin.saturating_duration_since(Instant::now()))
                == Err(RecvTimeoutError::Timeout)
            {
                let send = |signal| kill_process(pid, signal).context("cannot stop and continue ingest-api");
                send(Signal::STOP)?;
                thread::sleep((begin + stall.length).saturating_duration_since(Instant::now()));
                send(Signal::CONT)?;
                begin += stall.period;
            }
            Ok(())
        };
        Ok(Self { until, thread: thread::spawn(stalling) })
    }

    /// # Errors
    /// A process that was not there.
    pub(crate) fn end(self) -> anyhow::Result<()> {
        drop(self.until);
        self.thread.join().map_err(|_| anyhow::anyhow!("the thread that stops ingest-api panicked"))?
    }
}
