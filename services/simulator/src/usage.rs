//! What this process and its threads use of their processors.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

/// The share of a shorter lap says nothing.
const LAP_MIN: Duration = Duration::from_millis(10);

/// Processor time of a thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThreadUsage {
    /// Share of the processor in the busiest lap that counts, 0 to 1.
    pub(crate) share_max: f64,
    /// How often the system took the processor away from it; none where it does not say.
    pub(crate) involuntary_switches: Option<u64>,
}

/// Measures the calling thread from here on.
pub(crate) struct UsageWatch {
    lap: (Instant, Duration),
    share_max: f64,
    involuntary_switches: Option<u64>,
}

impl UsageWatch {
    pub(crate) fn start() -> Self {
        Self {
            lap: (Instant::now(), thread_cpu()),
            share_max: 0.0,
            involuntary_switches: involuntary_switches(),
        }
    }

    /// Ends a lap, which is about a second long. Must be called on the same thread.
    pub(crate) fn end_lap(&mut self, counts: bool) {
        let (begun, cpu) = std::mem::replace(&mut self.lap, (Instant::now(), thread_cpu()));
        let elapsed = self.lap.0.saturating_duration_since(begun);
        if counts && elapsed >= LAP_MIN {
            let share = self.lap.1.saturating_sub(cpu).as_secs_f64() / elapsed.as_secs_f64();
            self.share_max = self.share_max.max(share);
        }
    }

    /// Must be called on the same thread.
    pub(crate) fn finish(&self) -> ThreadUsage {
        let switches = involuntary_switches().zip(self.involuntary_switches);
        ThreadUsage {
            share_max: self.share_max,
            involuntary_switches: switches.map(|(now, before)| now.saturating_sub(before)),
        }
    }
}

/// Processor time of this process, user and system.
pub(crate) fn process_cpu() -> Duration {
    duration_of(clock_gettime(ClockId::ProcessCPUTime))
}

/// Smallest step of the monotonic clock.
pub(crate) fn timer_resolution() -> Duration {
    duration_of(clock_getres(ClockId::Monotonic))
}

fn thread_cpu() -> Duration {
    duration_of(clock_gettime(ClockId::ThreadCPUTime))
}

fn duration_of(time: Timespec) -> Duration {
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

fn involuntary_switches() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laps_that_count_decide() {
        let mut watch = UsageWatch::start();
        spin(Duration::from_millis(20));
        watch.end_lap(false);
        assert_eq!(watch.finish().share_max, 0.0);
        spin(Duration::from_millis(20));
        watch.end_lap(true);
        let usage = watch.finish();
        assert!((0.01..=1.1).contains(&usage.share_max), "{usage:?}");
        assert!(usage.involuntary_switches.is_some());
        assert!(process_cpu() >= Duration::from_millis(40));
    }

    fn spin(cpu: Duration) {
        let until = thread_cpu() + cpu;
        let mut waste = 0_u64;
        while thread_cpu() < until {
            waste = std::hint::black_box(waste + 1);
        }
    }
}
