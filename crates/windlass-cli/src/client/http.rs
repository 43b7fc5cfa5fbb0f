//! A server over HTTP: requests of the API, its problem documents as failures.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::{Deserialize, Serialize};
use serde_json::json;
use windlass::{JobId, Queue, ServerAccess, format_duration, http_client};

use super::{JobRequest, ListRequest, RetryRequest, unreadable};
use crate::exit::{Exit, Failure};
use crate::output::Object;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What a wait may take longer than it asked for: the server answers a little after its time.
const WAIT_ALLOWANCE: Duration = Duration::from_secs(10);

/// A server.
#[derive(Debug)]
pub(crate) struct Server {
    client: Client,
    base: Url,
    namespace: String,
    access: ServerAccess,
}

/// A problem document, as far as a person needs it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
    errors: Vec<FieldProblem>,
}

/// A problem as pgqueue's API words it.
#[derive(Debug, Deserialize)]
struct PlainProblem {
    reason: String,
}

#[derive(Debug, Deserialize)]
struct FieldProblem {
    #[serde(default)]
    pointer: String,
    #[serde(default)]
    detail: String,
}

impl Server {
    pub(crate) fn new(url: &str, namespace: &str, access: &ServerAccess) -> Result<Self, Failure> {
        let opened = http_client(url, access).map_err(|error| Failure::usage(error.to_string()));
        let (client, base) = opened?;
        Ok(Self { client, base, namespace: namespace.to_owned(), access: access.clone() })
    }

    /// The same server for a worker.
    pub(crate) async fn queue(&self) -> Result<Queue, Failure> {
        let mut queue = Queue::builder().namespace(&self.namespace);
        if let Some(key) = &self.access.api_key {
            queue = queue.api_key(key);
        }
        if let Some(file) = &self.access.ca_file {
            queue = queue.ca_file(file);
        }
        Ok(queue.open(self.base.as_str()).await?)
    }

    pub(super) async fn submit(&self, job: &JobRequest) -> Result<Object, Failure> {
        self.object(self.post("jobs", job)).await
    }

    pub(super) async fn get(&self, job: JobId) -> Result<Object, Failure> {
        self.object(self.request(Method::GET, &format!("jobs/{job}"))).await
    }

    pub(super) async fn explain(&self, job: JobId) -> Result<Object, Failure> {
        self.object(self.request(Method::GET, &format!("jobs/{job}/explain"))).await
    }

    pub(super) async fn logs(&self, job: JobId) -> Result<Object, Failure> {
        self.object(self.request(Method::GET, &format!("jobs/{job}/logs"))).await
    }

    pub(super) async fn list(&self, wanted: &ListRequest) -> Result<Object, Failure> {
        let mut query: Vec<(&str, String)> = Vec::new();
        query.extend(wanted.filter.state.iter().map(|state| ("state", state.to_string())));
        query.extend(wanted.filter.kind.iter().map(|kind| ("type", kind.clone())));
        query.extend(wanted.filter.queue.iter().map(|queue| ("queue", queue.clone())));
        let workflow = wanted.filter.workflow;
        query.extend(workflow.map(|id| ("workflow_id", id.to_string())));
        query.extend(wanted.filter.batch.map(|id| ("batch_id", id.to_string())));
        query.extend(wanted.limit.map(|limit| ("limit", limit.to_string())));
        query.extend(wanted.cursor.map(|cursor| ("cursor", cursor.to_string())));
        query.extend(wanted.is_ascending.then(|| ("order", "asc".to_owned())));
        self.object(self.request(Method::GET, "jobs").query(&query)).await
    }

    pub(super) async fn cancel(
        &self,
        job: JobId,
        reason: Option<&str>,
        force: bool,
    ) -> Result<Object, Failure> {
        let mut body = json!({ "force": force });
        if let Some(reason) = reason {
            body["reason"] = reason.into();
        }
        self.object(self.post(&format!("jobs/{job}/cancel"), &body)).await
    }

    pub(super) async fn retry(&self, job: JobId, how: &RetryRequest) -> Result<Object, Failure> {
        let mut body = json!({ "reset_attempts": how.reset_attempts });
        if let Some(delay) = how.delay {
            body["delay"] = format_duration(delay).into();
        }
        if let Some(priority) = how.priority {
            body["priority"] = priority.get().into();
        }
        self.object(self.post(&format!("jobs/{job}/retry"), &body)).await
    }

    pub(super) async fn delete(&self, job: JobId, force: bool) -> Result<(), Failure> {
        let request = self.request(Method::DELETE, &format!("jobs/{job}"));
        self.send(request.query(&[("force", force)])).await?;
        Ok(())
    }

    pub(super) async fn stats(&self) -> Result<Object, Failure> {
        self.object(self.request(Method::GET, "stats")).await
    }

    /// The job once it has ended, nothing when `slice` ran out first.
    pub(super) async fn wait(
        &self,
        job: JobId,
        slice: Duration,
    ) -> Result<Option<Object>, Failure> {
        let request = self
            .request(Method::GET, &format!("jobs/{job}/wait"))
            .query(&[("timeout", format_duration(slice))])
            .timeout(slice + WAIT_ALLOWANCE);
        let reply = self.object(request).await?;
        if reply.text("timed_out") == "true" {
            return Ok(None);
        }
        self.get(job).await.map(Some)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let base = self.base.as_str().trim_end_matches('/');
        self.client
            .request(method, format!("{base}/api/v1/{path}"))
            .header("Windlass-Namespace", &self.namespace)
    }

    pub(crate) fn post(&self, path: &str, body: &(impl Serialize + ?Sized)) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    /// Asks a path outside the API; anything but success is a failure.
    pub(crate) async fn probe(&self, path: &str) -> Result<(), Failure> {
        let base = self.base.as_str().trim_end_matches('/');
        let request = self.client.get(format!("{base}/{path}")).timeout(CONNECT_TIMEOUT);
        self.send(request).await.map(drop)
    }

    pub(super) async fn object(&self, request: RequestBuilder) -> Result<Object, Failure> {
        Object::parse(self.text(request).await?).map_err(|error| unreadable(&error))
    }

    pub(super) async fn text(&self, request: RequestBuilder) -> Result<String, Failure> {
        let response = self.send(request).await?;
        response.text().await.map_err(|error| self.transport(&error))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| self.transport(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.text().await.unwrap_or_default();
        Err(refused(status, &body))
    }

    fn transport(&self, error: &reqwest::Error) -> Failure {
        let server = self.base.as_str().trim_end_matches('/');
        if error.is_timeout() {
            return Failure::new(Exit::Timeout, format!("{server} did not answer in time"));
        }
        let exit = if error.is_builder() { Exit::Usage } else { Exit::Unreachable };
        let failure = Failure::new(exit, format!("cannot reach {server}: {}", first_cause(error)));
        if is_plain(error) {
            failure.hint("it speaks no TLS: write http:// instead of https://, or set [tls] there")
        } else if error.is_connect() {
            failure.hint("start one with `windlass serve`, or name another with --server")
        } else {
            failure
        }
    }
}

/// Whether what answered does not speak TLS.
fn is_plain(error: &reqwest::Error) -> bool {
    first_cause(error).contains("InvalidContentType")
}

/// The failure a refusal means.
fn refused(status: StatusCode, body: &str) -> Failure {
    let plain: Option<PlainProblem> = serde_json::from_str(body).ok();
    let problem: Problem = serde_json::from_str(body).unwrap_or_default();
    let exit = match status.as_u16() {
        400 | 413 | 415 | 422 => Exit::Usage,
        401 | 403 => Exit::Auth,
        404 => Exit::NotFound,
        409 | 412 => Exit::Conflict,
        408 | 504 => Exit::Timeout,
        502 | 503 => Exit::Unreachable,
        _ => Exit::Failure,
    };
    let message = match (problem.detail.as_str(), problem.title.as_str()) {
        _ if plain.is_some() => plain.map(|plain| plain.reason).unwrap_or_default(),
        ("", "") => format!("the server answered {status}"),
        ("", title) => title.to_owned(),
        (detail, _) => detail.to_owned(),
    };
    // A server may say the same in its detail and member by member.
    let unsaid = problem.errors.iter().filter(|error| !message.contains(&error.detail));
    let unsaid =
        unsaid.map(|error| format!("{}: {}", error.pointer.trim_matches('/'), error.detail));
    let sentences: Vec<String> = std::iter::once(message.clone()).chain(unsaid).collect();
    Failure::new(exit, sentences.join("; "))
}

/// What it all comes from, such as "connection refused": the layers between do not help a person.
fn first_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_becomes_its_sentence_and_exit_code() {
        let body = r#"{"title":"Invalid","detail":"the job is refused",
            "errors":[{"pointer":"/queue","code":"invalid","detail":"is empty"}]}"#;

        let failure = refused(StatusCode::UNPROCESSABLE_ENTITY, body);

        assert_eq!(failure.exit, Exit::Usage);
        assert_eq!(failure.to_string(), "error: the job is refused; queue: is empty");
    }

    #[test]
    fn an_answer_without_a_problem_is_named_by_its_status() {
        let failure = refused(StatusCode::BAD_GATEWAY, "<html>");

        assert_eq!(failure.exit, Exit::Unreachable);
        assert!(failure.to_string().contains("502"));
    }
}
