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
use http::{HeaderName, HeaderValue, StatusCode};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use quittance_barcode::EmvProfile;
use quittance_engine::Engine;
use rustix::net::sockopt::set_tcp_user_timeout;
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
use crate::route::{door_router, router};

const MAX_HEADERS: usize = 64;

/// How many connections beyond the limit are answered at a time: with the server's health, or that there are too many.
pub(crate) const MAX_AT_THE_DOOR: usize = 256;

/// How long a connection beyond the limit may take to say what it wants.
const DOOR_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to wait after the system refused a connection, for want of files most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The limits of a server, and what it says of its merchants.
#[derive(Clone, Debug)]
pub(crate) struct ServerSettings {
    /// How many connections there may be at one time. Those beyond are told so, and closed.
    pub(crate) max_connections: usize,
    /// How many requests are worked on at a time. Those beyond wait a moment for their turn.
    pub(crate) max_requests_at_once: usize,
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
            max_connections: 12_000,
            max_requests_at_once: 256,
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
    let routes = with_layers(router(Arc::clone(&app)), Arc::clone(&app));
    let door = with_layers(door_router(Arc::clone(&app)), app);
    let server = Server::new(routes, door, &settings);
    server.run(listener, shutdown, stop, settings.drain_deadline).await;
}

struct Server {
    inside: Part,
    /// For connections beyond the limit, each of which is asked and answered once: so a client that is turned away knows, and
    /// whoever watches over the server sees it well however many others there are.
    door: Part,
    write_timeout: Duration,
    graceful: GracefulShutdown,
    tasks: JoinSet<()>,
}

/// How some connections are served, and how many of them.
struct Part {
    http: http1::Builder,
    routes: TowerToHyperService<Router>,
    slots: Arc<Semaphore>,
}

impl Part {
    fn new(routes: Router, max_connections: usize, head_timeout: Duration) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(head_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD_BYTES);
        let slots = Arc::new(Semaphore::new(max_connections));
        Self { http, routes: TowerToHyperService::new(routes), slots }
    }
}

impl Server {
    fn new(routes: Router, door: Router, settings: &ServerSettings) -> Self {
        let mut door = Part::new(door, MAX_AT_THE_DOOR, settings.head_timeout.min(DOOR_TIMEOUT));
        door.http.keep_alive(false);
        Self {
            inside: Part::new(routes, settings.max_connections, settings.head_timeout),
            door,
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
                accepted = accept(&listener, &self.door.slots) => {
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

    /// `door_slot` is given back at once where there is room inside.
    fn begin(&mut self, stream: tokio::net::TcpStream, door_slot: OwnedSemaphorePermit) {
        let (part, slot) = match Arc::clone(&self.inside.slots).try_acquire_owned() {
            Ok(slot) => (&self.inside, slot),
            Err(_) => (&self.door, door_slot),
        };
        // Answers are small, and each is wanted at once.
        let _ = stream.set_nodelay(true);
        // What is sent to a machine that is gone is never confirmed: the system ends the connection then.
        let unconfirmed_ms = u32::try_from(self.write_timeout.as_millis()).unwrap_or(u32::MAX);
        let _ = set_tcp_user_timeout(&stream, unconfirmed_ms);
        // Else whoever asks and never reads keeps the connection for ever.
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(self.write_timeout));
        let connection = part.http.serve_connection(TokioIo::new(Box::pin(stream)), part.routes.clone());
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
    let status = response.status().as_u16();
    // Those who are turned away are counted elsewhere: under load a line each would be load too.
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        tracing::debug!(status, latency_us, "turned away");
    } else {
        tracing::info!(status, latency_us, "answered");
    }
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
        let door = Router::new().fallback(async || Problem::too_many_connections());
        let server = Server::new(routes(watcher), door, &settings);
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

    /// Asks until there is room.
    async fn until_served(address: std::net::SocketAddr) {
        let ask = "GET /slow HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let asking = async { while !rest(send(address, ask).await).await.starts_with("HTTP/1.1 200") {} };
        tokio::time::timeout(Duration::from_secs(10), asking).await.expect("there is room in time");
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
            until_served(running.address).await;
            drop(deaf);
        }
    }

    #[tokio::test]
    async fn connections_beyond_the_limit_are_told_so_and_those_within_go_on() {
        let settings = ServerSettings { max_connections: 1, ..Default::default() };
        let running = start(settings, routes).await;
        let ask = "GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";
        let first = send(running.address, ask).await;
        for _ in 0..2 {
            let second = rest(send(running.address, ask).await).await;
            assert!(second.starts_with("HTTP/1.1 503") && second.contains("retry-after: 1"), "{second}");
        }
        drop(first);
        // There is room again once the first is seen to be gone.
        until_served(running.address).await;
    }
}
