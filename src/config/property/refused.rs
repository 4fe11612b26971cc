//! Properties that are refused, each with what holds instead.

#[cfg(not(feature = "gzip"))]
use crate::config::compression::GZIP_LEVEL;
#[cfg(not(feature = "zstd"))]
use crate::config::compression::ZSTD_LEVEL;

const KERBEROS: &str = "is not supported; there is no Kerberos: `sasl.mechanism` is PLAIN, \
                        SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER";
const TOKENS: &str = "is not supported; tokens come from the function given to `Sasl::oauth_bearer`, \
                      which caches and renews them as it likes";
const VERIFIED: &str = "is not supported; tokens are verified by the broker";
const METRICS: &str = "is not supported; `StatsHandle` has the counters, whole since the start";
const JAVA: &str = "is not supported; it names a class of the Java platform, TLS is rustls here";
const TRANSACTIONS: &str = "is not supported; there are no transactions: idempotence keeps retries \
                            from doubling records";

/// In alphabetic order.
pub(super) const REFUSED: &[(&str, &str)] = &[
    #[cfg(not(feature = "gzip"))]
    (GZIP_LEVEL, "needs the feature `gzip`, which is off"),
    (
        "compression.lz4.level",
        "is not supported; the LZ4 encoder here has one level, the fast one",
    ),
    #[cfg(not(feature = "zstd"))]
    (ZSTD_LEVEL, "needs the feature `zstd`, which is off"),
    (
        "metadata.max.idle.ms",
        "is not supported; there is one topic, which is never forgotten",
    ),
    (
        "metadata.recovery.rebootstrap.trigger.ms",
        "is not supported; the bootstrap servers are asked as soon as no known broker answers",
    ),
    ("metrics.num.samples", METRICS),
    ("metrics.recording.level", METRICS),
    ("metrics.sample.window.ms", METRICS),
    (
        "partitioner.availability.timeout.ms",
        "is not supported; a partition that is in trouble gets no other batch until it is out of it, \
         however long that takes",
    ),
    (
        "partitioner.class",
        "is not supported; `partitioner` takes an implementation of `Partitioner`, and without it \
         keys go where the Java client sends them",
    ),
    ("sasl.client.callback.handler.class", TOKENS),
    ("sasl.kerberos.kinit.cmd", KERBEROS),
    ("sasl.kerberos.min.time.before.relogin", KERBEROS),
    ("sasl.kerberos.service.name", KERBEROS),
    ("sasl.kerberos.ticket.renew.jitter", KERBEROS),
    ("sasl.kerberos.ticket.renew.window.factor", KERBEROS),
    ("sasl.login.callback.handler.class", TOKENS),
    ("sasl.login.class", TOKENS),
    ("sasl.login.connect.timeout.ms", TOKENS),
    ("sasl.login.read.timeout.ms", TOKENS),
    ("sasl.login.refresh.buffer.seconds", TOKENS),
    ("sasl.login.refresh.min.period.seconds", TOKENS),
    ("sasl.login.refresh.window.factor", TOKENS),
    ("sasl.login.refresh.window.jitter", TOKENS),
    ("sasl.login.retry.backoff.max.ms", TOKENS),
    ("sasl.login.retry.backoff.ms", TOKENS),
    ("sasl.oauthbearer.assertion.algorithm", TOKENS),
    ("sasl.oauthbearer.assertion.claim.aud", TOKENS),
    ("sasl.oauthbearer.assertion.claim.exp.seconds", TOKENS),
    ("sasl.oauthbearer.assertion.claim.iss", TOKENS),
    ("sasl.oauthbearer.assertion.claim.jti.include", TOKENS),
    ("sasl.oauthbearer.assertion.claim.nbf.seconds", TOKENS),
    ("sasl.oauthbearer.assertion.claim.sub", TOKENS),
    ("sasl.oauthbearer.assertion.file", TOKENS),
    ("sasl.oauthbearer.assertion.private.key.file", TOKENS),
    ("sasl.oauthbearer.assertion.private.key.passphrase", TOKENS),
    ("sasl.oauthbearer.assertion.template.file", TOKENS),
    ("sasl.oauthbearer.client.credentials.client.id", TOKENS),
    ("sasl.oauthbearer.client.credentials.client.secret", TOKENS),
    ("sasl.oauthbearer.clock.skew.seconds", VERIFIED),
    ("sasl.oauthbearer.expected.audience", VERIFIED),
    ("sasl.oauthbearer.expected.issuer", VERIFIED),
    ("sasl.oauthbearer.header.urlencode", TOKENS),
    ("sasl.oauthbearer.jwks.endpoint.refresh.ms", VERIFIED),
    (
        "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
        VERIFIED,
    ),
    ("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", VERIFIED),
    ("sasl.oauthbearer.jwks.endpoint.url", VERIFIED),
    ("sasl.oauthbearer.jwt.retriever.class", TOKENS),
    ("sasl.oauthbearer.jwt.validator.class", VERIFIED),
    ("sasl.oauthbearer.scope", TOKENS),
    ("sasl.oauthbearer.scope.claim.name", VERIFIED),
    ("sasl.oauthbearer.sub.claim.name", VERIFIED),
    ("sasl.oauthbearer.token.endpoint.url", TOKENS),
    ("security.providers", JAVA),
    (
        "socket.connection.setup.timeout.max.ms",
        "is not supported; `socket.connection.setup.timeout.ms` holds for every attempt, and the waits \
         between them grow up to `reconnect.backoff.max.ms`",
    ),
    (
        "ssl.cipher.suites",
        "is not supported; the suites are those that rustls holds to be safe",
    ),
    ("ssl.engine.factory.class", JAVA),
    (
        "ssl.key.password",
        "is not supported; expected a key that is not encrypted, as `openssl pkey` writes it",
    ),
    ("ssl.keymanager.algorithm", JAVA),
    (
        "ssl.keystore.password",
        "is not supported; a PEM file has no password, and its key must not be encrypted",
    ),
    (
        "ssl.protocol",
        "is not supported; `ssl.enabled.protocols` is",
    ),
    ("ssl.provider", JAVA),
    ("ssl.secure.random.implementation", JAVA),
    ("ssl.trustmanager.algorithm", JAVA),
    (
        "ssl.truststore.password",
        "is not supported; a PEM file has no password",
    ),
    ("transaction.timeout.ms", TRANSACTIONS),
    ("transactional.id", TRANSACTIONS),
];
