//! How connections are accepted, and what they speak.

use std::io;
use std::sync::Arc;

use anyhow::anyhow;
use axum::Router;
use axum::serve::ListenerExt;
use clap::ValueEnum;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What connections speak.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Over {
    /// HTTP/1.1, as `axum::serve` does
    Http1,
    /// HTTP/2 from the first byte, without TLS
    Http2,
    /// HTTP/1.1 over TLS, with a certificate nobody signed
    Tls,
}

pub(super) async fn serve(listener: TcpListener, app: Router, over: Over) -> anyhow::Result<()> {
    match over {
        Over::Http1 => {
            // Nagle's algorithm would hold a frame back while the one before it is not acknowledged. A
            // connection that ended meanwhile has nothing to delay.
            let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
            axum::serve(listener, app).await?;
        }
        Over::Http2 => {
            let service = TowerToHyperService::new(app);
            accept(listener, |stream| {
                http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service.clone())
            })
            .await?;
        }
        Over::Tls => {
            let acceptor = acceptor()?;
            let service = TowerToHyperService::new(app);
            accept(listener, |stream| {
                let (handshake, service) = (acceptor.accept(stream), service.clone());
                async {
                    let stream = TokioIo::new(handshake.await?);
                    let connection = http1::Builder::new().serve_connection(stream, service);
                    connection.with_upgrades().await?;
                    anyhow::Ok(())
                }
            })
            .await?;
        }
    }
    Ok(())
}

/// Serves every connection in a task of its own. How one ends is nobody's business.
async fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output: Send> + Send + 'static,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream));
    }
}

fn acceptor() -> anyhow::Result<TlsAcceptor> {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der())
        .map_err(|error| anyhow!("{error}"))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
