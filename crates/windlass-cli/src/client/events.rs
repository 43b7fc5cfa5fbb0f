//! Events as they happen, from a server or a database.
//!
//! Invariant: what was shown once is not shown again: a stream that breaks goes on after its last event.

use std::time::{Duration, Instant};

use reqwest::{Method, Response};
use serde_json::{Value, json};
use windlass::{EventFilter, EventStream, JobId, Observed};

use super::http::Server;
use super::{ABSENCE_MAX, ABSENCE_PAUSE, Target, unreadable};
use crate::exit::{Exit, Failure};
use crate::output::Object;

/// A server says something every 15 s; one that is silent for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// A stream has no end.
const NO_END: Duration = Duration::from_secs(366 * 24 * 3600);

/// Which events to follow.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventRequest {
    pub(crate) events: Vec<windlass::EventName>,
    pub(crate) jobs: Vec<JobId>,
    pub(crate) kinds: Vec<String>,
    pub(crate) queues: Vec<String>,
    pub(crate) since: Option<i64>,
}

/// Something that happened: `{id, event, data}`.
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: Object,
}

impl Told {
    fn new(id: &str, event: &str, data: &str) -> Result<Self, Failure> {
        let data = Object::parse(data.to_owned()).map_err(|error| unreadable(&error))?;
        Ok(Self { id: id.to_owned(), event: event.to_owned(), data })
    }

    /// All of it on one line.
    pub(crate) fn line(&self) -> String {
        let (id, event) = (Value::from(self.id.as_str()), Value::from(self.event.as_str()));
        format!("{{\"id\":{id},\"event\":{event},\"data\":{}}}", self.data.compact())
    }
}

/// Events as they come.
pub(crate) enum Follow<'a> {
    Server(Box<FromServer<'a>>),
    Database(Box<EventStream>),
}

/// A stream of a server, and how to ask for it again.
pub(crate) struct FromServer<'a> {
    server: &'a Server,
    wanted: EventRequest,
    response: Option<Response>,
    bytes: Vec<u8>,
    away_since: Option<Instant>,
}

impl Target {
    /// Follows what happens; the first connection has to succeed.
    pub(crate) async fn follow(&self, wanted: &EventRequest) -> Result<Follow<'_>, Failure> {
        match self {
            Self::Server(server) => {
                let (wanted, bytes) = (wanted.clone(), Vec::new());
                let mut follow =
                    FromServer { server, wanted, response: None, bytes, away_since: None };
                follow.connect().await?;
                Ok(Follow::Server(Box::new(follow)))
            }
            Self::Database(database) => {
                let stream = database.queue().events(filter(wanted)).await?;
                Ok(Follow::Database(Box::new(stream)))
            }
        }
    }
}

impl Follow<'_> {
    /// The next event; none when there will be no more.
    pub(crate) async fn next(&mut self) -> Result<Option<Told>, Failure> {
        match self {
            Self::Server(server) => server.next().await.map(Some),
            Self::Database(stream) => match stream.next().await {
                Some(Observed::Event(event)) => {
                    let id = event.id.to_string();
                    Told::new(&id, event.name.as_str(), event.json()).map(Some)
                }
                Some(Observed::Resync(id)) => {
                    let data = json!({ "reason": "too_far_behind" }).to_string();
                    Told::new(&id.to_string(), "resync", &data).map(Some)
                }
                None => Ok(None),
            },
        }
    }
}

impl FromServer<'_> {
    async fn connect(&mut self) -> Result<(), Failure> {
        let wanted = &self.wanted;
        let mut query: Vec<(&str, String)> = Vec::new();
        query.extend(wanted.events.iter().map(|event| ("event", event.to_string())));
        query.extend(wanted.jobs.iter().map(|job| ("job_id", job.to_string())));
        query.extend(wanted.kinds.iter().map(|kind| ("type", kind.clone())));
        query.extend(wanted.queues.iter().map(|queue| ("queue", queue.clone())));
        query.extend(wanted.since.map(|id| ("since", id.to_string())));
        let request = self.server.request(Method::GET, "events").query(&query).timeout(NO_END);
        self.response = Some(self.server.send(request).await?);
        self.bytes.clear();
        Ok(())
    }

    async fn next(&mut self) -> Result<Told, Failure> {
        loop {
            if let Some(told) = self.parsed()? {
                self.away_since = None;
                self.wanted.since = told.id.parse().ok().or(self.wanted.since);
                if told.event != "connected" {
                    return Ok(told);
                }
                continue;
            }
            if let Err(failure) = self.read().await {
                let is_away = matches!(failure.exit, Exit::Unreachable | Exit::Timeout);
                let absence = self.away_since.get_or_insert_with(Instant::now).elapsed();
                if !is_away || absence >= ABSENCE_MAX {
                    return Err(failure);
                }
                self.response = None;
                tokio::time::sleep(ABSENCE_PAUSE).await;
            }
        }
    }

    /// Reads more text, from a new connection where the old one ended.
    async fn read(&mut self) -> Result<(), Failure> {
        if self.response.is_none() {
            self.connect().await?;
        }
        let Some(response) = &mut self.response else { return Ok(()) };
        let broken = |why: &str| {
            Failure::new(Exit::Unreachable, format!("the stream of events ended: {why}"))
        };
        let Ok(chunk) = tokio::time::timeout(SILENCE_MAX, response.chunk()).await else {
            return Err(broken("the server says nothing"));
        };
        match chunk {
            Ok(Some(bytes)) => self.bytes.extend_from_slice(&bytes),
            Ok(None) => return Err(broken("the server has stopped")),
            Err(error) => return Err(broken(&error.to_string())),
        }
        Ok(())
    }

    /// The first whole event of what was read, which leaves it.
    fn parsed(&mut self) -> Result<Option<Told>, Failure> {
        while let Some(end) = self.bytes.windows(2).position(|two| two == b"\n\n") {
            let block: Vec<u8> = self.bytes.drain(..end + 2).collect();
            let block = String::from_utf8_lossy(&block);
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
            if let (Some(event), Some(data)) = (field("event: "), field("data: ")) {
                return Told::new(field("id: ").unwrap_or_default(), event, data).map(Some);
            }
        }
        Ok(None)
    }
}

fn filter(wanted: &EventRequest) -> EventFilter {
    let mut filter = EventFilter::new();
    filter = wanted.events.iter().fold(filter, |filter, name| filter.name(*name));
    filter = wanted.jobs.iter().fold(filter, |filter, job| filter.job(*job));
    filter = wanted.kinds.iter().fold(filter, EventFilter::kind);
    filter = wanted.queues.iter().fold(filter, EventFilter::queue);
    match wanted.since {
        Some(id) => filter.since(id),
        None => filter,
    }
}
