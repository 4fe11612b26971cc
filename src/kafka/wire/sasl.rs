//! SASL: who we are, in Kafka's `SaslHandshake` and `SaslAuthenticate` requests.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use rsasl::callback::Context;
use rsasl::callback::Request;
use rsasl::callback::SessionCallback;
use rsasl::callback::SessionData;
use rsasl::config::SASLConfig;
use rsasl::prelude::Mechname;
use rsasl::prelude::SASLClient;
use rsasl::prelude::Session;
use rsasl::prelude::SessionError;
use rsasl::property::OAuthBearerToken;
use rskafka::messenger::Messenger;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;

use super::blocking::run_alone;
use super::codes;
use super::error::WireError;
use super::login::Authenticate;
use super::login::Handshake;
use super::text::shown_without;
use crate::config::Credentials;
use crate::config::Mechanism;
use crate::config::Security;

/// No mechanism needs more messages.
const MAX_STEPS: usize = 6;
/// How often SCRAM may be told to hash: Kafka's own limits are 4096 and 16 384. Less is weak, more would
/// keep the producer's thread busy.
const ITERATIONS: std::ops::RangeInclusive<u32> = 4096..=200_000;
/// With this the client takes note of a refused token; the broker's error follows.
const NOTED: &[u8] = b"\x01";

/// Credentials ready for one connection: a token was asked for.
pub(super) struct Proof {
    mechanism: Mechanism,
    user: String,
    /// A password, or a token.
    secret: String,
}

/// What `security` has to show to a broker; none without SASL. Runs the callback of tokens.
pub(super) async fn prepare(
    security: &Arc<Security>,
    address: &str,
) -> Result<Option<Proof>, WireError> {
    let Some(sasl) = &security.sasl else {
        return Ok(None);
    };
    let source = match sasl.credentials() {
        Credentials::Password {
            mechanism,
            user,
            password,
        } => {
            return Ok(Some(Proof {
                mechanism: *mechanism,
                user: user.clone(),
                secret: password.expose().to_owned(),
            }));
        }
        Credentials::Token(source) => source.clone(),
    };
    let token = match run_alone(&security.token_gate, move || source.call()).await {
        Some(Ok(token)) => token,
        Some(Err(error)) => return Err(WireError::token(address, error.to_string())),
        None => return Err(WireError::token(address, "it panicked")),
    };
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = "expected a token of visible ASCII characters";
        return Err(WireError::token(address, message));
    }
    Ok(Some(Proof {
        mechanism: sasl.mechanism(),
        user: String::new(),
        secret: token,
    }))
}

/// Proves to the broker who we are. Returns how long it believes that, if not for ever.
pub(super) async fn authenticate<S>(
    messenger: &Messenger<S>,
    address: &str,
    proof: Proof,
) -> Result<Option<Duration>, WireError>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let exchange = Exchange {
        messenger,
        address,
        mechanism: proof.mechanism,
        secret: proof.secret.clone(),
    };
    exchange.handshake().await?;
    let mut session = begin(proof).ok_or_else(|| exchange.refused("it cannot be begun"))?;
    let mut received: Option<Vec<u8>> = None;
    let mut lifetime = None;
    for _ in 0..MAX_STEPS {
        if let Some(received) = &received {
            exchange.check(received)?;
        }
        let mut message = Cursor::new(Vec::new());
        let state = session
            .step(received.as_deref(), &mut message)
            .map_err(|error| exchange.refused(&error.to_string()))?;
        if state.has_sent_message() {
            let (answer, new_lifetime) = exchange.send(message.into_inner()).await?;
            lifetime = new_lifetime;
            if exchange.mechanism == Mechanism::OauthBearer {
                return exchange.end_of_token(answer, lifetime).await;
            }
            received = Some(answer);
        }
        if state.is_finished() {
            return Ok(lifetime);
        }
    }
    Err(exchange.refused("it does not come to an end"))
}

/// A session of the one mechanism.
fn begin(proof: Proof) -> Option<Session> {
    let config = match proof.mechanism {
        Mechanism::OauthBearer => SASLConfig::builder()
            .with_default_mechanisms()
            .with_callback(Token(proof.secret))
            .ok()?,
        _ => SASLConfig::with_credentials(None, proof.user, proof.secret).ok()?,
    };
    let name = Mechname::parse(proof.mechanism.name().as_bytes()).ok()?;
    SASLClient::new(config).start_suggested(&[name]).ok()
}

/// Gives the mechanism its token.
struct Token(String);

impl SessionCallback for Token {
    fn callback(
        &self,
        _: &SessionData,
        _: &Context<'_>,
        request: &mut Request<'_>,
    ) -> Result<(), SessionError> {
        request.satisfy::<OAuthBearerToken>(&self.0)?;
        Ok(())
    }
}

/// The requests of one authentication.
struct Exchange<'a, S> {
    messenger: &'a Messenger<S>,
    address: &'a str,
    mechanism: Mechanism,
    secret: String,
}

impl<S: AsyncRead + AsyncWrite + Send + 'static> Exchange<'_, S> {
    /// The broker takes the mechanism.
    async fn handshake(&self) -> Result<(), WireError> {
        let answer = self
            .messenger
            .request(Handshake(self.mechanism.name()))
            .await;
        let answer = answer.map_err(|error| WireError::from_request(self.address, &error))?;
        let refused = answer.error;
        let hint = match refused {
            codes::NONE => return Ok(()),
            codes::UNSUPPORTED_SASL_MECHANISM => {
                let offered = answer.mechanisms.join(&b", "[..]);
                format!("; the broker offers {}", self.shown(&offered))
            }
            codes::ILLEGAL_SASL_STATE => "; is this a listener without SASL?".to_owned(),
            _ => String::new(),
        };
        Err(self.refused(&format!("{} ({refused}){hint}", codes::name(refused))))
    }

    /// Sends one message of the mechanism; returns the broker's, and for how long it believes us.
    async fn send(&self, message: Vec<u8>) -> Result<(Vec<u8>, Option<Duration>), WireError> {
        let answer = self.messenger.request(Authenticate(message)).await;
        let answer = answer.map_err(|error| WireError::from_request(self.address, &error))?;
        let refused = answer.error;
        if refused != codes::NONE {
            let text = self.shown(&answer.text);
            let name = codes::name(refused);
            return Err(self.refused(&format!("{name} ({refused}): {text}")));
        }
        let lifetime = u64::try_from(answer.lifetime_ms)
            .ok()
            .filter(|lifetime| *lifetime > 0)
            .map(Duration::from_millis);
        Ok((answer.message, lifetime))
    }

    /// A token is accepted by an empty answer. Another one says why it is not, and the error comes
    /// once we took note.
    async fn end_of_token(
        &self,
        answer: Vec<u8>,
        lifetime: Option<Duration>,
    ) -> Result<Option<Duration>, WireError> {
        if answer.is_empty() {
            return Ok(lifetime);
        }
        self.send(NOTED.to_vec()).await?;
        let text = self.shown(&answer);
        Err(self.refused(&format!("the token is refused: {text}")))
    }

    /// Refuses a number of iterations that is too small or too large, and what the mechanism would
    /// panic over: a part without a name and a value.
    fn check(&self, message: &[u8]) -> Result<(), WireError> {
        if message
            .split(|byte| *byte == b',')
            .any(|part| part.len() < 2)
        {
            return Err(self.refused("a message that is none of the mechanism's"));
        }
        let text = String::from_utf8_lossy(message);
        let Some(number) = text.split(',').find_map(|part| part.strip_prefix("i=")) else {
            return Ok(());
        };
        if number.parse().is_ok_and(|n: u32| ITERATIONS.contains(&n)) {
            return Ok(());
        }
        Err(self.refused(&format!(
            "expected {} to {} iterations, found {number}",
            ITERATIONS.start(),
            ITERATIONS.end()
        )))
    }

    fn refused(&self, message: &str) -> WireError {
        WireError::Authentication {
            address: self.address.to_owned(),
            mechanism: self.mechanism.name(),
            message: self.shown(message.as_bytes()),
        }
    }

    fn shown(&self, text: &[u8]) -> String {
        shown_without(text, &self.secret)
    }
}

#[cfg(test)]
mod tests;
