//! Security by Kafka's property names.

use super::SecurityOptions;
use super::SecurityProtocol;
use super::jaas;
use super::sasl::Mechanism;
use super::secret::Secret;
use super::tls::PemPath;
use super::tls::parse_versions;
use crate::error::BuildError;

/// Sets one of the properties that `config/property.rs` lists for security.
pub(in crate::config) fn apply(
    options: &mut SecurityOptions,
    name: &str,
    value: &str,
) -> Result<(), BuildError> {
    let tls = &mut options.tls;
    match name {
        "security.protocol" => options.protocol = SecurityProtocol::parse(name, value)?,
        "sasl.mechanism" => options.mechanism = Some(Mechanism::parse(name, value)?),
        "sasl.jaas.config" => options.login = Some(jaas::parse(value)?),
        "ssl.enabled.protocols" => {
            let versions = parse_versions(name, value)?;
            options.tls = std::mem::take(tls).enabled_protocols(versions);
        }
        "ssl.endpoint.identification.algorithm" => host_names(name, value)?,
        "ssl.truststore.type" | "ssl.keystore.type" => pem(name, value)?,
        "ssl.truststore.location" => tls.ca_file = Some(path(name, value)?),
        "ssl.truststore.certificates" => tls.ca_pem = Some(Secret::new(in_lines(value))),
        "ssl.keystore.location" => tls.keystore = Some(path(name, value)?),
        "ssl.keystore.certificate.chain" => tls.chain_pem = Some(Secret::new(in_lines(value))),
        "ssl.keystore.key" => tls.key_pem = Some(Secret::new(in_lines(value))),
        _ => return Err(BuildError::property(name, "is unknown")),
    }
    Ok(())
}

fn host_names(name: &str, value: &str) -> Result<(), BuildError> {
    if value.eq_ignore_ascii_case("https") {
        return Ok(());
    }
    let expected = "`https`; the name in a broker's certificate is always verified";
    Err(BuildError::setting(name, value, expected))
}

fn pem(name: &str, value: &str) -> Result<(), BuildError> {
    if value.eq_ignore_ascii_case("PEM") {
        return Ok(());
    }
    let expected = "`PEM`; other stores, such as JKS and PKCS12, are not supported: `keytool` and \
                    `openssl` export what is in them as PEM";
    Err(BuildError::setting(name, value, expected))
}

fn path(name: &str, value: &str) -> Result<PemPath, BuildError> {
    if value.is_empty() {
        return Err(BuildError::setting(name, value, "the path of a PEM file"));
    }
    Ok(PemPath(value.into()))
}

/// PEM text on one line, as it stands in property files, in lines: Kafka takes both.
fn in_lines(text: &str) -> String {
    if text.contains('\n') {
        return text.to_owned();
    }
    let mut lines = String::with_capacity(text.len() + 64);
    for (index, part) in text.split("-----").enumerate() {
        // Labels and what is between them alternate: `` BEGIN X `` base64 `` END X ``.
        if index % 2 == 1 {
            lines.push_str("-----");
            lines.push_str(part);
            lines.push_str("-----\n");
        } else {
            for line in part.split_whitespace() {
                lines.push_str(line);
                lines.push('\n');
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_on_one_line_is_put_into_lines() {
        let one = "-----BEGIN CERTIFICATE----- AAAA BBBB -----END CERTIFICATE-----";
        let lines = "-----BEGIN CERTIFICATE-----\nAAAA\nBBBB\n-----END CERTIFICATE-----\n";
        assert_eq!(in_lines(one), lines);
        assert_eq!(in_lines(lines), lines);
    }
}
