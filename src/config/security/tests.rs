//! What holds together and what does not, by setters and by properties.

use super::*;
use crate::config::KafkaOptions;

const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"hunter2\";";
const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"u\" password=\"hunter2\";";

/// What comes of a change; nothing that is shown has the password in it.
fn with(change: impl FnOnce(&mut KafkaOptions)) -> Result<Arc<Security>, String> {
    let mut options = KafkaOptions::new(vec!["a:1".to_owned()], "logs".to_owned());
    change(&mut options);
    let shown = format!("{options:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let checked = options.check();
    let shown = format!("{checked:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    checked
        .map(|settings| settings.security)
        .map_err(|error| error.to_string())
}

fn named(properties: &[(&str, &str)]) -> Result<Arc<Security>, String> {
    with(|options| {
        for (name, value) in properties {
            options.set_property(name, value);
        }
    })
}

#[test]
fn without_settings_nothing_is_secured() {
    let security = named(&[]).unwrap();
    assert!(security.sasl.is_none() && security.tls.is_none());
}

#[test]
fn kafkas_properties_give_credentials() {
    for (mechanism, jaas) in [
        ("PLAIN", PLAIN),
        ("SCRAM-SHA-256", SCRAM),
        ("SCRAM-SHA-512", SCRAM),
    ] {
        let security = named(&[
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", mechanism),
            ("sasl.jaas.config", jaas),
        ])
        .unwrap();
        let sasl = security.sasl.as_ref().unwrap();
        assert_eq!(sasl.mechanism().name(), mechanism);
        let Credentials::Password { user, password, .. } = sasl.credentials() else {
            panic!("{sasl:?}");
        };
        assert_eq!((user.as_str(), password.expose()), ("u", "hunter2"));
    }
}

#[test]
fn contradictions_name_both_sides() {
    let sasl = ("security.protocol", "SASL_PLAINTEXT");
    for (properties, parts) in [
        (
            &[("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", PLAIN)][..],
            ["`PLAINTEXT`", "`PLAIN`"],
        ),
        (&[sasl], ["`SASL_PLAINTEXT`", "no `sasl.mechanism`"]),
        (
            &[sasl, ("sasl.mechanism", "PLAIN")],
            ["`PLAIN`", "no `sasl.jaas.config`"],
        ),
        (
            &[sasl, ("sasl.mechanism", "OAUTHBEARER")],
            ["`OAUTHBEARER`", "`Sasl::oauth_bearer`"],
        ),
        (
            &[sasl, ("sasl.jaas.config", PLAIN)],
            ["`PlainLoginModule`", "no `sasl.mechanism`"],
        ),
        (
            &[
                sasl,
                ("sasl.mechanism", "PLAIN"),
                ("sasl.jaas.config", SCRAM),
            ],
            ["`PLAIN`", "`ScramLoginModule`"],
        ),
        (
            &[
                sasl,
                ("sasl.mechanism", "SCRAM-SHA-512"),
                ("sasl.jaas.config", PLAIN),
            ],
            ["`SCRAM-SHA-512`", "`PlainLoginModule`"],
        ),
    ] {
        let error = named(properties).unwrap_err();
        for part in parts {
            assert!(error.contains(part), "{error} lacks {part}");
        }
        assert!(error.contains(", expected "), "{error}");
    }
}

#[test]
fn a_setter_and_a_property_may_say_the_same_and_not_different_things() {
    let both = |mechanism: &str, jaas: Option<&str>| {
        with(|options| {
            options.security.protocol = SecurityProtocol::SaslPlaintext;
            options.security.sasl = Some(Sasl::oauth_bearer(|| Ok("hunter2".to_owned())));
            options.set_property("sasl.mechanism", mechanism);
            if let Some(jaas) = jaas {
                options.set_property("sasl.jaas.config", jaas);
            }
        })
    };
    both("OAUTHBEARER", None).unwrap();
    let error = both("PLAIN", None).unwrap_err();
    assert!(
        error.contains("`PLAIN`") && error.contains("`OAUTHBEARER`"),
        "{error}"
    );
    let error = both("PLAIN", Some(PLAIN)).unwrap_err();
    assert!(error.contains("`sasl.jaas.config`"), "{error}");
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    for (name, value, text) in [
        (
            "security.protocol",
            "TLS",
            "`security.protocol` is `TLS`, expected `PLAINTEXT`",
        ),
        ("sasl.mechanism", "GSSAPI", "Kerberos is not supported"),
        ("sasl.mechanism", "plain", "`sasl.mechanism` is `plain`"),
        (
            "sasl.jaas.config",
            "hunter2",
            "property `sasl.jaas.config` cannot be read",
        ),
        (
            "ssl.truststore.type",
            "JKS",
            "`ssl.truststore.type` is `JKS`, expected `PEM`",
        ),
        (
            "ssl.keystore.type",
            "PKCS12",
            "`ssl.keystore.type` is `PKCS12`, expected `PEM`",
        ),
        (
            "ssl.key.password",
            "hunter2",
            "property `ssl.key.password` is not supported",
        ),
        (
            "ssl.keystore.password",
            "hunter2",
            "property `ssl.keystore.password`",
        ),
        (
            "ssl.truststore.password",
            "hunter2",
            "property `ssl.truststore.password`",
        ),
        (
            "ssl.endpoint.identification.algorithm",
            "",
            "always verified",
        ),
        (
            "ssl.enabled.protocols",
            "TLSv1.1",
            "expected `TLSv1.2`, `TLSv1.3` or both",
        ),
        ("sasl.kerberos.service.name", "kafka", "is not supported"),
        (
            "sasl.login.callback.handler.class",
            "x.Y",
            "`Sasl::oauth_bearer`",
        ),
    ] {
        let error = named(&[(name, value)]).unwrap_err();
        assert!(error.contains(text), "{error} lacks {text}");
    }
}

#[cfg(not(feature = "tls"))]
#[test]
fn without_the_feature_tls_says_so() {
    for properties in [
        &[("security.protocol", "SSL")][..],
        &[("security.protocol", "SASL_SSL")],
        &[("ssl.truststore.location", "ca.pem")],
    ] {
        let error = named(properties).unwrap_err();
        assert!(error.contains("feature `tls`"), "{error}");
    }
}

#[cfg(feature = "tls")]
mod with_tls {
    use super::*;

    #[test]
    fn kafkas_properties_give_tls() {
        let security = named(&[
            ("security.protocol", "SSL"),
            ("ssl.truststore.type", "PEM"),
            ("ssl.truststore.location", "ca.pem"),
            ("ssl.keystore.type", "PEM"),
            ("ssl.keystore.location", "both.pem"),
            ("ssl.enabled.protocols", "TLSv1.3"),
            ("ssl.endpoint.identification.algorithm", "https"),
        ])
        .unwrap();
        let tls = security.tls.as_ref().unwrap();
        assert!(matches!(&tls.roots, Roots::File(path) if path.ends_with("ca.pem")));
        let Some(Identity::Files { chain, key }) = &tls.identity else {
            panic!("{tls:?}");
        };
        assert!(chain == key && key.ends_with("both.pem"));
        assert_eq!(tls.versions, [TlsVersion::Tls13]);
    }

    #[test]
    fn tls_settings_that_contradict_are_named() {
        let ssl = ("security.protocol", "SSL");
        for (properties, parts) in [
            (
                &[("ssl.truststore.location", "ca.pem")][..],
                ["`PLAINTEXT`", "`ssl.truststore.location`"],
            ),
            (
                &[
                    ("security.protocol", "SASL_PLAINTEXT"),
                    ("ssl.enabled.protocols", "TLSv1.2"),
                ],
                ["`SASL_PLAINTEXT`", "`ssl.enabled.protocols`"],
            ),
            (
                &[
                    ssl,
                    ("ssl.truststore.location", "a"),
                    ("ssl.truststore.certificates", "b"),
                ],
                ["`ssl.truststore.location`", "`ssl.truststore.certificates`"],
            ),
            (
                &[
                    ssl,
                    ("ssl.keystore.location", "a"),
                    ("ssl.keystore.key", "hunter2"),
                ],
                ["`ssl.keystore.location`", "`ssl.keystore.key`"],
            ),
            (
                &[ssl, ("ssl.keystore.key", "hunter2")],
                [
                    "`ssl.keystore.key` is set",
                    "`ssl.keystore.certificate.chain` is not",
                ],
            ),
            (
                &[ssl, ("ssl.keystore.certificate.chain", "a")],
                [
                    "`ssl.keystore.certificate.chain` is set",
                    "`ssl.keystore.key` is not",
                ],
            ),
        ] {
            let error = named(properties).unwrap_err();
            for part in parts {
                assert!(error.contains(part), "{error} lacks {part}");
            }
        }
    }
}
