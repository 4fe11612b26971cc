//! What `KafkaLayer::builder` takes as servers: a text, or a list of texts.

/// The servers that [`KafkaLayer::builder`](crate::KafkaLayer::builder) takes: one text, or anything that
/// can be iterated over and gives texts. Each is `host:port`, or a comma list of them.
///
/// `Form` tells the two apart, and never has to be named.
///
/// # Examples
///
/// ```
/// use tracing_kafka::KafkaLayer;
///
/// KafkaLayer::builder("a:9092,b:9092", "log-message").build()?;
/// KafkaLayer::builder(["a:9092", "b:9092"], "log-message").build()?;
/// KafkaLayer::builder(vec![String::from("a:9092")], "log-message").build()?;
/// # Ok::<(), tracing_kafka::BuildError>(())
/// ```
pub trait Servers<Form: ?Sized> {
    /// The texts.
    fn into_servers(self) -> Vec<String>;
}

impl Servers<str> for &str {
    fn into_servers(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl Servers<str> for &String {
    fn into_servers(self) -> Vec<String> {
        vec![self.clone()]
    }
}

impl Servers<str> for String {
    fn into_servers(self) -> Vec<String> {
        vec![self]
    }
}

impl<I: IntoIterator<Item: Into<String>>> Servers<[String]> for I {
    fn into_servers(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}
