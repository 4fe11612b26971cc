//! Every reader of answers, given what no broker would send: none panics, and none takes memory by the
//! peer's word.

use std::io::Cursor;

use proptest::prelude::*;
use proptest::sample::Index;
use rskafka::protocol::api_version::ApiVersion;
use rskafka::protocol::messages::ReadVersionedType;
use rskafka::protocol::primitives::Int16;

use super::api_versions::ApiVersionsResponse;
use super::cluster::MetadataResponse;
use super::login::AuthenticateAnswer;
use super::login::HandshakeAnswer;
use super::peak::peak_of;
use super::produce::ProduceResponse;
use super::producer_id::InitProducerIdResponse;
use super::stream::MAX_FRAME_BYTES;

/// What is taken beside the answer itself: an error, a map of a few entries.
const BESIDE: usize = 2048;

/// Reads an answer; how much memory that takes at its highest. The answer may be good.
type Reader = fn(Vec<u8>, i16) -> usize;

fn read<T: ReadVersionedType<Cursor<Vec<u8>>>>(bytes: Vec<u8>, version: i16) -> usize {
    let mut cursor = Cursor::new(bytes);
    peak_of(|| T::read_versioned(&mut cursor, ApiVersion(Int16(version)))).1
}

/// The readers, with all versions that are ever asked for.
const READERS: [(&str, Reader, std::ops::RangeInclusive<i16>); 6] = [
    ("ApiVersions", read::<ApiVersionsResponse>, 0..=3),
    ("Metadata", read::<MetadataResponse>, 0..=4),
    ("SaslHandshake", read::<HandshakeAnswer>, 1..=1),
    ("SaslAuthenticate", read::<AuthenticateAnswer>, 0..=1),
    ("InitProducerId", read::<InitProducerIdResponse>, 0..=5),
    ("Produce", read::<ProduceResponse>, 3..=12),
];

/// Good answers of several versions, to be damaged.
const ANSWERS: [&[u8]; 8] = [
    // ApiVersions 0, 3
    b"\0\0\0\0\0\x02\0\0\0\x03\0\x09\0\x03\0\0\0\x04",
    b"\0\0\x03\0\0\0\x03\0\x09\x01\x07\x02ab\0\x03\0\0\0\x04\0\0\0\0\x09\x01\0\x01z",
    // Metadata 4: a broker, a partition
    b"\0\0\0\0\0\0\0\x01\0\0\0\x01\0\x01a\0\0\x23\x84\xff\xff\0\x01c\0\0\0\x01\
      \0\0\0\x01\0\0\0\x04logs\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\0",
    // SaslHandshake
    b"\0\x21\0\0\0\x02\0\x05PLAIN\0\x0bOAUTHBEARER",
    // SaslAuthenticate 1
    b"\0\x3a\0\x02no\0\0\0\x03v=x\0\0\0\0\0\0\0\x09",
    // InitProducerId 5
    b"\x01\x04\x01z\0\0\0\0\0\0\0\0\0\0\0\0\0\x09\0\x01\x01\x07\x01z",
    // Produce 8 and 12: a partition with an error, a record and words; a leader and where it is
    b"\0\0\0\x01\0\x04logs\0\0\0\x01\0\0\0\0\0\x06\xff\xff\xff\xff\xff\xff\xff\xff\
      \xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x05\0\x01a\0\x01b\0\0\0\0",
    b"\0\x02\x05logs\x02\0\0\0\0\0\x06\xff\xff\xff\xff\xff\xff\xff\xff\
      \xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0\x02\0\0\0\x05\x02a\0\x02b\
      \x01\0\x09\0\0\0\x02\0\0\0\x09\0\0\0\0\0\0\x01\0\x0d\x02\0\0\0\x02\x02k\0\0\x23\x84\0\0",
];

/// Lengths that nobody has, in every form that there is.
fn length() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(i32::MAX.to_be_bytes().to_vec()),
        Just(i32::MIN.to_be_bytes().to_vec()),
        Just((-1_i32).to_be_bytes().to_vec()),
        Just((-2_i16).to_be_bytes().to_vec()),
        Just(i16::MAX.to_be_bytes().to_vec()),
        Just(vec![0]),
        Just(b"\xff\xff\xff\xff\x07".to_vec()),
        Just(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".to_vec()),
        any::<u8>().prop_map(|byte| vec![byte]),
    ]
}

/// A good answer with some places overwritten, cut off at some place.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let damage = proptest::collection::vec((any::<Index>(), length(), any::<bool>()), 0..4);
    (any::<Index>(), damage, proptest::option::of(any::<Index>())).prop_map(
        |(answer, damage, end)| {
            let mut bytes = answer.get(&ANSWERS).to_vec();
            for (at, new, is_instead) in damage {
                let start = at.index(bytes.len());
                let end = if is_instead { start + new.len() } else { start };
                bytes.splice(start..end.min(bytes.len()), new);
            }
            if let Some(end) = end {
                bytes.truncate(end.index(bytes.len()));
            }
            bytes
        },
    )
}

fn all_read(bytes: &[u8]) -> Result<(), TestCaseError> {
    for (name, read, versions) in READERS {
        for version in versions {
            let took = read(bytes.to_vec(), version);
            // A partition is a few bytes in an answer, and a hundred here.
            let most = 5 * bytes.len() + BESIDE;
            prop_assert!(took <= most, "{name} {version}: {took} for {}", bytes.len());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_answers_cause_no_panic_and_take_no_memory_by_their_word(bytes in damaged()) {
        all_read(&bytes)?;
    }

    #[test]
    fn random_bytes_cause_no_panic_and_take_no_memory_by_their_word(
        bytes in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        all_read(&bytes)?;
    }
}

#[test]
fn what_is_to_be_damaged_is_good() {
    for (answer, (reader, version)) in ANSWERS.iter().zip([
        (0, 0),
        (0, 3),
        (1, 4),
        (2, 1),
        (3, 1),
        (4, 5),
        (5, 8),
        (5, 12),
    ]) {
        let version = ApiVersion(Int16(version));
        let mut cursor = Cursor::new(answer.to_vec());
        let is_good = match reader {
            0 => ApiVersionsResponse::read_versioned(&mut cursor, version).is_ok(),
            1 => MetadataResponse::read_versioned(&mut cursor, version).is_ok(),
            2 => HandshakeAnswer::read_versioned(&mut cursor, version).is_ok(),
            3 => AuthenticateAnswer::read_versioned(&mut cursor, version).is_ok(),
            4 => InitProducerIdResponse::read_versioned(&mut cursor, version).is_ok(),
            _ => ProduceResponse::read_versioned(&mut cursor, version).is_ok(),
        };
        assert!(
            is_good && cursor.position() == answer.len() as u64,
            "{answer:?}"
        );
    }
}

/// `head`, and then `element` as often as an answer of the greatest length holds it.
fn full_of(head: &[u8], element: &[u8]) -> Vec<u8> {
    let count = (MAX_FRAME_BYTES - head.len()) / element.len();
    [head, &element.repeat(count)].concat()
}

#[test]
fn the_longest_answers_take_no_more_than_their_own_length() {
    const NO_ERROR: &[u8] = b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let tags = b"\xff\xff\xff\xff\x07";
    let partition = [NO_ERROR, b"\x01\0\0"].concat();
    let records = [b"\0\x02\x05logs\x02", NO_ERROR, b"\x81\x80\x20"].concat();
    let hint = [
        b"\0\x02\x05logs\x01\0\0\0\0\0\x01\0",
        &b"\x80\x80\xe0\x01\x81\x80\x10"[..],
    ]
    .concat();
    let cases: [(&str, usize, i16, Vec<u8>); 9] = [
        (
            "APIs",
            0,
            3,
            full_of(b"\0\0\x81\x80\x20", b"\0\0\0\x03\0\x09\0"),
        ),
        (
            "tags",
            0,
            3,
            full_of(&[b"\0\0\x01\0\0\0\0", &tags[..]].concat(), b"\0\0"),
        ),
        (
            "brokers",
            1,
            0,
            full_of(b"\0\0\x10\0", b"\0\0\0\x01\0\x01a\0\0\0\x01"),
        ),
        (
            "partitions",
            1,
            0,
            full_of(b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\x80\0", &[0; 18]),
        ),
        ("mechanisms", 2, 1, full_of(b"\0\0\0\x08\0\0", b"\0\x01a")),
        ("a message", 3, 1, full_of(b"\0\0\0\0\0\x01\0\0", b"a")),
        (
            "answers",
            5,
            9,
            full_of(b"\0\x02\x05logs\x81\x80\x02", &partition),
        ),
        ("records", 5, 9, full_of(&records, b"\0\0\0\x01\0\0")),
        (
            "places",
            5,
            10,
            full_of(&hint, b"\0\0\0\x01\x02a\0\0\0\x01\0\0"),
        ),
    ];
    for (name, reader, version, bytes) in cases {
        let (_, read, _) = &READERS[reader];
        let length = bytes.len();
        let took = read(bytes, version);
        println!("{name}: {took}");
        assert!(took <= length, "{name}: {took} for {length}");
    }
}
