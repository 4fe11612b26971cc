//! Reads `sasl.jaas.config`: one login module of Kafka's with a user name and a password.

use super::sasl::Mechanism;
use super::secret::Secret;
use crate::error::BuildError;

const NAME: &str = "sasl.jaas.config";
const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";
const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";
const FLAGS: [&str; 4] = ["required", "requisite", "sufficient", "optional"];

/// What a login module is given.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) module: Module,
    pub(super) user: String,
    pub(super) password: Secret,
}

/// The login modules that need no more than a user name and a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Module {
    Plain,
    Scram,
}

impl Module {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "PlainLoginModule",
            Self::Scram => "ScramLoginModule",
        }
    }

    /// Whether it can log in by `mechanism`.
    pub(super) fn serves(self, mechanism: Mechanism) -> bool {
        match self {
            Self::Plain => mechanism == Mechanism::Plain,
            Self::Scram => matches!(mechanism, Mechanism::ScramSha256 | Mechanism::ScramSha512),
        }
    }
}

/// Reads a value such as `…PlainLoginModule required username="u" password="p";`.
///
/// No error shows any of the text but the name of a login module: the rest may be a password, in
/// part or in a wrong place.
pub(super) fn parse(text: &str) -> Result<Login, BuildError> {
    let mut words = Words { text, at: 0 };
    let module = module(&mut words)?;
    let flag = words.next()?;
    if !matches!(flag, Word::Bare(flag) if FLAGS.iter().any(|f| flag.eq_ignore_ascii_case(f))) {
        return Err(words.expected("`required` after the login module"));
    }
    let (mut user, mut password) = (None, None);
    loop {
        let slot = match words.next()? {
            Word::Sign(';') => break,
            Word::Bare("username") => &mut user,
            Word::Bare("password") => &mut password,
            _ => return Err(words.expected("`username`, `password` or `;`")),
        };
        if words.next()? != Word::Sign('=') {
            return Err(words.expected("`=`"));
        }
        let value = match words.next()? {
            Word::Bare(value) => value.to_owned(),
            Word::Quoted(value) => value,
            _ => return Err(words.expected("a value in quotation marks")),
        };
        if slot.replace(value).is_some() {
            return Err(words.expected("each option once"));
        }
    }
    if words.next()? != Word::End {
        return Err(words.expected("one login module and nothing after its `;`"));
    }
    let (Some(user), Some(password)) = (user, password) else {
        return Err(words.expected("`username` and `password`"));
    };
    Ok(Login {
        module,
        user,
        password: Secret::new(password),
    })
}

fn module(words: &mut Words<'_>) -> Result<Module, BuildError> {
    match words.next()? {
        Word::Bare(PLAIN) => Ok(Module::Plain),
        Word::Bare(SCRAM) => Ok(Module::Scram),
        Word::Bare(other) if other.ends_with("LoginModule") => {
            let nearest = if other.contains("OAuthBearer") {
                "for tokens use `KafkaLayerBuilder::sasl` with `Sasl::oauth_bearer`".to_owned()
            } else {
                format!("expected `{PLAIN}` or `{SCRAM}`")
            };
            let reason =
                format!("names the login module `{other}`, which is not supported; {nearest}");
            Err(BuildError::property(NAME, reason))
        }
        _ => Err(words.expected(&format!("`{PLAIN}` or `{SCRAM}`"))),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Word<'a> {
    Bare(&'a str),
    Quoted(String),
    Sign(char),
    End,
}

/// The text in words, as Java's `StreamTokenizer` cuts it for Kafka.
struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    fn expected(&self, what: &str) -> BuildError {
        let reason = format!("cannot be read up to byte {}, expected {what}", self.at);
        BuildError::property(NAME, reason)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next(&mut self) -> Result<Word<'a>, BuildError> {
        self.skip_blanks()?;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(Word::End);
        };
        if matches!(first, '"' | '\'') {
            return self.quoted(first).map(Word::Quoted);
        }
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, _) = rest.split_at(end);
        if word.is_empty() {
            self.at += first.len_utf8();
            return Ok(Word::Sign(first));
        }
        self.at += end;
        Ok(Word::Bare(word))
    }

    /// White space and comments.
    fn skip_blanks(&mut self) -> Result<(), BuildError> {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start().len();
            self.at += blanks;
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                let Some(end) = rest.find("*/") else {
                    return Err(self.expected("the end of a comment"));
                };
                self.at += end + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn quoted(&mut self, mark: char) -> Result<String, BuildError> {
        let mut value = String::new();
        let rest = self.rest();
        let mut characters = rest.char_indices().skip(1).peekable();
        while let Some((at, character)) = characters.next() {
            match character {
                end if end == mark => {
                    self.at += at + end.len_utf8();
                    return Ok(value);
                }
                '\n' | '\r' => break,
                '\\' => {
                    let Some((_, escaped)) = characters.next() else {
                        break;
                    };
                    let digit = escaped.to_digit(8);
                    let Some(mut code) = digit else {
                        value.push(unescaped(escaped));
                        continue;
                    };
                    // One digit, two, or three if the first is at most 3.
                    let most = if code <= 3 { 2 } else { 1 };
                    for _ in 0..most {
                        let Some(more) = characters.peek().and_then(|(_, c)| c.to_digit(8)) else {
                            break;
                        };
                        characters.next();
                        code = code * 8 + more;
                    }
                    value.extend(char::from_u32(code));
                }
                other => value.push(other),
            }
        }
        Err(self.expected("the end of a quoted value"))
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '.' | '-' | '_' | '$')
}

fn unescaped(escaped: char) -> char {
    match escaped {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(text: &str) -> (Module, String, String) {
        let login = parse(text).unwrap();
        (login.module, login.user, login.password.expose().to_owned())
    }

    #[test]
    fn kafkas_own_examples_are_read() {
        let plain = format!("{PLAIN} required username=\"alice\" password=\"alice-secret\";");
        let expected = (Module::Plain, "alice".to_owned(), "alice-secret".to_owned());
        assert_eq!(login(&plain), expected);
        let scram =
            format!("\n {SCRAM} Required\n  password='p;=\"' // who\n /* is */ username=bob ; ");
        let expected = (Module::Scram, "bob".to_owned(), "p;=\"".to_owned());
        assert_eq!(login(&scram), expected);
    }

    #[test]
    fn escapes_are_those_of_java() {
        let text = format!(r#"{PLAIN} required username="u" password="a\"b\\c\n\101\7z\q\400";"#);
        assert_eq!(login(&text).2, "a\"b\\c\nA\u{7}zq 0");
    }

    #[test]
    fn other_modules_are_refused_by_name_and_nothing_else_is_shown() {
        for (text, expected) in [
            (
                "com.sun.security.auth.module.Krb5LoginModule required;",
                "`com.sun.security.auth.module.Krb5LoginModule`",
            ),
            (
                "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
                "`Sasl::oauth_bearer`",
            ),
            ("hunter2", "expected `org.apache"),
            ("", "expected `org.apache"),
            ("\"hunter2\"", "expected `org.apache"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error_that_shows_no_part_of_it() {
        for rest in [
            "",
            "required",
            "required username=\"u\" password=\"hunter2\"",
            "required username=\"u\" password=\"hunter2",
            "required username=\"u\" password=\"hunter2\nx\";",
            "required username=\"u\" password=;",
            "required username=\"u\" password=hun,ter2;",
            "required username=\"u\" password=\"x\"hunter2=1;",
            "required username=\"u\" password=\"hunter2\\",
            "required username=\"u\";",
            "required password=\"hunter2\";",
            "required username=\"u\" password=\"hunter2\" password=\"hunter2\";",
            "required username=\"u\" password=\"hunter2\"; hunter2",
            "hunter2 username=\"u\" password=\"hunter2\";",
            "required tokenauth=\"true\" username=\"u\" password=\"hunter2\";",
            "required /* hunter2",
        ] {
            let error = parse(&format!("{PLAIN} {rest}")).unwrap_err().to_string();
            assert!(error.contains("expected "), "{error}");
            for part in ["hunter2", "hun", "ter2"] {
                assert!(!error.contains(part), "{rest}: {error}");
            }
        }
    }
}
