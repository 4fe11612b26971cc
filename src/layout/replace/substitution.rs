//! What a match becomes: text and references to groups, as Java's `Matcher.replaceAll` reads them.

use super::fault::Fault;

/// A compiled substitution.
#[derive(Debug)]
pub(super) struct Substitution {
    pieces: Box<[Piece]>,
}

/// A part of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// 0 is the whole match.
    Group(usize),
}

impl Substitution {
    /// Compiles `text` for a regular expression with so many groups, some of them with names.
    pub(super) fn parse(
        text: &str,
        groups: usize,
        names: &[(String, usize)],
    ) -> Result<Self, Fault> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(c) = char_at(text, at) {
            match c {
                '\\' => {
                    let escaped = char_at(text, at + 1).ok_or_else(|| {
                        Fault::new(at, 1, "`\\` at the end escapes nothing")
                            .hint("write `\\\\` for a backslash")
                    })?;
                    literal.push(escaped);
                    at += 1 + escaped.len_utf8();
                }
                '$' => {
                    let (group, end) = reference(text, at, groups, names)?;
                    if !literal.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    }
                    pieces.push(Piece::Group(group));
                    at = end;
                }
                _ => {
                    literal.push(c);
                    at += c.len_utf8();
                }
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self {
            pieces: pieces.into(),
        })
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether it asks for more than the whole match.
    pub(super) fn has_groups(&self) -> bool {
        self.pieces
            .iter()
            .any(|piece| !matches!(piece, Piece::Text(_) | Piece::Group(0)))
    }
}

/// The group that the `$` at `at` refers to, and where the reference ends.
fn reference(
    text: &str,
    at: usize,
    groups: usize,
    names: &[(String, usize)],
) -> Result<(usize, usize), Fault> {
    match char_at(text, at + 1) {
        Some('{') => named(text, at, names),
        Some(digit) if digit.is_ascii_digit() => numbered(text, at, groups),
        _ => Err(
            Fault::new(at, 1, "`$` without the number or the name of a group")
                .hint("write `\\$` for a dollar sign, `$1` or `${name}` for a group"),
        ),
    }
}

/// `$n`: as many digits as there are groups for, but one at least.
fn numbered(text: &str, at: usize, groups: usize) -> Result<(usize, usize), Fault> {
    let mut end = at + 1;
    let mut group = 0_usize;
    while let Some(digit) = char_at(text, end).and_then(|c| c.to_digit(10)) {
        let longer = group.saturating_mul(10).saturating_add(digit as usize);
        if longer > groups && end > at + 1 {
            break;
        }
        group = longer;
        end += 1;
    }
    if group <= groups {
        return Ok((group, end));
    }
    let hint = match groups {
        0 => "the regular expression has no groups; `$0` is the whole match".to_owned(),
        1 => "the regular expression has 1 group".to_owned(),
        _ => format!("the regular expression has {groups} groups"),
    };
    Err(Fault::new(at, end - at, format!("there is no group `${group}`")).hint(hint))
}

/// `${name}`.
fn named(text: &str, at: usize, names: &[(String, usize)]) -> Result<(usize, usize), Fault> {
    let after = text.get(at + 2..).unwrap_or_default();
    let length = after
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(after.len());
    let name = after.get(..length).unwrap_or_default();
    let end = at + 2 + length;
    if char_at(text, end) != Some('}') || name.is_empty() {
        return Err(
            Fault::new(at, end - at, "`${` without the name of a group and `}`")
                .hint("names are made of the letters a to z, A to Z and digits"),
        );
    }
    let known = names.iter().find(|(known, _)| known == name);
    match known {
        Some((_, group)) => Ok((*group, end + 1)),
        None => Err(Fault::new(
            at,
            end + 1 - at,
            format!("there is no group named `{name}`"),
        )
        .hint("a group gets a name by `(?<name>…)`")),
    }
}

fn char_at(text: &str, at: usize) -> Option<char> {
    text.get(at..)?.chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str, groups: usize) -> Vec<Piece> {
        let names = [("first".to_owned(), 1)];
        let parsed = Substitution::parse(text, groups, &names).unwrap();
        parsed.pieces.into_vec()
    }

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    #[test]
    fn a_number_is_as_long_as_there_are_groups_for() {
        assert_eq!(pieces("$12", 1), [Piece::Group(1), text("2")]);
        assert_eq!(pieces("$12", 12), [Piece::Group(12)]);
        assert_eq!(pieces("$01", 1), [Piece::Group(1)]);
        assert_eq!(pieces("$00", 0), [Piece::Group(0)]);
        assert_eq!(pieces("$09", 1), [Piece::Group(0), text("9")]);
    }

    #[test]
    fn escapes_and_names_are_read() {
        assert_eq!(
            pieces("a\\$\\x\\\\${first}é", 1),
            [text("a$x\\"), Piece::Group(1), text("é")]
        );
    }

    #[test]
    fn what_java_throws_at_is_refused_with_its_place() {
        for (text, at, length) in [
            ("ab\\", 2, 1),
            ("ab$", 2, 1),
            ("é$x", 2, 1),
            ("$5", 0, 2),
            ("a${", 1, 2),
            ("${}", 0, 2),
            ("${first", 0, 7),
            ("${f-}", 0, 3),
            ("x${none}", 1, 7),
            ("${1}", 0, 4),
        ] {
            let fault = Substitution::parse(text, 1, &[("first".to_owned(), 1)]).unwrap_err();
            assert_eq!((fault.at, fault.length), (at, length), "{text}: {fault:?}");
        }
    }
}
