//! What `/proc` tells about processes and listening sockets. Every function answers `None` where `/proc` does
//! not say (another system, a process that ended, no permission): callers show that as unknown.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// Processor time and memory of one process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// User and system time since the process started.
    pub cpu: Duration,
    /// Resident set size in bytes (`VmRSS`).
    pub resident_bytes: u64,
}

/// A process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its command name as `/proc/PID/comm` has it, at most 15 characters.
    pub command: String,
}

/// Processor time and resident memory of `pid`.
#[must_use]
pub fn usage(pid: u32) -> Option<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let ticks = stat_field(&stat, 14)? + stat_field(&stat, 15)?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let resident_kib: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()?;
    let ticks_per_second = rustix::param::clock_ticks_per_second().max(1);
    Some(Usage {
        cpu: Duration::from_millis(ticks * 1000 / ticks_per_second),
        resident_bytes: resident_kib * 1024,
    })
}

/// Bytes that `pid` has had written to storage (`write_bytes` of proc_pid_io(5)).
#[must_use]
pub fn written_bytes(pid: u32) -> Option<u64> {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    io.lines().find_map(|line| line.strip_prefix("write_bytes:"))?.trim().parse().ok()
}

/// How often a thread of `pid` that could have gone on had to give its processor to another one.
#[must_use]
pub fn involuntary_switches(pid: u32) -> Option<u64> {
    let of_thread = |task: fs::DirEntry| -> Option<u64> {
        let status = fs::read_to_string(task.path().join("status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"))?.trim().parse().ok()
    };
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    Some(tasks.flatten().filter_map(of_thread).sum())
}

/// When `pid` started, in clock ticks since boot. Together with the id it names one process for good, although
/// ids are used again. `None` also for a zombie: it has ended, only its parent has not looked yet.
#[must_use]
pub fn start_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let state = stat.rsplit_once(')')?.1.split_whitespace().next()?;
    if state == "Z" || state == "X" { None } else { stat_field(&stat, 22) }
}

/// The process that listens on TCP `port`, on any local address.
#[must_use]
pub fn listener(port: u16) -> Option<Holder> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        holds_any(&entry.path(), &inodes).then(|| Holder { pid, command: command(pid) })
    })
}

fn command(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).map_or_else(|_| "?".into(), |name| name.trim().to_owned())
}

fn holds_any(process: &Path, sockets: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else { return false };
    descriptors.flatten().any(|descriptor| {
        fs::read_link(descriptor.path())
            .is_ok_and(|target| sockets.iter().any(|socket| target.as_os_str() == socket.as_str()))
    })
}

/// Field `number` of `/proc/PID/stat`, counted from 1 as proc(5) does. The command name may contain spaces and
/// brackets, so counting starts after the last bracket, with field 3.
fn stat_field(stat: &str, number: usize) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(number - 3)?.parse().ok()
}

/// Inodes of the sockets that listen (state 0A) on `port` in a table of the form of `/proc/net/tcp`.
fn listening_inodes(table: &str, port: u16) -> Vec<u64> {
    let wanted = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let listens = *fields.get(3)? == "0A" && fields.get(1)?.ends_with(&wanted);
            if listens { fields.get(9)?.parse().ok() } else { None }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn own_usage_is_read() {
        let usage = usage(std::process::id()).unwrap();
        assert!(usage.resident_bytes > 100_000, "{usage:?}");
    }

    #[test]
    fn own_writes_and_switches_are_read() {
        let file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        std::io::Write::write_all(&mut &file, &[1; 8192]).unwrap();
        file.sync_all().unwrap();
        assert!(written_bytes(std::process::id()).is_some());
        assert!(involuntary_switches(std::process::id()).is_some());
        assert_eq!((written_bytes(u32::MAX), involuntary_switches(u32::MAX)), (None, None));
    }

    #[test]
    fn own_listener_is_found_by_its_port() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = listener(socket.local_addr().unwrap().port()).unwrap();
        assert_eq!(holder.pid, std::process::id());
        assert!(!holder.command.is_empty());
    }

    #[test]
    fn fields_are_counted_after_a_command_name_with_brackets() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 7 5 0 0 20 0 1 0 987654 0 0";
        assert_eq!(stat_field(stat, 14), Some(7));
        assert_eq!(stat_field(stat, 15), Some(5));
        assert_eq!(stat_field(stat, 22), Some(987_654));
    }

    #[test]
    fn only_listening_sockets_of_the_port_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:18F6 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1\n\
            1: 0100007F:18F6 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 222 1\n\
            2: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1\n";
        assert_eq!(listening_inodes(table, 6390), vec![111]);
    }

    #[test]
    fn a_process_that_never_was_has_no_start() {
        assert_eq!(start_ticks(u32::MAX), None);
        assert!(start_ticks(std::process::id()).is_some());
    }
}
