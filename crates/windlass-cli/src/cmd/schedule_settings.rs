//! What a schedule is like, as flags of `windlass schedules create` and `set`.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use windlass::{CatchUp, Overlap, Priority, Timestamp, format_duration};

use crate::args::{ClientArgs, attempts, duration, pair, priority};
use crate::client::Payload;
use crate::exit::{Exit, Failure};

#[derive(Debug, Args)]
pub(super) struct SettingsArgs {
    /// The schedule
    pub(super) name: String,

    /// When it ticks: five fields, six with seconds first, or such as @daily
    #[arg(long, value_name = "EXPRESSION", conflicts_with = "every")]
    cron: Option<String>,

    /// Tick every so often, 1 s to 366 days
    #[arg(long, visible_alias = "interval", value_name = "SPAN", value_parser = duration)]
    every: Option<Duration>,

    /// IANA time zone of the expression [default: UTC]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,

    /// No tick before this instant
    #[arg(long, value_name = "INSTANT")]
    start: Option<Timestamp>,

    /// No tick after this instant
    #[arg(long, value_name = "INSTANT")]
    end: Option<Timestamp>,

    /// Fire each tick up to so much later, at most 24 h [default: 0s]
    #[arg(long, value_name = "SPAN", value_parser = duration)]
    jitter: Option<Duration>,

    /// What becomes of missed ticks: skip, last, all or all:N [default: last]
    #[arg(long, value_name = "POLICY")]
    catch_up: Option<CatchUp>,

    /// What becomes of a tick while an earlier job has not ended: allow, skip, buffer or cancel [default: allow]
    #[arg(long, value_name = "POLICY")]
    overlap: Option<Overlap>,

    /// Tick once more when it is made
    #[arg(long)]
    run_on_start: bool,

    /// Type of the job: the name of its handler
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,

    /// Input of the job: JSON itself, @FILE, or - for stdin [default: null]
    #[arg(short, long, value_name = "JSON")]
    payload: Option<String>,

    /// Input from a file of any bytes
    #[arg(long, value_name = "FILE", conflicts_with = "payload")]
    payload_file: Option<String>,

    /// Queue of the job [default: default]
    #[arg(short, long)]
    queue: Option<String>,

    /// 0 to 9, or critical, high, normal, low, bulk [default: normal]
    #[arg(long, value_parser = priority)]
    priority: Option<Priority>,

    /// Longest run of one attempt [default: 30m]
    #[arg(long, value_name = "SPAN", value_parser = duration)]
    timeout: Option<Duration>,

    /// Attempts before a job becomes a dead letter [default: 20]
    #[arg(long, value_name = "N", value_parser = attempts())]
    max_attempts: Option<u32>,

    /// A job that has not started for this long fails
    #[arg(long, value_name = "SPAN", value_parser = duration)]
    start_within: Option<Duration>,

    /// A tag of the job; repeat it for more
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    tag: Vec<(String, String)>,

    /// Take a setting back to its default; repeat it for several
    #[arg(long, value_name = "SETTING", value_enum)]
    reset: Vec<Setting>,

    #[command(flatten)]
    pub(super) client: ClientArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Setting {
    Timezone,
    Start,
    End,
    Jitter,
    CatchUp,
    Overlap,
}

impl Setting {
    const fn member(self) -> &'static str {
        match self {
            Self::Timezone => "timezone",
            Self::Start => "start",
            Self::End => "end",
            Self::Jitter => "jitter",
            Self::CatchUp => "catch_up",
            Self::Overlap => "overlap",
        }
    }
}

/// The job of a request: what is absent stays as it is.
#[derive(Debug, Serialize)]
struct Template {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(flatten)]
    payload: Payload,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_within: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
}

impl SettingsArgs {
    /// The members of a request that these flags stand for.
    pub(super) fn request(
        &self,
        with_name: bool,
    ) -> Result<BTreeMap<&'static str, Box<RawValue>>, Failure> {
        let mut members = BTreeMap::new();
        let mut put = |name, value: Value| -> Result<(), Failure> {
            members.insert(name, raw(&value)?);
            Ok(())
        };
        for setting in &self.reset {
            put(setting.member(), Value::Null)?;
        }
        let texts = [
            ("name", with_name.then(|| self.name.clone())),
            ("cron", self.cron.clone()),
            ("interval", self.every.map(format_duration)),
            ("timezone", self.timezone.clone()),
            ("start", self.start.map(|at| at.to_string())),
            ("end", self.end.map(|at| at.to_string())),
            ("jitter", self.jitter.map(format_duration)),
            ("catch_up", self.catch_up.map(|policy| policy.to_string())),
            ("overlap", self.overlap.map(|policy| policy.as_str().to_owned())),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                put(name, text.into())?;
            }
        }
        if self.run_on_start {
            put("run_on_start", true.into())?;
        }
        let job = raw(&self.template()?)?;
        // Nothing said of the job leaves it as it is.
        if with_name || job.get() != "{}" {
            members.insert("job", job);
        }
        Ok(members)
    }

    fn template(&self) -> Result<Template, Failure> {
        let payload = match (&self.payload, &self.payload_file) {
            (Some(text), _) => Payload::from_argument(text)?,
            (None, Some(path)) => Payload::from_file(path)?,
            (None, None) => Payload::default(),
        };
        Ok(Template {
            kind: self.kind.clone(),
            payload,
            queue: self.queue.clone(),
            priority: self.priority.map(Priority::get),
            timeout: self.timeout.map(format_duration),
            max_attempts: self.max_attempts,
            start_within: self.start_within.map(format_duration),
            tags: self.tag.iter().cloned().collect(),
        })
    }
}

fn raw(value: &impl Serialize) -> Result<Box<RawValue>, Failure> {
    to_raw_value(value)
        .map_err(|error| Failure::new(Exit::Failure, format!("cannot be written: {error}")))
}
