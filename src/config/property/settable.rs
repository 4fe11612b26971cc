//! Properties that can be set, each with its setter.

use super::Property;
use super::value::acks;
use super::value::boolean;
use super::value::bytes;
use super::value::count;
use super::value::idempotence;
#[cfg(any(feature = "gzip", feature = "zstd"))]
use super::value::level;
use super::value::long_millis;
use super::value::millis;
use super::value::set_max_block;
use super::value::set_security;
use crate::config::Compression;
use crate::config::DEFAULT_CLIENT_ID;
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
        accepts: "`all`, `-1`, `1` or `0`",
        apply: |options, name, value| acks(name, value).map(|v| options.delivery.acks = v),
    },
    Property {
        name: "batch.size",
        setter: "batch_size",
        default: "262144",
        accepts: "0 or more bytes, where 0 is 1, and more than `max.request.size` is that",
        apply: |options, name, value| {
            bytes(name, value).map(|v| options.batch_size = Some(v.max(1)))
        },
    },
    Property {
        name: "bootstrap.servers",
        setter: "builder",
        default: "",
        accepts: "`host:port`, several with commas; before one there may be the `security.protocol` and `://`",
        apply: |options, _, value| {
            options.servers = vec![value.to_owned()];
            Ok(())
        },
    },
    Property {
        name: "buffer.memory",
        setter: "buffer_memory",
        default: "33554432",
        accepts: "65536 or more bytes, and at least `batch.size`",
        apply: |options, name, value| bytes(name, value).map(|v| options.buffer_memory = v),
    },
    Property {
        name: "client.id",
        setter: "client_id",
        default: "tracing-kafka",
        accepts: "up to 255 bytes without control characters; none is the default",
        apply: |options, _, value| {
            // Nothing means that the client shall choose.
            let id = if value.is_empty() {
                DEFAULT_CLIENT_ID
            } else {
                value
            };
            id.clone_into(&mut options.client_id);
            Ok(())
        },
    },
    #[cfg(feature = "gzip")]
    Property {
        name: GZIP_LEVEL,
        setter: "compression_level",
        default: "-1",
        accepts: "1 to 9, or -1",
        apply: |options, name, value| {
            level(name, value).map(|v| options.compression_level.set_property(GZIP_LEVEL, v))
        },
    },
    Property {
        name: "compression.type",
        setter: "compression",
        default: "lz4",
        accepts: "`none`, `gzip`, `snappy`, `lz4` or `zstd`, of which each needs the feature of its name",
        apply: |options, name, value| {
            Compression::parse(name, value).map(|v| options.compression = v)
        },
    },
    #[cfg(feature = "zstd")]
    Property {
        name: ZSTD_LEVEL,
        setter: "compression_level",
        default: "3",
        accepts: "-131072 to 22",
        apply: |options, name, value| {
            level(name, value).map(|v| options.compression_level.set_property(ZSTD_LEVEL, v))
        },
    },
    Property {
        name: "delivery.timeout.ms",
        setter: "delivery_timeout",
        default: "120000",
        accepts: "1 to 2147483647, and at least `linger.ms` and `request.timeout.ms` together",
        apply: |options, name, value| {
            millis(name, value).map(|v| options.delivery_timeout = Some(v))
        },
    },
    Property {
        name: "enable.idempotence",
        setter: "idempotence",
        default: "true",
        accepts: "`true` or `false`",
        apply: |options, name, value| {
            idempotence(name, value).map(|v| options.delivery.idempotence = Some(v))
        },
    },
    Property {
        name: "linger.ms",
        setter: "linger",
        default: "100",
        accepts: "0 or more; more than 2147483647 is that",
        apply: |options, name, value| long_millis(name, value).map(|v| options.linger = v),
    },
    Property {
        name: "max.block.ms",
        setter: "overflow",
        default: "0",
        accepts: "0 or more, where 0 never waits; more than 2147483647 is that",
        apply: set_max_block,
    },
    Property {
        name: "max.in.flight.requests.per.connection",
        setter: "max_in_flight",
        default: "1",
        accepts: "1 or more, at most 5 with idempotence; counted for each partition, not for each connection",
        apply: |options, name, value| {
            count(name, value).map(|v| options.delivery.max_in_flight = Some(v))
        },
    },
    Property {
        name: "max.request.size",
        setter: "max_request_size",
        default: "1000000",
        accepts: "16384 to 104857600 bytes",
        apply: |options, name, value| bytes(name, value).map(|v| options.max_request = v),
    },
    Property {
        name: "metadata.max.age.ms",
        setter: "metadata_max_age",
        default: "300000",
        accepts: "0 or more; less than 100 is 100, more than 2147483647 is that",
        apply: |options, name, value| {
            long_millis(name, value).map(|v| options.metadata_max_age = v)
        },
    },
    Property {
        name: "partitioner.ignore.keys",
        setter: "partitioner_ignore_keys",
        default: "false",
        accepts: "`true` or `false`",
        apply: |options, name, value| boolean(name, value).map(|v| options.ignores_keys = v),
    },
    Property {
        name: "reconnect.backoff.max.ms",
        setter: "reconnect_backoff",
        default: "10000",
        accepts: "0 or more; 0 is 1, more than 2147483647 is that",
        apply: |options, name, value| {
            long_millis(name, value).map(|v| options.reconnect_backoff.most = Some(v))
        },
    },
    Property {
        name: "reconnect.backoff.ms",
        setter: "reconnect_backoff",
        default: "100",
        accepts: "the same, at most `reconnect.backoff.max.ms`; alone, each wait is as long",
        apply: |options, name, value| {
            long_millis(name, value).map(|v| options.reconnect_backoff.first = Some(v))
        },
    },
    Property {
        name: "request.timeout.ms",
        setter: "request_timeout",
        default: "35000",
        accepts: "1 to 2147483647",
        apply: |options, name, value| {
            millis(name, value).map(|v| options.request_timeout = Some(v))
        },
    },
    Property {
        name: "retry.backoff.max.ms",
        setter: "retry_backoff",
        default: "10000",
        accepts: "0 or more; 0 is 1, more than 2147483647 is that",
        apply: |options, name, value| {
            long_millis(name, value).map(|v| options.retry_backoff.most = Some(v))
        },
    },
    Property {
        name: "retry.backoff.ms",
        setter: "retry_backoff",
        default: "100",
        accepts: "the same, at most `retry.backoff.max.ms`",
        apply: |options, name, value| {
            long_millis(name, value).map(|v| options.retry_backoff.first = Some(v))
        },
    },
    Property {
        name: "sasl.jaas.config",
        setter: "sasl",
        default: "",
        accepts: "`PlainLoginModule` or `ScramLoginModule`, with `username` and `password`",
        apply: set_security,
    },
    Property {
        name: "sasl.mechanism",
        setter: "sasl",
        default: "",
        accepts: "`PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER`",
        apply: set_security,
    },
    Property {
        name: "security.protocol",
        setter: "security_protocol",
        default: "PLAINTEXT",
        accepts: "`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`",
        apply: set_security,
    },
    Property {
        name: "socket.connection.setup.timeout.ms",
        setter: "connect_timeout",
        default: "10000",
        accepts: "1 or more; more than 2147483647 is that",
        apply: |options, name, value| long_millis(name, value).map(|v| options.connect_timeout = v),
    },
    Property {
        name: "ssl.enabled.protocols",
        setter: "tls",
        default: "TLSv1.2,TLSv1.3",
        accepts: "`TLSv1.2`, `TLSv1.3` or both",
        apply: set_security,
    },
    Property {
        name: "ssl.endpoint.identification.algorithm",
        setter: "tls",
        default: "https",
        accepts: "`https`",
        apply: set_security,
    },
    Property {
        name: "ssl.keystore.certificate.chain",
        setter: "tls",
        default: "",
        accepts: "PEM text",
        apply: set_security,
    },
    Property {
        name: "ssl.keystore.key",
        setter: "tls",
        default: "",
        accepts: "PEM text, not encrypted",
        apply: set_security,
    },
    Property {
        name: "ssl.keystore.location",
        setter: "tls",
        default: "",
        accepts: "the path of a PEM file with chain and key",
        apply: set_security,
    },
    Property {
        name: "ssl.keystore.type",
        setter: "tls",
        default: "PEM",
        accepts: "`PEM`",
        apply: set_security,
    },
    Property {
        name: "ssl.truststore.certificates",
        setter: "tls",
        default: "",
        accepts: "PEM text",
        apply: set_security,
    },
    Property {
        name: "ssl.truststore.location",
        setter: "tls",
        default: "",
        accepts: "the path of a PEM file",
        apply: set_security,
    },
    Property {
        name: "ssl.truststore.type",
        setter: "tls",
        default: "PEM",
        accepts: "`PEM`",
        apply: set_security,
    },
];
