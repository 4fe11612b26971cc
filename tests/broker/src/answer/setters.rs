//! Where each kind of answer keeps its error codes and its throttle.

use kafka_protocol::messages::ApiVersionsResponse;
use kafka_protocol::messages::CreateTopicsResponse;
use kafka_protocol::messages::DeleteRecordsResponse;
use kafka_protocol::messages::DeleteTopicsResponse;
use kafka_protocol::messages::FetchResponse;
use kafka_protocol::messages::FindCoordinatorResponse;
use kafka_protocol::messages::HeartbeatResponse;
use kafka_protocol::messages::InitProducerIdResponse;
use kafka_protocol::messages::JoinGroupResponse;
use kafka_protocol::messages::LeaveGroupResponse;
use kafka_protocol::messages::ListOffsetsResponse;
use kafka_protocol::messages::MetadataResponse;
use kafka_protocol::messages::OffsetCommitResponse;
use kafka_protocol::messages::OffsetFetchResponse;
use kafka_protocol::messages::ProduceResponse;
use kafka_protocol::messages::SyncGroupResponse;
use kafka_protocol::protocol::Encodable;

/// An answer that faults can change.
pub(super) trait Answer: Encodable {
    /// Sets the error code wherever the answer has one, and leaves the rest.
    fn fail(&mut self, code: i16);

    /// Sets the throttle in milliseconds.
    fn throttle(&mut self, ms: i32);

    /// As `fail`, for a request that was not carried out: there is nothing else to report.
    fn refuse(&mut self, code: i16) {
        self.fail(code);
    }
}

macro_rules! top_level {
    ($($answer:ty),+) => {$(
        impl Answer for $answer {
            fn fail(&mut self, code: i16) {
                self.error_code = code;
            }

            fn throttle(&mut self, ms: i32) {
                self.throttle_time_ms = ms;
            }
        }
    )+};
}

top_level!(
    ApiVersionsResponse,
    HeartbeatResponse,
    JoinGroupResponse,
    LeaveGroupResponse,
    SyncGroupResponse
);

macro_rules! per_item {
    ($($answer:ty: $list:ident $(. $inner:ident)?),+) => {$(
        impl Answer for $answer {
            fn fail(&mut self, code: i16) {
                for item in &mut self.$list {
                    per_item!(@set item, code $(, $inner)?);
                }
            }

            fn throttle(&mut self, ms: i32) {
                self.throttle_time_ms = ms;
            }
        }
    )+};
    (@set $item:ident, $code:ident) => { $item.error_code = $code; };
    (@set $item:ident, $code:ident, $inner:ident) => {
        for inner in &mut $item.$inner {
            inner.error_code = $code;
        }
    };
}

per_item!(
    ProduceResponse: responses.partition_responses,
    CreateTopicsResponse: topics,
    DeleteTopicsResponse: responses,
    DeleteRecordsResponse: topics.partitions,
    OffsetCommitResponse: topics.partitions
);

impl Answer for FetchResponse {
    fn fail(&mut self, code: i16) {
        for partition in self.responses.iter_mut().flat_map(|t| &mut t.partitions) {
            partition.error_code = code;
            partition.records = None;
        }
    }

    fn throttle(&mut self, ms: i32) {
        self.throttle_time_ms = ms;
    }
}

impl Answer for ListOffsetsResponse {
    fn fail(&mut self, code: i16) {
        for partition in self.topics.iter_mut().flat_map(|t| &mut t.partitions) {
            partition.error_code = code;
            partition.offset = -1;
            partition.timestamp = -1;
        }
    }

    fn throttle(&mut self, ms: i32) {
        self.throttle_time_ms = ms;
    }
}

impl Answer for MetadataResponse {
    fn fail(&mut self, code: i16) {
        for topic in &mut self.topics {
            topic.error_code = code;
            topic.partitions.clear();
        }
    }

    fn throttle(&mut self, ms: i32) {
        self.throttle_time_ms = ms;
    }
}

impl Answer for InitProducerIdResponse {
    fn fail(&mut self, code: i16) {
        self.error_code = code;
        self.producer_id = (-1).into();
        self.producer_epoch = -1;
    }

    fn throttle(&mut self, ms: i32) {
        self.throttle_time_ms = ms;
    }
}

impl Answer for FindCoordinatorResponse {
    fn fail(&mut self, code: i16) {
        self.error_code = code;
        for coordinator in &mut self.coordinators {
            coordinator.error_code = code;
        }
    }

    fn throttle(&mut self, ms: i32) {
        self.throttle_time_ms = ms;
    }
}

impl Answer for OffsetFetchResponse {
    fn fail(&mut self, code: i16) {
        self.error_code = code;
        for group in &mut self.groups {
            group.error_code = code;
        }
    }

    fn throttle(&mut self, ms: i32) {
        self.throttle_time_ms = ms;
    }
}
