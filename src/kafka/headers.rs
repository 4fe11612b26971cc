//! The headers of a record: named values that layouts rendered, and where the record stood in its sequence.

use std::fmt::Write as _;

use uuid::Uuid;

use super::wire::RecordHeaders;
use super::wire::put_header;
use crate::queue::Frame;
use crate::queue::header_values;

/// The header that names the run of the layer and the sequence within it.
const INSTANCE: &[u8] = b"tracing-kafka-instance";
/// The header with the number of the event in that sequence.
const SEQUENCE: &[u8] = b"tracing-kafka-sequence";

/// The most that the two lengths of a header take.
const LENGTHS: usize = 10;
/// The most that the name of a run and a shard takes.
const INSTANCE_TEXT: usize = 36 + 1 + DIGITS;
/// The most digits that a number has.
const DIGITS: usize = 20;

/// Encodes the headers of one record after the other.
#[derive(Debug)]
pub(super) struct HeaderEncoder {
    /// Names of the headers that the frames hold values of.
    names: Vec<String>,
    /// Names this run of the layer; none without sequence headers.
    instance: Option<Uuid>,
    /// The header that names the run and a shard, for each shard; empty until one has records.
    instances: Vec<Vec<u8>>,
    encoded: Vec<u8>,
    number: String,
}

impl HeaderEncoder {
    pub(super) fn new(names: Vec<String>, with_sequence: bool) -> Self {
        Self {
            names,
            instance: with_sequence.then(Uuid::new_v4),
            instances: Vec::new(),
            encoded: Vec::new(),
            number: String::new(),
        }
    }

    /// At most so many bytes do the headers add to what the queue held of a record.
    pub(super) fn extra_bytes(names: &[String], with_sequence: bool) -> usize {
        let of_names: usize = names.iter().map(|name| name.len() + LENGTHS).sum();
        let sequence = INSTANCE.len() + INSTANCE_TEXT + SEQUENCE.len() + DIGITS + 2 * LENGTHS;
        of_names + if with_sequence { sequence } else { 0 }
    }

    /// The headers of a record that came out of the queue's shard `shard`.
    #[inline]
    pub(super) fn encode(&mut self, frame: &Frame<'_>, shard: usize) -> RecordHeaders<'_> {
        if self.names.is_empty() && self.instance.is_none() {
            return RecordHeaders::default();
        }
        self.encode_some(frame, shard)
    }

    fn encode_some(&mut self, frame: &Frame<'_>, shard: usize) -> RecordHeaders<'_> {
        self.encoded.clear();
        let mut count = 0;
        for (name, value) in self.names.iter().zip(header_values(frame.headers)) {
            put_header(&mut self.encoded, name.as_bytes(), value);
            count += 1;
        }
        if let Some(instance) = self.instance {
            if self.instances.len() <= shard {
                self.instances.resize(shard + 1, Vec::new());
            }
            if let Some(header) = self.instances.get_mut(shard) {
                if header.is_empty() {
                    put_header(header, INSTANCE, format!("{instance}-{shard}").as_bytes());
                }
                self.encoded.extend_from_slice(header);
            }
            self.number.clear();
            // Writing to a string does not fail.
            let _written = write!(self.number, "{}", frame.sequence);
            put_header(&mut self.encoded, SEQUENCE, self.number.as_bytes());
            count += 2;
        }
        RecordHeaders {
            count,
            bytes: &self.encoded,
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;
    use crate::queue::put_header_value;

    #[test]
    fn named_values_come_first_then_instance_and_sequence() {
        let mut values = Vec::new();
        for value in [&b"one"[..], b""] {
            put_header_value(&mut values, |out| out.extend_from_slice(value));
        }
        let frame = Frame {
            nanos: 0,
            level: Level::INFO,
            sequence: 41,
            key: None,
            headers: &values,
            value: b"v",
        };
        let mut expected = Vec::new();
        put_header(&mut expected, b"a", b"one");
        put_header(&mut expected, b"b", b"");
        let names = vec!["a".to_owned(), "b".to_owned()];
        let mut plain = HeaderEncoder::new(names.clone(), false);
        let found = plain.encode(&frame, 3);
        assert_eq!((found.count, found.bytes), (2, &expected[..]));
        let mut numbered = HeaderEncoder::new(names, true);
        let instance = numbered.instance.unwrap();
        put_header(&mut expected, INSTANCE, format!("{instance}-3").as_bytes());
        put_header(&mut expected, SEQUENCE, b"41");
        let found = numbered.encode(&frame, 3);
        assert_eq!((found.count, found.bytes), (4, &expected[..]));
        let mut none = HeaderEncoder::new(Vec::new(), false);
        assert_eq!(none.encode(&frame, 3), RecordHeaders::default());
    }
}
