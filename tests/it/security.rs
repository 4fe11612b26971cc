//! Connections with SASL and TLS, right and wrong, against a gate before the in-process broker.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use tracing::Dispatch;
use tracing_kafka::DropReason;
use tracing_kafka::Health;
use tracing_kafka::KafkaLayer;
use tracing_kafka::KafkaLayerBuilder;
use tracing_kafka::Sasl;
use tracing_kafka::SecurityProtocol;
use tracing_kafka::WorkerGuard;
use tracing_kafka_broker::TestBroker;
use tracing_subscriber::prelude::*;

use crate::gate::Gate;
use crate::gate::Rules;
use crate::support::LONG;
use crate::support::TOPIC;
use crate::support::assert_conserved;
use crate::support::broker;
use crate::support::pattern;
use crate::support::values;
use crate::support::wait_until;

#[cfg(feature = "tls")]
mod tls;

const THREADS: usize = 4;
const PER_THREAD: usize = 500;
/// More than the 30 seconds after which a refused login is tried again.
const OPERATOR: Duration = Duration::from_secs(70);

/// What is told of attempts.
type Told = Arc<Mutex<Vec<String>>>;

fn layer(gate: &Gate) -> (KafkaLayerBuilder, Told) {
    let told = Told::default();
    let hook = Arc::clone(&told);
    let builder = KafkaLayer::builder([gate.address()], TOPIC)
        .layout(pattern("%m"))
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

/// Everything that was logged is delivered once, and in the order of its thread.
#[track_caller]
fn deliver_from_threads(dispatch: &Dispatch, guard: &WorkerGuard, broker: &TestBroker) {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                tracing::dispatcher::with_default(dispatch, || {
                    for number in 0..PER_THREAD {
                        tracing::info!("{thread} {number}");
                    }
                });
            });
        }
    });
    guard.flush(LONG).unwrap();
    let stats = guard.stats();
    assert_conserved(&stats);
    assert_eq!(stats.delivered, (THREADS * PER_THREAD) as u64, "{stats}");
    assert_in_order(broker, THREADS * PER_THREAD);
}

/// `calls` different records `thread number`, those of a thread in order within each partition.
#[track_caller]
fn assert_in_order(broker: &TestBroker, calls: usize) {
    let mut last: HashMap<(i32, String), usize> = HashMap::new();
    let mut count = 0;
    for partition in 0..3 {
        for record in broker.records(TOPIC, partition) {
            let text = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
            let (thread, number) = text.split_once(' ').unwrap();
            let number: usize = number.parse().unwrap();
            let before = last.insert((partition, thread.to_owned()), number);
            assert!(before < Some(number), "{before:?} before {text}");
            count += 1;
        }
    }
    assert_eq!(count, calls);
}

#[track_caller]
fn told(told: &Told, parts: &[&str]) {
    wait_until("an error is told", || !told.lock().unwrap().is_empty());
    let all = told.lock().unwrap().clone();
    for part in parts {
        assert!(all[0].contains(part), "{all:?} lacks {part}");
    }
}

fn plain(user: &str, password: &str) -> Vec<u8> {
    format!("\0{user}\0{password}").into_bytes()
}

fn demanding(user: &str, password: &str) -> Rules {
    Rules {
        accepted: Some(vec![plain(user, password)]),
        refusal: "sent was ".to_owned(),
        ..Rules::default()
    }
}

#[test]
fn sasl_by_kafkas_properties_delivers() {
    let broker = broker();
    let gate = Gate::open(&broker, demanding("alice", "p;\"w"), None);
    let (builder, told) = layer(&gate);
    let (dispatch, guard) = start(
        builder
            .property("security.protocol", "SASL_PLAINTEXT")
            .property("sasl.mechanism", "PLAIN")
            .property(
                "sasl.jaas.config",
                r#"org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="p;\"w";"#,
            ),
    );
    deliver_from_threads(&dispatch, &guard, &broker);
    assert!(told.lock().unwrap().is_empty());
    assert_eq!(gate.rules().refused, 0);
}

#[test]
fn a_refused_login_is_misconfiguration_tried_twice_a_minute_and_recovers() {
    let broker = broker();
    let gate = Gate::open(&broker, demanding("alice", "the new one"), None);
    let told = Told::default();
    // Two addresses of the one cluster: the other would only refuse as well.
    let port = gate.address().rsplit_once(':').unwrap().1.to_owned();
    let hook = Arc::clone(&told);
    let builder = KafkaLayer::builder([gate.address(), format!("localhost:{port}")], TOPIC)
        .layout(pattern("%m"))
        .on_error(move |error| {
            hook.lock()
                .unwrap()
                .push(format!("{}: {error}", error.kind()));
        })
        .security_protocol(SecurityProtocol::SaslPlaintext)
        .sasl(Sasl::plain("alice", "the old one"));
    let (dispatch, guard) = start(builder);
    let begin = Instant::now();
    tracing::dispatcher::with_default(&dispatch, || tracing::error!("0 0"));
    wait_until("misconfigured", || guard.health() == Health::Misconfigured);
    assert!(begin.elapsed() < Duration::from_secs(5));
    self::told(
        &told,
        &[
            "authentication: ",
            "PLAIN",
            "SASL_AUTHENTICATION_FAILED (58): sent was",
        ],
    );
    let all = told.lock().unwrap().clone();
    assert!(
        all.iter().all(|text| !text.contains("the old one")),
        "{all:?}"
    );
    // Somebody gives the user that password.
    gate.rules().accepted = Some(vec![plain("alice", "the old one")]);
    guard.flush(OPERATOR).unwrap();
    let waited = begin.elapsed();
    assert!(
        waited > Duration::from_secs(29),
        "tried again after {waited:?}"
    );
    assert_eq!(gate.rules().refused, 1);
    assert_eq!(values(&broker), ["0 0"]);
    assert_eq!(guard.health(), Health::Healthy);
}

#[test]
fn sessions_that_end_cost_no_attempt_and_no_order() {
    let broker = broker();
    let rules = Rules {
        lifetime: Some(Duration::from_millis(1500)),
        ..demanding("alice", "secret")
    };
    let gate = Gate::open(&broker, rules, None);
    let (builder, told) = layer(&gate);
    let (dispatch, guard) = start(
        builder
            .security_protocol(SecurityProtocol::SaslPlaintext)
            .sasl(Sasl::plain("alice", "secret")),
    );
    let begin = Instant::now();
    let mut calls = 0;
    tracing::dispatcher::with_default(&dispatch, || {
        while begin.elapsed() < Duration::from_secs(6) {
            tracing::info!("0 {calls}");
            calls += 1;
            std::thread::park_timeout(Duration::from_millis(1));
        }
    });
    guard.flush(LONG).unwrap();
    assert_eq!(guard.stats().delivered, calls as u64);
    assert_in_order(&broker, calls);
    let told = told.lock().unwrap();
    assert!(told.is_empty(), "{told:?}");
    let rules = gate.rules();
    assert!(rules.logins >= 4, "{rules:?}");
    assert_eq!(rules.expired, 0, "{rules:?}");
}

#[test]
fn a_token_callback_that_hangs_is_called_once_and_the_end_comes_in_time() {
    let broker = broker();
    let gate = Gate::open(&broker, demanding("", ""), None);
    let calls = Arc::new(AtomicUsize::new(0));
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Mutex::new(released);
    let counted = Arc::clone(&calls);
    let (builder, told) = layer(&gate);
    let (dispatch, guard) = start(
        builder
            .connect_timeout(Duration::from_millis(100))
            .security_protocol(SecurityProtocol::SaslPlaintext)
            .sasl(Sasl::oauth_bearer(move || {
                counted.fetch_add(1, Ordering::Relaxed);
                let _ended = released.lock().unwrap().recv();
                Err("released".into())
            })),
    );
    tracing::dispatcher::with_default(&dispatch, || tracing::error!("0 0"));
    wait_until("three attempts", || told.lock().unwrap().len() >= 3);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    assert_eq!(gate.rules().connections, 0, "dialled without a token");
    let begin = Instant::now();
    let report = guard.shutdown(Duration::from_millis(300));
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(
        report.stats.dropped.get(DropReason::Shutdown),
        1,
        "{report}"
    );
    assert_conserved(&report.stats);
    drop(release);
}

#[test]
fn a_token_that_begins_to_be_good_is_taken() {
    let broker = broker();
    let gate = Gate::open(
        &broker,
        Rules {
            accepted: Some(vec![b"n,,\x01auth=Bearer good\x01\x01".to_vec()]),
            ..Rules::default()
        },
        None,
    );
    let calls = AtomicUsize::new(0);
    let (builder, told) = layer(&gate);
    let (dispatch, guard) = start(
        builder
            .security_protocol(SecurityProtocol::SaslPlaintext)
            .property("sasl.mechanism", "OAUTHBEARER")
            .sasl(Sasl::oauth_bearer(move || {
                match calls.fetch_add(1, Ordering::Relaxed) {
                    0 => Err("the issuer is away".into()),
                    1 => panic!("on purpose"),
                    _ => Ok("good".to_owned()),
                }
            })),
    );
    tracing::dispatcher::with_default(&dispatch, || tracing::error!("0 0"));
    guard.flush(LONG).unwrap();
    self::told(&told, &["token: ", "the issuer is away"]);
    assert_eq!(values(&broker), ["0 0"]);
}

#[test]
fn sasl_where_there_is_none_is_told() {
    let broker = broker();
    let gate = Gate::open(&broker, Rules::default(), None);
    let (builder, told) = layer(&gate);
    let (dispatch, guard) = start(
        builder
            .security_protocol(SecurityProtocol::SaslPlaintext)
            .sasl(Sasl::plain("alice", "secret")),
    );
    tracing::dispatcher::with_default(&dispatch, || tracing::error!("0 0"));
    self::told(&told, &["ILLEGAL_SASL_STATE (34)", "without SASL?"]);
    assert_eq!(guard.health(), Health::Misconfigured);
    assert_eq!(gate.rules().logins, 0, "the password was sent");
    guard.shutdown(Duration::from_millis(10));
}
