//! Security of connections: what is set, and how it holds together.

use std::sync::Arc;

use tokio::sync::Semaphore;

mod jaas;
mod named;
mod sasl;
mod secret;
#[cfg_attr(
    not(feature = "tls"),
    expect(dead_code, reason = "settings that are refused without the feature")
)]
mod tls;

use crate::error::BuildError;

pub(super) use named::apply;
pub(crate) use sasl::Credentials;
pub(crate) use sasl::Mechanism;
pub use sasl::Sasl;
pub(crate) use secret::MARK as SECRET_MARK;
#[cfg(feature = "tls")]
pub(crate) use tls::Identity;
#[cfg(feature = "tls")]
pub(crate) use tls::Roots;
pub use tls::Tls;
pub(crate) use tls::TlsSettings;
pub use tls::TlsVersion;

/// How connections are secured. Kafka property `security.protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SecurityProtocol {
    /// Not at all. The default, as in Kafka.
    #[default]
    Plaintext,
    /// TLS, without SASL.
    Ssl,
    /// SASL over an open connection.
    SaslPlaintext,
    /// SASL over TLS.
    SaslSsl,
}

impl SecurityProtocol {
    const ALL: [Self; 4] = [
        Self::Plaintext,
        Self::Ssl,
        Self::SaslPlaintext,
        Self::SaslSsl,
    ];

    /// As Kafka calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    const fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    const fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }

    /// Kafka asks for no case.
    pub(super) fn find(name: &str) -> Option<Self> {
        let is_it = |known: &Self| known.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(is_it)
    }

    fn parse(name: &str, value: &str) -> Result<Self, BuildError> {
        Self::find(value).ok_or_else(|| {
            let expected = "`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`";
            BuildError::setting(name, value, expected)
        })
    }
}

/// What was set, unchecked.
#[derive(Debug, Default)]
pub(crate) struct SecurityOptions {
    pub(crate) protocol: SecurityProtocol,
    pub(crate) sasl: Option<Sasl>,
    pub(crate) tls: Tls,
    mechanism: Option<Mechanism>,
    login: Option<jaas::Login>,
}

/// Settings that hold together.
#[derive(Debug)]
pub(crate) struct Security {
    pub(crate) sasl: Option<Sasl>,
    #[cfg_attr(
        not(any(feature = "tls", test)),
        expect(dead_code, reason = "always none without the feature")
    )]
    pub(crate) tls: Option<TlsSettings>,
    /// Who asks for a token holds its permit, also when nobody waits for the answer any longer.
    pub(crate) token_gate: Arc<Semaphore>,
    /// The same for reading the files of TLS.
    #[cfg(feature = "tls")]
    pub(crate) file_gate: Arc<Semaphore>,
}

impl Default for Security {
    fn default() -> Self {
        Self {
            sasl: None,
            tls: None,
            token_gate: Arc::new(Semaphore::new(1)),
            #[cfg(feature = "tls")]
            file_gate: Arc::new(Semaphore::new(1)),
        }
    }
}

impl SecurityOptions {
    /// Checks what belongs together. Reads no file.
    pub(crate) fn check(self) -> Result<Security, BuildError> {
        let protocol = self.protocol;
        let set = self.tls.first_set();
        if cfg!(not(feature = "tls")) && (protocol.has_tls() || set.is_some()) {
            return Err(no_tls(protocol, set));
        }
        if let Some(set) = set
            && !protocol.has_tls()
        {
            let found = format!(
                "`security.protocol` is `{}` and `{set}` is set",
                protocol.name()
            );
            return Err(BuildError::conflict(found, "`SSL` or `SASL_SSL` with it"));
        }
        let sasl = credentials(self.sasl, self.mechanism, self.login)?;
        match &sasl {
            Some(sasl) if !protocol.has_sasl() => {
                let (protocol, mechanism) = (protocol.name(), sasl.mechanism().name());
                let found = format!(
                    "`security.protocol` is `{protocol}` and `sasl.mechanism` is `{mechanism}`"
                );
                let expected = "`SASL_SSL` or `SASL_PLAINTEXT` with it";
                return Err(BuildError::conflict(found, expected));
            }
            None if protocol.has_sasl() => {
                let found = format!(
                    "`security.protocol` is `{}` and there is no `sasl.mechanism`",
                    protocol.name()
                );
                let expected = "credentials, by `KafkaLayerBuilder::sasl` or by `sasl.mechanism` and \
                                `sasl.jaas.config`";
                return Err(BuildError::conflict(found, expected));
            }
            _ => {}
        }
        let tls = protocol.has_tls().then(|| self.tls.check()).transpose()?;
        Ok(Security {
            sasl,
            tls,
            ..Security::default()
        })
    }
}

fn no_tls(protocol: SecurityProtocol, set: Option<&str>) -> BuildError {
    let reason = "needs the feature `tls` of this crate, which is off";
    match set {
        Some(set) => BuildError::property(set, reason),
        None => BuildError::setting(
            "security.protocol",
            protocol.name(),
            "`PLAINTEXT` or `SASL_PLAINTEXT`; TLS needs the feature `tls` of this crate, which is off",
        ),
    }
}

/// The credentials of the setter, or those of the properties.
fn credentials(
    sasl: Option<Sasl>,
    mechanism: Option<Mechanism>,
    login: Option<jaas::Login>,
) -> Result<Option<Sasl>, BuildError> {
    let sasl = match (sasl, mechanism, login) {
        (Some(_), _, Some(_)) => {
            let found = "`sasl.jaas.config` and `KafkaLayerBuilder::sasl` are both set";
            return Err(BuildError::conflict(found, "one of them"));
        }
        (Some(sasl), Some(mechanism), None) if sasl.mechanism() != mechanism => {
            let found = format!(
                "`sasl.mechanism` is `{}` and `KafkaLayerBuilder::sasl` is given `{}`",
                mechanism.name(),
                sasl.mechanism().name()
            );
            return Err(BuildError::conflict(found, "the same mechanism"));
        }
        (Some(sasl), _, None) => sasl,
        (None, None, None) => return Ok(None),
        (None, Some(mechanism), login) => from_properties(mechanism, login)?,
        (None, None, Some(login)) => {
            let found = format!(
                "`sasl.jaas.config` names `{}` and there is no `sasl.mechanism`",
                login.module.name()
            );
            return Err(BuildError::conflict(found, "the mechanism that it is for"));
        }
    };
    sasl.check()?;
    Ok(Some(sasl))
}

fn from_properties(mechanism: Mechanism, login: Option<jaas::Login>) -> Result<Sasl, BuildError> {
    let Some(login) = login else {
        let found = format!(
            "`sasl.mechanism` is `{}` and there is no `sasl.jaas.config`",
            mechanism.name()
        );
        let expected = match mechanism {
            Mechanism::OauthBearer => {
                "a source of tokens: `KafkaLayerBuilder::sasl` with `Sasl::oauth_bearer`"
            }
            _ => {
                "a user name and a password, by `sasl.jaas.config` or by `KafkaLayerBuilder::sasl`"
            }
        };
        return Err(BuildError::conflict(found, expected));
    };
    if !login.module.serves(mechanism) {
        let found = format!(
            "`sasl.mechanism` is `{}` and `sasl.jaas.config` names `{}`",
            mechanism.name(),
            login.module.name()
        );
        return Err(BuildError::conflict(
            found,
            "the login module of that mechanism",
        ));
    }
    Ok(Sasl::password(mechanism, login.user, login.password))
}

#[cfg(test)]
mod tests;
