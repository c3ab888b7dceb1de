//! Power sensors on the rails of a board (INA3221, as on a Jetson). They say volts and amperes of a moment, which are added up
//! over time here.
//! Source: <https://docs.kernel.org/hwmon/ina3221.html>.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The sensors average over some milliseconds themselves; the load of a board changes more slowly than this.
const INTERVAL: Duration = Duration::from_millis(100);
const CHIP: &str = "ina3221";
/// Channels of a chip.
const CHANNELS: std::ops::RangeInclusive<u32> = 1..=3;
/// The rail that all others of a board are fed from.
const WHOLE: &str = "VDD_IN";

/// Rails that are watched by a thread until this is dropped.
#[derive(Debug)]
pub(super) struct Rails {
    joules: Arc<Mutex<BTreeMap<String, f64>>>,
    /// Its end ends the thread.
    _running: SyncSender<()>,
}

/// A rail.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rail {
    name: String,
    millivolts: PathBuf,
    milliamperes: PathBuf,
}

impl Rails {
    /// Begins to watch the rails of the machine whose `/sys` is below `root`; none where there are none.
    pub(super) fn watch(root: &Path) -> Option<Self> {
        let rails = rails(root);
        if rails.is_empty() {
            return None;
        }
        let joules = Arc::new(Mutex::new(BTreeMap::new()));
        let (running, ended) = mpsc::sync_channel(0);
        let shared = Arc::clone(&joules);
        std::thread::spawn(move || {
            let mut last = Instant::now();
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let now = Instant::now();
                add(&rails, now - last, &mut shared.lock().unwrap_or_else(PoisonError::into_inner));
                last = now;
            }
        });
        Some(Self { joules, _running: running })
    }

    pub(super) fn joules(&self) -> BTreeMap<String, f64> {
        self.joules.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn add(rails: &[Rail], time: Duration, joules: &mut BTreeMap<String, f64>) {
    let number = |path: &Path| fs::read_to_string(path).ok()?.trim().parse::<f64>().ok();
    for rail in rails {
        if let (Some(millivolts), Some(milliamperes)) = (number(&rail.millivolts), number(&rail.milliamperes))
        {
            let watts = millivolts * milliamperes / 1e6;
            *joules.entry(rail.name.clone()).or_default() += watts * time.as_secs_f64();
        }
    }
}

/// The rail of the whole board, or all where none is named so.
fn rails(root: &Path) -> Vec<Rail> {
    let monitors = fs::read_dir(root.join("sys/class/hwmon")).into_iter().flatten().flatten();
    let is_chip =
        |path: &PathBuf| fs::read_to_string(path.join("name")).is_ok_and(|name| name.trim() == CHIP);
    let chips = monitors.map(|monitor| monitor.path()).filter(is_chip);
    let mut all: Vec<Rail> =
        chips.flat_map(|chip| CHANNELS.filter_map(move |channel| rail(&chip, channel))).collect();
    if all.iter().any(|rail| rail.name.ends_with(WHOLE)) {
        all.retain(|rail| rail.name.ends_with(WHOLE));
    }
    all
}

fn rail(chip: &Path, channel: u32) -> Option<Rail> {
    let file = |prefix: &str, suffix: &str| chip.join(format!("{prefix}{channel}_{suffix}"));
    let label = fs::read_to_string(file("in", "label")).ok()?;
    let rail = Rail {
        name: format!("{CHIP}:{}", label.trim()),
        millivolts: file("in", "input"),
        milliamperes: file("curr", "input"),
    };
    (rail.millivolts.is_file() && rail.milliamperes.is_file()).then_some(rail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(channels: &[(u32, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let chip = root.path().join("sys/class/hwmon/hwmon3");
        fs::create_dir_all(&chip).unwrap();
        fs::write(chip.join("name"), "ina3221\n").unwrap();
        for (channel, label) in channels {
            fs::write(chip.join(format!("in{channel}_label")), format!("{label}\n")).unwrap();
            fs::write(chip.join(format!("in{channel}_input")), "5000\n").unwrap();
            fs::write(chip.join(format!("curr{channel}_input")), "400\n").unwrap();
        }
        root
    }

    #[test]
    fn rail_of_the_whole_board_is_taken_alone() {
        let names = |channels: &[(u32, &str)]| -> Vec<String> {
            rails(board(channels).path()).into_iter().map(|rail| rail.name).collect()
        };
        assert_eq!(names(&[(1, "VDD_IN"), (2, "VDD_CPU")]), ["ina3221:VDD_IN"]);
        assert_eq!(names(&[(1, "VDD_GPU"), (3, "VDD_CPU")]), ["ina3221:VDD_GPU", "ina3221:VDD_CPU"]);
        assert!(Rails::watch(Path::new("/nowhere")).is_none());
    }

    #[test]
    fn power_is_added_up_over_time() {
        let board = board(&[(1, "VDD_IN")]);
        let mut joules = BTreeMap::new();
        let rails = rails(board.path());
        add(&rails, Duration::from_millis(1500), &mut joules);
        add(&rails, Duration::from_millis(500), &mut joules);
        assert_eq!(joules["ina3221:VDD_IN"], 4.0);
    }

    #[test]
    fn watched_rails_count_until_they_are_dropped() {
        let board = board(&[(1, "VDD_IN")]);
        let rails = Rails::watch(board.path()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while rails.joules().get("ina3221:VDD_IN").is_none_or(|joules| *joules <= 0.0) {
            assert!(Instant::now() < deadline, "nothing was counted");
            std::thread::yield_now();
        }
    }
}
