//! One node: accepting, framing, and the faults that hit connections.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Buf as _;
use bytes::Bytes;
use bytes::BytesMut;
use kafka_protocol::messages::RequestHeader;
use kafka_protocol::protocol::Decodable as _;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::answer;
use crate::answer::Asked;
use crate::api::Api;
use crate::cluster::Cluster;
use crate::fault::Fault;
use crate::fault::RequestInfo;

/// Held by every task of a node; `down` waits until the last one is gone.
pub(crate) type Alive = mpsc::Sender<()>;

/// Accepts connections; owns them, so that aborting it cuts them all.
pub(crate) async fn accept(listener: TcpListener, node: i32, cluster: Arc<Cluster>, alive: Alive) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // Out of descriptors, most likely; they come back when clients go.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    continue;
                };
                let number = {
                    let mut stats = cluster.stats();
                    stats.accepted += 1;
                    stats.open += 1;
                    stats.accepted
                };
                let connection = Connection {
                    stream,
                    received: BytesMut::new(),
                    node,
                    number,
                    cluster: Arc::clone(&cluster),
                    _alive: alive.clone(),
                };
                cluster.notify();
                connections.spawn(connection.serve());
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

struct Connection {
    stream: TcpStream,
    received: BytesMut,
    node: i32,
    number: u64,
    cluster: Arc<Cluster>,
    _alive: Alive,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.cluster.stats().open -= 1;
        self.cluster.notify();
    }
}

/// The connection is to be dropped.
struct Cut;

impl<E: std::error::Error> From<E> for Cut {
    fn from(_: E) -> Self {
        Self
    }
}

impl Connection {
    /// Answers requests in order until the client goes or a fault ends it.
    async fn serve(mut self) {
        drop(self.stream.set_nodelay(true));
        if self.welcome().await.is_err() {
            return;
        }
        while self.turn().await.is_ok() {}
    }

    async fn welcome(&mut self) -> Result<(), Cut> {
        let info = RequestInfo {
            api: Api::Connect,
            version: 0,
            node: self.node,
            connection: self.number,
            client_id: None,
            partitions: Vec::new(),
            batches: Vec::new(),
        };
        match self.cluster.next_fault(&info) {
            None => Ok(()),
            Some(Fault::Silence) => self.stay_silent().await,
            Some(Fault::Freeze) => std::future::pending().await,
            Some(Fault::Delay(time) | Fault::Stall(time)) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            Some(_) => Err(Cut),
        }
    }

    /// Reads one request and answers it.
    async fn turn(&mut self) -> Result<(), Cut> {
        let frame = self.read_frame().await?;
        let Some(asked) = self.read_header(frame)? else {
            return Err(Cut);
        };
        let fault = self.next_fault(&asked)?;
        match &fault {
            Some(Fault::Cut) => return Err(Cut),
            Some(Fault::Silence) => return self.stay_silent().await,
            Some(Fault::Freeze) => return std::future::pending().await,
            Some(Fault::Stall(time)) => tokio::time::sleep(*time).await,
            _ => {}
        }
        let answer = answer::answer(&self.cluster, asked, fault.as_ref()).await?;
        self.cluster.notify();
        self.send(answer, fault).await
    }

    fn next_fault(&self, asked: &Asked) -> Result<Option<Fault>, Cut> {
        let mut info = RequestInfo {
            api: asked.api,
            version: asked.version,
            node: self.node,
            connection: self.number,
            client_id: asked.client_id.clone(),
            partitions: Vec::new(),
            batches: Vec::new(),
        };
        // Decoding twice is for hooks only: benches have none.
        if self.cluster.has_hooks(asked.api) {
            answer::tell(asked, &mut info)?;
        }
        Ok(self.cluster.next_fault(&info))
    }

    async fn read_frame(&mut self) -> Result<Bytes, Cut> {
        self.receive(4).await?;
        let length = self.received.get_i32();
        let length = usize::try_from(length)?;
        if !(MIN_FRAME..=self.cluster.config.max_request_bytes).contains(&length) {
            return Err(Cut);
        }
        self.receive(length).await?;
        Ok(self.received.split_to(length).freeze())
    }

    /// Reads until at least `n` bytes are there; memory follows what arrives, not what is announced.
    async fn receive(&mut self, n: usize) -> Result<(), Cut> {
        while self.received.len() < n {
            let missing = n - self.received.len();
            let chunk = self.received.len().max(READ_BYTES);
            self.received.reserve(missing.min(chunk));
            self.quickack();
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(Cut);
            }
        }
        Ok(())
    }

    fn quickack(&self) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if self.cluster.config.quickack {
            // The kernel leaves the mode by itself, so it is set before every read.
            drop(self.stream.set_quickack(true));
        }
    }

    fn read_header(&self, mut frame: Bytes) -> Result<Option<Asked>, Cut> {
        let Some(key) = frame.get(0..2).and_then(|b| b.try_into().ok()) else {
            return Ok(None);
        };
        let Some(version) = frame.get(2..4).and_then(|b| b.try_into().ok()) else {
            return Ok(None);
        };
        let version = i16::from_be_bytes(version);
        let Some(api) = Api::from_key(i16::from_be_bytes(key)) else {
            return Ok(None);
        };
        let (Some(wire), Some((min, max))) = (api.wire_key(), self.cluster.config.versions(api))
        else {
            return Ok(None);
        };
        let known = (min..=max).contains(&version);
        if !known && api != Api::ApiVersions {
            return Ok(None);
        }
        // Of an ApiVersions request from the future only the fixed part can be read.
        let header_version = if known {
            wire.request_header_version(version)
        } else {
            1
        };
        let header = RequestHeader::decode(&mut frame, header_version).map_err(|_| Cut)?;
        let client_id = header.client_id.map(|id| id.to_string());
        self.cluster
            .stats()
            .count(api, version, client_id.as_deref());
        self.cluster.notify();
        Ok(Some(Asked {
            api,
            version,
            supported: known,
            node: self.node,
            correlation: header.correlation_id,
            client_id,
            body: frame,
        }))
    }

    async fn send(&mut self, answer: Option<BytesMut>, fault: Option<Fault>) -> Result<(), Cut> {
        if fault == Some(Fault::LostAnswer) {
            return Err(Cut);
        }
        let Some(mut frame) = answer else {
            return Ok(());
        };
        match fault {
            Some(Fault::AppendThenSilence) => return self.stay_silent().await,
            Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
            Some(Fault::Garbage) => answer::scramble(&mut frame),
            Some(Fault::WrongCorrelation) => answer::renumber(&mut frame),
            Some(Fault::HalfAnswer) => {
                frame.truncate(frame.len() / 2);
                self.stream.write_all(&frame).await?;
                return Err(Cut);
            }
            Some(Fault::Oversize) => {
                if let Some(length) = frame.get_mut(0..4) {
                    length.copy_from_slice(&i32::MAX.to_be_bytes());
                }
                self.stream.write_all(&frame).await?;
                return self.stay_silent().await;
            }
            _ => {}
        }
        self.stream.write_all(&frame).await?;
        if let Some(Fault::Throttle(time)) = fault {
            tokio::time::sleep(time).await;
        }
        Ok(())
    }

    /// Keeps the connection and reads on, so that the client's writes do not block.
    async fn stay_silent(&mut self) -> Result<(), Cut> {
        loop {
            let frame = self.read_frame().await?;
            // Requests are counted here too: a client may only notice by its own timeout.
            self.read_header(frame)?;
        }
    }
}

/// Key, version, correlation id and the length of a client id.
const MIN_FRAME: usize = 8;
const READ_BYTES: usize = 64 * 1024;
