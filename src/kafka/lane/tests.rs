//! Lanes against a model of the broker that loses answers, refuses, restarts and forgets.

use std::collections::HashMap;
use std::time::Duration;

use super::*;
use crate::config::Compression;
use crate::kafka::wire::BatchContents;
use crate::kafka::wire::BatchRecord;
use crate::kafka::wire::Compressor;
use crate::kafka::wire::RecordBatch;
use crate::kafka::wire::RecordHeaders;

const DUPLICATE_TIME: i64 = 1_700_000_000_000;
const OUT_OF_ORDER: i16 = 45;
const BAD_EPOCH: i16 = 47;
const NOT_ENOUGH_REPLICAS: i16 = 19;

/// One partition of a broker: sequence rules as Apache Kafka has them.
#[derive(Default)]
struct Model {
    log: Vec<u64>,
    /// What was in the topic each time before it was made anew.
    before: Vec<Vec<u64>>,
    /// By producer id: the epoch, and the batches remembered.
    producers: HashMap<i64, (i16, VecDeque<Remembered>)>,
}

/// First and last sequence, and the offset.
type Remembered = (i32, i32, i64);

type Answer = Result<Appended, i16>;

impl Model {
    fn append(&mut self, bytes: &[u8]) -> Answer {
        let field = |from: usize, to: usize| bytes.get(from..to).unwrap();
        let id = i64::from_be_bytes(field(43, 51).try_into().unwrap());
        let epoch = i16::from_be_bytes(field(51, 53).try_into().unwrap());
        let first = i32::from_be_bytes(field(53, 57).try_into().unwrap());
        let count = i32::from_be_bytes(field(57, 61).try_into().unwrap());
        let last = first.wrapping_add(count - 1) & i32::MAX;
        let offset = i64::try_from(self.log.len()).unwrap();
        if id >= 0 {
            if let Some((known, recent)) = self.producers.get(&id) {
                if epoch < *known {
                    return Err(BAD_EPOCH);
                }
                if epoch > *known && first != 0 {
                    return Err(OUT_OF_ORDER);
                }
                if epoch == *known {
                    let same = |old: &&Remembered| (old.0, old.1) == (first, last);
                    if let Some((_, _, offset)) = recent.iter().find(same) {
                        return Ok(at(*offset, DUPLICATE_TIME));
                    }
                    let newest = recent.back().unwrap().1;
                    if newest.wrapping_add(1) & i32::MAX != first {
                        return Err(OUT_OF_ORDER);
                    }
                }
            }
            let entry = self.producers.entry(id).or_default();
            if entry.0 != epoch {
                *entry = (epoch, VecDeque::new());
            }
            entry.1.push_back((first, last, offset));
            if entry.1.len() > 5 {
                entry.1.pop_front();
            }
        }
        let contents = BatchContents::read(bytes).unwrap();
        let numbers = contents.records().map(|record| {
            let number: [u8; 8] = record.value.try_into().unwrap();
            u64::from_be_bytes(number)
        });
        self.log.extend(numbers);
        Ok(at(offset, -1))
    }

    /// The topic is deleted and made anew.
    fn forget(&mut self) {
        self.before.push(std::mem::take(&mut self.log));
        self.producers.clear();
    }

    /// After a restart only the last batch of each producer is known.
    fn restart(&mut self) {
        for (_, recent) in self.producers.values_mut() {
            let old = recent.len().saturating_sub(1);
            recent.drain(..old);
        }
    }
}

fn at(base_offset: i64, append_time_ms: i64) -> Appended {
    Appended {
        base_offset,
        append_time_ms,
        is_duplicate: false,
    }
}

/// A repeatable sequence of choices.
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What may happen.
#[derive(Clone, Copy)]
struct Weather {
    is_idempotent: bool,
    max_in_flight: usize,
    /// Now and then the topic is deleted and made anew.
    forgets: bool,
    /// Answers are handled in any order.
    shuffles: bool,
}

/// A lane, the model, and what is between them.
struct Simulation {
    choices: Choices,
    weather: Weather,
    lane: Lane,
    model: Model,
    requests: VecDeque<(u64, Arc<[u8]>)>,
    answers: VecDeque<(u64, Option<Answer>)>,
    is_cut: bool,
    next_record: u64,
    next_attempt: u64,
    next_id: i64,
    delivered: Vec<u64>,
    /// Now and then batches are given up or cut up, as too old or too large ones are.
    gives_up: bool,
    given_up: Vec<u64>,
    possible_duplicates: u64,
    recognised: u64,
}

impl Simulation {
    fn new(seed: u64, weather: Weather) -> Self {
        let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
        Self {
            choices: Choices(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            weather,
            lane: Lane::new(weather.is_idempotent, backoff, Instant::now()),
            model: Model::default(),
            requests: VecDeque::new(),
            answers: VecDeque::new(),
            is_cut: false,
            next_record: 0,
            next_attempt: 0,
            next_id: 100,
            delivered: Vec::new(),
            gives_up: false,
            given_up: Vec::new(),
            possible_duplicates: 0,
            recognised: 0,
        }
    }

    fn batch(&mut self) -> Batch {
        let mut open = RecordBatch::new();
        for _ in 0..=self.choices.below(3) {
            open.push(&BatchRecord {
                timestamp_ms: 0,
                key: None,
                value: &self.next_record.to_be_bytes(),
                headers: RecordHeaders::default(),
            });
            self.next_record += 1;
        }
        let sealed = open.seal(&mut Compressor::new(Compression::None));
        Batch::for_tests(sealed)
    }

    /// Sends what the lane wants to send.
    fn send(&mut self, takes_new: bool) {
        // Another connection is taken only when nothing is out on the one before.
        self.is_cut &= self.lane.is_out();
        let place = match self.lane.turn(self.weather.max_in_flight, None) {
            Turn::Identity => {
                self.next_id += 1;
                let id = self.next_id;
                return self.lane.identify(ProducerIdentity { id, epoch: 0 });
            }
            Turn::Again(place) => place,
            Turn::Fresh if takes_new => {
                let batch = self.batch();
                self.lane.admit(batch)
            }
            Turn::Fresh | Turn::Nothing => return,
        };
        let attempt = self.next_attempt;
        if let Some((bytes, _)) = self.lane.launch(place, attempt, None) {
            self.next_attempt += 1;
            if self.is_cut {
                self.answers.push_back((attempt, None));
            } else {
                self.requests.push_back((attempt, bytes));
            }
        }
        self.possible_duplicates += self.lane.take_possible_duplicates();
    }

    /// The broker handles the next request, well or badly.
    fn serve(&mut self, faults: bool) {
        let Some((attempt, bytes)) = self.requests.pop_front() else {
            return;
        };
        match if faults { self.choices.below(12) } else { 11 } {
            0 | 1 => self.cut(attempt, &bytes),
            2 => {
                let refusal = Some(Err(NOT_ENOUGH_REPLICAS));
                self.answers.push_back((attempt, refusal));
            }
            3 => {
                let _lost_on_the_way_back = self.model.append(&bytes);
                self.answers.push_back((attempt, None));
            }
            _ => {
                let result = self.model.append(&bytes);
                self.answers.push_back((attempt, Some(result)));
            }
        }
    }

    /// The connection ends: some of what is on it was carried out, and nothing behind that.
    fn cut(&mut self, attempt: u64, bytes: &[u8]) {
        self.is_cut = true;
        let carried_out = self.choices.below(4);
        let first = [(attempt, Arc::from(bytes))];
        let rest = std::mem::take(&mut self.requests);
        for (number, (attempt, bytes)) in (0..).zip(first.into_iter().chain(rest)) {
            if number < carried_out {
                let _unanswered = self.model.append(&bytes);
            }
            self.answers.push_back((attempt, None));
        }
    }

    /// The lane hears of an answer.
    fn hear(&mut self) {
        let from = if self.weather.shuffles {
            self.choices.below(self.answers.len().max(1) as u64)
        } else {
            0
        };
        let from = usize::try_from(from).unwrap();
        let Some((attempt, answer)) = self.answers.remove(from) else {
            return;
        };
        match answer {
            None => self.lane.failed(attempt, true),
            Some(Ok(appended)) => {
                for done in self.lane.appended(attempt, appended) {
                    self.recognised += u64::from(done.was_recognised);
                    self.delivered.extend(numbers(&done.batch));
                }
            }
            Some(Err(OUT_OF_ORDER)) => {
                self.lane.out_of_order(attempt);
            }
            Some(Err(BAD_EPOCH)) => {
                self.lane.fenced(attempt);
            }
            Some(Err(_)) => self.lane.failed(attempt, false),
        }
        self.possible_duplicates += self.lane.take_possible_duplicates();
    }

    fn step(&mut self) {
        match self.choices.below(20) {
            0..=6 => self.send(true),
            7..=12 => self.serve(true),
            13..=18 => self.hear(),
            _ if self.gives_up && self.choices.below(2) == 0 => self.give_up(),
            _ => match self.choices.below(4) {
                0 => self.model.restart(),
                1 if self.weather.forgets => self.model.forget(),
                _ => {}
            },
        }
    }

    /// What waits is too old; or what comes back next is too large, and is cut up.
    fn give_up(&mut self) {
        if self.choices.below(2) == 0 {
            for batch in self.lane.expired(Instant::now()) {
                self.given_up.extend(numbers(&batch));
            }
            return;
        }
        let Some((attempt, bytes)) = self.requests.pop_front() else {
            return;
        };
        let is_unknown = self.choices.below(2) == 0;
        if is_unknown {
            let _told_otherwise = self.model.append(&bytes);
        }
        let Some((place, batch)) = self.lane.take(attempt, is_unknown) else {
            return;
        };
        let parts = numbers(&batch).into_iter().map(|number| {
            let mut open = RecordBatch::new();
            open.push(&record(&number.to_be_bytes()));
            batch.part_for_tests(open.seal(&mut Compressor::new(Compression::None)))
        });
        let parts = parts.collect();
        self.lane.put(place, parts);
    }

    /// No more faults: everything arrives.
    fn finish(&mut self) {
        for _ in 0..10_000 {
            self.send(false);
            self.serve(false);
            self.hear();
            if self.lane.bytes_in_flight() == 0 {
                return;
            }
        }
        panic!("the lane does not come to its end");
    }

    /// Every record exactly once in the deliveries, at least once in some log; answers how many times
    /// too often logs have records.
    fn check(&self, seed: u64) -> u64 {
        let mut done = [&self.delivered[..], &self.given_up].concat();
        done.sort_unstable();
        let all: Vec<u64> = (0..self.next_record).collect();
        assert_eq!(done, all, "seed {seed}: delivered or given up, once each");
        let mut found = Vec::new();
        let mut doubled = 0;
        for log in self.model.before.iter().chain([&self.model.log]) {
            let mut once = log.clone();
            once.sort_unstable();
            once.dedup();
            doubled += log.len() - once.len();
            found.extend(once);
        }
        let missing = self.delivered.iter().find(|number| !found.contains(number));
        assert_eq!(missing, None, "seed {seed}: none is missing in the log");
        doubled as u64
    }
}

/// The records in a batch.
fn numbers(batch: &Batch) -> Vec<u64> {
    let contents = BatchContents::read(&batch.sealed.bytes).unwrap();
    let number = |value: &[u8]| u64::from_be_bytes(value.try_into().unwrap());
    contents
        .records()
        .map(|record| number(record.value))
        .collect()
}

fn record(value: &[u8]) -> BatchRecord<'_> {
    BatchRecord {
        timestamp_ms: 0,
        key: None,
        value,
        headers: RecordHeaders::default(),
    }
}

fn simulate(seeds: u64, weather: Weather, check: impl Fn(&Simulation, u64, u64)) {
    let mut faults_met = 0;
    for seed in 0..seeds {
        let mut simulation = Simulation::new(seed, weather);
        (0..600).for_each(|_| simulation.step());
        simulation.finish();
        let doubled = simulation.check(seed);
        check(&simulation, doubled, seed);
        faults_met += simulation.recognised + simulation.possible_duplicates;
    }
    assert!(faults_met > seeds, "the weather was too good");
}

fn assert_in_order(simulation: &Simulation, seed: u64) {
    let log = &simulation.model.log;
    assert!(log.is_sorted(), "seed {seed}: {log:?}");
}

const FAIR: Weather = Weather {
    is_idempotent: true,
    max_in_flight: 1,
    forgets: false,
    shuffles: false,
};

#[test]
fn nothing_is_lost_doubled_or_out_of_order_whatever_number_is_in_flight() {
    for max_in_flight in 1..=5 {
        for shuffles in [false, true] {
            let weather = Weather {
                max_in_flight,
                shuffles,
                ..FAIR
            };
            simulate(300, weather, |simulation, doubled, seed| {
                assert_eq!(doubled, 0, "seed {seed}, {max_in_flight} in flight");
                assert_eq!(simulation.possible_duplicates, 0, "seed {seed}");
                assert_in_order(simulation, seed);
            });
        }
    }
}

#[test]
fn a_broker_that_forgets_costs_no_record_and_each_possible_copy_is_counted() {
    for max_in_flight in [1, 2, 5] {
        let weather = Weather {
            max_in_flight,
            forgets: true,
            ..FAIR
        };
        simulate(300, weather, |simulation, doubled, seed| {
            assert!(
                doubled <= simulation.possible_duplicates,
                "seed {seed}, {max_in_flight} in flight: {doubled} of {}",
                simulation.possible_duplicates
            );
        });
    }
}

#[test]
fn what_is_given_up_or_cut_up_costs_no_other_record() {
    for max_in_flight in [1, 2, 5] {
        let weather = Weather {
            max_in_flight,
            ..FAIR
        };
        let mut given_up = 0;
        for seed in 0..500 {
            let mut simulation = Simulation::new(seed, weather);
            simulation.gives_up = true;
            (0..600).for_each(|_| simulation.step());
            simulation.finish();
            let doubled = simulation.check(seed);
            assert!(
                doubled <= simulation.possible_duplicates,
                "seed {seed}, {max_in_flight} in flight: {doubled} of {}",
                simulation.possible_duplicates
            );
            given_up += simulation.given_up.len();
        }
        assert!(given_up > 1000, "{given_up}");
    }
}

#[test]
fn without_idempotence_nothing_is_lost_and_copies_are_counted() {
    let weather = Weather {
        is_idempotent: false,
        ..FAIR
    };
    simulate(300, weather, |simulation, doubled, seed| {
        assert!(
            doubled <= simulation.possible_duplicates,
            "seed {seed}: {doubled} of {}",
            simulation.possible_duplicates
        );
    });
}

#[test]
fn what_a_broker_has_forgotten_is_sent_once_more_under_new_sequences_and_counted_once() {
    let mut simulation = Simulation::new(1, FAIR);
    simulation.send(true);
    simulation.send(true);
    let (attempt, bytes) = simulation.requests.pop_front().unwrap();
    simulation.lane.failed(attempt, true);
    simulation.send(false);
    let (attempt, again) = simulation.requests.pop_front().unwrap();
    assert_eq!(again, bytes, "its sequence may still tell");
    simulation.lane.forgotten(attempt);
    let count = simulation.lane.take_possible_duplicates();
    assert_eq!(count, simulation.next_record, "nothing will tell any more");
    simulation.send(false);
    let (attempt, anew) = simulation.requests.pop_front().unwrap();
    let stamp = |bytes: &[u8]| (bytes[51..53].to_vec(), bytes[53..57].to_vec());
    assert_eq!(stamp(&bytes), (vec![0, 0], vec![0; 4]));
    assert_eq!(stamp(&anew), (vec![0, 1], vec![0; 4]), "the next epoch");
    simulation.lane.forgotten(attempt);
    assert_eq!(
        simulation.lane.take_possible_duplicates(),
        0,
        "counted twice"
    );
}

#[test]
fn a_refusal_is_news_as_long_as_a_batch_may_be_in_the_log() {
    let mut simulation = Simulation::new(2, FAIR);
    simulation.send(true);
    simulation.send(true);
    let (attempt, _) = simulation.requests.pop_front().unwrap();
    simulation.lane.failed(attempt, true);
    simulation.send(false);
    let (attempt, _) = simulation.requests.pop_front().unwrap();
    assert!(simulation.lane.out_of_order(attempt), "it is not there");
    simulation.send(false);
    let (attempt, _) = simulation.requests.pop_front().unwrap();
    assert!(!simulation.lane.out_of_order(attempt), "that was known");
}

#[test]
fn sequences_wrap() {
    assert_eq!(after(i32::MAX - 1, 1), i32::MAX);
    assert_eq!(after(i32::MAX - 1, 2), 0);
    assert_eq!(after(i32::MAX, 3), 2);
    assert_eq!(after(5, 10), 15);
    assert!(is_at_or_after(7, 7) && is_at_or_after(8, 7) && !is_at_or_after(6, 7));
    assert!(is_at_or_after(0, i32::MAX) && !is_at_or_after(i32::MAX, 0));
}

fn idempotent() -> Lane {
    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
    let mut lane = Lane::new(true, backoff, Instant::now());
    lane.identify(ProducerIdentity { id: 7, epoch: 0 });
    lane
}

fn one(number: u64) -> Batch {
    let mut open = RecordBatch::new();
    open.push(&record(&number.to_be_bytes()));
    Batch::for_tests(open.seal(&mut Compressor::new(Compression::None)))
}

#[test]
fn what_may_be_in_the_log_under_old_sequences_is_not_refused_by_new_ones() {
    let mut lane = idempotent();
    lane.admit(one(1));
    for attempt in [0, 2] {
        lane.launch(0, attempt, None).unwrap();
        lane.failed(attempt, true);
        lane.launch(0, attempt + 1, None).unwrap();
        if attempt == 0 {
            lane.forgotten(1);
        }
    }
    assert!(lane.out_of_order(3), "not under the new ones");
    let given_up = lane.expired(Instant::now());
    assert_eq!(given_up[0].past, Past::Unknown);
    assert_eq!(lane.take_possible_duplicates(), 1, "counted once");
}

#[test]
fn a_lane_that_goes_on_without_an_identity_counts_what_may_be_doubled() {
    let mut model = Model::default();
    let mut lane = idempotent();
    let place = lane.admit(one(1));
    let (bytes, _) = lane.launch(place, 0, None).unwrap();
    let _lost = model.append(&bytes);
    lane.failed(0, true);
    lane.give_up_identity();
    assert_eq!(lane.turn(1, None), Turn::Again(0));
    let (bytes, _) = lane.launch(0, 1, None).unwrap();
    let answer = model.append(&bytes).unwrap();
    lane.appended(1, answer);
    assert_eq!(model.log, [1, 1], "it is there twice");
    assert_eq!(lane.take_possible_duplicates(), 1, "and counted");
}

#[test]
fn a_partition_that_was_away_gets_no_sequence_twice() {
    let mut model = Model::default();
    let mut lane = idempotent();
    let mut delivered = 0;
    for number in 1..=4 {
        let place = lane.admit(one(number));
        let (bytes, _) = lane.launch(place, number, None).unwrap();
        let answer = model.append(&bytes).unwrap();
        if number == 3 {
            lane.failed(number, true);
        } else {
            delivered += lane.appended(number, answer).len();
        }
        // The partition leaves the metadata and comes back.
        let homeless = lane.vacate();
        assert_eq!(homeless.len(), usize::from(number == 3));
        assert!(homeless.iter().all(|batch| batch.past == Past::Unknown));
    }
    assert_eq!((delivered, model.log), (3, vec![1, 2, 3, 4]));
    assert_eq!(
        lane.take_possible_duplicates(),
        1,
        "that of unknown outcome"
    );
}
