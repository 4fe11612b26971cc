//! `CreateTopics` and `DeleteTopics`.

use kafka_protocol::messages::CreateTopicsRequest;
use kafka_protocol::messages::CreateTopicsResponse;
use kafka_protocol::messages::DeleteTopicsRequest;
use kafka_protocol::messages::DeleteTopicsResponse;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::protocol::StrBytes;

use super::Context;
use crate::api::error;

pub(super) fn create(cx: &Context<'_>, request: &CreateTopicsRequest) -> CreateTopicsResponse {
    let answers = request.topics.iter().map(|topic| {
        let answer = CreatableTopicResult::default().with_name(topic.name.clone());
        match create_one(cx, topic, request.validate_only) {
            Ok(made) => answer
                .with_topic_id(made.id)
                .with_num_partitions(made.partitions)
                .with_replication_factor(1),
            Err(code) => answer.with_error_code(code),
        }
    });
    CreateTopicsResponse::default().with_topics(answers.collect())
}

struct Made {
    id: uuid::Uuid,
    partitions: i32,
}

fn create_one(cx: &Context<'_>, topic: &CreatableTopic, dry: bool) -> Result<Made, i16> {
    if let Some(code) = cx.effect.refuse {
        return Err(code);
    }
    let nodes = i16::try_from(cx.cluster.config.nodes).unwrap_or(i16::MAX);
    let factor = topic.replication_factor;
    if factor != -1 && !(1..=nodes).contains(&factor) {
        return Err(error::INVALID_REPLICATION_FACTOR);
    }
    let partitions = match (topic.assignments.len(), topic.num_partitions) {
        (0, -1) => cx.cluster.config.partitions,
        (0, n) => n,
        (n, _) => i32::try_from(n).unwrap_or(i32::MAX),
    };
    let mut state = cx.cluster.state();
    cx.cluster
        .create_topic(&mut state, &topic.name, partitions)?;
    let made = state.topics.get(topic.name.as_str());
    let id = made.map_or_else(uuid::Uuid::nil, |made| made.id);
    if dry {
        state.topics.remove(topic.name.as_str());
    }
    Ok(Made { id, partitions })
}

pub(super) fn delete(cx: &Context<'_>, request: &DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name = request
        .topic_names
        .iter()
        .map(|name| DeleteTopicState::default().with_name(Some(name.clone())));
    let all = by_name.chain(request.topics.iter().cloned());
    let answers = all.map(|topic| delete_one(cx, &topic));
    let response = DeleteTopicsResponse::default().with_responses(answers.collect());
    cx.cluster.appended.notify_waiters();
    response
}

fn delete_one(cx: &Context<'_>, asked: &DeleteTopicState) -> DeletableTopicResult {
    let mut state = cx.cluster.state();
    let name = asked
        .name
        .as_ref()
        .map(|name| name.to_string())
        .or_else(|| {
            let with_id = state.topics.iter().find(|(_, t)| t.id == asked.topic_id);
            with_id.map(|(name, _)| name.clone())
        });
    let Some(name) = name else {
        return DeletableTopicResult::default()
            .with_topic_id(asked.topic_id)
            .with_error_code(error::UNKNOWN_TOPIC_ID);
    };
    let answer = DeletableTopicResult::default()
        .with_name(Some(TopicName(StrBytes::from_string(name.clone()))));
    if let Some(code) = cx.effect.refuse {
        return answer.with_error_code(code);
    }
    match state.topics.remove(&name) {
        Some(topic) => answer.with_topic_id(topic.id),
        None => answer.with_error_code(error::UNKNOWN_TOPIC_OR_PARTITION),
    }
}
