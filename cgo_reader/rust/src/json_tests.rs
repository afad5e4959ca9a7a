use super::*;

/// Intent: reasons print as the format's words, also in the ranges of numbers.
#[test]
fn reasons_have_words_or_numbers() {
    let cases: &[(u32, &str)] = &[
        (layout::REASON_TLS_WRONG_HOST, "TLS_WRONG_HOST"),
        (1404, "HTTP_404"),
        (1999, "HTTP_999"),
        (2000, "REASON_2000"),
        (11006, "CLOSE_1006"),
        (10000, "CLOSE_0"),
        (999, "REASON_999"),
    ];
    for (reason, want) in cases {
        assert_eq!(*want, reason_text(*reason), "{reason}");
    }
}

/// Intent: each format of a trade id gives the venue's text back.
#[test]
fn trade_ids_round_trip() {
    let mut text = [0; 24];
    text[..6].copy_from_slice(b"a-\"7\\b");
    let base = Trade {
        trade_id: u64::MAX,
        second_id: 12,
        ..Trade::ZERO
    };
    let cases = [
        (
            "none",
            Trade {
                id_format: layout::ID_NONE,
                ..base
            },
            None,
        ),
        (
            "a number of 64 bits",
            Trade {
                id_format: layout::ID_UINT64,
                ..base
            },
            Some("18446744073709551615"),
        ),
        (
            "a text",
            Trade {
                id_format: layout::ID_TEXT,
                text,
                text_length: 6,
                ..base
            },
            Some("a-\"7\\b"),
        ),
        (
            "a text longer than its field",
            Trade {
                id_format: layout::ID_TEXT,
                text: [b'x'; 24],
                text_length: 200,
                ..base
            },
            Some("xxxxxxxxxxxxxxxxxxxxxxxx"),
        ),
        (
            "a format of the future",
            Trade {
                id_format: 77,
                ..base
            },
            None,
        ),
    ];
    for (name, trade, want) in cases {
        let got = trade_id(&trade).map(|id| String::from_utf8(id).expect(name));
        assert_eq!(want.map(str::to_owned), got, "{name}");
    }
}

/// Intent: any bytes become a valid JSON string.
#[test]
fn strings_are_escaped() {
    let cases: &[(&str, &[u8], &str)] = &[
        ("plain text", b"BTC/USDT", "\"BTC/USDT\""),
        ("quotes and backslashes", b"a\"b\\c", "\"a\\\"b\\\\c\""),
        (
            "control bytes in lower-case hex",
            b"\n\t\x1f\x7f",
            "\"\\u000a\\u0009\\u001f\x7f\"",
        ),
        (
            "other letters as they are",
            "\u{e9}\u{20ac}\u{1f600}".as_bytes(),
            "\"\u{e9}\u{20ac}\u{1f600}\"",
        ),
        (
            "each invalid byte on its own",
            b"a\xff\xc3(\xe2\x82",
            "\"a\\ufffd\\ufffd(\\ufffd\\ufffd\"",
        ),
        ("nothing", b"", "\"\""),
    ];
    for (name, bytes, want) in cases {
        let mut out = Vec::new();
        Line { out: &mut out }.text(bytes);
        assert_eq!(*want, String::from_utf8_lossy(&out), "{name}");
    }
}
