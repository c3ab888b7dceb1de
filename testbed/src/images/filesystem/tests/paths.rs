//! Paths inside of a container.

use super::super::PathError;
use super::*;

fn linked() -> Filesystem {
    read([ArchiveBuilder::new()
        .file("usr/lib/x", "x")
        .symlink("lib", "usr/lib")
        .symlink("usr/absolute", "/lib/x")
        .symlink("usr/up", "../../../../lib/../lib/x")
        .symlink("slash", "usr/lib/x/")
        .symlink("dangling", "opt/none")
        .symlink("loop", "loop")])
}

#[test]
fn links_are_followed_and_do_not_leave_the_root() {
    let filesystem = linked();

    for path in ["/usr/lib/x", "lib/x", "//lib/./x", "/usr/absolute", "/usr/up", "/../../lib/../../usr/lib/x"]
    {
        let (resolved, entry) = filesystem.resolve(path).unwrap();
        assert_eq!((resolved.as_str(), &entry.kind), ("/usr/lib/x", &Kind::File { size_bytes: 1 }), "{path}");
        assert_eq!(filesystem.bytes(path, 1).unwrap(), b"x", "{path}");
    }
    assert_eq!(filesystem.resolve("/").unwrap().0, "/");
    assert_eq!(filesystem.resolve("/lib/").unwrap().0, "/usr/lib");
}

#[test]
fn dots_after_a_link_start_at_its_target() {
    assert_eq!(linked().resolve("/lib/..").unwrap().0, "/usr");
}

#[test]
fn entry_is_the_link_itself() {
    let filesystem = linked();

    assert_eq!(filesystem.entry("/lib").unwrap().kind, Kind::Symlink { target: "usr/lib".to_owned() });
    assert_eq!(filesystem.entry("/lib/x").unwrap().kind, Kind::File { size_bytes: 1 });
    assert_eq!(filesystem.entry("/lib/").unwrap().kind, Kind::Directory);
    assert_eq!(filesystem.entry("/none"), None);
}

#[test]
fn what_is_missing_is_named() {
    let filesystem = linked();
    let error = |path| filesystem.resolve(path).unwrap_err();

    assert_eq!(error("/usr/bin/app"), PathError::Absent { path: "/usr/bin/app".to_owned() });
    assert_eq!(error("/dangling/app"), PathError::Absent { path: "/opt/none/app".to_owned() });
    assert_eq!(error("/lib/x/y"), PathError::NoDirectory { path: "/usr/lib/x".to_owned() });
    assert_eq!(error("/lib/x/"), PathError::NoDirectory { path: "/usr/lib/x".to_owned() });
    assert_eq!(error("/slash"), PathError::NoDirectory { path: "/usr/lib/x".to_owned() });
    assert_eq!(error("/loop"), PathError::Loop { path: "/loop".to_owned() });
    assert!(matches!(error(""), PathError::Absent { .. }));
}

#[test]
fn forty_links_are_followed_and_no_more() {
    let chain = |count: usize| {
        let start = ArchiveBuilder::new().file("0", "end");
        (1..=count).fold(start, |archive, link| archive.symlink(&link.to_string(), &(link - 1).to_string()))
    };
    let filesystem = read([chain(41)]);

    assert_eq!(filesystem.resolve("/40").unwrap().0, "/0");
    assert_eq!(filesystem.resolve("/41").unwrap_err(), PathError::Loop { path: "/41".to_owned() });
}

#[test]
fn contents_come_from_the_layer_that_holds_them() {
    let lower = ArchiveBuilder::new().file("a", "lower a").file("b", "lower b");
    let upper = layer(GZIP, &gzip(&ArchiveBuilder::new().file("c", "c").file("b", "upper b").bytes()));
    let filesystem = Filesystem::read(vec![lower.layer(), upper]).unwrap();

    assert_eq!(listing(&filesystem), ["/a = lower a", "/b = upper b", "/c = c"]);
}

#[test]
fn only_files_within_the_limit_have_contents() {
    let filesystem = read([ArchiveBuilder::new().file("d/x", "12345").special("p", EntryType::Fifo)]);
    let error = |path, bytes_max| filesystem.bytes(path, bytes_max).unwrap_err().to_string();

    assert_eq!(filesystem.bytes("/d/x", 5).unwrap(), b"12345");
    assert_eq!(error("/d/x", 4), "/d/x cannot be read: it has 5 bytes, more than 4");
    assert_eq!(error("/d", 9), "/d cannot be read: it is no regular file");
    assert_eq!(error("/p", 9), "/p cannot be read: it is no regular file");
    assert_eq!(error("/none", 9), "/none cannot be read: /none does not exist");
}
