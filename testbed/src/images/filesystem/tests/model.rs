//! Random layers against a model that unpacks nothing: for each path it asks each layer whether it shows or hides it.

use super::*;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What a layer says about a path. A layer has one entry for each path, as the specification asks.
#[derive(Debug, Clone, PartialEq)]
enum Change {
    File,
    Directory,
    Opaque,
    Symlink,
    Removed,
}

type Changes = BTreeMap<Vec<&'static str>, Change>;

fn changes() -> impl Strategy<Value = Changes> {
    let change = prop_oneof![
        4 => Just(Change::File),
        4 => Just(Change::Directory),
        2 => Just(Change::Opaque),
        1 => Just(Change::Symlink),
        3 => Just(Change::Removed),
    ];
    let path = vec(prop_oneof![Just("a"), Just("b"), Just("c")], 1..4);
    btree_map(path, change, 0..8).prop_map(with_parents)
}

/// Drops what stands below something that is no directory, and adds the directories that the rest needs.
fn with_parents(changes: Changes) -> Changes {
    let mut kept = Changes::new();
    for (path, change) in changes {
        let parents: Vec<_> = (1..path.len()).map(|length| path[..length].to_vec()).collect();
        let is_directory =
            |parent: &Vec<&str>| matches!(kept.get(parent), None | Some(Change::Directory | Change::Opaque));
        if parents.iter().all(is_directory) {
            for parent in parents {
                kept.entry(parent).or_insert(Change::Directory);
            }
            kept.insert(path, change);
        }
    }
    kept
}

fn pack(number: usize, changes: &Changes) -> Layer {
    let mut archive = ArchiveBuilder::new();
    for (path, change) in changes {
        let (name, parent) = path.split_last().unwrap();
        let path = path.join("/");
        archive = match change {
            Change::File => archive.file(&path, &format!("{number}:{path}")),
            Change::Directory => archive.directory(&path),
            Change::Opaque => archive.file(&format!("{path}/.wh..wh..opq"), "").directory(&path),
            Change::Symlink => archive.symlink(&path, &format!("{number}")),
            Change::Removed => archive.file(&[parent, &[&format!(".wh.{name}")]].concat().join("/"), ""),
        };
    }
    layer(GZIP, &gzip(&archive.bytes()))
}

/// What is at `path`, by the specification: the topmost layer that says something about it decides, unless a layer in
/// between hides all that is below it there.
fn expected(layers: &[Changes], path: &[&'static str]) -> Option<String> {
    let joined = format!("/{}", path.join("/"));
    for (number, changes) in layers.iter().enumerate().rev() {
        match changes.get(path) {
            Some(Change::File) => return Some(format!("{joined} = {number}:{}", path.join("/"))),
            Some(Change::Symlink) => return Some(format!("{joined} -> {number}")),
            Some(Change::Directory | Change::Opaque) => return Some(format!("{joined}/")),
            Some(Change::Removed) => return None,
            None => {}
        }
        let hides = |length| !matches!(changes.get(&path[..length]), None | Some(Change::Directory));
        if (1..path.len()).any(hides) {
            return None;
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn files_are_those_that_no_later_layer_hides(layers in vec(changes(), 1..5)) {
        let packed = layers.iter().enumerate().map(|(number, changes)| pack(number, changes)).collect();
        let paths: BTreeSet<_> = layers.iter().flat_map(BTreeMap::keys).collect();
        let mut expected: Vec<_> = paths.into_iter().filter_map(|path| expected(&layers, path)).collect();
        expected.sort();

        let filesystem = Filesystem::read(packed).unwrap();

        prop_assert_eq!(listing(&filesystem), expected);
    }
}
