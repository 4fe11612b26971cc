//! Limits, hostile texts and places of faults.

use proptest::prelude::*;

use super::LIMIT;
use super::Replacement;
use super::fault::ReplacementError;

fn replaced(regex: &str, substitution: &str, input: &str) -> String {
    let replacement = Replacement::parse(regex, substitution).unwrap();
    let mut out = "é\n".as_bytes().to_vec();
    out.extend_from_slice(input.as_bytes());
    replacement.apply(&mut out, 3);
    let text = String::from_utf8(out).unwrap();
    text.strip_prefix("é\n").unwrap().to_owned()
}

#[track_caller]
fn is_refused(regex: &str, at: usize, length: usize, message: &str) {
    match Replacement::parse(regex, "") {
        Err(ReplacementError::Regex(fault)) => {
            assert_eq!((fault.at, fault.length), (at, length), "{fault:?}");
            assert!(fault.message.contains(message), "{fault:?}");
        }
        other => panic!("{regex}: {other:?}"),
    }
}

#[test]
fn an_empty_match_behind_a_match_is_replaced_as_well() {
    assert_eq!(replaced("x*", "-", "axb"), "-a--b-");
    assert_eq!(replaced("x*", "-", "é😀"), "-é-😀-");
    assert_eq!(replaced("\\B", "-", "é日"), "-é-日-");
}

#[test]
fn the_end_is_also_before_a_last_line_terminator() {
    assert_eq!(replaced("o$", "0", "foo\n"), "fo0\n");
    assert_eq!(replaced("(o)($)", "[$1$2]", "foo\r\n"), "fo[o]\r\n");
    assert_eq!(replaced("o\\z", "0", "foo\n"), "foo\n");
    assert_eq!(replaced("(?m)^", "> ", "a\nb\n"), "> a\n> b\n");
}

#[test]
fn what_would_make_a_backtracking_engine_give_up_is_answered() {
    let hostile = "a".repeat(50_000) + "b";
    assert_eq!(replaced("(a+)+$", "x", &hostile), hostile);
    assert_eq!(replaced("(a|aa)+$", "x", &hostile), hostile);
    assert_eq!(replaced("(a+)+b$", "$1", &hostile).len(), 50_000);
}

#[test]
fn no_text_grows_beyond_the_limit() {
    let long = "x".repeat(64 << 10);
    let grown = replaced("", &long, &"a".repeat(100));
    assert!(
        (LIMIT - long.len()..=LIMIT).contains(&grown.len()),
        "{}",
        grown.len()
    );
    assert!(grown.ends_with("aaa"), "the rest is left as it is");
    let large = "é ".repeat(LIMIT / 2);
    assert_eq!(replaced(" ", "  ", &large), large, "no room at all");
    assert_eq!(
        replaced(" ", "", &large).len(),
        LIMIT,
        "shorter is possible"
    );
    let doubled = replaced("(.+)", "$1$1$1", &"é".repeat(LIMIT / 4));
    assert_eq!(doubled.len(), LIMIT / 2, "a group counts as text");
}

#[test]
fn what_this_engine_cannot_do_is_refused_with_its_place() {
    is_refused("é(?=x)", 2, 3, "`(?=`: look-ahead");
    is_refused("a(?<!x)", 1, 4, "`(?<!`: look-ahead");
    is_refused("x(?>a)", 1, 3, "`(?>`: atomic");
    is_refused("xa{2,3}+", 1, 7, "`a{2,3}+`: possessive");
    is_refused("(a)\\1", 3, 2, "`\\1`: references");
    is_refused("a\\Gb", 1, 2, "`\\G`");
    is_refused("(a", 0, 1, "`(` without");
    is_refused("é*{2}[a", 6, 1, "`[` without");
}

#[test]
fn nesting_and_size_are_bounded() {
    for open in ["(", "(?:", "[", "(?i:", "[a&&"] {
        let deep = open.repeat(1_000);
        assert!(Replacement::parse(&deep, "").is_err(), "{open}");
    }
    let fits = "(".repeat(60) + "a" + &")".repeat(60);
    assert!(Replacement::parse(&fits, "$60").is_ok());
    let fits = "[a".repeat(60) + &"]".repeat(60);
    assert!(Replacement::parse(&fits, "").is_ok());
    is_refused("a{100000000}", 0, 12, "larger than");
    is_refused("((a{1000}){1000}){1000}", 0, 23, "larger than");
    is_refused("(?iu)\\p{L}{1000}", 0, 16, "larger than");
    is_refused(&"a".repeat(5_000), 0, 5_000, "more than 4096 bytes");
}

#[test]
fn several_replacements_and_threads_do_not_disturb_each_other() {
    let replacements: Vec<_> = (0..20)
        .map(|n| Replacement::parse(&format!("({n})"), "<$1>").unwrap())
        .collect();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for (n, replacement) in replacements.iter().enumerate() {
                    let mut out = format!("a{n}b").into_bytes();
                    replacement.apply(&mut out, 0);
                    assert_eq!(out, format!("a<{n}>b").into_bytes());
                }
            });
        }
    });
}

/// Text in which the signs of regular expressions are frequent.
fn expression() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-c1-3,éx=!:<>&\\-\\^$.?*+|(){}\\[\\]\\\\ ]",
        1 => prop::sample::select(vec![
            "\\Q", "\\E", "(?i)", "(?m)^", "(?x)#", "(?<n>", "\\p{L}", "\\u00e9", "&&", "[^", "\\R", "\\b",
            "{2}", "{1,900}", "(?iu)", "\\x{1F600}", "[a-c]", "(a|)", "(?:b*)", "$", ")", "]",
        ])
        .prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(part, 0..16).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_texts_are_compiled_or_refused_and_leave_utf8(
        regex in expression(),
        substitution in "[$\\\\{}n0-3aé]{0,6}",
        input in "[a-cx1\\n\\ré😀\u{2028} ]{0,40}",
    ) {
        match Replacement::parse(&regex, &substitution) {
            Ok(replacement) => {
                let mut out = b"\xff".to_vec();
                out.extend_from_slice(input.as_bytes());
                replacement.apply(&mut out, 1);
                prop_assert_eq!(out.first(), Some(&0xff));
                prop_assert!(std::str::from_utf8(&out[1..]).is_ok());
                prop_assert!(out.len() <= LIMIT);
            }
            Err(ReplacementError::Regex(fault)) => {
                prop_assert!(regex.get(fault.at..fault.at + fault.length).is_some());
            }
            Err(ReplacementError::Substitution(fault)) => {
                prop_assert!(substitution.get(fault.at..fault.at + fault.length).is_some());
            }
        }
    }
}
