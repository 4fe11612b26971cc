//! The APIs the broker speaks and the versions it announces.

use kafka_protocol::messages::ApiKey;

/// One kind of request, or the making of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Api {
    /// Not a request: a connection that was just accepted. Lets faults hit it.
    Connect,
    /// Appends record batches.
    Produce,
    /// Reads record batches.
    Fetch,
    /// Finds offsets by time, or the first and the last.
    ListOffsets,
    /// Lists brokers, topics and leaders.
    Metadata,
    /// Stores the offsets of a group.
    OffsetCommit,
    /// Reads the offsets of a group.
    OffsetFetch,
    /// Finds the coordinator of a group.
    FindCoordinator,
    /// Enters a group.
    JoinGroup,
    /// Keeps a membership alive.
    Heartbeat,
    /// Leaves a group.
    LeaveGroup,
    /// Hands out the assignment of a group.
    SyncGroup,
    /// Lists these APIs and their versions.
    ApiVersions,
    /// Makes topics.
    CreateTopics,
    /// Deletes topics.
    DeleteTopics,
    /// Moves the start of a log up.
    DeleteRecords,
    /// Gives out a producer id.
    InitProducerId,
}

impl Api {
    /// Every API with a key on the wire, in the order of the keys.
    pub(crate) const WIRE: [Self; 16] = [
        Self::Produce,
        Self::Fetch,
        Self::ListOffsets,
        Self::Metadata,
        Self::OffsetCommit,
        Self::OffsetFetch,
        Self::FindCoordinator,
        Self::JoinGroup,
        Self::Heartbeat,
        Self::LeaveGroup,
        Self::SyncGroup,
        Self::ApiVersions,
        Self::CreateTopics,
        Self::DeleteTopics,
        Self::DeleteRecords,
        Self::InitProducerId,
    ];

    pub(crate) fn from_key(key: i16) -> Option<Self> {
        Self::WIRE.into_iter().find(|api| api.key() == Some(key))
    }

    pub(crate) fn key(self) -> Option<i16> {
        self.wire().map(|(key, ..)| key as i16)
    }

    /// The lowest and the highest version announced.
    pub(crate) fn versions(self) -> Option<(i16, i16)> {
        self.wire().map(|(_, min, max)| (min, max))
    }

    pub(crate) fn wire_key(self) -> Option<ApiKey> {
        self.wire().map(|(key, ..)| key)
    }

    // Produce 13 and Fetch 13 name topics by id only; everything here goes by name.
    fn wire(self) -> Option<(ApiKey, i16, i16)> {
        Some(match self {
            Self::Connect => return None,
            Self::Produce => (ApiKey::Produce, 3, 12),
            Self::Fetch => (ApiKey::Fetch, 4, 12),
            Self::ListOffsets => (ApiKey::ListOffsets, 1, 7),
            Self::Metadata => (ApiKey::Metadata, 0, 12),
            Self::OffsetCommit => (ApiKey::OffsetCommit, 2, 8),
            Self::OffsetFetch => (ApiKey::OffsetFetch, 1, 8),
            Self::FindCoordinator => (ApiKey::FindCoordinator, 0, 4),
            Self::JoinGroup => (ApiKey::JoinGroup, 0, 9),
            Self::Heartbeat => (ApiKey::Heartbeat, 0, 4),
            Self::LeaveGroup => (ApiKey::LeaveGroup, 0, 5),
            Self::SyncGroup => (ApiKey::SyncGroup, 0, 5),
            Self::ApiVersions => (ApiKey::ApiVersions, 0, 4),
            Self::CreateTopics => (ApiKey::CreateTopics, 2, 7),
            Self::DeleteTopics => (ApiKey::DeleteTopics, 1, 6),
            Self::DeleteRecords => (ApiKey::DeleteRecords, 0, 2),
            Self::InitProducerId => (ApiKey::InitProducerId, 0, 5),
        })
    }
}

/// Error codes of the Kafka protocol that the broker answers by itself.
pub(crate) mod error {
    pub(crate) const OFFSET_OUT_OF_RANGE: i16 = 1;
    pub(crate) const CORRUPT_MESSAGE: i16 = 2;
    pub(crate) const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    pub(crate) const LEADER_NOT_AVAILABLE: i16 = 5;
    pub(crate) const NOT_LEADER: i16 = 6;
    pub(crate) const MESSAGE_TOO_LARGE: i16 = 10;
    pub(crate) const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
    pub(crate) const INVALID_TOPIC: i16 = 17;
    pub(crate) const INVALID_REQUIRED_ACKS: i16 = 21;
    pub(crate) const ILLEGAL_GENERATION: i16 = 22;
    pub(crate) const UNKNOWN_MEMBER_ID: i16 = 25;
    pub(crate) const INVALID_TIMESTAMP: i16 = 32;
    pub(crate) const UNSUPPORTED_VERSION: i16 = 35;
    pub(crate) const TOPIC_ALREADY_EXISTS: i16 = 36;
    pub(crate) const INVALID_PARTITIONS: i16 = 37;
    pub(crate) const INVALID_REPLICATION_FACTOR: i16 = 38;
    pub(crate) const INVALID_REQUEST: i16 = 42;
    pub(crate) const OUT_OF_ORDER_SEQUENCE: i16 = 45;
    pub(crate) const INVALID_PRODUCER_EPOCH: i16 = 47;
    pub(crate) const FETCH_SESSION_ID_NOT_FOUND: i16 = 70;
    pub(crate) const FENCED_LEADER_EPOCH: i16 = 74;
    pub(crate) const UNKNOWN_LEADER_EPOCH: i16 = 75;
    pub(crate) const UNSUPPORTED_COMPRESSION: i16 = 76;
    pub(crate) const INVALID_RECORD: i16 = 87;
    pub(crate) const UNKNOWN_TOPIC_ID: i16 = 100;
}
