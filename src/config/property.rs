//! Producer properties by their Kafka names: every name that has a setter, and why others are refused.

use std::time::Duration;

use super::Compression;
use super::KafkaOptions;
use super::OverflowPolicy;
use super::address;
use super::compression::GZIP_LEVEL;
use super::compression::ZSTD_LEVEL;
use super::security;
use crate::error::BuildError;

/// A producer property that `KafkaLayerBuilder::property` accepts.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Property {
    /// Kafka's name.
    pub name: &'static str,
    /// The setter of the same meaning.
    pub setter: &'static str,
    /// The default, as a property's value.
    pub default: &'static str,
    apply: fn(&mut KafkaOptions, &str, &str) -> Result<(), BuildError>,
}

/// Every property that can be set, in alphabetic order.
pub const PROPERTIES: &[Property] = &[
    Property {
        name: "batch.size",
        setter: "batch_size",
        default: "262144",
        apply: |options, name, value| bytes(name, value).map(|v| options.batch_size = v),
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
        name: "request.timeout.ms",
        setter: "request_timeout",
        default: "35000",
        apply: |options, name, value| {
            millis(name, value).map(|v| options.request_timeout = Some(v))
        },
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

/// Kafka's names that are not supported, with what holds instead.
const REFUSED: &[(&str, &str)] = &[
    (
        "acks",
        "is not supported; every batch waits for all in-sync replicas",
    ),
    #[cfg(not(feature = "gzip"))]
    (GZIP_LEVEL, "needs the feature `gzip`, which is off"),
    (
        "compression.lz4.level",
        "is not supported; the LZ4 encoder here has one level, the fast one",
    ),
    #[cfg(not(feature = "zstd"))]
    (ZSTD_LEVEL, "needs the feature `zstd`, which is off"),
    (
        "enable.idempotence",
        "is not supported yet; a retry may write a batch twice",
    ),
    (
        "key.serializer",
        "has no meaning here; records are bytes that a layout renders",
    ),
    (
        "value.serializer",
        "has no meaning here; records are bytes that a layout renders",
    ),
    (
        "max.in.flight.requests.per.connection",
        "is not supported; one batch per partition is in flight",
    ),
    (
        "max.request.size",
        "is not supported; a batch holds at most 1000000 bytes",
    ),
    (
        "partitioner.class",
        "is not supported yet; records go to the partitions in turn",
    ),
    (
        "retries",
        "is not supported; a batch is tried again until `delivery.timeout.ms`",
    ),
    (
        "retry.backoff.ms",
        "is not supported; retries wait 100 ms to 10 s",
    ),
    (
        "sasl.client.callback.handler.class",
        "is not supported; tokens come from `Sasl::oauth_bearer`",
    ),
    (
        "sasl.kerberos.service.name",
        "is not supported; `sasl.mechanism` is PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
    ),
    (
        "sasl.login.callback.handler.class",
        "is not supported; tokens come from `Sasl::oauth_bearer`",
    ),
    (
        "sasl.oauthbearer.token.endpoint.url",
        "is not supported; tokens come from `Sasl::oauth_bearer`",
    ),
    (
        "ssl.cipher.suites",
        "is not supported; the suites are those that rustls holds to be safe",
    ),
    (
        "ssl.key.password",
        "is not supported; expected a key that is not encrypted, as `openssl pkey` writes it",
    ),
    (
        "ssl.keystore.password",
        "is not supported; a PEM file has no password, and its key must not be encrypted",
    ),
    (
        "ssl.protocol",
        "is not supported; `ssl.enabled.protocols` is",
    ),
    (
        "ssl.truststore.password",
        "is not supported; a PEM file has no password",
    ),
];

/// Sets the property `name` on `options`.
pub(super) fn apply(options: &mut KafkaOptions, name: &str, value: &str) -> Result<(), BuildError> {
    if let Some(property) = PROPERTIES.iter().find(|property| property.name == name) {
        return (property.apply)(options, name, value.trim());
    }
    if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
        return Err(BuildError::property(name, *reason));
    }
    let reason = match nearest(name) {
        Some(known) => format!("is unknown; did you mean `{known}`?"),
        None => format!("is unknown; expected one of {}", known_names()),
    };
    Err(BuildError::property(name, reason))
}

fn known_names() -> String {
    let names: Vec<_> = PROPERTIES
        .iter()
        .map(|property| format!("`{}`", property.name))
        .collect();
    names.join(", ")
}

/// The known name that differs only in case and separators.
fn nearest(name: &str) -> Option<&'static str> {
    let plain = |text: &str| -> String {
        text.chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect()
    };
    let wanted = plain(name);
    PROPERTIES
        .iter()
        .map(|property| property.name)
        .find(|known| {
            let known = plain(known);
            known == wanted || known.strip_suffix("ms") == Some(&wanted)
        })
}

fn set_servers(options: &mut KafkaOptions, name: &str, value: &str) -> Result<(), BuildError> {
    if !options.servers.is_empty() {
        return Err(BuildError::property(
            name,
            format!(
                "is given twice: `{}` after the servers of the builder",
                address::redact(value)
            ),
        ));
    }
    options.servers.push(value.to_owned());
    Ok(())
}

fn set_security(options: &mut KafkaOptions, name: &str, value: &str) -> Result<(), BuildError> {
    security::apply(&mut options.security, name, value)
}

/// Kafka's own meaning: how long a full buffer may block the caller; 0 does not block at all.
fn set_max_block(options: &mut KafkaOptions, name: &str, value: &str) -> Result<(), BuildError> {
    let max_wait = millis(name, value)?;
    options.overflow = if max_wait.is_zero() {
        OverflowPolicy::DropNewest
    } else {
        OverflowPolicy::Block { max_wait }
    };
    Ok(())
}

fn bytes(name: &str, value: &str) -> Result<usize, BuildError> {
    value
        .parse()
        .map_err(|_| BuildError::setting(name, value, "a whole number of bytes"))
}

#[cfg(any(feature = "gzip", feature = "zstd"))]
fn level(name: &str, value: &str) -> Result<i32, BuildError> {
    value
        .parse()
        .map_err(|_| BuildError::setting(name, value, "a whole number"))
}

fn millis(name: &str, value: &str) -> Result<Duration, BuildError> {
    value
        .parse()
        .map(Duration::from_millis)
        .map_err(|_| BuildError::setting(name, value, "a whole number of milliseconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(properties: &[(&str, &str)]) -> Result<crate::config::KafkaSettings, String> {
        let mut options = KafkaOptions::new(vec!["localhost:9092".to_owned()], "logs".to_owned());
        for (name, value) in properties {
            options.set_property(name, value);
        }
        options.check().map_err(|error| error.to_string())
    }

    #[test]
    fn each_property_does_what_its_setter_does() {
        let settings = with(&[
            ("batch.size", "1000"),
            ("buffer.memory", "100000"),
            ("client.id", "orders"),
            ("compression.type", "none"),
            ("delivery.timeout.ms", "9000"),
            ("linger.ms", " 20 "),
            ("max.block.ms", "1500"),
            ("request.timeout.ms", "3000"),
            ("socket.connection.setup.timeout.ms", "700"),
        ])
        .unwrap();
        assert_eq!(settings.batch_size, 1000);
        assert_eq!(settings.buffer_memory, 100_000);
        assert_eq!(settings.client_id, "orders");
        assert_eq!(settings.compression.kind, Compression::None);
        assert_eq!(settings.delivery_timeout, Duration::from_secs(9));
        assert_eq!(settings.linger, Duration::from_millis(20));
        assert_eq!(
            settings.overflow,
            OverflowPolicy::Block {
                max_wait: Duration::from_millis(1500)
            }
        );
        assert_eq!(settings.request_timeout, Duration::from_secs(3));
        assert_eq!(settings.connect_timeout, Duration::from_millis(700));
    }

    #[test]
    fn the_defaults_in_the_table_are_the_defaults() {
        for property in PROPERTIES {
            // A level belongs to one codec.
            let codec = match property.name {
                GZIP_LEVEL => "gzip",
                ZSTD_LEVEL => "zstd",
                _ if cfg!(feature = "lz4") => "lz4",
                _ => "none",
            };
            let codec = ("compression.type", codec);
            let plain = format!("{:?}", with(&[codec]).unwrap());
            if property.default.is_empty() || (property.default == "lz4" && !cfg!(feature = "lz4"))
            {
                continue;
            }
            let set = with(&[codec, (property.name, property.default)]).unwrap();
            assert_eq!(format!("{set:?}"), plain, "{}", property.name);
        }
    }

    #[test]
    fn bad_values_and_unknown_names_are_errors_that_say_so() {
        for (name, value, text) in [
            (
                "linger.ms",
                "5ms",
                "`linger.ms` is `5ms`, expected a whole number of milliseconds",
            ),
            ("linger.ms", "-1", "`-1`"),
            ("batch.size", "", "`batch.size` is ``"),
            (
                "compression.type",
                "brotli",
                "`compression.type` is `brotli`, expected `none`",
            ),
            (
                "bootstrap.servers",
                "b:1",
                "property `bootstrap.servers` is given twice",
            ),
            ("acks", "0", "property `acks` is not supported"),
            ("linger_ms", "1", "did you mean `linger.ms`?"),
            ("requestTimeout", "1", "did you mean `request.timeout.ms`?"),
            ("no.such.thing", "1", "property `no.such.thing` is unknown"),
        ] {
            let error = with(&[(name, value)]).unwrap_err();
            assert!(error.contains(text), "{error} lacks {text}");
        }
    }
}
