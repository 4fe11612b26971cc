//! How a client proves who it is: the SASL mechanisms with what each needs.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::secret::MARK;
use super::secret::Secret;
use crate::error::BuildError;

/// What a token callback returns.
pub(crate) type TokenResult = Result<String, Box<dyn Error + Send + Sync>>;

/// Credentials for `SASL_PLAINTEXT` and `SASL_SSL`: a mechanism with a user name and a password, or
/// with a source of tokens.
///
/// Kafka properties `sasl.mechanism` and `sasl.jaas.config`. Neither passwords nor tokens are ever
/// shown, by `Debug`, errors or otherwise. What cannot be, such as an empty password, is an error of
/// [`KafkaLayerBuilder::build`](crate::KafkaLayerBuilder::build).
///
/// # Examples
///
/// ```no_run
/// use tracing_kafka::{KafkaLayer, Sasl, SecurityProtocol};
///
/// let password = std::env::var("KAFKA_PASSWORD")?;
/// let (layer, guard) = KafkaLayer::builder(["kafka.example:9093"], "logs")
///     .security_protocol(SecurityProtocol::SaslSsl)
///     .sasl(Sasl::scram_sha_512("orders", password))
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "credentials do nothing until a layer has them"]
pub struct Sasl {
    credentials: Credentials,
}

#[derive(Debug)]
pub(crate) enum Credentials {
    Password {
        mechanism: Mechanism,
        user: String,
        password: Secret,
    },
    Token(TokenSource),
}

/// The callback that hands out tokens.
#[derive(Clone)]
pub(crate) struct TokenSource(Arc<dyn Fn() -> TokenResult + Send + Sync>);

impl TokenSource {
    /// Asks for a token; may block.
    pub(crate) fn call(&self) -> TokenResult {
        (self.0)()
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARK)
    }
}

/// The mechanisms there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Plain,
    ScramSha256,
    ScramSha512,
    OauthBearer,
}

impl Mechanism {
    pub(crate) const ALL: [Self; 4] = [
        Self::Plain,
        Self::ScramSha256,
        Self::ScramSha512,
        Self::OauthBearer,
    ];

    /// As Kafka and SASL call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }

    pub(super) fn parse(name: &str, value: &str) -> Result<Self, BuildError> {
        let found = Self::ALL.into_iter().find(|known| known.name() == value);
        found.ok_or_else(|| {
            let known = "`PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER`";
            let expected = match value {
                "GSSAPI" => format!("{known}; Kerberos is not supported"),
                _ => known.to_owned(),
            };
            BuildError::setting(name, value, expected)
        })
    }
}

impl Sasl {
    /// Mechanism PLAIN: the password itself is sent, so only TLS keeps it from being read on the way.
    pub fn plain(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::password(Mechanism::Plain, user, Secret::new(password))
    }

    /// Mechanism SCRAM-SHA-256: client and broker prove to each other that they know the password.
    pub fn scram_sha_256(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::password(Mechanism::ScramSha256, user, Secret::new(password))
    }

    /// Mechanism SCRAM-SHA-512: as [`scram_sha_256`](Self::scram_sha_256), with the longer hash.
    pub fn scram_sha_512(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::password(Mechanism::ScramSha512, user, Secret::new(password))
    }

    /// Mechanism OAUTHBEARER: `token` is asked for a token whenever a connection is opened.
    ///
    /// It may block: it runs on a thread of its own, one call at a time, and counts towards the
    /// connect timeout. A call that never returns is not repeated. It should keep its token until
    /// that is about to end. An error is reported with its text, and the next attempt asks again.
    pub fn oauth_bearer(
        token: impl Fn() -> Result<String, Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            credentials: Credentials::Token(TokenSource(Arc::new(token))),
        }
    }

    pub(super) fn password(
        mechanism: Mechanism,
        user: impl Into<String>,
        password: Secret,
    ) -> Self {
        Self {
            credentials: Credentials::Password {
                mechanism,
                user: user.into(),
                password,
            },
        }
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(crate) fn mechanism(&self) -> Mechanism {
        match &self.credentials {
            Credentials::Password { mechanism, .. } => *mechanism,
            Credentials::Token(_) => Mechanism::OauthBearer,
        }
    }

    /// Refuses what no broker can take.
    pub(super) fn check(&self) -> Result<(), BuildError> {
        let Credentials::Password { user, password, .. } = &self.credentials else {
            return Ok(());
        };
        let refuse = |what: &str, value: &str| {
            let expected = "text that is not empty and has no NUL in it";
            Err(BuildError::setting(what, value, expected))
        };
        if user.is_empty() || user.contains('\0') {
            return refuse("user name", user);
        }
        let text = password.expose();
        if text.is_empty() {
            return refuse("password", "");
        }
        if text.contains('\0') {
            return refuse("password", MARK);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let token = Sasl::oauth_bearer(|| Ok("hunter2".to_owned()));
        for sasl in [
            Sasl::plain("u", "hunter2"),
            Sasl::scram_sha_256("u", "hunter2"),
            Sasl::scram_sha_512("u", "hunter2"),
            token,
        ] {
            let shown = format!("{sasl:?}{sasl:#?}");
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains(MARK), "{shown}");
        }
    }

    #[test]
    fn credentials_that_cannot_be_are_refused_without_the_password() {
        for (user, password) in [
            ("", "hunter2"),
            ("u\0", "hunter2"),
            ("u", ""),
            ("u", "hunter2\0"),
        ] {
            let error = Sasl::plain(user, password).check().unwrap_err().to_string();
            assert!(error.contains("expected text"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        Sasl::plain("u", "p").check().unwrap();
    }
}
