//! SASL against a broker that answers as scripted.

use std::collections::HashMap;
use std::sync::Mutex;

use rskafka::protocol::api_key::ApiKey;
use rskafka::protocol::api_version::ApiVersion;
use rskafka::protocol::api_version::ApiVersionRange;
use rskafka::protocol::primitives::Int16;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::io::DuplexStream;
use tokio::time::timeout;

use super::*;
use crate::config::KafkaOptions;
use crate::config::Sasl;
use crate::config::SecurityProtocol;

const LONG: Duration = Duration::from_secs(20);
const SECRET: &str = "hunter2-canary";

fn security(sasl: Sasl) -> Arc<Security> {
    let mut options = KafkaOptions::new(vec!["a:1".to_owned()], "logs".to_owned());
    options.security.protocol = SecurityProtocol::SaslPlaintext;
    options.security.sasl = Some(sasl);
    options.check().unwrap().security
}

/// The answers to `SaslHandshake` and then to each `SaslAuthenticate`, without the correlation id.
fn answers(list: &[Vec<u8>]) -> Vec<Vec<u8>> {
    list.to_vec()
}

fn handshake(code: i16) -> Vec<u8> {
    [
        &code.to_be_bytes()[..],
        &1_i32.to_be_bytes(),
        &string("PLAIN"),
    ]
    .concat()
}

fn string(text: &str) -> Vec<u8> {
    let length = i16::try_from(text.len()).unwrap();
    [&length.to_be_bytes()[..], text.as_bytes()].concat()
}

/// `SaslAuthenticate`, version 1.
fn answer(code: i16, text: &str, bytes: &[u8], lifetime: i64) -> Vec<u8> {
    let length = i32::try_from(bytes.len()).unwrap();
    [
        &code.to_be_bytes()[..],
        &string(text),
        &length.to_be_bytes(),
        bytes,
        &lifetime.to_be_bytes(),
    ]
    .concat()
}

async fn serve(mut stream: DuplexStream, script: Vec<Vec<u8>>, heard: Arc<Mutex<Vec<Vec<u8>>>>) {
    for body in script {
        let Ok(length) = stream.read_u32().await else {
            return;
        };
        let mut request = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut request).await.unwrap();
        let frame = [&request[4..8], &body].concat();
        heard.lock().unwrap().push(request);
        let length = u32::try_from(frame.len()).unwrap();
        stream.write_u32(length).await.unwrap();
        stream.write_all(&frame).await.unwrap();
    }
}

/// Logs in; returns the result and what the broker heard.
async fn log_in(
    sasl: Sasl,
    script: Vec<Vec<u8>>,
) -> (Result<Option<Duration>, WireError>, Vec<Vec<u8>>) {
    let proof = prepare(&security(sasl), "a:1").await.unwrap().unwrap();
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let server = tokio::spawn(serve(theirs, script, Arc::clone(&heard)));
    let mut messenger = Messenger::new(ours, 1 << 20, Arc::from("test"));
    let range = |min, max| ApiVersionRange::new(ApiVersion(Int16(min)), ApiVersion(Int16(max)));
    messenger.override_version_ranges(HashMap::from([
        (ApiKey::SaslHandshake, range(1, 1)),
        (ApiKey::SaslAuthenticate, range(0, 2)),
    ]));
    let result = timeout(LONG, authenticate(&messenger, "a:1", proof))
        .await
        .unwrap();
    drop(messenger);
    server.abort();
    let heard = heard.lock().unwrap().clone();
    (result, heard)
}

/// The error of an attempt that fails; it never shows the secret.
async fn refusal(sasl: Sasl, script: Vec<Vec<u8>>) -> String {
    let error = log_in(sasl, script).await.0.unwrap_err();
    assert!(error.is_refused_login(), "{error}");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(SECRET), "{shown}");
    error.to_string()
}

#[tokio::test]
async fn plain_sends_user_and_password_and_learns_the_lifetime() {
    let script = answers(&[handshake(0), answer(0, "", b"", 4000)]);
    let (result, heard) = log_in(Sasl::plain("alice", SECRET), script).await;
    assert_eq!(result.unwrap(), Some(Duration::from_secs(4)));
    let expected = format!("\0alice\0{SECRET}");
    assert!(heard[1].ends_with(expected.as_bytes()), "{heard:?}");
    assert_eq!(heard.len(), 2);

    let script = answers(&[handshake(0), answer(0, "", b"", 0)]);
    let (result, _) = log_in(Sasl::plain("alice", SECRET), script).await;
    assert_eq!(result.unwrap(), None);
}

#[tokio::test]
async fn a_refusal_names_mechanism_error_and_text_and_never_the_password() {
    let text = format!("no\nsuch user with {SECRET}");
    let script = answers(&[handshake(0), answer(58, &text, b"", 0)]);
    assert_eq!(
        refusal(Sasl::plain("alice", SECRET), script).await,
        "authentication at `a:1` by PLAIN failed: SASL_AUTHENTICATION_FAILED (58): no\\nsuch user with ***"
    );
    let script = answers(&[handshake(33)]);
    let error = refusal(Sasl::scram_sha_256("alice", SECRET), script).await;
    assert!(
        error.ends_with("UNSUPPORTED_SASL_MECHANISM (33); the broker offers PLAIN"),
        "{error}"
    );
    let error = refusal(Sasl::plain("alice", SECRET), answers(&[handshake(34)])).await;
    assert!(
        error.ends_with("is this a listener without SASL?"),
        "{error}"
    );
}

#[tokio::test]
async fn a_broker_that_repeats_what_it_got_in_another_form_is_not_repeated() {
    // What was sent as base64, as Java shows bytes, and as hexadecimal digits.
    let sent = format!("\0alice\0{SECRET}");
    let hex = sent
        .bytes()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02X}"));
    let listed = format!("{:?}", sent.as_bytes());
    for form in ["AGFsaWNlAGh1bnRlcjItY2FuYXJ5", &listed, &hex] {
        let script = answers(&[handshake(0), answer(58, &format!("no: {form}"), b"", 0)]);
        assert_eq!(
            refusal(Sasl::plain("alice", SECRET), script).await,
            "authentication at `a:1` by PLAIN failed: SASL_AUTHENTICATION_FAILED (58): ***"
        );
    }
}

#[tokio::test]
async fn scram_refuses_a_broker_that_asks_for_too_much_too_little_or_knows_no_password() {
    for (iterations, expected) in [
        ("4294967295", "found 4294967295"),
        ("200001", "found 200001"),
        ("1", "found 1"),
        ("x", "found x"),
    ] {
        let first = format!("r=nonce,s=c2FsdA==,i={iterations}");
        let script = answers(&[handshake(0), answer(0, "", first.as_bytes(), 0)]);
        let error = refusal(Sasl::scram_sha_512("alice", SECRET), script).await;
        assert!(error.ends_with(expected), "{error}");
    }
    // Not our nonce: somebody else's answer.
    let script = answers(&[handshake(0), answer(0, "", b"r=nonce,s=c2FsdA==,i=4096", 0)]);
    let error = refusal(Sasl::scram_sha_256("alice", SECRET), script).await;
    assert!(error.contains("by SCRAM-SHA-256 failed"), "{error}");
}

#[tokio::test]
async fn scram_refuses_what_its_mechanism_would_panic_over() {
    for message in [
        &b"r=nonce,,i=4096"[..],
        b"r=nonce,s=c2FsdA==,",
        b",",
        b"x",
        b"",
    ] {
        let script = answers(&[handshake(0), answer(0, "", message, 0)]);
        let error = refusal(Sasl::scram_sha_256("alice", SECRET), script).await;
        assert!(error.ends_with("none of the mechanism's"), "{error}");
    }
}

#[tokio::test]
async fn null_is_no_message_and_the_newest_version_is_not_asked_for() {
    let null = [&[0; 2][..], &string(""), &[0xff; 4], &[0; 8]].concat();
    let (result, heard) =
        log_in(Sasl::plain("alice", SECRET), answers(&[handshake(0), null])).await;
    assert_eq!(result.unwrap(), None);
    assert_eq!(heard[1][..4], [0, 36, 0, 1], "key and version");
}

#[tokio::test]
async fn a_refused_token_is_taken_note_of_and_the_broker_says_why() {
    let json = br#"{"status":"invalid_token"}"#;
    let refused = answer(58, &format!("expired: {SECRET}"), b"", 0);
    let script = answers(&[handshake(0), answer(0, "", json, 0), refused]);
    let error = refusal(Sasl::oauth_bearer(|| Ok(SECRET.to_owned())), script).await;
    assert!(
        error.ends_with("SASL_AUTHENTICATION_FAILED (58): expired: ***"),
        "{error}"
    );
    // A broker that has no more to say.
    let script = answers(&[handshake(0), answer(0, "", json, 0), answer(0, "", b"", 0)]);
    let error = refusal(Sasl::oauth_bearer(|| Ok(SECRET.to_owned())), script).await;
    assert!(error.contains("invalid_token"), "{error}");
}

#[tokio::test]
async fn a_token_is_sent_and_accepted() {
    let script = answers(&[handshake(0), answer(0, "", b"", 900)]);
    let (result, heard) = log_in(Sasl::oauth_bearer(|| Ok(SECRET.to_owned())), script).await;
    assert_eq!(result.unwrap(), Some(Duration::from_millis(900)));
    let expected = format!("n,,\x01auth=Bearer {SECRET}\x01\x01");
    assert!(heard[1].ends_with(expected.as_bytes()), "{heard:?}");
}

#[tokio::test]
async fn a_callback_without_a_token_is_no_refusal_and_its_reason_is_told() {
    let cases: [(Sasl, &str); 4] = [
        (
            Sasl::oauth_bearer(|| Err("no route to the server".into())),
            "no route to the server",
        ),
        (Sasl::oauth_bearer(|| panic!("on purpose")), "it panicked"),
        (Sasl::oauth_bearer(|| Ok(String::new())), "expected a token"),
        (
            Sasl::oauth_bearer(|| Ok(format!("{SECRET}\x01auth=x"))),
            "expected a token",
        ),
    ];
    for (sasl, expected) in cases {
        let Err(error) = prepare(&security(sasl), "a:1").await else {
            panic!("a token without one");
        };
        let shown = error.to_string();
        assert!(shown.contains(expected), "{shown}");
        assert!(!shown.contains(SECRET), "{shown}");
        assert!(!error.is_misconfigured() && error.is_about_us());
    }
}
