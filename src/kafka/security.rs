//! The builder's setters for the security of connections.

use super::KafkaLayerBuilder;
use crate::config::Sasl;
use crate::config::SecurityProtocol;
use crate::config::Tls;

impl KafkaLayerBuilder {
    /// Sets how connections are secured: with TLS or without, with SASL or without. It has to match
    /// the listener that the servers' addresses belong to; nothing else is tried.
    ///
    /// Kafka property `security.protocol`. Defaults to [`SecurityProtocol::Plaintext`].
    pub fn security_protocol(mut self, protocol: SecurityProtocol) -> Self {
        self.options.security.protocol = protocol;
        self
    }

    /// Sets the credentials for [`SecurityProtocol::SaslPlaintext`] and
    /// [`SecurityProtocol::SaslSsl`]. With another protocol, and beside `sasl.jaas.config`, they are an
    /// error of [`build`](Self::build).
    ///
    /// While a broker refuses them, health is [`Misconfigured`](crate::Health::Misconfigured), and
    /// they are tried again every 30 seconds.
    ///
    /// Kafka properties `sasl.mechanism` and `sasl.jaas.config`. Defaults to none.
    pub fn sasl(mut self, sasl: Sasl) -> Self {
        self.options.security.sasl = Some(sasl);
        self
    }

    /// Sets whom to trust and what certificate to show, for [`SecurityProtocol::Ssl`] and
    /// [`SecurityProtocol::SaslSsl`]; with another protocol that is an error of
    /// [`build`](Self::build). Replaces what properties set before.
    ///
    /// Kafka properties `ssl.truststore.*`, `ssl.keystore.*` and `ssl.enabled.protocols`. Defaults to
    /// [`Tls::new`]: the system's certificates, and none to show.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.options.security.tls = tls;
        self
    }
}
