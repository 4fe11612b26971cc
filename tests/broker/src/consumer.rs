//! A small blocking consumer, for this broker and for any real one.
//!
//! It shares no code with `tracing-kafka`: the codec is `kafka-protocol`'s, the sockets are those
//! of the standard library. Versions are fixed to ones that Apache Kafka 4 and [`TestBroker`]
//! both know. No groups, no TLS, no SASL.
//!
//! [`TestBroker`]: crate::TestBroker

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::net::ToSocketAddrs as _;
use std::time::Duration;
use std::time::Instant;

use bytes::Buf as _;
use bytes::Bytes;
use bytes::BytesMut;
use kafka_protocol::messages::CreateTopicsRequest;
use kafka_protocol::messages::DeleteTopicsRequest;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::ListOffsetsRequest;
use kafka_protocol::messages::MetadataRequest;
use kafka_protocol::messages::MetadataResponse;
use kafka_protocol::messages::RequestHeader;
use kafka_protocol::messages::ResponseHeader;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_request::FetchTopic;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_request::ListOffsetsTopic;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::protocol::Decodable as _;
use kafka_protocol::protocol::Encodable as _;
use kafka_protocol::protocol::HeaderVersion as _;
use kafka_protocol::protocol::Request;
use kafka_protocol::protocol::StrBytes;

use crate::codec;
use crate::codec::invalid;
use crate::record::Record;

/// When [`Consumer::fetch_from`] has enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Until {
    /// At the end offsets as they are when the call begins.
    End,
    /// At this many records; more may be returned, what lay in the same answer.
    Records(usize),
}

/// A blocking consumer without a group.
#[derive(Debug)]
pub struct Consumer {
    bootstrap: Vec<String>,
    /// By address.
    connections: HashMap<String, TcpStream>,
    correlation: i32,
    /// The pause after a failed attempt is over when it is done; the limit of one request.
    timeout: Duration,
}

impl Consumer {
    /// Connects to the first address of a comma list that answers.
    ///
    /// # Errors
    ///
    /// If none does.
    pub fn connect(bootstrap: &str) -> io::Result<Self> {
        let list = bootstrap
            .split(',')
            .map(|address| address.trim().to_owned());
        let mut consumer = Self {
            bootstrap: list.filter(|address| !address.is_empty()).collect(),
            connections: HashMap::new(),
            correlation: 0,
            timeout: DEFAULT_TIMEOUT,
        };
        consumer.metadata(&[])?;
        Ok(consumer)
    }

    /// Sets the limit of one request, and of the methods that take none. Defaults to 10 s.
    pub fn timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Creates a topic with one replica and waits until all its partitions have leaders.
    ///
    /// # Errors
    ///
    /// If the broker refuses, or the leaders are not there in time.
    pub fn create_topic(&mut self, name: &str, partitions: i32) -> io::Result<()> {
        let topic = CreatableTopic::default()
            .with_name(topic_name(name))
            .with_num_partitions(partitions)
            .with_replication_factor(1);
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(millis(self.timeout));
        let controller = self.controller()?;
        let response = self.ask(&controller, CREATE_TOPICS, &request)?;
        for topic in response.topics {
            refused("create", name, topic.error_code)?;
        }
        let deadline = Instant::now() + self.timeout;
        self.retry(deadline, |consumer| consumer.leaders(name).map(drop))
    }

    /// Deletes a topic.
    ///
    /// # Errors
    ///
    /// If the broker refuses.
    pub fn delete_topic(&mut self, name: &str) -> io::Result<()> {
        let request = DeleteTopicsRequest::default()
            .with_topic_names(vec![topic_name(name)])
            .with_timeout_ms(millis(self.timeout));
        let controller = self.controller()?;
        let response = self.ask(&controller, DELETE_TOPICS, &request)?;
        for topic in response.responses {
            refused("delete", name, topic.error_code)?;
        }
        Ok(())
    }

    /// Returns the partitions of a topic, in order.
    ///
    /// # Errors
    ///
    /// If the topic is not there or a partition has no leader.
    pub fn partitions(&mut self, topic: &str) -> io::Result<Vec<i32>> {
        Ok(self.leaders(topic)?.into_keys().collect())
    }

    /// Returns the first offset of each partition.
    ///
    /// # Errors
    ///
    /// If the topic is not there, a partition has no leader or a leader does not answer.
    pub fn start_offsets(&mut self, topic: &str) -> io::Result<Vec<(i32, i64)>> {
        self.offsets(topic, EARLIEST)
    }

    /// Returns the offset of the next record of each partition.
    ///
    /// # Errors
    ///
    /// If the topic is not there, a partition has no leader or a leader does not answer.
    pub fn end_offsets(&mut self, topic: &str) -> io::Result<Vec<(i32, i64)>> {
        self.offsets(topic, LATEST)
    }

    /// Reads all that is in a topic now, by partition and offset.
    ///
    /// # Errors
    ///
    /// As those of [`fetch_from`](Self::fetch_from).
    pub fn read_all(&mut self, topic: &str, timeout: Duration) -> io::Result<Vec<Record>> {
        let deadline = Instant::now() + timeout;
        let from = self.retry(deadline, |consumer| consumer.start_offsets(topic))?;
        let left = deadline.saturating_duration_since(Instant::now());
        self.fetch_from(topic, &from, Until::End, left)
    }

    /// Reads from these offsets on; returns what there is by partition and offset.
    ///
    /// Moved leaders and cut connections are tried again until `timeout` is over; then whatever
    /// was read is returned.
    ///
    /// # Errors
    ///
    /// If records cannot be decoded, an offset is out of range, or nothing can be reached at all.
    pub fn fetch_from(
        &mut self,
        topic: &str,
        from: &[(i32, i64)],
        until: Until,
        timeout: Duration,
    ) -> io::Result<Vec<Record>> {
        let deadline = Instant::now() + timeout;
        let mut reading = Reading {
            next: from.iter().copied().collect(),
            ends: BTreeMap::new(),
            until,
            records: Vec::new(),
        };
        if until == Until::End {
            let ends = self.retry(deadline, |consumer| consumer.end_offsets(topic))?;
            reading.ends = ends.into_iter().collect();
        }
        while !reading.is_done() && Instant::now() < deadline {
            match self.fetch_round(topic, &mut reading, deadline) {
                Err(error) if !is_transient(&error) => return Err(error),
                Err(_) => pause(deadline),
                Ok(()) => {}
            }
        }
        reading.records.sort_by_key(|r| (r.partition, r.offset));
        Ok(reading.records)
    }

    /// Asks each leader once.
    fn fetch_round(
        &mut self,
        topic: &str,
        reading: &mut Reading,
        deadline: Instant,
    ) -> io::Result<()> {
        let mut by_leader: BTreeMap<String, Vec<FetchPartition>> = BTreeMap::new();
        let leaders = self.leaders(topic)?;
        for (partition, offset) in reading.wanted() {
            let Some(leader) = leaders.get(&partition) else {
                return Err(invalid(format!("`{topic}` has no partition {partition}")));
            };
            let wanted = FetchPartition::default()
                .with_partition(partition)
                .with_fetch_offset(offset)
                .with_partition_max_bytes(FETCH_BYTES);
            by_leader.entry(leader.clone()).or_default().push(wanted);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        // With several leaders nobody may hold the others up for long.
        let wait = left.min(FETCH_WAIT);
        for (leader, partitions) in by_leader {
            let topics = FetchTopic::default()
                .with_topic(topic_name(topic))
                .with_partitions(partitions);
            let request = FetchRequest::default()
                .with_replica_id((-1).into())
                .with_max_wait_ms(millis(wait))
                .with_min_bytes(1)
                .with_max_bytes(FETCH_BYTES)
                .with_session_epoch(-1)
                .with_topics(vec![topics]);
            let response = self.ask(&leader, FETCH, &request)?;
            refused("fetch", topic, response.error_code)?;
            for data in response.responses.into_iter().flat_map(|t| t.partitions) {
                refused("fetch", topic, data.error_code)?;
                reading.add(data.partition_index, data.records.unwrap_or_default())?;
            }
        }
        Ok(())
    }

    fn offsets(&mut self, topic: &str, time: i64) -> io::Result<Vec<(i32, i64)>> {
        let mut found = Vec::new();
        for (partition, leader) in self.leaders(topic)? {
            let wanted = ListOffsetsPartition::default()
                .with_partition_index(partition)
                .with_timestamp(time);
            let topics = ListOffsetsTopic::default()
                .with_name(topic_name(topic))
                .with_partitions(vec![wanted]);
            let request = ListOffsetsRequest::default()
                .with_replica_id((-1).into())
                .with_topics(vec![topics]);
            let response = self.ask(&leader, LIST_OFFSETS, &request)?;
            for answer in response.topics.into_iter().flat_map(|t| t.partitions) {
                refused("list the offsets of", topic, answer.error_code)?;
                found.push((answer.partition_index, answer.offset));
            }
        }
        Ok(found)
    }

    /// Addresses of the leaders of all partitions.
    fn leaders(&mut self, topic: &str) -> io::Result<BTreeMap<i32, String>> {
        let metadata = self.metadata(&[topic])?;
        let mut leaders = BTreeMap::new();
        for described in &metadata.topics {
            refused("describe", topic, described.error_code)?;
            for partition in &described.partitions {
                refused("find the leader of", topic, partition.error_code)?;
                let address = address_of(&metadata, partition.leader_id.0)?;
                leaders.insert(partition.partition_index, address);
            }
        }
        if leaders.is_empty() {
            return refused("describe", topic, UNKNOWN_TOPIC).map(|()| leaders);
        }
        Ok(leaders)
    }

    fn controller(&mut self) -> io::Result<String> {
        let metadata = self.metadata(&[])?;
        address_of(&metadata, metadata.controller_id.0)
    }

    /// Asks the bootstrap addresses one after the other.
    fn metadata(&mut self, topics: &[&str]) -> io::Result<MetadataResponse> {
        let named = topics
            .iter()
            .map(|name| MetadataRequestTopic::default().with_name(Some(topic_name(name))));
        let request = MetadataRequest::default()
            .with_topics(Some(named.collect()))
            .with_allow_auto_topic_creation(false);
        let mut last = io::Error::new(io::ErrorKind::InvalidInput, "no bootstrap address");
        for address in self.bootstrap.clone() {
            match self.ask(&address, METADATA, &request) {
                Ok(metadata) => return Ok(metadata),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn retry<T>(
        &mut self,
        deadline: Instant,
        mut attempt: impl FnMut(&mut Self) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match attempt(self) {
                Err(error) if is_transient(&error) && Instant::now() < deadline => pause(deadline),
                result => return result,
            }
        }
    }

    /// Sends a request and waits for its answer; a connection that fails is forgotten.
    fn ask<R: Request>(
        &mut self,
        address: &str,
        version: i16,
        request: &R,
    ) -> io::Result<R::Response> {
        let mut stream = match self.connections.remove(address) {
            Some(stream) => stream,
            None => open(address, self.timeout)?,
        };
        self.correlation = self.correlation.wrapping_add(1);
        let answer = exchange(&mut stream, self.correlation, version, request)?;
        self.connections.insert(address.to_owned(), stream);
        Ok(answer)
    }
}

/// State of one `fetch_from`.
struct Reading {
    next: BTreeMap<i32, i64>,
    ends: BTreeMap<i32, i64>,
    until: Until,
    records: Vec<Record>,
}

impl Reading {
    /// Partitions that are not read to their end yet.
    fn wanted(&self) -> Vec<(i32, i64)> {
        let open = self
            .next
            .iter()
            .filter(|(partition, next)| match self.until {
                Until::Records(_) => true,
                Until::End => self.ends.get(partition).is_none_or(|end| *next < end),
            });
        open.map(|(partition, next)| (*partition, *next)).collect()
    }

    fn is_done(&self) -> bool {
        match self.until {
            Until::Records(n) => self.records.len() >= n,
            Until::End => self.wanted().is_empty(),
        }
    }

    fn add(&mut self, partition: i32, bytes: Bytes) -> io::Result<()> {
        let Some(next) = self.next.get_mut(&partition) else {
            return Ok(());
        };
        let end = codec::end_offset(bytes.clone());
        let records = codec::decode(partition, bytes)?;
        // An answer begins with the whole batch that contains the offset.
        let new = records.into_iter().filter(|record| record.offset >= *next);
        self.records.extend(new);
        if let Some(end) = end {
            *next = end.max(*next);
        }
        Ok(())
    }
}

fn open(address: &str, timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the address has no host");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(timeout))?;
                stream.set_write_timeout(Some(timeout))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn exchange<R: Request>(
    stream: &mut TcpStream,
    correlation: i32,
    version: i16,
    request: &R,
) -> io::Result<R::Response> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_static_str("tracing-kafka-consumer")));
    let mut frame = BytesMut::zeroed(4);
    header
        .encode(&mut frame, R::header_version(version))
        .and_then(|()| request.encode(&mut frame, version))
        .map_err(invalid)?;
    let length = u32::try_from(frame.len() - 4).map_err(invalid)?;
    if let Some(prefix) = frame.get_mut(0..4) {
        prefix.copy_from_slice(&length.to_be_bytes());
    }
    stream.write_all(&frame)?;
    let mut answer = read_frame(stream)?;
    let header = ResponseHeader::decode(&mut answer, R::Response::header_version(version))
        .map_err(invalid)?;
    if header.correlation_id != correlation {
        return Err(invalid("the answer belongs to another request"));
    }
    R::Response::decode(&mut answer, version).map_err(invalid)
}

fn read_frame(stream: &mut TcpStream) -> io::Result<Bytes> {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix)?;
    let length = u64::from((&prefix[..]).get_u32());
    if length > MAX_ANSWER {
        return Err(invalid("the answer is too long"));
    }
    let mut answer = Vec::new();
    let got = stream.take(length).read_to_end(&mut answer)?;
    if got as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer.into())
}

/// Finds the address of a broker.
fn address_of(metadata: &MetadataResponse, node: i32) -> io::Result<String> {
    let mut brokers = metadata.brokers.iter();
    let broker = brokers.find(|broker| broker.node_id.0 == node);
    let broker = broker
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotConnected, "the leader is not listed"))?;
    Ok(format!("{}:{}", &*broker.host, broker.port))
}

fn refused(what: &str, topic: &str, code: i16) -> io::Result<()> {
    let kind = match code {
        0 => return Ok(()),
        // Unknown, without a leader, moved, or of another leader epoch: all pass.
        UNKNOWN_TOPIC | 5 | 6 | 9 | 74 | 75 => io::ErrorKind::NotConnected,
        36 => io::ErrorKind::AlreadyExists,
        _ => io::ErrorKind::Other,
    };
    let text = format!("cannot {what} topic `{topic}`: error code {code}");
    Err(io::Error::new(kind, text))
}

fn is_transient(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::Other | io::ErrorKind::InvalidInput
    )
}

fn pause(deadline: Instant) {
    let left = deadline.saturating_duration_since(Instant::now());
    std::thread::sleep(left.min(Duration::from_millis(20)));
}

fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}

// Known to Apache Kafka 4 and to the broker here, by topic name, without tagged fields.
const METADATA: i16 = 7;
const LIST_OFFSETS: i16 = 5;
const FETCH: i16 = 11;
const CREATE_TOPICS: i16 = 4;
const DELETE_TOPICS: i16 = 3;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const UNKNOWN_TOPIC: i16 = 3;
const FETCH_BYTES: i32 = 16 * 1024 * 1024;
const FETCH_WAIT: Duration = Duration::from_millis(250);
const MAX_ANSWER: u64 = 256 * 1024 * 1024;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
