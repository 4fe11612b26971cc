//! Consumer groups with one member at a time: enough for a console consumer.

use std::collections::BTreeMap;

use kafka_protocol::messages::BrokerId;
use kafka_protocol::messages::FindCoordinatorRequest;
use kafka_protocol::messages::FindCoordinatorResponse;
use kafka_protocol::messages::HeartbeatRequest;
use kafka_protocol::messages::HeartbeatResponse;
use kafka_protocol::messages::JoinGroupRequest;
use kafka_protocol::messages::JoinGroupResponse;
use kafka_protocol::messages::LeaveGroupRequest;
use kafka_protocol::messages::LeaveGroupResponse;
use kafka_protocol::messages::OffsetCommitRequest;
use kafka_protocol::messages::OffsetCommitResponse;
use kafka_protocol::messages::OffsetFetchRequest;
use kafka_protocol::messages::OffsetFetchResponse;
use kafka_protocol::messages::SyncGroupRequest;
use kafka_protocol::messages::SyncGroupResponse;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::offset_commit_response::OffsetCommitResponsePartition;
use kafka_protocol::messages::offset_commit_response::OffsetCommitResponseTopic;
use kafka_protocol::messages::offset_fetch_response::OffsetFetchResponseGroup;
use kafka_protocol::messages::offset_fetch_response::OffsetFetchResponsePartition;
use kafka_protocol::messages::offset_fetch_response::OffsetFetchResponsePartitions;
use kafka_protocol::messages::offset_fetch_response::OffsetFetchResponseTopic;
use kafka_protocol::messages::offset_fetch_response::OffsetFetchResponseTopics;
use kafka_protocol::protocol::StrBytes;

use super::Context;
use crate::api::error;
use crate::cluster::Group;
use crate::cluster::HOST;

/// Every node serves every group; the first that is up is named.
pub(super) fn coordinator(
    cx: &Context<'_>,
    request: &FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let state = cx.cluster.state();
    let mut up = (0..).zip(&state.nodes).filter(|(_, node)| node.up);
    let (id, port) = up.next().map_or((-1, 0), |(id, node)| (id, node.port));
    let host = StrBytes::from_static_str(HOST);
    if cx.version < MANY_KEYS {
        return FindCoordinatorResponse::default()
            .with_node_id(BrokerId(id))
            .with_host(host)
            .with_port(port.into());
    }
    let coordinators = request.coordinator_keys.iter().map(|key| {
        Coordinator::default()
            .with_key(key.clone())
            .with_node_id(BrokerId(id))
            .with_host(host.clone())
            .with_port(port.into())
    });
    FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
}

/// Lets anybody in; who was in before finds out by its next heartbeat.
pub(super) fn join(cx: &Context<'_>, request: &JoinGroupRequest) -> JoinGroupResponse {
    if cx.effect.refuse.is_some() {
        return JoinGroupResponse::default();
    }
    let mut state = cx.cluster.state();
    let group = state
        .groups
        .entry(request.group_id.to_string())
        .or_default();
    group.generation += 1;
    let member = match request.member_id.as_str() {
        "" => format!("member-{}", group.generation),
        known => known.to_owned(),
    };
    group.member = Some(member.clone());
    let member = StrBytes::from_string(member);
    let protocol = request.protocols.first();
    let metadata = protocol.map(|p| p.metadata.clone()).unwrap_or_default();
    let myself = JoinGroupResponseMember::default()
        .with_member_id(member.clone())
        .with_metadata(metadata);
    JoinGroupResponse::default()
        .with_generation_id(group.generation)
        .with_protocol_type(Some(request.protocol_type.clone()))
        .with_protocol_name(Some(protocol.map(|p| p.name.clone()).unwrap_or_default()))
        .with_leader(member.clone())
        .with_member_id(member)
        .with_members(vec![myself])
}

/// Says whether the member is still the one.
fn check(group: Option<&Group>, member: &str, generation: i32) -> i16 {
    match group {
        Some(group) if group.member.as_deref() != Some(member) => error::UNKNOWN_MEMBER_ID,
        Some(group) if group.generation != generation => error::ILLEGAL_GENERATION,
        Some(_) => 0,
        None => error::UNKNOWN_MEMBER_ID,
    }
}

pub(super) fn sync(cx: &Context<'_>, request: SyncGroupRequest) -> SyncGroupResponse {
    let mut state = cx.cluster.state();
    let group = state.groups.get_mut(request.group_id.as_str());
    let code = check(group.as_deref(), &request.member_id, request.generation_id);
    let answer = SyncGroupResponse::default()
        .with_error_code(code)
        .with_protocol_type(request.protocol_type)
        .with_protocol_name(request.protocol_name);
    let Some(group) = group.filter(|_| code == 0) else {
        return answer;
    };
    let mut given = request.assignments.into_iter();
    if let Some(mine) = given.find(|a| a.member_id == request.member_id) {
        group.assignment = mine.assignment;
    }
    answer.with_assignment(group.assignment.clone())
}

pub(super) fn heartbeat(cx: &Context<'_>, request: &HeartbeatRequest) -> HeartbeatResponse {
    let state = cx.cluster.state();
    let group = state.groups.get(request.group_id.as_str());
    let code = check(group, &request.member_id, request.generation_id);
    HeartbeatResponse::default().with_error_code(code)
}

pub(super) fn leave(cx: &Context<'_>, request: &LeaveGroupRequest) -> LeaveGroupResponse {
    let mut state = cx.cluster.state();
    let group = state
        .groups
        .entry(request.group_id.to_string())
        .or_default();
    let mut go = |member: &StrBytes| {
        if group.member.as_deref() == Some(member.as_str()) {
            group.member = None;
            return 0;
        }
        error::UNKNOWN_MEMBER_ID
    };
    if cx.version < MANY_LEAVE {
        return LeaveGroupResponse::default().with_error_code(go(&request.member_id));
    }
    let members = request.members.iter().map(|member| {
        MemberResponse::default()
            .with_member_id(member.member_id.clone())
            .with_group_instance_id(member.group_instance_id.clone())
            .with_error_code(go(&member.member_id))
    });
    LeaveGroupResponse::default().with_members(members.collect())
}

pub(super) fn commit(cx: &Context<'_>, request: &OffsetCommitRequest) -> OffsetCommitResponse {
    let mut state = cx.cluster.state();
    let group = state
        .groups
        .entry(request.group_id.to_string())
        .or_default();
    let generation = request.generation_id_or_member_epoch;
    let mut code = match generation {
        // A consumer without membership commits under generation −1.
        -1 => 0,
        _ => check(Some(group), &request.member_id, generation),
    };
    if let Some(refused) = cx.effect.refuse {
        code = refused;
    }
    let mut response = OffsetCommitResponse::default();
    for topic in &request.topics {
        let mut answers = OffsetCommitResponseTopic::default().with_name(topic.name.clone());
        for asked in &topic.partitions {
            if code == 0 {
                let place = (topic.name.to_string(), asked.partition_index);
                group.offsets.insert(place, asked.committed_offset);
            }
            let answer = OffsetCommitResponsePartition::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(code);
            answers.partitions.push(answer);
        }
        response.topics.push(answers);
    }
    response
}

/// Offsets by topic, in order; −1 for what was asked for and never committed.
type Committed = BTreeMap<String, Vec<(i32, i64)>>;

pub(super) fn committed(cx: &Context<'_>, request: &OffsetFetchRequest) -> OffsetFetchResponse {
    let state = cx.cluster.state();
    if cx.version < MANY_GROUPS {
        let asked = request.topics.as_ref().map(|topics| {
            let pairs = topics
                .iter()
                .map(|t| (t.name.to_string(), t.partition_indexes.clone()));
            pairs.collect()
        });
        let found = look_up(state.groups.get(request.group_id.as_str()), asked);
        return OffsetFetchResponse::default().with_topics(old_form(found));
    }
    let groups = request.groups.iter().map(|group| {
        let asked = group.topics.as_ref().map(|topics| {
            let pairs = topics
                .iter()
                .map(|t| (t.name.to_string(), t.partition_indexes.clone()));
            pairs.collect()
        });
        let found = look_up(state.groups.get(group.group_id.as_str()), asked);
        OffsetFetchResponseGroup::default()
            .with_group_id(group.group_id.clone())
            .with_topics(new_form(found))
    });
    OffsetFetchResponse::default().with_groups(groups.collect())
}

fn look_up(group: Option<&Group>, asked: Option<Vec<(String, Vec<i32>)>>) -> Committed {
    let mut found = Committed::new();
    let offsets = group.map(|group| &group.offsets);
    let Some(asked) = asked else {
        for ((topic, index), offset) in offsets.into_iter().flatten() {
            found
                .entry(topic.clone())
                .or_default()
                .push((*index, *offset));
        }
        return found;
    };
    for (topic, indexes) in asked {
        let place = |index: i32| {
            let offset = offsets.and_then(|offsets| offsets.get(&(topic.clone(), index)));
            (index, offset.copied().unwrap_or(-1))
        };
        let of_topic = indexes.into_iter().map(place).collect();
        found.insert(topic, of_topic);
    }
    found
}

fn old_form(found: Committed) -> Vec<OffsetFetchResponseTopic> {
    let partition = |(index, offset)| {
        OffsetFetchResponsePartition::default()
            .with_partition_index(index)
            .with_committed_offset(offset)
            .with_metadata(Some(StrBytes::default()))
    };
    let topics = found.into_iter().map(|(topic, partitions)| {
        OffsetFetchResponseTopic::default()
            .with_name(TopicName(StrBytes::from_string(topic)))
            .with_partitions(partitions.into_iter().map(partition).collect())
    });
    topics.collect()
}

fn new_form(found: Committed) -> Vec<OffsetFetchResponseTopics> {
    let partition = |(index, offset)| {
        OffsetFetchResponsePartitions::default()
            .with_partition_index(index)
            .with_committed_offset(offset)
            .with_metadata(Some(StrBytes::default()))
    };
    let topics = found.into_iter().map(|(topic, partitions)| {
        OffsetFetchResponseTopics::default()
            .with_name(TopicName(StrBytes::from_string(topic)))
            .with_partitions(partitions.into_iter().map(partition).collect())
    });
    topics.collect()
}

const MANY_KEYS: i16 = 4;
const MANY_LEAVE: i16 = 3;
const MANY_GROUPS: i16 = 8;
