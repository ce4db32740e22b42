//! The server: connections, their limits, and an end in good order.
//!
//! It must not know what the routes do.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use quittance_barcode::EmvProfile;
use quittance_engine::Engine;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutWriter;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;
use tracing::Span;

use crate::app::App;
use crate::auth::nonces::Nonces;
use crate::head::{MAX_HEAD_BYTES, check_head};
use crate::problem::Problem;
use crate::route::router;

const MAX_HEADERS: usize = 64;

/// How long to wait after the system refused a connection, for want of files most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The limits of a server, and what it says of its merchants.
#[derive(Clone, Debug)]
pub(crate) struct ServerSettings {
    /// How many connections there may be at one time. Those beyond wait for their turn.
    pub(crate) max_connections: usize,
    /// How long a connection may be idle, and how long the head of a request may take.
    pub(crate) head_timeout: Duration,
    /// How long a body may take.
    pub(crate) body_timeout: Duration,
    /// How long a request may take until its answer begins.
    pub(crate) request_timeout: Duration,
    /// How long a client may leave unread what was sent to it.
    pub(crate) write_timeout: Duration,
    /// How many event streams an account may have open.
    pub(crate) max_streams_per_account: usize,
    /// What barcodes of the EMV form say of the merchants.
    pub(crate) emv: EmvProfile,
    /// How long requests under way may take once the server stops.
    pub(crate) drain_deadline: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            max_connections: 8_192,
            head_timeout: Duration::from_secs(20),
            body_timeout: Duration::from_secs(15),
            request_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            max_streams_per_account: 64,
            emv: EmvProfile::default(),
            drain_deadline: Duration::from_secs(10),
        }
    }
}

/// Serves until `shutdown` is ready, and then finishes what is under way. The engine is left running.
pub(crate) async fn serve(
    listener: TcpListener,
    engine: Arc<Engine>,
    settings: ServerSettings,
    nonces: Nonces,
    shutdown: impl Future<Output = ()>,
) {
    let (stop, stopping) = watch::channel(false);
    let app = Arc::new(App::new(engine, settings.clone(), nonces, stopping));
    let server = Server::new(with_layers(router(Arc::clone(&app)), app), &settings);
    server.run(listener, shutdown, stop, settings.drain_deadline).await;
}

struct Server {
    http: http1::Builder,
    routes: TowerToHyperService<Router>,
    slots: Arc<Semaphore>,
    write_timeout: Duration,
    graceful: GracefulShutdown,
    tasks: JoinSet<()>,
}

impl Server {
    fn new(routes: Router, settings: &ServerSettings) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(settings.head_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD_BYTES);
        Self {
            http,
            routes: TowerToHyperService::new(routes),
            slots: Arc::new(Semaphore::new(settings.max_connections)),
            write_timeout: settings.write_timeout,
            graceful: GracefulShutdown::new(),
            tasks: JoinSet::new(),
        }
    }

    async fn run(
        mut self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
        stop: watch::Sender<bool>,
        deadline: Duration,
    ) {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = accept(&listener, &self.slots) => {
                    if let Some((stream, slot)) = accepted {
                        self.begin(stream, slot);
                    }
                }
            }
            while self.tasks.try_join_next().is_some() {}
        }
        drop(listener);
        stop.send_replace(true);
        let is_drained = tokio::time::timeout(deadline, self.graceful.shutdown()).await.is_ok();
        if !is_drained {
            tracing::warn!(
                seconds = deadline.as_secs(),
                "some requests took too long to end and were cut off"
            );
        }
        self.tasks.shutdown().await;
    }

    fn begin(&mut self, stream: tokio::net::TcpStream, slot: OwnedSemaphorePermit) {
        // Answers are small, and each is wanted at once.
        let _ = stream.set_nodelay(true);
        // Else whoever asks and never reads keeps the connection for ever.
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(self.write_timeout));
        let connection = self.http.serve_connection(TokioIo::new(Box::pin(stream)), self.routes.clone());
        let connection = self.graceful.watch(connection);
        self.tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(slot);
        });
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, slot)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// What every answer goes through.
fn with_layers(routes: Router, app: Arc<App>) -> Router {
    let trace = TraceLayer::new_for_http()
        .make_span_with(span)
        .on_request(())
        .on_response(log_response)
        .on_body_chunk(())
        .on_eos(())
        .on_failure(());
    routes
        .layer(middleware::from_fn_with_state(app, end_in_time))
        .layer(middleware::from_fn(check_head))
        .layer(header(CACHE_CONTROL, "no-store"))
        .layer(header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(REFERRER_POLICY, "no-referrer"))
        .layer(trace)
}

fn header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

/// Only the route's pattern is told: a path may hold a pairing code or what somebody is to pay.
fn span(request: &Request) -> Span {
    let path = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str);
    tracing::info_span!("request", method = %request.method(), path)
}

fn log_response(response: &Response, latency: Duration, _: &Span) {
    let latency_us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    tracing::info!(status = response.status().as_u16(), latency_us, "answered");
}

async fn end_in_time(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let limit = app.settings.request_timeout;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::timed_out(limit).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::response::sse::{Event, Sse};
    use axum::routing::get;
    use futures_util::stream;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    use super::*;

    struct Running {
        address: std::net::SocketAddr,
        stop: oneshot::Sender<()>,
        task: tokio::task::JoinHandle<()>,
    }

    async fn start(settings: ServerSettings, routes: fn(watch::Receiver<bool>) -> Router) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let (stopping, watcher) = watch::channel(false);
        let server = Server::new(routes(watcher), &settings);
        let deadline = settings.drain_deadline;
        let shutdown = async move { drop(stopped.await) };
        let task = tokio::spawn(server.run(listener, shutdown, stopping, deadline));
        Running { address, stop, task }
    }

    fn routes(stopping: watch::Receiver<bool>) -> Router {
        let slow = async || tokio::time::sleep(Duration::from_millis(200)).await;
        let events = async move || {
            Sse::new(stream::unfold(stopping, |mut stopping| async move {
                stopping.wait_for(|stopping| *stopping).await.ok()?;
                None::<(Result<Event, std::convert::Infallible>, _)>
            }))
        };
        let endless = async || {
            Sse::new(stream::repeat_with(|| {
                Ok::<_, std::convert::Infallible>(Event::default().data("x".repeat(1_000)))
            }))
        };
        let large = async || "x".repeat(100_000);
        Router::new()
            .route("/slow", get(slow))
            .route("/events", get(events))
            .route("/endless", get(endless))
            .route("/large", get(large))
    }

    async fn send(address: std::net::SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn rest(mut stream: TcpStream) -> String {
        let mut text = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut text)).await;
        read.expect("the connection ends").unwrap();
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn what_is_under_way_is_finished_and_streams_end() {
        let running = start(ServerSettings::default(), routes).await;
        let slow = send(running.address, "GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let events = send(running.address, "GET /events HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let idle = TcpStream::connect(running.address).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        running.stop.send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(5), running.task).await.unwrap().unwrap();
        assert!(rest(slow).await.starts_with("HTTP/1.1 200"));
        assert!(rest(events).await.contains("text/event-stream"));
        assert_eq!(rest(idle).await, "");
        assert!(TcpStream::connect(running.address).await.is_err());
    }

    #[tokio::test]
    async fn a_head_that_does_not_come_is_not_waited_for() {
        let settings = ServerSettings { head_timeout: Duration::from_millis(100), ..Default::default() };
        let running = start(settings, routes).await;
        let stalled = send(running.address, "GET /slow HTTP/1.1\r\nhost: ").await;
        rest(stalled).await;
        let idle = TcpStream::connect(running.address).await.unwrap();
        rest(idle).await;
        let many: String = (0..80).map(|n| format!("h{n}: 1\r\n")).collect();
        let crowded = send(running.address, &format!("GET /slow HTTP/1.1\r\n{many}\r\n")).await;
        assert!(rest(crowded).await.starts_with("HTTP/1.1 431"));
    }

    #[tokio::test]
    async fn who_does_not_read_is_not_waited_for() {
        let settings = ServerSettings {
            max_connections: 1,
            write_timeout: Duration::from_millis(200),
            ..Default::default()
        };
        let running = start(settings, routes).await;
        let many = "GET /large HTTP/1.1\r\nhost: a\r\n\r\n".repeat(500);
        for deaf in [many.as_str(), "GET /endless HTTP/1.1\r\nhost: a\r\n\r\n"] {
            let deaf = send(running.address, deaf).await;
            let next =
                send(running.address, "GET /slow HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
            assert!(rest(next).await.starts_with("HTTP/1.1 200"));
            drop(deaf);
        }
    }

    #[tokio::test]
    async fn connections_beyond_the_limit_wait_for_their_turn() {
        let settings = ServerSettings { max_connections: 1, ..Default::default() };
        let running = start(settings, routes).await;
        let ask = "GET /slow HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let (first, second) = (send(running.address, ask).await, send(running.address, ask).await);
        assert!(rest(first).await.starts_with("HTTP/1.1 200"));
        assert!(rest(second).await.starts_with("HTTP/1.1 200"));
    }
}
