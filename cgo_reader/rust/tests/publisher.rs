//! A real publisher: the Go program over a simulated venue, in processes of its own. It
//! is waited for, read, killed and started again.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::*;
use tickring::layout::*;
use tickring::{Body, Event, Filter, Reader};

/// How long the processes may take for a step, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that ends with the test.
struct Process(Child);

impl Process {
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The Go program, built; None, with a line that says so, without Go or its sources.
fn program() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tickring");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&path)
        .arg("./cmd/tickring")
        .current_dir(&root)
        .env("CGO_ENABLED", "0")
        .status();
    if built.as_ref().is_ok_and(|status| status.success()) {
        return Some(path);
    }
    let required = std::env::var_os("TICKRING_REQUIRE_ALL").is_some_and(|v| v == "1");
    let absent = built.is_err() || !root.join("go.mod").exists();
    assert!(absent && !required, "go build: {built:?}");
    println!("SKIP: the publisher cannot be built here: {built:?}: install Go");
    None
}

fn start(program: &Path, args: &[&str], dir: &Path) -> Process {
    let child = Command::new(program)
        .args(args)
        .env("TICKRING_DIR", dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Process(child.expect("start a process"))
}

/// The simulated venue's address, once it has written it.
fn address(file: &Path) -> String {
    let start = Instant::now();
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if let Some((url, _)) = text.split_once('\n') {
            return url.to_owned();
        }
        assert!(start.elapsed() < PATIENCE, "the simulator gives no address");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn publisher(program: &Path, url: &str, dir: &Path) -> Process {
    let args = ["run", "--venue", "gateio", "--symbols", "BTC/USDT,ETH/USDT"];
    let more = ["--quiet", "--url", url];
    start(program, &[&args[..], &more[..]].concat(), dir)
}

/// Reads until `enough` says so; the records on the way are quotes of one instrument.
fn read_until(reader: &mut Reader, mut enough: impl FnMut(&Event) -> bool) {
    let start = Instant::now();
    for event in reader.events(PATIENCE) {
        if let Event::Record(record) = &event {
            let Body::BookTicker(best) = record.body() else {
                panic!("the filter let a kind {} pass", record.kind);
            };
            let (bid, ask) = (record.price(best.bid_price), record.price(best.ask_price));
            assert!(bid.is_some() && ask.is_some() && best.bid_price < best.ask_price);
        }
        if enough(&event) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "it never comes");
    }
    panic!("the stream ended");
}

/// Whether `tickring stat` tells of a reader of this process by that name.
fn is_listed(program: &Path, dir: &Path, name: &str) -> bool {
    let output = Command::new(program)
        .args(["stat", "gateio", "--json"])
        .env("TICKRING_DIR", dir)
        .output()
        .expect("run tickring stat");
    let text = String::from_utf8_lossy(&output.stdout).replace([' ', '\n'], "");
    let pid = std::process::id();
    let readers = text
        .split_once("\"readers\":[")
        .map_or("", |(_, rest)| rest);
    readers.contains(&format!("\"name\":\"{name}\"")) && readers.contains(&format!("\"pid\":{pid}"))
}

/// Intent: a reader that came before its publisher reads quotes, is listed by name,
/// hears of the publisher's death, and goes on in the next generation.
#[test]
fn a_publisher_is_awaited_read_and_outlived() {
    let Some(program) = program() else {
        return;
    };
    let dir = Dir::new("publisher");
    let urls = dir.0.join("url");
    let file = urls.to_str().expect("a path of text");
    let args = [
        "sim",
        "--venue",
        "gateio",
        "--settle",
        "50ms",
        "--url-file",
        file,
    ];
    let _venue = start(&program, &args, &dir.0);
    let options = Reader::options()
        .dir(&dir.0)
        .await_for(PATIENCE)
        .follow()
        .filter(Filter::default().kind(KIND_BOOK_TICKER).symbol("BTC/USDT"))
        .register("rust-test");
    let attaching = std::thread::spawn(move || options.attach("gateio"));
    let url = address(&urls);
    let mut first = publisher(&program, &url, &dir.0);
    let mut reader = attaching.join().expect("a thread").expect("the feed comes");
    let mut quotes = 0;
    read_until(&mut reader, |event| {
        quotes += u32::from(matches!(event, Event::Record(_)));
        quotes == 20
    });
    assert!(reader.is_registered(), "{:?}", reader.register_error());
    assert!(is_listed(&program, &dir.0, "rust-test"));
    let id = reader.find("BTC/USDT").expect("it is there");
    assert!(reader.quote_age(id).is_some_and(|age| age < PATIENCE));

    let generation = reader.generation();
    first.kill();
    read_until(&mut reader, |event| *event == Event::Stale);
    assert!(!reader.fresh_within(id, PATIENCE), "nobody is there");
    let _second = publisher(&program, &url, &dir.0);
    read_until(&mut reader, |event| matches!(event, Event::Moved(_)));
    assert!(reader.generation() > generation);
    read_until(&mut reader, |event| matches!(event, Event::Record(_)));
    assert!(reader.is_registered() && is_listed(&program, &dir.0, "rust-test"));
    drop(reader);
    assert!(
        !is_listed(&program, &dir.0, "rust-test"),
        "the slot is given back"
    );
}
