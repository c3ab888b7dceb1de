//! What a ledger of 100 million events takes. One test, and in a program of its own: its peak memory is that of the
//! process.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use measurement::{Ledger, LedgerFile, SequenceSet};

const EVENTS: u64 = 100_000_000;
const MIB: u64 = 1 << 20;
/// Lanes that record in turns, as those of the simulator do.
const LANES: u64 = 4;
/// Requests between two times that the lanes hand over what they recorded: a second at 250,000 events.
const SLICE_REQUESTS: u64 = 25_000;
const REQUEST_EVENTS: u64 = 10;

/// Peak resident memory of this process.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// Sends the fates of requests through lanes to one ledger, and returns it.
fn recorded(events: u64, record: impl Fn(&mut Ledger, u64, u64)) -> Ledger {
    let mut whole = Ledger::default();
    let mut lanes: Vec<Ledger> = (0..LANES).map(|_| Ledger::default()).collect();
    for request in 0..events / REQUEST_EVENTS {
        let first = request * REQUEST_EVENTS;
        record(&mut lanes[(request % LANES) as usize], request, first);
        if request % SLICE_REQUESTS == SLICE_REQUESTS - 1 {
            lanes
                .iter_mut()
                .for_each(|lane| whole.merge(&std::mem::take(lane)).expect("lanes do not overlap"));
        }
    }
    lanes.iter().for_each(|lane| whole.merge(lane).expect("lanes do not overlap"));
    whole
}

/// Checks and writes the ledger as the end of a run does, and returns the size of the file.
fn finished(ledger: Ledger) -> u64 {
    struct Count(u64);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    ledger.check().expect("each number has one fate");
    let mut written = Count(0);
    let at = Timestamp::UNIX_EPOCH;
    LedgerFile::new("run", at, at + Duration::from_secs(100), ledger)
        .write(&mut written)
        .expect("a sink takes all");
    written.0
}

fn record_dense(ledger: &mut Ledger, _: u64, first: u64) {
    ledger.first.accepted.insert_range(first..=first + REQUEST_EVENTS - 1);
}

/// Every request has a fate of its own and is cut, so that each set has several thousand ranges in 65,536 numbers.
fn record_scattered(ledger: &mut Ledger, request: u64, first: u64) {
    let random = request.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let cut = first + 1 + random % (REQUEST_EVENTS - 1);
    for (fate, numbers) in [(random >> 16, first..=cut - 1), (random >> 20, cut..=first + REQUEST_EVENTS - 1)]
    {
        set(ledger, fate).insert_range(numbers);
    }
}

fn set(ledger: &mut Ledger, fate: u64) -> &mut SequenceSet {
    let fates = &mut ledger.first;
    match fate % 4 {
        0 => &mut fates.accepted,
        1 => &mut fates.refused,
        2 => &mut fates.unknown,
        _ => &mut fates.unsent,
    }
}

#[test]
fn ledger_of_a_hundred_million_events_stays_within_its_memory() {
    // The pages of the program itself do not count.
    finished(recorded(10_000, record_scattered));
    let before = peak_bytes();
    let dense = recorded(EVENTS, record_dense);
    assert_eq!(dense.first.sent_len(), EVENTS);
    assert!(finished(dense) < 1000);
    let grown = peak_bytes() - before;
    assert!(grown <= MIB, "all accepted: {grown} bytes");

    let before = peak_bytes();
    let scattered = recorded(EVENTS, record_scattered);
    assert_eq!(scattered.first.sent_len() + scattered.first.unsent.len(), EVENTS);
    // The file has the bitmaps as base64, so that it proves that they are bitmaps.
    let written = finished(scattered);
    assert!(written > 40 * MIB, "{written} bytes");
    let grown = peak_bytes() - before;
    assert!(grown <= 64 * MIB, "mixed fates: {grown} bytes");
}
