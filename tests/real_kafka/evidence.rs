//! What lies in a topic, against what was logged: nothing lost, nothing twice, everything in order.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;

use tracing_kafka::ShutdownReport;
use tracing_kafka_broker::Record;

use crate::load::Logged;
use crate::load::key_of;

/// Every event that the threads logged was delivered, and no doubt is left.
#[track_caller]
pub(crate) fn assert_all_delivered(report: &ShutdownReport, logged: &Logged) {
    let calls = u64::try_from(logged.total()).unwrap();
    let stats = &report.stats;
    assert_eq!(stats.offered, calls, "{report}");
    assert_eq!(stats.delivered, calls, "{report}");
    assert_eq!(stats.dropped.total(), 0, "{report}");
    assert_eq!(stats.possible_duplicates, 0, "{report}");
    assert_eq!(report.unknown, 0, "{report}");
}

/// The records are those that the threads logged: each once, those of a thread in order, each key in
/// one partition, and every partition used.
pub(crate) fn assert_exactly(records: &[Record], logged: &Logged, partitions: usize) {
    let mut seen: Vec<Vec<bool>> = logged
        .of_threads
        .iter()
        .map(|count| vec![false; *count])
        .collect();
    let mut order = Order::default();
    for record in records {
        let (thread, number) = origin(record);
        let cell = seen
            .get_mut(thread)
            .and_then(|numbers| numbers.get_mut(number));
        let cell = cell.unwrap_or_else(|| panic!("nobody logged {}", record.text()));
        assert!(!std::mem::replace(cell, true), "twice: {}", record.text());
        order.check(record, thread, number);
    }
    let lost = seen.iter().flatten().filter(|seen| !**seen).count();
    assert_eq!(lost, 0, "lost events of {}", logged.total());
    assert_eq!(records.len(), logged.total());
    let used: HashSet<i32> = records.iter().map(|record| record.partition).collect();
    assert_eq!(used.len(), partitions, "partitions that were used");
    println!(
        "{} records, each once and in order, {} keys in one partition each",
        records.len(),
        order.home.len()
    );
}

/// What came before, while the records of each partition are gone through in the order of offsets.
#[derive(Default)]
struct Order {
    /// By partition, thread and whether there is a key: records without one wait for any partition
    /// that is free, so only among themselves they are in order.
    last: HashMap<(i32, usize, bool), usize>,
    last_of_key: HashMap<(String, usize), usize>,
    home: HashMap<String, i32>,
}

impl Order {
    fn check(&mut self, record: &Record, thread: usize, number: usize) {
        let partition = record.partition;
        let key = record.key.as_ref().map(|_| record.key_text());
        assert_eq!(key, key_of(thread, number), "the key of {}", record.text());
        let last = self.last.insert((partition, thread, key.is_some()), number);
        assert!(
            last.is_none_or(|last| last < number),
            "partition {partition}, thread {thread}: {last:?}, then {number}"
        );
        let Some(key) = key else {
            return;
        };
        let home = *self.home.entry(key.clone()).or_insert(partition);
        assert_eq!(home, partition, "`{key}` is in two partitions");
        let last = self.last_of_key.insert((key.clone(), thread), number);
        assert!(
            last.is_none_or(|last| last < number),
            "`{key}`, thread {thread}: {last:?}, then {number}"
        );
    }
}

/// Thread and number in the text of a record.
#[track_caller]
fn origin(record: &Record) -> (usize, usize) {
    let text = record.text();
    let mut words = text.split(' ');
    let mut next = || words.next()?.parse().ok();
    let found = next().and_then(|thread| Some((thread, next()?)));
    found.unwrap_or_else(|| panic!("not a record of this test: {text:.100}"))
}

/// The same without a look at keys or values, as a consumer would who knows nothing of the test: by
/// the headers alone, every sequence is whole and nothing is in it twice.
pub(crate) fn assert_whole_by_headers(records: &[Record]) {
    let mut sequences: BTreeMap<String, HashSet<u64>> = BTreeMap::new();
    for record in records {
        let header = |name: &str| {
            let value = record.header(name);
            value.unwrap_or_else(|| panic!("no header `{name}`: {record:?}"))
        };
        let instance = header("tracing-kafka-instance");
        let number = header("tracing-kafka-sequence").parse().unwrap();
        let sequence = sequences.entry(instance).or_default();
        assert!(sequence.insert(number), "a copy: {record:?}");
    }
    for (instance, numbers) in &sequences {
        let after_last = numbers.iter().max().map_or(0, |last| last + 1);
        assert_eq!(
            u64::try_from(numbers.len()).unwrap(),
            after_last,
            "numbers of `{instance}`"
        );
    }
    println!("{} whole sequences by the headers", sequences.len());
}
