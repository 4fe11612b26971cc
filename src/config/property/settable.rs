//! Properties that can be set, each with its setter.

use super::Property;
use super::value::acks;
use super::value::boolean;
use super::value::bytes;
use super::value::count;
use super::value::idempotence;
#[cfg(any(feature = "gzip", feature = "zstd"))]
use super::value::level;
use super::value::millis;
use super::value::set_max_block;
use super::value::set_security;
use super::value::set_servers;
use crate::config::Compression;
#[cfg(feature = "gzip")]
use crate::config::compression::GZIP_LEVEL;
#[cfg(feature = "zstd")]
use crate::config::compression::ZSTD_LEVEL;

/// Every property that can be set, in alphabetic order.
///
#[doc = include_str!("properties.md")]
pub const PROPERTIES: &[Property] = &[
    Property {
        name: "acks",
        setter: "acks",
        default: "all",
        apply: |options, name, value| acks(name, value).map(|v| options.delivery.acks = v),
    },
    Property {
        name: "batch.size",
        setter: "batch_size",
        default: "262144",
        apply: |options, name, value| bytes(name, value).map(|v| options.batch_size = v.max(1)),
    },
    Property {
        name: "bootstrap.servers",
        setter: "builder",
        default: "",
        apply: set_servers,
    },
    Property {
        name: "buffer.memory",
        setter: "buffer_memory",
        default: "33554432",
        apply: |options, name, value| bytes(name, value).map(|v| options.buffer_memory = v),
    },
    Property {
        name: "client.id",
        setter: "client_id",
        default: "tracing-kafka",
        apply: |options, _, value| {
            value.clone_into(&mut options.client_id);
            Ok(())
        },
    },
    #[cfg(feature = "gzip")]
    Property {
        name: GZIP_LEVEL,
        setter: "compression_level",
        default: "-1",
        apply: |options, name, value| {
            level(name, value).map(|v| options.compression_level.set_property(GZIP_LEVEL, v))
        },
    },
    Property {
        name: "compression.type",
        setter: "compression",
        default: "lz4",
        apply: |options, name, value| {
            Compression::parse(name, value).map(|v| options.compression = v)
        },
    },
    #[cfg(feature = "zstd")]
    Property {
        name: ZSTD_LEVEL,
        setter: "compression_level",
        default: "3",
        apply: |options, name, value| {
            level(name, value).map(|v| options.compression_level.set_property(ZSTD_LEVEL, v))
        },
    },
    Property {
        name: "delivery.timeout.ms",
        setter: "delivery_timeout",
        default: "120000",
        apply: |options, name, value| millis(name, value).map(|v| options.delivery_timeout = v),
    },
    Property {
        name: "enable.idempotence",
        setter: "idempotence",
        default: "true",
        apply: |options, name, value| {
            idempotence(name, value).map(|v| options.delivery.idempotence = Some(v))
        },
    },
    Property {
        name: "linger.ms",
        setter: "linger",
        default: "100",
        apply: |options, name, value| millis(name, value).map(|v| options.linger = v),
    },
    Property {
        name: "max.block.ms",
        setter: "overflow",
        default: "0",
        apply: set_max_block,
    },
    Property {
        name: "max.in.flight.requests.per.connection",
        setter: "max_in_flight",
        default: "1",
        apply: |options, name, value| {
            count(name, value).map(|v| options.delivery.max_in_flight = Some(v))
        },
    },
    Property {
        name: "max.request.size",
        setter: "max_request_size",
        default: "1000000",
        apply: |options, name, value| bytes(name, value).map(|v| options.max_request = v),
    },
    Property {
        name: "metadata.max.age.ms",
        setter: "metadata_max_age",
        default: "300000",
        apply: |options, name, value| millis(name, value).map(|v| options.metadata_max_age = v),
    },
    Property {
        name: "partitioner.ignore.keys",
        setter: "partitioner_ignore_keys",
        default: "false",
        apply: |options, name, value| boolean(name, value).map(|v| options.ignores_keys = v),
    },
    Property {
        name: "reconnect.backoff.max.ms",
        setter: "reconnect_backoff",
        default: "10000",
        apply: |options, name, value| {
            millis(name, value).map(|v| options.reconnect_backoff.most = v)
        },
    },
    Property {
        name: "reconnect.backoff.ms",
        setter: "reconnect_backoff",
        default: "100",
        apply: |options, name, value| {
            millis(name, value).map(|v| options.reconnect_backoff.first = v)
        },
    },
    Property {
        name: "request.timeout.ms",
        setter: "request_timeout",
        default: "35000",
        apply: |options, name, value| {
            millis(name, value).map(|v| options.request_timeout = Some(v))
        },
    },
    Property {
        name: "retry.backoff.max.ms",
        setter: "retry_backoff",
        default: "10000",
        apply: |options, name, value| millis(name, value).map(|v| options.retry_backoff.most = v),
    },
    Property {
        name: "retry.backoff.ms",
        setter: "retry_backoff",
        default: "100",
        apply: |options, name, value| millis(name, value).map(|v| options.retry_backoff.first = v),
    },
    Property {
        name: "sasl.jaas.config",
        setter: "sasl",
        default: "",
        apply: set_security,
    },
    Property {
        name: "sasl.mechanism",
        setter: "sasl",
        default: "",
        apply: set_security,
    },
    Property {
        name: "security.protocol",
        setter: "security_protocol",
        default: "PLAINTEXT",
        apply: set_security,
    },
    Property {
        name: "socket.connection.setup.timeout.ms",
        setter: "connect_timeout",
        default: "10000",
        apply: |options, name, value| millis(name, value).map(|v| options.connect_timeout = v),
    },
    Property {
        name: "ssl.enabled.protocols",
        setter: "tls",
        default: "TLSv1.2,TLSv1.3",
        apply: set_security,
    },
    Property {
        name: "ssl.endpoint.identification.algorithm",
        setter: "tls",
        default: "https",
        apply: set_security,
    },
    Property {
        name: "ssl.keystore.certificate.chain",
        setter: "tls",
        default: "",
        apply: set_security,
    },
    Property {
        name: "ssl.keystore.key",
        setter: "tls",
        default: "",
        apply: set_security,
    },
    Property {
        name: "ssl.keystore.location",
        setter: "tls",
        default: "",
        apply: set_security,
    },
    Property {
        name: "ssl.keystore.type",
        setter: "tls",
        default: "PEM",
        apply: set_security,
    },
    Property {
        name: "ssl.truststore.certificates",
        setter: "tls",
        default: "",
        apply: set_security,
    },
    Property {
        name: "ssl.truststore.location",
        setter: "tls",
        default: "",
        apply: set_security,
    },
    Property {
        name: "ssl.truststore.type",
        setter: "tls",
        default: "PEM",
        apply: set_security,
    },
];
