//! A gate before the in-process broker: it ends TLS and SASL as scripted, and lets the rest through.
//!
//! The broker behind it has one node, whose address in Metadata answers is replaced by the gate's.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tracing_kafka_broker::TestBroker;

const API_VERSIONS: i16 = 18;
const INIT_PRODUCER_ID: i16 = 22;
const METADATA: i16 = 3;
const SASL_HANDSHAKE: i16 = 17;
const SASL_AUTHENTICATE: i16 = 36;

/// What the gate demands and what it saw.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// The first messages of SASL that are accepted, in full; none: the listener has no SASL.
    pub(crate) accepted: Option<Vec<Vec<u8>>>,
    /// What is said to others; what they sent is added.
    pub(crate) refusal: String,
    /// After this a request ends its connection, as Kafka does it. None: never.
    pub(crate) lifetime: Option<Duration>,
    pub(crate) connections: usize,
    pub(crate) logins: usize,
    pub(crate) refused: usize,
    /// Connections that were ended because their session was over.
    pub(crate) expired: usize,
}

/// The gate; it closes when dropped.
pub(crate) struct Gate {
    address: SocketAddr,
    rules: Arc<Mutex<Rules>>,
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

/// How the gate ends TLS.
#[cfg(feature = "tls")]
pub(crate) type Tls = Option<Arc<tokio_rustls::rustls::ServerConfig>>;
#[cfg(not(feature = "tls"))]
pub(crate) type Tls = Option<Arc<std::convert::Infallible>>;

impl Gate {
    /// A gate before `broker`.
    pub(crate) fn open(broker: &TestBroker, rules: Rules, tls: Tls) -> Self {
        let behind: SocketAddr = broker.bootstrap().parse().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let rules = Arc::new(Mutex::new(rules));
        let stop = Arc::new(Notify::new());
        let (shared, stopped) = (Arc::clone(&rules), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = accept(listener, behind, shared, tls) => {}
                    () = stopped.notified() => {}
                }
            });
        });
        Self {
            address,
            rules,
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn rules(&self) -> MutexGuard<'_, Rules> {
        lock(&self.rules)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, behind: SocketAddr, rules: Arc<Mutex<Rules>>, tls: Tls) {
    let port = listener.local_addr().unwrap().port();
    while let Ok((stream, _)) = listener.accept().await {
        lock(&rules).connections += 1;
        let door = Door {
            behind,
            port,
            rules: Arc::clone(&rules),
        };
        tokio::spawn(admit(stream, door, tls.clone()));
    }
}

fn lock(rules: &Mutex<Rules>) -> MutexGuard<'_, Rules> {
    rules.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn admit(stream: TcpStream, door: Door, tls: Tls) {
    stream.set_nodelay(true).unwrap();
    #[cfg(feature = "tls")]
    if let Some(config) = tls {
        if let Ok(stream) = tokio_rustls::TlsAcceptor::from(config).accept(stream).await {
            let _ended = door.serve(stream).await;
        }
        return;
    }
    #[cfg(not(feature = "tls"))]
    assert!(tls.is_none());
    let _ended = door.serve(stream).await;
}

/// One connection.
struct Door {
    behind: SocketAddr,
    /// The gate's own.
    port: u16,
    rules: Arc<Mutex<Rules>>,
}

impl Door {
    async fn serve(self, mut client: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
        let mut broker = TcpStream::connect(self.behind).await?;
        broker.set_nodelay(true)?;
        let mut proven = lock(&self.rules).accepted.is_none();
        let mut ends: Option<Instant> = None;
        loop {
            let request = read_frame(&mut client).await?;
            let api = i16::from_be_bytes([request[0], request[1]]);
            let version = i16::from_be_bytes([request[2], request[3]]);
            if ends.is_some_and(|end| end <= Instant::now()) {
                lock(&self.rules).expired += 1;
                return Ok(());
            }
            let answer = match api {
                API_VERSIONS => versions(&request, version),
                SASL_HANDSHAKE => {
                    let code: i16 = if proven { 34 } else { 0 };
                    reply(&request, &[&code.to_be_bytes()[..], &0_i32.to_be_bytes()])
                }
                SASL_AUTHENTICATE => {
                    let (is_good, answer) = self.authenticate(&request);
                    proven = is_good;
                    ends = lock(&self.rules).lifetime.map(|time| Instant::now() + time);
                    answer
                }
                _ if !proven => return Ok(()),
                _ => {
                    write_frame(&mut broker, &request).await?;
                    let mut answer = read_frame(&mut broker).await?;
                    if api == METADATA {
                        self.move_here(&mut answer);
                    }
                    answer
                }
            };
            write_frame(&mut client, &answer).await?;
        }
    }

    /// `SaslAuthenticate`, versions 0 and 1.
    fn authenticate(&self, request: &[u8]) -> (bool, Vec<u8>) {
        let client_id = usize::try_from(i16::from_be_bytes([request[8], request[9]])).unwrap();
        let proof = &request[10 + client_id + 4..];
        if let Some(challenge) = challenge(proof) {
            return (false, challenged(request, challenge.as_bytes()));
        }
        let mut rules = lock(&self.rules);
        rules.logins += 1;
        let accepted = rules.accepted.iter().flatten();
        let is_good = accepted.collect::<HashSet<_>>().contains(&proof.to_vec());
        let (code, text) = if is_good {
            (0_i16, String::new())
        } else {
            rules.refused += 1;
            let proof = String::from_utf8_lossy(proof);
            (58, format!("{}{proof}", rules.refusal))
        };
        let lifetime = rules.lifetime.map_or(0, |time| time.as_millis());
        let lifetime = i64::try_from(lifetime).unwrap();
        let length = i16::try_from(text.len()).unwrap();
        let answer = reply(
            request,
            &[
                &code.to_be_bytes()[..],
                &length.to_be_bytes(),
                text.as_bytes(),
                &0_i32.to_be_bytes(),
                &lifetime.to_be_bytes(),
            ],
        );
        (is_good, answer)
    }

    /// Puts the gate's port in the place of the broker's, in a Metadata answer of version 4.
    fn move_here(&self, answer: &mut [u8]) {
        // Correlation id, throttle, number of brokers, node id; then the host.
        let host = usize::try_from(i16::from_be_bytes([answer[16], answer[17]])).unwrap();
        let port = 18 + host;
        answer[port..port + 4].copy_from_slice(&i32::from(self.port).to_be_bytes());
    }
}

/// What a broker answers to the first message of SCRAM. What follows is refused as another password
/// would be.
fn challenge(proof: &[u8]) -> Option<String> {
    let (_, nonce) = str::from_utf8(proof).ok()?.split_once(",r=")?;
    (proof.starts_with(b"n,,n="))
        .then(|| format!("r={nonce}gate,s=c2FsdCBvZiB0aGUgZ2F0ZQ==,i=4096"))
}

fn challenged(request: &[u8], challenge: &[u8]) -> Vec<u8> {
    let length = i32::try_from(challenge.len()).unwrap();
    let no_error = [0; 4];
    let no_lifetime = [0; 8];
    let bytes = &length.to_be_bytes();
    reply(request, &[&no_error, bytes, challenge, &no_lifetime])
}

/// Few versions, so that the gate need not know many.
fn versions(request: &[u8], version: i16) -> Vec<u8> {
    if version > 0 {
        // In the oldest form, as Kafka does it.
        return reply(request, &[&35_i16.to_be_bytes(), &0_i32.to_be_bytes()]);
    }
    let list: [[i16; 3]; 6] = [
        [0, 3, 9],
        [METADATA, 4, 4],
        [INIT_PRODUCER_ID, 0, 1],
        [API_VERSIONS, 0, 3],
        [SASL_HANDSHAKE, 1, 1],
        [SASL_AUTHENTICATE, 1, 1],
    ];
    let ranges: Vec<u8> = list
        .iter()
        .flatten()
        .flat_map(|n| n.to_be_bytes())
        .collect();
    reply(
        request,
        &[&0_i16.to_be_bytes(), &6_i32.to_be_bytes(), &ranges],
    )
}

/// The correlation id of `request`, and the parts.
fn reply(request: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    [&request[4..8], &parts.concat()].concat()
}

async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    if !(10..=16 << 20).contains(&length) {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let mut frame = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut frame).await?;
    Ok(frame)
}

async fn write_frame(stream: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(frame.len()).unwrap();
    let whole = [&length.to_be_bytes()[..], frame].concat();
    stream.write_all(&whole).await?;
    stream.flush().await
}
