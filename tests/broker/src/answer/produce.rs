//! `Produce`: one batch per partition, checked and stored as it came.

use bytes::Bytes;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::ProduceResponse;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::BatchIndexAndErrorMessage;
use kafka_protocol::messages::produce_response::LeaderIdAndEpoch;
use kafka_protocol::messages::produce_response::NodeEndpoint;
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::produce_response::TopicProduceResponse;
use kafka_protocol::protocol::StrBytes;

use super::Context;
use crate::api::error;
use crate::batch;
use crate::batch::Limits;
use crate::batch::Refusal;
use crate::cluster::State;
use crate::cluster::now_ms;
use crate::codec;

pub(super) fn produce(cx: &Context<'_>, request: &ProduceRequest) -> ProduceResponse {
    let mut response = ProduceResponse::default();
    for topic in &request.topic_data {
        let mut answers = TopicProduceResponse::default().with_name(topic.name.clone());
        for data in &topic.partition_data {
            let answer = one(cx, request.acks, &topic.name, data);
            answers.partition_responses.push(answer);
        }
        response.responses.push(answers);
    }
    if cx.version >= HINTS {
        response.node_endpoints = endpoints(&cx.cluster.state(), &response);
    }
    // Waiting fetches are woken once per request.
    cx.cluster.appended.notify_waiters();
    response
}

fn one(
    cx: &Context<'_>,
    acks: i16,
    topic: &str,
    data: &PartitionProduceData,
) -> PartitionProduceResponse {
    if let Some(code) = cx.effect.refusal(data.index) {
        return hinted(cx, topic, refused(data.index, code));
    }
    if !(-1..=1).contains(&acks) {
        return refused(data.index, error::INVALID_REQUIRED_ACKS);
    }
    let empty = Bytes::new();
    let bytes = data.records.as_ref().unwrap_or(&empty);
    let is_led = cx
        .cluster
        .state()
        .led_by(cx.node, topic, data.index, -1)
        .is_ok();
    if is_led && let Some((code, names, positions)) = cx.cluster.refused_records(bytes) {
        return blaming(
            cx,
            refused(data.index, code),
            if names { positions } else { Vec::new() },
        );
    }
    match append(cx, topic, data.index, bytes) {
        Ok(answer) => answer,
        Err(refusal) => {
            let mut answer = hinted(cx, topic, refused(data.index, refusal.code));
            if cx.version >= RECORD_ERRORS && !refusal.text.is_empty() {
                answer.error_message = Some(StrBytes::from_static_str(refusal.text));
                answer.record_errors = record_errors(refusal, bytes);
            }
            answer
        }
    }
}

fn append(
    cx: &Context<'_>,
    topic: &str,
    index: i32,
    bytes: &Bytes,
) -> Result<PartitionProduceResponse, Refusal> {
    let plain = |code| Refusal { code, text: "" };
    // Looked up before the batch is checked, as Kafka does: a lost leader hides a bad batch.
    let max_message_bytes = {
        let mut state = cx.cluster.state();
        state.led_by(cx.node, topic, index, -1).map_err(plain)?;
        state.max_message_bytes
    };
    let now = now_ms();
    let config = &cx.cluster.config;
    let ahead = i64::try_from(config.max_ahead.as_millis()).unwrap_or(i64::MAX);
    let limits = Limits {
        max_message_bytes,
        latest: now.saturating_add(ahead),
        zstd: cx.version >= ZSTD,
    };
    // Checked outside the lock, so that connections do not wait for each other's CRCs.
    let header = batch::check(bytes, limits)?;
    let mut state = cx.cluster.state();
    let partition = state.led_by(cx.node, topic, index, -1).map_err(plain)?;
    let epoch = partition.leader_epoch;
    let placed = partition
        .log
        .append(&header, bytes, epoch, now)
        .map_err(plain)?;
    partition.log.retain(config.retention_bytes);
    Ok(PartitionProduceResponse::default()
        .with_index(index)
        .with_base_offset(placed.base_offset)
        .with_log_append_time_ms(placed.duplicate_of.unwrap_or(-1))
        .with_log_start_offset(partition.log.start()))
}

fn refused(index: i32, code: i16) -> PartitionProduceResponse {
    PartitionProduceResponse::default()
        .with_index(index)
        .with_error_code(code)
        .with_base_offset(-1)
        .with_log_append_time_ms(-1)
        .with_log_start_offset(-1)
}

/// As long as anything that Kafka says about a record, of a topic with a long name.
const REFUSED_BY_RULE: &str = "refused by rule, of which there is as much to say as about a timestamp that \
    lies too far ahead: what it is, where the record stands in its batch, between which two moments \
    it should lie, and what the topic and its partition are called, whose name may be of two hundred \
    and forty-nine characters; so here are some of them, which are many";

/// Names the records at `positions` as those that are to blame.
fn blaming(
    cx: &Context<'_>,
    mut answer: PartitionProduceResponse,
    positions: Vec<i32>,
) -> PartitionProduceResponse {
    if cx.version >= RECORD_ERRORS {
        let named = positions.into_iter().map(|position| {
            BatchIndexAndErrorMessage::default()
                .with_batch_index(position)
                .with_batch_index_error_message(Some(StrBytes::from_static_str(REFUSED_BY_RULE)))
        });
        answer.record_errors = named.collect();
    }
    answer
}

/// Says which records are to blame, where a single one can be.
fn record_errors(refusal: Refusal, bytes: &Bytes) -> Vec<BatchIndexAndErrorMessage> {
    if refusal.code != error::INVALID_TIMESTAMP {
        return Vec::new();
    }
    let now = now_ms();
    let records = codec::decode(0, bytes.clone()).unwrap_or_default();
    let blamed = (0..).zip(&records).filter(|(_, r)| r.timestamp > now);
    blamed
        .map(|(index, record)| {
            let text = format!(
                "timestamp {} of the record is out of range",
                record.timestamp
            );
            BatchIndexAndErrorMessage::default()
                .with_batch_index(index)
                .with_batch_index_error_message(Some(text.into()))
        })
        .collect()
}

/// Adds the leader to a `NOT_LEADER` answer.
fn hinted(
    cx: &Context<'_>,
    topic: &str,
    mut answer: PartitionProduceResponse,
) -> PartitionProduceResponse {
    if answer.error_code == error::NOT_LEADER && cx.version >= HINTS {
        let state = cx.cluster.state();
        if let Some(partition) = state.partition(topic, answer.index)
            && let Some(leader) = partition.leader
        {
            answer.current_leader = LeaderIdAndEpoch::default()
                .with_leader_id(leader.into())
                .with_leader_epoch(partition.leader_epoch);
        }
    }
    answer
}

/// Addresses of the leaders that the answer names.
fn endpoints(state: &State, response: &ProduceResponse) -> Vec<NodeEndpoint> {
    let named = |node: i32| {
        let partitions = response
            .responses
            .iter()
            .flat_map(|t| &t.partition_responses);
        partitions
            .filter(|partition| partition.error_code == error::NOT_LEADER)
            .any(|partition| partition.current_leader.leader_id.0 == node)
    };
    let nodes = (0..).zip(&state.nodes);
    nodes
        .filter(|(id, node)| node.up && named(*id))
        .map(|(id, node)| {
            let (host, port) = node.endpoint();
            NodeEndpoint::default()
                .with_node_id(id.into())
                .with_host(host)
                .with_port(port)
        })
        .collect()
}

const ZSTD: i16 = 7;
const RECORD_ERRORS: i16 = 8;
const HINTS: i16 = 10;
