//! Bootstrap servers: `host:port`, one or many, and what is refused as one.

use super::SecurityProtocol;
use crate::error::BuildError;

const NAME: &str = "bootstrap.servers";

/// The addresses in `items`, each of which may hold a comma list; duplicates are left out.
///
/// Before an address there may be `protocol`, as in listeners of a broker.
pub(super) fn parse(
    items: &[String],
    protocol: SecurityProtocol,
) -> Result<Vec<String>, BuildError> {
    let mut addresses: Vec<String> = Vec::new();
    for item in items {
        if item.contains('@') {
            let expected = "`host:port` without user information";
            return Err(BuildError::setting(NAME, redact(item), expected));
        }
        for address in item.split(',') {
            let address = check(without(protocol, address.trim())?, item)?;
            if !addresses.iter().any(|known| known == address) {
                addresses.push(address.to_owned());
            }
        }
    }
    if addresses.is_empty() {
        return Err(BuildError::setting(
            NAME,
            "",
            "at least one address such as `localhost:9092`",
        ));
    }
    Ok(addresses)
}

/// What follows `protocol` and `://`, if that is there. Kafka's client ignores any word in its place;
/// here it must be the protocol that holds.
fn without(protocol: SecurityProtocol, address: &str) -> Result<&str, BuildError> {
    let Some((word, rest)) = address.split_once("://") else {
        return Ok(address);
    };
    match SecurityProtocol::find(word) {
        Some(named) if named == protocol => Ok(rest),
        Some(named) => {
            let (named, protocol) = (named.name(), protocol.name());
            let found =
                format!("`{NAME}` has `{named}://` and `security.protocol` is `{protocol}`");
            Err(BuildError::conflict(found, "the same in both"))
        }
        None => {
            let expected = "`host:port` without a protocol";
            Err(BuildError::setting(NAME, address, expected))
        }
    }
}

fn check<'a>(address: &'a str, item: &str) -> Result<&'a str, BuildError> {
    let refuse = |expected: &str| Err(BuildError::setting(NAME, address, expected));
    if address.is_empty() {
        return Err(BuildError::setting(
            NAME,
            item,
            "no empty address in the list",
        ));
    }
    let Some((host, port)) = address.rsplit_once(':') else {
        return refuse("`host:port`; the port is missing");
    };
    if !is_host(host) {
        return refuse(
            "`host:port` with a host name, an IPv4 address or an IPv6 address in brackets",
        );
    }
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return refuse("`host:port` with a port from 1 to 65535");
    }
    Ok(address)
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        // A zone by its number: that is what an address with a scope is parsed from.
        let (address, zone) = inner.split_once('%').unwrap_or((inner, "0"));
        return address.parse::<std::net::Ipv6Addr>().is_ok() && zone.parse::<u32>().is_ok();
    }
    is_name(host)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// The list as an error, or `Debug`, may show it: what stands before an `@` may be a password.
pub(super) fn redact(item: &str) -> String {
    match item.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => item.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(items: &[&str]) -> Result<Vec<String>, String> {
        let items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
        parse(&items, SecurityProtocol::Plaintext).map_err(|error| error.to_string())
    }

    #[test]
    fn items_may_be_comma_lists() {
        assert_eq!(
            parsed(&["a:1, b-2.example:65535", "[::1]:9092", "a:1"]),
            Ok(vec![
                "a:1".to_owned(),
                "b-2.example:65535".to_owned(),
                "[::1]:9092".to_owned()
            ])
        );
    }

    #[test]
    fn what_is_no_address_is_named() {
        for bad in [
            "localhost",
            "localhost:",
            "localhost:0",
            "localhost:65536",
            "localhost:9 092",
            "localhost:+9",
            ":9092",
            "{butterflyserver:port}",
            "http://localhost:9092",
            "::1:9092",
            "[::g]:9092",
            "[fe80::1%eth0]:9092",
            "a b:9092",
        ] {
            let error = parsed(&[bad]).unwrap_err();
            assert!(error.contains(&format!("`{bad}`")), "{error}");
            assert!(error.contains("bootstrap.servers"), "{error}");
        }
    }

    #[test]
    fn the_protocol_may_stand_before_an_address() {
        assert_eq!(
            parsed(&["PLAINTEXT://a:1,plaintext://[::1]:9092"]),
            Ok(vec!["a:1".to_owned(), "[::1]:9092".to_owned()])
        );
        let error = parsed(&["SASL_SSL://a:1"]).unwrap_err();
        assert!(
            error.contains("has `SASL_SSL://` and `security.protocol` is `PLAINTEXT`"),
            "{error}"
        );
    }

    #[test]
    fn empty_lists_and_empty_items_are_refused() {
        for bad in [&[][..], &[""], &["a:1,"], &["a:1", " "]] {
            assert!(parsed(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        let error = parsed(&["user:hunter2@host:9092"]).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(error.contains("`…@host:9092`"), "{error}");
        for list in ["user:hunter2@host:9092,,", "a:1,user:hun,ter2@host:9092"] {
            let error = parsed(&[list]).unwrap_err();
            assert!(!error.contains("hun"), "{error}");
            assert!(!error.contains("ter2"), "{error}");
        }
    }
}
