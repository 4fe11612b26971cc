//! Turns a request into the bytes of its answer.

mod fetch;
mod groups;
mod metadata;
mod offsets;
mod produce;
mod setters;
mod topics;
mod versions;

use std::fmt;

use bytes::Bytes;
use bytes::BytesMut;
use kafka_protocol::messages::ApiKey;
use kafka_protocol::messages::ApiVersionsRequest;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::ResponseHeader;
use kafka_protocol::protocol::Decodable;
use kafka_protocol::protocol::Encodable;

use self::setters::Answer;
use crate::api::Api;
use crate::cluster::Cluster;
use crate::fault::Effect;
use crate::fault::Fault;
use crate::fault::RequestInfo;
use crate::shape;

/// A request whose header was read.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) api: Api,
    pub(crate) version: i16,
    /// The version is one that we announce.
    pub(crate) supported: bool,
    pub(crate) node: i32,
    pub(crate) correlation: i32,
    pub(crate) client_id: Option<String>,
    pub(crate) body: Bytes,
}

/// What a handler needs beside the request.
#[derive(Debug)]
struct Context<'a> {
    cluster: &'a Cluster,
    node: i32,
    version: i16,
    effect: Effect,
}

/// The request cannot be understood or must not be answered; a broker closes the connection.
#[derive(Debug)]
pub(crate) struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request cannot be answered")
    }
}

impl std::error::Error for Malformed {}

/// Carries a request out and encodes the answer; `None` if there is to be none.
pub(crate) async fn answer(
    cluster: &Cluster,
    asked: Asked,
    fault: Option<&Fault>,
) -> Result<Option<BytesMut>, Malformed> {
    let cx = Context {
        cluster,
        node: asked.node,
        version: asked.version,
        effect: Effect::of(fault),
    };
    match asked.api {
        Api::Connect => Err(Malformed),
        Api::Produce => produce(&cx, &asked),
        Api::Fetch => {
            let request = read(&asked)?;
            reply(&cx, &asked, fetch::fetch(&cx, &request).await)
        }
        Api::ListOffsets => reply(&cx, &asked, offsets::list(&cx, &read(&asked)?)),
        Api::Metadata => reply(&cx, &asked, metadata::metadata(&cx, &read(&asked)?)),
        Api::OffsetCommit => reply(&cx, &asked, groups::commit(&cx, &read(&asked)?)),
        Api::OffsetFetch => reply(&cx, &asked, groups::committed(&cx, &read(&asked)?)),
        Api::FindCoordinator => reply(&cx, &asked, groups::coordinator(&cx, &read(&asked)?)),
        Api::JoinGroup => reply(&cx, &asked, groups::join(&cx, &read(&asked)?)),
        Api::Heartbeat => reply(&cx, &asked, groups::heartbeat(&cx, &read(&asked)?)),
        Api::LeaveGroup => reply(&cx, &asked, groups::leave(&cx, &read(&asked)?)),
        Api::SyncGroup => reply(&cx, &asked, groups::sync(&cx, read(&asked)?)),
        Api::ApiVersions => {
            if asked.supported {
                let _request: ApiVersionsRequest = read(&asked)?;
            }
            reply(&cx, &asked, versions::versions(cx.cluster, asked.supported))
        }
        Api::CreateTopics => reply(&cx, &asked, topics::create(&cx, &read(&asked)?)),
        Api::DeleteTopics => reply(&cx, &asked, topics::delete(&cx, &read(&asked)?)),
        Api::DeleteRecords => reply(&cx, &asked, offsets::delete(&cx, &read(&asked)?)),
        Api::InitProducerId => reply(&cx, &asked, versions::producer_id(&cx, &read(&asked)?)),
    }
}

fn produce(cx: &Context<'_>, asked: &Asked) -> Result<Option<BytesMut>, Malformed> {
    let request: ProduceRequest = read(asked)?;
    let answer = produce::produce(cx, &request);
    if request.acks != 0 {
        return reply(cx, asked, answer);
    }
    let mut partitions = answer.responses.iter().flat_map(|t| &t.partition_responses);
    // With acks=0 the only way to report an error is to close the connection.
    if partitions.any(|partition| partition.error_code != 0) {
        return Err(Malformed);
    }
    Ok(None)
}

/// Topics and partitions of a Produce request, and what it holds for them.
pub(crate) fn tell(asked: &Asked, info: &mut RequestInfo) -> Result<(), Malformed> {
    if asked.api != Api::Produce {
        return Ok(());
    }
    let request: ProduceRequest = read(asked)?;
    for topic in &request.topic_data {
        for partition in &topic.partition_data {
            let name = topic.name.to_string();
            info.partitions.push((name, partition.index));
            let batch = partition.records.clone().unwrap_or_default();
            info.batches.push(batch);
        }
    }
    Ok(())
}

fn read<R: Decodable>(asked: &Asked) -> Result<R, Malformed> {
    let key = asked.api.wire_key().ok_or(Malformed)?;
    let flexible = key.request_header_version(asked.version) == FLEXIBLE;
    if !shape::fits(asked.api, asked.version, flexible, &asked.body) {
        return Err(Malformed);
    }
    R::decode(&mut asked.body.clone(), asked.version).map_err(|_| Malformed)
}

/// Applies what the fault says to the answer and encodes it.
fn reply(
    cx: &Context<'_>,
    asked: &Asked,
    mut answer: impl Answer,
) -> Result<Option<BytesMut>, Malformed> {
    if let Some(code) = cx.effect.refuse {
        answer.refuse(code);
    }
    if let Some(code) = cx.effect.then_error {
        answer.fail(code);
    }
    answer.throttle(cx.effect.throttle_ms);
    // What is not supported is answered in the oldest form.
    let version = if asked.supported { asked.version } else { 0 };
    let key = asked.api.wire_key().ok_or(Malformed)?;
    encode(key, version, asked.correlation, &answer).map(Some)
}

fn encode(
    key: ApiKey,
    version: i16,
    correlation: i32,
    body: &impl Encodable,
) -> Result<BytesMut, Malformed> {
    let header = ResponseHeader::default().with_correlation_id(correlation);
    let mut frame = BytesMut::zeroed(4);
    header
        .encode(&mut frame, key.response_header_version(version))
        .and_then(|()| body.encode(&mut frame, version))
        .map_err(|_| Malformed)?;
    let length = u32::try_from(frame.len() - 4).map_err(|_| Malformed)?;
    if let Some(prefix) = frame.get_mut(0..4) {
        prefix.copy_from_slice(&length.to_be_bytes());
    }
    Ok(frame)
}

/// Replaces the body of a frame with noise, the length and the correlation id staying right.
pub(crate) fn scramble(frame: &mut BytesMut) {
    for byte in frame.iter_mut().skip(8) {
        *byte = 0xff;
    }
}

/// Changes the correlation id of a frame.
pub(crate) fn renumber(frame: &mut BytesMut) {
    for byte in frame.iter_mut().take(8).skip(4) {
        *byte = !*byte;
    }
}

/// The request header of versions with compact lengths and tagged fields.
const FLEXIBLE: i16 = 2;
