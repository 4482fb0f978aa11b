//! Sockets: accept, shake hands, hand over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::StartError;
use crate::http::serve::{Door, connection};

/// Longest TLS handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Rest after a failed accept (out of file descriptors, for instance).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Listener {
    socket: TcpListener,
    pub(super) address: SocketAddr,
}

impl Listener {
    pub(super) async fn bind(address: SocketAddr) -> Result<Self, StartError> {
        let failed = |source| StartError::Bind { address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address })
    }

    /// Serves `door` until `stop` is cancelled.
    pub(super) fn spawn(
        self,
        door: Door,
        tls: Option<Arc<rustls::ServerConfig>>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        let acceptor = tls.map(TlsAcceptor::from);
        let (stop, connections) = (stop.clone(), tasks.clone());
        tasks.spawn(async move {
            loop {
                let (stream, peer) = tokio::select! {
                    () = stop.cancelled() => return,
                    accepted = self.socket.accept() => match accepted {
                        Ok(accepted) => accepted,
                        Err(error) => {
                            tracing::warn!(%error, "could not accept a connection");
                            tokio::time::sleep(ACCEPT_PAUSE).await;
                            continue;
                        }
                    },
                };
                let door = Door { peer: peer.ip(), ..door.clone() };
                connections.spawn(serve(stream, acceptor.clone(), door, stop.clone()));
            }
        });
    }
}

async fn serve(stream: TcpStream, acceptor: Option<TlsAcceptor>, door: Door, stop: CancellationToken) {
    // Small answers must not wait for the next packet.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else { return connection(stream, door, stop).await };
    let accepted = tokio::select! {
        () = stop.cancelled() => return,
        accepted = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)) => accepted,
    };
    match accepted {
        Ok(Ok(stream)) => connection(stream, door, stop).await,
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
}
