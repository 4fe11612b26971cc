//! The requests of SASL and their answers: `SaslHandshake` 1, `SaslAuthenticate` 0 and 1.

use std::io::Cursor;

use rskafka::protocol::api_key::ApiKey;
use rskafka::protocol::api_version::ApiVersion;
use rskafka::protocol::api_version::ApiVersionRange;
use rskafka::protocol::messages::ReadVersionedError;
use rskafka::protocol::messages::ReadVersionedType;
use rskafka::protocol::messages::RequestBody;
use rskafka::protocol::messages::SaslAuthenticateRequest;
use rskafka::protocol::messages::SaslHandshakeRequest;
use rskafka::protocol::messages::WriteVersionedError;
use rskafka::protocol::messages::WriteVersionedType;
use rskafka::protocol::primitives::Int16;

use super::bytes::Bytes;
use super::bytes::Malformed;
use super::bytes::NEVER;
use super::bytes::read_with;

/// The only version after which the messages of the mechanism are in requests of their own.
const HANDSHAKE: ApiVersionRange = ApiVersionRange::new(ApiVersion(Int16(1)), ApiVersion(Int16(1)));
/// Version 2 says nothing more.
const AUTHENTICATE: ApiVersionRange =
    ApiVersionRange::new(ApiVersion(Int16(0)), ApiVersion(Int16(1)));
/// No message of a mechanism is longer.
const MAX_MESSAGE_BYTES: usize = 1 << 16;
/// So many mechanisms are worth telling.
const MAX_MECHANISMS: usize = 16;

/// Names the mechanism.
pub(super) struct Handshake(pub(super) &'static str);

/// The answer to that.
#[derive(Debug)]
pub(super) struct HandshakeAnswer {
    /// Kafka's code, 0 if there is none.
    pub(super) error: i16,
    /// Those that the broker takes, the first of them.
    pub(super) mechanisms: Vec<Vec<u8>>,
}

/// A message of the mechanism.
pub(super) struct Authenticate(pub(super) Vec<u8>);

/// The answer to that.
#[derive(Debug)]
pub(super) struct AuthenticateAnswer {
    /// Kafka's code, 0 if there is none.
    pub(super) error: i16,
    /// What is wrong, in the broker's words.
    pub(super) text: Vec<u8>,
    /// The broker's message.
    pub(super) message: Vec<u8>,
    /// For how long we are believed, if more than zero.
    pub(super) lifetime_ms: i64,
}

impl RequestBody for Handshake {
    type ResponseBody = HandshakeAnswer;

    const API_KEY: ApiKey = ApiKey::SaslHandshake;
    const API_VERSION_RANGE: ApiVersionRange = HANDSHAKE;
    const FIRST_TAGGED_FIELD_IN_REQUEST_VERSION: ApiVersion = NEVER;
}

impl WriteVersionedType<Vec<u8>> for Handshake {
    fn write_versioned(
        &self,
        out: &mut Vec<u8>,
        version: ApiVersion,
    ) -> Result<(), WriteVersionedError> {
        SaslHandshakeRequest::new(self.0).write_versioned(out, version)
    }
}

impl ReadVersionedType<Cursor<Vec<u8>>> for HandshakeAnswer {
    fn read_versioned(
        reader: &mut Cursor<Vec<u8>>,
        _: ApiVersion,
    ) -> Result<Self, ReadVersionedError> {
        read_with(reader, false, Self::parse)
    }
}

impl HandshakeAnswer {
    fn parse(bytes: &mut Bytes<'_>) -> Result<Self, Malformed> {
        let error = bytes.i16()?;
        let mut mechanisms = Vec::new();
        for _ in 0..bytes.array_len(false, 2)? {
            let name = bytes.string(false)?.unwrap_or_default();
            if mechanisms.len() < MAX_MECHANISMS {
                mechanisms.push(name.to_vec());
            }
        }
        Ok(Self { error, mechanisms })
    }
}

impl RequestBody for Authenticate {
    type ResponseBody = AuthenticateAnswer;

    const API_KEY: ApiKey = ApiKey::SaslAuthenticate;
    const API_VERSION_RANGE: ApiVersionRange = AUTHENTICATE;
    const FIRST_TAGGED_FIELD_IN_REQUEST_VERSION: ApiVersion = NEVER;
}

impl WriteVersionedType<Vec<u8>> for Authenticate {
    fn write_versioned(
        &self,
        out: &mut Vec<u8>,
        version: ApiVersion,
    ) -> Result<(), WriteVersionedError> {
        SaslAuthenticateRequest::new(self.0.clone()).write_versioned(out, version)
    }
}

impl ReadVersionedType<Cursor<Vec<u8>>> for AuthenticateAnswer {
    fn read_versioned(
        reader: &mut Cursor<Vec<u8>>,
        version: ApiVersion,
    ) -> Result<Self, ReadVersionedError> {
        read_with(reader, false, |bytes| Self::parse(bytes, version.0.0))
    }
}

impl AuthenticateAnswer {
    fn parse(bytes: &mut Bytes<'_>, version: i16) -> Result<Self, Malformed> {
        let error = bytes.i16()?;
        let text = bytes.string(false)?.unwrap_or_default().to_vec();
        let message = bytes.blob()?.unwrap_or_default();
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(Malformed("answer: a message that no mechanism has"));
        }
        Ok(Self {
            error,
            text,
            message: message.to_vec(),
            lifetime_ms: if version >= 1 { bytes.i64()? } else { 0 },
        })
    }
}
