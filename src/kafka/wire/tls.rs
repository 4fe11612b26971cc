//! TLS by rustls: its configuration from PEM, and the handshake.

use std::fmt;
use std::fs;
use std::fs::File;
use std::io;
use std::io::Read as _;
use std::net::Ipv6Addr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::SupportedProtocolVersion;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::version::TLS12;
use tokio_rustls::rustls::version::TLS13;

use super::blocking::run_alone;
use super::error::WireError;
use super::refusal::refusal;
use super::text::shown;
use crate::config::Identity;
use crate::config::Roots;
use crate::config::Security;
use crate::config::TlsSettings;
use crate::config::TlsVersion;

/// More than any store of certificates in a file.
const MAX_PEM_BYTES: u64 = 16 << 20;
const NO_KEY: &str = "a private key in PEM form";

/// What is wrong with a PEM file, or with the text in its place.
#[derive(Debug)]
pub(crate) struct PemFault {
    /// Kafka's name of the setting.
    pub(crate) name: &'static str,
    /// The path, or that it is not shown.
    pub(crate) value: String,
    /// What was expected, and what was found.
    pub(crate) expected: String,
}

impl fmt::Display for PemFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is `{}`, expected {}",
            self.name, self.value, self.expected
        )
    }
}

/// Reads the files that `settings` name, and puts everything together.
pub(crate) fn configure(settings: &TlsSettings) -> Result<Arc<ClientConfig>, PemFault> {
    let versions: Vec<&SupportedProtocolVersion> = settings
        .versions
        .iter()
        .map(|version| match version {
            TlsVersion::Tls12 => &TLS12,
            TlsVersion::Tls13 => &TLS13,
        })
        .collect();
    // Chosen here: what the application has chosen for itself is no matter, and neither is ours to it.
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|error| Source::of("ssl.enabled.protocols", None).fault(error.to_string()))?
        .with_root_certificates(roots(&settings.roots)?);
    let config = match &settings.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key, source) = identify(identity)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                source.fault(format!("a key that fits its certificate: {error}"))
            })?
        }
    };
    Ok(Arc::new(config))
}

fn roots(roots: &Roots) -> Result<RootCertStore, PemFault> {
    let mut store = RootCertStore::empty();
    let (source, pem) = match roots {
        Roots::System => {
            let found = rustls_native_certs::load_native_certs();
            store.add_parsable_certificates(found.certs);
            if store.is_empty() {
                let source = Source::of("ssl.truststore.location", None);
                let expected = "a PEM file, as the system has no certificates to trust";
                return Err(source.fault(expected));
            }
            return Ok(store);
        }
        Roots::File(path) => {
            let source = Source::of("ssl.truststore.location", Some(path));
            let pem = source.read(path)?;
            (source, pem)
        }
        Roots::Pem(pem) => {
            let source = Source::of("ssl.truststore.certificates", None);
            (source, pem.expose().as_bytes().to_vec())
        }
    };
    for certificate in source.certificates(&pem)? {
        store
            .add(certificate)
            .map_err(|error| source.fault(format!("certificates that can be trusted: {error}")))?;
    }
    Ok(store)
}

/// The client's own chain and key, and where the key is from.
fn identify(
    identity: &Identity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, Source), PemFault> {
    match identity {
        Identity::Files { chain, key } => {
            let name = "ssl.keystore.location";
            let of_chain = Source::of(name, Some(chain));
            let chain = of_chain.certificates(&of_chain.read(chain)?)?;
            let of_key = Source::of(name, Some(key));
            let key = of_key.key(&of_key.read(key)?)?;
            Ok((chain, key, of_key))
        }
        Identity::Pem { chain, key } => {
            let of_chain = Source::of("ssl.keystore.certificate.chain", None);
            let chain = of_chain.certificates(chain.expose().as_bytes())?;
            let of_key = Source::of("ssl.keystore.key", None);
            let key = of_key.key(key.expose().as_bytes())?;
            Ok((chain, key, of_key))
        }
    }
}

/// Where PEM is from, for what is said about it.
struct Source {
    name: &'static str,
    value: String,
}

impl Source {
    fn of(name: &'static str, path: Option<&Path>) -> Self {
        let value = path.map_or_else(|| "…".to_owned(), |path| path.display().to_string());
        Self { name, value }
    }

    fn fault(&self, expected: impl Into<String>) -> PemFault {
        PemFault {
            name: self.name,
            value: self.value.clone(),
            expected: expected.into(),
        }
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, PemFault> {
        let read = || -> io::Result<Vec<u8>> {
            // Whatever is no file might never end.
            if !fs::metadata(path)?.is_file() {
                return Err(io::Error::other("it is not a file"));
            }
            let mut bytes = Vec::new();
            File::open(path)?
                .take(MAX_PEM_BYTES)
                .read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(|error| self.fault(format!("a file that can be read: {error}")))
    }

    fn certificates(&self, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemFault> {
        let expected = "certificates in PEM form";
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        // The error could hold parts of what was read.
        let certificates = read.map_err(|_| self.fault(format!("{expected}: it is damaged")))?;
        if certificates.is_empty() {
            return Err(self.fault(format!("{expected}: there is none in it")));
        }
        Ok(certificates)
    }

    fn key(&self, pem: &[u8]) -> Result<PrivateKeyDer<'static>, PemFault> {
        let is_encrypted = [&b"ENCRYPTED PRIVATE KEY"[..], b"Proc-Type: 4,ENCRYPTED"]
            .iter()
            .any(|mark| pem.windows(mark.len()).any(|window| window == *mark));
        if is_encrypted {
            let reason = "it is encrypted, which is not supported; `openssl pkey` decrypts it";
            return Err(self.fault(format!("{NO_KEY}: {reason}")));
        }
        PrivateKeyDer::from_pem_slice(pem)
            .map_err(|_| self.fault(format!("{NO_KEY}: there is none, or it is damaged")))
    }
}

/// The handshake with `address`, whose name must be that in the broker's certificate.
pub(super) async fn connect(
    stream: TcpStream,
    address: &str,
    security: &Arc<Security>,
) -> Result<TlsStream<TcpStream>, WireError> {
    let host = host_of(address);
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| WireError::tls(address, format!("no certificate can be for `{host}`")))?;
    let files = Arc::clone(security);
    let read = run_alone(&security.file_gate, move || {
        files.tls.as_ref().map(configure)
    });
    let config = match read.await.flatten() {
        Some(Ok(config)) => config,
        Some(Err(fault)) => return Err(WireError::tls(address, fault.to_string())),
        None => return Err(WireError::tls(address, "its settings cannot be read")),
    };
    let handshake = TlsConnector::from(config).connect(name, stream).await;
    handshake.map_err(|error| {
        let reason = refusal(&error).unwrap_or_else(|| unspoken(&error));
        WireError::tls(address, reason)
    })
}

/// The host of `host:port`, without brackets and without the zone of an address.
fn host_of(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let Some(inner) = inner else {
        return host;
    };
    let plain = inner.split_once('%').map_or(inner, |(plain, _)| plain);
    if plain.parse::<Ipv6Addr>().is_ok() {
        plain
    } else {
        inner
    }
}

/// The stream ended in the middle of a handshake.
fn unspoken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => {
            "the peer ended the handshake without a word; is this a TLS listener?".to_owned()
        }
        _ => shown(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_to_verify_is_the_host() {
        for (address, host) in [
            ("kafka.example:9093", "kafka.example"),
            ("127.0.0.1:1", "127.0.0.1"),
            ("[::1]:9093", "::1"),
            ("[fe80::1%2]:9093", "fe80::1"),
        ] {
            assert_eq!(host_of(address), host);
            ServerName::try_from(host.to_owned()).unwrap();
        }
    }
}
