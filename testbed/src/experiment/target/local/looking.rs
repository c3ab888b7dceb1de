//! Looks at processes from a thread of its own, which gets only what others leave of the processors: reading hundreds of files
//! each second would make the load generator late.

use super::traffic::Traffic;
use crate::procfs;
use experiment::sample::ServiceSample;
use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use tokio::sync::oneshot;

/// What each part has used until now; none of those that have ended.
pub(super) type Usage = BTreeMap<String, ServiceSample>;

/// A thread that looks at the processes of parts.
pub(super) struct Lookout {
    /// Ends the thread when it is dropped.
    questions: SyncSender<oneshot::Sender<Usage>>,
}

impl Lookout {
    /// Looks at these parts, each a name and a process. Processes of one name are one part.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn of(parts: Vec<(String, u32)>) -> io::Result<Self> {
        let (questions, asked) = sync_channel::<oneshot::Sender<Usage>>(1);
        thread::Builder::new().name("lookout".to_owned()).spawn(move || {
            observability::yield_to_others();
            let mut traffic = Traffic::default();
            for question in asked {
                // Who does not wait any more needs no answer.
                question.send(look(&parts, &mut traffic)).unwrap_or_default();
            }
        })?;
        Ok(Self { questions })
    }

    /// What all parts have used. One question at a time.
    pub(super) async fn look(&self) -> Usage {
        let (answer, answered) = oneshot::channel();
        match self.questions.try_send(answer) {
            Ok(()) => answered.await.unwrap_or_default(),
            Err(_) => Usage::new(),
        }
    }
}

fn look(parts: &[(String, u32)], traffic: &mut Traffic) -> Usage {
    let processes: Vec<u32> = parts.iter().map(|(_, pid)| *pid).collect();
    let is_told = traffic.look(&processes).is_ok();
    let mut all = Usage::new();
    for (part, pid) in parts {
        let sample = all.entry(part.clone()).or_default();
        add(sample, *pid);
        sum(&mut sample.network_bytes, traffic.bytes(*pid).filter(|_| is_told));
    }
    all
}

/// Adds what one process has used; nothing of one that has ended.
fn add(sample: &mut ServiceSample, pid: u32) {
    let usage = procfs::usage(pid);
    sum(&mut sample.cpu_s, usage.map(|usage| usage.cpu.as_secs_f64()));
    sum(&mut sample.resident_bytes, usage.map(|usage| usage.resident_bytes));
    sum(&mut sample.disk_bytes, procfs::written_bytes(pid));
    sum(&mut sample.involuntary_switches, procfs::involuntary_switches(pid));
}

fn sum<T: std::ops::Add<Output = T> + Copy>(total: &mut Option<T>, value: Option<T>) {
    if let Some(value) = value {
        *total = Some(total.map_or(value, |total| total + value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn processes_of_one_name_are_one_part() {
        let own = std::process::id();
        let parts = ["one", "two", "two", "gone"].map(str::to_owned);
        let lookout = Lookout::of(parts.into_iter().zip([own, own, own, u32::MAX]).collect()).unwrap();
        let usage = lookout.look().await;
        assert!(usage["two"].resident_bytes > usage["one"].resident_bytes.map(|bytes| bytes * 3 / 2));
        assert_eq!((usage["gone"].cpu_s, usage["gone"].resident_bytes), (None, None));
        assert_eq!(lookout.look().await.len(), 3);
    }
}
