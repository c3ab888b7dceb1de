//! How layers are packed, and what hostile or damaged ones do.

use super::super::members::Limits;
use super::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

fn sample() -> Vec<u8> {
    ArchiveBuilder::new().file("a", "contents").bytes()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

fn read_bytes(media_type: &str, bytes: &[u8]) -> Result<Filesystem, LayerError> {
    Filesystem::read(vec![layer(media_type, bytes)])
}

fn refused_bytes(media_type: &str, bytes: &[u8]) -> String {
    read_bytes(media_type, bytes).unwrap_err().to_string()
}

#[test]
fn all_packings_are_read_by_their_media_types() {
    let packings: [(&[&str], Vec<u8>); 3] = [
        (&[PLAIN, "application/vnd.docker.image.rootfs.diff.tar"], sample()),
        (
            &[
                GZIP,
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
                "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            ],
            gzip(&sample()),
        ),
        (&[ZSTD, "application/vnd.docker.image.rootfs.diff.tar.zstd"], zstd(&sample())),
    ];
    for (media_types, bytes) in packings {
        for media_type in media_types {
            assert_eq!(listing(&read_bytes(media_type, &bytes).unwrap()), ["/a = contents"], "{media_type}");
        }
    }
}

#[test]
fn unknown_media_type_is_refused() {
    for media_type in ["application/octet-stream", "application/vnd.oci.image.layer.v1.tar+xz", "v1.tar"] {
        let refused = refused_bytes(media_type, &sample());

        assert_eq!(refused, format!("layer 1 is packed as {media_type}, which is not known"));
    }
}

#[test]
fn bytes_that_contradict_the_media_type_are_refused() {
    let cases = [
        (PLAIN, gzip(&sample()), "gzip"),
        (PLAIN, zstd(&sample()), "zstd"),
        (GZIP, zstd(&sample()), "zstd"),
        (GZIP, sample(), "not compressed"),
        (ZSTD, gzip(&sample()), "gzip"),
        (ZSTD, sample(), "not compressed"),
    ];
    for (media_type, bytes, found) in cases {
        let refused = refused_bytes(media_type, &bytes);

        let expected = format!("its media type is {media_type}, but its bytes are {found}");
        assert!(refused.contains(&expected), "{refused}");
    }
}

#[test]
fn several_members_and_frames_are_one_archive() {
    let bytes = sample();
    let (first, second) = bytes.split_at(700);
    let skipped = [&[0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();

    let members = [gzip(first), gzip(second)].concat();
    let frames = [skipped.clone(), zstd(first), skipped, zstd(second)].concat();

    assert_eq!(listing(&read_bytes(GZIP, &members).unwrap()), ["/a = contents"]);
    assert_eq!(listing(&read_bytes(ZSTD, &frames).unwrap()), ["/a = contents"]);
}

#[test]
fn cut_layers_are_refused() {
    let (gzipped, zstandard) = (gzip(&sample()), zstd(&sample()));

    assert!(read_bytes(GZIP, &gzipped[..gzipped.len() - 4]).is_err(), "gzip without its checksum");
    assert!(read_bytes(ZSTD, &zstandard[..zstandard.len() - 1]).is_err(), "zstd without its last byte");
    assert!(
        read_bytes(ZSTD, &[0x50, 0x2a, 0x4d, 0x18, 9, 0, 0, 0, 1]).is_err(),
        "skipped frame of 9 bytes with 1"
    );
    assert!(read_bytes(PLAIN, &sample()[..515]).is_err(), "contents cut");
    assert!(read_bytes(PLAIN, &sample()[..100]).is_err(), "header cut");
}

#[test]
fn zstd_frame_with_a_wrong_checksum_is_refused() {
    let mut bytes = zstd(&sample());
    assert_eq!(bytes[4] & 0b100, 0b100, "the frame has a checksum, RFC 8878 section 3.1.1.1.1");
    *bytes.last_mut().unwrap() ^= 1;

    let refused = refused_bytes(ZSTD, &bytes);

    assert!(refused.contains("checksum"), "{refused}");
}

#[test]
fn names_that_lead_out_are_refused() {
    for name in ["../x", "/../x", "a/../../x", "./.."] {
        let refused = refusal([ArchiveBuilder::new().file(name, "x")]);

        assert!(refused.contains(&format!("entry {name:?} leads out of the image")), "{refused}");
    }
}

#[test]
fn names_are_cleaned() {
    let archive = ArchiveBuilder::new().file("/absolute", "1").file("./dot", "2").file("d//e/../f", "3");

    assert_eq!(listing(&read([archive])), ["/absolute = 1", "/d/", "/d/f = 3", "/dot = 2"]);
}

#[test]
fn long_names_of_gnu_and_pax_are_read() {
    let long = vec!["component"; 30].join("/");
    let mut gnu = ArchiveBuilder::new();
    let mut header = Header::new_gnu();
    header.set_size(3);
    header.set_mode(0o600);
    gnu.0.append_data(&mut header, &long, &b"gnu"[..]).unwrap();
    let mut pax = ArchiveBuilder::new();
    let records = [("path", long.as_bytes()), ("uid", b"4000000".as_slice()), ("gid", b"5".as_slice())];
    pax.0.append_pax_extensions(records).unwrap();
    let pax = pax.file("short", "pax");

    let (gnu, pax) = (read([gnu]), read([pax]));

    assert_eq!(gnu.bytes(&long, 3).unwrap(), b"gnu");
    assert_eq!(gnu.entry(&long).unwrap().uid, 0, "the header's field is empty");
    assert_eq!(pax.bytes(&long, 3).unwrap(), b"pax");
    let entry = pax.entry(&long).unwrap();
    assert_eq!((entry.uid, entry.gid), (4_000_000, 5));
    assert_eq!(pax.entry("/short"), None);
}

#[test]
fn pax_header_for_all_entries_is_no_file() {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::XGlobalHeader);
    header.set_size(15);
    header.set_cksum();
    let mut archive = ArchiveBuilder::new();
    archive.0.append(&header, &b"15 comment=abc\n"[..]).unwrap();

    assert_eq!(listing(&read([archive.file("a", "a")])), ["/a = a"]);
}

#[test]
fn directory_of_an_old_archive_ends_with_a_slash() {
    let archive = ArchiveBuilder::new().entry("d/", EntryType::new(0), "", "", 0o700, (0, 0));
    let mut bytes = archive.bytes();
    bytes[156] = 0;
    let checksum = bytes[..512]
        .iter()
        .enumerate()
        .map(|(index, byte)| u32::from(if (148..156).contains(&index) { b' ' } else { *byte }));
    let checksum = format!("{:06o}\0 ", checksum.sum::<u32>());
    bytes[148..156].copy_from_slice(checksum.as_bytes());

    assert_eq!(listing(&read_bytes(PLAIN, &bytes).unwrap()), ["/d/"]);
}

#[test]
fn entries_that_runtimes_do_not_unpack_are_refused() {
    let with = |kind, contents| ArchiveBuilder::new().entry("a", kind, "b", contents, 0o644, (0, 0));
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::GNUSparse);
    header.set_size(0);
    header.as_gnu_mut().unwrap().set_real_size(0);
    header.set_cksum();
    let mut gnu_sparse = ArchiveBuilder::new();
    gnu_sparse.0.append(&header, &b""[..]).unwrap();
    let mut pax_sparse = ArchiveBuilder::new();
    pax_sparse.0.append_pax_extensions([("GNU.sparse.major", &b"1"[..])]).unwrap();

    for (archive, reason) in [
        (with(EntryType::Continuous, ""), "type '7'"),
        (gnu_sparse, "sparse"),
        (pax_sparse.file("a", "a"), "sparse"),
        (with(EntryType::Link, "contents"), "has a size"),
    ] {
        let refused = refusal([archive]);

        assert!(refused.contains(reason), "{refused}");
    }
}

#[test]
fn names_that_linux_does_not_take_are_refused() {
    for path in ["x".repeat(256), vec!["component"; 500].join("/"), "nul\0byte".to_owned()] {
        let mut archive = ArchiveBuilder::new();
        archive.0.append_pax_extensions([("path", path.as_bytes())]).unwrap();

        let refused = refusal([archive.file("short", "")]);

        assert!(refused.contains("a name that Linux does not take"), "{refused}");
    }
}

#[test]
fn decompression_bomb_ends_with_an_error() {
    let zeros = gzip(&vec![0; 4 * 1024 * 1024]);
    let file = gzip(&ArchiveBuilder::new().file("a", &"x".repeat(2 * 1024 * 1024)).bytes());
    let limits = Limits { entries_max: 100, unpacked_bytes_max: 1024 * 1024 };

    for bomb in [zeros, file] {
        let refused = Filesystem::read_within(vec![layer(GZIP, &bomb)], &limits).unwrap_err().to_string();
        assert!(refused.contains("decompression bomb"), "{refused}");
    }
}

#[test]
fn limits_are_for_all_layers_together() {
    let two = || layer(PLAIN, &sample());
    let bytes = sample().len() as u64;
    let read = |entries_max, unpacked_bytes_max| {
        Filesystem::read_within(vec![two(), two()], &Limits { entries_max, unpacked_bytes_max }).map(|_| ())
    };

    read(10, 2 * bytes).unwrap();
    assert!(
        read(10, 2 * bytes - 1)
            .unwrap_err()
            .to_string()
            .starts_with("layer 2 cannot be unpacked: the image unpacks")
    );
    assert!(read(1, 2 * bytes).is_err());
}

#[test]
fn too_many_entries_and_implied_directories_are_refused() {
    let ignored = (0..20).fold(ArchiveBuilder::new(), |archive, _| archive.directory("./"));
    let implied = ArchiveBuilder::new().file("a/b/c/d/e/f/g/h/i/j/k/l", "");
    let limits = Limits { entries_max: 10, unpacked_bytes_max: 1024 * 1024 };

    for (archive, reason) in [(ignored, "too many entries"), (implied, "more than 10 files and directories")]
    {
        let refused = Filesystem::read_within(vec![archive.layer()], &limits).unwrap_err().to_string();
        assert!(refused.contains(reason), "{refused}");
    }
}

#[test]
fn huge_pax_header_is_refused_before_it_is_in_memory() {
    let mut archive = ArchiveBuilder::new();
    let value = vec![b'x'; 2 * 1024 * 1024];
    archive.0.append_pax_extensions([("comment", value.as_slice())]).unwrap();

    let refused = refusal([archive.file("a", "a")]);

    assert!(refused.contains("headers of more than 1 MiB"), "{refused}");
}
