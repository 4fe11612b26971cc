//! The Produce request and its answer, versions 3 to 12.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use rskafka::protocol::api_key::ApiKey;
use rskafka::protocol::api_version::ApiVersion;
use rskafka::protocol::api_version::ApiVersionRange;
use rskafka::protocol::messages::ReadVersionedError;
use rskafka::protocol::messages::ReadVersionedType;
use rskafka::protocol::messages::RequestBody;
use rskafka::protocol::messages::WriteVersionedError;
use rskafka::protocol::messages::WriteVersionedType;
use rskafka::protocol::primitives::Int16;
use rskafka::protocol::traits::WriteError;

use super::bytes::Bytes;
use super::bytes::Malformed;
use super::bytes::NEVER;
use super::bytes::read_with;
use super::cluster::MAX_PARTITIONS;
use super::cluster::host_and_port;
use super::text::shown;
use super::varint;

/// What the broker did with each batch of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProduceAnswer {
    /// How long the broker asks us to wait before the next request. The batches are appended all
    /// the same.
    pub(crate) throttle: Duration,
    /// One per partition that was asked for, sorted by index.
    pub(crate) partitions: Vec<PartitionAnswer>,
}

/// What became of the batch of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionAnswer {
    pub(crate) index: i32,
    /// Kafka's code, 0 if the batch is appended.
    pub(crate) error: i16,
    /// The offset of the first record, or −1.
    pub(crate) base_offset: i64,
    /// −1 unless the broker set the time itself, or recognised a batch that it had already.
    pub(crate) log_append_time_ms: i64,
    /// Who leads now, if the broker knows better (from version 10, with `NOT_LEADER_OR_FOLLOWER`).
    pub(crate) leader: Option<LeaderHint>,
    /// The error in the broker's words, or that of the first record which has some (from version 8);
    /// as it may be shown.
    pub(crate) message: Option<String>,
    /// The records that caused it, by position in the batch (from version 8).
    pub(crate) record_errors: Vec<i32>,
}

/// The leader that the answer to a misdirected request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeaderHint {
    pub(crate) id: i32,
    /// `host:port`, if the answer has it.
    pub(crate) address: Option<String>,
}

/// First version with compact lengths and tagged fields.
pub(super) const FIRST_FLEXIBLE: i16 = 9;
/// The versions spoken here: 3 is the first with this batch format, 13 names topics by id.
pub(super) const VERSIONS: ApiVersionRange =
    ApiVersionRange::new(ApiVersion(Int16(3)), ApiVersion(Int16(12)));

/// Encoded batches for several partitions of one topic.
#[derive(Debug)]
pub(super) struct ProduceRequest<'a> {
    pub(super) topic: &'a str,
    /// −1: all replicas in sync.
    pub(super) acks: i16,
    /// How long the broker may wait for its followers.
    pub(super) timeout_ms: i32,
    pub(super) batches: &'a [(i32, Arc<[u8]>)],
}

/// The answer as read: the topic and every partition, in the broker's order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProduceResponse {
    throttle_ms: i32,
    topic: Option<(String, Vec<PartitionAnswer>)>,
}

impl RequestBody for ProduceRequest<'_> {
    type ResponseBody = ProduceResponse;

    const API_KEY: ApiKey = ApiKey::Produce;
    const API_VERSION_RANGE: ApiVersionRange = VERSIONS;
    const FIRST_TAGGED_FIELD_IN_REQUEST_VERSION: ApiVersion = ApiVersion(Int16(FIRST_FLEXIBLE));
    const FIRST_TAGGED_FIELD_IN_RESPONSE_VERSION: ApiVersion = NEVER;
}

impl WriteVersionedType<Vec<u8>> for ProduceRequest<'_> {
    fn write_versioned(
        &self,
        out: &mut Vec<u8>,
        version: ApiVersion,
    ) -> Result<(), WriteVersionedError> {
        let compact = version.0.0 >= FIRST_FLEXIBLE;
        let payload: usize = self.batches.iter().map(|(_, batch)| batch.len() + 16).sum();
        out.reserve(payload + self.topic.len() + 64);
        put_null_string(out, compact); // transactional id
        out.extend_from_slice(&self.acks.to_be_bytes());
        out.extend_from_slice(&self.timeout_ms.to_be_bytes());
        put_len(out, 1, compact)?;
        put_string(out, self.topic, compact)?;
        put_len(out, self.batches.len(), compact)?;
        for (partition, batch) in self.batches {
            out.extend_from_slice(&partition.to_be_bytes());
            put_len(out, batch.len(), compact)?;
            out.extend_from_slice(batch);
            put_no_tags(out, compact); // partition
        }
        put_no_tags(out, compact); // topic
        put_no_tags(out, compact); // request
        Ok(())
    }
}

fn put_null_string(out: &mut Vec<u8>, compact: bool) {
    if compact {
        out.push(0);
    } else {
        out.extend_from_slice(&(-1_i16).to_be_bytes());
    }
}

fn put_string(out: &mut Vec<u8>, text: &str, compact: bool) -> Result<(), WriteVersionedError> {
    if compact {
        varint::put(out, text.len() as u64 + 1);
    } else {
        let len = i16::try_from(text.len()).map_err(WriteError::from)?;
        out.extend_from_slice(&len.to_be_bytes());
    }
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// The length of an array or of bytes.
fn put_len(out: &mut Vec<u8>, len: usize, compact: bool) -> Result<(), WriteVersionedError> {
    if compact {
        varint::put(out, len as u64 + 1);
    } else {
        let len = i32::try_from(len).map_err(WriteError::from)?;
        out.extend_from_slice(&len.to_be_bytes());
    }
    Ok(())
}

fn put_no_tags(out: &mut Vec<u8>, compact: bool) {
    if compact {
        out.push(0);
    }
}

impl ReadVersionedType<Cursor<Vec<u8>>> for ProduceResponse {
    fn read_versioned(
        reader: &mut Cursor<Vec<u8>>,
        version: ApiVersion,
    ) -> Result<Self, ReadVersionedError> {
        let version = version.0.0;
        read_with(reader, version >= FIRST_FLEXIBLE, |bytes| {
            Self::parse(bytes, version)
        })
    }
}

impl ProduceResponse {
    fn parse(bytes: &mut Bytes<'_>, version: i16) -> Result<Self, Malformed> {
        let compact = version >= FIRST_FLEXIBLE;
        let topic = match bytes.array_len(compact, 3)? {
            0 => None,
            1 => Some(parse_topic(bytes, version)?),
            _ => return Err(Malformed("answer: more topics than were asked for")),
        };
        let throttle_ms = bytes.i32()?;
        let mut answer = Self { throttle_ms, topic };
        if compact {
            bytes.tags(|tag, field| match tag {
                0 if version >= 10 => answer.locate_leaders(field),
                _ => Ok(()),
            })?;
        }
        Ok(answer)
    }

    /// Reads the addresses of the leaders that the partitions name; others are not kept.
    fn locate_leaders(&mut self, bytes: &mut Bytes<'_>) -> Result<(), Malformed> {
        let mut endpoints = HashMap::new();
        for hint in self.hints() {
            endpoints.insert(hint.id, None);
        }
        for _ in 0..bytes.array_len(true, 11)? {
            let id = bytes.i32()?;
            let host = bytes.string(true)?.unwrap_or_default();
            let port = bytes.i32()?;
            bytes.string(true)?; // rack
            bytes.skip_tags()?;
            if let Some(place) = endpoints.get_mut(&id) {
                *place = host_and_port(host, port);
            }
        }
        for hint in self.hints() {
            hint.address = endpoints.get(&hint.id).cloned().flatten();
        }
        Ok(())
    }

    fn hints(&mut self) -> impl Iterator<Item = &mut LeaderHint> {
        let partitions = self.topic.iter_mut().flat_map(|(_, partitions)| partitions);
        partitions.filter_map(|partition| partition.leader.as_mut())
    }

    /// What is known of batches that nobody acknowledges: nothing bad.
    pub(super) fn unacknowledged(batches: &[(i32, Arc<[u8]>)]) -> ProduceAnswer {
        let partition = |(index, _): &(i32, _)| PartitionAnswer {
            index: *index,
            error: 0,
            base_offset: -1,
            log_append_time_ms: -1,
            leader: None,
            message: None,
            record_errors: Vec::new(),
        };
        ProduceAnswer {
            throttle: Duration::ZERO,
            partitions: batches.iter().map(partition).collect(),
        }
    }

    /// Brings the answers into the order of their indices and checks that there is exactly one for
    /// each batch that was sent.
    pub(super) fn into_answer(
        self,
        topic: &str,
        batches: &[(i32, Arc<[u8]>)],
    ) -> Result<ProduceAnswer, String> {
        let mut partitions = self
            .topic
            .filter(|(name, _)| name == topic)
            .map(|(_, partitions)| partitions)
            .unwrap_or_default();
        partitions.sort_by_key(|partition| partition.index);
        let mut asked: Vec<i32> = batches.iter().map(|(index, _)| *index).collect();
        asked.sort_unstable();
        if !partitions
            .iter()
            .map(|answer| answer.index)
            .eq(asked.iter().copied())
        {
            let answered: Vec<i32> = partitions.iter().map(|answer| answer.index).collect();
            return Err(format!(
                "expected answers for partitions {asked:?} of `{topic}`, found {answered:?}"
            ));
        }
        let throttle = u64::try_from(self.throttle_ms).unwrap_or(0);
        Ok(ProduceAnswer {
            throttle: Duration::from_millis(throttle),
            partitions,
        })
    }
}

fn parse_topic(
    bytes: &mut Bytes<'_>,
    version: i16,
) -> Result<(String, Vec<PartitionAnswer>), Malformed> {
    let compact = version >= FIRST_FLEXIBLE;
    let name = bytes.topic(compact)?;
    let count = bytes.array_len(compact, 22)?;
    if count > MAX_PARTITIONS {
        return Err(Malformed("answer: more partitions than a topic can have"));
    }
    let mut partitions = Vec::with_capacity(count);
    for _ in 0..count {
        partitions.push(parse_partition(bytes, version)?);
    }
    if compact {
        bytes.skip_tags()?;
    }
    Ok((name, partitions))
}

fn parse_partition(bytes: &mut Bytes<'_>, version: i16) -> Result<PartitionAnswer, Malformed> {
    let compact = version >= FIRST_FLEXIBLE;
    let mut answer = PartitionAnswer {
        index: bytes.i32()?,
        error: bytes.i16()?,
        base_offset: bytes.i64()?,
        log_append_time_ms: bytes.i64()?,
        leader: None,
        message: None,
        record_errors: Vec::new(),
    };
    if version >= 5 {
        bytes.i64()?; // log start offset
    }
    if version >= 8 {
        let of_record = parse_record_errors(bytes, compact, &mut answer.record_errors)?;
        let message = bytes.string(compact)?.or(of_record);
        answer.message = message.map(shown);
    }
    if compact {
        bytes.tags(|tag, field| match tag {
            0 if version >= 10 => {
                let id = field.i32()?;
                field.i32()?; // leader epoch
                answer.leader = (id >= 0).then_some(LeaderHint { id, address: None });
                Ok(())
            }
            _ => Ok(()),
        })?;
    }
    Ok(answer)
}

/// Positions of records; returns what is said of the first of which something is.
fn parse_record_errors<'a>(
    bytes: &mut Bytes<'a>,
    compact: bool,
    positions: &mut Vec<i32>,
) -> Result<Option<&'a [u8]>, Malformed> {
    let mut first = None;
    let count = bytes.array_len(compact, 6)?;
    positions.reserve_exact(count);
    for _ in 0..count {
        positions.push(bytes.i32()?);
        let message = bytes.string(compact)?;
        if compact {
            bytes.skip_tags()?;
        }
        first = first.or(message);
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use rskafka::protocol::messages::ProduceResponse as Reference;

    use super::*;

    /// Writes answers as a broker does.
    struct Writer {
        out: Vec<u8>,
        version: i16,
    }

    impl Writer {
        fn compact(&self) -> bool {
            self.version >= FIRST_FLEXIBLE
        }

        fn raw(&mut self, bytes: &[u8]) {
            self.out.extend_from_slice(bytes);
        }

        fn len(&mut self, len: usize) {
            let compact = self.compact();
            put_len(&mut self.out, len, compact).unwrap();
        }

        fn text(&mut self, text: Option<&str>) {
            let compact = self.compact();
            match text {
                None => put_null_string(&mut self.out, compact),
                Some(text) => put_string(&mut self.out, text, compact).unwrap(),
            }
        }

        fn tags(&mut self, tags: &[(u8, &[u8])]) {
            if !self.compact() {
                return;
            }
            self.raw(&[u8::try_from(tags.len()).unwrap()]);
            for (tag, field) in tags {
                self.raw(&[*tag, u8::try_from(field.len()).unwrap()]);
                self.raw(field);
            }
        }

        fn partition(&mut self, index: i32, error: i16, leader: Option<i32>) {
            self.raw(&index.to_be_bytes());
            self.raw(&error.to_be_bytes());
            let offset: i64 = if error == 0 { 70 } else { -1 };
            self.raw(&offset.to_be_bytes());
            self.raw(&(-1_i64).to_be_bytes());
            if self.version >= 5 {
                self.raw(&0_i64.to_be_bytes());
            }
            if self.version >= 8 {
                self.len(2);
                for (position, text) in [(4_i32, None), (5, Some("too old"))] {
                    self.raw(&position.to_be_bytes());
                    self.text(text);
                    self.tags(&[(3, b"?")]);
                }
                self.text(Some("in words"));
            }
            let field = leader.map(|id| [id.to_be_bytes(), 9_i32.to_be_bytes()].concat());
            match &field {
                Some(field) if self.version >= 10 => {
                    let field = [field.as_slice(), &[0]].concat();
                    self.tags(&[(0, &field), (9, b"unknown")]);
                }
                _ => self.tags(&[(9, b"unknown")]),
            }
        }

        fn endpoints(&mut self) {
            let mut list = Self {
                out: Vec::new(),
                version: self.version,
            };
            list.len(2);
            for (id, host) in [(2_i32, "kafka-2"), (3, "::1")] {
                list.raw(&id.to_be_bytes());
                list.text(Some(host));
                list.raw(&9092_i32.to_be_bytes());
                list.text(None);
                list.tags(&[]);
            }
            if self.version >= 10 {
                self.tags(&[(0, &list.out), (7, b"unknown")]);
            } else {
                self.tags(&[(7, b"unknown")]);
            }
        }
    }

    /// Partitions 2, 0, 1 of `logs`: appended, led by broker 2, led by a broker without address.
    fn answer(version: i16) -> Vec<u8> {
        let mut writer = Writer {
            out: Vec::new(),
            version,
        };
        writer.tags(&[(5, b"of the header")]);
        writer.len(1);
        writer.text(Some("logs"));
        writer.len(3);
        writer.partition(2, 0, None);
        writer.partition(0, 6, Some(2));
        writer.partition(1, 6, Some(8));
        writer.tags(&[]);
        writer.raw(&250_i32.to_be_bytes());
        writer.endpoints();
        writer.out
    }

    fn read(bytes: &[u8], version: i16) -> Result<ProduceResponse, ReadVersionedError> {
        let mut cursor = Cursor::new(bytes.to_vec());
        let version = ApiVersion(Int16(version));
        let response = ProduceResponse::read_versioned(&mut cursor, version)?;
        assert_eq!(cursor.position(), bytes.len() as u64);
        Ok(response)
    }

    fn batches(indices: &[i32]) -> Vec<(i32, Arc<[u8]>)> {
        let empty: Arc<[u8]> = Arc::from([]);
        indices
            .iter()
            .map(|index| (*index, Arc::clone(&empty)))
            .collect()
    }

    #[test]
    fn answers_of_every_version_are_read_to_the_last_byte() {
        for version in 3..=12 {
            let response = read(&answer(version), version).unwrap();
            let answer = response.into_answer("logs", &batches(&[0, 1, 2])).unwrap();
            assert_eq!(answer.throttle, Duration::from_millis(250));
            let [moved, lost, appended] = &answer.partitions[..] else {
                panic!("{answer:?}");
            };
            assert_eq!((moved.index, moved.error), (0, 6));
            assert_eq!((lost.index, lost.error, lost.base_offset), (1, 6, -1));
            assert_eq!((appended.index, appended.error), (2, 0));
            assert_eq!(appended.base_offset, 70);
            assert_eq!(appended.log_append_time_ms, -1);
            assert_eq!(appended.leader, None);
            let in_words = (version >= 8).then_some("in words");
            assert_eq!(moved.message.as_deref(), in_words);
            if version >= 8 {
                assert_eq!(moved.record_errors, [4, 5]);
            }
            let hint = |id, address: Option<&str>| {
                let address = address.map(str::to_owned);
                (version >= 10).then_some(LeaderHint { id, address })
            };
            assert_eq!(moved.leader, hint(2, Some("kafka-2:9092")));
            assert_eq!(lost.leader, hint(8, None));
        }
    }

    #[test]
    fn old_answers_agree_with_the_reader_of_the_client_library() {
        for version in 3..=7 {
            let bytes = answer(version);
            let mut cursor = Cursor::new(bytes.clone());
            let theirs =
                Reference::read_versioned(&mut cursor, ApiVersion(Int16(version))).unwrap();
            let ours = read(&bytes, version).unwrap();
            let theirs = &theirs.responses[0].partition_responses;
            for (ours, theirs) in ours.topic.unwrap().1.iter().zip(theirs) {
                assert_eq!(ours.index, theirs.index.0);
                assert_eq!(ours.base_offset, theirs.base_offset.0);
                assert_eq!(ours.error, Int16::from(theirs.error).0);
            }
        }
    }

    #[test]
    fn an_answer_cut_or_damaged_anywhere_is_no_panic() {
        for version in 3..=12 {
            let bytes = answer(version);
            for end in 0..bytes.len() {
                assert!(read(&bytes[..end], version).is_err(), "{version} {end}");
            }
            for at in 0..bytes.len() {
                for flip in [0x01, 0x7f, 0x80, 0xff] {
                    let mut damaged = bytes.clone();
                    damaged[at] ^= flip;
                    let mut cursor = Cursor::new(damaged);
                    let version = ApiVersion(Int16(version));
                    drop(ProduceResponse::read_versioned(&mut cursor, version));
                }
            }
        }
    }

    #[test]
    fn there_must_be_one_answer_for_each_batch() {
        let response = || read(&answer(12), 12).unwrap();
        assert_eq!(
            response()
                .into_answer("logs", &batches(&[0, 3]))
                .unwrap_err(),
            "expected answers for partitions [0, 3] of `logs`, found [0, 1, 2]"
        );
        assert!(
            response()
                .into_answer("other", &batches(&[0, 1, 2]))
                .is_err()
        );
        assert!(response().into_answer("logs", &batches(&[2, 1, 0])).is_ok());
    }

    #[test]
    fn requests_are_written_as_the_protocol_says() {
        let batch: Arc<[u8]> = Arc::from(*b"BATCH");
        let request = ProduceRequest {
            topic: "logs",
            acks: -1,
            timeout_ms: 30_000,
            batches: &[(0, Arc::clone(&batch)), (5, batch)],
        };
        let write = |version| {
            let mut out = Vec::new();
            request
                .write_versioned(&mut out, ApiVersion(Int16(version)))
                .unwrap();
            out
        };
        let old = b"\xff\xff\xff\xff\0\0\x75\x30\0\0\0\x01\0\x04logs\0\0\0\x02\
            \0\0\0\0\0\0\0\x05BATCH\0\0\0\x05\0\0\0\x05BATCH";
        let compact = b"\0\xff\xff\0\0\x75\x30\x02\x05logs\x03\
            \0\0\0\0\x06BATCH\0\0\0\0\x05\x06BATCH\0\0\0";
        for version in 3..=8 {
            assert_eq!(write(version), old);
        }
        for version in 9..=12 {
            assert_eq!(write(version), compact);
        }
    }
}
