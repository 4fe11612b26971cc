//! Opens TCP connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::net::lookup_host;
use tokio::time::Instant;
use tokio::time::timeout;

/// Less than this is not given to one of several addresses while there is time.
const MIN_SHARE: Duration = Duration::from_secs(2);

/// Connects to the first address of `host:port` that answers. The time until `deadline` is shared
/// out, so that a dead address does not use up that of the next.
pub(super) async fn dial(address: &str, deadline: Instant) -> io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = lookup_host(address).await?.collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no addresses");
    let mut untried = addresses.len();
    for address in addresses {
        let share = share(deadline.saturating_duration_since(Instant::now()), untried);
        untried -= 1;
        match timeout(share, connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// How long to try one of `untried` addresses.
fn share(left: Duration, untried: usize) -> Duration {
    let even = left / u32::try_from(untried).unwrap_or(u32::MAX).max(1);
    even.max(MIN_SHARE).min(left)
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // With Nagle's algorithm a request waits for the acknowledgement of the one before.
    socket.set_nodelay(true)?;
    // A peer that vanished while nothing is sent is noticed at some time; the system sets the pace.
    socket.set_keepalive(true)?;
    let stream = socket.connect(address).await?;
    if stream.local_addr()? == stream.peer_addr()? {
        // A free port of this machine can be given to our own end: we would talk to ourselves.
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn time_is_shared_out_among_the_addresses() {
        let seconds = Duration::from_secs;
        assert_eq!(share(seconds(10), 1), seconds(10));
        assert_eq!(share(seconds(10), 2), seconds(5));
        assert_eq!(share(seconds(10), 100), MIN_SHARE);
        assert_eq!(share(seconds(1), 2), seconds(1));
        assert_eq!(share(Duration::ZERO, 0), Duration::ZERO);
    }

    #[tokio::test]
    async fn the_next_address_is_tried_when_one_refuses() {
        // `localhost` is ::1 first on most systems, and nothing listens there.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let deadline = Instant::now() + Duration::from_secs(10);
        let stream = dial(&format!("localhost:{port}"), deadline).await.unwrap();
        assert!(stream.nodelay().unwrap());
        assert_eq!(stream.peer_addr().unwrap().port(), port);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_peer_that_vanishes_is_asked_for_now_and_then() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let deadline = Instant::now() + Duration::from_secs(10);
        let stream = dial(&address, deadline).await.unwrap();
        assert!(rustix::net::sockopt::socket_keepalive(&stream).unwrap());
    }

    #[tokio::test]
    async fn ipv6_literals_are_understood() {
        let Ok(listener) = TcpListener::bind("[::1]:0") else {
            return; // no IPv6 here
        };
        let address = listener.local_addr().unwrap().to_string();
        let deadline = Instant::now() + Duration::from_secs(10);
        dial(&address, deadline).await.unwrap();
    }

    #[tokio::test]
    async fn bad_addresses_are_errors() {
        let deadline = Instant::now() + Duration::from_secs(10);
        for address in ["", "nocolon", "127.0.0.1:notaport", "127.0.0.1:1"] {
            dial(address, deadline).await.unwrap_err();
        }
    }
}
