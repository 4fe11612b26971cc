//! TLS: certificates made by the test, servers that refuse or stall, and files that cannot be used.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
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

/// An authority.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, as PEM.
struct Leaf {
    chain: String,
    key: String,
}

impl Ca {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    fn leaf(&self, names: &[&str]) -> Leaf {
        self.leaf_with(names, |_| {})
    }

    fn leaf_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let chain = params.signed_by(&key, &self.issuer).unwrap().pem();
        Leaf {
            chain,
            key: key.serialize_pem(),
        }
    }
}

fn expired(params: &mut CertificateParams) {
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
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
        let ca = Ca::new("ca");
        let broker = broker();
        let leaf = ca.leaf(&["127.0.0.1", "localhost"]);
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
    let ca = Ca::new("ca");
    let broker = broker();
    let folder = Folder::new();
    let mine = ca.leaf(&["me"]);
    let both = folder.file("both.pem");
    std::fs::write(&both, format!("{}{}", mine.key, mine.chain)).unwrap();
    let config = server(&ca.leaf(&["127.0.0.1"]), Some(&ca), &BOTH);
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
    let (ca, other) = (Ca::new("ca"), Ca::new("other"));
    let broker = broker();
    for (leaf, trusted, reason) in [
        (ca.leaf(&["127.0.0.1"]), &other, "unknown issuer"),
        (ca.leaf(&["kafka.example"]), &ca, "is for another name"),
        (ca.leaf_with(&["127.0.0.1"], expired), &ca, "has expired"),
    ] {
        let gate = Gate::open(&broker, Rules::default(), Some(server(&leaf, None, &BOTH)));
        let (builder, told) = layer(&gate);
        let tls = Tls::new().ca_pem(trusted.pem.clone());
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
    let (ca, other) = (Ca::new("ca"), Ca::new("other"));
    let broker = broker();
    for version in BOTH {
        let config = server(&ca.leaf(&["127.0.0.1"]), Some(&ca), &[version]);
        let gate = Gate::open(&broker, Rules::default(), Some(config));
        let foreign = other.leaf(&["me"]);
        let tls = || Tls::new().ca_pem(ca.pem.clone());
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
    let ca = Ca::new("ca");
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
            ssl(builder, Tls::new().ca_pem(ca.pem.clone())),
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
    let tls = Tls::new().ca_pem(Ca::new("ca").pem);
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
    let ca = Ca::new("ca");
    let broker = broker();
    let config = server(&ca.leaf(&["127.0.0.1"]), None, &BOTH);
    let gate = Gate::open(&broker, Rules::default(), Some(config));
    let (builder, told_of) = layer(&gate);
    let (dispatch, guard) = start(builder);
    tracing::dispatcher::with_default(&dispatch, || tracing::error!("0 0"));
    told(&told_of, &["the listener expects TLS"]);
    guard.shutdown(Duration::from_millis(10));
}

#[test]
fn files_are_read_when_built_and_again_for_each_connection() {
    let ca = Ca::new("ca");
    let broker = broker();
    let config = server(&ca.leaf(&["127.0.0.1"]), None, &BOTH);
    let gate = Gate::open(&broker, Rules::default(), Some(config));
    let folder = Folder::new();
    let file = folder.file("ca.pem");
    std::fs::write(&file, &ca.pem).unwrap();
    let (builder, told_of) = layer(&gate);
    let (dispatch, guard) = start(ssl(builder, Tls::new().ca_file(&file)));
    std::fs::remove_file(&file).unwrap();
    tracing::dispatcher::with_default(&dispatch, || tracing::error!("0 0"));
    told(
        &told_of,
        &["tls: ", "ssl.truststore.location", "ca.pem", "No such file"],
    );
    std::fs::write(&file, &ca.pem).unwrap();
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
    let ca = Ca::new("ca");
    let files = Files(Folder::new());
    let key = files.write("key.pem", &ca.leaf(&["me"]).key);
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
    let ca = Ca::new("ca");
    let files = Files(Folder::new());
    let (mine, other) = (ca.leaf(&["me"]), ca.leaf(&["other"]));
    let chain = files.write("chain.pem", &mine.chain);
    let key = files.write("key.pem", &mine.key);
    let wrong = files.write("wrong.pem", &other.key);
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
        let tls = Tls::new().ca_pem(ca.pem.as_str());
        refused_by_build(tls.client_certificate_files(chain, key), parts);
    }
}
