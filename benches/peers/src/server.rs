//! The broker, outside of the process that is measured: a real Kafka, or that of the tests.

use std::io;

use tracing_kafka_broker::Consumer;
use tracing_kafka_broker::TestBroker;

/// A broker, and a client that looks at what came in.
pub(crate) struct Server {
    servers: String,
    consumer: Consumer,
    /// Runs as long as this does.
    broker: Option<TestBroker>,
}

impl Server {
    /// The one that `KAFKA_BROKERS` names; otherwise one is started in this process.
    pub(crate) fn find() -> io::Result<Self> {
        let (servers, broker) = if let Ok(servers) = std::env::var("KAFKA_BROKERS") {
            (servers, None)
        } else {
            let broker = TestBroker::builder()
                .retention_bytes(RETENTION)
                .start_blocking()?;
            (broker.bootstrap(), Some(broker))
        };
        let consumer = Consumer::connect(&servers)?;
        Ok(Self {
            servers,
            consumer,
            broker,
        })
    }

    pub(crate) fn servers(&self) -> &str {
        &self.servers
    }

    /// What it is, in words.
    pub(crate) const fn kind(&self) -> &'static str {
        if self.broker.is_some() {
            "the broker of the tests, in the process of the parent"
        } else {
            "the cluster at `KAFKA_BROKERS`"
        }
    }

    pub(crate) fn create(&mut self, topic: &str) -> io::Result<()> {
        if let Some(broker) = &self.broker {
            broker.create_topic(topic, PARTITIONS);
            return Ok(());
        }
        self.consumer.create_topic(topic, PARTITIONS)
    }

    /// How many records came in, by the offsets at the ends of the partitions.
    pub(crate) fn count(&mut self, topic: &str) -> io::Result<i64> {
        let ends = self.consumer.end_offsets(topic)?;
        Ok(ends.into_iter().map(|(_, end)| end).sum())
    }

    pub(crate) fn delete(&mut self, topic: &str) -> io::Result<()> {
        if let Some(broker) = &self.broker {
            broker.delete_topic(topic);
            return Ok(());
        }
        self.consumer.delete_topic(topic)
    }
}

const PARTITIONS: i32 = 3;
/// What a partition of the broker of the tests keeps, so that a long run does not fill the memory.
const RETENTION: usize = 4 * 1024 * 1024;
