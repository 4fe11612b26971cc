//! `Metadata`: brokers that are up, topics, leaders.

use kafka_protocol::messages::BrokerId;
use kafka_protocol::messages::MetadataRequest;
use kafka_protocol::messages::MetadataResponse;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseBroker;
use kafka_protocol::messages::metadata_response::MetadataResponsePartition;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::protocol::StrBytes;

use super::Context;
use crate::api::error;
use crate::cluster::Partition;
use crate::cluster::State;
use crate::cluster::Topic;

pub(super) fn metadata(cx: &Context<'_>, request: &MetadataRequest) -> MetadataResponse {
    let mut state = cx.cluster.state();
    let topics = match &request.topics {
        Some(asked) if !(asked.is_empty() && cx.version == 0) => {
            let may_create = cx.version < AUTO_CREATION || request.allow_auto_topic_creation;
            let create = may_create && cx.effect.refuse.is_none();
            let named = asked
                .iter()
                .map(|topic| named(cx, &mut state, topic, create));
            named.collect()
        }
        _ => {
            let all = state.topics.iter();
            all.map(|(name, topic)| describe(&state, name, topic))
                .collect()
        }
    };
    let brokers = brokers(&state);
    MetadataResponse::default()
        // A client may ask the controller for things, so it must be one that is listed.
        .with_controller_id(
            brokers
                .first()
                .map_or(BrokerId(-1), |broker| broker.node_id),
        )
        .with_cluster_id(Some(StrBytes::from_static_str("tracing-kafka-broker")))
        .with_brokers(brokers)
        .with_topics(topics)
}

fn brokers(state: &State) -> Vec<MetadataResponseBroker> {
    let up = (0..).zip(&state.nodes).filter(|(_, node)| node.up);
    up.map(|(id, node)| {
        let (host, port) = node.endpoint();
        MetadataResponseBroker::default()
            .with_node_id(id.into())
            .with_host(host)
            .with_port(port)
    })
    .collect()
}

fn named(
    cx: &Context<'_>,
    state: &mut State,
    asked: &MetadataRequestTopic,
    create: bool,
) -> MetadataResponseTopic {
    let Some(name) = &asked.name else {
        let with_id = state.topics.iter().find(|(_, t)| t.id == asked.topic_id);
        return match with_id {
            Some((name, topic)) => describe(state, name, topic),
            None => MetadataResponseTopic::default()
                .with_topic_id(asked.topic_id)
                .with_error_code(error::UNKNOWN_TOPIC_ID),
        };
    };
    let mut code = error::UNKNOWN_TOPIC_OR_PARTITION;
    if create && cx.cluster.config.auto_create && !state.topics.contains_key(name.as_str()) {
        let partitions = cx.cluster.config.partitions;
        if let Err(refused) = cx.cluster.create_topic(state, name, partitions) {
            code = refused;
        }
    }
    match state.topics.get(name.as_str()) {
        Some(topic) => describe(state, name, topic),
        None => MetadataResponseTopic::default()
            .with_name(Some(name.clone()))
            .with_error_code(code),
    }
}

fn describe(state: &State, name: &str, topic: &Topic) -> MetadataResponseTopic {
    let partitions = (0..).zip(&topic.partitions);
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_string(name.to_owned()))))
        .with_topic_id(topic.id)
        .with_partitions(
            partitions
                .map(|(index, partition)| describe_partition(state, index, partition))
                .collect(),
        )
}

fn describe_partition(
    state: &State,
    index: i32,
    partition: &Partition,
) -> MetadataResponsePartition {
    let leader = partition.leader.filter(|leader| state.is_up(*leader));
    let code = if leader.is_some() {
        0
    } else {
        error::LEADER_NOT_AVAILABLE
    };
    let replicas: Vec<BrokerId> = partition.leader.into_iter().map(BrokerId).collect();
    MetadataResponsePartition::default()
        .with_partition_index(index)
        .with_error_code(code)
        .with_leader_id(BrokerId(leader.unwrap_or(-1)))
        .with_leader_epoch(partition.leader_epoch)
        .with_isr_nodes(replicas.clone())
        .with_replica_nodes(replicas)
}

const AUTO_CREATION: i16 = 4;
