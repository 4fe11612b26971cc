//! A raw client on `kafka-protocol`, and the encoding of batches.

use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::net::ToSocketAddrs;
use std::time::Duration;

use bytes::Bytes;
use bytes::BytesMut;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::MetadataRequest;
use kafka_protocol::messages::MetadataResponse;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::ProduceResponse;
use kafka_protocol::messages::RequestHeader;
use kafka_protocol::messages::ResponseHeader;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_request::FetchTopic;
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_request::TopicProduceData;
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::protocol::Decodable as _;
use kafka_protocol::protocol::Encodable as _;
use kafka_protocol::protocol::HeaderVersion as _;
use kafka_protocol::protocol::Request;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::Compression;
use kafka_protocol::records::Record;
use kafka_protocol::records::RecordBatchEncoder;
use kafka_protocol::records::RecordEncodeOptions;
use kafka_protocol::records::TimestampType;
use tracing_kafka_broker::TestBroker;

pub(crate) const LONG: Duration = Duration::from_secs(10);

/// A connection to one node.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    correlation: i32,
}

impl Client {
    pub(crate) fn to(broker: &TestBroker, node: i32) -> Self {
        Self::try_to(broker, node).unwrap()
    }

    pub(crate) fn try_to(broker: &TestBroker, node: i32) -> io::Result<Self> {
        Self::at(broker.address(node).unwrap())
    }

    pub(crate) fn at(address: impl ToSocketAddrs) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LONG))?;
        Ok(Self {
            stream,
            correlation: 0,
        })
    }

    pub(crate) fn send<R: Request>(&mut self, version: i16, request: &R) -> i32 {
        self.correlation += 1;
        let frame = frame(self.correlation, version, request);
        self.stream.write_all(&frame).unwrap();
        self.correlation
    }

    pub(crate) fn receive(&mut self) -> io::Result<Bytes> {
        let mut prefix = [0; 4];
        self.stream.read_exact(&mut prefix)?;
        let mut body = vec![0; u32::from_be_bytes(prefix) as usize];
        self.stream.read_exact(&mut body)?;
        Ok(body.into())
    }

    pub(crate) fn try_call<R: Request>(
        &mut self,
        version: i16,
        request: &R,
    ) -> io::Result<R::Response> {
        let sent = self.send(version, request);
        let mut body = self.receive()?;
        let header_version = R::Response::header_version(version);
        let header = ResponseHeader::decode(&mut body, header_version).unwrap();
        assert_eq!(header.correlation_id, sent);
        let answer = R::Response::decode(&mut body, version).unwrap();
        assert!(
            body.is_empty(),
            "{} bytes are left of the answer",
            body.len()
        );
        Ok(answer)
    }

    pub(crate) fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.try_call(version, request).unwrap()
    }

    pub(crate) fn produce(
        &mut self,
        topic: &str,
        partition: i32,
        batch: &Bytes,
    ) -> PartitionProduceResponse {
        let request = produce(topic, &[(partition, batch.clone())]);
        only(&self.call(12, &request))
    }

    pub(crate) fn fetch(&mut self, request: &FetchRequest) -> Vec<PartitionData> {
        let response = self.call(11, request);
        assert_eq!(response.error_code, 0);
        let topics = response.responses.into_iter();
        topics.flat_map(|topic| topic.partitions).collect()
    }

    pub(crate) fn metadata(&mut self, topic: &str) -> MetadataResponse {
        let named = MetadataRequestTopic::default().with_name(Some(name(topic)));
        self.call(
            12,
            &MetadataRequest::default().with_topics(Some(vec![named])),
        )
    }

    /// Asserts that the other side closes without sending anything.
    #[track_caller]
    pub(crate) fn assert_cut(&mut self) {
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(0) => {}
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => {}
            other => panic!("expected a closed connection, found {other:?}"),
        }
    }
}

pub(crate) fn only(response: &ProduceResponse) -> PartitionProduceResponse {
    assert_eq!(response.responses.len(), 1);
    assert_eq!(response.responses[0].partition_responses.len(), 1);
    response.responses[0].partition_responses[0].clone()
}

pub(crate) fn frame<R: Request>(correlation: i32, version: i16, request: &R) -> BytesMut {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_static_str("raw")));
    let mut frame = BytesMut::zeroed(4);
    header
        .encode(&mut frame, R::header_version(version))
        .unwrap();
    request.encode(&mut frame, version).unwrap();
    let length = u32::try_from(frame.len() - 4).unwrap();
    frame[0..4].copy_from_slice(&length.to_be_bytes());
    frame
}

pub(crate) fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

pub(crate) fn produce(topic: &str, batches: &[(i32, Bytes)]) -> ProduceRequest {
    let data = batches.iter().map(|(partition, batch)| {
        PartitionProduceData::default()
            .with_index(*partition)
            .with_records(Some(batch.clone()))
    });
    let topic = TopicProduceData::default()
        .with_name(name(topic))
        .with_partition_data(data.collect());
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(30_000)
        .with_topic_data(vec![topic])
}

pub(crate) fn fetch(topic: &str, from: &[(i32, i64)], max_bytes: i32) -> FetchRequest {
    let partitions = from.iter().map(|(partition, offset)| {
        FetchPartition::default()
            .with_partition(*partition)
            .with_fetch_offset(*offset)
            .with_partition_max_bytes(max_bytes)
    });
    let topic = FetchTopic::default()
        .with_topic(name(topic))
        .with_partitions(partitions.collect());
    FetchRequest::default()
        .with_replica_id((-1).into())
        .with_max_bytes(max_bytes)
        .with_min_bytes(1)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

/// A batch to be encoded.
#[derive(Clone)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Record>,
    pub(crate) codec: Compression,
}

impl Batch {
    pub(crate) fn of(values: &[&str]) -> Self {
        let numbered = (0..).zip(values);
        let records = numbered.map(|(i, value)| record(i, Some(value.as_bytes())));
        Self {
            records: records.collect(),
            codec: Compression::None,
        }
    }

    pub(crate) fn codec(mut self, codec: Compression) -> Self {
        self.codec = codec;
        self
    }

    pub(crate) fn producer(mut self, id: i64, epoch: i16, sequence: i32) -> Self {
        for (i, record) in (0..).zip(&mut self.records) {
            record.producer_id = id;
            record.producer_epoch = epoch;
            record.sequence = sequence.wrapping_add(i);
        }
        self
    }

    pub(crate) fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        let options = RecordEncodeOptions {
            version: 2,
            compression: self.codec,
        };
        match self.codec {
            Compression::Lz4 => {
                let lz4 = |plain: &mut BytesMut, out: &mut BytesMut, _| {
                    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                    encoder.write_all(plain)?;
                    out.extend_from_slice(&encoder.finish()?);
                    Ok(())
                };
                RecordBatchEncoder::encode_with_custom_compression(
                    &mut out,
                    &self.records,
                    &options,
                    Some(lz4),
                )
            }
            _ => RecordBatchEncoder::encode(&mut out, &self.records, &options),
        }
        .unwrap();
        out.freeze()
    }
}

pub(crate) fn batch(values: &[&str]) -> Bytes {
    Batch::of(values).encode()
}

pub(crate) fn record(offset: i64, value: Option<&[u8]>) -> Record {
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset,
        // So that base sequence and sequence agree for batches without a producer.
        sequence: i32::try_from(offset).unwrap() - 1,
        timestamp: 1_700_000_000_000 + offset,
        key: None,
        value: value.map(Bytes::copy_from_slice),
        headers: [].into(),
    }
}

/// Values that the broker holds, decoded.
pub(crate) fn stored(broker: &TestBroker, topic: &str, partition: i32) -> Vec<String> {
    let records = broker.records(topic, partition);
    records
        .iter()
        .map(tracing_kafka_broker::Record::text)
        .collect()
}

/// A broker of one node with topic `t` of one partition.
pub(crate) fn one() -> TestBroker {
    let broker = TestBroker::builder().start_blocking().unwrap();
    assert!(broker.create_topic("t", 1));
    broker
}
