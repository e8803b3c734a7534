//! The service's connections.

use std::net;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::Shared;
use super::answer;

/// The most connections at a time. Others are closed at once.
const MOST_CONNECTIONS: usize = 1000;

/// The most bytes of a request's line and headers.
const MOST_HEAD: usize = 64 * 1024;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The pause after a connection could not be accepted, as when file descriptors have run out.
const AFTER_ERROR: Duration = Duration::from_millis(50);

/// The service's two listeners.
pub(super) struct Listeners {
    tls: TcpListener,
    plain: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listeners {
    /// Registers the listeners with the current runtime.
    pub(super) fn new(
        tls: net::TcpListener,
        plain: net::TcpListener,
        config: Arc<ServerConfig>,
    ) -> std::io::Result<Listeners> {
        tls.set_nonblocking(true)?;
        plain.set_nonblocking(true)?;
        Ok(Listeners {
            tls: TcpListener::from_std(tls)?,
            plain: TcpListener::from_std(plain)?,
            acceptor: TlsAcceptor::from(config),
        })
    }

    /// Serves connections until the future is dropped, which drops the connections too.
    pub(super) async fn serve(self, shared: Arc<Shared>) {
        let seats = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        loop {
            let (accepted, secure) = tokio::select! {
                accepted = self.tls.accept() => (accepted, true),
                accepted = self.plain.accept() => (accepted, false),
            };
            let Ok((stream, _)) = accepted else {
                sleep(AFTER_ERROR).await;
                continue;
            };
            let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else { continue };
            let (acceptor, shared) = (self.acceptor.clone(), Arc::clone(&shared));
            tokio::spawn(async move {
                let _seat = seat;
                if secure {
                    serve_tls(&acceptor, stream, shared).await;
                } else {
                    serve_http(stream, shared).await;
                }
            });
        }
    }
}

async fn serve_tls(acceptor: &TlsAcceptor, stream: TcpStream, shared: Arc<Shared>) {
    // Without a handshake there is no request: the guest does not trust the authority, or does not
    // speak TLS.
    if let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await {
        serve_http(stream, shared).await;
    }
}

/// Answers requests until the client closes the connection, or an answer is to hang up.
async fn serve_http(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { answer::answer(request, &shared).await }
    });
    let served = http1::Builder::new()
        .title_case_headers(true)
        .half_close(true)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    // The client went away, or sent what is not HTTP and was answered with 400.
    let _ = served;
}
