//! What answers is no Kafka, or one that lies: told in time, and without memory by its word. Alone in
//! its process, whose memory is measured.
#![cfg(target_os = "linux")]
#![cfg(test)]

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka::DropReason;
use tracing_kafka::Health;
use tracing_kafka::KafkaLayer;
use tracing_kafka::PatternLayout;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::Fault;
use tracing_kafka_broker::TestBroker;
use tracing_subscriber::prelude::*;

const LONG: Duration = Duration::from_secs(30);
const TOPIC: &str = "log-message";
/// The largest frame that is read at all; its memory is taken when it is announced.
const FRAME: usize = 4 * 1024 * 1024;
/// More than this a stranger must not cost.
const MOST: usize = 2 * 1024 * 1024;

/// Announces a frame of this length.
const JUST_BELOW: &[u8] = b"\x00\x3f\xff\xff";

/// What this process holds in memory, in bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

/// A server that says the same to everybody, over and over, and listens to nobody.
struct Stranger {
    address: String,
    stop: Arc<AtomicBool>,
    met: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Stranger {
    /// Sends `words`, then `more` as often as it is taken.
    fn new(words: &'static [u8], more: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stop = Arc::new(AtomicBool::new(false));
        let met = Arc::new(AtomicU64::new(0));
        let (stopped, meeting) = (Arc::clone(&stop), Arc::clone(&met));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let mut stream = stream.unwrap();
                let limit = Some(Duration::from_millis(300));
                stream.set_read_timeout(limit).unwrap();
                stream.set_write_timeout(limit).unwrap();
                meeting.fetch_add(1, Ordering::Relaxed);
                let mut request = [0; 512];
                let _said = stream.read(&mut request);
                let _told = stream.write_all(words);
                let start = Instant::now();
                while !more.is_empty() && start.elapsed() < Duration::from_secs(2) {
                    if stream.write_all(more).is_err() {
                        break;
                    }
                }
                // Until the other side goes, which it has to do by itself.
                stream.set_read_timeout(Some(LONG)).unwrap();
                while stream.read(&mut request).is_ok_and(|count| count > 0) {}
            }
        });
        Self {
            address,
            stop,
            met,
            thread: Some(thread),
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(std::net::TcpStream::connect(&self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Logs to `server` until it was met twice. Answers the first error, and how much memory that
/// took at its highest.
fn meet(stranger: &Stranger) -> (String, usize) {
    let before = resident();
    let (sender, errors) = mpsc::channel();
    let (layer, guard) = KafkaLayer::builder([&stranger.address], TOPIC)
        .layout(PatternLayout::new("%m").unwrap())
        .connect_timeout(Duration::from_secs(1))
        .on_error(move |error| {
            let _ended = sender.send(error.to_string());
        })
        .build()
        .unwrap();
    let start = Instant::now();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        (0..100).for_each(|number| tracing::info!("{number}"));
    });
    let mut most = resident();
    while stranger.met.load(Ordering::Relaxed) < 2 {
        assert!(start.elapsed() < LONG, "not met twice");
        most = most.max(resident());
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let error = errors.recv_timeout(LONG).unwrap();
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_ne!(guard.health(), Health::Healthy);
    let report = guard.shutdown(Duration::from_millis(100));
    let stats = report.stats;
    assert_eq!(stats.offered, 100);
    assert_eq!(stats.dropped.get(DropReason::Shutdown), 100, "{stats}");
    (error, most.max(resident()).saturating_sub(before))
}

/// F8: a broker whose answers are none: the layer lives, and holds no more than before.
fn lies(broker: &TestBroker) -> usize {
    let (layer, guard) = KafkaLayer::builder([broker.bootstrap()], TOPIC)
        .layout(PatternLayout::new("%m").unwrap())
        .linger(Duration::from_millis(5))
        .request_timeout(Duration::from_millis(500))
        .connect_timeout(Duration::from_millis(500))
        .on_error(|_| {})
        .build()
        .unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let log = |numbers: std::ops::Range<u32>| {
        tracing::dispatcher::with_default(&dispatch, || {
            numbers.for_each(|number| tracing::info!("{number}"));
        });
    };
    log(0..100);
    guard.flush(LONG).unwrap();
    let before = resident();
    let mut most = before;
    for api in [Api::Metadata, Api::Produce, Api::ApiVersions] {
        for fault in [Fault::Oversize, Fault::Garbage, Fault::WrongCorrelation] {
            broker.fault_times(api, &fault, 2);
        }
    }
    for round in 1..8 {
        log(round * 100..(round + 1) * 100);
        guard.flush(LONG).unwrap();
        most = most.max(resident());
    }
    assert_eq!(broker.pending_faults(Api::Produce), 0);
    let report = guard.shutdown(LONG);
    assert_eq!(report.stats.delivered, 800, "{report}");
    assert_eq!(broker.count(TOPIC), 800, "once each");
    most - before
}

/// F8 and F22.
#[test]
fn what_is_no_kafka_is_told_in_time_and_takes_no_memory() {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic(TOPIC, 3);
    // What the process takes anyway is taken by now.
    lies(&broker);
    broker.wipe();
    let took = lies(&broker);
    assert!(took <= MOST, "lies took {took} bytes");
    for (name, words, more) in [
        (
            "HTTP",
            &b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"[..],
            &b""[..],
        ),
        (
            "HTTP without an end",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            &[b'x'; 4096],
        ),
        ("a TLS alert", b"\x15\x03\x03\x00\x02\x02\x46", b""),
        ("a negative length", b"\xff\xff\xff\xff", &[0; 4096]),
        ("2 GiB, and it comes", b"\x7f\xff\xff\xff", &[0; 8 * 1024]),
        ("just below the limit, and nothing comes", JUST_BELOW, b""),
        ("silence, as of TLS that waits for a hello", b"", b""),
    ] {
        let stranger = Stranger::new(words, more);
        let (error, took) = meet(&stranger);
        println!("{name}: {took} bytes, {error}");
        assert!(error.contains(&stranger.address), "{name}: {error}");
        for protocol in ["HTTP", "TLS alert"] {
            let told = protocol.split(' ').next().unwrap();
            let is_meant = name.contains(protocol);
            assert!(!is_meant || error.contains(told), "{name}: {error}");
        }
        let frame = if words == JUST_BELOW { FRAME } else { 0 };
        assert!(took <= frame + MOST, "{name} took {took} bytes");
    }
}
