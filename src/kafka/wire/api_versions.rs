//! Agrees with a broker on the versions of requests.

use std::collections::HashMap;

use rskafka::messenger::Messenger;
use rskafka::messenger::RequestError;
use rskafka::protocol::api_key::ApiKey;
use rskafka::protocol::api_version::ApiVersionRange;
use rskafka::protocol::messages::ApiVersionsRequest;
use rskafka::protocol::messages::ApiVersionsResponse;
use rskafka::protocol::messages::MetadataRequest;
use rskafka::protocol::messages::RequestBody as _;
use rskafka::protocol::primitives::CompactString;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;

use super::cluster::code;
use super::codes;
use super::error::WireError;
use super::produce;
use super::producer_id;

/// What a broker speaks, by request.
pub(super) type Versions = HashMap<ApiKey, ApiVersionRange>;

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
    let newest = ApiVersionsRequest::API_VERSION_RANGE;
    let oldest = ApiVersionRange::new(newest.min(), newest.min());
    let mut answer = ask(messenger, newest).await;
    // A broker that does not know our version answers in its oldest form, which cannot be read as
    // that of the newest.
    if needs_oldest(&answer) {
        answer = ask(messenger, oldest).await;
    }
    let answer = answer.map_err(|error| WireError::from_request(address, &error))?;
    match code(answer.error_code) {
        codes::NONE => {}
        refused => {
            let name = codes::name(refused);
            return Err(WireError::protocol(
                address,
                format!("ApiVersions was answered with {name} ({refused})"),
            ));
        }
    }
    let versions = ranges(&answer);
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
    let request = ApiVersionsRequest {
        client_software_name: Some(CompactString(env!("CARGO_PKG_NAME").to_owned())),
        client_software_version: Some(CompactString(env!("CARGO_PKG_VERSION").to_owned())),
        tagged_fields: None,
    };
    messenger.request(request).await
}

fn needs_oldest(answer: &Result<ApiVersionsResponse, RequestError>) -> bool {
    match answer {
        Ok(answer) => code(answer.error_code) == codes::UNSUPPORTED_VERSION,
        Err(
            RequestError::ReadError(_)
            | RequestError::ReadVersionedError(_)
            | RequestError::TooMuchData { .. },
        ) => true,
        Err(_) => false,
    }
}

/// The ranges of an answer; those that are upside down are left out.
fn ranges(answer: &ApiVersionsResponse) -> Versions {
    answer
        .api_keys
        .iter()
        .filter(|api| api.min_version <= api.max_version)
        .map(|api| {
            let range = ApiVersionRange::new(api.min_version, api.max_version);
            (api.api_key, range)
        })
        .collect()
}

/// Whether we have a version in common for everything that a producer sends.
fn check(versions: &Versions) -> Result<(), String> {
    let needed = [
        ("Produce", ApiKey::Produce, produce::VERSIONS),
        (
            "Metadata",
            ApiKey::Metadata,
            MetadataRequest::API_VERSION_RANGE,
        ),
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
    use rskafka::protocol::api_version::ApiVersion;
    use rskafka::protocol::primitives::Int16;

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
}
