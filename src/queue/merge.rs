//! The frames of several shards as one sequence in the order of their times.

use super::Chunk;
use super::Frame;
use super::Frames;

/// One shard's frames: the next one, those after it in its chunk, and the chunks after that.
struct Cursor<'a> {
    head: Frame<'a>,
    frames: Frames<'a>,
    chunks: std::slice::Iter<'a, Chunk>,
}

impl<'a> Cursor<'a> {
    fn new(chunks: &'a [Chunk]) -> Option<Self> {
        let mut chunks = chunks.iter();
        let mut frames = Frames::new(&[]);
        let head = next(&mut frames, &mut chunks)?;
        Some(Self {
            head,
            frames,
            chunks,
        })
    }
}

fn next<'a>(
    frames: &mut Frames<'a>,
    chunks: &mut std::slice::Iter<'a, Chunk>,
) -> Option<Frame<'a>> {
    loop {
        if let Some(frame) = frames.next() {
            return Some(frame);
        }
        *frames = Frames::new(&chunks.next()?.bytes);
    }
}

/// The frames of one drain by their times; those of one shard stay in their order, whatever the
/// clock did.
pub(crate) fn in_time_order(chunks: &[Chunk]) -> impl Iterator<Item = Frame<'_>> {
    let shards = chunks.chunk_by(|one, other| one.shard == other.shard);
    let mut cursors: Vec<Cursor<'_>> = shards.filter_map(Cursor::new).collect();
    std::iter::from_fn(move || {
        let earliest = cursors.iter().enumerate().min_by_key(|(_, c)| c.head.nanos);
        let (index, _) = earliest?;
        let cursor = cursors.get_mut(index)?;
        let frame = cursor.head;
        match next(&mut cursor.frames, &mut cursor.chunks) {
            Some(head) => cursor.head = head,
            None => drop(cursors.remove(index)),
        }
        Some(frame)
    })
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
            crate::queue::frame::append(&mut bytes, stamp, 0, b"v");
        }
        Chunk { shard, bytes }
    }

    #[test]
    fn shards_are_merged_and_each_keeps_its_own_order() {
        let chunks = [
            chunk(0, &[1, 5, 4]),
            chunk(0, &[]),
            chunk(0, &[9]),
            chunk(3, &[2, 2]),
            chunk(7, &[3, 10]),
        ];
        let times: Vec<i64> = in_time_order(&chunks).map(|frame| frame.nanos).collect();
        assert_eq!(times, [1, 2, 2, 3, 5, 4, 9, 10]);
        assert_eq!(in_time_order(&[]).count(), 0);
    }
}
