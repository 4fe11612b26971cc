//! What can go wrong between this process and one broker.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use rskafka::messenger::RequestError;
use rskafka::protocol::frame::ReadError;
use rskafka::protocol::frame::WriteError;

use super::text::shown;

/// Why a connection could not be opened, or a request on it has no answer. What a peer said in it can be
/// shown as it is.
#[derive(Debug)]
pub(crate) enum WireError {
    /// No TCP connection: the name is unknown, or every address refused.
    Connect { address: String, source: io::Error },
    /// No answer in time. A request may have been carried out all the same.
    Timeout {
        what: &'static str,
        address: String,
        after: Duration,
    },
    /// The connection ended, or was given up earlier. A request that was under way may have been
    /// carried out.
    Closed { address: String, message: String },
    /// The peer does not speak Kafka as we do: a bad frame, a bad answer, no common version.
    Protocol { address: String, message: String },
    /// TLS was refused, by us or by the peer, or its files cannot be used.
    #[cfg_attr(
        not(feature = "tls"),
        expect(dead_code, reason = "there is no TLS without the feature")
    )]
    Tls { address: String, message: String },
    /// The broker does not believe that we are who we say, or we do not believe the broker.
    Authentication {
        address: String,
        mechanism: &'static str,
        message: String,
    },
    /// There is no token to show.
    Token { address: String, message: String },
}

impl WireError {
    /// An answer that breaks the protocol.
    pub(super) fn protocol(address: &str, message: impl AsRef<[u8]>) -> Self {
        Self::Protocol {
            address: address.to_owned(),
            message: shown(message),
        }
    }

    /// A connection that ended.
    pub(super) fn closed(address: &str, message: impl AsRef<[u8]>) -> Self {
        Self::Closed {
            address: address.to_owned(),
            message: shown(message),
        }
    }

    /// TLS that failed; what the peer has to do with it is shown by `refusal`.
    #[cfg(feature = "tls")]
    pub(super) fn tls(address: &str, message: impl Into<String>) -> Self {
        Self::Tls {
            address: address.to_owned(),
            message: message.into(),
        }
    }

    /// A callback that gave no token.
    pub(super) fn token(address: &str, message: impl AsRef<[u8]>) -> Self {
        Self::Token {
            address: address.to_owned(),
            message: shown(message),
        }
    }

    /// Whether nothing will change until somebody changes credentials, certificates or addresses.
    pub(crate) fn is_misconfigured(&self) -> bool {
        matches!(self, Self::Tls { .. } | Self::Authentication { .. })
    }

    /// Whether the broker knows us now as somebody who was refused: to go on trying locks accounts.
    pub(crate) fn is_refused_login(&self) -> bool {
        matches!(self, Self::Authentication { .. })
    }

    /// Whether another address would only be told the same: our credentials are what is wrong.
    pub(crate) fn is_about_us(&self) -> bool {
        matches!(self, Self::Authentication { .. } | Self::Token { .. })
    }

    /// Sorts an error of the messenger into ours.
    pub(super) fn from_request(address: &str, error: &RequestError) -> Self {
        match error {
            RequestError::Poisoned(cause) => Self::from_request(address, cause),
            RequestError::IO(source)
            | RequestError::ReadFramedMessageError(ReadError::IO(source))
            | RequestError::WriteMessageError(WriteError::IO(source)) => {
                Self::from_io(address, source)
            }
            other => Self::protocol(address, other.to_string()),
        }
    }

    /// An I/O error of an established connection; impossible frame lengths come as invalid data.
    fn from_io(address: &str, source: &io::Error) -> Self {
        #[cfg(feature = "tls")]
        if let Some(reason) = super::refusal::refusal(source) {
            return Self::tls(address, reason);
        }
        match source.kind() {
            io::ErrorKind::InvalidData => Self::protocol(address, source.to_string()),
            io::ErrorKind::UnexpectedEof => Self::closed(address, "the peer closed it"),
            _ => Self::closed(address, source.to_string()),
        }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { address, .. } => write!(f, "cannot connect to `{address}`"),
            Self::Timeout {
                what,
                address,
                after,
            } => write!(f, "{what} `{address}` took longer than {after:?}"),
            Self::Closed { address, message } => {
                write!(f, "connection to `{address}` is closed: {message}")
            }
            Self::Protocol { address, message } => {
                write!(f, "protocol error from `{address}`: {message}")
            }
            Self::Tls { address, message } => {
                write!(f, "no TLS connection to `{address}`: {message}")
            }
            Self::Authentication {
                address,
                mechanism,
                message,
            } => write!(
                f,
                "authentication at `{address}` by {mechanism} failed: {message}"
            ),
            Self::Token { address, message } => {
                write!(f, "no token to log in at `{address}`: {message}")
            }
        }
    }
}

impl Error for WireError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connect { source, .. } => Some(source),
            Self::Timeout { .. }
            | Self::Closed { .. }
            | Self::Protocol { .. }
            | Self::Tls { .. }
            | Self::Authentication { .. }
            | Self::Token { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn poisoned_errors_are_sorted_by_their_cause() {
        let cause = RequestError::IO(io::ErrorKind::ConnectionReset.into());
        let error = RequestError::Poisoned(Arc::new(cause));
        assert!(matches!(
            WireError::from_request("a:1", &error),
            WireError::Closed { .. }
        ));
        let cause = RequestError::ReadFramedMessageError(ReadError::IO(io::Error::new(
            io::ErrorKind::InvalidData,
            "a frame of -1 bytes",
        )));
        let error = WireError::from_request("a:1", &RequestError::Poisoned(Arc::new(cause)));
        assert_eq!(
            error.to_string(),
            "protocol error from `a:1`: a frame of -1 bytes"
        );
    }

    #[test]
    fn messages_name_the_address_and_leave_the_cause_to_source() {
        let error = WireError::Connect {
            address: "kafka:9092".to_owned(),
            source: io::ErrorKind::ConnectionRefused.into(),
        };
        assert_eq!(error.to_string(), "cannot connect to `kafka:9092`");
        assert!(error.source().is_some());
        let error = WireError::Timeout {
            what: "a Produce request to",
            address: "[::1]:9092".to_owned(),
            after: Duration::from_secs(35),
        };
        assert_eq!(
            error.to_string(),
            "a Produce request to `[::1]:9092` took longer than 35s"
        );
    }
}
