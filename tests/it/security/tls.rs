//! TLS: certificates of `tests/tls/make`, servers that refuse or stall, and files that cannot be used.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::TLS12;
use tokio_rustls::rustls::version::TLS13;
use tracing_kafka::Tls;
use tracing_kafka::TlsVersion;

use super::*;
use crate::support::Folder;

/// An authority of `tests/tls/make`.
struct Ca {
    pem: &'static str,
}

const CA: Ca = Ca {
    pem: include_str!("../../tls/ca.pem"),
};
const OTHER: Ca = Ca {
    pem: include_str!("../../tls/other.pem"),
};

/// A certificate and its key, as PEM.
struct Leaf {
    chain: &'static str,
    key: &'static str,
}

/// The certificate of this name in `tests/tls/`.
macro_rules! leaf {
    ($name:literal) => {
        Leaf {
            chain: include_str!(concat!("../../tls/", $name, ".pem")),
            key: include_str!(concat!("../../tls/", $name, ".key")),
        }
    };
}

/// TLS of a server with `leaf`, which asks for certificates of `clients` if given.
fn server(leaf: &Leaf, clients: Option<&Ca>, versions: &[TlsVersion]) -> Arc<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let versions: Vec<_> = versions
        .iter()
        .map(|version| {
            if *version == TlsVersion::Tls12 {
                &TLS12
            } else {
                &TLS13
            }
        })
        .collect();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(ca.pem.as_bytes()).unwrap())
                .unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(leaf.chain.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
    Arc::new(builder.with_single_cert(chain, key).unwrap())
}

const BOTH: [TlsVersion; 2] = [TlsVersion::Tls12, TlsVersion::Tls13];

fn ssl(builder: KafkaLayerBuilder, tls: Tls) -> KafkaLayerBuilder {
    builder.security_protocol(SecurityProtocol::Ssl).tls(tls)
}

#[test]
fn tls_of_both_versions_delivers_to_an_address_in_the_certificate() {
    for version in BOTH {
        let ca = &CA;
        let broker = broker();
        let leaf = leaf!("server");
        let gate = Gate::open(
            &broker,
            Rules::default(),
            Some(server(&leaf, None, &[version])),
        );
        let (builder, told) = layer(&gate);
        let (dispatch, guard) = start(ssl(builder, Tls::new().ca_pem(ca.pem)));
        deliver_from_threads(&dispatch, &guard, &broker);
        assert!(told.lock().unwrap().is_empty());
    }
}

#[test]
fn a_client_certificate_and_sasl_over_tls_deliver() {
    let ca = &CA;
    let broker = broker();
    let folder = Folder::new();
    let mine = leaf!("me");
    let both = folder.file("both.pem");
    std::fs::write(&both, format!("{}{}", mine.key, mine.chain)).unwrap();
    let config = server(&leaf!("server"), Some(ca), &BOTH);
    let gate = Gate::open(&broker, demanding("alice", "secret"), Some(config));
    let (builder, told) = layer(&gate);
    let one_line = ca.pem.replace('\n', " ");
    let (dispatch, guard) = start(
        builder
            .property("security.protocol", "SASL_SSL")
            .sasl(Sasl::plain("alice", "secret"))
            .property("ssl.truststore.type", "PEM")
            .property("ssl.truststore.certificates", one_line)
            .property("ssl.keystore.type", "PEM")
            .property("ssl.keystore.location", both.to_str().unwrap()),
    );
    deliver_from_threads(&dispatch, &guard, &broker);
    assert!(told.lock().unwrap().is_empty());
    assert_eq!(gate.rules().refused, 0);
}

/// A layer that has one event to deliver and cannot.
#[track_caller]
fn refused(builder: KafkaLayerBuilder, told_of: &Told, parts: &[&str]) {
    let begin = Instant::now();
    let (dispatch, guard) = start(builder.connect_timeout(Duration::from_secs(5)));
    tracing::dispatcher::with_default(&dispatch, || tracing::error!("0 0"));
    told(told_of, parts);
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
    wait_until("misconfigured", || guard.health() == Health::Misconfigured);
    let report = guard.shutdown(Duration::from_millis(10));
    assert_eq!(report.stats.delivered, 0, "{report}");
    assert_conserved(&report.stats);
}

#[test]
fn certificates_that_cannot_be_trusted_are_refused_with_the_reason() {
    let (ca, other) = (&CA, &OTHER);
    let broker = broker();
    for (leaf, trusted, reason) in [
        (leaf!("server"), other, "unknown issuer"),
        (leaf!("elsewhere"), ca, "is for another name"),
        (leaf!("expired"), ca, "has expired"),
    ] {
        let gate = Gate::open(&broker, Rules::default(), Some(server(&leaf, None, &BOTH)));
        let (builder, told) = layer(&gate);
        let tls = Tls::new().ca_pem(trusted.pem);
        refused(
            ssl(builder, tls),
            &told,
            &["tls: no TLS connection", reason],
        );
    }
    assert_eq!(broker.count(TOPIC), 0);
}

#[test]
fn a_client_certificate_that_is_missing_or_foreign_is_refused_by_the_peer() {
    let ca = &CA;
    let broker = broker();
    for version in BOTH {
        let config = server(&leaf!("server"), Some(ca), &[version]);
        let gate = Gate::open(&broker, Rules::default(), Some(config));
        let foreign = leaf!("foreigner");
        let tls = || Tls::new().ca_pem(ca.pem);
        for tls in [
            tls(),
            tls().client_certificate_pem(foreign.chain, foreign.key),
        ] {
            let (builder, told) = layer(&gate);
            refused(
                ssl(builder, tls),
                &told,
                &["tls: ", "refuses with the alert"],
            );
        }
    }
}

/// A server that reads something, answers with `answer` and then closes, or not.
fn peer(answer: &'static [u8], closes: bool) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept() {
            let _read = stream.read(&mut [0; 4096]);
            let _written = stream.write_all(answer);
            if !closes {
                kept.push(stream);
            }
        }
    });
    address
}

fn layer_to(address: std::net::SocketAddr) -> (KafkaLayerBuilder, Told) {
    let told = Told::default();
    let hook = Arc::clone(&told);
    let builder = KafkaLayer::builder([address.to_string()], TOPIC).on_error(move |error| {
        hook.lock()
            .unwrap()
            .push(format!("{}: {error}", error.kind()));
    });
    (builder, told)
}

#[test]
fn tls_to_what_does_not_speak_it_is_refused_in_time_and_never_plaintext() {
    let broker = broker();
    let plaintext = broker.bootstrap().parse().unwrap();
    let ca = &CA;
    for (address, reason) in [
        (plaintext, "is this a TLS listener?"),
        (
            peer(b"HTTP/1.1 400 Bad Request\r\n\r\n", true),
            "does not speak TLS",
        ),
        (peer(b"", true), "is this a TLS listener?"),
    ] {
        let (builder, told) = layer_to(address);
        refused(
            ssl(builder, Tls::new().ca_pem(ca.pem)),
            &told,
            &["tls: ", reason],
        );
    }
    assert_eq!(broker.count(TOPIC), 0);
}

#[test]
fn a_handshake_that_stalls_ends_with_the_connect_timeout() {
    let (builder, told_of) = layer_to(peer(b"", false));
    let begin = Instant::now();
    let tls = Tls::new().ca_pem(CA.pem);
    let (dispatch, guard) = start(ssl(builder, tls).connect_timeout(Duration::from_millis(300)));
    tracing::dispatcher::with_default(&dispatch, || tracing::error!("0 0"));
    told(
        &told_of,
        &["timeout: connecting to", "took longer than 300ms"],
    );
    assert!(begin.elapsed() < Duration::from_secs(10));
    guard.shutdown(Duration::from_millis(10));
}

#[test]
fn plaintext_to_tls_is_told() {
    let broker = broker();
    let config = server(&leaf!("server"), None, &BOTH);
    let gate = Gate::open(&broker, Rules::default(), Some(config));
    let (builder, told_of) = layer(&gate);
    let (dispatch, guard) = start(builder);
    tracing::dispatcher::with_default(&dispatch, || tracing::error!("0 0"));
    told(&told_of, &["the listener expects TLS"]);
    guard.shutdown(Duration::from_millis(10));
}

#[test]
fn files_are_read_when_built_and_again_for_each_connection() {
    let ca = &CA;
    let broker = broker();
    let config = server(&leaf!("server"), None, &BOTH);
    let gate = Gate::open(&broker, Rules::default(), Some(config));
    let folder = Folder::new();
    let file = folder.file("ca.pem");
    std::fs::write(&file, ca.pem).unwrap();
    let (builder, told_of) = layer(&gate);
    let (dispatch, guard) = start(ssl(builder, Tls::new().ca_file(&file)));
    std::fs::remove_file(&file).unwrap();
    tracing::dispatcher::with_default(&dispatch, || tracing::error!("0 0"));
    told(
        &told_of,
        &["tls: ", "ssl.truststore.location", "ca.pem", "No such file"],
    );
    std::fs::write(&file, ca.pem).unwrap();
    guard.flush(OPERATOR).unwrap();
    assert_eq!(values(&broker), ["0 0"]);
    assert_eq!(guard.health(), Health::Healthy);
}

/// PEM files of the test's own.
struct Files(Folder);

impl Files {
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.file(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

#[track_caller]
fn refused_by_build(tls: Tls, parts: [&str; 2]) {
    let builder = KafkaLayer::builder(["127.0.0.1:1"], TOPIC);
    let built = ssl(builder, tls).build().map(|_| ());
    let error = built.unwrap_err().to_string();
    for part in parts {
        assert!(error.contains(part), "{error} lacks {part}");
    }
}

#[test]
fn certificates_that_cannot_be_read_are_an_error_of_build() {
    let ca = &CA;
    let files = Files(Folder::new());
    let key = files.write("key.pem", leaf!("me").key);
    let empty = files.write("empty.pem", "nothing\n");
    let torn = files.write("torn.pem", &ca.pem[..ca.pem.len() / 2]);
    let damaged = files.write("damaged.pem", &ca.pem.replacen("MII", "!!!", 1));
    let missing = files.0.file("missing.pem");
    let none = "there is none in it";
    for (path, parts) in [
        (missing.as_path(), ["missing.pem", "No such file"]),
        (files.0.path(), ["tracing-kafka-test", "it is not a file"]),
        (&empty, ["empty.pem", none]),
        (&key, ["key.pem", none]),
        (&torn, ["torn.pem", "certificates in PEM form"]),
        (&damaged, ["damaged.pem", "damaged"]),
    ] {
        refused_by_build(Tls::new().ca_file(path), parts);
    }
    refused_by_build(
        Tls::new().ca_pem("x"),
        ["ssl.truststore.certificates", none],
    );
    let no_version = Tls::new().ca_pem(ca.pem).enabled_protocols([]);
    refused_by_build(no_version, ["ssl.enabled.protocols", "at least one"]);
}

#[test]
fn keys_that_cannot_be_used_are_an_error_of_build() {
    const SEALED: &str =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIF\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let ca = &CA;
    let files = Files(Folder::new());
    let (mine, other) = (leaf!("me"), leaf!("somebody"));
    let chain = files.write("chain.pem", mine.chain);
    let key = files.write("key.pem", mine.key);
    let wrong = files.write("wrong.pem", other.key);
    let sealed = files.write("sealed.pem", SEALED);
    let missing = files.0.file("missing.pem");
    for (chain, key, parts) in [
        (&chain, &missing, ["missing.pem", "No such file"]),
        (
            &chain,
            &sealed,
            ["sealed.pem", "encrypted, which is not supported"],
        ),
        (&chain, &chain, ["chain.pem", "a private key in PEM form"]),
        (
            &chain,
            &wrong,
            ["wrong.pem", "a key that fits its certificate"],
        ),
        (&key, &key, ["key.pem", "there is none in it"]),
    ] {
        let tls = Tls::new().ca_pem(ca.pem);
        refused_by_build(tls.client_certificate_files(chain, key), parts);
    }
}
