//! What later layers do to earlier ones. Each of these was compared with the listing of a container of containerd 2.1.

use super::*;

fn archive() -> ArchiveBuilder {
    ArchiveBuilder::new()
}

#[test]
fn later_layer_replaces_a_file() {
    let filesystem = read([archive().file("a", "old").file("b", "kept"), archive().file("a", "new")]);

    assert_eq!(listing(&filesystem), ["/a = new", "/b = kept"]);
}

#[test]
fn directory_over_a_directory_changes_only_its_permissions() {
    let lower = archive().owned_directory("d", 0o755, (0, 0)).file("d/x", "x");
    let filesystem = read([lower, archive().owned_directory("d/", 0o700, (5, 6))]);

    assert_eq!(listing(&filesystem), ["/d/", "/d/x = x"]);
    let entry = filesystem.entry("/d").unwrap();
    assert_eq!((entry.mode, entry.uid, entry.gid), (0o700, 5, 6));
}

#[test]
fn file_over_a_directory_removes_its_children() {
    let lower = archive().directory("d").file("d/x", "x");
    let filesystem = read([lower, archive().file("d", "file"), archive().file("d/y", "y")]);

    assert_eq!(listing(&filesystem), ["/d/", "/d/y = y"]);
}

#[test]
fn whiteout_removes_what_lower_layers_have() {
    let lower = archive().file("a", "a").directory("d").file("d/x", "x").file("d/y", "y").file("kept", "k");
    let upper = archive().file(".wh.a", "").file("d/.wh.x", "").file(".wh.absent", "");
    let filesystem = read([lower, upper]);

    assert_eq!(listing(&filesystem), ["/d/", "/d/y = y", "/kept = k"]);
}

#[test]
fn removed_directory_comes_back_empty() {
    let lower = archive().directory("d").file("d/x", "x");
    let filesystem = read([lower, archive().file(".wh.d", ""), archive().file("d/y", "y")]);

    assert_eq!(listing(&filesystem), ["/d/", "/d/y = y"]);
}

#[test]
fn opaque_directory_hides_lower_layers_wherever_its_marker_stands() {
    for late in [false, true] {
        let lower = archive().directory("d").directory("d/e").file("d/e/x", "x").file("d/y", "old");
        let upper = archive().directory("d");
        let upper = if late { upper } else { upper.file("d/.wh..wh..opq", "") };
        let upper = upper.file("d/y", "new");
        let upper = if late { upper.file("d/.wh..wh..opq", "") } else { upper };

        assert_eq!(listing(&read([lower, upper])), ["/d/", "/d/y = new"], "marker is late: {late}");
    }
}

#[test]
fn opaque_directory_is_merged_with_layers_above() {
    let middle = archive().file("d/.wh..wh..opq", "").file("d/m", "m");
    let filesystem = read([archive().file("d/x", "x"), middle, archive().file("d/y", "y")]);

    assert_eq!(listing(&filesystem), ["/d/", "/d/m = m", "/d/y = y"]);
}

#[test]
fn whiteouts_of_a_replaced_directory_leave_no_trace() {
    let upper = archive().directory("s").file("s/.wh.x", "").file("s/y", "y");
    let filesystem = read([archive().symlink("s", "elsewhere").file("x", "x"), upper]);

    assert_eq!(listing(&filesystem), ["/s/", "/s/y = y", "/x = x"]);
}

#[test]
fn whiteout_of_an_entry_of_the_same_layer_is_refused() {
    let refused = refusal([archive(), archive().file("a", "a").file(".wh.a", "")]);

    assert!(refused.contains("layer 2") && refused.contains("/.wh.a"), "{refused}");
}

#[test]
fn whiteout_without_a_name_is_refused() {
    for name in ["d/.wh.", "d/.wh..", "d/.wh..."] {
        let refused = refusal([archive().file(name, "")]);

        assert!(refused.contains(name) && refused.contains("names no file"), "{refused}");
    }
}

#[test]
fn implied_directories_belong_to_root_with_mode_0755() {
    let filesystem = read([archive().owned_file("a/b/c", "c", 0o600, (5, 5))]);

    let entry = filesystem.entry("/a/b").unwrap();
    assert_eq!((&entry.kind, entry.mode, entry.uid, entry.gid), (&Kind::Directory, 0o755, 0, 0));
}

#[test]
fn implied_directories_keep_the_permissions_of_lower_layers() {
    let filesystem = read([archive().owned_directory("d", 0o700, (5, 6)), archive().file("d/y", "y")]);

    let entry = filesystem.entry("/d").unwrap();
    assert_eq!((entry.mode, entry.uid, entry.gid), (0o700, 5, 6));
}

#[test]
fn entry_for_the_root_is_ignored() {
    let filesystem = read([archive().owned_directory("./", 0o700, (5, 5)).file("./a", "a")]);

    assert_eq!((mode(&filesystem, "/"), filesystem.entry("/").unwrap().uid), (0o755, 0));
    assert_eq!(listing(&filesystem), ["/a = a"]);
}

#[test]
fn links_of_the_same_layer_lead_entries_to_their_place() {
    let first = archive().directory("usr/lib").symlink("lib", "usr/lib").symlink("out", "../../../new");
    let filesystem = read([first.file("lib/x", "x").file("out/y", "y")]);

    let expected = [
        "/lib -> usr/lib",
        "/new/",
        "/new/y = y",
        "/out -> ../../../new",
        "/usr/",
        "/usr/lib/",
        "/usr/lib/x = x",
    ];
    assert_eq!(listing(&filesystem), expected);
}

#[test]
fn directory_over_a_link_of_a_lower_layer_hides_the_link() {
    let lower =
        archive().owned_directory("usr/lib", 0o700, (5, 5)).file("usr/lib/a", "a").symlink("lib", "usr/lib");
    let filesystem = read([lower, archive().file("lib/x", "x")]);

    assert_eq!(listing(&filesystem), ["/lib/", "/lib/x = x", "/usr/", "/usr/lib/", "/usr/lib/a = a"]);
    assert_eq!(
        mode(&filesystem, "/lib"),
        0o700,
        "the implied directory has the permissions of the link's target"
    );
}

#[test]
fn entries_under_a_file_or_a_loop_of_the_same_layer_are_refused() {
    let under_file = refusal([archive().file("a", "a").file("a/b", "b")]);
    let in_loop = refusal([archive().symlink("a", "b").symlink("b", "a").file("a/x", "x")]);

    assert!(under_file.contains("/a is no directory"), "{under_file}");
    assert!(in_loop.contains("too many symbolic links"), "{in_loop}");
}

#[test]
fn hard_link_is_the_same_file() {
    let filesystem = read([archive().owned_file("a", "contents", 0o755, (1, 1)).hard_link("d/b", "./a")]);

    assert_eq!(filesystem.bytes("/d/b", 100).unwrap(), b"contents");
    assert_eq!(filesystem.entry("/a"), filesystem.entry("/d/b"));
    assert_eq!(mode(&filesystem, "/a"), 0o644, "the permissions of the last entry count for all names");
}

#[test]
fn replaced_file_does_not_change_its_hard_links() {
    let lower = archive().file("a", "old").hard_link("b", "a").file("a", "new");
    let filesystem = read([lower, archive().file("c", "c"), archive().file(".wh.a", "")]);

    assert_eq!(listing(&filesystem), ["/b = old", "/c = c"]);
}

#[test]
fn hard_link_to_a_symbolic_link_is_that_link() {
    let filesystem = read([archive().file("a", "a").symlink("s", "a").hard_link("b", "s")]);

    assert_eq!(listing(&filesystem), ["/a = a", "/b -> a", "/s -> a"]);
    assert_eq!(mode(&filesystem, "/b"), 0o777);
}

#[test]
fn hard_link_to_nothing_in_its_layer_is_refused() {
    let to_lower_layer = refusal([archive().file("a", "a"), archive().hard_link("b", "a")]);
    let to_itself = refusal([archive().file("a", "a").hard_link("a", "a")]);
    let to_directory = refusal([archive().directory("d").hard_link("b", "d")]);

    assert!(
        to_lower_layer.contains("layer 2") && to_lower_layer.contains("not in the same layer"),
        "{to_lower_layer}"
    );
    assert!(to_itself.contains("not in the same layer"), "{to_itself}");
    assert!(to_directory.contains("is a directory"), "{to_directory}");
}

#[test]
fn devices_and_fifos_are_other() {
    let archive =
        archive().special("n", EntryType::Char).special("b", EntryType::Block).special("p", EntryType::Fifo);

    assert_eq!(listing(&read([archive])), ["/b ?", "/n ?", "/p ?"]);
}
