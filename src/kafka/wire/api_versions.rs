//! Agrees with a broker on the versions of requests.

use std::collections::HashMap;
use std::io::Cursor;

use rskafka::messenger::Messenger;
use rskafka::messenger::RequestError;
use rskafka::protocol::api_key::ApiKey;
use rskafka::protocol::api_version::ApiVersion;
use rskafka::protocol::api_version::ApiVersionRange;
use rskafka::protocol::messages::ApiVersionsRequest as Theirs;
use rskafka::protocol::messages::ReadVersionedError;
use rskafka::protocol::messages::ReadVersionedType;
use rskafka::protocol::messages::RequestBody;
use rskafka::protocol::messages::WriteVersionedError;
use rskafka::protocol::messages::WriteVersionedType;
use rskafka::protocol::primitives::CompactString;
use rskafka::protocol::primitives::Int16;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;

use super::bytes::Bytes;
use super::bytes::Malformed;
use super::bytes::NEVER;
use super::bytes::read_with;
use super::cluster;
use super::codes;
use super::error::WireError;
use super::produce;
use super::producer_id;

/// What a broker speaks, by request.
pub(super) type Versions = HashMap<ApiKey, ApiVersionRange>;

/// First version with compact lengths and tagged fields.
const FIRST_FLEXIBLE: i16 = 3;
/// The versions spoken here.
const VERSIONS: ApiVersionRange = ApiVersionRange::new(ApiVersion(Int16(0)), ApiVersion(Int16(3)));
/// The requests that are ever sent; what a broker says of others is not kept.
const SENT: [ApiKey; 5] = [
    ApiKey::Produce,
    ApiKey::Metadata,
    ApiKey::InitProducerId,
    ApiKey::SaslHandshake,
    ApiKey::SaslAuthenticate,
];

/// The request, in which we say who we are.
#[derive(Debug)]
struct ApiVersionsRequest;

/// The answer as read.
#[derive(Debug, Default)]
pub(super) struct ApiVersionsResponse {
    /// Kafka's code, 0 if there is none.
    error: i16,
    versions: Versions,
}

impl RequestBody for ApiVersionsRequest {
    type ResponseBody = ApiVersionsResponse;

    const API_KEY: ApiKey = ApiKey::ApiVersions;
    const API_VERSION_RANGE: ApiVersionRange = VERSIONS;
    const FIRST_TAGGED_FIELD_IN_REQUEST_VERSION: ApiVersion = ApiVersion(Int16(FIRST_FLEXIBLE));
    const FIRST_TAGGED_FIELD_IN_RESPONSE_VERSION: ApiVersion = NEVER;
}

impl WriteVersionedType<Vec<u8>> for ApiVersionsRequest {
    fn write_versioned(
        &self,
        out: &mut Vec<u8>,
        version: ApiVersion,
    ) -> Result<(), WriteVersionedError> {
        let request = Theirs {
            client_software_name: Some(CompactString(env!("CARGO_PKG_NAME").to_owned())),
            client_software_version: Some(CompactString(env!("CARGO_PKG_VERSION").to_owned())),
            tagged_fields: None,
        };
        request.write_versioned(out, version)
    }
}

impl ReadVersionedType<Cursor<Vec<u8>>> for ApiVersionsResponse {
    fn read_versioned(
        reader: &mut Cursor<Vec<u8>>,
        version: ApiVersion,
    ) -> Result<Self, ReadVersionedError> {
        // Its header never has tagged fields: a broker may answer in its oldest form.
        read_with(reader, false, |bytes| Self::parse(bytes, version.0.0))
    }
}

impl ApiVersionsResponse {
    /// Ranges that are upside down are left out.
    fn parse(bytes: &mut Bytes<'_>, version: i16) -> Result<Self, Malformed> {
        let is_flexible = version >= FIRST_FLEXIBLE;
        let mut answer = Self {
            error: bytes.i16()?,
            ..Self::default()
        };
        for _ in 0..bytes.array_len(is_flexible, 6)? {
            let key = ApiKey::from(Int16(bytes.i16()?));
            let (min, max) = (bytes.i16()?, bytes.i16()?);
            if is_flexible {
                bytes.skip_tags()?;
            }
            if min <= max && SENT.contains(&key) {
                let range = ApiVersionRange::new(ApiVersion(Int16(min)), ApiVersion(Int16(max)));
                answer.versions.insert(key, range);
            }
        }
        if version >= 1 {
            bytes.i32()?; // throttle: the answer is good all the same
        }
        if is_flexible {
            bytes.skip_tags()?;
        }
        Ok(answer)
    }
}

/// What a broker offers beyond what is needed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    /// `InitProducerId`, in a version that we speak.
    pub(super) producer_ids: bool,
}

/// Asks the broker for its versions and sets those of the messenger.
///
/// The messenger's own way of doing it asks again while the answer says that we are throttled,
/// which under a request quota is for ever; the answer is good all the same.
pub(super) async fn agree<S>(
    messenger: &mut Messenger<S>,
    address: &str,
) -> Result<Offer, WireError>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let oldest = ApiVersionRange::new(VERSIONS.min(), VERSIONS.min());
    let mut answer = ask(messenger, VERSIONS).await;
    // A broker that does not know our version answers in its oldest form, which cannot be read as
    // that of the newest.
    if needs_oldest(&answer) {
        answer = ask(messenger, oldest).await;
    }
    let answer = answer.map_err(|error| WireError::from_request(address, &error))?;
    match answer.error {
        codes::NONE => {}
        refused => {
            let name = codes::name(refused);
            return Err(WireError::protocol(
                address,
                format!("ApiVersions was answered with {name} ({refused})"),
            ));
        }
    }
    let versions = answer.versions;
    check(&versions).map_err(|message| WireError::protocol(address, message))?;
    let offer = Offer {
        producer_ids: versions
            .get(&ApiKey::InitProducerId)
            .is_some_and(|theirs| overlap(*theirs, producer_id::VERSIONS)),
    };
    messenger.override_version_ranges(versions);
    Ok(offer)
}

fn overlap(theirs: ApiVersionRange, ours: ApiVersionRange) -> bool {
    ours.min() <= theirs.max() && theirs.min() <= ours.max()
}

async fn ask<S>(
    messenger: &mut Messenger<S>,
    range: ApiVersionRange,
) -> Result<ApiVersionsResponse, RequestError>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    messenger.override_version_ranges(HashMap::from([(ApiKey::ApiVersions, range)]));
    messenger.request(ApiVersionsRequest).await
}

fn needs_oldest(answer: &Result<ApiVersionsResponse, RequestError>) -> bool {
    match answer {
        Ok(answer) => answer.error == codes::UNSUPPORTED_VERSION,
        Err(
            RequestError::ReadError(_)
            | RequestError::ReadVersionedError(_)
            | RequestError::TooMuchData { .. },
        ) => true,
        Err(_) => false,
    }
}

/// Whether we have a version in common for everything that a producer sends.
fn check(versions: &Versions) -> Result<(), String> {
    let needed = [
        ("Produce", ApiKey::Produce, produce::VERSIONS),
        ("Metadata", ApiKey::Metadata, cluster::VERSIONS),
    ];
    for (name, key, ours) in needed {
        let Some(theirs) = versions.get(&key) else {
            return Err(format!("the broker does not offer {name} requests"));
        };
        if !overlap(*theirs, ours) {
            return Err(format!(
                "expected {name} in one of the versions {} to {}, found {} to {}",
                ours.min(),
                ours.max(),
                theirs.min(),
                theirs.max(),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(produce: (i16, i16)) -> Versions {
        let range =
            |(min, max)| ApiVersionRange::new(ApiVersion(Int16(min)), ApiVersion(Int16(max)));
        HashMap::from([
            (ApiKey::Produce, range(produce)),
            (ApiKey::Metadata, range((0, 13))),
        ])
    }

    #[test]
    fn a_broker_without_a_common_version_is_refused_by_range() {
        for common in [(0, 13), (3, 3), (12, 15)] {
            assert_eq!(check(&versions(common)), Ok(()));
        }
        assert_eq!(
            check(&versions((0, 2))).unwrap_err(),
            "expected Produce in one of the versions 3 to 12, found 0 to 2"
        );
        assert!(check(&versions((13, 20))).is_err());
        assert_eq!(
            check(&HashMap::new()).unwrap_err(),
            "the broker does not offer Produce requests"
        );
    }

    fn read(bytes: &[u8], version: i16) -> Result<ApiVersionsResponse, ReadVersionedError> {
        let mut cursor = Cursor::new(bytes.to_vec());
        let version = ApiVersion(Int16(version));
        let answer = ApiVersionsResponse::read_versioned(&mut cursor, version)?;
        assert_eq!(cursor.position(), bytes.len() as u64);
        Ok(answer)
    }

    #[test]
    fn ranges_of_what_is_sent_are_kept_unless_they_are_upside_down() {
        // Produce 3 to 9, Fetch 0 to 4, Metadata 4 to 0.
        let old = b"\0\0\0\0\0\x03\0\0\0\x03\0\x09\0\x01\0\0\0\x04\0\x03\0\x04\0\0";
        let new = b"\0\0\x04\0\0\0\x03\0\x09\x01\x07\x02ab\0\x01\0\0\0\x04\0\0\x03\0\x04\0\0\0\
            \0\0\0\x09\x01\x00\x01z";
        let throttled = [&old[..], &9_i32.to_be_bytes()].concat();
        let expected = ApiVersionRange::new(ApiVersion(Int16(3)), ApiVersion(Int16(9)));
        for (bytes, version) in [(&old[..], 0), (&throttled, 1), (&throttled, 2), (new, 3)] {
            let answer = read(bytes, version).unwrap();
            assert_eq!(answer.error, 0);
            let expected = HashMap::from([(ApiKey::Produce, expected)]);
            assert_eq!(answer.versions, expected, "{version}");
            for end in 0..bytes.len() {
                assert!(read(&bytes[..end], version).is_err(), "{version} {end}");
            }
        }
    }
}
