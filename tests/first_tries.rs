//! What somebody writes who has read only the names of the types.
#![cfg(test)]

use tracing_kafka::JsonLayout;
use tracing_kafka::JsonSchema;
use tracing_kafka::Layout;
use tracing_kafka::LogEvent;
use tracing_kafka::PatternLayout;

fn rendered(layout: &impl Layout) -> String {
    let event = LogEvent::builder().message("m").build();
    let mut out = Vec::new();
    layout.render(&event, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_preset_of_json_is_set_up_further() {
    for layout in [
        JsonLayout::ecs().field("service.name", "orders"),
        JsonLayout::ecs()
            .location(true)
            .field("service.name", "orders"),
        JsonLayout::builder(JsonSchema::Ecs).field("service.name", "orders"),
        JsonLayout::new().field("service.name", "orders"),
        JsonLayout::default().field("service.name", "orders"),
        JsonLayout::logstash().field("service.name", "orders"),
        JsonLayout::new().field(String::from("service.name"), "orders"),
    ] {
        let text = rendered(&layout.build().unwrap());
        assert!(text.contains(r#""service.name":"orders""#), "{text}");
    }
    let gelf = JsonLayout::gelf().host("web-1").field("env", "prod");
    let text = rendered(&gelf.build().unwrap());
    assert!(text.contains(r#""host":"web-1""#) && text.contains(r#""_env":"prod""#));
    assert!(JsonLayout::ecs().host("web-1").build().is_err());
}

#[test]
fn a_pattern_is_made_in_each_of_its_ways() {
    assert_eq!(rendered(&PatternLayout::new("%m!").unwrap()), "m!");
    assert_eq!(
        rendered(&PatternLayout::builder("%m!").build().unwrap()),
        "m!"
    );
}
