//! Every fault of a file or its header has its own error.

mod common;

use std::ffi::CString;
use std::path::Path;

use common::*;
use tickring::{AttachError, Reader};

fn fault(words: &[u64]) -> String {
    match Reader::over(shared(words)) {
        Ok(_) => "attached".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

/// Stores little-endian bytes at a byte offset of a segment.
fn patch(words: &mut [u64], at: usize, field: &[u8]) {
    for (i, byte) in field.iter().enumerate() {
        let shift = 8 * ((at + i) % 8);
        let word = &mut words[(at + i) / 8];
        *word = *word & !(0xff << shift) | u64::from(*byte) << shift;
    }
}

/// Intent: one header field at a time is wrong, and the error names it.
#[test]
fn each_header_fault_has_its_error() {
    let total = image(&Shape::default()).len() as u64 * 8;
    let directory = |kind: usize, field: usize| 256 + 32 * (kind - 1) + field;
    let cases: &[(&str, usize, Vec<u8>, &str)] = &[
        ("a good header", 2304, vec![0], "attached"),
        ("no magic yet", 0, vec![0; 8], "NotReady"),
        ("another magic", 0, b"TOCKRING".to_vec(), "Magic("),
        ("big-endian", 12, vec![1, 2, 3, 4], "ByteOrder(67305985)"),
        ("another version", 8, vec![9, 0, 0, 0], "Version(9)"),
        (
            "another header size",
            40,
            vec![0, 8, 0, 0],
            "HeaderField(\"header size\", 2048)",
        ),
        (
            "more bytes than there are",
            24,
            (total + 4096).to_le_bytes().to_vec(),
            "Truncated",
        ),
        (
            "fewer bytes than there are",
            24,
            (total - 4096).to_le_bytes().to_vec(),
            "Size",
        ),
        ("another format", 16, vec![1; 8], "FormatHash("),
        (
            "generation zero",
            32,
            vec![0; 8],
            "HeaderField(\"generation\", 0)",
        ),
        (
            "five sections",
            104,
            vec![5],
            "Directory(0, \"has another count than six\")",
        ),
        (
            "books without depth",
            108,
            vec![0; 4],
            "HeaderField(\"book depth\", 0)",
        ),
        (
            "books too deep",
            108,
            vec![1, 4, 0, 0],
            "HeaderField(\"book depth\", 1025)",
        ),
        (
            "sections in another order",
            directory(2, 0),
            vec![3],
            "Directory(2, \"is of another kind\")",
        ),
        (
            "entries of another size",
            directory(6, 4),
            vec![64],
            "Directory(6, \"has entries of another size\")",
        ),
        (
            "no entries",
            directory(3, 16),
            vec![0; 8],
            "Directory(3, \"has an impossible number",
        ),
        (
            "a count that overflows",
            directory(6, 16),
            vec![0xff; 8],
            "Directory(6, \"has an impossible number",
        ),
        (
            "an odd offset",
            directory(4, 8),
            vec![8],
            "Directory(4, \"is not aligned\")",
        ),
        (
            "a section over the header",
            directory(1, 8),
            vec![0; 8],
            "Directory(1, \"overlaps",
        ),
        (
            "an offset near the end of numbers",
            directory(6, 8),
            [vec![0x80], vec![0xff; 7]].concat(),
            "Directory(6, \"does not lie",
        ),
        (
            "a section beyond the end",
            directory(6, 8),
            (total - 128).to_le_bytes().to_vec(),
            "Directory(6, \"does not lie",
        ),
        (
            "a ring of 24 slots",
            directory(6, 16),
            vec![24],
            "Directory(6, \"has a count that is no power of two\")",
        ),
        (
            "a ring of 4 slots",
            directory(6, 16),
            vec![4],
            "Directory(6, \"has a count that is no power of two\")",
        ),
        (
            "more states than instruments",
            directory(2, 16),
            vec![5],
            "Directory(2, \"has another count",
        ),
        ("still being made", 1024, vec![0; 4], "NotReady"),
        ("a state of the future", 1024, vec![4], "State(4)"),
        ("closed may be read", 1024, vec![2], "attached"),
        ("superseded may be read", 1024, vec![3], "attached"),
    ];
    for (name, at, field, want) in cases {
        let mut words = image(&Shape::default());
        patch(&mut words, *at, field);
        let got = fault(&words);
        assert!(got.starts_with(want), "{name}: {got}");
    }
    assert!(fault(&[]).starts_with("TooShort(0)"));
    assert!(fault(&vec![0; 511]).starts_with("TooShort(4088)"));
}

/// Intent: each fault of a file has its error, and none of them waits.
#[test]
fn each_file_fault_has_its_error() {
    let dir = Dir::new("attach");
    let good = image(&Shape::default());
    dir.place("good", &named(&good, "good"));
    dir.place("renamed", &good);
    std::os::unix::fs::symlink(dir.0.join("good"), dir.0.join("link")).expect("link");
    dir.place("cut", &good[..good.len() - 512]);
    dir.place("long", &[good.clone(), vec![0; 512]].concat());
    dir.place(
        "other-boot",
        &image(&Shape {
            boot_id: [7; 16],
            ..Shape::default()
        }),
    );
    std::fs::write(dir.0.join("empty"), b"").expect("write");
    std::fs::write(dir.0.join("odd"), vec![0; 4099]).expect("write");
    std::fs::create_dir(dir.0.join("directory")).expect("mkdir");
    std::os::unix::net::UnixListener::bind(dir.0.join("socket")).expect("bind");
    make_pipe(&dir.0.join("pipe"));
    let cases = [
        ("good", "attached"),
        ("absent", "NotFound("),
        ("cut", "Truncated"),
        ("long", "Size"),
        ("other-boot", "OtherBoot"),
        ("empty", "TooShort(0)"),
        ("odd", "NotReady"),
        ("directory", "NotRegular("),
        ("pipe", "NotRegular("),
        ("socket", "NotRegular("),
        ("renamed", "OtherFeed("),
        ("link", "NotRegular("),
        ("", "FeedName("),
        ("../good", "FeedName("),
        (".good.lock", "FeedName("),
    ];
    for (feed, want) in cases {
        let got = match Reader::attach(Some(&dir.0), feed) {
            Ok(_) => "attached".to_owned(),
            Err(error) => format!("{error:?}"),
        };
        assert!(got.starts_with(want), "{feed:?}: {got}");
    }
}

fn make_pipe(path: &Path) {
    let path = CString::new(path.to_str().expect("a path")).expect("a path");
    // SAFETY: a call with a text of ours that ends with zero.
    assert_eq!(0, unsafe { libc::mkfifo(path.as_ptr(), 0o600) });
}

/// Intent: a file that may not be read says so. The superuser may read all.
#[test]
fn a_file_without_permission_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::new("permission");
    let path = dir.place("closed", &image(&Shape::default()));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).expect("chmod");
    let got = Reader::attach_path(&path);
    // SAFETY: asks for a number.
    if unsafe { libc::geteuid() } == 0 {
        assert!(got.is_ok(), "the superuser reads what is closed");
    } else {
        assert!(matches!(got, Err(AttachError::Permission(_))));
    }
}

/// Intent: each text tells the value that was found and what to do, in one line.
#[test]
fn errors_have_clear_texts() {
    let path = Path::new("/feeds/gateio").to_path_buf();
    let cases = [
        (AttachError::NotFound(path.clone()), "/feeds/gateio"),
        (AttachError::Permission(path.clone()), "group"),
        (AttachError::NotRegular(path.clone()), "regular"),
        (
            AttachError::Io("map", path, std::io::Error::from_raw_os_error(12)),
            "map /feeds/gateio",
        ),
        (AttachError::FeedName("a/b".into()), "\"a/b\""),
        (AttachError::TooShort(12), "12"),
        (AttachError::NotReady, "not ready"),
        (AttachError::Magic(0xabcdef), "0x0000000000abcdef"),
        (AttachError::ByteOrder(0x0403_0201), "0x04030201"),
        (AttachError::Version(99), "99"),
        (AttachError::FormatHash(0x1234), "0x0000000000001234"),
        (
            AttachError::Truncated {
                file: 10,
                header: 20,
            },
            "10 bytes of the 20",
        ),
        (
            AttachError::Size {
                file: 20,
                header: 10,
            },
            "20 bytes",
        ),
        (AttachError::HeaderField("generation", 0), "generation is 0"),
        (
            AttachError::Directory(6, "is not aligned"),
            "section 6 is not aligned",
        ),
        (AttachError::OtherBoot, "before this host started"),
        (AttachError::State(9), "state 9"),
    ];
    for (error, want) in cases {
        let text = error.to_string();
        assert!(
            text.contains(want) && !text.contains('\n'),
            "{error:?}: {text}"
        );
    }
}
