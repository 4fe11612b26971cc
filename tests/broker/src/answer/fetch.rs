//! `Fetch`: whole batches from the one that contains the offset, waiting for data if asked to.

use std::pin::pin;
use std::time::Duration;

use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::FetchResponse;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::FetchableTopicResponse;
use kafka_protocol::messages::fetch_response::PartitionData;
use tokio::time::Instant;

use super::Context;
use crate::api::error;
use crate::cluster::State;

pub(super) async fn fetch(cx: &Context<'_>, request: &FetchRequest) -> FetchResponse {
    if request.session_id != 0 {
        // Never given out: every answer says session 0, which means none.
        return FetchResponse::default().with_error_code(error::FETCH_SESSION_ID_NOT_FOUND);
    }
    let wait = u64::try_from(request.max_wait_ms).unwrap_or(0);
    let deadline = Instant::now() + Duration::from_millis(wait);
    let enough = usize::try_from(request.min_bytes).unwrap_or(0);
    loop {
        // Registered before looking, or an append in between would be slept through.
        let mut appended = pin!(cx.cluster.appended.notified());
        appended.as_mut().enable();
        let found = collect(cx, request);
        let done = found.bytes >= enough || found.failed || cx.effect.refuse.is_some();
        if done || tokio::time::timeout_at(deadline, appended).await.is_err() {
            return found.response;
        }
    }
}

struct Found {
    response: FetchResponse,
    bytes: usize,
    failed: bool,
}

fn collect(cx: &Context<'_>, request: &FetchRequest) -> Found {
    let mut state = cx.cluster.state();
    let limit = usize::try_from(request.max_bytes).unwrap_or(0);
    let mut found = Found {
        response: FetchResponse::default(),
        bytes: 0,
        failed: false,
    };
    for topic in &request.topics {
        let mut answers = FetchableTopicResponse::default().with_topic(topic.topic.clone());
        for asked in &topic.partitions {
            let left = limit.saturating_sub(found.bytes);
            let answer = one(cx, &mut state, &topic.topic, asked, left, found.bytes == 0);
            found.bytes += answer.records.as_ref().map_or(0, bytes::Bytes::len);
            found.failed |= answer.error_code != 0;
            answers.partitions.push(answer);
        }
        found.response.responses.push(answers);
    }
    found
}

/// `first`: nothing in the answer yet, so that one batch goes in whatever the limits (KIP-74).
fn one(
    cx: &Context<'_>,
    state: &mut State,
    topic: &str,
    asked: &FetchPartition,
    left: usize,
    first: bool,
) -> PartitionData {
    let answer = PartitionData::default()
        .with_partition_index(asked.partition)
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1);
    if let Some(code) = cx.effect.refusal(asked.partition) {
        return answer.with_error_code(code);
    }
    let epoch = asked.current_leader_epoch;
    let log = match state.led_by(cx.node, topic, asked.partition, epoch) {
        Ok(partition) => &partition.log,
        Err(code) => return answer.with_error_code(code),
    };
    let answer = answer
        .with_high_watermark(log.end())
        .with_last_stable_offset(log.end())
        .with_log_start_offset(log.start());
    if !(log.start()..=log.end()).contains(&asked.fetch_offset) {
        return answer.with_error_code(error::OFFSET_OUT_OF_RANGE);
    }
    let limit = usize::try_from(asked.partition_max_bytes).unwrap_or(0);
    answer.with_records(Some(log.read(asked.fetch_offset, limit.min(left), first)))
}
