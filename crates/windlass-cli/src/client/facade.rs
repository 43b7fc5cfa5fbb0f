//! pgqueue's API of a server: its answers are passed on as they are.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::ACCEPT;
use serde::Serialize;
use windlass::ServerAccess;

use super::ABSENCE_PAUSE;
use super::http::Server;
use crate::exit::{Exit, Failure};

/// A stream has no end.
const NO_END: Duration = Duration::from_secs(366 * 24 * 3600);

/// The server says something every 10 s; one that is silent for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// A server, in pgqueue's words.
#[derive(Debug)]
pub(crate) struct Facade(Server);

impl Facade {
    pub(crate) fn new(url: &str, namespace: &str, access: &ServerAccess) -> Result<Self, Failure> {
        Server::new(url, namespace, access).map(Self)
    }

    /// The text of an answer.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<impl Serialize>,
    ) -> Result<String, Failure> {
        let mut request = self.0.request(method, path).query(query);
        if let Some(body) = &body {
            request = request.json(body);
        }
        self.0.text(request).await
    }

    /// Follows ticks and connects again for ever; ends only when `tell` fails, or nobody answers at first.
    pub(crate) async fn follow(
        &self,
        mut tell: impl FnMut(&str, &str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut is_first = true;
        loop {
            match self.stream(&mut tell).await {
                Err(failure) if !is_first && failure.exit == Exit::Unreachable => {}
                Err(failure) => return Err(failure),
                Ok(()) => {}
            }
            is_first = false;
            tokio::time::sleep(ABSENCE_PAUSE).await;
        }
    }

    async fn stream(
        &self,
        tell: &mut impl FnMut(&str, &str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let request = self.0.request(Method::GET, "ticker").timeout(NO_END);
        let request = request.header(ACCEPT, "text/event-stream");
        let mut response = self.0.send(request).await?;
        let mut bytes: Vec<u8> = Vec::new();
        while let Ok(Ok(Some(part))) = tokio::time::timeout(SILENCE_MAX, response.chunk()).await {
            bytes.extend_from_slice(&part);
            while let Some(end) = bytes.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = bytes.drain(..end + 2).collect();
                let block = String::from_utf8_lossy(&block);
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
                if let (Some(event), Some(data)) = (field("event: "), field("data: ")) {
                    tell(event, data)?;
                }
            }
        }
        Ok(())
    }
}
