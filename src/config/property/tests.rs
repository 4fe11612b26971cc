//! Properties do what their setters do; every one of Kafka's is known.

use std::time::Duration;

use super::*;
use crate::config::Acks;
use crate::config::BackoffRange;
use crate::config::Compression;
use crate::config::Idempotence;
use crate::config::OverflowPolicy;
use crate::config::compression::GZIP_LEVEL;
use crate::config::compression::ZSTD_LEVEL;

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
        ("acks", "1"),
        ("batch.size", "1000"),
        ("buffer.memory", "100000"),
        ("client.id", "orders"),
        ("compression.type", "none"),
        ("delivery.timeout.ms", "9000"),
        ("linger.ms", " 20 "),
        ("enable.idempotence", "FALSE"),
        ("max.block.ms", "1500"),
        ("max.in.flight.requests.per.connection", "9"),
        ("max.request.size", "50000"),
        ("metadata.max.age.ms", "1234"),
        ("partitioner.ignore.keys", "true"),
        ("reconnect.backoff.max.ms", "60"),
        ("reconnect.backoff.ms", "50"),
        ("retry.backoff.max.ms", "90"),
        ("retry.backoff.ms", "80"),
        ("request.timeout.ms", "3000"),
        ("socket.connection.setup.timeout.ms", "700"),
    ])
    .unwrap();
    assert_eq!(settings.batch_size, 1000);
    assert_eq!(settings.delivery.acks, Acks::Leader);
    assert_eq!(settings.delivery.idempotence, Idempotence::Off);
    assert_eq!(settings.delivery.max_in_flight, 9);
    assert_eq!(settings.max_request, 50_000);
    assert_eq!(settings.metadata_max_age, Duration::from_millis(1234));
    assert!(settings.ignores_keys);
    let range = |first, most| BackoffRange {
        first: Duration::from_millis(first),
        most: Duration::from_millis(most),
    };
    assert_eq!(settings.reconnect_backoff, range(50, 60));
    assert_eq!(settings.retry_backoff, range(80, 90));
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
        if property.default.is_empty() || (property.default == "lz4" && !cfg!(feature = "lz4")) {
            continue;
        }
        // Alone, the first wait would be the longest as well.
        let longest = ("reconnect.backoff.max.ms", "10000");
        let set = with(&[codec, longest, (property.name, property.default)]).unwrap();
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
        ("acks", "2", "`acks` is `2`, expected `all`"),
        ("enable.idempotence", "yes", "expected `true` or `false`"),
        (
            "retries",
            "3",
            "`retries` is `3`, expected `2147483647`: attempts are limited by",
        ),
        ("transactional.id", "t", "there are no transactions"),
        ("key.serializer", "com.example.Mine", "`com.example.Mine`"),
        (
            "maxInFlightRequestsPerConnection",
            "1",
            "did you mean `max.in.flight.requests.per",
        ),
        ("Retries", "1", "did you mean `retries`?"),
        ("linger_ms", "1", "did you mean `linger.ms`?"),
        ("requestTimeout", "1", "did you mean `request.timeout.ms`?"),
        ("no.such.thing", "1", "property `no.such.thing` is unknown"),
    ] {
        let error = with(&[(name, value)]).unwrap_err();
        assert!(error.contains(text), "{error} lacks {text}");
    }
}

#[test]
fn waits_are_read_as_kafka_reads_them() {
    let millis = Duration::from_millis;
    for (properties, first, most) in [
        (&[("retry.backoff.ms", "0")][..], 1, 10_000),
        (&[("retry.backoff.ms", "20000")], 10_000, 10_000),
        (&[("retry.backoff.max.ms", "50")], 50, 50),
        (
            &[
                ("retry.backoff.ms", "20000"),
                ("retry.backoff.max.ms", "30000"),
            ],
            20_000,
            30_000,
        ),
    ] {
        let range = with(properties).unwrap().retry_backoff;
        assert_eq!((range.first, range.most), (millis(first), millis(most)));
    }
    let settings = with(&[("metadata.max.age.ms", "0"), ("reconnect.backoff.ms", "0")]).unwrap();
    assert_eq!(settings.metadata_max_age, millis(100));
    assert_eq!(settings.reconnect_backoff.first, millis(1));
    // The first wait alone turns growth off, for connections only.
    for (properties, first, most) in [
        (&[("reconnect.backoff.ms", "20000")][..], 20_000, 20_000),
        (&[("reconnect.backoff.ms", "50")], 50, 50),
        (&[("reconnect.backoff.max.ms", "5000")], 100, 5000),
        (
            &[
                ("reconnect.backoff.max.ms", "5000"),
                ("reconnect.backoff.ms", "50"),
            ],
            50,
            5000,
        ),
    ] {
        let range = with(properties).unwrap().reconnect_backoff;
        assert_eq!((range.first, range.most), (millis(first), millis(most)));
    }
}

#[test]
fn what_a_property_accepts_it_takes_and_no_more() {
    let longest = "9223372036854775807";
    for (name, taken, refused) in [
        ("acks", &["all", "-1", "1", "0"][..], &["2", "ALL"][..]),
        ("batch.size", &["0", "262144", "1048576"], &["-1"]),
        ("buffer.memory", &["65536"], &["65535", "-1"]),
        ("client.id", &["", "a b"], &["a\nb"]),
        (
            "delivery.timeout.ms",
            &["200", "2147483647"],
            &["0", "2147483648"],
        ),
        (
            "linger.ms",
            &["0", "120000", longest],
            &["-1", "9223372036854775808"],
        ),
        ("max.block.ms", &["0", "1", longest], &["-1"]),
        (
            "max.in.flight.requests.per.connection",
            &["1", "5"],
            &["0", "6"],
        ),
        (
            "max.request.size",
            &["16384", "104857600"],
            &["16383", "104857601"],
        ),
        ("metadata.max.age.ms", &["0", longest], &["-1"]),
        ("reconnect.backoff.max.ms", &["0", longest], &["-1"]),
        ("reconnect.backoff.ms", &["0", longest], &["-1"]),
        (
            "request.timeout.ms",
            &["1", "120000", "2147483647"],
            &["0", "2147483648"],
        ),
        ("retry.backoff.max.ms", &["0", longest], &["-1"]),
        ("retry.backoff.ms", &["0", longest], &["-1"]),
        ("security.protocol", &["plaintext", "PLAINTEXT"], &["tls"]),
        (
            "socket.connection.setup.timeout.ms",
            &["1", longest],
            &["0", "-1"],
        ),
    ] {
        for value in taken {
            if let Err(error) = with(&[(name, value)]) {
                panic!("{name}={value}: {error}");
            }
        }
        for value in refused {
            let error = with(&[(name, value)]).unwrap_err();
            assert!(error.contains(name), "{name}={value}: {error}");
        }
    }
}

#[test]
fn the_servers_of_properties_take_the_place_of_those_of_the_builder() {
    let settings = with(&[("bootstrap.servers", "b:1,c:2")]).unwrap();
    assert_eq!(settings.servers, ["b:1", "c:2"]);
}

/// Every property of Kafka's own producer, with its default there.
fn of_kafka() -> Vec<(&'static str, &'static str)> {
    include_str!("../../../tests/kafka_properties/producer-4.3.1.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut fields = line.split('\t');
            let name = fields.next().unwrap();
            (name, fields.nth(1).unwrap_or_default())
        })
        .collect()
}

#[test]
fn every_property_of_kafkas_producer_is_known_and_no_other() {
    let ours = PROPERTIES.iter().map(|property| property.name);
    let fixed = FIXED.iter().map(|fixed| fixed.name);
    let refused = REFUSED.iter().map(|(name, _)| *name);
    let mut ours: Vec<&str> = ours.chain(fixed).chain(refused).collect();
    ours.sort_unstable();
    let mut theirs: Vec<&str> = of_kafka().into_iter().map(|(name, _)| name).collect();
    theirs.sort_unstable();
    assert!(theirs.len() > 100);
    assert_eq!(ours, theirs);
}

#[test]
fn what_holds_anyway_is_taken_and_says_so_otherwise() {
    let plain = format!("{:?}", with(&[]).unwrap());
    for fixed in FIXED {
        for value in fixed.values {
            let set = with(&[(fixed.name, value)]).unwrap();
            assert_eq!(format!("{set:?}"), plain, "{}", fixed.name);
        }
        let error = with(&[(fixed.name, "something else")]).unwrap_err();
        assert!(error.contains(fixed.reason), "{error}");
    }
    for (name, reason) in REFUSED {
        let error = with(&[(name, "anything")]).unwrap_err();
        assert_eq!(error, format!("property `{name}` {reason}"));
    }
}

/// What the docs say of one property.
fn row(name: &str, default: &str) -> String {
    let here = if name == GZIP_LEVEL || name == ZSTD_LEVEL {
        // Whatever the features of this build.
        let (accepts, default) = if name == GZIP_LEVEL {
            ("1 to 9, or -1", "-1")
        } else {
            ("-131072 to 22", "3")
        };
        format!("`compression_level`: {accepts}; default `{default}`; with the feature of its name")
    } else if let Some(property) = PROPERTIES.iter().find(|property| property.name == name) {
        let Property {
            setter, accepts, ..
        } = property;
        match property.default {
            "" => format!("`{setter}`: {accepts}"),
            default => format!("`{setter}`: {accepts}; default `{default}`"),
        }
    } else if let Some(fixed) = FIXED.iter().find(|fixed| fixed.name == name) {
        let values: Vec<String> = fixed
            .values
            .iter()
            .map(|value| match *value {
                "" => "nothing".to_owned(),
                value => format!("`{}`", value.rsplit('.').next().unwrap()),
            })
            .collect();
        format!("only {}: {}", values.join(", "), fixed.reason)
    } else {
        let found = REFUSED.iter().find(|(refused, _)| *refused == name);
        format!(
            "refused: {}",
            found.unwrap().1.replace("is not supported; ", "")
        )
    };
    let default = match default.rsplit('.').next().unwrap() {
        "" | "null" => String::new(),
        class if default.starts_with("org.") => format!("`{class}`"),
        _ => format!("`{default}`"),
    };
    format!("| `{name}` | {default} | {here} |\n")
}

/// `UPDATE_DOCS=1 cargo test the_table_in_the_docs` writes it anew.
#[test]
fn the_table_in_the_docs_is_that_of_the_code() {
    let mut table =
        "Every property of the producer of Kafka 4.3, its default there, and what it is here: \
                     the setter that does the same and what it takes, the only value that is \
                     taken, or why it is refused.\n\n| Property | Default in Kafka | Here |\n|---|---|---|\n"
            .to_owned();
    for (name, default) in of_kafka() {
        table.push_str(&row(name, default));
    }
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/config/property/properties.md"
    );
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), table);
}
