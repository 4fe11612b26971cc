//! Walks a request before it is decoded, so that no length in it is larger than what is there.
//!
//! `kafka-protocol` reserves memory for as many elements as an array announces; four wrong bytes
//! would make it ask for gigabytes, and the process end.

use self::Kind::Blob;
use self::Kind::Fixed;
use self::Kind::Many;
use self::Kind::Numbers;
use self::Kind::Text;
use self::Kind::Texts;
use crate::api::Api;

/// One field of a request or of an element of it.
#[derive(Debug, Clone, Copy)]
struct Field {
    /// First and last version that has it.
    versions: (i16, i16),
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// So many bytes.
    Fixed(usize),
    Text,
    Blob,
    /// An array of values of so many bytes each.
    Numbers(usize),
    Texts,
    /// An array of structures.
    Many(&'static [Field]),
}

const fn all(kind: Kind) -> Field {
    between(0, i16::MAX, kind)
}

const fn since(min: i16, kind: Kind) -> Field {
    between(min, i16::MAX, kind)
}

const fn between(min: i16, max: i16, kind: Kind) -> Field {
    Field {
        versions: (min, max),
        kind,
    }
}

/// Says whether the body is exactly one well-formed request of this kind.
pub(crate) fn fits(api: Api, version: i16, flexible: bool, body: &[u8]) -> bool {
    let mut walk = Walk {
        rest: body,
        version,
        flexible,
    };
    walk.structure(fields(api)).is_some() && walk.rest.is_empty()
}

/// Says whether the bytes hold `count` records whose lengths are right.
pub(crate) fn holds_records(bytes: &[u8], count: usize) -> bool {
    let mut walk = Walk {
        rest: bytes,
        version: 0,
        flexible: false,
    };
    (0..count).all(|_| walk.record().is_some())
}

struct Walk<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
}

impl Walk<'_> {
    fn structure(&mut self, fields: &[Field]) -> Option<()> {
        for field in fields {
            let (min, max) = field.versions;
            if (min..=max).contains(&self.version) {
                self.field(field.kind)?;
            }
        }
        if self.flexible { self.tags() } else { Some(()) }
    }

    fn field(&mut self, kind: Kind) -> Option<()> {
        match kind {
            Fixed(n) => self.skip(n),
            Text => {
                let n = if self.flexible {
                    self.compact()?
                } else {
                    self.short()?
                };
                self.skip(n)
            }
            Blob => {
                let n = self.count()?;
                self.skip(n)
            }
            Numbers(size) => {
                let n = self.count()?;
                self.skip(n.checked_mul(size)?)
            }
            Texts => {
                for _ in 0..self.count()? {
                    self.field(Text)?;
                }
                Some(())
            }
            Many(fields) => {
                for _ in 0..self.count()? {
                    self.structure(fields)?;
                }
                Some(())
            }
        }
    }

    fn tags(&mut self) -> Option<()> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let size = usize::try_from(self.varint()?).ok()?;
            self.skip(size)?;
        }
        Some(())
    }

    /// A record of a batch: what is in it, and that it ends where it says.
    fn record(&mut self) -> Option<()> {
        let size = usize::try_from(self.zigzag()?).ok()?;
        let (record, rest) = self.rest.split_at_checked(size)?;
        let mut inner = Walk {
            rest: record,
            ..*self
        };
        inner.skip(1)?;
        inner.varint()?;
        inner.varint()?;
        inner.sized()?;
        inner.sized()?;
        for _ in 0..inner.zigzag()? {
            inner.sized()?;
            inner.sized()?;
        }
        self.rest = rest;
        inner.rest.is_empty().then_some(())
    }

    /// Bytes behind a length, −1 standing for null.
    fn sized(&mut self) -> Option<()> {
        match self.zigzag()? {
            -1 => Some(()),
            n => self.skip(usize::try_from(n).ok()?),
        }
    }

    fn skip(&mut self, n: usize) -> Option<()> {
        self.rest = self.rest.get(n..)?;
        Some(())
    }

    fn short(&mut self) -> Option<usize> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        length(i16::from_be_bytes(*bytes).into())
    }

    /// The length of an array or of bytes.
    fn count(&mut self) -> Option<usize> {
        if self.flexible {
            return self.compact();
        }
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        length(i32::from_be_bytes(*bytes).into())
    }

    fn compact(&mut self) -> Option<usize> {
        // One more than the length; zero stands for null.
        usize::try_from(self.varint()?.saturating_sub(1)).ok()
    }

    fn zigzag(&mut self) -> Option<i64> {
        let raw = self.varint()?;
        Some((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

fn length(n: i64) -> Option<usize> {
    match n {
        -1 => Some(0),
        n => usize::try_from(n).ok(),
    }
}

const fn fields(api: Api) -> &'static [Field] {
    match api {
        Api::Connect => &[],
        Api::Produce => PRODUCE,
        Api::Fetch => FETCH,
        Api::ListOffsets => LIST,
        Api::Metadata => METADATA,
        Api::OffsetCommit => COMMIT,
        Api::OffsetFetch => COMMITTED,
        Api::FindCoordinator => FIND,
        Api::JoinGroup => JOIN,
        Api::Heartbeat => HEARTBEAT,
        Api::LeaveGroup => LEAVE,
        Api::SyncGroup => SYNC,
        Api::ApiVersions => VERSIONS,
        Api::CreateTopics => CREATE,
        Api::DeleteTopics => DELETE,
        Api::DeleteRecords => CLEAR,
        Api::InitProducerId => PRODUCER_ID,
    }
}

const PRODUCE: &[Field] = &[all(Text), all(Fixed(2)), all(Fixed(4)), all(Many(PRODUCED))];
const LIST: &[Field] = &[all(Fixed(4)), since(2, Fixed(1)), all(Many(LISTED))];
const FIND: &[Field] = &[between(0, 3, Text), since(1, Fixed(1)), since(4, Texts)];
const HEARTBEAT: &[Field] = &[all(Text), all(Fixed(4)), all(Text), since(3, Text)];
const LEAVE: &[Field] = &[all(Text), between(0, 2, Text), since(3, Many(LEAVING))];
const VERSIONS: &[Field] = &[since(3, Text), since(3, Text)];
const CREATE: &[Field] = &[all(Many(CREATED)), all(Fixed(4)), all(Fixed(1))];
const CLEAR: &[Field] = &[all(Many(CLEARED)), all(Fixed(4))];
const PRODUCER_ID: &[Field] = &[all(Text), all(Fixed(4)), since(3, Fixed(10))];
const PRODUCED: &[Field] = &[all(Text), all(Many(&[all(Fixed(4)), all(Blob)]))];
const FETCH: &[Field] = &[
    all(Fixed(17)),
    since(7, Fixed(8)),
    all(Many(&[all(Text), all(Many(FETCHED))])),
    since(7, Many(&[all(Text), all(Numbers(4))])),
    since(11, Text),
];
const FETCHED: &[Field] = &[
    all(Fixed(4)),
    since(9, Fixed(4)),
    all(Fixed(8)),
    since(12, Fixed(4)),
    since(5, Fixed(8)),
    all(Fixed(4)),
];
const LISTED: &[Field] = &[
    all(Text),
    all(Many(&[all(Fixed(4)), since(4, Fixed(4)), all(Fixed(8))])),
];
const METADATA: &[Field] = &[
    all(Many(&[since(10, Fixed(16)), all(Text)])),
    since(4, Fixed(1)),
    between(8, 10, Fixed(1)),
    since(8, Fixed(1)),
];
const COMMIT: &[Field] = &[
    all(Text),
    all(Fixed(4)),
    all(Text),
    since(7, Text),
    between(2, 4, Fixed(8)),
    all(Many(&[
        all(Text),
        all(Many(&[all(Fixed(12)), since(6, Fixed(4)), all(Text)])),
    ])),
];
const COMMITTED: &[Field] = &[
    between(0, 7, Text),
    between(0, 7, Many(INDEXED)),
    since(8, Many(&[all(Text), all(Many(INDEXED))])),
    since(7, Fixed(1)),
];
const INDEXED: &[Field] = &[all(Text), all(Numbers(4))];
const JOIN: &[Field] = &[
    all(Text),
    all(Fixed(4)),
    since(1, Fixed(4)),
    all(Text),
    since(5, Text),
    all(Text),
    all(Many(&[all(Text), all(Blob)])),
    since(8, Text),
];
const LEAVING: &[Field] = &[all(Text), all(Text), since(5, Text)];
const SYNC: &[Field] = &[
    all(Text),
    all(Fixed(4)),
    all(Text),
    since(3, Text),
    since(5, Text),
    since(5, Text),
    all(Many(&[all(Text), all(Blob)])),
];
const CREATED: &[Field] = &[
    all(Text),
    all(Fixed(6)),
    all(Many(&[all(Fixed(4)), all(Numbers(4))])),
    all(Many(&[all(Text), all(Text)])),
];
const DELETE: &[Field] = &[
    since(6, Many(&[all(Text), all(Fixed(16))])),
    between(0, 5, Texts),
    all(Fixed(4)),
];
const CLEARED: &[Field] = &[all(Text), all(Many(&[all(Fixed(12))]))];
