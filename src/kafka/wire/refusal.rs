//! Why TLS was refused, in words for whoever has to mend it.

use std::io;

use tokio_rustls::rustls::CertificateError;
use tokio_rustls::rustls::Error;

use super::text::shown;

/// Why the peer, or its certificate, was refused, or we by the peer; none if `error` is another one.
///
/// With TLS 1.3 a client's certificate is refused after the handshake: that comes out of a read.
pub(super) fn refusal(error: &io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    Some(match error {
        Error::InvalidCertificate(fault) => certificate_refusal(fault),
        Error::AlertReceived(alert) => format!("the peer refuses with the alert {alert:?}"),
        Error::InvalidMessage(_) => {
            "the peer does not speak TLS; is this a plaintext listener?".to_owned()
        }
        other => shown(other.to_string()),
    })
}

fn certificate_refusal(fault: &CertificateError) -> String {
    match fault {
        CertificateError::UnknownIssuer => {
            "the broker's certificate is from an unknown issuer".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the broker's certificate is for another name".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the broker's certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the broker's certificate is not valid yet".to_owned()
        }
        other => shown(format!("the broker's certificate is refused: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::AlertDescription;

    use super::*;

    #[test]
    fn an_error_of_rustls_is_found_inside_and_others_are_not() {
        let alert = Error::AlertReceived(AlertDescription::CertificateRequired);
        let found = refusal(&io::Error::new(io::ErrorKind::InvalidData, alert)).unwrap();
        assert_eq!(found, "the peer refuses with the alert CertificateRequired");
        assert_eq!(refusal(&io::ErrorKind::InvalidData.into()), None);
        assert_eq!(refusal(&io::Error::other("text")), None);
    }
}
