//! Meters of energy in the machine.

use super::text;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What the processor's own counters say, in joules, by the names of their domains; empty where they cannot be read. Domains
/// within a package (cores, graphics) are part of it and left out. The counters wrap: see [`rapl_ranges_j`].
/// Source: <https://docs.kernel.org/power/powercap/powercap.html>.
pub(super) fn rapl_joules(root: &Path) -> BTreeMap<String, f64> {
    rapl(root, "energy_uj")
}

/// The joules after which each of these counters begins again at 0; absent where the kernel does not say.
#[must_use]
pub fn rapl_ranges_j(root: &Path) -> BTreeMap<String, f64> {
    rapl(root, "max_energy_range_uj")
}

/// What a file of each domain says, in joules.
fn rapl(root: &Path, file: &str) -> BTreeMap<String, f64> {
    let zones = fs::read_dir(root.join("sys/class/powercap")).into_iter().flatten().flatten();
    let read = |zone: fs::DirEntry| {
        // `intel-rapl:0` is a package, `intel-rapl:0:1` a part of it.
        let id = zone.file_name().into_string().ok()?;
        if id.matches(':').count() != 1 {
            return None;
        }
        let (name, microjoules) = (text(&zone.path().join("name"))?, text(&zone.path().join(file))?);
        Some((format!("rapl:{name}"), microjoules.parse::<f64>().ok()? / 1e6))
    };
    zones.filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_and_their_parts_are_not() {
        let root = tempfile::tempdir().unwrap();
        for (zone, name, energy) in [
            ("intel-rapl:0", "package-0", "2500000"),
            ("intel-rapl:0:0", "core", "1000000"),
            ("intel-rapl", "", ""),
        ] {
            let zone = root.path().join("sys/class/powercap").join(zone);
            fs::create_dir_all(&zone).unwrap();
            fs::write(zone.join("name"), format!("{name}\n")).unwrap();
            fs::write(zone.join("energy_uj"), format!("{energy}\n")).unwrap();
            fs::write(zone.join("max_energy_range_uj"), "262143328850\n").unwrap();
        }
        assert_eq!(rapl_joules(root.path()), BTreeMap::from([("rapl:package-0".to_owned(), 2.5)]));
        assert_eq!(
            rapl_ranges_j(root.path()),
            BTreeMap::from([("rapl:package-0".to_owned(), 262_143.328_85)])
        );
        assert!(rapl_joules(&root.path().join("nowhere")).is_empty());
    }
}
