//! The byte stream under the messenger: one write per request, no frame beyond the limit, and a
//! switch that ends writing when the connection is given up.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::BufReader;
use tokio::io::ReadBuf;

/// The longest answer taken; one about a single topic is far shorter.
pub(super) const MAX_FRAME_BYTES: usize = 4 << 20;
/// The shortest: a correlation id.
const MIN_FRAME_BYTES: usize = 4;
/// Most answers fit, so that prefix and frame are one read.
const READ_BUFFER_BYTES: usize = 8 << 10;

/// Whether a connection may still be used; shared by the connection and its stream.
#[derive(Debug, Default)]
pub(super) struct Switch {
    off: AtomicBool,
    /// The task that waits until the peer reads, to be told that it need not.
    writer: Mutex<Option<Waker>>,
}

impl Switch {
    /// Whether the connection was given up, or ended.
    pub(super) fn is_off(&self) -> bool {
        self.off.load(Ordering::Acquire)
    }

    /// Gives the connection up: no more writes. Answers under way may still arrive.
    ///
    /// The messenger finishes a half-written request even if nobody waits for it. Without this a
    /// peer that stops reading would keep the socket and the request for ever.
    pub(super) fn turn_off(&self) {
        self.off.store(true, Ordering::Release);
        let waiting = self.writer().take();
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    fn wait_for_peer(&self, waker: &Waker) {
        self.writer().replace(waker.clone());
    }

    fn writer(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that carries length-prefixed frames both ways.
#[derive(Debug)]
pub(super) struct FrameStream<S> {
    inner: BufReader<S>,
    switch: Arc<Switch>,
    incoming: FrameMeter,
    /// The prefix of a request, held back until its body follows.
    held: Held,
}

impl<S: AsyncRead + AsyncWrite + Unpin> FrameStream<S> {
    pub(super) fn new(stream: S, switch: Arc<Switch>) -> Self {
        Self {
            inner: BufReader::with_capacity(READ_BUFFER_BYTES, stream),
            switch,
            incoming: FrameMeter::default(),
            held: Held::default(),
        }
    }

    /// Writes the held prefix and `body` as one; answers how much of `body` went out.
    fn poll_write_both(&mut self, cx: &mut Context<'_>, body: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let held = self.held.len();
            let slices = [IoSlice::new(self.held.bytes()), IoSlice::new(body)];
            let written = ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, &slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.held.advance(written);
            if let Some(of_body) = written.checked_sub(held)
                && (of_body > 0 || body.is_empty())
            {
                return Poll::Ready(Ok(of_body));
            }
        }
    }

    /// Lets `write` run unless the switch is off, and leaves a waker there if it has to wait.
    fn guarded<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(&mut Self, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.switch.is_off() {
            return Poll::Ready(Err(given_up()));
        }
        let result = write(self, cx);
        if result.is_pending() {
            self.switch.wait_for_peer(cx.waker());
            // Turned off between the first look and the waker's arrival.
            if self.switch.is_off() {
                return Poll::Ready(Err(given_up()));
            }
        } else if matches!(result, Poll::Ready(Err(_))) {
            self.switch.turn_off();
        }
        result
    }
}

fn given_up() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "the connection was given up",
    )
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for FrameStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let wanted = buf.remaining();
        let result = ready!(Pin::new(&mut this.inner).poll_read(cx, buf)).and_then(|()| {
            let new = buf.filled().get(before..).unwrap_or_default();
            if new.is_empty() && wanted > 0 {
                this.switch.turn_off();
            }
            this.incoming.advance(new)
        });
        if result.is_err() {
            buf.set_filled(before);
            this.switch.turn_off();
        }
        Poll::Ready(result)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for FrameStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.guarded(cx, |this, cx| {
            if this.held.len() == 0 && this.held.hold(buf) {
                return Poll::Ready(Ok(buf.len()));
            }
            this.poll_write_both(cx, buf)
        })
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.guarded(cx, |this, cx| {
            if this.held.len() > 0 {
                ready!(this.poll_write_both(cx, &[]))?;
            }
            Pin::new(&mut this.inner).poll_flush(cx)
        })
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Up to four bytes that wait for the body of their frame.
#[derive(Debug, Default)]
struct Held {
    bytes: [u8; 4],
    from: usize,
    to: usize,
}

impl Held {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(self.from..self.to).unwrap_or_default()
    }

    fn len(&self) -> usize {
        self.to - self.from
    }

    /// Keeps `data` if it is as short as a prefix.
    fn hold(&mut self, data: &[u8]) -> bool {
        let Some(room) = self.bytes.get_mut(..data.len()) else {
            return false;
        };
        room.copy_from_slice(data);
        (self.from, self.to) = (0, data.len());
        true
    }

    /// Forgets what went out.
    fn advance(&mut self, written: usize) {
        self.from = (self.from + written).min(self.to);
    }
}

/// Follows the frames in what is read, and refuses a length before memory is taken for it.
#[derive(Debug, Default)]
struct FrameMeter {
    /// The prefix as far as it was read.
    prefix: [u8; 4],
    prefix_len: usize,
    /// Bytes of the current frame still to come.
    left: usize,
}

impl FrameMeter {
    fn advance(&mut self, mut data: &[u8]) -> io::Result<()> {
        loop {
            let skipped = self.left.min(data.len());
            self.left -= skipped;
            let Some((byte, rest)) = data.get(skipped..).and_then(<[u8]>::split_first) else {
                return Ok(());
            };
            if let Some(place) = self.prefix.get_mut(self.prefix_len) {
                *place = *byte;
            }
            self.prefix_len += 1;
            if self.prefix_len == self.prefix.len() {
                self.prefix_len = 0;
                self.left = frame_len(self.prefix)?;
            }
            data = rest;
        }
    }
}

/// The length that a prefix announces, if it can be one of an answer.
fn frame_len(prefix: [u8; 4]) -> io::Result<usize> {
    let announced = i32::from_be_bytes(prefix);
    if let Ok(len) = usize::try_from(announced)
        && (MIN_FRAME_BYTES..=MAX_FRAME_BYTES).contains(&len)
    {
        return Ok(len);
    }
    let message = match &prefix {
        b"HTTP" => "this is an HTTP server".to_owned(),
        [0x15, 0x03, ..] => "the listener expects TLS".to_owned(),
        _ => format!("expected a frame of 4 to {MAX_FRAME_BYTES} bytes, found {announced}"),
    };
    Err(io::Error::new(io::ErrorKind::InvalidData, message))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use tokio::io::AsyncReadExt as _;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// Takes so many bytes at each write, as planned, and records what it took; reads from a list.
    #[derive(Debug, Default)]
    struct Scripted {
        plan: VecDeque<usize>,
        writes: Vec<Vec<u8>>,
        reads: VecDeque<Vec<u8>>,
    }

    impl AsyncRead for Scripted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if let Some(chunk) = self.reads.pop_front() {
                buf.put_slice(&chunk);
            }
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Scripted {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(cx, &[IoSlice::new(buf)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let mut all: Vec<u8> = bufs
                .iter()
                .flat_map(|slice| slice.iter())
                .copied()
                .collect();
            all.truncate(self.plan.pop_front().unwrap_or(usize::MAX));
            let written = all.len();
            self.writes.push(all);
            Poll::Ready(Ok(written))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn stream(scripted: Scripted) -> FrameStream<Scripted> {
        FrameStream::new(scripted, Arc::default())
    }

    #[tokio::test]
    async fn a_prefix_and_its_frame_are_one_write() {
        let mut stream = stream(Scripted::default());
        for body in [vec![1; 100_000], vec![2; 3], vec![3; 4]] {
            let prefix = u32::try_from(body.len()).unwrap().to_be_bytes();
            stream.write_all(&prefix).await.unwrap();
            stream.write_all(&body).await.unwrap();
            stream.flush().await.unwrap();
            let writes = std::mem::take(&mut stream.inner.get_mut().writes);
            assert_eq!(writes, [[prefix.to_vec(), body].concat()]);
        }
    }

    #[tokio::test]
    async fn short_writes_lose_and_repeat_nothing() {
        for first in 1..12 {
            for second in 1..8 {
                let mut stream = stream(Scripted {
                    plan: VecDeque::from([first, second]),
                    ..Scripted::default()
                });
                stream.write_all(b"\0\0\0\x08").await.unwrap();
                stream.write_all(b"abcdefgh").await.unwrap();
                stream.flush().await.unwrap();
                let written = stream.inner.get_ref().writes.concat();
                assert_eq!(written, b"\0\0\0\x08abcdefgh", "{first} {second}");
            }
        }
    }

    #[tokio::test]
    async fn frames_are_followed_however_they_are_cut() {
        let frames = b"\0\0\0\x04abcd\0\0\0\x05abcde\0\0\0\x06abcdef".to_vec();
        for size in 1..frames.len() {
            let mut stream = stream(Scripted {
                reads: frames.chunks(size).map(<[u8]>::to_vec).collect(),
                ..Scripted::default()
            });
            let mut read = vec![0; frames.len()];
            stream.read_exact(&mut read).await.unwrap();
            assert_eq!(read, frames);
            assert_eq!((stream.incoming.left, stream.incoming.prefix_len), (0, 0));
            assert!(!stream.switch.is_off());
        }
    }

    #[tokio::test]
    async fn impossible_lengths_end_the_stream_before_any_memory_is_taken() {
        let cases: [(&[u8; 4], &str); 5] = [
            (b"HTTP", "this is an HTTP server"),
            (b"\x15\x03\x03\0", "the listener expects TLS"),
            (b"\x7f\xff\xff\xff", "found 2147483647"),
            (b"\xff\xff\xff\xff", "found -1"),
            (b"\0\0\0\x03", "found 3"),
        ];
        for (prefix, message) in cases {
            let mut stream = stream(Scripted {
                reads: VecDeque::from([prefix.to_vec()]),
                ..Scripted::default()
            });
            let error = stream.read_exact(&mut [0; 4]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert!(error.to_string().contains(message), "{error}");
            assert!(stream.switch.is_off());
        }
    }

    #[tokio::test]
    async fn the_end_of_the_stream_and_giving_up_both_turn_the_switch_off() {
        let mut ended = stream(Scripted::default());
        ended.read_exact(&mut [0; 4]).await.unwrap_err();
        assert!(ended.switch.is_off());

        let mut given_up = stream(Scripted::default());
        given_up.switch.turn_off();
        let error = given_up.write_all(b"abcd").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
        assert!(given_up.inner.get_ref().writes.is_empty());
    }
}
