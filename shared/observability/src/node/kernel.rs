//! The files of `/proc` and `/sys`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Fields of the first line of `/proc/stat`, as the conventions name them. Time of guests is part of `user` and `nice`.
const CPU_MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "interrupt", "softirq", "steal"];

/// Bits of the firmware of a Raspberry Pi that say what is the case now.
/// Source: <https://www.raspberrypi.com/documentation/computers/os.html#get_throttled>.
const FIRMWARE_REASONS: [&str; 4] = ["under_voltage", "frequency_capped", "throttled", "temperature_limit"];

/// Thermal zones that are read at most; a phone's board has dozens.
const ZONES_MAX: usize = 64;

/// Reads below a root directory. What a machine does not have, or what is not understood, is left out.
#[derive(Clone, Debug)]
pub struct Kernel {
    root: PathBuf,
}

impl Kernel {
    /// Of the machine whose `/proc` and `/sys` are below `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Processor time since the start of the machine, by mode, all processors together.
    pub fn cpu_seconds(&self) -> Vec<(&'static str, f64)> {
        let stat = self.text("proc/stat").unwrap_or_default();
        let Some(all) = stat.lines().find_map(|line| line.strip_prefix("cpu ")) else { return Vec::new() };
        let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
        let ticks = all.split_ascii_whitespace().map_while(|field| field.parse::<u64>().ok());
        CPU_MODES
            .into_iter()
            .zip(ticks)
            .map(|(mode, ticks)| (mode, ticks as f64 / ticks_per_second))
            .collect()
    }

    /// The frequency of each logical processor that has a driver for it.
    pub fn frequencies_hz(&self) -> Vec<(String, f64)> {
        let of = |(number, path): (u32, PathBuf)| {
            let khz: f64 = number_in(&path.join("cpufreq/scaling_cur_freq"))?;
            Some((number.to_string(), khz * 1e3))
        };
        self.processors().into_iter().filter_map(of).collect()
    }

    /// The temperature of each thermal zone. Zones of the same type are numbered.
    pub fn temperatures_celsius(&self) -> Vec<(String, f64)> {
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut temperatures = Vec::new();
        for (_, path) in self.numbered("sys/class/thermal", "thermal_zone").into_iter().take(ZONES_MAX) {
            let Ok(kind) = fs::read_to_string(path.join("type")) else { continue };
            let kind = kind.trim().to_owned();
            let count = seen.entry(kind.clone()).or_default();
            *count += 1;
            let zone = if *count == 1 { kind } else { format!("{kind}-{count}") };
            // The sensor of a device that is asleep gives an error.
            if let Some(millidegrees) = number_in::<f64>(&path.join("temp")) {
                temperatures.push((zone, millidegrees / 1e3));
            }
        }
        temperatures
    }

    /// How often cores were slowed down because of their temperature. Threads of a core have the same count.
    pub(super) fn thermal_throttles(&self) -> Option<f64> {
        let is_first_thread = |number: u32, path: &Path| {
            let siblings = fs::read_to_string(path.join("topology/thread_siblings_list")).unwrap_or_default();
            let first = siblings.trim().split([',', '-']).next().and_then(|first| first.parse().ok());
            first.is_none_or(|first: u32| first == number)
        };
        let counts = self.processors().into_iter().filter(|(number, path)| is_first_thread(*number, path));
        counts
            .filter_map(|(_, path)| number_in::<f64>(&path.join("thermal_throttle/core_throttle_count")))
            .reduce(|a, b| a + b)
    }

    /// What holds the processor of a Raspberry Pi back: 1 or 0 for each reason.
    pub(super) fn firmware_throttled(&self) -> Option<Vec<(&'static str, f64)>> {
        let bits = self.firmware_throttled_bits()?;
        let flags = FIRMWARE_REASONS.into_iter().enumerate();
        Some(flags.map(|(bit, reason)| (reason, f64::from(bits >> bit & 1))).collect())
    }

    /// The bits of the firmware of a Raspberry Pi: 0 to 3 are the case now, 16 to 19 have been since it started.
    pub fn firmware_throttled_bits(&self) -> Option<u32> {
        // `soc/soc:firmware` up to the Pi 4; later ones have the address of the bus in both names.
        let buses = directories(&self.root.join("sys/devices/platform"), |name| name.starts_with("soc"));
        let firmware = buses.iter().flat_map(|bus| directories(bus, |name| name.ends_with(":firmware")));
        let text =
            firmware.into_iter().find_map(|path| fs::read_to_string(path.join("get_throttled")).ok())?;
        u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
    }

    /// How long some or all tasks have waited for a resource since the start of the machine: resource, `some` or `full`,
    /// seconds.
    /// Source: <https://docs.kernel.org/accounting/psi.html>.
    pub fn pressure_seconds(&self) -> Vec<(&'static str, &'static str, f64)> {
        let mut readings = Vec::new();
        for resource in ["cpu", "memory", "io"] {
            let text = self.text(&format!("proc/pressure/{resource}")).unwrap_or_default();
            for share in ["some", "full"] {
                let line = text.lines().find(|line| line.starts_with(share));
                let total = line.and_then(|line| line.rsplit_once("total="));
                if let Some(us) = total.and_then(|(_, us)| us.trim().parse().ok()) {
                    readings.push((resource, share, Duration::from_micros(us).as_secs_f64()));
                }
            }
        }
        readings
    }

    /// Memory that programs can still have without swapping.
    pub fn memory_available_bytes(&self) -> Option<f64> {
        let text = self.text("proc/meminfo")?;
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024.0)
    }

    fn processors(&self) -> Vec<(u32, PathBuf)> {
        self.numbered("sys/devices/system/cpu", "cpu")
    }

    /// The directories `prefixN` in a directory, in the order of their numbers.
    fn numbered(&self, directory: &str, prefix: &str) -> Vec<(u32, PathBuf)> {
        let number = |path: &Path| path.file_name()?.to_str()?.strip_prefix(prefix)?.parse::<u32>().ok();
        let all = directories(&self.root.join(directory), |name| name.starts_with(prefix));
        let mut numbered: Vec<_> =
            all.into_iter().filter_map(|path| number(&path).map(|number| (number, path))).collect();
        numbered.sort_unstable();
        numbered
    }

    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }
}

/// Entries of a directory by name; most of those in `/sys` are symbolic links.
fn directories(parent: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let wanted = entries.filter(|entry| entry.file_name().to_str().is_some_and(&is_wanted));
    wanted.map(|entry| entry.path()).collect()
}

fn number_in<T: std::str::FromStr>(path: &Path) -> Option<T> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
