//! What TLS trusts and who the client is: as set, and as checked. Reads no file.

use std::fmt;
use std::path::PathBuf;

use super::secret::MARK;
use super::secret::Secret;
use crate::error::BuildError;

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl TlsVersion {
    /// As Kafka calls it.
    const fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }
}

/// TLS settings for `SSL` and `SASL_SSL`: whom to trust, and the certificate to show. All in PEM form.
///
/// Without any, the certificates of the operating system are trusted and none is shown. The broker's
/// certificate and its name are always verified; there is no switch against that. Files are read when
/// the layer is built, so that a missing one is an error then, and again for each connection, so that
/// certificates may be renewed while it runs.
///
/// Needs the crate feature `tls`; without it
/// [`KafkaLayerBuilder::build`](crate::KafkaLayerBuilder::build) says so.
///
/// # Examples
///
/// ```no_run
/// use tracing_kafka::{KafkaLayer, SecurityProtocol, Tls};
///
/// let (layer, guard) = KafkaLayer::builder(["kafka.example:9093"], "logs")
///     .security_protocol(SecurityProtocol::Ssl)
///     .tls(Tls::new().ca_file("ca.pem").client_certificate_files("client.pem", "client.key"))
///     .build()?;
/// # Ok::<(), tracing_kafka::BuildError>(())
/// ```
#[derive(Debug, Default)]
#[must_use = "settings do nothing until a layer has them"]
pub struct Tls {
    pub(super) ca_file: Option<PemPath>,
    /// Hidden as the key is: somebody may have put one into it.
    pub(super) ca_pem: Option<Secret>,
    /// Chain and key in one file.
    pub(super) keystore: Option<PemPath>,
    chain_file: Option<PemPath>,
    key_file: Option<PemPath>,
    pub(super) chain_pem: Option<Secret>,
    pub(super) key_pem: Option<Secret>,
    protocols: Option<Vec<TlsVersion>>,
}

/// The path of a PEM file. If it is the text itself, by mistake, that is not shown.
#[derive(Clone)]
pub(super) struct PemPath(pub(super) PathBuf);

impl PemPath {
    fn is_text(&self) -> bool {
        let path = self.0.to_string_lossy();
        path.contains("-----BEGIN") || path.contains(['\n', '\r'])
    }

    /// The path, unless it is a text, which belongs into `instead`.
    fn check(self, name: &str, instead: &str) -> Result<PathBuf, BuildError> {
        if self.is_text() {
            let expected =
                format!("the path of a PEM file; the text itself belongs into {instead}");
            return Err(BuildError::setting(name, MARK, expected));
        }
        Ok(self.0)
    }

    fn check_key(self) -> Result<PathBuf, BuildError> {
        self.check(
            "ssl.keystore.location",
            "`Tls::client_certificate_pem` or `ssl.keystore.certificate.chain` and `ssl.keystore.key`",
        )
    }
}

impl fmt::Debug for PemPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_text() {
            return f.write_str(MARK);
        }
        self.0.fmt(f)
    }
}

/// TLS settings that hold together.
#[derive(Debug)]
pub(crate) struct TlsSettings {
    pub(crate) roots: Roots,
    pub(crate) identity: Option<Identity>,
    /// Not empty.
    pub(crate) versions: Vec<TlsVersion>,
}

/// Whom to trust.
#[derive(Debug)]
pub(crate) enum Roots {
    System,
    File(PathBuf),
    Pem(Secret),
}

/// The client's own certificate and key.
#[derive(Debug)]
pub(crate) enum Identity {
    Files { chain: PathBuf, key: PathBuf },
    Pem { chain: Secret, key: Secret },
}

impl Tls {
    /// Settings that trust the system's certificates and show none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the certificates in this PEM file, and no others.
    ///
    /// Kafka properties `ssl.truststore.type=PEM` and `ssl.truststore.location`.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(PemPath(path.into()));
        self
    }

    /// Trusts the certificates in this PEM text, and no others.
    ///
    /// Kafka properties `ssl.truststore.type=PEM` and `ssl.truststore.certificates`.
    pub fn ca_pem(mut self, pem: impl Into<String>) -> Self {
        self.ca_pem = Some(Secret::new(pem));
        self
    }

    /// Shows the certificate in one PEM file, with the chain up to its authority, and signs with the
    /// key in another, which must not be encrypted.
    ///
    /// Both may be the same file, as `ssl.keystore.location` of Kafka is with `ssl.keystore.type=PEM`.
    pub fn client_certificate_files(
        mut self,
        certificate_chain: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.chain_file = Some(PemPath(certificate_chain.into()));
        self.key_file = Some(PemPath(key.into()));
        self
    }

    /// The same with both as PEM text.
    ///
    /// Kafka properties `ssl.keystore.certificate.chain` and `ssl.keystore.key`.
    pub fn client_certificate_pem(
        mut self,
        certificate_chain: impl Into<String>,
        key: impl Into<String>,
    ) -> Self {
        self.chain_pem = Some(Secret::new(certificate_chain));
        self.key_pem = Some(Secret::new(key));
        self
    }

    /// Sets which versions may be agreed on; at least one.
    ///
    /// Kafka property `ssl.enabled.protocols`. Defaults to both TLS 1.2 and TLS 1.3.
    pub fn enabled_protocols(mut self, versions: impl IntoIterator<Item = TlsVersion>) -> Self {
        let mut distinct: Vec<TlsVersion> = Vec::new();
        for version in versions {
            if !distinct.contains(&version) {
                distinct.push(version);
            }
        }
        // Both are what there is without a setting.
        self.protocols = (distinct.len() != 2).then_some(distinct);
        self
    }

    /// The first that was set, by its property; none while all is as it is by default.
    pub(super) fn first_set(&self) -> Option<&'static str> {
        let set = [
            (self.ca_file.is_some(), "ssl.truststore.location"),
            (self.ca_pem.is_some(), "ssl.truststore.certificates"),
            (self.keystore.is_some(), "ssl.keystore.location"),
            (self.chain_file.is_some(), "ssl.keystore.location"),
            (self.chain_pem.is_some(), "ssl.keystore.certificate.chain"),
            (self.key_pem.is_some(), "ssl.keystore.key"),
            (self.protocols.is_some(), "ssl.enabled.protocols"),
        ];
        set.into_iter()
            .find_map(|(is_set, name)| is_set.then_some(name))
    }

    pub(super) fn check(self) -> Result<TlsSettings, BuildError> {
        let versions = self
            .protocols
            .unwrap_or_else(|| vec![TlsVersion::Tls12, TlsVersion::Tls13]);
        if versions.is_empty() {
            let expected = "at least one of `TLSv1.2` and `TLSv1.3`";
            return Err(BuildError::setting("ssl.enabled.protocols", "", expected));
        }
        let roots = match (self.ca_file, self.ca_pem) {
            (Some(_), Some(_)) => {
                return Err(both(
                    "ssl.truststore.location",
                    "ssl.truststore.certificates",
                ));
            }
            (Some(path), None) => Roots::File(path.check(
                "ssl.truststore.location",
                "`Tls::ca_pem` or `ssl.truststore.certificates`",
            )?),
            (None, Some(pem)) => Roots::Pem(pem),
            (None, None) => Roots::System,
        };
        let in_files = match (self.keystore, self.chain_file.zip(self.key_file)) {
            (Some(_), Some(_)) => {
                return Err(both("ssl.keystore.location", "`client_certificate_files`"));
            }
            (Some(path), None) => Some((path.clone(), path)),
            (None, files) => files,
        };
        let in_files = match in_files {
            Some((chain, key)) => Some((chain.check_key()?, key.check_key()?)),
            None => None,
        };
        let identity = match (in_files, self.chain_pem, self.key_pem) {
            (None, None, None) => None,
            (Some((chain, key)), None, None) => Some(Identity::Files { chain, key }),
            (None, Some(chain), Some(key)) => Some(Identity::Pem { chain, key }),
            (Some(_), Some(_), _) => {
                return Err(both(
                    "ssl.keystore.location",
                    "ssl.keystore.certificate.chain",
                ));
            }
            (Some(_), None, Some(_)) => {
                return Err(both("ssl.keystore.location", "ssl.keystore.key"));
            }
            (None, Some(_), None) => {
                let found = "`ssl.keystore.certificate.chain` is set and `ssl.keystore.key` is not";
                return Err(BuildError::conflict(found, "a certificate and its key"));
            }
            (None, None, Some(_)) => {
                let found = "`ssl.keystore.key` is set and `ssl.keystore.certificate.chain` is not";
                return Err(BuildError::conflict(found, "a key and its certificate"));
            }
        };
        Ok(TlsSettings {
            roots,
            identity,
            versions,
        })
    }
}

/// The versions in a comma list.
pub(super) fn parse_versions(name: &str, value: &str) -> Result<Vec<TlsVersion>, BuildError> {
    value
        .split(',')
        .map(|version| {
            let known = [TlsVersion::Tls12, TlsVersion::Tls13];
            let found = known.into_iter().find(|v| v.name() == version.trim());
            found.ok_or_else(|| {
                let expected = "`TLSv1.2`, `TLSv1.3` or both with a comma";
                BuildError::setting(name, value, expected)
            })
        })
        .collect()
}

fn both(first: &str, second: &str) -> BuildError {
    let mark = |name: &str| format!("`{}`", name.trim_matches('`'));
    let found = format!("{} and {} are both set", mark(first), mark(second));
    BuildError::conflict(found, "one of them")
}
