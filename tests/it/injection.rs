//! Text in an event cannot forge or split a record or a line, whatever it is.

use proptest::prelude::*;
use tracing_kafka::FileLayer;
use tracing_kafka::Layout as _;
use tracing_kafka::LogEvent;
use tracing_kafka::MemoryLayer;
use tracing_subscriber::prelude::*;

use crate::support::Folder;
use crate::support::LONG;
use crate::support::pattern;

/// Prints every part that can hold text of others.
const EVERYTHING: &str = "%d %-5p [%t] %c %C %F %L %l %M %x %X %K - %m %X{key} %K{field}";

/// A string with the characters that matter in it far more often than chance would have it.
fn hostile() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        3 => any::<char>(),
        2 => (0_u32..0x100).prop_map(|code| char::from_u32(code).unwrap()),
        1 => (0x2000_u32..0x2070).prop_map(|code| char::from_u32(code).unwrap()),
        1 => Just('\n'),
        1 => Just('\u{feff}'),
    ];
    proptest::collection::vec(character, 0..80).prop_map(|chars| chars.into_iter().collect())
}

fn is_breaking(character: char) -> bool {
    (character.is_control() && character != '\t') || matches!(character, '\u{2028}' | '\u{2029}')
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_live_event_is_one_line_whatever_its_text(
        message in hostile(), field in hostile(), span in hostile(), thread in hostile()
    ) {
        let (layer, records) = MemoryLayer::new(pattern(EVERYTHING));
        let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
        let name = thread.replace('\0', "");
        std::thread::Builder::new().name(name).spawn(move || {
            tracing::dispatcher::with_default(&dispatch, || {
                let _span = tracing::info_span!("span", key = %span, debug = ?span).entered();
                tracing::info!(field = field.as_str(), bytes = field.as_bytes(), "{message}");
            });
        }).unwrap().join().unwrap();
        let records = records.take();
        prop_assert_eq!(records.len(), 1);
        prop_assert!(!records[0].chars().any(is_breaking), "{:?}", records[0]);
    }

    #[test]
    fn every_given_part_of_an_event_is_escaped(
        message in hostile(), field in hostile(), name in hostile(), target in hostile(), value in hostile()
    ) {
        let event = LogEvent::builder()
            .target(&target)
            .thread(&name, 7)
            .location(Some(&target), Some(&name), Some(3))
            .method(&field)
            .span(&name, [(field.as_str(), value.as_str())])
            .field(&field, value.as_str())
            .message(&message)
            .build();
        let mut out = Vec::new();
        pattern(EVERYTHING).render(&event, &mut out);
        let text = String::from_utf8(out).unwrap();
        prop_assert!(!text.chars().any(is_breaking), "{text:?}");
    }
}

#[test]
fn a_file_has_as_many_lines_as_there_were_events() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (layer, guard) = FileLayer::builder(&path)
        .layout(pattern("%p %m%n"))
        .build()
        .unwrap();
    let texts = [
        "plain",
        "two\nlines",
        "forged\nERROR admin logged in",
        "carriage\rreturn",
        "next\u{85}line",
        "separator\u{2028}here",
        "",
        "\n\n\n",
        "tail\n",
    ];
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        for text in texts {
            tracing::info!("{text}");
        }
    });
    guard.shutdown(LONG);
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(written.lines().count(), texts.len(), "{written}");
    assert!(
        written.lines().all(|line| line.starts_with("INFO ")),
        "{written}"
    );
    assert!(written.contains(r"forged\nERROR admin"), "{written}");
}
