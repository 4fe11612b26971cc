//! A client that stays logged in for too long, to see what a broker says of one.

use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use crate::cluster::Kafka;

const API_VERSIONS: i16 = 18;
const SASL_HANDSHAKE: i16 = 17;
const SASL_AUTHENTICATE: i16 = 36;
/// More than a broker may be late by.
const SLACK: Duration = Duration::from_millis(500);

impl Kafka {
    /// Has the broker say in its log when it closes the connection of a session that is over.
    pub(crate) fn tell_of_expired_sessions(&self) {
        self.local(&[
            "tool",
            "kafka.admin.ConfigCommand",
            "--bootstrap-server",
            self.servers(),
            "--alter",
            "--entity-type",
            "broker-loggers",
            "--entity-name",
            "1",
            "--add-config",
            "kafka.network.Processor=DEBUG",
        ]);
    }

    /// How often it did so far.
    pub(crate) fn expired_sessions(&self) -> usize {
        let log = std::fs::read(self.folder().join("n1.log")).unwrap();
        let log = String::from_utf8_lossy(&log);
        log.matches("Disconnecting expired channel").count()
    }
}

/// Logs in by PLAIN, and asks for something when the session is over. Fails unless the broker closes
/// the connection at that.
pub(crate) fn outlive_a_session(address: &str, user: &str, password: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mechanism = b"\0\x05PLAIN";
    ask(&mut stream, SASL_HANDSHAKE, 1, mechanism).unwrap();
    let proof = format!("\0{user}\0{password}");
    let mut body = i32::try_from(proof.len()).unwrap().to_be_bytes().to_vec();
    body.extend_from_slice(proof.as_bytes());
    let answer = ask(&mut stream, SASL_AUTHENTICATE, 1, &body).unwrap();
    // No error; at the end is the lifetime.
    assert_eq!(answer[..2], [0, 0], "{}", answer.escape_ascii());
    let millis = u64::from_be_bytes(*answer.last_chunk().unwrap());
    assert!((1..60_000).contains(&millis), "{millis} ms");
    std::thread::sleep(Duration::from_millis(millis) + SLACK);
    let after = ask(&mut stream, API_VERSIONS, 0, b"");
    assert!(after.is_err(), "the session did not end");
}

/// The answer to a request, behind its correlation id.
fn ask(stream: &mut TcpStream, api: i16, version: i16, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    request.extend(api.to_be_bytes());
    request.extend(version.to_be_bytes());
    // The correlation id, and no name of a client.
    request.extend([0, 0, 0, 7, 0xff, 0xff]);
    request.extend(body);
    let length = u32::try_from(request.len()).unwrap();
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(&request)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut answer)?;
    Ok(answer.split_off(4))
}
