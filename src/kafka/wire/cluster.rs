//! Who is in the cluster and who leads which partition of one topic.

use rskafka::protocol::error::Error;
use rskafka::protocol::messages::MetadataRequest;
use rskafka::protocol::messages::MetadataRequestTopic;
use rskafka::protocol::messages::MetadataResponse;
use rskafka::protocol::messages::MetadataResponsePartition;
use rskafka::protocol::primitives::Int16;
use rskafka::protocol::primitives::String_;

/// An answer to a Metadata request for one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterView {
    pub(crate) brokers: Vec<BrokerAddress>,
    /// Kafka's code for the topic as a whole, 0 if there is none.
    pub(crate) topic_error: i16,
    /// Sorted by index.
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

/// A request for one topic, which the broker may create if it is configured to.
pub(super) fn request(topic: &str) -> MetadataRequest {
    MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: String_(topic.to_owned()),
        }]),
        // None stands for true from version 4, and for no field before, where true was the rule.
        allow_auto_topic_creation: None,
    }
}

/// Takes from an answer what concerns `topic`; nothing if the answer leaves it out.
pub(super) fn view(response: MetadataResponse, topic: &str) -> Option<ClusterView> {
    let found = response
        .topics
        .into_iter()
        .find(|candidate| candidate.name.0 == topic)?;
    let brokers = response.brokers.into_iter().filter_map(|broker| {
        Some(BrokerAddress {
            id: broker.node_id.0,
            address: host_and_port(&broker.host.0, broker.port.0)?,
        })
    });
    let mut partitions: Vec<_> = found.partitions.iter().map(partition).collect();
    partitions.sort_by_key(|partition| partition.index);
    partitions.dedup_by_key(|partition| partition.index);
    Some(ClusterView {
        brokers: brokers.collect(),
        topic_error: code(found.error),
        partitions,
    })
}

fn partition(found: &MetadataResponsePartition) -> PartitionView {
    let leader = found.leader_id.0;
    PartitionView {
        index: found.partition_index.0,
        leader: (leader >= 0).then_some(leader),
        error: code(found.error),
    }
}

/// The number of an error, 0 for none.
pub(super) fn code(error: Option<Error>) -> i16 {
    Int16::from(error).0
}

/// `host:port`, with brackets round an IPv6 literal; nothing if no connection could be made to it.
pub(super) fn host_and_port(host: &str, port: i32) -> Option<String> {
    let port = u16::try_from(port).ok().filter(|port| *port != 0)?;
    if host.is_empty() {
        None
    } else if host.contains(':') && !host.starts_with('[') {
        Some(format!("[{host}]:{port}"))
    } else {
        Some(format!("{host}:{port}"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use rskafka::protocol::api_version::ApiVersion;
    use rskafka::protocol::messages::ReadVersionedType as _;

    use super::*;

    #[test]
    fn addresses_can_be_dialled() {
        assert_eq!(host_and_port("kafka-1", 9092).unwrap(), "kafka-1:9092");
        assert_eq!(host_and_port("10.0.0.1", 1).unwrap(), "10.0.0.1:1");
        assert_eq!(host_and_port("::1", 9092).unwrap(), "[::1]:9092");
        assert_eq!(host_and_port("[::1]", 9092).unwrap(), "[::1]:9092");
        for (host, port) in [("", 9092), ("a", 0), ("a", -1), ("a", 65_536)] {
            assert_eq!(host_and_port(host, port), None);
        }
    }

    /// A version 4 answer: brokers 1 and 2, topics `other` and `logs`.
    fn answer() -> Vec<u8> {
        let mut out = Vec::new();
        let string = |out: &mut Vec<u8>, text: &str| {
            out.extend(i16::try_from(text.len()).unwrap().to_be_bytes());
            out.extend(text.as_bytes());
        };
        out.extend(0_i32.to_be_bytes()); // throttle
        out.extend(2_i32.to_be_bytes());
        for (id, host) in [(1_i32, "kafka"), (2, "fe80::2")] {
            out.extend(id.to_be_bytes());
            string(&mut out, host);
            out.extend(9092_i32.to_be_bytes());
            out.extend((-1_i16).to_be_bytes()); // rack
        }
        string(&mut out, "cluster");
        out.extend(1_i32.to_be_bytes()); // controller
        out.extend(2_i32.to_be_bytes());
        for name in ["other", "logs"] {
            out.extend(0_i16.to_be_bytes());
            string(&mut out, name);
            out.push(0);
            out.extend(2_i32.to_be_bytes());
            for (error, index, leader) in [(5_i16, 1_i32, -1_i32), (0, 0, 2)] {
                out.extend(error.to_be_bytes());
                out.extend(index.to_be_bytes());
                out.extend(leader.to_be_bytes());
                out.extend(0_i32.to_be_bytes()); // replicas
                out.extend(0_i32.to_be_bytes()); // in sync
            }
        }
        out
    }

    #[test]
    fn an_answer_becomes_a_view_of_one_topic() {
        let version = ApiVersion(Int16(4));
        let response =
            MetadataResponse::read_versioned(&mut Cursor::new(answer()), version).unwrap();
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
        assert_eq!(super::view(response, "absent"), None);
    }

    #[test]
    fn an_answer_cut_anywhere_is_an_error() {
        let answer = answer();
        for end in 0..answer.len() {
            let mut cut = Cursor::new(answer[..end].to_vec());
            assert!(MetadataResponse::read_versioned(&mut cut, ApiVersion(Int16(4))).is_err());
        }
    }
}
