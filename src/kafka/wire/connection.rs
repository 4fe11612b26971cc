//! One TCP connection to one broker, and the requests that a producer sends on it.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant as SystemInstant;

use rskafka::messenger::Messenger;
use rskafka::messenger::RequestError;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio::time::timeout_at;

use super::api_versions;
use super::cluster;
use super::cluster::ClusterView;
use super::cluster::MetadataRequest;
use super::codes;
use super::dial::dial;
use super::error::WireError;
use super::mute;
use super::mute::Mute;
use super::produce::ProduceAnswer;
use super::produce::ProduceRequest;
use super::produce::ProduceResponse;
use super::producer_id::InitProducerIdRequest;
use super::producer_id::ProducerIdentity;
use super::sasl;
use super::session::Session;
use super::socket::Socket;
use super::stream::FrameStream;
use super::stream::MAX_FRAME_BYTES;
use super::stream::Switch;
use super::unanswered::Unanswered;
use crate::config::Security;

/// A connection to a broker; cheap to clone, the last clone closes it at the next turn of the
/// runtime.
///
/// Requests are pipelined. Futures of these methods must be dropped on the runtime. A dropped
/// request may have been carried out; it does not harm the connection. One that timed out does: the
/// connection is not used again.
#[derive(Clone)]
pub(crate) struct Connection {
    inner: Arc<Inner>,
}

struct Inner {
    address: String,
    switch: Arc<Switch>,
    /// Nobody answers Produce requests: they ask for no acknowledgement.
    takes_no_answers: Arc<AtomicBool>,
    messenger: Messenger<Unanswered<FrameStream<Socket>>>,
    knows_producer_ids: bool,
    session: Session,
    mute: Mute,
}

/// How long a request may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// Where nothing else was agreed upon.
    pub(crate) usual: Duration,
    /// With the time in which the broker reads nothing from the connection, as it said beforehand.
    pub(crate) most: Duration,
}

impl From<Duration> for Limit {
    fn from(usual: Duration) -> Self {
        Self {
            usual,
            most: usual.saturating_add(mute::MOST),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.switch.turn_off();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("address", &self.inner.address)
            .field("usable", &self.is_usable())
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects to `host:port`, secured as `security` says, and agrees on versions; all of it within
    /// `limit`.
    pub(crate) async fn open(
        address: &str,
        client_id: &str,
        security: &Arc<Security>,
        limit: Duration,
    ) -> Result<Self, WireError> {
        if i16::try_from(client_id.len()).is_err() {
            // The messenger would panic.
            let message = format!("a client id of {} bytes exceeds 32767", client_id.len());
            return Err(WireError::protocol(address, message));
        }
        let deadline = Instant::now() + limit.min(A_DAY);
        let opening = Self::open_until(address, client_id, security, deadline);
        match timeout_at(deadline, opening).await {
            // The time of the last address ends with that of the whole.
            Ok(Err(WireError::Connect { .. })) if Instant::now() >= deadline => {
                Err(too_late("connecting to", address, limit))
            }
            Ok(result) => result,
            Err(_) => Err(too_late("connecting to", address, limit)),
        }
    }

    async fn open_until(
        address: &str,
        client_id: &str,
        security: &Arc<Security>,
        deadline: Instant,
    ) -> Result<Self, WireError> {
        let proof = sasl::prepare(security, address).await?;
        let stream = dial(address, deadline)
            .await
            .map_err(|source| WireError::Connect {
                address: address.to_owned(),
                source,
            })?;
        let stream = Socket::Plain(stream);
        #[cfg(feature = "tls")]
        let stream = stream.secure(address, security).await?;
        let switch = Arc::new(Switch::default());
        let stream = FrameStream::new(stream, Arc::clone(&switch));
        let takes_no_answers = Arc::new(AtomicBool::new(false));
        let stream = Unanswered::new(stream, Arc::clone(&takes_no_answers));
        let mut inner = Inner {
            address: address.to_owned(),
            switch,
            takes_no_answers,
            messenger: Messenger::new(stream, MAX_FRAME_BYTES, Arc::from(client_id)),
            knows_producer_ids: false,
            session: Session::default(),
            mute: Mute::default(),
        };
        let versions = api_versions::agree(&mut inner.messenger, address).await?;
        inner.knows_producer_ids = versions.producer_ids;
        if let Some(proof) = proof {
            let lifetime = sasl::authenticate(&inner.messenger, address, proof).await?;
            inner.session = Session::new(lifetime, SystemInstant::now());
        }
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// What [`open`](Self::open) was given.
    pub(crate) fn address(&self) -> &str {
        &self.inner.address
    }

    /// Whether this is the same connection.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Whether requests can be sent: not once the peer closed, an answer was bad, none came in time
    /// or the session is over.
    pub(crate) fn is_usable(&self) -> bool {
        !self.inner.switch.is_off() && !self.inner.session.is_over(SystemInstant::now())
    }

    /// When another connection should take its place, well before the broker ends it; none if it may
    /// stay.
    pub(crate) fn expires_at(&self) -> Option<SystemInstant> {
        self.inner.session.replace_at()
    }

    /// Asks for the brokers and for the partitions of `topic`, which the broker may create.
    pub(crate) async fn metadata(
        &self,
        topic: &str,
        limit: Duration,
    ) -> Result<ClusterView, WireError> {
        let request = self.inner.messenger.request(MetadataRequest { topic });
        let response = self.answer("a Metadata request to", limit, request).await?;
        cluster::view(response, topic).map_err(|message| self.bad_answer(message))
    }

    /// Asks for a producer id; the inner error is Kafka's code.
    pub(crate) async fn init_producer_id(
        &self,
        limit: Duration,
    ) -> Result<Result<ProducerIdentity, i16>, WireError> {
        let request = self.inner.messenger.request(InitProducerIdRequest);
        let response = self
            .answer("an InitProducerId request to", limit, request)
            .await;
        match response {
            Ok(response) if response.error == codes::NONE => Ok(Ok(response.identity)),
            Ok(response) => Ok(Err(response.error)),
            Err(error) => Err(error),
        }
    }

    /// Whether the broker offers producer ids.
    pub(crate) fn knows_producer_ids(&self) -> bool {
        self.inner.knows_producer_ids
    }

    /// Appends one sealed batch to each of several partitions of `topic`; −1 as `acks` waits for all
    /// replicas in sync, 1 for the leader, and 0 for nothing but the write. All requests of a
    /// connection have the same.
    ///
    /// The broker gets six sevenths of the usual `limit` to hear from its followers, so that its own
    /// timeout reaches us before ours ends the connection.
    pub(crate) async fn produce(
        &self,
        topic: &str,
        acks: i16,
        batches: &[(i32, Arc<[u8]>)],
        limit: impl Into<Limit>,
    ) -> Result<ProduceAnswer, WireError> {
        let limit = limit.into();
        self.inner
            .takes_no_answers
            .store(acks == 0, Ordering::Release);
        let request = self.inner.messenger.request(ProduceRequest {
            topic,
            acks,
            timeout_ms: i32::try_from((limit.usual / 7 * 6).as_millis()).unwrap_or(i32::MAX),
            batches,
        });
        let response = self.answer("a Produce request to", limit, request).await?;
        if acks == 0 {
            return Ok(ProduceResponse::unacknowledged(batches));
        }
        let answer = response
            .into_answer(topic, batches)
            .map_err(|message| self.bad_answer(message))?;
        // What is behind this request on the connection waits as well.
        let now = SystemInstant::now();
        self.inner.mute.announce(answer.throttle, now);
        Ok(answer)
    }

    /// Waits for an answer; gives the connection up if there is none in time, or a bad one. The time in
    /// which the broker reads nothing, as it announced, does not count.
    async fn answer<T>(
        &self,
        what: &'static str,
        limit: impl Into<Limit>,
        request: impl Future<Output = Result<T, RequestError>> + Send,
    ) -> Result<T, WireError> {
        if !self.is_usable() {
            let message = "it was closed or given up before";
            return Err(WireError::closed(self.address(), message));
        }
        let limit = limit.into();
        let start = SystemInstant::now();
        let before = self.inner.mute.over(start);
        let mut request = pin!(request);
        let mut granted = Duration::ZERO;
        let error = loop {
            let muted = self.inner.mute.since(before);
            let now_granted = limit.usual.saturating_add(muted).min(limit.most);
            if now_granted <= granted {
                break too_late(what, self.address(), granted);
            }
            granted = now_granted;
            match timeout(granted.saturating_sub(start.elapsed()), &mut request).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => break WireError::from_request(self.address(), &error),
                // Perhaps there was an announcement meanwhile.
                Err(_) => {}
            }
        };
        self.inner.switch.turn_off();
        Err(error)
    }

    /// An answer that can be read but makes no sense: nothing else on the connection is trusted.
    fn bad_answer(&self, message: String) -> WireError {
        self.inner.switch.turn_off();
        WireError::protocol(self.address(), message)
    }
}

/// A limit that no deadline overflows with.
const A_DAY: Duration = Duration::from_secs(86_400);

fn too_late(what: &'static str, address: &str, after: Duration) -> WireError {
    WireError::Timeout {
        what,
        address: address.to_owned(),
        after,
    }
}

#[cfg(test)]
mod broker_tests;
#[cfg(test)]
mod tests;
