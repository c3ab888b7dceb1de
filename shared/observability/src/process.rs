//! What the kernel and the runtime say of this process, read every few seconds.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::runtime::RuntimeMetrics;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::log::report_suppressed;
use crate::metrics::{Gauge, Metric, Readings, Registry};
use crate::process_wide::process_wide;

/// Short against the intervals of export and of people who look; a sample takes a fraction of a millisecond.
const INTERVAL: Duration = Duration::from_secs(5);

/// Samples between two reports of suppressed log lines: a minute.
const SAMPLES_PER_REPORT: u32 = 12;

/// Reads the process's numbers into metrics.
pub struct ProcessWatch {
    runtime: RuntimeMetrics,
    cpu_time: Readings,
    memory_usage: Gauge,
    file_descriptors: Gauge,
    threads: Gauge,
    context_switches: Readings,
    throttled_time: Readings,
    tokio_workers: Gauge,
    tokio_busy_time: Readings,
    tokio_tasks: Gauge,
    tokio_queue: Gauge,
    switches: Switches,
}

/// Context switches of all threads, also of those that have ended.
#[derive(Default)]
struct Switches {
    by_thread: HashMap<u32, [u64; 2]>,
    /// Voluntary and involuntary.
    totals: [u64; 2],
}

impl ProcessWatch {
    /// Reads for the first time. `runtime` is the one that does the work.
    pub fn new(runtime: RuntimeMetrics) -> Self {
        Self::in_registry(&process_wide().registry, runtime)
    }

    fn in_registry(registry: &Registry, runtime: RuntimeMetrics) -> Self {
        let gauge = |metric| registry.gauge(metric, &[]);
        let mut watch = Self {
            runtime,
            cpu_time: registry.readings(Metric::ProcessCpuTime),
            memory_usage: gauge(Metric::ProcessMemoryUsage),
            file_descriptors: gauge(Metric::ProcessFileDescriptors),
            threads: gauge(Metric::ProcessThreads),
            context_switches: registry.readings(Metric::ProcessContextSwitches),
            throttled_time: registry.readings(Metric::ContainerThrottledTime),
            tokio_workers: gauge(Metric::TokioWorkers),
            tokio_busy_time: registry.readings(Metric::TokioBusyTime),
            tokio_tasks: gauge(Metric::TokioTasks),
            tokio_queue: gauge(Metric::TokioQueue),
            switches: Switches::default(),
        };
        watch.sample();
        watch
    }

    /// Reads again and again, and reports suppressed log lines once a minute, until it is dropped.
    pub async fn run(mut self) {
        let mut ticks = interval_at(Instant::now() + INTERVAL, INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut samples = 0;
        loop {
            ticks.tick().await;
            self.sample();
            samples += 1;
            if samples % SAMPLES_PER_REPORT == 0 {
                report_suppressed();
            }
        }
    }

    fn sample(&mut self) {
        self.sample_kernel();
        self.sample_runtime();
    }

    fn sample_kernel(&mut self) {
        if let Some(stat) = Stat::read() {
            stat.show(&self.cpu_time, &self.memory_usage);
            self.threads.set(stat.threads as f64);
        }
        if let Ok(descriptors) = fs::read_dir("/proc/self/fd") {
            // One of them is the directory that is being read.
            self.file_descriptors.set(descriptors.count().saturating_sub(1) as f64);
        }
        self.switches.sample(Path::new("/proc/self/task"));
        let [voluntary, involuntary] = self.switches.totals;
        let kind = "process.context_switch.type";
        self.context_switches.replace([
            ([(kind, "voluntary")], voluntary as f64),
            ([(kind, "involuntary")], involuntary as f64),
        ]);
        if let Some(seconds) = throttled_seconds() {
            self.throttled_time.replace([([], seconds)]);
        }
    }

    fn sample_runtime(&self) {
        let workers = self.runtime.num_workers();
        let busy: Duration = (0..workers).map(|worker| self.runtime.worker_total_busy_duration(worker)).sum();
        self.tokio_workers.set(workers as f64);
        self.tokio_busy_time.replace([([], busy.as_secs_f64())]);
        self.tokio_tasks.set(self.runtime.num_alive_tasks() as f64);
        self.tokio_queue.set(self.runtime.global_queue_depth() as f64);
    }
}

/// Numbers of `/proc/PID/stat`; see proc_pid_stat(5).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    user_ticks: u64,
    system_ticks: u64,
    threads: u64,
    resident_pages: u64,
}

/// Reads processor time and memory once more, for who wants to know them at this moment: differences of readings that are seconds
/// old say little about a short time.
pub fn read_usage() {
    let registry = &process_wide().registry;
    if let Some(stat) = Stat::read() {
        stat.show(
            &registry.readings(Metric::ProcessCpuTime),
            &registry.gauge(Metric::ProcessMemoryUsage, &[]),
        );
    }
}

impl Stat {
    fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/self/stat").ok()?)
    }

    fn show(&self, cpu_time: &Readings, memory_usage: &Gauge) {
        let seconds = |ticks: u64| ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
        cpu_time.replace([
            ([("cpu.mode", "user")], seconds(self.user_ticks)),
            ([("cpu.mode", "system")], seconds(self.system_ticks)),
        ]);
        memory_usage.set((self.resident_pages * rustix::param::page_size() as u64) as f64);
    }

    fn parse(text: &str) -> Option<Self> {
        // The name of the program may contain spaces and parentheses; the field behind it is the third.
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<_> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse().ok();
        Some(Self {
            user_ticks: field(14)?,
            system_ticks: field(15)?,
            threads: field(20)?,
            resident_pages: field(24)?,
        })
    }
}

impl Switches {
    fn sample(&mut self, tasks: &Path) {
        let Ok(tasks) = fs::read_dir(tasks) else { return };
        let mut by_thread = HashMap::new();
        for task in tasks.flatten() {
            let Some(id) = task.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // A thread that has ended meanwhile has no file any more.
            let Ok(status) = fs::read_to_string(task.path().join("status")) else { continue };
            let now = switches(&status);
            let before = self.by_thread.get(&id).copied().unwrap_or_default();
            for (total, (now, before)) in self.totals.iter_mut().zip(now.into_iter().zip(before)) {
                // The id of a thread that has ended can be given to another.
                *total += now.checked_sub(before).unwrap_or(now);
            }
            by_thread.insert(id, now);
        }
        self.by_thread = by_thread;
    }
}

fn switches(status: &str) -> [u64; 2] {
    let of = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0)
    };
    [of("voluntary_ctxt_switches:"), of("nonvoluntary_ctxt_switches:")]
}

/// How long the processor limit of this control group has held it back; nothing where there is no limit.
fn throttled_seconds() -> Option<f64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let own = PathBuf::from("/sys/fs/cgroup").join(group).join("cpu.stat");
    throttled(&fs::read_to_string(own).ok()?)
}

fn throttled(cpu_stat: &str) -> Option<f64> {
    let us: u64 =
        cpu_stat.lines().find_map(|line| line.strip_prefix("throttled_usec ")?.trim().parse().ok())?;
    Some(Duration::from_micros(us).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_the_program_does_not_shift_the_fields() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 9 0 123 4096 77 0";
        let expected = Stat { user_ticks: 250, system_ticks: 50, threads: 9, resident_pages: 77 };
        assert_eq!(Stat::parse(&format!("42 (a b) c) {fields}")), Some(expected));
        assert_eq!(Stat::parse("42 (short) S 1"), None);
    }

    #[test]
    fn switches_of_ended_threads_stay_counted() {
        let tasks = tempfile::tempdir().expect("temporary directory");
        let status = |thread: &str, voluntary: u64| {
            let directory = tasks.path().join(thread);
            fs::create_dir_all(&directory).expect("created");
            let text =
                format!("Name:\tx\nvoluntary_ctxt_switches:\t{voluntary}\nnonvoluntary_ctxt_switches:\t2\n");
            fs::write(directory.join("status"), text).expect("written");
        };
        let mut switches = Switches::default();
        status("1", 10);
        status("2", 5);
        switches.sample(tasks.path());
        assert_eq!(switches.totals, [15, 4]);
        fs::remove_dir_all(tasks.path().join("2")).expect("removed");
        status("1", 13);
        switches.sample(tasks.path());
        assert_eq!(switches.totals, [18, 4]);
    }

    #[test]
    fn only_limited_groups_are_throttled() {
        assert_eq!(throttled("usage_usec 9\nnr_throttled 3\nthrottled_usec 2500000\n"), Some(2.5));
        assert_eq!(throttled("usage_usec 9\n"), None);
    }

    #[test]
    fn usage_that_is_asked_for_is_that_of_the_moment() {
        let cpu_s = || {
            read_usage();
            process_wide().registry.snapshot().gauges[Metric::ProcessCpuTime.spec().name].total
        };
        let (before, begin) = (cpu_s(), Instant::now());
        let mut sum = 0_u64;
        // Some clock ticks of work, however fast the machine is.
        while cpu_s() < before + 0.05 {
            assert!(begin.elapsed() < Duration::from_secs(20), "it stays at {before} s");
            sum = std::hint::black_box((0..100_000).fold(sum, u64::wrapping_add));
        }
    }

    #[tokio::test]
    async fn first_sample_has_all_numbers() {
        let registry = Registry::new();
        let watch = ProcessWatch::in_registry(&registry, tokio::runtime::Handle::current().metrics());
        let snapshot = registry.snapshot();
        for metric in [Metric::ProcessMemoryUsage, Metric::ProcessFileDescriptors, Metric::ProcessThreads] {
            assert!(snapshot.gauges[metric.spec().name].total >= 1.0, "{}", metric.spec().name);
        }
        for metric in [Metric::ProcessCpuTime, Metric::ProcessContextSwitches, Metric::TokioBusyTime] {
            assert!(snapshot.gauges.contains_key(metric.spec().name), "{}", metric.spec().name);
        }
        assert_eq!(snapshot.gauges["tokio.workers"].total, 1.0);
        drop(watch);
    }
}
