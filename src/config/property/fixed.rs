//! Properties of which only one value holds here: it is taken, others are refused.

/// A property, the values that say what holds anyway, and what that is.
pub(super) struct Fixed {
    pub(super) name: &'static str,
    pub(super) values: &'static [&'static str],
    pub(super) reason: &'static str,
}

const BYTES: &[&str] = &[
    "org.apache.kafka.common.serialization.ByteArraySerializer",
    "org.apache.kafka.common.serialization.ByteBufferSerializer",
    "org.apache.kafka.common.serialization.BytesSerializer",
    "org.apache.kafka.common.serialization.StringSerializer",
];

/// In alphabetic order. Values are compared without case.
pub(super) const FIXED: &[Fixed] = &[
    Fixed {
        name: "client.dns.lookup",
        values: &["use_all_dns_ips"],
        reason: "every address of a name is tried in turn",
    },
    Fixed {
        name: "config.providers",
        values: &[""],
        reason: "values are taken as they are; read secrets before, and set them",
    },
    Fixed {
        name: "connections.max.idle.ms",
        values: &["-1"],
        reason: "a connection is kept until the broker closes it, which costs no attempt",
    },
    Fixed {
        name: "enable.metrics.push",
        values: &["false"],
        reason: "no metrics are pushed; `StatsHandle` has the counters",
    },
    Fixed {
        name: "interceptor.classes",
        values: &[""],
        reason: "there are none; a `Layout` decides what is in a record",
    },
    Fixed {
        name: "key.serializer",
        values: BYTES,
        reason: "a key is the bytes that `key` renders",
    },
    Fixed {
        name: "metadata.recovery.strategy",
        values: &["rebootstrap"],
        reason: "the bootstrap servers are asked whenever no known broker answers",
    },
    Fixed {
        name: "metric.reporters",
        values: &[""],
        reason: "there are none; `StatsHandle` has the counters",
    },
    Fixed {
        name: "partitioner.adaptive.partitioning.enable",
        values: &["true"],
        reason: "a record without a key goes where there is least to do",
    },
    Fixed {
        name: "receive.buffer.bytes",
        values: &["-1"],
        reason: "the operating system's",
    },
    Fixed {
        name: "retries",
        values: &["2147483647"],
        reason: "attempts are limited by `delivery.timeout.ms`, not by number",
    },
    Fixed {
        name: "send.buffer.bytes",
        values: &["-1"],
        reason: "the operating system's",
    },
    Fixed {
        name: "transaction.two.phase.commit.enable",
        values: &["false"],
        reason: "there are no transactions",
    },
    Fixed {
        name: "value.serializer",
        values: BYTES,
        reason: "a value is the bytes that `layout` renders",
    },
];
