//! What answers is no Kafka, or one that lies: told in time, and without memory by its word. Alone in
//! its process, whose memory is measured.
#![cfg(target_os = "linux")]
#![cfg(test)]

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::net::TcpStream;
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
use tracing_kafka::KafkaLayerBuilder;
use tracing_kafka::PatternLayout;
use tracing_kafka::Sasl;
use tracing_kafka::SecurityProtocol;
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

/// How much more memory this process held at its highest since [`new`](Self::new) than it did then. What is
/// freed at once counts, too.
struct Peak {
    before: usize,
}

impl Peak {
    fn new() -> Self {
        // The mark begins anew at what is held now.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        Self { before: highest() }
    }

    fn grown(&self) -> usize {
        highest().saturating_sub(self.before)
    }
}

/// What this process held in memory at its highest, in bytes.
fn highest() -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<usize>().unwrap() * 1024
}

/// A server that treats everybody alike.
struct Stranger {
    address: String,
    stop: Arc<AtomicBool>,
    met: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Stranger {
    /// Listens to nobody: sends `words`, then `more` as often as it is taken.
    fn new(words: &[u8], more: &[u8]) -> Self {
        let (words, more) = (words.to_vec(), more.to_vec());
        Self::serving(move |stream, met| {
            met.fetch_add(1, Ordering::Relaxed);
            let mut request = [0; 512];
            let _said = stream.read(&mut request);
            let _told = stream.write_all(&words);
            let start = Instant::now();
            while !more.is_empty() && start.elapsed() < Duration::from_secs(2) {
                if stream.write_all(&more).is_err() {
                    break;
                }
            }
        })
    }

    /// A broker as far as it goes: answers `lie` to requests with this key, and is honest otherwise.
    fn lying(key: i16, lie: &[u8]) -> Self {
        let lie = lie.to_vec();
        Self::serving(move |stream, met| {
            let port = stream.local_addr().unwrap().port();
            while let Ok(request) = read_frame(stream) {
                let asked = i16::from_be_bytes([request[0], request[1]]);
                let body = if asked == key {
                    lie.clone()
                } else {
                    honest(asked, port)
                };
                let length = u32::try_from(4 + body.len()).unwrap().to_be_bytes();
                let answer = [&length, &request[4..8], &body].concat();
                let _told = stream.write_all(&answer);
                met.fetch_add(u64::from(asked == key), Ordering::Relaxed);
            }
        })
    }

    fn serving(serve: impl Fn(&mut TcpStream, &AtomicU64) + Send + 'static) -> Self {
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
                serve(&mut stream, &meeting);
                // Until the other side goes, which it has to do by itself.
                stream.set_read_timeout(Some(LONG)).unwrap();
                let mut request = [0; 512];
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

fn read_frame(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix)?;
    let mut frame = vec![0; usize::try_from(u32::from_be_bytes(prefix)).unwrap()];
    stream.read_exact(&mut frame)?;
    Ok(frame)
}

const PRODUCE: i16 = 0;
const METADATA: i16 = 3;
const SASL_HANDSHAKE: i16 = 17;
const API_VERSIONS: i16 = 18;
const INIT_PRODUCER_ID: i16 = 22;
const SASL_AUTHENTICATE: i16 = 36;

/// What a broker answers: it offers Produce 9, Metadata 4, `InitProducerId` 2 and SASL, and leads partition 0.
fn honest(key: i16, port: u16) -> Vec<u8> {
    match key {
        API_VERSIONS => {
            let offers = [(0, 9), (3, 4), (17, 1), (22, 2), (36, 1)];
            let offer = |(key, version): (i16, i16)| {
                [
                    key.to_be_bytes(),
                    version.to_be_bytes(),
                    version.to_be_bytes(),
                ]
                .concat()
            };
            let offers = offers.map(|one| [offer(one), vec![0]].concat()).concat();
            [&b"\0\0\x06"[..], &offers, &[0; 5]].concat()
        }
        METADATA => [
            &b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\x09127.0.0.1"[..],
            &u32::from(port).to_be_bytes(),
            b"\xff\xff\xff\xff\0\0\0\0\0\0\0\x01\0\0\0\x0blog-message\0\0\0\0\x01",
            &[0; 18],
        ]
        .concat(),
        SASL_HANDSHAKE => vec![0; 6],
        INIT_PRODUCER_ID => b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09\0\0\0".to_vec(),
        other => unreachable!("{other}"),
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(&self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Logs to `stranger` until it was met `times` times. Answers the first error, and how much memory that
/// took at its highest.
fn meet(
    stranger: &Stranger,
    times: u64,
    secured: impl FnOnce(KafkaLayerBuilder) -> KafkaLayerBuilder,
) -> (String, usize) {
    let peak = Peak::new();
    let (sender, errors) = mpsc::channel();
    let builder = KafkaLayer::builder([&stranger.address], TOPIC)
        .layout(PatternLayout::new("%m").unwrap())
        .connect_timeout(Duration::from_secs(1))
        .on_error(move |error| {
            let _ended = sender.send(error.to_string());
        });
    let (layer, guard) = secured(builder).build().unwrap();
    let start = Instant::now();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        (0..100).for_each(|number| tracing::info!("{number}"));
    });
    while stranger.met.load(Ordering::Relaxed) < times {
        assert!(start.elapsed() < LONG, "not met {times} times");
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let error = errors.recv_timeout(LONG).unwrap();
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_ne!(guard.health(), Health::Healthy);
    let report = guard.shutdown(Duration::from_millis(100));
    let stats = report.stats;
    assert_eq!(stats.offered, 100);
    assert_eq!(stats.dropped.get(DropReason::Shutdown), 100, "{stats}");
    (error, peak.grown())
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
    let peak = Peak::new();
    for api in [Api::Metadata, Api::Produce, Api::ApiVersions] {
        for fault in [Fault::Oversize, Fault::Garbage, Fault::WrongCorrelation] {
            broker.fault_times(api, &fault, 2);
        }
    }
    for round in 1..8 {
        log(round * 100..(round + 1) * 100);
        guard.flush(LONG).unwrap();
    }
    assert_eq!(broker.pending_faults(Api::Produce), 0);
    let report = guard.shutdown(LONG);
    assert_eq!(report.stats.delivered, 800, "{report}");
    assert_eq!(broker.count(TOPIC), 800, "once each");
    peak.grown()
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
        let (error, took) = meet(&stranger, 2, |builder| builder);
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
    liars();
    #[cfg(feature = "tls")]
    hostile_hello();
}

/// Answers of a few bytes that announce 2 GiB.
fn liars() {
    // One tagged field, of no bytes that are there.
    let tags = b"\x01\0\xff\xff\xff\xff\x07";
    let offers = [b"\0\0\x01\0\0\0\0", &tags[..]].concat();
    for (name, key, lie) in [
        ("ApiVersions", API_VERSIONS, &offers[..]),
        ("Metadata", METADATA, b"\0\0\0\0\x7f\xff\xff\xff\0\0"),
        ("InitProducerId", INIT_PRODUCER_ID, tags),
        ("Produce", PRODUCE, tags),
        ("SaslHandshake", SASL_HANDSHAKE, b"\0\0\x7f\xff\xff\xff"),
        (
            "SaslAuthenticate",
            SASL_AUTHENTICATE,
            b"\0\0\0\0\x7f\xff\xff\xff",
        ),
    ] {
        let stranger = Stranger::lying(key, lie);
        let (error, took) = meet(&stranger, 2, |builder| {
            if name.starts_with("Sasl") {
                builder
                    .security_protocol(SecurityProtocol::SaslPlaintext)
                    .sasl(Sasl::plain("user", "password"))
            } else {
                builder
            }
        });
        println!("{name}: {took} bytes, {error}");
        assert!(took <= MOST, "{name} took {took} bytes");
        assert!(error.contains("malformed"), "{name}: {error}");
    }
}

/// A handshake of TLS in which one message has no end.
#[cfg(feature = "tls")]
fn hostile_hello() {
    let record = |start: &[u8]| {
        let mut record = b"\x16\x03\x03\x40\0".to_vec();
        record.extend(start);
        record.resize(5 + 0x4000, 0);
        record
    };
    let mut most = usize::MAX; // the first time the system's certificates are read
    for (name, start) in [
        ("an alert", &b"\x15"[..]),
        ("a hello of 16 MiB", b"\x02\xff\xff\xff"),
        (
            "a hello just below 64 KiB, and then more",
            b"\x02\0\xff\xff",
        ),
    ] {
        let stranger = Stranger::new(&record(start), &record(b""));
        // Another attempt comes after half a minute.
        let (error, took) = meet(&stranger, 1, |builder| {
            builder.security_protocol(SecurityProtocol::Ssl)
        });
        println!("{name}: {took} bytes, {error}");
        assert!(error.contains("TLS"), "{name}: {error}");
        assert!(took <= most, "{name} took {took} bytes");
        most = MOST;
    }
}
