//! The files of `/proc` and `/sys`. What is not there or not understood is left out.

use super::{Frequency, PROBE_VERSION, ProbeFacts};
use observability::node::Kernel;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What k3s's network needs of the kernel.
const MODULES: [&str; 2] = ["br_netfilter", "ip_set"];

pub(crate) fn read(root: &Path) -> ProbeFacts {
    let cpuinfo = text(&root.join("proc/cpuinfo")).unwrap_or_default();
    let temperatures = Kernel::new(root).temperatures_celsius();
    ProbeFacts {
        version: PROBE_VERSION,
        machine: rustix::system::uname().machine().to_string_lossy().into_owned(),
        page_bytes: rustix::param::page_size() as u64,
        model: model(root, &cpuinfo),
        cpu_features: features(&cpuinfo),
        frequencies: frequencies(root),
        temperature_celsius: temperatures.into_iter().map(|(_, celsius)| celsius).reduce(f64::max),
        firmware_throttled: firmware_throttled(root),
        cgroup_version: if root.join("sys/fs/cgroup/cgroup.controllers").exists() { 2 } else { 1 },
        has_memory_cgroup: has_memory_cgroup(root),
        modules: modules(root),
        cpus_allowed: status_line(root, "Cpus_allowed_list:"),
        reached: Vec::new(),
        noise: None,
        redis_clock: None,
    }
}

/// Pis and Jetsons name themselves in the device tree only.
fn model(root: &Path, cpuinfo: &str) -> Option<String> {
    let device_tree = text(&root.join("sys/firmware/devicetree/base/model"));
    let device_tree = device_tree.map(|model| model.trim_end_matches('\0').to_owned());
    device_tree.or_else(|| lines_of(cpuinfo, "model name").next().map(str::to_owned))
}

/// `flags` of x86, `Features` of arm64; of big and little cores only what both have.
fn features(cpuinfo: &str) -> Vec<String> {
    let sets = lines_of(cpuinfo, "flags").chain(lines_of(cpuinfo, "Features"));
    let sets = sets.map(|line| line.split_ascii_whitespace().collect::<BTreeSet<_>>());
    let common = sets.reduce(|common, other| common.intersection(&other).copied().collect());
    common.unwrap_or_default().into_iter().map(str::to_owned).collect()
}

fn lines_of<'a>(cpuinfo: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    let pairs = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    pairs.filter(move |(name, _)| name.trim() == key).map(|(_, value)| value.trim())
}

fn frequencies(root: &Path) -> Vec<Frequency> {
    let of = |path: PathBuf| {
        let path = path.join("cpufreq");
        let khz = |name: &str| text(&path.join(name))?.parse().ok();
        Some(Frequency {
            governor: text(&path.join("scaling_governor"))?,
            current_khz: khz("scaling_cur_freq")?,
            max_khz: khz("cpuinfo_max_freq")?,
        })
    };
    let is_processor =
        |name: &str| name.strip_prefix("cpu").is_some_and(|number| number.parse::<u32>().is_ok());
    directories(&root.join("sys/devices/system/cpu"), is_processor).into_iter().filter_map(of).collect()
}

/// Source: <https://www.raspberrypi.com/documentation/computers/os.html#get_throttled>.
fn firmware_throttled(root: &Path) -> Option<u32> {
    let buses = directories(&root.join("sys/devices/platform"), |name| name.starts_with("soc"));
    let firmware = buses.iter().flat_map(|bus| directories(bus, |name| name.ends_with(":firmware")));
    let bits = firmware.into_iter().find_map(|path| text(&path.join("get_throttled")))?;
    u32::from_str_radix(bits.trim_start_matches("0x"), 16).ok()
}

/// By what version 2 offers, or by the table of version 1, where a controller can be switched off on the command line.
fn has_memory_cgroup(root: &Path) -> bool {
    if let Some(controllers) = text(&root.join("sys/fs/cgroup/cgroup.controllers")) {
        return controllers.split_ascii_whitespace().any(|controller| controller == "memory");
    }
    let table = text(&root.join("proc/cgroups")).unwrap_or_default();
    let mut rows = table.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    rows.any(|row| row.first() == Some(&"memory") && row.last() == Some(&"1"))
}

fn modules(root: &Path) -> Vec<String> {
    let loaded = text(&root.join("proc/modules")).unwrap_or_default();
    let is_loaded = |name: &&str| {
        let is_listed = loaded.lines().any(|line| line.split_ascii_whitespace().next() == Some(*name));
        is_listed || root.join("sys/module").join(name).exists()
    };
    MODULES.into_iter().filter(is_loaded).map(str::to_owned).collect()
}

fn status_line(root: &Path, key: &str) -> Option<String> {
    let status = text(&root.join("proc/self/status"))?;
    status.lines().find_map(|line| Some(line.strip_prefix(key)?.trim().to_owned()))
}

fn directories(parent: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let wanted = entries.filter(|entry| entry.file_name().to_str().is_some_and(&is_wanted));
    let mut paths: Vec<PathBuf> = wanted.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}
