//! No password, token or private key gets out: a child process that has canaries for secrets prints
//! all that there is to be printed of it, and is searched for them.
#![cfg(test)]

use std::error::Error;
use std::fmt::Debug;
use std::process::Command;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka::Health;
use tracing_kafka::KafkaLayer;
use tracing_kafka::KafkaLayerBuilder;
use tracing_kafka::PatternLayout;
use tracing_kafka::Sasl;
use tracing_kafka::SecurityProtocol;
use tracing_kafka::Tls;
use tracing_kafka::WorkerGuard;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::Fault;
use tracing_kafka_broker::TestBroker;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

use gate::Gate;
use gate::Rules;

#[path = "support/gate.rs"]
mod gate;

const LONG: Duration = Duration::from_secs(60);
const TOPIC: &str = "logs";
/// What the child has to play.
const CASE: &str = "TRACING_KAFKA_SECRETS_CASE";

// Of a length that base64 has no rest for, wherever it begins in a message the middle is found.
const PASSWORD: &str = "canary-password-7d1f0c5e-9ab3";
const TOKEN: &str = "canary-token-41c2e8aa-03bd";
const KEY: &str = "Y2FuYXJ5LWtleS1iNWQxZTJmMy1hNjcw";

#[test]
fn no_secret_is_printed() {
    let output = play("keep");
    // It did all of it.
    for part in [
        "PLAIN failed",
        "OAUTHBEARER failed",
        "SCRAM-SHA-256 failed: SASL_AUTHENTICATION_FAILED (58): you sent c=biws,r=",
        "SCRAM-SHA-512 failed: SASL_AUTHENTICATION_FAILED (58): you sent c=biws,r=",
        "delivered 1",
        "the panic",
        // Below WARN the client and what it is made of say nothing today; what they came to say would
        // be here, as these two are.
        "TRACE secrets: the subscriber is there",
        "TRACE secrets: it is told of the records of `log`",
        "WARN rskafka::messenger: Got response for unknown request",
        "Misconfigured",
        "is not supported",
    ] {
        assert!(output.contains(part), "no `{part}` in:\n{output}");
    }
    let found = found(&output);
    assert!(found.is_empty(), "{found:?} in:\n{output}");
}

#[test]
fn a_secret_that_is_printed_is_found() {
    assert_eq!(found(&play("leak")).len(), canaries().len());
}

/// All forms in which a secret may show.
fn canaries() -> Vec<String> {
    let mut canaries = vec![KEY.to_owned(), hex(KEY), listed(KEY)];
    for secret in [PASSWORD, TOKEN] {
        canaries.extend([secret.to_owned(), hex(secret), listed(secret)]);
        // As base64, at each of the three places at which it may begin in a longer text.
        canaries.extend((0..3).map(|skip| base64(&secret.as_bytes()[skip..])));
    }
    canaries
}

fn found(output: &str) -> Vec<String> {
    let mut canaries = canaries();
    canaries.retain(|canary| output.contains(canary));
    canaries
}

fn hex(text: &str) -> String {
    let digits = text.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// As `Debug` shows bytes.
fn listed(text: &str) -> String {
    let listed = format!("{:?}", text.as_bytes());
    listed.trim_matches(['[', ']']).to_owned()
}

/// Whole groups of three bytes only: what follows does not change them.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks_exact(3) {
        let bits = group
            .iter()
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        for shift in [18, 12, 6, 0] {
            text.push(char::from(DIGITS[bits >> shift & 63]));
        }
    }
    text
}

/// What the child prints, on both streams.
fn play(case: &str) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_process", "--nocapture"])
        .env(CASE, case)
        .env("RUST_BACKTRACE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = drain(child.stdout.take().unwrap());
    let complained = drain(child.stderr.take().unwrap());
    let deadline = Instant::now() + LONG;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the child hangs");
        }
        std::thread::park_timeout(Duration::from_millis(5));
    };
    let output = said.join().unwrap() + &complained.join().unwrap();
    assert!(status.success(), "{output}");
    output
}

fn drain(mut from: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Not a test of its own: what a child plays. Without a case it has nothing to do.
#[test]
fn child_process() {
    match std::env::var(CASE).as_deref() {
        Ok("keep") => keep(),
        Ok("leak") => leak(),
        Ok(other) => panic!("no case `{other}`"),
        Err(_) => {}
    }
}

/// Prints secrets as somebody might who does not know better.
fn leak() {
    println!("{PASSWORD} {TOKEN} {KEY}");
    for secret in [PASSWORD, TOKEN, KEY] {
        eprintln!("{:?} {}", secret.as_bytes(), hex(secret));
    }
    for secret in [PASSWORD, TOKEN] {
        for before in ["", "\0\0", "\0"] {
            // Padded to whole groups, as a message is that goes on.
            println!("{}", base64(format!("{before}{secret}....").as_bytes()));
        }
    }
}

fn keep() {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(Mutex::new(std::io::stdout()))
        .init();
    settings();
    let broker = TestBroker::builder()
        .partitions(3)
        .start_blocking()
        .unwrap();
    broker.create_topic(TOPIC, 3);
    // The gate says what it was sent to whom it refuses.
    refused(&broker, || Sasl::plain("alice", PASSWORD));
    refused(&broker, || Sasl::oauth_bearer(|| Ok(TOKEN.to_owned())));
    // With a challenge first, so that the password is put to use.
    refused(&broker, || Sasl::scram_sha_256("alice", PASSWORD));
    refused(&broker, || Sasl::scram_sha_512("alice", PASSWORD));
    accepted(
        &broker,
        Sasl::plain("alice", PASSWORD),
        format!("\0alice\0{PASSWORD}"),
    );
    let token = format!("n,,\x01auth=Bearer {TOKEN}\x01\x01");
    accepted(&broker, Sasl::oauth_bearer(|| Ok(TOKEN.to_owned())), token);
}

fn show(what: &(impl Debug + ?Sized)) {
    println!("{what:?}");
    println!("{what:#?}");
}

fn show_error(error: &(impl Error + 'static)) {
    show(error);
    println!("{error}");
    let mut source = error.source();
    while let Some(deeper) = source {
        println!("{deeper} {deeper:?}");
        source = deeper.source();
    }
}

fn builder(servers: String) -> KafkaLayerBuilder {
    KafkaLayer::builder([servers], TOPIC)
        .layout(PatternLayout::new("%m").unwrap())
        .linger(Duration::from_millis(1))
}

/// Settings and what may be wrong with them.
fn settings() {
    for sasl in [
        Sasl::plain("alice", PASSWORD),
        Sasl::scram_sha_256("alice", PASSWORD),
        Sasl::scram_sha_512("alice", PASSWORD),
        Sasl::oauth_bearer(|| Ok(TOKEN.to_owned())),
    ] {
        show(&sasl);
        show(&builder("a:1".to_owned()).sasl(sasl));
    }
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n");
    let tls = || Tls::new().client_certificate_pem("x", pem.as_str());
    show(&tls());
    // A key where a certificate belongs.
    show(
        &tls()
            .ca_pem(pem.as_str())
            .client_certificate_pem(pem.as_str(), pem.as_str()),
    );
    show(&builder("a:1".to_owned()).tls(tls()));
    // The text of a file where its path belongs.
    let in_place_of_paths = || {
        Tls::new()
            .ca_file(&pem)
            .client_certificate_files(&pem, &pem)
    };
    show(&in_place_of_paths());
    let plain = "org.apache.kafka.common.security.plain.PlainLoginModule";
    let jaas = format!("{plain} required username=\"alice\" password=\"{PASSWORD}\"");
    show(&builder("a:1".to_owned()).property("sasl.jaas.config", format!("{jaas};")));
    let a = || builder("a:1".to_owned());
    for bad in [
        a().sasl(Sasl::plain("alice", PASSWORD)),
        a().sasl(Sasl::plain("", PASSWORD)),
        a().security_protocol(SecurityProtocol::SaslPlaintext)
            .sasl(Sasl::plain("alice", format!("{PASSWORD}\0"))),
        a().property("sasl.jaas.config", &jaas),
        a().property("sasl.jaas.config", PASSWORD),
        a().property("sasl.jaas.config", format!("{plain} {jaas}")),
        a().property("sasl.jaas.config", format!("{jaas};")),
        a().property("ssl.key.password", PASSWORD),
        a().property("ssl.keystore.password", PASSWORD),
        a().property("ssl.truststore.password", PASSWORD),
        a().property("ssl.keystore.key", &pem),
        a().property("security.protocol", "SSL")
            .property("ssl.keystore.key", &pem)
            .property("ssl.keystore.certificate.chain", "x"),
        a().security_protocol(SecurityProtocol::Ssl).tls(tls()),
        a().security_protocol(SecurityProtocol::Ssl)
            .tls(in_place_of_paths()),
        a().security_protocol(SecurityProtocol::Ssl)
            .tls(Tls::new().client_certificate_files("x", &pem)),
        a().property("security.protocol", "SSL")
            .property("ssl.truststore.location", &pem),
        a().property("security.protocol", "SSL")
            .property("ssl.keystore.location", pem.replace('\n', " ")),
        KafkaLayer::builder([format!("alice:{PASSWORD}@a:1")], TOPIC),
    ] {
        show(&bad);
        show_error(&bad.build().map(|_| ()).unwrap_err());
    }
}

fn configure(gate: &Gate, sasl: Sasl) -> KafkaLayerBuilder {
    builder(gate.address())
        .security_protocol(SecurityProtocol::SaslPlaintext)
        .sasl(sasl)
        .on_error(show_error)
}

fn start(gate: &Gate, sasl: Sasl) -> (KafkaLayer, WorkerGuard) {
    configure(gate, sasl).build().unwrap()
}

/// The gate repeats the secret in what it says.
fn refused(broker: &TestBroker, sasl: impl Fn() -> Sasl) {
    let rules = Rules {
        accepted: Some(Vec::new()),
        refusal: "you sent ".to_owned(),
        ..Rules::default()
    };
    let gate = Gate::open(broker, rules, None);
    let (layer, guard) = start(&gate, sasl());
    show(&layer);
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    tracing::dispatcher::with_default(&dispatch, || tracing::error!("event"));
    let deadline = Instant::now() + LONG;
    while guard.health() != Health::Misconfigured {
        assert!(Instant::now() < deadline);
        std::thread::park_timeout(Duration::from_millis(2));
    }
    assert_eq!(gate.rules().refused, 1);
    show(&guard.health());
    show(&guard.stats());
    show(&guard);
    println!("{}", guard.stats());
    let unsettled = guard.flush(Duration::from_millis(1)).unwrap_err();
    show_error(&unsettled);
    let report = guard.shutdown(Duration::from_millis(1));
    show(&report);
    println!("{report}");

    // The same without a hook: standard error tells.
    let (layer, guard) = builder(gate.address())
        .security_protocol(SecurityProtocol::SaslPlaintext)
        .sasl(sasl())
        .build()
        .unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    tracing::dispatcher::with_default(&dispatch, || tracing::error!("event"));
    while guard.health() != Health::Misconfigured {
        assert!(Instant::now() < deadline);
        std::thread::park_timeout(Duration::from_millis(2));
    }
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        panic!(
            "the panic of somebody who shows {guard:?} and {dispatch:?} and {:?}",
            sasl()
        )
    }));
    show(&panicked.unwrap_err().downcast_ref::<String>());
    println!("{}", guard.shutdown(Duration::from_millis(1)));
}

/// A whole exchange, under the eyes of a subscriber that is told everything.
fn accepted(broker: &TestBroker, sasl: Sasl, proof: String) {
    let rules = Rules {
        accepted: Some(vec![proof.into_bytes()]),
        ..Rules::default()
    };
    let gate = Gate::open(broker, rules, None);
    // Something for the client to complain of.
    broker.fault(Api::Produce, Fault::WrongCorrelation);
    let (layer, guard) = configure(&gate, sasl)
        .request_timeout(Duration::from_millis(500))
        .build()
        .unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    tracing::dispatcher::with_default(&dispatch, || tracing::error!("event"));
    tracing::trace!("the subscriber is there");
    log::trace!("it is told of the records of `log`");
    guard.flush(LONG).unwrap();
    println!("delivered {}", guard.stats().delivered);
    show(&guard.shutdown(LONG));
}
