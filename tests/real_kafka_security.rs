//! The Kafka layer on the SASL and TLS listeners of a real Apache Kafka, read back without either.
//!
//! Each case has three partitions and four threads, half of whose events carry a key.
//!
//! Runs when `KAFKA_BROKERS`, `KAFKA_BROKERS_SASL`, `KAFKA_CA` and so on are set, which
//! `KAFKA_LOCAL_CONFIG=connections.max.reauth.ms=4000 KAFKA_LOCAL=$PWD/compose/kafka-local
//! compose/kafka-local run 1 cargo test --features tls --test real_kafka_security` does. With
//! `--nocapture` each test that really ran says so: `ran on real Kafka: …`.
#![cfg(test)]
#![cfg(feature = "tls")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use tracing::Dispatch;
use tracing_kafka::Health;
use tracing_kafka::KafkaLayer;
use tracing_kafka::KafkaLayerBuilder;
use tracing_kafka::PatternLayout;
use tracing_kafka::Sasl;
use tracing_kafka::SecurityProtocol;
use tracing_kafka::ShutdownReport;
use tracing_kafka::Stats;
use tracing_kafka::Tls;
use tracing_kafka::WorkerGuard;
use tracing_subscriber::prelude::*;

use cluster::Kafka;
use cluster::LONG;
use cluster::wait_until;
use evidence::assert_all_delivered;
use evidence::assert_exactly;
use evidence::assert_whole_by_headers;
use forwarder::Forwarder;
use load::Logged;
use load::Pace;
use load::STEADY;
use load::log;
use load::under_load;

#[path = "real_kafka/cluster.rs"]
#[expect(dead_code, reason = "what only the other test uses")]
mod cluster;
#[path = "real_kafka/evidence.rs"]
mod evidence;
#[path = "real_kafka/forwarder.rs"]
#[expect(dead_code, reason = "what only the other test uses")]
mod forwarder;
#[path = "real_kafka/load.rs"]
#[expect(dead_code, reason = "what only the other test uses")]
mod load;
#[path = "real_kafka/overdue.rs"]
mod overdue;

const SEVERAL_BATCHES: Pace = Pace {
    burst: 20,
    padding: 80,
    events: Some(2_000),
};
/// More than the 30 seconds after which a refused login is tried again.
const OPERATOR: Duration = Duration::from_secs(90);

type Told = Arc<Mutex<Vec<String>>>;
type MakeSasl = fn() -> Sasl;

/// The Kafka, if `kafka-local` started it: nobody else has these listeners and users.
fn find(test: &str) -> Option<Kafka> {
    if std::env::var("KAFKA_BROKERS").is_ok() && std::env::var("KAFKA_BROKERS_SASL").is_err() {
        println!("skipped: KAFKA_BROKERS_SASL is not set ({test})");
        return None;
    }
    Kafka::find_local(test)
}

#[track_caller]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("`{name}` is not set"))
}

/// A layer for the listener whose addresses are in the variable `listener`.
fn layer(listener: &str, topic: &str) -> (KafkaLayerBuilder, Told) {
    layer_to(variable(listener), topic)
}

fn layer_to(servers: String, topic: &str) -> (KafkaLayerBuilder, Told) {
    let told = Told::default();
    let hook = Arc::clone(&told);
    let builder = KafkaLayer::builder([servers], topic)
        .layout(PatternLayout::new("%m").unwrap())
        .key(PatternLayout::new("%X{key}").unwrap())
        .sequence_headers(true)
        .linger(Duration::from_millis(5))
        .on_error(move |error| {
            println!("on_error: {}: {error}", error.kind());
            hook.lock()
                .unwrap()
                .push(format!("{}: {error}", error.kind()));
        });
    (builder, told)
}

fn start(builder: KafkaLayerBuilder) -> (Dispatch, WorkerGuard) {
    let (layer, guard) = builder.build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    (Dispatch::new(subscriber), guard)
}

#[track_caller]
fn assert_conserved(stats: &Stats) {
    assert_eq!(
        stats.offered,
        stats.delivered + stats.queued + stats.in_flight + stats.dropped.total(),
        "{stats}"
    );
}

/// Each event exactly once, those of a thread and of a key in order, over all partitions.
#[track_caller]
fn assert_delivered(kafka: &Kafka, topic: &str, logged: &Logged, report: &ShutdownReport) {
    assert_all_delivered(report, logged);
    let records = kafka.read(topic);
    assert_exactly(&records, logged, 3);
    assert_whole_by_headers(&records);
}

/// Nothing was told but that a new partition was not led yet, which is no matter of connections.
#[track_caller]
fn assert_no_trouble(name: &str, told: &Told) {
    let mut told = told.lock().unwrap().clone();
    told.retain(|text| !text.ends_with("answers NOT_LEADER_OR_FOLLOWER"));
    assert!(told.is_empty(), "{name}: {told:?}");
}

#[track_caller]
fn deliver(kafka: &mut Kafka, name: &str, builder: impl Fn(&str) -> (KafkaLayerBuilder, Told)) {
    let topic = kafka.topic(3);
    let (builder, told) = builder(&topic);
    let begin = Instant::now();
    let (logged, report) = under_load(builder, SEVERAL_BATCHES, |scene| {
        scene.wait_offered("the first of them", 1);
    });
    assert_delivered(kafka, &topic, &logged, &report);
    assert_no_trouble(name, &told);
    println!(
        "{name}: {} events in {:.1?}",
        logged.total(),
        begin.elapsed()
    );
}

/// Events that cannot be delivered, and why.
#[track_caller]
fn refused(kafka: &mut Kafka, builder: impl Fn(&str) -> (KafkaLayerBuilder, Told), parts: &[&str]) {
    let topic = kafka.topic(3);
    let (builder, told) = builder(&topic);
    let (dispatch, guard) = start(builder);
    let begin = Instant::now();
    let logged = log(&dispatch, 10);
    wait_until("misconfigured", || guard.health() == Health::Misconfigured);
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
    // The counters and health come first.
    wait_until("a word about it", || !told.lock().unwrap().is_empty());
    let all = told.lock().unwrap().clone();
    for part in parts {
        assert!(
            all.iter().any(|text| text.contains(part)),
            "{all:?} lacks {part}"
        );
    }
    assert!(all.iter().all(|text| !text.contains("secret")), "{all:?}");
    let report = guard.shutdown(Duration::from_millis(50));
    assert_conserved(&report.stats);
    assert_eq!(report.stats.offered, logged.total() as u64, "{report}");
    assert_eq!(report.stats.delivered, 0, "{report}");
    assert!(kafka.read(&topic).is_empty());
}

fn trusted() -> Tls {
    Tls::new().ca_file(variable("KAFKA_CA"))
}

fn client() -> Tls {
    trusted().client_certificate_files(variable("KAFKA_CLIENT_CERT"), variable("KAFKA_CLIENT_KEY"))
}

/// An unsecured token for the user admin.
fn token() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let claims = format!(r#"{{"sub":"admin","iat":{now},"exp":{}}}"#, now + 600);
    format!("{}.{}.", base64url(r#"{"alg":"none"}"#), base64url(&claims))
}

fn base64url(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut encoded = String::new();
    for group in text.as_bytes().chunks(3) {
        let byte = |index: usize| usize::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..=group.len() {
            encoded.push(char::from(DIGITS[bits >> (18 - 6 * digit) & 63]));
        }
    }
    encoded
}

fn every_mechanism() -> [(&'static str, MakeSasl); 4] {
    [
        ("PLAIN", || Sasl::plain("alice", variable("KAFKA_PASSWORD"))),
        ("SCRAM-SHA-256", || {
            Sasl::scram_sha_256("alice", variable("KAFKA_PASSWORD"))
        }),
        ("SCRAM-SHA-512", || {
            Sasl::scram_sha_512("alice", variable("KAFKA_PASSWORD"))
        }),
        ("OAUTHBEARER", || Sasl::oauth_bearer(|| Ok(token()))),
    ]
}

#[test]
fn every_mechanism_delivers_without_tls_and_with_it() {
    let Some(mut kafka) = find("every mechanism") else {
        return;
    };
    for (name, sasl) in every_mechanism() {
        deliver(&mut kafka, name, |topic| {
            let (builder, told) = layer("KAFKA_BROKERS_SASL", topic);
            let builder = builder
                .security_protocol(SecurityProtocol::SaslPlaintext)
                .sasl(sasl());
            (builder, told)
        });
        deliver(&mut kafka, &format!("{name} over TLS"), |topic| {
            let (builder, told) = layer("KAFKA_BROKERS_SASL_SSL", topic);
            let builder = builder
                .security_protocol(SecurityProtocol::SaslSsl)
                .tls(trusted())
                .sasl(sasl());
            (builder, told)
        });
    }
}

#[test]
fn tls_and_client_certificates_deliver() {
    let Some(mut kafka) = find("TLS, mutual TLS") else {
        return;
    };
    deliver(&mut kafka, "TLS, by properties", |topic| {
        let (builder, told) = layer("KAFKA_BROKERS_SSL", topic);
        let builder = builder
            .property("security.protocol", "SSL")
            .property("ssl.truststore.type", "PEM")
            .property("ssl.truststore.location", variable("KAFKA_CA"));
        (builder, told)
    });
    for version in ["TLSv1.2", "TLSv1.3"] {
        deliver(&mut kafka, &format!("mutual TLS, {version}"), |topic| {
            let (builder, told) = layer("KAFKA_BROKERS_MTLS", topic);
            let builder = builder
                .security_protocol(SecurityProtocol::Ssl)
                .tls(client())
                .property("ssl.enabled.protocols", version);
            (builder, told)
        });
    }
}

#[test]
fn tls_that_must_be_refused_is() {
    let Some(mut kafka) = find("TLS refused") else {
        return;
    };
    let ssl = |listener: &'static str, tls: fn() -> Tls| {
        move |topic: &str| {
            let (builder, told) = layer(listener, topic);
            let builder = builder.security_protocol(SecurityProtocol::Ssl).tls(tls());
            (builder, told)
        }
    };
    let unknown = ssl("KAFKA_BROKERS_SSL", || {
        Tls::new().ca_file(variable("KAFKA_OTHER_CA"))
    });
    refused(&mut kafka, unknown, &["tls: ", "from an unknown issuer"]);

    // The certificate does not name it.
    let forwarder = Forwarder::to(&variable("KAFKA_BROKERS_SSL"));
    let other_name = |topic: &str| {
        let (builder, told) = layer_to(forwarder.address.clone(), topic);
        (
            builder
                .security_protocol(SecurityProtocol::Ssl)
                .tls(trusted()),
            told,
        )
    };
    refused(&mut kafka, other_name, &["tls: ", "is for another name"]);

    let plaintext = ssl("KAFKA_BROKERS", trusted);
    refused(&mut kafka, plaintext, &["tls: ", "is this a TLS listener?"]);
    refused(
        &mut kafka,
        ssl("KAFKA_BROKERS_MTLS", trusted),
        &["tls: ", "the alert"],
    );
    let stranger = || {
        let folder = PathBuf::from(variable("KAFKA_CA"));
        trusted().client_certificate_files(
            folder.with_file_name("stranger.pem"),
            folder.with_file_name("stranger.key"),
        )
    };
    refused(
        &mut kafka,
        ssl("KAFKA_BROKERS_MTLS", stranger),
        &["tls: ", "the alert"],
    );
}

#[test]
fn wrong_credentials_are_refused_without_being_shown() {
    let Some(mut kafka) = find("wrong credentials") else {
        return;
    };
    let cases: [(MakeSasl, &str); 4] = [
        (
            || Sasl::plain("alice", "other-secret"),
            "by PLAIN failed: SASL_AUTHENTICATION_FAILED (58)",
        ),
        (
            || Sasl::scram_sha_256("alice", "other-secret"),
            "by SCRAM-SHA-256 failed",
        ),
        (
            || Sasl::scram_sha_512("nobody", "other-secret"),
            "by SCRAM-SHA-512 failed",
        ),
        (
            || Sasl::oauth_bearer(|| Ok("secret.token".to_owned())),
            "by OAUTHBEARER failed",
        ),
    ];
    for (sasl, text) in cases {
        let without_tls = |topic: &str| {
            let (builder, told) = layer("KAFKA_BROKERS_SASL", topic);
            let builder = builder
                .security_protocol(SecurityProtocol::SaslPlaintext)
                .sasl(sasl());
            (builder, told)
        };
        refused(&mut kafka, without_tls, &["authentication: ", text]);
        let with_tls = |topic: &str| {
            let (builder, told) = layer("KAFKA_BROKERS_SASL_SSL", topic);
            let builder = builder
                .security_protocol(SecurityProtocol::SaslSsl)
                .tls(trusted())
                .sasl(sasl());
            (builder, told)
        };
        refused(&mut kafka, with_tls, &["authentication: ", text]);
    }
    // A user that nobody has on a listener without SASL.
    let none = |topic: &str| {
        let (builder, told) = layer("KAFKA_BROKERS", topic);
        let builder = builder
            .security_protocol(SecurityProtocol::SaslPlaintext)
            .sasl(Sasl::plain("alice", "other-secret"));
        (builder, told)
    };
    refused(&mut kafka, none, &["ILLEGAL_SASL_STATE (34)"]);
}

/// Two layers at once, as each waits for half a minute.
#[test]
fn credentials_that_become_right_recover_without_a_restart() {
    let Some(mut kafka) = find("credentials become right") else {
        return;
    };
    let (first, second) = (kafka.topic(3), kafka.topic(3));
    let user = format!("carol-{}", std::process::id());
    let (builder, told) = layer("KAFKA_BROKERS_SASL", &first);
    let (changed, changed_guard) = start(
        builder
            .security_protocol(SecurityProtocol::SaslPlaintext)
            .sasl(Sasl::scram_sha_256(&user, "carol-secret")),
    );
    let good = Arc::new(AtomicBool::new(false));
    let is_good = Arc::clone(&good);
    let (builder, _) = layer("KAFKA_BROKERS_SASL_SSL", &second);
    let (renewed, renewed_guard) = start(
        builder
            .security_protocol(SecurityProtocol::SaslSsl)
            .tls(trusted())
            .sasl(Sasl::oauth_bearer(move || {
                let is_good = is_good.load(Ordering::Relaxed);
                Ok(if is_good { token() } else { "bad".to_owned() })
            })),
    );
    let begin = Instant::now();
    let logged = [log(&changed, 2_000), log(&renewed, 2_000)];
    for guard in [&changed_guard, &renewed_guard] {
        wait_until("misconfigured", || guard.health() == Health::Misconfigured);
    }
    good.store(true, Ordering::Relaxed);
    let bootstrap = kafka.servers().to_owned();
    kafka.local(&[
        "tool",
        "kafka.admin.ConfigCommand",
        "--bootstrap-server",
        &bootstrap,
        "--alter",
        "--add-config",
        "SCRAM-SHA-256=[iterations=4096,password=carol-secret]",
        "--entity-type",
        "users",
        "--entity-name",
        &user,
    ]);
    for ((topic, guard), logged) in [(first, changed_guard), (second, renewed_guard)]
        .into_iter()
        .zip(&logged)
    {
        guard.flush(OPERATOR).unwrap();
        assert_delivered(&kafka, &topic, logged, &guard.shutdown(LONG));
    }
    let told = told.lock().unwrap();
    println!(
        "recovered after {:.1?}, {} attempts refused",
        begin.elapsed(),
        told.len()
    );
    assert!(begin.elapsed() > Duration::from_secs(29));
    assert!(told.len() <= 3, "{told:?}");
}

/// Access that is taken away and given back, while the user is logged in and events go on.
#[test]
fn a_right_to_write_that_is_revoked_recovers_without_a_restart() {
    let Some(mut kafka) = find("a right revoked") else {
        return;
    };
    let topic = kafka.topic(3);
    let (builder, told) = layer("KAFKA_BROKERS_SASL", &topic);
    let builder = builder
        .security_protocol(SecurityProtocol::SaslPlaintext)
        .sasl(Sasl::scram_sha_512("alice", variable("KAFKA_PASSWORD")))
        .buffer_memory(256 * 1024 * 1024);
    let (logged, report) = under_load(builder, STEADY, |scene| {
        scene.wait_delivered("a first load", 1_000);
        deny_writes(&kafka, &topic, &["--add"]);
        wait_until("misconfigured", || {
            scene.guard.health() == Health::Misconfigured
        });
        scene.say("refused");
        scene.wait_offered("events that it may not write", 2_000);
        deny_writes(&kafka, &topic, &["--remove", "--force"]);
        scene.flush();
        scene.say("flushed");
        assert_eq!(scene.guard.health(), Health::Healthy);
        scene.wait_delivered("a load after it", 1_000);
    });
    assert_delivered(&kafka, &topic, &logged, &report);
    let told = told.lock().unwrap();
    assert!(
        told.iter()
            .any(|text| text.contains("TOPIC_AUTHORIZATION_FAILED")),
        "{told:?}"
    );
}

fn deny_writes(kafka: &Kafka, topic: &str, change: &[&str]) {
    let bootstrap = ["--bootstrap-server", kafka.servers()];
    let rule = ["--deny-principal", "User:alice", "--operation", "Write"];
    let mut arguments = vec!["tool", "org.apache.kafka.tools.AclCommand"];
    arguments.extend(bootstrap);
    arguments.extend(change);
    arguments.extend(rule);
    arguments.extend(["--topic", topic]);
    kafka.local(&arguments);
}

/// None of them meets its end on our side: a broker closes the connection of one that does, and says
/// so in its log. That it does say so is seen by a client that waits for it.
#[test]
fn sessions_that_end_every_four_seconds_cost_no_attempt() {
    let config = std::env::var("KAFKA_LOCAL_CONFIG").unwrap_or_default();
    if std::env::var("KAFKA_BROKERS").is_ok() && !config.contains("connections.max.reauth.ms=4000")
    {
        println!(
            "skipped: KAFKA_LOCAL_CONFIG is not `connections.max.reauth.ms=4000` (sessions that end)"
        );
        return;
    }
    let Some(mut kafka) = find("sessions that end") else {
        return;
    };
    let topic = kafka.topic(3);
    kafka.tell_of_expired_sessions();
    let before = kafka.expired_sessions();
    let (builder, told) = layer("KAFKA_BROKERS_SASL", &topic);
    let logins = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&logins);
    let builder = builder
        .security_protocol(SecurityProtocol::SaslPlaintext)
        .sasl(Sasl::oauth_bearer(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(token())
        }));
    let (logged, report) = under_load(builder, STEADY, |scene| {
        wait_until("several sessions", || {
            scene.start.elapsed() > Duration::from_secs(15)
        });
    });
    assert_delivered(&kafka, &topic, &logged, &report);
    assert_no_trouble("sessions that end", &told);
    assert_eq!(report.stats.duplicates_avoided, 0, "sent again: {report}");
    let logins = logins.load(Ordering::Relaxed);
    println!("{logins} logins");
    assert!((4..=12).contains(&logins), "{logins} in some 15 s");
    assert_eq!(
        kafka.expired_sessions(),
        before,
        "sessions that the broker ended"
    );
    overdue::outlive_a_session(
        &variable("KAFKA_BROKERS_SASL"),
        "alice",
        &variable("KAFKA_PASSWORD"),
    );
    wait_until("a word about a session that is over", || {
        kafka.expired_sessions() == before + 1
    });
}
