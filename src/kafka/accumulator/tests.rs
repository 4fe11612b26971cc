//! Gathering, sealing, cutting and moving batches.

use tracing::Level;

use super::*;
use crate::config::Compression;
use crate::kafka::partitioner::Router;
use crate::kafka::wire::BatchContents;

fn accumulator(batch_size: usize) -> Accumulator {
    Accumulator::new(
        Compressor::new(Compression::None),
        Limits {
            linger: Duration::from_millis(100),
            batch_size,
            max_batch: 1_000_000,
            delivery_timeout: Duration::from_secs(120),
        },
        Router::new("logs".to_owned(), None, false),
        HeaderEncoder::new(Vec::new(), false),
    )
}

fn push(accumulator: &mut Accumulator, value: &[u8], accepted: Instant) -> bool {
    push_keyed(accumulator, None, value, accepted)
}

fn push_keyed(
    accumulator: &mut Accumulator,
    key: Option<&[u8]>,
    value: &[u8],
    accepted: Instant,
) -> bool {
    let frame = Frame {
        nanos: 1,
        level: Level::INFO,
        sequence: 0,
        key,
        headers: &[],
        value,
    };
    accumulator.push(&frame, 0, accepted)
}

fn values(batch: &Batch) -> Vec<Vec<u8>> {
    let contents = BatchContents::read(&batch.sealed.bytes).unwrap();
    contents
        .records()
        .map(|record| record.value.to_vec())
        .collect()
}

#[test]
fn a_batch_is_due_by_age_or_by_size() {
    let start = Instant::now();
    let mut accumulator = accumulator(1000);
    assert!(!accumulator.has_due(start));
    assert!(!push(&mut accumulator, b"one", start));
    assert!(!accumulator.has_due(start + Duration::from_millis(99)));
    assert_eq!(
        accumulator.due_at(start),
        Some(start + Duration::from_millis(100))
    );
    assert!(accumulator.has_due(start + Duration::from_millis(100)));
    assert!(accumulator.next_shared(start).is_none());
    assert!(push(&mut accumulator, &[b'x'; 1000], start));
    assert!(accumulator.has_due(start));
    assert_eq!(accumulator.next_shared(start).unwrap().count(), 2);
}

#[test]
fn nothing_lingers_without_room() {
    let start = Instant::now();
    let mut accumulator = accumulator(1000);
    push(&mut accumulator, b"one", start);
    accumulator.press(true);
    assert!(accumulator.has_due(start));
    assert!(accumulator.next_shared(start).is_some());
}

#[test]
fn no_batch_exceeds_the_limit_and_order_is_kept() {
    let start = Instant::now();
    let mut accumulator = accumulator(1000);
    for number in 0..30_u8 {
        push(&mut accumulator, &vec![number; 100_000], start);
    }
    let mut seen = Vec::new();
    while let Some(batch) = accumulator.next_shared(start) {
        assert!(batch.sealed.bytes.len() <= 1_000_000);
        seen.extend(values(&batch).iter().map(|value| value[0]));
    }
    assert_eq!(seen, (0..30).collect::<Vec<u8>>());
}

#[test]
fn a_flush_waits_for_every_part_of_what_was_sealed_before_it() {
    let start = Instant::now();
    let mut accumulator = accumulator(1000);
    for _ in 0..4 {
        push(&mut accumulator, b"record", start);
    }
    let mark = accumulator.mark();
    push(&mut accumulator, b"later", start);
    let batch = accumulator.next_shared(start).unwrap();
    accumulator.mark();
    let later = accumulator.next_shared(start).unwrap();
    let parts = accumulator.split(batch).unwrap();
    assert_eq!(parts.iter().map(Batch::count).collect::<Vec<_>>(), [2, 2]);
    accumulator.done(&later);
    accumulator.done(&parts[0]);
    assert!(!accumulator.is_done_up_to(mark));
    accumulator.done(&parts[1]);
    assert!(accumulator.is_done_up_to(mark));
    assert!(accumulator.is_empty());
    assert_eq!(accumulator.held_bytes(), 0);
}

#[test]
fn one_record_cannot_be_split() {
    let now = Instant::now();
    let mut accumulator = accumulator(1000);
    push(&mut accumulator, b"alone", now);
    accumulator.mark();
    let batch = accumulator.next_shared(now).unwrap();
    let batch = accumulator.split(batch).unwrap_err();
    assert_eq!(values(&batch), [b"alone"]);
}

#[test]
fn batches_become_smaller_for_a_topic_and_larger_again_after_many_deliveries() {
    let now = Instant::now();
    let mut accumulator = accumulator(500_000);
    for _ in 0..4 {
        push(&mut accumulator, &vec![b'x'; 100_000], now);
    }
    accumulator.mark();
    let batch = accumulator.next_shared(now).unwrap();
    let parts = accumulator.split(batch).unwrap();
    let is_full = |accumulator: &mut Accumulator, size: usize| {
        let full = push(accumulator, &vec![b'x'; size], now);
        accumulator.mark();
        while let Some(batch) = accumulator.next_shared(now) {
            accumulator.done(&batch);
        }
        full
    };
    assert!(is_full(&mut accumulator, 250_000));
    for part in &parts {
        accumulator.delivered(part);
    }
    for _ in 0..GROW_AFTER {
        push(&mut accumulator, b"small", now);
        accumulator.mark();
        let batch = accumulator.next_shared(now).unwrap();
        accumulator.delivered(&batch);
    }
    assert!(!is_full(&mut accumulator, 250_000));
    assert!(is_full(&mut accumulator, 450_000));
}

#[test]
fn only_what_is_old_enough_expires() {
    let start = Instant::now();
    let mut accumulator = accumulator(1000);
    for second in 0..3 {
        push(&mut accumulator, b"r", start + Duration::from_secs(second));
        accumulator.mark();
    }
    assert_eq!(accumulator.expired(start + Duration::from_secs(1)).len(), 2);
    assert_eq!(accumulator.ready().count(), 1);
}

#[test]
fn keys_wait_for_the_number_of_partitions_and_then_go_where_they_belong() {
    let now = Instant::now();
    let mut accumulator = accumulator(1000);
    let keys: Vec<String> = (0..50).map(|number| format!("key {number}")).collect();
    for key in &keys {
        push_keyed(&mut accumulator, Some(key.as_bytes()), key.as_bytes(), now);
    }
    push(&mut accumulator, b"no key", now);
    let mark = accumulator.mark();
    assert_eq!(accumulator.next_shared(now).unwrap().count(), 1);
    assert!(accumulator.next_bound(0, now).is_none());
    accumulator.set_partitions(3);
    // Records that come now are behind those that waited.
    for key in &keys {
        push_keyed(&mut accumulator, Some(key.as_bytes()), b"later", now);
    }
    accumulator.mark();
    let mut places = std::collections::HashMap::new();
    for partition in 0..3 {
        let first = accumulator.next_bound(partition, now).unwrap();
        let second = accumulator.next_bound(partition, now).unwrap();
        assert!(accumulator.next_bound(partition, now).is_none());
        for value in values(&first) {
            places.insert(String::from_utf8(value).unwrap(), partition);
        }
        assert_eq!(first.count(), second.count());
        assert!(values(&second).iter().all(|value| value == b"later"));
        assert!(!accumulator.is_done_up_to(mark), "a flush waits for it");
        accumulator.done(&first);
    }
    assert_eq!(places.len(), keys.len());
    let (other, _) = places.iter().next().unwrap();
    let mut router = Router::new("logs".to_owned(), None, false);
    router.set_partitions(3);
    assert_eq!(
        router.choose(Some(other.as_bytes()), b""),
        Route::To(places[other])
    );
}

#[test]
fn what_partitions_have_sent_takes_no_memory() {
    let now = Instant::now();
    let mut accumulator = accumulator(1_000_000);
    accumulator.set_partitions(50);
    for number in 0..500_u16 {
        let value = vec![b'x'; 20_000];
        push_keyed(&mut accumulator, Some(&number.to_be_bytes()), &value, now);
    }
    let capacity = |accumulator: &Accumulator| -> usize {
        accumulator.lots().map(|lot| lot.open.capacity()).sum()
    };
    assert!(capacity(&accumulator) > 5_000_000);
    assert!(capacity(&accumulator) < 3 * accumulator.held_bytes());
    accumulator.mark();
    assert!(capacity(&accumulator) <= 52 * 16 * 1024);
}

#[test]
fn keys_of_a_partition_that_is_gone_move_and_others_go_anywhere() {
    let now = Instant::now();
    let mut accumulator = accumulator(1000);
    accumulator.set_partitions(4);
    for number in 0..40_u8 {
        push_keyed(&mut accumulator, Some(&[number]), &[number], now);
    }
    push(&mut accumulator, b"any", now);
    accumulator.mark();
    let in_flight = accumulator.next_bound(3, now).unwrap();
    let any = accumulator.next_shared(now).unwrap();
    push_keyed(&mut accumulator, Some(&[200]), &[200], now);
    accumulator.set_partitions(2);
    accumulator.put_back(vec![in_flight, any]);
    accumulator.mark();
    assert!(accumulator.next_bound(2, now).is_none());
    assert!(accumulator.next_bound(3, now).is_none());
    let mut seen = Vec::new();
    let mut router = Router::new("logs".to_owned(), None, false);
    router.set_partitions(2);
    for partition in 0..2 {
        while let Some(batch) = accumulator.next_bound(partition, now) {
            for value in values(&batch) {
                assert_eq!(router.choose(Some(&value), b""), Route::To(partition));
                seen.push(value[0]);
            }
            accumulator.done(&batch);
        }
    }
    seen.sort_unstable();
    let expected: Vec<u8> = (0..40).chain([200]).collect();
    assert_eq!(seen, expected);
    let any = accumulator.next_shared(now).unwrap();
    assert_eq!(values(&any), [b"any"]);
    accumulator.done(&any);
    assert!(accumulator.is_empty());
    assert_eq!(accumulator.held_bytes(), 0);
}

#[test]
fn culprits_are_taken_out_and_the_rest_keeps_its_order() {
    let now = Instant::now();
    let mut accumulator = accumulator(1_000_000);
    for number in 0..10_u8 {
        push(&mut accumulator, &[number], now);
    }
    accumulator.mark();
    let batch = accumulator.next_shared(now).unwrap();
    let parts = accumulator.take_out(batch, &[7, 3, 99, -1, 3]).unwrap();
    let culprits = parts.culprits.unwrap();
    assert_eq!(values(&culprits), [[3], [7]]);
    let [rest] = <[Batch; 1]>::try_from(parts.rest).unwrap();
    assert_eq!(values(&rest), [[0], [1], [2], [4], [5], [6], [8], [9]]);
    let all: Vec<i32> = (0..8).collect();
    let rest = accumulator.take_out(rest, &all).unwrap_err();
    accumulator.done(&culprits);
    accumulator.done(&rest);
    assert!(accumulator.is_empty());
}

#[test]
fn a_batch_of_which_nothing_is_named_that_is_in_it_is_halved() {
    let now = Instant::now();
    for positions in [&[][..], &[10], &[-1, i32::MAX, i32::MIN]] {
        let mut accumulator = accumulator(1_000_000);
        for number in 0..10_u8 {
            push(&mut accumulator, &[number], now);
        }
        accumulator.mark();
        let batch = accumulator.next_shared(now).unwrap();
        let parts = accumulator.take_out(batch, positions).unwrap();
        assert!(parts.culprits.is_none());
        let [first, second] = <[Batch; 2]>::try_from(parts.rest).unwrap();
        assert_eq!(values(&first), [[0], [1], [2], [3], [4]]);
        assert_eq!(values(&second), [[5], [6], [7], [8], [9]]);
    }
}

#[test]
fn no_batch_has_more_records_than_can_be_answered() {
    let now = Instant::now();
    let mut accumulator = accumulator(1_000_000);
    let most = usize::try_from(MAX_RECORDS).unwrap();
    for number in 1..=2 * most + 1 {
        let is_full = push(&mut accumulator, b"", now);
        assert_eq!(is_full, number % most == 0, "{number}");
    }
    accumulator.mark();
    let batches = std::iter::from_fn(|| accumulator.next_shared(now));
    let counts: Vec<u32> = batches.map(|batch| batch.sealed.count).collect();
    assert_eq!(counts, [MAX_RECORDS, MAX_RECORDS, 1]);
}
