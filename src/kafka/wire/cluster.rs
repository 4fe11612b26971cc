//! Who is in the cluster and who leads which partition of one topic.

use std::io::Cursor;

use rskafka::protocol::api_key::ApiKey;
use rskafka::protocol::api_version::ApiVersion;
use rskafka::protocol::api_version::ApiVersionRange;
use rskafka::protocol::messages::MetadataRequest as Theirs;
use rskafka::protocol::messages::MetadataRequestTopic;
use rskafka::protocol::messages::ReadVersionedError;
use rskafka::protocol::messages::ReadVersionedType;
use rskafka::protocol::messages::RequestBody;
use rskafka::protocol::messages::WriteVersionedError;
use rskafka::protocol::messages::WriteVersionedType;
use rskafka::protocol::primitives::Int16;
use rskafka::protocol::primitives::String_;

use super::bytes::Bytes;
use super::bytes::Malformed;
use super::bytes::NEVER;
use super::bytes::read_with;

/// An answer to a Metadata request for one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterView {
    pub(crate) brokers: Vec<BrokerAddress>,
    /// Kafka's code for the topic as a whole, 0 if there is none.
    pub(crate) topic_error: i16,
    /// Sorted by index, which is the position.
    pub(crate) partitions: Vec<PartitionView>,
}

/// Where to reach a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BrokerAddress {
    pub(crate) id: i32,
    /// `host:port`; IPv6 literals stand in brackets.
    pub(crate) address: String,
}

/// The state of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartitionView {
    pub(crate) index: i32,
    /// The broker that takes its batches, if there is one now.
    pub(crate) leader: Option<i32>,
    /// Kafka's code, 0 if there is none.
    pub(crate) error: i16,
}

/// The versions spoken here.
pub(super) const VERSIONS: ApiVersionRange =
    ApiVersionRange::new(ApiVersion(Int16(0)), ApiVersion(Int16(4)));
/// No topic has more, by far.
pub(super) const MAX_PARTITIONS: usize = 1 << 15;
/// No cluster has more, by far.
const MAX_BROKERS: usize = 1 << 12;
/// The longest name that DNS knows.
const MAX_HOST_BYTES: usize = 255;

/// A request for one topic, which the broker may create if it is configured to.
#[derive(Debug)]
pub(super) struct MetadataRequest<'a> {
    pub(super) topic: &'a str,
}

/// The answer as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MetadataResponse {
    brokers: Vec<BrokerAddress>,
    topic: Option<TopicAnswer>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct TopicAnswer {
    name: String,
    error: i16,
    /// In the broker's order.
    partitions: Vec<PartitionView>,
}

impl RequestBody for MetadataRequest<'_> {
    type ResponseBody = MetadataResponse;

    const API_KEY: ApiKey = ApiKey::Metadata;
    const API_VERSION_RANGE: ApiVersionRange = VERSIONS;
    const FIRST_TAGGED_FIELD_IN_REQUEST_VERSION: ApiVersion =
        Theirs::FIRST_TAGGED_FIELD_IN_REQUEST_VERSION;
    const FIRST_TAGGED_FIELD_IN_RESPONSE_VERSION: ApiVersion = NEVER;
}

impl WriteVersionedType<Vec<u8>> for MetadataRequest<'_> {
    fn write_versioned(
        &self,
        out: &mut Vec<u8>,
        version: ApiVersion,
    ) -> Result<(), WriteVersionedError> {
        let request = Theirs {
            topics: Some(vec![MetadataRequestTopic {
                name: String_(self.topic.to_owned()),
            }]),
            // None stands for true from version 4, and for no field before, where true was the rule.
            allow_auto_topic_creation: None,
        };
        request.write_versioned(out, version)
    }
}

impl ReadVersionedType<Cursor<Vec<u8>>> for MetadataResponse {
    fn read_versioned(
        reader: &mut Cursor<Vec<u8>>,
        version: ApiVersion,
    ) -> Result<Self, ReadVersionedError> {
        read_with(reader, false, |bytes| Self::parse(bytes, version.0.0))
    }
}

impl MetadataResponse {
    fn parse(bytes: &mut Bytes<'_>, version: i16) -> Result<Self, Malformed> {
        if version >= 3 {
            bytes.i32()?; // throttle: it says nothing about the answer
        }
        let brokers = parse_brokers(bytes, version)?;
        if version >= 2 {
            bytes.string(false)?; // cluster
        }
        if version >= 1 {
            bytes.i32()?; // controller
        }
        let topic = match bytes.array_len(false, 8)? {
            0 => None,
            1 => Some(parse_topic(bytes, version)?),
            _ => return Err(Malformed("answer: more topics than were asked for")),
        };
        Ok(Self { brokers, topic })
    }
}

/// Brokers that can be dialled; others are left out.
fn parse_brokers(bytes: &mut Bytes<'_>, version: i16) -> Result<Vec<BrokerAddress>, Malformed> {
    let count = bytes.array_len(false, 10)?;
    if count > MAX_BROKERS {
        return Err(Malformed("answer: more brokers than a cluster can have"));
    }
    let mut brokers = Vec::with_capacity(count);
    for _ in 0..count {
        let id = bytes.i32()?;
        let host = bytes.string(false)?;
        let port = bytes.i32()?;
        if version >= 1 {
            bytes.string(false)?; // rack
        }
        if let Some(address) = host_and_port(host.unwrap_or_default(), port) {
            brokers.push(BrokerAddress { id, address });
        }
    }
    Ok(brokers)
}

fn parse_topic(bytes: &mut Bytes<'_>, version: i16) -> Result<TopicAnswer, Malformed> {
    let error = bytes.i16()?;
    let name = bytes.topic(false)?;
    if version >= 1 {
        bytes.i8()?; // whether it is internal
    }
    let count = bytes.array_len(false, 18)?;
    if count > MAX_PARTITIONS {
        return Err(Malformed("answer: more partitions than a topic can have"));
    }
    let mut partitions = Vec::with_capacity(count);
    for _ in 0..count {
        partitions.push(parse_partition(bytes)?);
    }
    Ok(TopicAnswer {
        name,
        error,
        partitions,
    })
}

fn parse_partition(bytes: &mut Bytes<'_>) -> Result<PartitionView, Malformed> {
    let error = bytes.i16()?;
    let index = bytes.i32()?;
    let leader = bytes.i32()?;
    for _ in ["replicas", "in sync"] {
        for _ in 0..bytes.array_len(false, 4)? {
            bytes.i32()?;
        }
    }
    Ok(PartitionView {
        index,
        leader: (leader >= 0).then_some(leader),
        error,
    })
}

/// What an answer says of `topic`; an error if it says nothing, or numbers the partitions in a way that
/// leaves some out.
pub(super) fn view(response: MetadataResponse, topic: &str) -> Result<ClusterView, String> {
    let found = response
        .topic
        .filter(|found| found.name == topic)
        .ok_or_else(|| format!("no metadata of the topic `{topic}`"))?;
    let mut partitions = found.partitions;
    partitions.sort_unstable_by_key(|partition| partition.index);
    if let Some((wanted, out)) = (0..).zip(&partitions).find(|(n, p)| *n != p.index) {
        return Err(format!(
            "expected partition {wanted} of {} of the topic `{topic}`, found {}",
            partitions.len(),
            out.index
        ));
    }
    Ok(ClusterView {
        brokers: response.brokers,
        topic_error: found.error,
        partitions,
    })
}

/// `host:port`, with brackets round an IPv6 literal; nothing if no connection could be made to it.
pub(super) fn host_and_port(host: &[u8], port: i32) -> Option<String> {
    let port = u16::try_from(port).ok().filter(|port| *port != 0)?;
    let host = str::from_utf8(host).ok()?;
    let is_name = (1..=MAX_HOST_BYTES).contains(&host.len())
        && host.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_name {
        None
    } else if host.contains(':') && !host.starts_with('[') {
        Some(format!("[{host}]:{port}"))
    } else {
        Some(format!("{host}:{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], version: i16) -> Result<MetadataResponse, ReadVersionedError> {
        let mut cursor = Cursor::new(bytes.to_vec());
        let response = MetadataResponse::read_versioned(&mut cursor, ApiVersion(Int16(version)))?;
        assert_eq!(cursor.position(), bytes.len() as u64);
        Ok(response)
    }

    #[test]
    fn addresses_can_be_dialled() {
        let dialled = |host: &str, port| host_and_port(host.as_bytes(), port);
        assert_eq!(dialled("kafka-1", 9092).unwrap(), "kafka-1:9092");
        assert_eq!(dialled("10.0.0.1", 1).unwrap(), "10.0.0.1:1");
        assert_eq!(dialled("::1", 9092).unwrap(), "[::1]:9092");
        assert_eq!(dialled("[::1]", 9092).unwrap(), "[::1]:9092");
        for (host, port) in [("", 9092), ("a", 0), ("a", -1), ("a", 65_536)] {
            assert_eq!(dialled(host, port), None);
        }
    }

    #[test]
    fn a_host_is_one_that_can_be_shown() {
        for host in ["a\nb", "a b", "\x1b[31mred", "a\u{202e}b", &"a".repeat(256)] {
            assert_eq!(host_and_port(host.as_bytes(), 9092), None, "{host:?}");
        }
        assert_eq!(host_and_port(b"\xff", 9092), None);
        assert!(host_and_port("a".repeat(255).as_bytes(), 9092).is_some());
    }

    /// An answer: brokers 1 and 2, and partitions of `logs` with error, index and leader.
    fn answer(version: i16, partitions: &[(i16, i32, i32)]) -> Vec<u8> {
        let mut out = Vec::new();
        let string = |out: &mut Vec<u8>, text: &str| {
            out.extend(i16::try_from(text.len()).unwrap().to_be_bytes());
            out.extend(text.as_bytes());
        };
        if version >= 3 {
            out.extend(250_i32.to_be_bytes()); // throttle
        }
        out.extend(2_i32.to_be_bytes());
        for (id, host) in [(1_i32, "kafka"), (2, "fe80::2")] {
            out.extend(id.to_be_bytes());
            string(&mut out, host);
            out.extend(9092_i32.to_be_bytes());
            if version >= 1 {
                out.extend((-1_i16).to_be_bytes()); // rack
            }
        }
        if version >= 2 {
            string(&mut out, "cluster");
        }
        if version >= 1 {
            out.extend(1_i32.to_be_bytes()); // controller
        }
        out.extend(1_i32.to_be_bytes());
        out.extend(0_i16.to_be_bytes());
        string(&mut out, "logs");
        if version >= 1 {
            out.push(0);
        }
        out.extend(i32::try_from(partitions.len()).unwrap().to_be_bytes());
        for (error, index, leader) in partitions {
            out.extend(error.to_be_bytes());
            out.extend(index.to_be_bytes());
            out.extend(leader.to_be_bytes());
            out.extend(b"\0\0\0\x01\0\0\0\x02"); // replicas
            out.extend((-1_i32).to_be_bytes()); // in sync
        }
        out
    }

    const TWO: [(i16, i32, i32); 2] = [(5, 1, -1), (0, 0, 2)];

    #[test]
    fn an_answer_becomes_a_view_of_one_topic() {
        for version in 0..=4 {
            let response = read(&answer(version, &TWO), version).unwrap();
            let view = view(response.clone(), "logs").unwrap();
            let addresses: Vec<_> = view.brokers.iter().map(|broker| &broker.address).collect();
            assert_eq!(addresses, ["kafka:9092", "[fe80::2]:9092"]);
            assert_eq!(view.topic_error, 0);
            let expected = [(0, Some(2), 0), (1, None, 5)];
            assert_eq!(
                view.partitions,
                expected.map(|(index, leader, error)| PartitionView {
                    index,
                    leader,
                    error
                })
            );
            let error = super::view(response, "absent").unwrap_err();
            assert_eq!(error, "no metadata of the topic `absent`");
        }
    }

    #[test]
    fn answers_agree_with_the_reader_of_the_client_library() {
        use rskafka::protocol::messages::MetadataResponse as Reference;
        for version in 0..=4 {
            let bytes = answer(version, &TWO);
            let mut cursor = Cursor::new(bytes.clone());
            let theirs =
                Reference::read_versioned(&mut cursor, ApiVersion(Int16(version))).unwrap();
            let ours = read(&bytes, version).unwrap();
            assert_eq!(ours.brokers.len(), theirs.brokers.len());
            let ours = ours.topic.unwrap();
            for (ours, theirs) in ours.partitions.iter().zip(&theirs.topics[0].partitions) {
                assert_eq!(ours.index, theirs.partition_index.0);
                assert_eq!(ours.leader.unwrap_or(-1), theirs.leader_id.0);
                assert_eq!(ours.error, Int16::from(theirs.error).0);
            }
        }
    }

    #[test]
    fn partitions_are_numbered_from_zero_without_gap_or_copy() {
        for (indices, wanted) in [
            (&[0, 1, i32::MAX - 1][..], "partition 2 of 3"),
            (&[-1, 0], "partition 0 of 2"),
            (&[1, 2], "partition 0 of 2"),
            (&[0, 2], "partition 1 of 2"),
            (&[1, 0, 0], "partition 1 of 3"),
        ] {
            let partitions: Vec<_> = indices.iter().map(|index| (0, *index, 1)).collect();
            let response = read(&answer(4, &partitions), 4).unwrap();
            let error = view(response, "logs").unwrap_err();
            assert!(error.contains(wanted), "{indices:?}: {error}");
        }
        let many: Vec<_> = (0..32_769).rev().map(|index| (0, index, 1)).collect();
        let response = read(&answer(4, &many[1..]), 4).unwrap();
        assert_eq!(view(response, "logs").unwrap().partitions.len(), 32_768);
        read(&answer(4, &many), 4).unwrap_err();
    }

    #[test]
    fn an_answer_cut_anywhere_is_an_error() {
        for version in 0..=4 {
            let answer = answer(version, &TWO);
            for end in 0..answer.len() {
                assert!(read(&answer[..end], version).is_err());
            }
        }
    }
}
