//! The Kafka layer's options: as set, and as checked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Compression;
use super::CompressionSettings;
use super::DEFAULT_BUFFER_MEMORY;
use super::DEFAULT_SHUTDOWN_TIMEOUT;
use super::MAX_TIME;
use super::OverflowPolicy;
use super::address;
use super::check_buffer_memory;
use super::compression::LevelOptions;
use super::delivery::DeliveryOptions;
use super::delivery::DeliverySettings;
use super::positive_time;
use super::property;
use super::security::Security;
use super::security::SecurityOptions;
use super::topic;
use crate::error::BuildError;

/// The most bytes of one request, and of one batch before compression, unless told otherwise: a
/// broker's default `message.max.bytes` is 1 048 588.
const DEFAULT_MAX_REQUEST: usize = 1_000_000;
/// The least that can be asked for.
const MIN_MAX_REQUEST: usize = 16 * 1024;
/// The most: what a broker takes by default.
const MAX_MAX_REQUEST: usize = 100 * 1024 * 1024;
const DEFAULT_BATCH_SIZE: usize = 256 * 1024;
const DEFAULT_LINGER: Duration = Duration::from_millis(100);
const DEFAULT_DELIVERY_TIMEOUT: Duration = Duration::from_secs(120);
/// Above the 30 s after which a broker answers for itself.
const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(35);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
pub(super) const DEFAULT_CLIENT_ID: &str = "tracing-kafka";
const MAX_CLIENT_ID: usize = 255;
const MAX_HEADER_NAME: usize = 255;
/// Nobody is asked more often than that because of age.
const MIN_METADATA_MAX_AGE: Duration = Duration::from_millis(100);
const DEFAULT_METADATA_MAX_AGE: Duration = Duration::from_secs(5 * 60);
const DEFAULT_BACKOFF: Duration = Duration::from_millis(100);
const DEFAULT_MAX_BACKOFF: Duration = Duration::from_secs(10);

/// How long to wait between attempts: `first` after one failure, doubled with each further one, at
/// most `most`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BackoffRange {
    pub(crate) first: Duration,
    pub(crate) most: Duration,
}

/// The same as far as it was set.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BackoffOptions {
    pub(crate) first: Option<Duration>,
    pub(crate) most: Option<Duration>,
}

/// What was set, unchecked; a setter and a property of the same name write the same field.
pub(crate) struct KafkaOptions {
    pub(crate) servers: Vec<String>,
    pub(crate) topic: String,
    pub(crate) client_id: String,
    pub(crate) linger: Duration,
    /// None: the default, or less where a request or the buffer holds less.
    pub(crate) batch_size: Option<usize>,
    pub(crate) buffer_memory: usize,
    pub(crate) overflow: OverflowPolicy,
    /// None: the default, or more where linger and request timeout take more.
    pub(crate) delivery_timeout: Option<Duration>,
    /// None: the default, or less where the delivery timeout leaves less.
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) connect_timeout: Duration,
    pub(crate) compression: Compression,
    pub(crate) compression_level: LevelOptions,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) delivery: DeliveryOptions,
    pub(crate) max_request: usize,
    pub(crate) metadata_max_age: Duration,
    pub(crate) retry_backoff: BackoffOptions,
    pub(crate) reconnect_backoff: BackoffOptions,
    pub(crate) ignores_keys: bool,
    pub(crate) sequence_headers: bool,
    pub(crate) header_names: Vec<String>,
    pub(crate) security: SecurityOptions,
    /// The first property that could not be set.
    refused: Option<BuildError>,
}

/// Options that hold together.
#[derive(Debug, Clone)]
pub(crate) struct KafkaSettings {
    pub(crate) servers: Vec<String>,
    pub(crate) topic: String,
    pub(crate) client_id: String,
    pub(crate) linger: Duration,
    pub(crate) batch_size: usize,
    pub(crate) buffer_memory: usize,
    pub(crate) overflow: OverflowPolicy,
    pub(crate) delivery_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) compression: CompressionSettings,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) delivery: DeliverySettings,
    pub(crate) max_request: usize,
    pub(crate) metadata_max_age: Duration,
    pub(crate) retry_backoff: BackoffRange,
    pub(crate) reconnect_backoff: BackoffRange,
    pub(crate) ignores_keys: bool,
    pub(crate) sequence_headers: bool,
    pub(crate) header_names: Vec<String>,
    pub(crate) security: Arc<Security>,
}

impl BackoffOptions {
    pub(crate) const fn set(first: Duration, most: Duration) -> Self {
        Self {
            first: Some(first),
            most: Some(most),
        }
    }

    /// As Kafka reads it: a first wait beyond the longest is the longest. None is a very short one.
    fn check(self, name: &str, unset_most: Duration) -> Result<BackoffRange, BuildError> {
        let least = |time: Duration| time.max(Duration::from_millis(1));
        let most = least(self.most.unwrap_or(unset_most));
        let first = least(self.first.unwrap_or(DEFAULT_BACKOFF)).min(most);
        positive_time(name, most)?;
        Ok(BackoffRange { first, most })
    }
}

/// Addresses are shown as errors show them: somebody may have put a password into one.
impl fmt::Debug for KafkaOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<String> = self
            .servers
            .iter()
            .map(|item| address::redact(item))
            .collect();
        f.debug_struct("KafkaOptions")
            .field("servers", &servers)
            .field("topic", &self.topic)
            .field("client_id", &self.client_id)
            .field("linger", &self.linger)
            .field("batch_size", &self.batch_size)
            .field("buffer_memory", &self.buffer_memory)
            .field("overflow", &self.overflow)
            .field("delivery_timeout", &self.delivery_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("compression", &self.compression)
            .field("compression_level", &self.compression_level)
            .field("shutdown_timeout", &self.shutdown_timeout)
            .field("delivery", &self.delivery)
            .field("max_request", &self.max_request)
            .field("metadata_max_age", &self.metadata_max_age)
            .field("retry_backoff", &self.retry_backoff)
            .field("reconnect_backoff", &self.reconnect_backoff)
            .field("ignores_keys", &self.ignores_keys)
            .field("sequence_headers", &self.sequence_headers)
            .field("header_names", &self.header_names)
            .field("security", &self.security)
            .finish_non_exhaustive()
    }
}

impl KafkaOptions {
    pub(crate) fn new(servers: Vec<String>, topic: String) -> Self {
        Self {
            servers,
            topic,
            client_id: DEFAULT_CLIENT_ID.to_owned(),
            linger: DEFAULT_LINGER,
            batch_size: None,
            buffer_memory: DEFAULT_BUFFER_MEMORY,
            overflow: OverflowPolicy::default(),
            delivery_timeout: None,
            request_timeout: None,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            compression: Compression::default(),
            compression_level: LevelOptions::default(),
            shutdown_timeout: DEFAULT_SHUTDOWN_TIMEOUT,
            delivery: DeliveryOptions::default(),
            max_request: DEFAULT_MAX_REQUEST,
            metadata_max_age: DEFAULT_METADATA_MAX_AGE,
            retry_backoff: BackoffOptions::default(),
            reconnect_backoff: BackoffOptions::default(),
            ignores_keys: false,
            sequence_headers: false,
            header_names: Vec::new(),
            security: SecurityOptions::default(),
            refused: None,
        }
    }

    /// What was made of a setter's argument; a refusal is told by [`check`](Self::check).
    pub(crate) fn taken<T>(&mut self, made: Result<T, BuildError>) -> Option<T> {
        made.map_err(|refusal| self.refused.get_or_insert(refusal))
            .ok()
    }

    /// Sets a property by its Kafka name; a refusal is told by [`check`](Self::check).
    pub(crate) fn set_property(&mut self, name: &str, value: &str) {
        if let Err(refusal) = property::apply(self, name, value) {
            self.refused.get_or_insert(refusal);
        }
    }

    /// Checks every value and how they fit together.
    pub(crate) fn check(self) -> Result<KafkaSettings, BuildError> {
        let servers = address::parse(&self.servers, self.security.protocol)?;
        topic::check(&self.topic)?;
        self.check_client_id()?;
        let batch_size = self.check_sizes()?;
        self.overflow.check()?;
        let (delivery_timeout, request_timeout) = self.check_times()?;
        let retry_backoff = self
            .retry_backoff
            .check("retry.backoff.max.ms", DEFAULT_MAX_BACKOFF)?;
        // Who sets the first wait alone wants each to be as long: so Kafka reads it.
        let reconnect_backoff = self.reconnect_backoff.check(
            "reconnect.backoff.max.ms",
            self.reconnect_backoff.first.unwrap_or(DEFAULT_MAX_BACKOFF),
        )?;
        self.check_header_names()?;
        let delivery = self.delivery.check()?;
        if let Some(refusal) = self.refused {
            return Err(refusal);
        }
        let compression = self.compression_level.check(self.compression)?;
        let security = Arc::new(self.security.check()?);
        Ok(KafkaSettings {
            servers,
            topic: self.topic,
            client_id: self.client_id,
            linger: self.linger,
            batch_size,
            buffer_memory: self.buffer_memory,
            overflow: self.overflow,
            delivery_timeout,
            request_timeout,
            connect_timeout: self.connect_timeout,
            compression,
            shutdown_timeout: self.shutdown_timeout,
            delivery,
            max_request: self.max_request,
            metadata_max_age: self.metadata_max_age.max(MIN_METADATA_MAX_AGE),
            retry_backoff,
            reconnect_backoff,
            ignores_keys: self.ignores_keys,
            sequence_headers: self.sequence_headers,
            header_names: self.header_names,
            security,
        })
    }

    fn check_client_id(&self) -> Result<(), BuildError> {
        let id = &self.client_id;
        if id.is_empty() || id.len() > MAX_CLIENT_ID || id.chars().any(char::is_control) {
            return Err(BuildError::setting(
                "client.id",
                id,
                format!("1 to {MAX_CLIENT_ID} bytes without control characters"),
            ));
        }
        Ok(())
    }

    /// The size of batches, once all sizes fit together.
    fn check_sizes(&self) -> Result<usize, BuildError> {
        if !(MIN_MAX_REQUEST..=MAX_MAX_REQUEST).contains(&self.max_request) {
            return Err(BuildError::setting(
                "max.request.size",
                self.max_request.to_string(),
                format!("{MIN_MAX_REQUEST} to {MAX_MAX_REQUEST} bytes"),
            ));
        }
        check_buffer_memory(self.buffer_memory)?;
        let Some(batch_size) = self.batch_size else {
            let most = self.max_request.min(self.buffer_memory / 2);
            return Ok(DEFAULT_BATCH_SIZE.min(most));
        };
        if batch_size == 0 {
            return Err(BuildError::setting("batch.size", "0", "at least 1 byte"));
        }
        let batch_size = batch_size.min(self.max_request);
        if self.buffer_memory < batch_size {
            return Err(BuildError::conflict(
                format!(
                    "`buffer.memory` is `{}` and `batch.size` is `{batch_size}`",
                    self.buffer_memory
                ),
                "a buffer that holds at least one batch",
            ));
        }
        Ok(batch_size)
    }

    fn check_header_names(&self) -> Result<(), BuildError> {
        let is_bad = |name: &&String| {
            name.is_empty() || name.len() > MAX_HEADER_NAME || name.chars().any(char::is_control)
        };
        match self.header_names.iter().find(is_bad) {
            None => Ok(()),
            Some(name) => Err(BuildError::setting(
                "header",
                name,
                format!("a name of 1 to {MAX_HEADER_NAME} bytes without control characters"),
            )),
        }
    }

    /// The delivery and the request timeout, once all times fit together.
    fn check_times(&self) -> Result<(Duration, Duration), BuildError> {
        let linger = self.linger;
        if !linger.is_zero() {
            positive_time("linger.ms", linger)?;
        }
        let age = self.metadata_max_age.max(MIN_METADATA_MAX_AGE);
        positive_time("metadata.max.age.ms", age)?;
        positive_time("socket.connection.setup.timeout.ms", self.connect_timeout)?;
        if let Some(request_timeout) = self.request_timeout {
            positive_time("request.timeout.ms", request_timeout)?;
        }
        let Some(delivery_timeout) = self.delivery_timeout else {
            let request_timeout = self.request_timeout.unwrap_or(DEFAULT_REQUEST_TIMEOUT);
            let both = linger.saturating_add(request_timeout).min(MAX_TIME);
            return Ok((DEFAULT_DELIVERY_TIMEOUT.max(both), request_timeout));
        };
        positive_time("delivery.timeout.ms", delivery_timeout)?;
        if linger >= delivery_timeout {
            return Err(BuildError::conflict(
                format!(
                    "`linger.ms` is `{linger:?}` and `delivery.timeout.ms` is `{delivery_timeout:?}`"
                ),
                "a linger shorter than the delivery timeout",
            ));
        }
        let most = delivery_timeout.saturating_sub(linger);
        let Some(request_timeout) = self.request_timeout else {
            return Ok((delivery_timeout, DEFAULT_REQUEST_TIMEOUT.min(most)));
        };
        if request_timeout > most {
            return Err(BuildError::conflict(
                format!(
                    "`delivery.timeout.ms` is `{delivery_timeout:?}`, `linger.ms` is `{linger:?}` and \
                     `request.timeout.ms` is `{request_timeout:?}`"
                ),
                "a delivery timeout of at least linger and request timeout together",
            ));
        }
        Ok((delivery_timeout, request_timeout))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> KafkaOptions {
        KafkaOptions::new(vec!["localhost:9092".to_owned()], "logs".to_owned())
    }

    fn refused(change: impl FnOnce(&mut KafkaOptions)) -> String {
        let mut options = options();
        change(&mut options);
        options.check().unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_hold_together() {
        let settings = options().check().unwrap();
        assert_eq!(settings.request_timeout, Duration::from_secs(35));
        assert_eq!(settings.linger, Duration::from_millis(100));
    }

    #[test]
    fn a_short_delivery_timeout_shortens_a_request_timeout_that_was_not_set() {
        let mut options = options();
        options.delivery_timeout = Some(Duration::from_secs(1));
        let settings = options.check().unwrap();
        assert_eq!(settings.request_timeout, Duration::from_millis(900));
    }

    #[test]
    fn what_was_not_set_makes_room_for_what_was() {
        let mut options = options();
        options.linger = Duration::from_secs(120);
        options.request_timeout = Some(Duration::from_secs(100));
        options.batch_size = Some(usize::MAX);
        options.max_request = 50_000;
        let settings = options.check().unwrap();
        assert_eq!(settings.delivery_timeout, Duration::from_secs(220));
        assert_eq!(settings.batch_size, 50_000);

        let mut options = self::options();
        options.buffer_memory = 65_536;
        assert_eq!(options.check().unwrap().batch_size, 32_768);
    }

    #[test]
    fn zero_and_contradictory_values_are_named() {
        for (text, change) in [
            (
                "`batch.size` is `0`",
                (|o| o.batch_size = Some(0)) as fn(&mut KafkaOptions),
            ),
            ("`buffer.memory` is `0`", |o| o.buffer_memory = 0),
            (
                "`buffer.memory` is `65536` and `batch.size` is `262144`",
                |o| {
                    o.buffer_memory = 65_536;
                    o.batch_size = Some(262_144);
                },
            ),
            ("`delivery.timeout.ms` is `0ns`", |o| {
                o.delivery_timeout = Some(Duration::ZERO);
            }),
            ("`request.timeout.ms` is `0ns`", |o| {
                o.request_timeout = Some(Duration::ZERO);
            }),
            ("`request.timeout.ms` is `121s`", |o| {
                o.request_timeout = Some(Duration::from_secs(121));
                o.delivery_timeout = Some(Duration::from_secs(120));
            }),
            ("`socket.connection.setup.timeout.ms` is `0ns`", |o| {
                o.connect_timeout = Duration::ZERO;
            }),
            ("`linger.ms` is `120s`", |o| {
                o.linger = Duration::from_secs(120);
                o.delivery_timeout = Some(Duration::from_secs(120));
            }),
            ("`linger.ms` is", |o| o.linger = Duration::MAX),
            ("`max.block.ms` is `0ns`", |o| {
                o.overflow = OverflowPolicy::Block {
                    max_wait: Duration::ZERO,
                };
            }),
            ("`client.id` is ``", |o| o.client_id = String::new()),
            ("`client.id` is `a\\nb`", |o| {
                o.client_id = "a\nb".to_owned();
            }),
        ] {
            let error = refused(change);
            assert!(error.contains(text), "{error} lacks {text}");
            assert!(error.contains(", expected "), "{error}");
        }
    }
}
