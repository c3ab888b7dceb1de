use super::*;
use crate::images::filesystem::tests::ArchiveBuilder;

const USER: User = User { uid: 65532, gid: 65532 };

fn filesystem(archive: ArchiveBuilder) -> Filesystem {
    Filesystem::read(vec![archive.layer()]).unwrap()
}

#[test]
fn numeric_users_are_read() {
    for (text, uid, gid) in [
        ("65532", 65532, 0),
        ("65532:", 65532, 0),
        ("65532:65532", 65532, 65532),
        ("65532:0", 65532, 0),
        ("+1:007", 1, 7),
        ("2147483647", 2_147_483_647, 0),
    ] {
        assert_eq!(User::parse(text), Ok(User { uid, gid }), "{text}");
    }
}

#[test]
fn root_is_refused_however_it_is_written() {
    for text in ["", "0", "00", "0:0", "0:65532", ":65532", "+0", "root", "root:root"] {
        assert_eq!(User::parse(text), Err(UserError::Root), "{text:?}");
    }
}

#[test]
fn names_are_refused() {
    for text in ["app", "app:app", "app:65532", "65532a", " 65532", "65532 ", "0x10", "-"] {
        assert_eq!(User::parse(text), Err(UserError::Name(text.to_owned())), "{text:?}");
    }
    assert_eq!(User::parse("65532:app"), Err(UserError::Group("65532:app".to_owned())));
}

#[test]
fn numbers_that_runtimes_do_not_take_are_refused() {
    for text in ["2147483648", "4294967296", "99999999999999999999", "-1", "65532:2147483648", "65532:-1"] {
        assert_eq!(User::parse(text), Err(UserError::Range(text.to_owned())), "{text}");
    }
    assert_eq!(User::parse("1:2:3"), Err(UserError::Malformed("1:2:3".to_owned())));
}

#[test]
fn program_that_all_may_execute_is_executed() {
    let archive = ArchiveBuilder::new().owned_file("usr/local/bin/app", "", 0o755, (0, 0));

    assert_eq!(USER.can_execute(&filesystem(archive), "/usr/local/bin/app"), Ok(()));
}

#[test]
fn directory_on_the_way_refuses_by_name() {
    let archive = ArchiveBuilder::new().owned_directory("root", 0o700, (0, 0));
    let archive =
        archive.owned_directory("root/bin", 0o700, (0, 0)).owned_file("root/bin/app", "", 0o755, (0, 0));

    let refused = USER.can_execute(&filesystem(archive), "/root/bin/app");

    assert_eq!(refused, Err("/root has mode 0700 and belongs to 0:0".to_owned()));
}

#[test]
fn directories_of_a_link_and_of_its_target_are_walked() {
    let archive = || {
        let archive =
            ArchiveBuilder::new().owned_file("opt/app", "", 0o755, (0, 0)).symlink("usr/bin/app", "/opt/app");
        archive.symlink("up", "usr/bin/../../opt/app")
    };
    let closed = |path| filesystem(archive().owned_directory(path, 0o644, (1, 2)));
    let refused = |path: &str| Err(format!("{path} has mode 0644 and belongs to 1:2"));

    assert_eq!(USER.can_execute(&filesystem(archive()), "/usr/bin/app"), Ok(()));
    assert_eq!(USER.can_execute(&closed("opt"), "/usr/bin/app"), refused("/opt"));
    assert_eq!(USER.can_execute(&closed("usr/bin"), "/usr/bin/app"), refused("/usr/bin"));
    assert_eq!(USER.can_execute(&closed("usr/bin"), "/up"), refused("/usr/bin"));
}

#[test]
fn only_the_class_of_the_user_counts() {
    let may = |mode, owner| {
        let archive = ArchiveBuilder::new().owned_file("app", "", mode, owner);
        USER.can_execute(&filesystem(archive), "/app").is_ok()
    };

    assert!(may(0o100, (65532, 0)), "owner");
    assert!(!may(0o677, (65532, 65532)), "an owner is not helped by group and others");
    assert!(may(0o010, (0, 65532)), "group");
    assert!(!may(0o767, (0, 65532)), "a group is not helped by owner and others");
    assert!(may(0o001, (0, 0)), "others");
    assert!(!may(0o776, (0, 0)), "others are not helped by owner and group");
}

#[test]
fn executing_needs_no_reading_and_reading_no_executing() {
    let archive = ArchiveBuilder::new().owned_file("app", "", 0o4711, (0, 0)).owned_file(
        "library.so",
        "",
        0o644,
        (0, 0),
    );
    let filesystem = filesystem(archive);

    assert_eq!(USER.can_execute(&filesystem, "/app"), Ok(()));
    assert_eq!(USER.can_read(&filesystem, "/app"), Err("/app has mode 4711 and belongs to 0:0".to_owned()));
    assert_eq!(USER.can_read(&filesystem, "/library.so"), Ok(()));
    assert_eq!(
        USER.can_execute(&filesystem, "/library.so"),
        Err("/library.so has mode 0644 and belongs to 0:0".to_owned())
    );
}

#[test]
fn what_is_no_file_cannot_be_executed() {
    let archive = ArchiveBuilder::new().directory("bin").owned_directory("root", 0o700, (0, 0));
    let filesystem = filesystem(archive);

    assert_eq!(USER.can_execute(&filesystem, "/bin"), Err("/bin is no regular file".to_owned()));
    assert_eq!(USER.can_execute(&filesystem, "/bin/app"), Err("/bin/app does not exist".to_owned()));
    let refused = Err("/root has mode 0700 and belongs to 0:0".to_owned());
    assert_eq!(USER.can_execute(&filesystem, "/root/absent"), refused);
}
