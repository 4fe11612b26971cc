//! Losses are told: on standard error, read from child processes, and to hooks.
#![cfg(test)]
#![cfg(unix)]

use std::fmt;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka::Compression;
use tracing_kafka::DeliveryError;
use tracing_kafka::DropReason;
use tracing_kafka::FileLayer;
use tracing_kafka::KafkaLayer;
use tracing_kafka::KafkaLayerBuilder;
use tracing_kafka::Layout;
use tracing_kafka::LogEvent;
use tracing_kafka::Loss;
use tracing_kafka::OverflowPolicy;
use tracing_kafka::PatternLayout;
use tracing_kafka::WorkerGuard;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::Fault;
use tracing_kafka_broker::TestBroker;
use tracing_subscriber::prelude::*;

const LONG: Duration = Duration::from_secs(60);
/// Names the case that a child has to play.
const CASE: &str = "TRACING_KAFKA_TEST_CASE";
const BROKERS: &str = "TRACING_KAFKA_TEST_BROKERS";
const TOPIC: &str = "log-message";
const SMALL: usize = 64 * 1024;

/// A child, and the lines of its standard error as they come.
struct Playing {
    child: Child,
    lines: Receiver<String>,
}

fn command(case: &str, brokers: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child_process", "--nocapture"])
        .env(CASE, case)
        .env(BROKERS, brokers)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn play(case: &str, brokers: &str) -> Playing {
    let mut child = command(case, brokers).spawn().unwrap();
    let errors = BufReader::new(child.stderr.take().unwrap());
    let (tell, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in errors.lines() {
            let _ended = tell.send(line.unwrap());
        }
    });
    Playing { child, lines }
}

impl Playing {
    #[track_caller]
    fn line(&self) -> String {
        self.lines.recv_timeout(LONG).unwrap()
    }

    /// Lets the child go on to its end; the rest of its lines, and what it printed.
    #[track_caller]
    fn end(mut self) -> (Vec<String>, String) {
        drop(self.child.stdin.take());
        let mut text = String::new();
        let mut out = self.child.stdout.take().unwrap();
        out.read_to_string(&mut text).unwrap();
        assert!(self.child.wait().unwrap().success(), "{text}");
        (self.lines.iter().collect(), text)
    }
}

/// Waits for the parent to let this child go on.
fn pause() {
    let _closed = std::io::stdin().read_to_end(&mut Vec::new());
}

/// How many events a line says were dropped.
#[track_caller]
fn count(line: &str) -> u64 {
    let words: Vec<&str> = line.split(' ').collect();
    let at = words.iter().position(|word| word.starts_with("event"));
    let number = at.and_then(|at| words[at - 1].parse().ok());
    number.unwrap_or_else(|| panic!("no count in {line}"))
}

fn broker() -> TestBroker {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic(TOPIC, 1);
    broker
}

fn pattern(text: &str) -> PatternLayout {
    PatternLayout::new(text).unwrap()
}

fn kafka(brokers: &str) -> KafkaLayerBuilder {
    KafkaLayer::builder([brokers], TOPIC)
        .layout(pattern("%m"))
        .linger(Duration::from_millis(5))
        .retry_backoff(Duration::from_millis(20), Duration::from_millis(50))
        .reconnect_backoff(Duration::from_millis(20), Duration::from_millis(50))
        .batch_size(16 * 1024)
        .max_request_size(16 * 1024)
        // What is held is what was logged.
        .compression(Compression::None)
        .buffer_memory(SMALL)
        .overflow(OverflowPolicy::DropNewest)
}

/// Logs more than a small buffer holds.
fn overflow() {
    for number in 0..5_000 {
        tracing::error!("{number:0100}");
    }
}

/// Not a test of its own: what a child plays. Without a case it has nothing to do.
#[test]
fn child_process() {
    let Ok(case) = std::env::var(CASE) else {
        return;
    };
    let brokers = std::env::var(BROKERS).unwrap();
    match case.as_str() {
        "flood" => play_flood(&brokers),
        "nested" => play_nested(),
        "frozen" => play_frozen(&brokers),
        "undelivered" => play_undelivered(&brokers),
        "unbound" => play_unbound(&brokers),
        "bound" => play_bound(&brokers),
        "held_stderr" => play_held_stderr(),
        "stdout" => play_stdout(),
        "full_disk" => play_full_disk(),
        "clogged" => play_clogged(&brokers),
        "closed" => play_closed(&brokers),
        other => panic!("no case `{other}`"),
    }
}

fn play_frozen(brokers: &str) {
    let (layer, guard) = kafka(brokers)
        .request_timeout(Duration::from_secs(2))
        .build()
        .unwrap();
    tracing_subscriber::registry().with(layer).init();
    overflow();
    pause();
    let stats = guard.stats_handle();
    drop(guard);
    println!("\ndropped={}", stats.stats().dropped.total());
}

#[test]
fn an_outage_is_told_when_it_begins_and_when_it_is_over_and_the_counts_are_exact() {
    let broker = broker();
    broker.fault_always(Api::Produce, Fault::Silence);
    let child = play("frozen", &broker.bootstrap());
    let first = child.line();
    assert!(
        first.starts_with("tracing-kafka: topic `log-message`: "),
        "{first}"
    );
    assert!(first.contains(" dropped since 20"), "{first}");
    assert!(
        first.contains("Z: the buffer of 64 KiB is full; "),
        "{first}"
    );
    let waits = format!(
        "the oldest event waits for broker `{}`, which has not answered since 20",
        broker.bootstrap()
    );
    assert!(first.contains(&waits), "{first}");
    broker.clear_faults();
    let over = loop {
        let line = child.line();
        // An attempt that failed may be told between the two.
        if line.contains("dropped") {
            break line;
        }
    };
    assert!(over.contains(" dropped "), "{over}");
    assert!(over.ends_with("the buffer of 64 KiB was full"), "{over}");
    assert!(count(&first) <= count(&over));
    let (rest, text) = child.end();
    assert!(
        rest.iter().all(|line| !line.contains("dropped")),
        "{rest:?}"
    );
    let dropped = format!("\ndropped={}\n", count(&over));
    assert!(text.contains(&dropped), "{text} {over}");
}

fn play_flood(brokers: &str) {
    let (layer, guard) = kafka(brokers)
        .shutdown_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    tracing_subscriber::registry().with(layer).init();
    std::thread::scope(|scope| {
        for _thread in 0..4 {
            scope.spawn(|| (0..100).for_each(|_| overflow()));
        }
    });
    drop(guard);
    overflow();
}

#[test]
fn two_million_losses_on_four_threads_are_few_lines() {
    let (lines, _) = play("flood", "127.0.0.1:1").end();
    let of = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert!(of("is full") >= 1, "{lines:?}");
    assert_eq!(of("was full"), 1, "{lines:?}");
    assert_eq!(
        of("not delivered when the guard was dropped"),
        1,
        "{lines:?}"
    );
    assert_eq!(of("bind the guard to a name"), 1, "{lines:?}");
    assert!(lines.len() <= 8, "{lines:?}");
    let over = lines.iter().find(|line| line.contains("was full")).unwrap();
    assert!(count(over) > 1_900_000, "{over}");
}

fn play_undelivered(brokers: &str) {
    let (layer, guard) = kafka(brokers)
        .shutdown_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    tracing_subscriber::registry().with(layer).init();
    for number in 0..10 {
        tracing::error!("{number}");
    }
    drop(guard);
}

#[test]
fn a_dropped_guard_tells_what_was_not_delivered_and_why() {
    let broker = broker();
    broker.fault_always(Api::Produce, Fault::Silence);
    let (lines, _) = play("undelivered", &broker.bootstrap()).end();
    let [line] = &lines[..] else {
        panic!("{lines:?}")
    };
    let text = "10 events were not delivered when the guard was dropped: there was no more than the \
                shutdown timeout of 300ms, and ";
    assert!(line.contains(text), "{line}");
    assert!(
        line.contains("may have arrived; the oldest event waits for broker `"),
        "{line}"
    );
}

fn play_unbound(brokers: &str) {
    let (kafka, _) = kafka(brokers).build().unwrap();
    let (file, _) = FileLayer::builder("/dev/null").build().unwrap();
    tracing_subscriber::registry().with(kafka).with(file).init();
    for number in 0..1_000 {
        tracing::error!("{number}");
    }
    std::process::exit(0);
}

#[test]
fn the_first_event_after_the_guard_is_told_once_for_each_layer() {
    let broker = broker();
    let (mut lines, _) = play("unbound", &broker.bootstrap()).end();
    lines.sort();
    let [file, kafka] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert!(
        file.starts_with("tracing-kafka: an event was logged after"),
        "{file}"
    );
    assert!(
        kafka.starts_with("tracing-kafka: topic `log-message`: an event"),
        "{kafka}"
    );
    assert!(
        lines
            .iter()
            .all(|line| line.contains("bind the guard to a name"))
    );
}

fn play_bound(brokers: &str) {
    let (kafka, kafka_guard) = kafka(brokers).build().unwrap();
    let (file, file_guard) = FileLayer::builder("/dev/null").build().unwrap();
    tracing_subscriber::registry().with(kafka).with(file).init();
    for number in 0..1_000 {
        tracing::error!("{number}");
        if number % 100 == 0 {
            kafka_guard.flush(LONG).unwrap();
        }
    }
    drop(kafka_guard);
    file_guard.shutdown(LONG);
}

#[test]
fn where_nothing_is_lost_nothing_is_told() {
    let broker = broker();
    let (lines, _) = play("bound", &broker.bootstrap()).end();
    assert_eq!(lines, Vec::<String>::new());
    assert_eq!(broker.count(TOPIC), 1_000);
}

/// A value that logs while it is being formatted.
struct Chatty;

impl fmt::Debug for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tracing::error!("nested");
        f.write_str("chatty")
    }
}

fn play_nested() {
    let (file, guard) = FileLayer::builder("/dev/null").build().unwrap();
    tracing_subscriber::registry().with(file).init();
    for _event in 0..100 {
        tracing::error!("{:?}", Chatty);
    }
    assert_eq!(guard.stats().dropped.get(DropReason::Reentrant), 100);
    pause();
    guard.shutdown(LONG);
}

#[test]
fn events_inside_events_are_told_while_the_layer_has_nothing_else_to_do() {
    let child = play("nested", "");
    let first = child.line();
    let text = ": they were logged by the `Debug`, `Display` or layout of an event that was being formatted";
    assert!(first.ends_with(text), "{first}");
    let (rest, _) = child.end();
    assert_eq!(rest.len(), 1, "{rest:?}");
    assert_eq!(count(&rest[0]), 100);
}

fn play_held_stderr() {
    let (file, _) = FileLayer::builder("/dev/null").build().unwrap();
    tracing_subscriber::registry().with(file).init();
    let mut lock = std::io::stderr().lock();
    // As an application's own writer might do.
    tracing::error!("logged inside of a write");
    writeln!(lock, "mine").unwrap();
    tracing::error!("again");
    drop(lock);
}

#[test]
fn an_event_inside_a_write_to_standard_error_waits_for_nothing() {
    let (lines, _) = play("held_stderr", "").end();
    assert_eq!(lines.first().unwrap(), "mine");
    assert!(lines.len() <= 2, "{lines:?}");
}

fn play_stdout() {
    let (file, guard) = FileLayer::stdout()
        .layout(pattern("%m"))
        .buffer_memory(SMALL)
        .overflow(OverflowPolicy::DropNewest)
        .shutdown_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    tracing_subscriber::registry().with(file).init();
    // What a pipe holds goes first.
    let deadline = Instant::now() + LONG;
    while guard.stats().dropped.total() == 0 && Instant::now() < deadline {
        overflow();
    }
    pause();
    drop(guard);
    std::process::exit(0);
}

#[test]
fn a_layer_whose_thread_hangs_in_a_write_is_told_of_all_the_same() {
    let mut child = play("stdout", "");
    let first = child.line();
    assert!(first.contains("the buffer of 64 KiB is full; "), "{first}");
    drop(child.child.stdin.take());
    let over = child.line();
    assert!(over.contains("was full"), "{over}");
    let undelivered = child.line();
    let text = "not delivered when the guard was dropped";
    assert!(undelivered.contains(text), "{undelivered}");
    // On a busy machine it may be between two attempts.
    let waits = "waits for standard output";
    assert!(undelivered.contains(waits), "{undelivered}");
    child.end();
}

fn play_full_disk() {
    let (file, guard) = FileLayer::builder("/dev/full")
        .buffer_memory(SMALL)
        .overflow(OverflowPolicy::DropNewest)
        .shutdown_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    tracing_subscriber::registry().with(file).init();
    tracing::error!("the first");
    let deadline = Instant::now() + LONG;
    while guard.health() != tracing_kafka::Health::Retrying && Instant::now() < deadline {
        std::thread::park_timeout(Duration::from_millis(2));
    }
    overflow();
    pause();
    drop(guard);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_what_its_events_wait_for() {
    let child = play("full_disk", "");
    let trouble = child.line();
    assert!(trouble.contains("cannot write to `/dev/full`"), "{trouble}");
    let first = child.line();
    assert!(first.contains("the buffer of 64 KiB is full; "), "{first}");
    let waits = "waits for `/dev/full`: No space left on device (os error 28), since 20";
    assert!(first.contains(waits), "{first}");
    let (rest, _) = child.end();
    assert_eq!(rest.len(), 2, "{rest:?}");
}

/// Somebody fills standard error, which nobody reads, and holds it for ever.
fn play_clogged(brokers: &str) {
    std::thread::spawn(|| {
        let mut errors = std::io::stderr().lock();
        loop {
            let _waits = errors.write_all(&[b'x'; 1024]);
        }
    });
    let (layer, guard) = kafka(brokers)
        .shutdown_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    let stats = guard.stats_handle();
    tracing_subscriber::registry().with(layer).init();
    overflow();
    drop(guard);
    overflow();
    println!("\noffered={}", stats.stats().offered);
    std::process::exit(0);
}

#[test]
fn a_standard_error_that_nobody_reads_holds_no_process_up() {
    let mut child = command("clogged", "127.0.0.1:1").spawn().unwrap();
    let mut text = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert!(text.contains("\noffered=10000\n"), "{text}");
}

fn play_closed(brokers: &str) {
    let (layer, guard) = kafka(brokers)
        .shutdown_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    tracing_subscriber::registry().with(layer).init();
    overflow();
    drop(guard);
    overflow();
    println!("\nall is well");
}

#[test]
fn a_closed_standard_error_does_no_harm() {
    let own = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .args(["-c", "exec \"$0\" --exact child_process --nocapture 2>&-"])
        .arg(own)
        .env(CASE, "closed")
        .env(BROKERS, "127.0.0.1:1")
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("\nall is well\n"), "{text}");
}

// --- hooks -----------------------------------------------------------------------------------------------

/// What a hook was told.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<DeliveryError>>>);

impl Heard {
    fn hook(&self) -> impl Fn(&DeliveryError) + Send + Sync + 'static {
        let heard = self.clone();
        move |error| heard.0.lock().unwrap().push(error.clone())
    }

    fn losses(&self) -> Vec<DeliveryError> {
        let mut errors = self.0.lock().unwrap().clone();
        errors.retain(|error| error.loss().is_some());
        errors
    }

    #[track_caller]
    fn wait_for(&self, reason: DropReason) -> DeliveryError {
        let deadline = Instant::now() + LONG;
        loop {
            let found = self
                .losses()
                .into_iter()
                .find(|error| error.loss().unwrap().reason() == reason);
            if let Some(error) = found {
                return error;
            }
            assert!(Instant::now() < deadline, "not told: {reason}");
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// The end of the layer: what was told as over adds up to the counters.
    #[track_caller]
    fn end(&self, guard: WorkerGuard) {
        let stats = guard.stats_handle();
        drop(guard);
        for (reason, count) in stats.stats().dropped.iter() {
            let losses = self.losses();
            let of_reason = losses.iter().filter_map(DeliveryError::loss);
            let over = of_reason.filter(|loss| loss.reason() == reason && loss.until().is_some());
            let told: u64 = over.map(Loss::count).sum();
            assert_eq!(told, count, "{reason}");
        }
    }
}

fn with(
    layer: impl tracing_subscriber::Layer<tracing_subscriber::Registry> + Send + Sync,
    log: impl FnOnce(),
) {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
}

#[test]
fn a_hook_is_told_the_same_with_figures() {
    let heard = Heard::default();
    let (layer, guard) = kafka("127.0.0.1:1")
        .shutdown_timeout(Duration::from_millis(300))
        .on_error(heard.hook())
        .build()
        .unwrap();
    with(layer, || {
        overflow();
        let error = heard.wait_for(DropReason::QueueFull);
        assert_eq!(error.kind(), "queue_full");
        let loss = error.loss().unwrap();
        assert!(loss.count() > 0 && loss.until().is_none());
        assert!(loss.since().elapsed().unwrap() < LONG);
        let waits_for = loss.waits_for().unwrap();
        assert!(waits_for.contains("127.0.0.1:1"), "{waits_for}");
        assert!(error.to_string().ends_with(waits_for), "{error}");
    });
    heard.end(guard);
}

#[test]
fn a_broker_that_never_says_a_word_is_named() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let heard = Heard::default();
    let (layer, guard) = kafka(&address)
        .shutdown_timeout(Duration::from_millis(300))
        .on_error(heard.hook())
        .build()
        .unwrap();
    with(layer, || {
        overflow();
        let error = heard.wait_for(DropReason::QueueFull);
        let waits_for = error.loss().unwrap().waits_for().unwrap();
        let text = format!("broker `{address}`, which has not answered since 20");
        assert!(waits_for.starts_with(&text), "{waits_for}");
    });
    heard.end(guard);
}

#[test]
fn what_a_report_says_is_not_told_again_and_what_comes_later_is_told_once() {
    let heard = Heard::default();
    let (layer, guard) = kafka("127.0.0.1:1").on_error(heard.hook()).build().unwrap();
    with(layer, || {
        tracing::error!("not delivered");
        let report = guard.shutdown(Duration::from_millis(100));
        assert_eq!(report.stats.dropped.get(DropReason::Shutdown), 1);
        assert_eq!(heard.losses(), []);
        for _late in 0..100 {
            tracing::error!("late");
        }
    });
    let error = heard.wait_for(DropReason::Shutdown);
    assert!(
        error.to_string().contains("bind the guard to a name"),
        "{error}"
    );
    assert_eq!(heard.losses().len(), 1);
}

/// A layout that panics.
struct Panics;

impl Layout for Panics {
    fn render(&self, _: &LogEvent<'_>, _: &mut Vec<u8>) {
        panic!("on purpose")
    }
}

#[test]
fn a_layer_with_nothing_to_do_tells_what_it_has_refused() {
    let heard = Heard::default();
    let (layer, guard) = FileLayer::builder("/dev/null")
        .layout(Panics)
        .flush_interval(Duration::from_secs(3600))
        .on_error(heard.hook())
        .build()
        .unwrap();
    with(layer, || {
        tracing::error!("an event");
        let error = heard.wait_for(DropReason::FormatError);
        assert!(
            error.to_string().starts_with("1 event was dropped since "),
            "{error}"
        );
        assert_eq!(error.loss().unwrap().waits_for(), None);
    });
    heard.end(guard);

    let heard = Heard::default();
    let (layer, guard) = FileLayer::builder("/dev/null")
        .buffer_memory(SMALL)
        .on_error(heard.hook())
        .build()
        .unwrap();
    with(layer, || {
        tracing::error!("{}", "x".repeat(2 * SMALL));
        heard.wait_for(DropReason::TooLarge);
    });
    heard.end(guard);
}

#[test]
fn what_callers_have_waited_for_in_vain_is_told() {
    let heard = Heard::default();
    let (layer, guard) = kafka("127.0.0.1:1")
        .overflow(OverflowPolicy::Block {
            max_wait: Duration::from_millis(1),
        })
        .shutdown_timeout(Duration::from_millis(300))
        .on_error(heard.hook())
        .build()
        .unwrap();
    with(layer, || {
        let deadline = Instant::now() + LONG;
        while guard.stats().dropped.total() == 0 && Instant::now() < deadline {
            tracing::error!("{:0100}", 1);
        }
        let error = heard.wait_for(DropReason::BlockTimeout);
        let text = "the buffer of 64 KiB is full, and no room came within 1ms";
        assert!(error.to_string().contains(text), "{error}");
    });
    heard.end(guard);
}

#[test]
fn what_the_producer_gives_up_is_told_with_the_brokers_word_or_the_deadline() {
    let broker = broker();
    broker.refuse_records(87, true, |record| record.text() == "bad");
    let heard = Heard::default();
    let (layer, guard) = kafka(&broker.bootstrap())
        .on_error(heard.hook())
        .build()
        .unwrap();
    with(layer, || {
        tracing::error!("good");
        tracing::error!("bad");
        let error = heard.wait_for(DropReason::Rejected);
        assert!(
            error.to_string().contains("1 event was dropped since"),
            "{error}"
        );
        assert!(
            error
                .to_string()
                .contains("rejected by the broker: partition 0"),
            "{error}"
        );
        assert!(error.to_string().contains("INVALID_RECORD"), "{error}");
    });
    heard.end(guard);

    let heard = Heard::default();
    let (layer, guard) = kafka("127.0.0.1:1")
        .request_timeout(Duration::from_millis(100))
        .delivery_timeout(Duration::from_millis(200))
        .on_error(heard.hook())
        .build()
        .unwrap();
    with(layer, || {
        tracing::error!("too late");
        let error = heard.wait_for(DropReason::Deadline);
        assert!(
            error
                .to_string()
                .contains("the delivery timeout of 200ms; "),
            "{error}"
        );
        assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    });
    heard.end(guard);
}

#[test]
fn a_hook_that_logs_panics_and_blocks_harms_nobody() {
    let broker = broker();
    let gate = Arc::new(Mutex::new(()));
    let closed = Arc::clone(&gate);
    let calls = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&calls);
    let (layer, guard) = kafka(&broker.bootstrap())
        .on_error(move |error| {
            *counted.lock().unwrap() += 1;
            tracing::error!("a hook that logs: {error}");
            let _waits = closed.lock();
            panic!("on purpose")
        })
        .build()
        .unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let lock = gate.lock().unwrap();
    tracing::dispatcher::with_default(&dispatch, || {
        tracing::error!("{}", "x".repeat(2 * SMALL));
        let deadline = Instant::now() + LONG;
        while *calls.lock().unwrap() == 0 {
            assert!(Instant::now() < deadline);
            std::thread::park_timeout(Duration::from_millis(2));
        }
        // The hook is held, and the layer goes on.
        (0..100).for_each(|number| tracing::error!("{number}"));
        guard.flush(LONG).unwrap();
    });
    let report = guard.shutdown(Duration::from_millis(200));
    assert_eq!(report.stats.delivered, 100, "{report}");
    assert_eq!(*calls.lock().unwrap(), 1);
    drop(lock);
}
