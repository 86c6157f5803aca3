use std::sync::Arc;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use sockjs_axum::SockJsLayer;
use sockjs_client::{Client, ConnectError, TransportError};
use support::Server;
use tokio_rustls::TlsAcceptor;

use crate::places::all_transports;

/// Serves a router with a certificate for `localhost` that nobody trusts, which is returned.
async fn serve(app: Router) -> (Server, CertificateDer<'static>) {
    let signed =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let certificate = signed.cert.der().clone();
    let key =
        PrivateKeyDer::try_from(signed.signing_key.serialize_der()).expect("a key of a known kind");
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("the key of the certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Server::around(async move |listener| {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let (acceptor, app) = (acceptor.clone(), app.clone());
            tokio::spawn(async move {
                // A client that does not trust the certificate goes away.
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                auto::Builder::new(TokioExecutor::new())
                    .serve_connection_with_upgrades(
                        TokioIo::new(stream),
                        TowerToHyperService::new(app),
                    )
                    .await
                    .ok();
            });
        }
    })
    .await;
    (server, certificate)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[tokio::test]
async fn every_transport_works_over_tls() {
    let app = Router::new().layer(SockJsLayer::echo("/echo"));
    let (server, certificate) = serve(app).await;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let url = format!("https://localhost:{}/echo", server.addr().port());
    for transport in all_transports() {
        let client = Client::builder(&url)
            .transport(transport)
            .tls_config(config.clone());
        let mut client = client.connect().await.unwrap();
        let long = "x".repeat(1_000_000);
        client.send(&*long).await.unwrap();
        assert_eq!(client.recv().await.as_deref(), Some(&*long));
        assert_eq!(client.close().await.code(), 1000);
    }
}

#[tokio::test]
async fn a_certificate_that_the_system_does_not_trust_is_refused() {
    let (server, _) = serve(Router::new()).await;
    let url = format!("https://localhost:{}/echo", server.addr().port());
    let error = Client::connect(url).await.unwrap_err();
    let ConnectError::Info(TransportError::Connect(error)) = error else {
        panic!("{error}");
    };
    assert!(error.to_string().contains("certificate"), "{error}");
}
