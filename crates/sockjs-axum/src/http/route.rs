use sockjs_core::Endpoint;

use super::header::Cors;

/// The route of a request, which outlives the head that it was read from.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    endpoint: Endpoint,
    session_id: Box<str>,
}

impl Route {
    /// Finds what `path` asks for; `None` if it is not under `prefix`.
    pub(crate) fn parse(prefix: &str, path: &str) -> Option<Self> {
        let route = sockjs_core::Route::parse(prefix, path)?;
        Some(Self {
            endpoint: route.endpoint(),
            session_id: route.session_id().into(),
        })
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Returns the session id; empty if the URL has none.
    pub(crate) fn session_id(&self) -> &str {
        &self.session_id
    }

    /// Returns the methods that are allowed.
    pub(crate) fn allow(&self, cors: Cors) -> &'static [&'static str] {
        let methods = self.endpoint.methods();
        match (cors, methods) {
            (Cors::Disabled, ["OPTIONS", others @ ..]) => others,
            (Cors::Enabled | Cors::Disabled, _) => methods,
        }
    }

    /// Returns whether this is a receive request.
    pub(crate) fn is_receive(&self) -> bool {
        let transport = self.endpoint.transport();
        transport.is_some_and(|transport| !transport.is_websocket())
    }

    /// Returns whether the URL is for allowed origins only.
    pub(crate) fn is_guarded(&self) -> bool {
        self.endpoint.has_session_id()
            || matches!(self.endpoint, Endpoint::Info | Endpoint::RawWebSocket)
    }

    /// Returns how the client's page loads a URL that a browser requests without `Origin`: the mode
    /// and the destination of the request, as the Fetch standard calls them.
    pub(crate) fn loaded_as(&self) -> Option<(&'static str, &'static str)> {
        match self.endpoint {
            Endpoint::EventSource => Some(("cors", "empty")),
            Endpoint::HtmlFile => Some(("navigate", "iframe")),
            Endpoint::Jsonp => Some(("no-cors", "script")),
            _ => None,
        }
    }

    /// Returns whether pages of other origins may read the answers.
    pub(super) fn is_readable_by_other_origins(&self) -> bool {
        match self.endpoint {
            Endpoint::Info
            | Endpoint::Xhr
            | Endpoint::XhrStreaming
            | Endpoint::EventSource
            | Endpoint::XhrSend => true,
            Endpoint::Greeting
            | Endpoint::Iframe
            | Endpoint::RawWebSocket
            | Endpoint::WebSocket
            | Endpoint::HtmlFile
            | Endpoint::Jsonp
            | Endpoint::JsonpSend
            | Endpoint::Unknown => false,
        }
    }
}
