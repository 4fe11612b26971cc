//! What somebody writes who has read the names only: it compiles, and does what it says.
#![cfg(test)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tracing_kafka::Acks;
use tracing_kafka::BuildError;
use tracing_kafka::Compression;
use tracing_kafka::FileIndex;
use tracing_kafka::FileLayer;
use tracing_kafka::FileLayerBuilder;
use tracing_kafka::Fsync;
use tracing_kafka::Idempotence;
use tracing_kafka::IntoLayout;
use tracing_kafka::JsonLayout;
use tracing_kafka::JsonSchema;
use tracing_kafka::KafkaLayer;
use tracing_kafka::KafkaLayerBuilder;
use tracing_kafka::Layout;
use tracing_kafka::LogEvent;
use tracing_kafka::MemoryLayer;
use tracing_kafka::OverflowPolicy;
use tracing_kafka::PatternLayout;
use tracing_kafka::Period;
use tracing_kafka::Sasl;
use tracing_kafka::SecurityProtocol;
use tracing_kafka::Tls;
use tracing_kafka::WorkerGuard;
use tracing_subscriber::prelude::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

const SERVERS: &str = "localhost:9";
const TOPIC: &str = "log-message";

/// What `layout` makes of one event.
fn text(layout: impl IntoLayout) -> String {
    let event = LogEvent::builder()
        .target("shop")
        .message("out of stock")
        .field("order", 42)
        .build();
    let mut out = Vec::new();
    layout.into_layout().unwrap().render(&event, &mut out);
    String::from_utf8(out).unwrap()
}

fn json(layout: impl IntoLayout) -> serde_json::Value {
    serde_json::from_str(&text(layout)).unwrap()
}

fn kafka() -> KafkaLayerBuilder {
    KafkaLayer::builder(SERVERS, TOPIC)
}

fn ends(built: Result<(KafkaLayer, WorkerGuard), BuildError>) {
    let (_layer, guard) = built.unwrap();
    assert_eq!(guard.shutdown(Duration::ZERO).stats.offered, 0);
}

#[test]
fn the_servers_are_a_text_or_a_list_of_texts() {
    let name = String::from(SERVERS);
    let slice: &[&str] = &["a:9092", "b:9092"];
    ends(KafkaLayer::builder("a:9092,b:9092", "t").build());
    ends(KafkaLayer::builder(&name, "t").build());
    ends(KafkaLayer::builder(name.clone(), name.replace(':', "")).build());
    ends(KafkaLayer::builder(["a:9092", "b:9092"], "t").build());
    ends(KafkaLayer::builder([name.clone()], "t").build());
    ends(KafkaLayer::builder(vec!["a:9092"], "t").build());
    ends(KafkaLayer::builder(vec![name.clone()], "t").build());
    ends(KafkaLayer::builder(std::slice::from_ref(&name), "t").build());
    ends(KafkaLayer::builder(slice.iter().copied(), "t").build());
    ends(KafkaLayer::builder("a:1,b:2".split(','), "t").build());
    ends(
        KafkaLayer::builder([""; 0], "t")
            .property("bootstrap.servers", SERVERS)
            .build(),
    );
    KafkaLayer::builder("", "t").build().unwrap_err();
    KafkaLayer::builder("no port", "t").build().unwrap_err();
}

#[test]
fn json_begins_with_its_schema_and_takes_fields_at_once() {
    assert_eq!(json(JsonLayout::new())["fields"]["order"], 42);
    assert_eq!(json(JsonLayout::default())["message"], "out of stock");
    assert_eq!(json(JsonLayout::ecs())["message"], "out of stock");
    assert_eq!(json(JsonLayout::logstash())["@version"], "1");
    assert_eq!(json(JsonLayout::gelf())["short_message"], "out of stock");
    let ecs = JsonLayout::ecs().field("service.name", "orders");
    assert_eq!(json(ecs.clone())["service.name"], "orders");
    assert_eq!(json(ecs.build().unwrap())["service.name"], "orders");
    let name = String::from("orders");
    let two = JsonLayout::logstash()
        .field("service", &name)
        .field("shard", 3_usize);
    assert_eq!(json(two.clone())["service"], "orders");
    assert_eq!(json(two)["shard"], 3);
    let gelf = JsonLayout::gelf().host("node-1").field("service", "orders");
    assert_eq!(json(gelf.clone())["host"], "node-1");
    assert_eq!(json(gelf)["_service"], "orders");
    let built = JsonLayout::builder(JsonSchema::Ecs).field("service.name", "orders");
    assert_eq!(json(built)["service.name"], "orders");
    assert_eq!(json(JsonLayout::ecs().build())["message"], "out of stock");
    assert_eq!(json(JsonLayout::new().location(true))["level"], "INFO");
    // On a layout that was built, too.
    let more = JsonLayout::ecs()
        .field("a", true)
        .build()
        .unwrap()
        .field("b", 1.5_f32);
    assert_eq!(json(more.clone())["labels"]["a"], true);
    assert_eq!(json(more)["labels"]["b"], 1.5);
}

#[test]
fn a_layout_is_a_layout_a_builder_or_a_pattern() {
    assert_eq!(text("%p %c"), "INFO shop");
    assert_eq!(text(String::from("%c")), "shop");
    let pattern = String::from("%c");
    assert_eq!(text(&pattern), "shop");
    assert_eq!(text(format!("%c {}", 1)), "shop 1");
    assert_eq!(text(PatternLayout::new("%c")), "shop");
    assert_eq!(text(PatternLayout::new("%c").unwrap()), "shop");
    assert_eq!(text(PatternLayout::builder(String::from("%c"))), "shop");
    assert_eq!(text(PatternLayout::new(&String::from("%c"))), "shop");
    assert_eq!(text(PatternLayout::builder("%c").zone("UTC")), "shop");
    assert_eq!(text(PatternLayout::builder("%c").build()), "shop");
    assert_eq!(text("%c".parse::<PatternLayout>()), "shop");
    let boxed: Box<dyn Layout> = Box::new(PatternLayout::new("%c").unwrap());
    assert_eq!(text(boxed), "shop");
    let shared: Arc<dyn Layout> = Arc::new(JsonLayout::new());
    assert_eq!(json(shared)["level"], "INFO");
}

#[test]
fn a_kafka_layer_takes_what_says_a_layout() {
    ends(kafka().layout("%m%n").build());
    ends(kafka().layout(JsonLayout::ecs()).build());
    ends(
        kafka()
            .layout(JsonLayout::ecs().field("service.name", "orders"))
            .build(),
    );
    ends(
        kafka()
            .layout(
                JsonLayout::ecs()
                    .field("service.name", "orders")
                    .build()
                    .unwrap(),
            )
            .key("%X{tenant}")
            .key(PatternLayout::new("%X{tenant}").unwrap())
            .header("service", "orders")
            .header("service", String::from("orders"))
            .header("level", PatternLayout::builder("%p"))
            .build(),
    );
}

#[test]
fn what_is_wrong_with_a_layout_is_an_error_of_build() {
    let refused = [
        kafka().layout("%q").build().unwrap_err(),
        kafka().key("%q").build().unwrap_err(),
        kafka().header("h", "%q").build().unwrap_err(),
        kafka()
            .layout(PatternLayout::new("%q"))
            .build()
            .unwrap_err(),
        FileLayer::stderr().layout("%q").build().unwrap_err(),
        FileLayer::stderr().header("%q").build().unwrap_err(),
        FileLayer::stderr().footer("%q").build().unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.to_string(), "unknown conversion word `%q` at byte 0");
    }
    let twice = JsonLayout::ecs().field("a", 1).field("a", 2);
    let error = kafka().layout(twice).build().unwrap_err();
    assert!(error.to_string().contains("`a` twice"), "{error}");
}

#[test]
fn options_are_values_by_name_or_by_kafkas_words() -> Outcome {
    #[cfg(feature = "lz4")]
    ends(kafka().compression("lz4".parse()?).build());
    ends(
        kafka()
            .compression("none".parse()?)
            .acks("all".parse()?)
            .build(),
    );
    ends(kafka().compression(Compression::default()).build());
    ends(kafka().acks(Acks::Leader).build());
    ends(kafka().idempotence(Idempotence::Preferred).build());
    ends(kafka().overflow(OverflowPolicy::DropNewest).build());
    ends(kafka().overflow(OverflowPolicy::block()).build());
    let max_wait = Duration::from_millis(50);
    ends(kafka().overflow(OverflowPolicy::Block { max_wait }).build());
    ends(kafka().property("linger.ms", "5").build());
    ends(kafka().property("linger.ms", 5.to_string()).build());
    ends(
        kafka()
            .properties([("acks", "all"), ("linger.ms", "5")])
            .build(),
    );
    ends(
        kafka()
            .security_protocol(SecurityProtocol::SaslPlaintext)
            .sasl(Sasl::plain("user", "secret"))
            .build(),
    );
    assert_eq!(format!("{:?}", Tls::new()), format!("{:?}", Tls::default()));
    "lz5".parse::<Compression>().unwrap_err();
    "2".parse::<Acks>().unwrap_err();
    Ok(())
}

#[test]
fn a_file_layer_takes_what_says_a_path_and_a_layout() -> Outcome {
    let folder = std::env::temp_dir().join(format!("tracing-kafka-tries-{}", std::process::id()));
    let path = folder.join("app.log");
    let text: String = path.to_string_lossy().into_owned();
    let builders: [FileLayerBuilder; 5] = [
        FileLayer::builder(&path)
            .layout("%m%n")
            .header("# %pid")
            .footer("# end"),
        FileLayer::builder(PathBuf::from(&path)).layout(JsonLayout::ecs().field("a", 1_u8)),
        FileLayer::builder(&text)
            .roll_every(Period::DAILY)
            .max_files(7),
        FileLayer::builder(text.as_str())
            .max_file_size(1 << 20)
            .file_index(FileIndex::Max(1..=7)),
        FileLayer::builder(text)
            .roll_every(Period::hours(6))
            .fsync(Fsync::OnFlush)
            .synchronous(),
    ];
    for builder in builders {
        let (_layer, guard) = builder.build()?;
        guard.flush(Duration::from_secs(20))?;
        assert_eq!(
            guard
                .shutdown(Duration::from_secs(20))
                .stats
                .dropped
                .total(),
            0
        );
    }
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

#[test]
fn a_memory_layer_shows_what_was_logged() -> Outcome {
    let (layer, records) = MemoryLayer::new(PatternLayout::new("%p %m")?);
    let (json, objects) = MemoryLayer::new(JsonLayout::ecs());
    let subscriber = tracing_subscriber::registry().with(layer).with(json);
    tracing::subscriber::with_default(subscriber, || tracing::warn!("low"));
    assert_eq!(records.take(), ["WARN low"]);
    assert_eq!(objects.take().len(), 1);
    Ok(())
}
