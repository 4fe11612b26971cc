//! `ApiVersions` and `InitProducerId`.

use kafka_protocol::messages::ApiVersionsResponse;
use kafka_protocol::messages::InitProducerIdRequest;
use kafka_protocol::messages::InitProducerIdResponse;
use kafka_protocol::messages::api_versions_response::ApiVersion;

use super::Context;
use crate::api::Api;
use crate::api::error;
use crate::cluster::Cluster;

/// Lists the versions; of an unsupported request only those of `ApiVersions` itself, as Kafka does.
pub(super) fn versions(cluster: &Cluster, supported: bool) -> ApiVersionsResponse {
    let listed = |api: &Api| supported || *api == Api::ApiVersions;
    let api_keys = Api::WIRE.into_iter().filter(listed).filter_map(|api| {
        let (min, max) = cluster.config.versions(api)?;
        let range = ApiVersion::default()
            .with_min_version(min)
            .with_max_version(max);
        Some(range.with_api_key(api.key()?))
    });
    let code = if supported {
        0
    } else {
        error::UNSUPPORTED_VERSION
    };
    ApiVersionsResponse::default()
        .with_error_code(code)
        .with_api_keys(api_keys.collect())
}

/// Gives out an id with epoch 0; a request of a known id for its next epoch gets a new id too.
pub(super) fn producer_id(
    cx: &Context<'_>,
    request: &InitProducerIdRequest,
) -> InitProducerIdResponse {
    let refused = |code| {
        InitProducerIdResponse::default()
            .with_error_code(code)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1)
    };
    if let Some(code) = cx.effect.refuse {
        return refused(code);
    }
    if request.transactional_id.is_some() {
        return refused(error::INVALID_REQUEST);
    }
    let mut state = cx.cluster.state();
    let index = usize::try_from(cx.node).unwrap_or(0);
    if let Some(node) = state.nodes.get_mut(index) {
        let fresh = std::mem::take(&mut node.fresh);
        if fresh && cx.cluster.config.loading_first {
            return refused(error::COORDINATOR_LOAD_IN_PROGRESS);
        }
    }
    InitProducerIdResponse::default()
        .with_producer_id(state.next_producer_id().into())
        .with_producer_epoch(0)
}
