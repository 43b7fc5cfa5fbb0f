//! Signals for jobs, on a server or in a database.

use serde::Serialize;
use serde_json::value::RawValue;
use windlass::JobId;
use windlass::protocol::SignalObject;

use super::database::object;
use super::{Target, body};
use crate::exit::Failure;
use crate::output::Object;

#[derive(Serialize)]
struct Signal<'a> {
    name: &'a str,
    payload: &'a RawValue,
}

impl Target {
    pub(crate) async fn signal(
        &self,
        job: JobId,
        name: &str,
        payload: &RawValue,
    ) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                let request = body(&Signal { name, payload })?;
                server.object(server.post(&format!("jobs/{job}/signals"), &request)).await
            }
            Self::Database(database) => {
                let new = database.queue().signal(job, name, payload.get()).await?;
                object(&SignalObject { job_id: job, name, new })
            }
        }
    }
}
