//! The frames of several shards as one sequence in the order of their times.

use std::collections::VecDeque;

use super::Chunk;
use super::frame;
use super::frame::Head;

/// Drained chunks on their way out: a sequence that can be left and gone on with.
///
/// It is in the order of times as far as shards keep it: the frames of one shard stay in their order,
/// whatever the clock did.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    /// One for each shard, none without a frame.
    cursors: Vec<Cursor>,
    /// The one with the earliest frame, and until which time it stays that.
    current: usize,
    until: i64,
    spent: Vec<Chunk>,
}

/// One shard's frames: the chunks, and where in the first of them the next frame begins.
#[derive(Debug)]
struct Cursor {
    chunks: VecDeque<Chunk>,
    at: usize,
    head: Head,
}

impl Cursor {
    fn new(chunk: Chunk) -> Self {
        Self {
            chunks: VecDeque::from([chunk]),
            at: 0,
            head: Head::default(),
        }
    }

    fn shard(&self) -> Option<usize> {
        self.chunks.front().map(|chunk| chunk.shard)
    }

    /// Reads the head at `at`, in the next chunk where this one has ended; chunks that ended go to
    /// `spent`. Returns false at the very end.
    #[inline]
    fn settle(&mut self, spent: &mut Vec<Chunk>) -> bool {
        while let Some(chunk) = self.chunks.front() {
            if let Some(head) = frame::head(&chunk.bytes, self.at) {
                self.head = head;
                return true;
            }
            spent.extend(self.chunks.pop_front());
            self.at = 0;
        }
        false
    }

    fn value(&self) -> &[u8] {
        let chunk = self.chunks.front().map(|chunk| chunk.bytes.as_slice());
        chunk
            .and_then(|bytes| bytes.get(self.at..)?.get(self.head.value()))
            .unwrap_or_default()
    }
}

impl Merge {
    pub(crate) fn is_empty(&self) -> bool {
        self.cursors.is_empty()
    }

    /// Takes the chunks of one drain, each shard's in its order.
    pub(crate) fn add(&mut self, chunks: &mut Vec<Chunk>) {
        for chunk in chunks.drain(..) {
            let shard = chunk.shard;
            let mut cursors = self.cursors.iter_mut();
            match cursors.find(|cursor| cursor.shard() == Some(shard)) {
                Some(cursor) => cursor.chunks.push_back(chunk),
                None => self.cursors.push(Cursor::new(chunk)),
            }
        }
        let spent = &mut self.spent;
        self.cursors.retain_mut(|cursor| cursor.settle(spent));
        self.choose();
    }

    /// The time and the value of the next frame.
    #[inline]
    pub(crate) fn peek(&self) -> Option<(i64, &[u8])> {
        let cursor = self.cursors.get(self.current)?;
        Some((cursor.head.nanos, cursor.value()))
    }

    /// Goes on to the frame after the next one.
    #[inline]
    pub(crate) fn advance(&mut self) {
        let Some(cursor) = self.cursors.get_mut(self.current) else {
            return;
        };
        cursor.at += cursor.head.whole();
        if !cursor.settle(&mut self.spent) {
            self.cursors.remove(self.current);
            self.choose();
        } else if cursor.head.nanos > self.until {
            self.choose();
        }
    }

    /// Chunks all of whose frames are gone by, to be given back.
    pub(crate) fn spent(&mut self) -> impl Iterator<Item = Chunk> {
        self.spent.drain(..)
    }

    /// Finds the earliest head, and the one after it.
    fn choose(&mut self) {
        let (mut first, mut second) = (i64::MAX, i64::MAX);
        self.current = 0;
        for (index, cursor) in self.cursors.iter().enumerate() {
            let nanos = cursor.head.nanos;
            if nanos < first {
                second = first;
                first = nanos;
                self.current = index;
            } else {
                second = second.min(nanos);
            }
        }
        self.until = second;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::frame::Shape;
    use crate::queue::frame::Stamp;
    use tracing::Level;

    fn chunk(shard: usize, times: &[i64]) -> Chunk {
        let mut bytes = Vec::new();
        for time in times {
            let stamp = Stamp {
                level: Level::INFO,
                shape: Shape::Plain,
                nanos: *time,
            };
            frame::append(&mut bytes, stamp, 0, format!("{shard}:{time}").as_bytes());
        }
        Chunk { shard, bytes }
    }

    fn merged(merge: &mut Merge) -> Vec<String> {
        let mut values = Vec::new();
        while let Some((nanos, value)) = merge.peek() {
            let value = String::from_utf8(value.to_vec()).unwrap();
            assert!(value.ends_with(&format!(":{nanos}")), "{value} at {nanos}");
            values.push(value);
            merge.advance();
        }
        values
    }

    #[test]
    fn shards_are_merged_and_each_keeps_its_own_order() {
        let mut merge = Merge::default();
        let mut chunks = vec![
            chunk(0, &[1, 5, 4]),
            chunk(0, &[]),
            chunk(0, &[9]),
            chunk(3, &[2, 2]),
            chunk(7, &[3, 10]),
            chunk(8, &[]),
            chunk(9, &[i64::MAX, i64::MIN]),
        ];
        let all = chunks.len();
        merge.add(&mut chunks);
        let expected = [
            "0:1",
            "3:2",
            "3:2",
            "7:3",
            "0:5",
            "0:4",
            "0:9",
            "7:10",
            "9:9223372036854775807",
            "9:-9223372036854775808",
        ];
        assert_eq!(merged(&mut merge), expected);
        assert!(merge.is_empty());
        assert_eq!(merge.spent().count(), all, "every chunk comes back");
        assert_eq!(merge.spent().count(), 0);
    }

    #[test]
    fn chunks_come_back_as_soon_as_they_are_through_and_more_can_be_added() {
        let mut merge = Merge::default();
        merge.add(&mut vec![chunk(0, &[1, 2]), chunk(0, &[3]), chunk(1, &[4])]);
        merge.advance();
        assert_eq!(merge.spent().count(), 0);
        merge.advance();
        assert_eq!(merge.spent().count(), 1);
        merge.add(&mut vec![chunk(0, &[5])]);
        assert_eq!(merged(&mut merge), ["0:3", "1:4", "0:5"]);
    }
}
