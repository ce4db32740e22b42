//! A bare handler of hyper's: what any server on this machine would be held against. It reads each body to its end, looks at
//! nothing in it, and gives the same answer to all.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;

use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::runtime::Builder;

use crate::server::Failure;

/// Starts a bare handler on threads of its own, as many as a server has, and gives where it listens. It ends with the
/// process.
///
/// # Errors
/// No port or thread is to be had.
pub(crate) fn serve(answer: Bytes) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    // Not in the runtime of those who ask, which has other things to do.
    let serve = move || -> Result<(), std::io::Error> {
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(accept(listener, answer))
    };
    thread::Builder::new().name("bare".to_owned()).spawn(move || {
        if let Err(error) = serve() {
            eprintln!("the bare handler ended: {error}");
        }
    })?;
    Ok(address)
}

async fn accept(listener: TcpListener, answer: Bytes) -> Result<(), std::io::Error> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        // As the server does.
        let _ = stream.set_nodelay(true);
        let answer = answer.clone();
        let handler = service_fn(move |request| handle(request, answer.clone()));
        // A connection that breaks off concerns whoever asked over it.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), handler));
    }
}

async fn handle(request: Request<Incoming>, answer: Bytes) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = match request.into_body().collect().await {
        Ok(_) => Response::new(Full::new(answer)),
        Err(_) => Response::default(),
    };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
