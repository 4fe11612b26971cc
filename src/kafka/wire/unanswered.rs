//! Answers in the broker's place to Produce requests with `acks` of 0, to which it gives none.
//!
//! The messenger waits for an answer to every request, and keeps what it needs for that until one
//! comes. So one is made up as soon as the request is written: that nothing is known to be wrong.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use super::produce::FIRST_FLEXIBLE;

/// The key of Produce requests.
const PRODUCE: i16 = 0;
/// Key, version and correlation id, at the start of each request.
const HEAD_BYTES: usize = 8;
const PREFIX_BYTES: usize = 4;

/// A stream of frames that answers Produce requests itself, if it is told to.
#[derive(Debug)]
pub(super) struct Unanswered<S> {
    inner: S,
    is_on: Arc<AtomicBool>,
    outgoing: Frame,
    incoming: Frame,
    /// Answers that were not read yet, with their lengths.
    answers: VecDeque<u8>,
    /// The task that waits for one.
    reader: Option<Waker>,
}

impl<S> Unanswered<S> {
    /// As long as `is_on` is false everything goes through as it is.
    pub(super) fn new(inner: S, is_on: Arc<AtomicBool>) -> Self {
        Self {
            inner,
            is_on,
            outgoing: Frame::default(),
            incoming: Frame::default(),
            answers: VecDeque::new(),
            reader: None,
        }
    }

    /// `bytes` went out.
    fn sent(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = self.outgoing.advance(rest);
            if self.outgoing.is_complete() {
                if let Some(head) = self.outgoing.head() {
                    self.answer(head);
                }
                self.outgoing = Frame::default();
            }
        }
    }

    fn answer(&mut self, head: [u8; HEAD_BYTES]) {
        let [k0, k1, v0, v1, id @ ..] = head;
        if i16::from_be_bytes([k0, k1]) != PRODUCE || !self.is_on.load(Ordering::Acquire) {
            return;
        }
        // No topics, no throttle; tagged fields, none, in the header and at the end.
        let body: &[u8] = if i16::from_be_bytes([v0, v1]) >= FIRST_FLEXIBLE {
            &[0, 1, 0, 0, 0, 0, 0]
        } else {
            &[0, 0, 0, 0, 0, 0, 0, 0]
        };
        let length = u32::try_from(id.len() + body.len()).unwrap_or(0);
        self.answers.extend(length.to_be_bytes());
        self.answers.extend(id);
        self.answers.extend(body);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unanswered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        // Not in the middle of a frame of the broker's.
        if this.incoming.is_empty() && !this.answers.is_empty() {
            let (front, _) = this.answers.as_slices();
            let count = front.len().min(buf.remaining());
            buf.put_slice(front.get(..count).unwrap_or_default());
            this.answers.drain(..count);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        if Pin::new(&mut this.inner).poll_read(cx, buf)?.is_pending() {
            this.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut rest = buf.filled().get(before..).unwrap_or_default();
        while !rest.is_empty() {
            rest = this.incoming.advance(rest);
            if this.incoming.is_complete() {
                this.incoming = Frame::default();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unanswered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = ready!(Pin::new(&mut this.inner).poll_write(cx, buf))?;
        this.sent(buf.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// How much of a frame has gone by.
#[derive(Debug, Default)]
struct Frame {
    prefix: [u8; PREFIX_BYTES],
    head: [u8; HEAD_BYTES],
    /// Prefix included.
    seen: usize,
}

impl Frame {
    /// Takes what of `bytes` belongs to the frame; answers the rest.
    fn advance<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let wanted = if self.seen < PREFIX_BYTES {
            PREFIX_BYTES
        } else {
            self.length()
        };
        let count = wanted.saturating_sub(self.seen).min(bytes.len());
        let (taken, rest) = bytes.split_at_checked(count).unwrap_or((bytes, &[]));
        let kept = self.prefix.iter_mut().chain(&mut self.head);
        for (place, byte) in kept.skip(self.seen).zip(taken) {
            *place = *byte;
        }
        self.seen += count;
        rest
    }

    /// With the prefix. An impossible length is for others to find out.
    fn length(&self) -> usize {
        let length = usize::try_from(u32::from_be_bytes(self.prefix)).unwrap_or(0);
        length.saturating_add(PREFIX_BYTES)
    }

    fn is_empty(&self) -> bool {
        self.seen == 0
    }

    fn is_complete(&self) -> bool {
        self.seen >= PREFIX_BYTES && self.seen >= self.length()
    }

    fn head(&self) -> Option<[u8; HEAD_BYTES]> {
        (self.seen >= PREFIX_BYTES + HEAD_BYTES).then_some(self.head)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    fn request(key: i16, version: i16, id: i32, length: usize) -> Vec<u8> {
        let mut body = [key.to_be_bytes(), version.to_be_bytes()].concat();
        body.extend(id.to_be_bytes());
        body.resize(length, 7);
        let mut frame = u32::try_from(length).unwrap().to_be_bytes().to_vec();
        frame.extend(body);
        frame
    }

    async fn frame(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
        let length = stream.read_u32().await.unwrap();
        let mut frame = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut frame).await.unwrap();
        frame
    }

    #[tokio::test]
    async fn produce_requests_are_answered_and_others_are_left_to_the_broker() {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let mut stream = Unanswered::new(near, Arc::new(AtomicBool::new(true)));
        // In pieces, and several in one write.
        let mut sent = request(0, 12, 5, 1000);
        sent.extend(request(3, 4, 6, 40));
        sent.extend(request(0, 8, 7, 8));
        for piece in sent.chunks(333) {
            stream.write_all(piece).await.unwrap();
        }
        assert_eq!(
            frame(&mut stream).await,
            [0, 0, 0, 5, 0, 1, 0, 0, 0, 0, 0],
            "version 12"
        );
        let expected = [0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(frame(&mut stream).await, expected, "version 8");
        far.write_all(&[0, 0, 0, 4, 0, 0, 0, 6]).await.unwrap();
        assert_eq!(frame(&mut stream).await, [0, 0, 0, 6]);
        let mut received = vec![0; sent.len()];
        far.read_exact(&mut received).await.unwrap();
        assert_eq!(received, sent);
    }

    #[tokio::test]
    async fn an_answer_waits_for_the_end_of_a_frame_of_the_brokers_and_wakes_the_reader() {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let (mut reader, mut writer) =
            tokio::io::split(Unanswered::new(near, Arc::new(AtomicBool::new(true))));
        far.write_all(&[0, 0, 0, 6, 0, 0]).await.unwrap();
        let mut start = [0; 6];
        reader.read_exact(&mut start).await.unwrap();
        writer.write_all(&request(0, 12, 9, 30)).await.unwrap();
        far.write_all(&[0, 3, 8, 8]).await.unwrap();
        let mut rest = [0; 4];
        reader.read_exact(&mut rest).await.unwrap();
        assert_eq!(rest, [0, 3, 8, 8]);
        let next = tokio::spawn(async move { frame(&mut reader).await });
        assert_eq!(next.await.unwrap()[..4], [0, 0, 0, 9]);
    }

    #[tokio::test]
    async fn switched_off_it_does_nothing() {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let mut stream = Unanswered::new(near, Arc::default());
        stream.write_all(&request(0, 12, 5, 100)).await.unwrap();
        far.write_all(&[0, 0, 0, 1, 42]).await.unwrap();
        assert_eq!(frame(&mut stream).await, [42]);
    }
}
