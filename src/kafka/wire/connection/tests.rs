//! A connection against peers that misbehave, on loopback.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::net::TcpStream as StdStream;
use std::thread;
use std::thread::JoinHandle;

use super::*;
use crate::kafka::wire::varint;

/// Long enough for anything that is meant to succeed or to fail at once.
const LONG: Duration = Duration::from_secs(20);
/// Short enough to be waited for.
const SHORT: Duration = Duration::from_millis(150);

/// The body of an `ApiVersions` answer, version 3: Produce 3 to 9 and Metadata 0 to 4.
const VERSIONS: &[u8] = b"\0\0\x03\0\0\0\x03\0\x09\0\0\x03\0\0\0\x04\0\0\0\0\0\0";

/// Accepts one connection and runs `serve` on it in a thread of its own.
fn peer(serve: impl FnOnce(StdStream) + Send + 'static) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        serve(stream);
    });
    (address, thread)
}

/// Reads one request; answers its correlation id.
fn request(stream: &mut StdStream) -> [u8; 4] {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).unwrap();
    let mut frame = vec![0; u32::from_be_bytes(prefix) as usize];
    stream.read_exact(&mut frame).unwrap();
    frame[4..8].try_into().unwrap()
}

fn answer(stream: &mut StdStream, correlation: [u8; 4], body: &[u8]) {
    let length = u32::try_from(4 + body.len()).unwrap().to_be_bytes();
    let frame = [&length, &correlation, body].concat();
    stream.write_all(&frame).unwrap();
}

/// Answers the first request as a broker does.
fn greet(stream: &mut StdStream) {
    let correlation = request(stream);
    answer(stream, correlation, VERSIONS);
}

/// Waits until the other side closes.
fn drain(mut stream: StdStream) {
    let mut buffer = vec![0; 65_536];
    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
}

fn batch(size: usize) -> Vec<(i32, Arc<[u8]>)> {
    vec![(0, Arc::from(vec![0; size]))]
}

#[tokio::test]
async fn a_peer_that_never_answers_costs_the_limit_and_no_more() {
    let (address, thread) = peer(drain);
    let started = Instant::now();
    let error = Connection::open(&address, "test", &Arc::default(), SHORT)
        .await
        .unwrap_err();
    assert!(matches!(error, WireError::Timeout { .. }), "{error}");
    assert!(started.elapsed() >= SHORT && started.elapsed() < LONG);
    tokio::task::yield_now().await; // the socket is freed at the next turn
    thread.join().unwrap();
}

#[tokio::test]
async fn a_connection_whose_request_timed_out_is_not_used_again() {
    let (address, thread) = peer(|mut stream| {
        greet(&mut stream);
        drain(stream);
    });
    let connection = Connection::open(&address, "test", &Arc::default(), LONG)
        .await
        .unwrap();
    assert!(connection.is_usable());
    let error = connection.metadata("logs", SHORT).await.unwrap_err();
    assert!(matches!(error, WireError::Timeout { .. }), "{error}");
    assert!(!connection.is_usable());
    let started = Instant::now();
    let error = connection
        .produce("logs", -1, &batch(1), LONG)
        .await
        .unwrap_err();
    assert!(matches!(error, WireError::Closed { .. }), "{error}");
    assert!(started.elapsed() < LONG);
    drop(connection);
    tokio::task::yield_now().await;
    thread.join().unwrap();
}

#[tokio::test]
async fn a_peer_that_stops_reading_does_not_keep_the_socket() {
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let (address, thread) = peer(move |mut stream| {
        greet(&mut stream);
        wait.recv().unwrap_err(); // reads nothing until we have let go
        drain(stream);
    });
    let connection = Connection::open(&address, "test", &Arc::default(), LONG)
        .await
        .unwrap();
    let batches = batch(32 << 20);
    let error = connection
        .produce("logs", -1, &batches, SHORT)
        .await
        .unwrap_err();
    assert!(matches!(error, WireError::Timeout { .. }), "{error}");
    let inner = Arc::downgrade(&connection.inner.switch);
    drop(connection);
    let deadline = Instant::now() + LONG;
    while inner.strong_count() > 0 {
        assert!(Instant::now() < deadline, "the stream is still alive");
        tokio::task::yield_now().await;
    }
    drop(done);
    thread.join().unwrap();
}

#[tokio::test]
async fn garbage_is_an_error_long_before_the_limit() {
    let cases: [(&[u8], &str); 6] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
        (b"\x15\x03\x03\0\x02\x02\x50", "TLS"),
        (b"\x7f\xff\xff\xff\0\0\0\0", "found 2147483647"),
        (b"\x80\0\0\0\0\0\0\0", "found -2147483648"),
        (b"\0\x40\0\x01\0\0\0\0", "found 4194305"),
        (b"\0\0\0\0", "found 0"),
    ];
    for (garbage, message) in cases {
        let (address, thread) = peer(|mut stream| {
            request(&mut stream);
            stream.write_all(garbage).unwrap();
            drain(stream);
        });
        let started = Instant::now();
        let error = Connection::open(&address, "test", &Arc::default(), LONG)
            .await
            .unwrap_err();
        assert!(matches!(error, WireError::Protocol { .. }), "{error}");
        assert!(error.to_string().contains(message), "{error}");
        assert!(started.elapsed() < LONG / 2);
        tokio::task::yield_now().await;
        thread.join().unwrap();
    }
}

#[tokio::test]
async fn answers_to_nothing_that_was_asked_are_passed_over() {
    let (address, thread) = peer(|mut stream| {
        let correlation = request(&mut stream);
        answer(&mut stream, [0x7f; 4], b"to somebody else");
        answer(&mut stream, correlation, VERSIONS);
        request(&mut stream);
        answer(&mut stream, [0x7f; 4], b"to somebody else");
        drain(stream);
    });
    let connection = Connection::open(&address, "test", &Arc::default(), LONG)
        .await
        .unwrap();
    let error = connection.metadata("logs", SHORT).await.unwrap_err();
    assert!(matches!(error, WireError::Timeout { .. }), "{error}");
    drop(connection);
    tokio::task::yield_now().await;
    thread.join().unwrap();
}

#[tokio::test]
async fn a_bad_answer_ends_the_connection() {
    for body in [&b"\xff\xff\xff\xff"[..], b"", &[0x7f; 64]] {
        let (address, thread) = peer(move |mut stream| {
            greet(&mut stream);
            let correlation = request(&mut stream);
            answer(&mut stream, correlation, body);
            drain(stream);
        });
        let connection = Connection::open(&address, "test", &Arc::default(), LONG)
            .await
            .unwrap();
        let error = connection
            .produce("logs", -1, &batch(1), LONG)
            .await
            .unwrap_err();
        assert!(matches!(error, WireError::Protocol { .. }), "{error}");
        assert!(!connection.is_usable());
        drop(connection);
        tokio::task::yield_now().await;
        thread.join().unwrap();
    }
}

/// Answers to one Produce request for partition 0, in version 9.
async fn produced(body: Vec<u8>) -> Result<ProduceAnswer, WireError> {
    let (address, thread) = peer(move |mut stream| {
        greet(&mut stream);
        let correlation = request(&mut stream);
        answer(&mut stream, correlation, &body);
        drain(stream);
    });
    let connection = Connection::open(&address, "test", &Arc::default(), LONG)
        .await
        .unwrap();
    let answer = connection.produce("logs", -1, &batch(1), LONG).await;
    drop(connection);
    tokio::task::yield_now().await;
    thread.join().unwrap();
    answer
}

#[tokio::test]
async fn what_a_broker_says_is_shown_on_one_line_and_not_without_end() {
    let text = "\x1b[31m\nno ".repeat(100_000);
    let mut length = Vec::new();
    varint::put(&mut length, text.len() as u64 + 1);
    let head = b"\0\x02\x05logs\x02\0\0\0\0\0\x57";
    let offsets = [0xff; 24];
    let record = |text: &[u8]| [b"\x02\0\0\0\x07", &length[..], text, b"\0\0"].concat();
    let of_record = record(text.as_bytes());
    let own = [b"\x01", &length[..], text.as_bytes()].concat();
    for errors in [own, of_record] {
        let body = [&head[..], &offsets, &errors, b"\0\0\0\0\0\0\0"].concat();
        let answer = produced(body).await.unwrap();
        let message = answer.partitions[0].message.clone().unwrap();
        assert!(
            message.starts_with("\\u{1b}[31m\\nno \\u{1b}[31m"),
            "{message}"
        );
        assert!(message.chars().count() <= 301, "{message}");
    }
    // As many answers, none of them to what was asked.
    let partition = |n: u32| [&n.to_be_bytes()[..], &[0; 26], b"\x01\0\0"].concat();
    let partitions: Vec<u8> = (1..20_000).flat_map(partition).collect();
    let body = [b"\0\x02\x05logs\xa0\x9c\x01", &partitions[..], &[0; 6]].concat();
    let error = produced(body).await.unwrap_err().to_string();
    assert!(
        error.contains("expected answers for partitions [0]"),
        "{error}"
    );
    assert!(error.len() < 400, "{error}");
}

#[tokio::test]
async fn a_close_is_noticed_without_a_request() {
    let (address, thread) = peer(|mut stream| greet(&mut stream));
    let connection = Connection::open(&address, "test", &Arc::default(), LONG)
        .await
        .unwrap();
    thread.join().unwrap();
    let deadline = Instant::now() + LONG;
    while connection.is_usable() {
        assert!(Instant::now() < deadline, "the close went unnoticed");
        tokio::task::yield_now().await;
    }
    let error = connection.metadata("logs", LONG).await.unwrap_err();
    assert!(matches!(error, WireError::Closed { .. }), "{error}");
}

#[tokio::test]
async fn a_close_in_place_of_an_answer_is_closed() {
    let (address, thread) = peer(|mut stream| {
        greet(&mut stream);
        request(&mut stream);
    });
    let connection = Connection::open(&address, "test", &Arc::default(), LONG)
        .await
        .unwrap();
    let error = connection
        .produce("logs", -1, &batch(9), LONG)
        .await
        .unwrap_err();
    assert!(matches!(error, WireError::Closed { .. }), "{error}");
    thread.join().unwrap();
}

#[tokio::test]
async fn an_older_broker_is_asked_in_its_own_version() {
    let (address, thread) = peer(|mut stream| {
        let correlation = request(&mut stream);
        // UNSUPPORTED_VERSION in the form of version 0.
        answer(
            &mut stream,
            correlation,
            b"\0\x23\0\0\0\x01\0\x12\0\0\0\x02",
        );
        let correlation = request(&mut stream);
        let body = b"\0\0\0\0\0\x02\0\0\0\0\0\x03\0\x03\0\0\0\x04";
        answer(&mut stream, correlation, body);
        drain(stream);
    });
    let connection = Connection::open(&address, "test", &Arc::default(), LONG)
        .await
        .unwrap();
    assert!(connection.is_usable());
    drop(connection);
    tokio::task::yield_now().await;
    thread.join().unwrap();
}

#[tokio::test]
async fn a_refused_connection_names_the_address() {
    let error = Connection::open("127.0.0.1:1", "test", &Arc::default(), LONG)
        .await
        .unwrap_err();
    assert!(matches!(error, WireError::Connect { .. }), "{error}");
    assert_eq!(error.to_string(), "cannot connect to `127.0.0.1:1`");
}

#[tokio::test]
async fn an_endless_client_id_is_an_error_and_no_panic() {
    let id = "x".repeat(40_000);
    let error = Connection::open("127.0.0.1:1", &id, &Arc::default(), LONG)
        .await
        .unwrap_err();
    assert!(matches!(error, WireError::Protocol { .. }), "{error}");
}
