//! An axum service whose log goes to Kafka, in ECS' JSON and by request, and to a file, as lines.
//!
//! ```text
//! cargo run -p tracing-kafka-axum
//! curl -i localhost:8080/orders/42        # 200
//! curl -i localhost:8080/orders/10        # 500, and an ERROR with its cause
//! kill -TERM %1                           # serves what is under way, then says what became of the log
//! ```
//!
//! `PORT` is 8080 if not set, 0 is a free one. `KAFKA_BROKERS` names a Kafka; without it a small broker starts
//! in this process. `LOG_TOPIC` and `LOG_FILE` say where the log goes, `RUST_LOG` what of it, INFO if not set.
#![expect(
    clippy::print_stdout,
    reason = "it is a program, and says where it listens"
)]

use std::env;
use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use axum::http::Response;
use axum::routing::get;
use tokio::net::TcpListener;
use tower_http::request_id::MakeRequestUuid;
use tower_http::request_id::PropagateRequestIdLayer;
use tower_http::request_id::RequestId;
use tower_http::request_id::SetRequestIdLayer;
use tower_http::trace::TraceLayer;
use tracing::Span;
use tracing_kafka::FileLayer;
use tracing_kafka::JsonLayout;
use tracing_kafka::KafkaLayer;
use tracing_kafka::PatternLayout;
use tracing_kafka::WorkerGuard;
use tracing_kafka::events;
use tracing_kafka_broker::TestBroker;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

mod orders;

/// How long the log may take to arrive once the last request was served.
const SHUTDOWN: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (servers, _broker) = find_kafka()?;
    let [kafka_guard, file_guard] = start_log(&servers)?;

    let listener = TcpListener::bind(("127.0.0.1", port()?)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    tracing::info!(server.address = %listener.local_addr()?, "listening");
    axum::serve(listener, app())
        .with_graceful_shutdown(asked_to_end())
        .await?;
    tracing::info!("served the last request");

    // After the server: what handlers have logged is in the queues now.
    println!("Kafka: {}", kafka_guard.shutdown_async(SHUTDOWN).await);
    println!("file: {}", file_guard.shutdown_async(SHUTDOWN).await);
    Ok(())
}

/// Both layers, each with what it wants of the events, and the spans around them in any case.
fn start_log(servers: &str) -> Result<[WorkerGuard; 2], Box<dyn Error>> {
    let topic = env::var("LOG_TOPIC").unwrap_or_else(|_| "log-message".to_owned());
    let (kafka, kafka_guard) = KafkaLayer::builder([servers], topic)
        .layout(JsonLayout::ecs().field("service.name", "shop").build()?)
        // Records of one request are in one partition, and thus in order.
        .key(PatternLayout::new("%X{http.request.id}")?)
        .build()?;
    let file = env::var("LOG_FILE").unwrap_or_else(|_| "logs/shop.log".to_owned());
    // The default layout shows the spans with their fields, the message, and the fields of the event.
    let (file, file_guard) = FileLayer::builder(file).build()?;
    tracing_subscriber::registry()
        .with(kafka.with_filter(events(filter()?)))
        .with(file.with_filter(events(filter()?)))
        .try_init()?;
    Ok([kafka_guard, file_guard])
}

fn filter() -> Result<EnvFilter, Box<dyn Error>> {
    let builder = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    Ok(builder.from_env()?)
}

fn app() -> Router {
    let trace = TraceLayer::new_for_http()
        .make_span_with(request_span)
        .on_request(())
        .on_response(log_response)
        // A response of 500 is told by its handler, which knows the cause.
        .on_failure(());
    // The last layer is the first that a request comes to.
    Router::new()
        .route("/orders/{id}", get(orders::get_order))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(trace)
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
}

/// The span that everything is in that is logged for a request. Its fields have the names of ECS.
fn request_span<B>(request: &Request<B>) -> Span {
    let id = request.extensions().get::<RequestId>();
    let id = id.and_then(|id| id.header_value().to_str().ok());
    tracing::info_span!(
        "http",
        http.request.id = id.unwrap_or("none"),
        http.request.method = request.method().as_str(),
        url.path = request.uri().path(),
    )
}

/// The access log.
fn log_response<B>(response: &Response<B>, latency: Duration, _span: &Span) {
    let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
    tracing::info!(
        http.response.status_code = response.status().as_u16(),
        event.duration = nanos,
        "request"
    );
}

/// Ends when the service is asked to: by SIGTERM, as Kubernetes and systemd do, or by Ctrl-C.
async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::SignalKind;
        use tokio::signal::unix::signal;
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    // Without a handler the default of the signal ends the process.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn port() -> Result<u16, Box<dyn Error>> {
    match env::var("PORT") {
        Ok(port) => port
            .parse()
            .map_err(|_| format!("PORT: expected a number up to 65535, found `{port}`").into()),
        Err(_) => Ok(8080),
    }
}

/// The servers that `KAFKA_BROKERS` names, or a broker in this process.
fn find_kafka() -> Result<(String, Option<TestBroker>), Box<dyn Error>> {
    if let Ok(servers) = env::var("KAFKA_BROKERS")
        && !servers.trim().is_empty()
    {
        return Ok((servers, None));
    }
    let broker = TestBroker::builder().auto_create(true).start_blocking()?;
    println!("Kafka at {} (in this process)", broker.bootstrap());
    Ok((broker.bootstrap(), Some(broker)))
}
