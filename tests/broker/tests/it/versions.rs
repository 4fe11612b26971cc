//! Every announced version of every API is understood and answered in its own form.

use kafka_protocol::messages::ApiVersionsRequest;
use kafka_protocol::messages::CreateTopicsRequest;
use kafka_protocol::messages::DeleteRecordsRequest;
use kafka_protocol::messages::DeleteTopicsRequest;
use kafka_protocol::messages::FindCoordinatorRequest;
use kafka_protocol::messages::GroupId;
use kafka_protocol::messages::HeartbeatRequest;
use kafka_protocol::messages::InitProducerIdRequest;
use kafka_protocol::messages::JoinGroupRequest;
use kafka_protocol::messages::LeaveGroupRequest;
use kafka_protocol::messages::ListOffsetsRequest;
use kafka_protocol::messages::MetadataRequest;
use kafka_protocol::messages::OffsetCommitRequest;
use kafka_protocol::messages::OffsetFetchRequest;
use kafka_protocol::messages::SyncGroupRequest;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_records_request::DeleteRecordsPartition;
use kafka_protocol::messages::delete_records_request::DeleteRecordsTopic;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_request::ListOffsetsTopic;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestTopic;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopics;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::protocol::StrBytes;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::Fault;

use crate::client::Client;
use crate::client::batch;
use crate::client::fetch;
use crate::client::name;
use crate::client::one;
use crate::client::only;
use crate::client::produce;

#[test]
fn api_versions_of_each_version() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    for version in 0..=4 {
        let answer = client.call(version, &ApiVersionsRequest::default());
        assert_eq!((answer.error_code, answer.api_keys.len()), (0, 16));
    }
}

#[test]
fn produce_and_fetch_of_each_version_right_and_wrong() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    for version in 3..=12 {
        let answer = client.call(version, &produce("t", &[(0, batch(&["a"]))]));
        assert_eq!(only(&answer).error_code, 0);
        let answer = client.call(version, &produce("t", &[(9, batch(&["a"]))]));
        assert_eq!(only(&answer).error_code, 3);
        broker.set_leader("t", 0, Some(5));
        let answer = client.call(version, &produce("t", &[(0, batch(&["a"]))]));
        assert_eq!(only(&answer).error_code, 6);
        broker.set_leader("t", 0, Some(0));
    }
    for version in 4..=12 {
        for (partition, code) in [(0, 0), (9, 3)] {
            let answer = client.call(version, &fetch("t", &[(partition, 0)], 1 << 20));
            assert_eq!(answer.responses[0].partitions[0].error_code, code);
        }
    }
}

#[test]
fn metadata_of_each_version_by_name_and_of_all() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    for version in 0..=12 {
        let all = if version == 0 { Some(Vec::new()) } else { None };
        let answer = client.call(version, &MetadataRequest::default().with_topics(all));
        assert_eq!((answer.topics.len(), answer.brokers.len()), (1, 1));
        let named =
            ["t", "absent"].map(|n| MetadataRequestTopic::default().with_name(Some(name(n))));
        let request = MetadataRequest::default().with_topics(Some(named.to_vec()));
        let answer = client.call(version, &request);
        let codes: Vec<i16> = answer.topics.iter().map(|t| t.error_code).collect();
        assert_eq!(codes, [0, 3]);
    }
    let by_id = client.metadata("t").topics[0].topic_id;
    let asked = MetadataRequestTopic::default()
        .with_name(None)
        .with_topic_id(by_id);
    let request = MetadataRequest::default().with_topics(Some(vec![asked]));
    assert_eq!(client.call(12, &request).topics[0].name, Some(name("t")));
}

#[test]
fn list_offsets_of_each_version() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    client.produce("t", 0, &batch(&["a", "b", "c"]));
    client.produce("t", 0, &batch(&["d"]));
    let ask = |time| {
        let partition = ListOffsetsPartition::default().with_timestamp(time);
        let topic = ListOffsetsTopic::default()
            .with_name(name("t"))
            .with_partitions(vec![partition]);
        ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![topic])
    };
    let base = 1_700_000_000_000;
    for version in 1..=7 {
        for (time, offset) in [(-1, 4), (-2, 0), (base + 1, 1), (base + 9, -1), (0, 0)] {
            let answer = client.call(version, &ask(time));
            let partition = &answer.topics[0].partitions[0];
            assert_eq!(
                (partition.error_code, partition.offset),
                (0, offset),
                "{time}"
            );
        }
    }
    assert_eq!(client.call(7, &ask(-3)).topics[0].partitions[0].offset, 2);
}

#[test]
fn topics_are_made_and_deleted_in_each_version() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    let make = |topic: &str, partitions, factor| {
        let topic = CreatableTopic::default()
            .with_name(name(topic))
            .with_num_partitions(partitions)
            .with_replication_factor(factor);
        CreateTopicsRequest::default().with_topics(vec![topic])
    };
    for version in 2..=7 {
        let rows = [
            ("new", 2, 1, 0),
            ("t", 1, 1, 36),
            ("x", 0, 1, 37),
            ("x", 1, 2, 38),
        ];
        for (topic, partitions, factor, code) in rows {
            let answer = client.call(version, &make(topic, partitions, factor));
            assert_eq!(answer.topics[0].error_code, code, "{topic}");
        }
        let dry = make("dry", 1, 1).with_validate_only(true);
        assert_eq!(client.call(version, &dry).topics[0].error_code, 0);
        assert_eq!(
            broker.topics(),
            [("new".to_owned(), 2), ("t".to_owned(), 1)]
        );
        broker.delete_topic("new");
    }
    for version in 1..=6 {
        broker.create_topic("new", 1);
        for code in [0, 3] {
            let request = DeleteTopicsRequest::default();
            let request = if version < 6 {
                request.with_topic_names(vec![name("new")])
            } else {
                let state = DeleteTopicState::default().with_name(Some(name("new")));
                request.with_topics(vec![state])
            };
            assert_eq!(client.call(version, &request).responses[0].error_code, code);
        }
    }
}

#[test]
fn records_are_deleted_up_to_an_offset() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    client.produce("t", 0, &batch(&["a", "b", "c"]));
    for (version, offset, code, low) in [(0, 1, 0, 1), (1, 9, 1, -1), (2, -1, 0, 3)] {
        let partition = DeleteRecordsPartition::default().with_offset(offset);
        let topic = DeleteRecordsTopic::default()
            .with_name(name("t"))
            .with_partitions(vec![partition]);
        let request = DeleteRecordsRequest::default().with_topics(vec![topic]);
        let answer = client.call(version, &request).topics[0].partitions[0].clone();
        assert_eq!((answer.error_code, answer.low_watermark), (code, low));
        if version == 0 {
            assert_eq!(broker.records("t", 0).len(), 2);
        }
    }
    assert!(broker.records("t", 0).is_empty());
}

#[test]
fn producer_ids_of_each_version() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    let request = InitProducerIdRequest::default().with_transactional_id(None);
    for version in 0..=5 {
        assert_eq!(client.call(version, &request).error_code, 0);
    }
    let transactional = request.with_transactional_id(Some(StrBytes::from("x").into()));
    assert_eq!(client.call(4, &transactional).error_code, 42);
}

fn group() -> GroupId {
    GroupId(StrBytes::from("g"))
}

#[test]
fn group_of_one_works_in_each_version() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    for version in 0..=4 {
        let keys = vec![StrBytes::from("g")];
        let request = FindCoordinatorRequest::default();
        let request = if version < 4 {
            request.with_key("g".into())
        } else {
            request.with_coordinator_keys(keys)
        };
        assert_eq!(client.call(version, &request).error_code, 0);
    }
    for version in 0..=9 {
        let protocol = JoinGroupRequestProtocol::default().with_name("range".into());
        let request = JoinGroupRequest::default()
            .with_group_id(group())
            .with_protocol_type("consumer".into())
            .with_protocols(vec![protocol]);
        let joined = client.call(version, &request);
        assert_eq!((joined.error_code, joined.members.len()), (0, 1));
        assert_eq!(joined.leader, joined.member_id);
        let mine = SyncGroupRequestAssignment::default()
            .with_member_id(joined.member_id.clone())
            .with_assignment("plan".into());
        let request = SyncGroupRequest::default()
            .with_group_id(group())
            .with_generation_id(joined.generation_id)
            .with_member_id(joined.member_id.clone())
            .with_assignments(vec![mine]);
        let synced = client.call(version.min(5), &request);
        assert_eq!(
            (synced.error_code, &synced.assignment[..]),
            (0, &b"plan"[..])
        );
        let beat = HeartbeatRequest::default()
            .with_group_id(group())
            .with_generation_id(joined.generation_id)
            .with_member_id(joined.member_id.clone());
        assert_eq!(client.call(version.min(4), &beat).error_code, 0);
        let stale = beat.clone().with_generation_id(0);
        assert_eq!(client.call(version.min(4), &stale).error_code, 22);
        let version = version.min(5);
        let request = LeaveGroupRequest::default().with_group_id(group());
        let request = if version < 3 {
            request.with_member_id(joined.member_id)
        } else {
            let member = MemberIdentity::default().with_member_id(joined.member_id);
            request.with_members(vec![member])
        };
        assert_eq!(client.call(version, &request).error_code, 0);
        assert_eq!(client.call(version.min(4), &beat).error_code, 25);
    }
}

#[test]
fn offsets_are_kept_in_each_version() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    for version in 2..=8 {
        let partition =
            OffsetCommitRequestPartition::default().with_committed_offset(i64::from(version));
        let topic = OffsetCommitRequestTopic::default()
            .with_name(name("t"))
            .with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(group())
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![topic]);
        let answer = client.call(version, &request);
        assert_eq!(answer.topics[0].partitions[0].error_code, 0);
    }
    for version in 1..=7 {
        let topic = OffsetFetchRequestTopic::default()
            .with_name(name("t"))
            .with_partition_indexes(vec![0, 1]);
        let request = OffsetFetchRequest::default()
            .with_group_id(group())
            .with_topics(Some(vec![topic]));
        let answer = client.call(version, &request);
        let found = answer.topics[0]
            .partitions
            .iter()
            .map(|p| p.committed_offset);
        assert_eq!(found.collect::<Vec<_>>(), [8, -1]);
    }
    let topics = OffsetFetchRequestTopics::default()
        .with_name(name("t"))
        .with_partition_indexes(vec![0]);
    let of_group = OffsetFetchRequestGroup::default()
        .with_group_id(group())
        .with_topics(Some(vec![topics]));
    let request = OffsetFetchRequest::default().with_groups(vec![of_group]);
    let answer = client.call(8, &request);
    assert_eq!(answer.groups[0].topics[0].partitions[0].committed_offset, 8);
}

#[test]
fn unsupported_versions_close_the_connection() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    client.send(13, &MetadataRequest::default());
    client.assert_cut();
}

#[test]
fn refused_creation_does_nothing() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    broker.fault(Api::CreateTopics, Fault::Error(41));
    broker.fault(Api::DeleteTopics, Fault::Error(41));
    let topic = CreatableTopic::default()
        .with_name(name("new"))
        .with_num_partitions(1)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]);
    assert_eq!(client.call(5, &request).topics[0].error_code, 41);
    let request = DeleteTopicsRequest::default().with_topic_names(vec![name("t")]);
    assert_eq!(client.call(5, &request).responses[0].error_code, 41);
    assert_eq!(broker.topics(), [("t".to_owned(), 1)]);
}
