//! Schedules, on a server or in a database.

use reqwest::Method;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use windlass::protocol::{
    JobObject, NamedPage, PreviewObject, ScheduleObject, TickObject, read_new_schedule,
    read_pause_everywhere, read_preview, read_schedule_patch,
};

use super::database::{object, refused};
use super::queues::at;
use super::{Target, unreadable};
use crate::exit::Failure;
use crate::output::Object;

/// Ticks on a page of the history.
const TICKS_MAX: usize = 100;

/// What is done to one schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Pause,
    Resume,
    Trigger,
}

impl Target {
    pub(crate) async fn schedules(&self, after: &str) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.page("schedules", after).await,
            Self::Database(database) => {
                let schedules = database.queue().schedules(after).await?;
                let items: Vec<_> = schedules.iter().map(ScheduleObject::from).collect();
                object(&NamedPage::new("schedules", items, None))
            }
        }
    }

    pub(crate) async fn schedule(&self, name: &str) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                server.object(server.request(Method::GET, &at("schedules", name, ""))).await
            }
            Self::Database(database) => {
                object(&ScheduleObject::from(&database.queue().schedule(name).await?))
            }
        }
    }

    pub(crate) async fn create_schedule(&self, body: &RawValue) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.object(server.post("schedules", body)).await,
            Self::Database(database) => {
                let bytes = body.get().as_bytes();
                let (name, schedule) = read_new_schedule(bytes).map_err(|it| refused(&it))?;
                let made = database.queue().create_schedule(&name, schedule).await?;
                object(&ScheduleObject::from(&made))
            }
        }
    }

    pub(crate) async fn set_schedule(
        &self,
        name: &str,
        body: &RawValue,
    ) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                let request = server.request(Method::PATCH, &at("schedules", name, ""));
                server.object(request.json(body)).await
            }
            Self::Database(database) => {
                let patch =
                    read_schedule_patch(body.get().as_bytes()).map_err(|it| refused(&it))?;
                let found = database.queue().schedule(name).await?;
                let schedule = patch.apply(&found.schedule).map_err(|it| refused(&it))?;
                let version = Some(found.version);
                let changed = database.queue().configure_schedule(name, schedule, version).await?;
                object(&ScheduleObject::from(&changed))
            }
        }
    }

    pub(crate) async fn delete_schedule(&self, name: &str) -> Result<(), Failure> {
        match self {
            Self::Server(server) => {
                server.send(server.request(Method::DELETE, &at("schedules", name, ""))).await?;
                Ok(())
            }
            Self::Database(database) => Ok(database.queue().delete_schedule(name, None).await?),
        }
    }

    /// Pauses, resumes or runs a schedule; a run answers with its job.
    pub(crate) async fn steer_schedule(
        &self,
        name: &str,
        doing: Doing,
        body: &RawValue,
    ) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                let action = match doing {
                    Doing::Pause => "/pause",
                    Doing::Resume => "/resume",
                    Doing::Trigger => "/trigger",
                };
                server.object(server.post(&at("schedules", name, action), body)).await
            }
            Self::Database(database) => {
                let queue = database.queue();
                let schedule = match doing {
                    Doing::Pause => {
                        let options = read_pause_everywhere(body.get().as_bytes());
                        let options = options.map_err(|it| refused(&it))?;
                        queue.pause_schedule(name, options).await?
                    }
                    Doing::Resume => queue.resume_schedule(name).await?,
                    Doing::Trigger => {
                        let job = queue.trigger_schedule(name).await?;
                        return object(&JobObject(&queue.get(job).await?));
                    }
                };
                object(&ScheduleObject::from(&schedule))
            }
        }
    }

    pub(crate) async fn schedule_ticks(&self, name: &str) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                server.object(server.request(Method::GET, &at("schedules", name, "/ticks"))).await
            }
            Self::Database(database) => {
                let ticks = database.queue().schedule_ticks(name, None, TICKS_MAX).await?;
                let items: Vec<_> = ticks.iter().map(TickObject::from).collect();
                object(&NamedPage::new("ticks", items, None))
            }
        }
    }

    pub(crate) async fn preview_schedule(&self, body: &RawValue) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.object(server.post("schedules/preview", body)).await,
            Self::Database(database) => {
                let request = read_preview(body.get().as_bytes()).map_err(|it| refused(&it))?;
                let now = database.queue().clock().now();
                let ticks = request.schedule.ticks(now, request.count)?;
                object(&PreviewObject::new(&request.schedule, &ticks))
            }
        }
    }
}

/// A request with its JSON as it was written.
pub(crate) fn body(request: &impl Serialize) -> Result<Box<RawValue>, Failure> {
    to_raw_value(request).map_err(|error| unreadable(&error))
}
