//! Another address of a node, on whose way answers can get lost.

use std::io::Read as _;
use std::io::Write as _;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// What connects to its address is connected to the node, as long as the process lives.
pub(crate) struct Forwarder {
    pub(crate) address: String,
    back: Arc<Back>,
}

/// The way back to the client.
#[derive(Default)]
struct Back {
    loses_answers: AtomicBool,
    answers: AtomicU64,
}

impl Forwarder {
    pub(crate) fn to(behind: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.2:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let back = Arc::<Back>::default();
        let (behind, shared) = (behind.to_owned(), Arc::clone(&back));
        std::thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                // The client is told at once of a node that is away.
                if let Ok(node) = TcpStream::connect(&behind) {
                    join(&client, &node, &shared);
                }
            }
        });
        Self { address, back }
    }

    /// Whether what the node answers gets lost from now on.
    pub(crate) fn lose_answers(&self, lose: bool) {
        self.back.loses_answers.store(lose, Ordering::Relaxed);
    }

    /// How many answers, or pieces of them, a client got this way so far.
    pub(crate) fn answers(&self) -> u64 {
        self.back.answers.load(Ordering::Relaxed)
    }
}

impl Drop for Forwarder {
    /// Also when the test fails: others may come this way.
    fn drop(&mut self) {
        self.lose_answers(false);
    }
}

fn join(client: &TcpStream, node: &TcpStream, back: &Arc<Back>) {
    for (from, to, back) in [(client, node, None), (node, client, Some(back))] {
        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let back = back.cloned();
        std::thread::spawn(move || copy(from, to, back.as_deref()));
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, back: Option<&Back>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if let Some(back) = back {
            if back.loses_answers.load(Ordering::Relaxed) {
                continue;
            }
            back.answers.fetch_add(1, Ordering::Relaxed);
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _closed = to.shutdown(Shutdown::Both);
}
