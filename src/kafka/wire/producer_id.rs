//! The `InitProducerId` request and its answer, versions 0 to 5: who a batch says that it comes from.

use std::io::Cursor;

use rskafka::protocol::api_key::ApiKey;
use rskafka::protocol::api_version::ApiVersion;
use rskafka::protocol::api_version::ApiVersionRange;
use rskafka::protocol::messages::ReadVersionedError;
use rskafka::protocol::messages::ReadVersionedType;
use rskafka::protocol::messages::RequestBody;
use rskafka::protocol::messages::WriteVersionedError;
use rskafka::protocol::messages::WriteVersionedType;
use rskafka::protocol::primitives::Int16;

use super::bytes::Bytes;
use super::bytes::Malformed;
use super::bytes::NEVER;
use super::bytes::read_with;

/// What the cluster knows a producer by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProducerIdentity {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
}

/// First version with compact lengths and tagged fields.
const FIRST_FLEXIBLE: i16 = 2;
/// First version that carries the id and epoch known so far.
const FIRST_WITH_EPOCH: i16 = 3;
/// The versions spoken here.
pub(super) const VERSIONS: ApiVersionRange =
    ApiVersionRange::new(ApiVersion(Int16(0)), ApiVersion(Int16(5)));
/// Of no meaning without transactions, but more than zero.
const TRANSACTION_TIMEOUT_MS: i32 = 60_000;

/// A request for a new id, outside of transactions.
#[derive(Debug)]
pub(super) struct InitProducerIdRequest;

/// The answer as read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InitProducerIdResponse {
    /// Kafka's code, 0 if there is an id.
    pub(super) error: i16,
    pub(super) identity: ProducerIdentity,
}

impl RequestBody for InitProducerIdRequest {
    type ResponseBody = InitProducerIdResponse;

    const API_KEY: ApiKey = ApiKey::InitProducerId;
    const API_VERSION_RANGE: ApiVersionRange = VERSIONS;
    const FIRST_TAGGED_FIELD_IN_REQUEST_VERSION: ApiVersion = ApiVersion(Int16(FIRST_FLEXIBLE));
    const FIRST_TAGGED_FIELD_IN_RESPONSE_VERSION: ApiVersion = NEVER;
}

impl WriteVersionedType<Vec<u8>> for InitProducerIdRequest {
    fn write_versioned(
        &self,
        out: &mut Vec<u8>,
        version: ApiVersion,
    ) -> Result<(), WriteVersionedError> {
        let version = version.0.0;
        // No transactional id.
        if version >= FIRST_FLEXIBLE {
            out.push(0);
        } else {
            out.extend_from_slice(&(-1_i16).to_be_bytes());
        }
        out.extend_from_slice(&TRANSACTION_TIMEOUT_MS.to_be_bytes());
        if version >= FIRST_WITH_EPOCH {
            out.extend_from_slice(&(-1_i64).to_be_bytes());
            out.extend_from_slice(&(-1_i16).to_be_bytes());
        }
        if version >= FIRST_FLEXIBLE {
            out.push(0); // no tagged fields
        }
        Ok(())
    }
}

impl ReadVersionedType<Cursor<Vec<u8>>> for InitProducerIdResponse {
    fn read_versioned(
        reader: &mut Cursor<Vec<u8>>,
        version: ApiVersion,
    ) -> Result<Self, ReadVersionedError> {
        let version = version.0.0;
        read_with(reader, version >= FIRST_FLEXIBLE, |bytes| {
            Self::parse(bytes, version)
        })
    }
}

impl InitProducerIdResponse {
    fn parse(bytes: &mut Bytes<'_>, version: i16) -> Result<Self, Malformed> {
        bytes.i32()?; // throttle: it says nothing about the answer
        let error = bytes.i16()?;
        let id = bytes.i64()?;
        let epoch = bytes.i16()?;
        if version >= FIRST_FLEXIBLE {
            bytes.skip_tags()?;
        }
        if error == 0 && (id < 0 || epoch < 0) {
            return Err(Malformed("answer: a producer id below zero"));
        }
        Ok(Self {
            error,
            identity: ProducerIdentity { id, epoch },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(version: i16, error: i16, id: i64) -> Vec<u8> {
        let mut out = Vec::new();
        if version >= FIRST_FLEXIBLE {
            out.extend([1, 4, 3, 0, 0, 0]); // one unknown field in the header
        }
        out.extend(250_i32.to_be_bytes());
        out.extend(error.to_be_bytes());
        out.extend(id.to_be_bytes());
        out.extend(3_i16.to_be_bytes());
        if version >= FIRST_FLEXIBLE {
            out.extend([1, 9, 2, 0, 0]); // one unknown field of two bytes
        }
        out
    }

    fn read(bytes: Vec<u8>, version: i16) -> Result<InitProducerIdResponse, ReadVersionedError> {
        let mut cursor = Cursor::new(bytes);
        InitProducerIdResponse::read_versioned(&mut cursor, ApiVersion(Int16(version)))
    }

    #[test]
    fn answers_of_every_version_are_read() {
        for version in 0..=5 {
            let found = read(answer(version, 0, 1000), version).unwrap();
            let identity = ProducerIdentity { id: 1000, epoch: 3 };
            assert_eq!((found.error, found.identity), (0, identity));
            assert_eq!(read(answer(version, 14, -1), version).unwrap().error, 14);
            assert!(read(answer(version, 0, -1), version).is_err(), "no id");
            let whole = answer(version, 0, 1000);
            for end in 0..whole.len() {
                assert!(read(whole[..end].to_vec(), version).is_err(), "{end}");
            }
        }
    }

    #[test]
    fn requests_have_the_fields_of_their_version() {
        let lengths = [0, 1, 2, 3, 4, 5].map(|version| {
            let mut out = Vec::new();
            let version = ApiVersion(Int16(version));
            InitProducerIdRequest
                .write_versioned(&mut out, version)
                .unwrap();
            out.len()
        });
        assert_eq!(lengths, [6, 6, 6, 16, 16, 16]);
    }
}
