//! `ListOffsets` and `DeleteRecords`.

use kafka_protocol::messages::DeleteRecordsRequest;
use kafka_protocol::messages::DeleteRecordsResponse;
use kafka_protocol::messages::ListOffsetsRequest;
use kafka_protocol::messages::ListOffsetsResponse;
use kafka_protocol::messages::delete_records_request::DeleteRecordsPartition;
use kafka_protocol::messages::delete_records_response::DeleteRecordsPartitionResult;
use kafka_protocol::messages::delete_records_response::DeleteRecordsTopicResult;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::ListOffsetsPartitionResponse;
use kafka_protocol::messages::list_offsets_response::ListOffsetsTopicResponse;

use super::Context;
use crate::api::error;
use crate::codec;
use crate::log::Log;

pub(super) fn list(cx: &Context<'_>, request: &ListOffsetsRequest) -> ListOffsetsResponse {
    let mut response = ListOffsetsResponse::default();
    for topic in &request.topics {
        let mut answers = ListOffsetsTopicResponse::default().with_name(topic.name.clone());
        for asked in &topic.partitions {
            answers.partitions.push(list_one(cx, &topic.name, asked));
        }
        response.topics.push(answers);
    }
    response
}

fn list_one(
    cx: &Context<'_>,
    topic: &str,
    asked: &ListOffsetsPartition,
) -> ListOffsetsPartitionResponse {
    let answer = ListOffsetsPartitionResponse::default()
        .with_partition_index(asked.partition_index)
        .with_timestamp(-1)
        .with_offset(-1);
    let (index, epoch) = (asked.partition_index, asked.current_leader_epoch);
    let mut state = cx.cluster.state();
    let partition = match state.led_by(cx.node, topic, index, epoch) {
        Ok(partition) => partition,
        Err(code) => return answer.with_error_code(code),
    };
    let (offset, timestamp) = match asked.timestamp {
        LATEST => (partition.log.end(), -1),
        EARLIEST => (partition.log.start(), -1),
        MAX_TIMESTAMP => newest(&partition.log),
        time => first_from(&partition.log, time),
    };
    let epoch = if cx.version >= LEADER_EPOCH && offset >= 0 {
        partition.leader_epoch
    } else {
        -1
    };
    answer
        .with_offset(offset)
        .with_timestamp(timestamp)
        .with_leader_epoch(epoch)
}

/// Offset and timestamp of the first record at or after `time`.
fn first_from(log: &Log, time: i64) -> (i64, i64) {
    let batches = log.batches().filter(|batch| batch.max_timestamp >= time);
    let records = batches.flat_map(|batch| codec::decode(0, batch.bytes).unwrap_or_default());
    let mut matching = records.filter(|r| r.timestamp >= time && r.offset >= log.start());
    matching
        .next()
        .map_or((-1, -1), |r| (r.offset, r.timestamp))
}

/// Offset and timestamp of the first record with the highest timestamp.
fn newest(log: &Log) -> (i64, i64) {
    let highest = log.batches().map(|batch| batch.max_timestamp).max();
    highest.map_or((-1, -1), |time| first_from(log, time))
}

pub(super) fn delete(cx: &Context<'_>, request: &DeleteRecordsRequest) -> DeleteRecordsResponse {
    let mut response = DeleteRecordsResponse::default();
    for topic in &request.topics {
        let mut answers = DeleteRecordsTopicResult::default().with_name(topic.name.clone());
        for asked in &topic.partitions {
            answers.partitions.push(delete_one(cx, &topic.name, asked));
        }
        response.topics.push(answers);
    }
    response
}

fn delete_one(
    cx: &Context<'_>,
    topic: &str,
    asked: &DeleteRecordsPartition,
) -> DeleteRecordsPartitionResult {
    let answer = DeleteRecordsPartitionResult::default()
        .with_partition_index(asked.partition_index)
        .with_low_watermark(-1);
    if let Some(code) = cx.effect.refusal(asked.partition_index) {
        return answer.with_error_code(code);
    }
    let mut state = cx.cluster.state();
    let log = match state.led_by(cx.node, topic, asked.partition_index, -1) {
        Ok(partition) => &mut partition.log,
        Err(code) => return answer.with_error_code(code),
    };
    let offset = if asked.offset == -1 {
        log.end()
    } else {
        asked.offset
    };
    if !(0..=log.end()).contains(&offset) {
        return answer.with_error_code(error::OFFSET_OUT_OF_RANGE);
    }
    log.delete_before(offset);
    answer.with_low_watermark(log.start())
}

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const LEADER_EPOCH: i16 = 4;
