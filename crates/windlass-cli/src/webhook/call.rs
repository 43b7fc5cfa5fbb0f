//! One POST over one connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::target::Target;

/// Longest wait for one address, and for TLS on it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Most bytes of a body that is kept, and of a head that is read.
pub(super) const ANSWER_BYTES_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 100;

/// What the target said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum CallError {
    TooMuch(u16),
    Broken(String),
}

/// Posts to the first address that can be reached.
pub(super) async fn post(
    target: &Target,
    tls: &TlsConnector,
    addresses: &[SocketAddr],
    (headers, payload): ([(&str, String); 4], Vec<u8>),
) -> Result<Answer, CallError> {
    let request = request(target, headers, payload)?;
    let stream = connect(addresses).await?;
    if target.url.scheme() == "http" {
        return exchange(stream, request).await;
    }
    let name = ServerName::try_from(target.host.clone()).map_err(broken)?;
    let stream = timeout(CONNECT_TIMEOUT, tls.connect(name, stream)).await.map_err(broken)?;
    exchange(stream.map_err(|error| broken(format!("TLS: {error}")))?, request).await
}

fn request(
    target: &Target,
    headers: [(&str, String); 4],
    payload: Vec<u8>,
) -> Result<Request<Full<Bytes>>, CallError> {
    let url = &target.url;
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let path = format!("{}{query}", url.path());
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&payload).is_ok();
    let kind = if is_json { "application/json" } else { "application/octet-stream" };
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut request = Request::post(path)
        .header("host", host)
        .header("user-agent", concat!("windlass/", env!("CARGO_PKG_VERSION")))
        .header("content-type", kind)
        .header("connection", "close");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(Full::new(payload.into())).map_err(broken)
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, CallError> {
    let mut last = broken("no address");
    for address in addresses {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = broken(format!("cannot be reached: {error}")),
            Err(_) => last = broken("cannot be reached: no answer within 5 s"),
        }
    }
    Err(last)
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, CallError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut connection = http1::Builder::new();
    connection.max_headers(HEADERS_MAX).max_buf_size(ANSWER_BYTES_MAX);
    let (mut sender, connection) =
        connection.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        read(response).await
    };
    let driven = async {
        // What is wrong with the connection is wrong with the answer as well.
        drop(connection.await);
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        answer = answer => answer,
        never = driven => match never {},
    }
}

async fn read(response: Response<Incoming>) -> Result<Answer, CallError> {
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after");
    let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    let mut incoming = response.into_body();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        if body.len() + data.len() > ANSWER_BYTES_MAX {
            return Err(CallError::TooMuch(status));
        }
        body.extend_from_slice(&data);
    }
    Ok(Answer { status, retry_after, body })
}

fn broken(error: impl std::fmt::Display) -> CallError {
    CallError::Broken(format!("the call failed: {error}"))
}
