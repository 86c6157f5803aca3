use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tower_service::Service;

use crate::connector::Serve;
use crate::task::Task;

/// Serves each connection with a clone of the service, by hyper, as a server with sockets does.
pub(crate) fn serve<S, B>(service: S) -> Arc<Serve>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // Not every service is `Sync`.
    let service = Mutex::new(service);
    Arc::new(move |io| {
        let service = service
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Task::spawn(async move {
            let connection = http1::Builder::new()
                .serve_connection(TokioIo::new(io), TowerToHyperService::new(service))
                .with_upgrades();
            // The client sees an error of the service as a connection that breaks.
            connection.await.ok();
        })
    })
}
