//! The same done to many jobs: which ones, asked for once, and watched to the end.

use std::io::{IsTerminal as _, Write as _};

use clap::Args;
use serde_json::{Value, json};
use windlass::OperationId;

use crate::args::{FilterArgs, pair};
use crate::client::{Target, operation_id};
use crate::cmd::confirm::confirm;
use crate::exit::{Exit, Failure};
use crate::output::{self, Format, Object};

/// Which jobs, and how.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Many jobs at once")]
pub(crate) struct BulkArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    /// Jobs with this tag; repeat it for jobs with all of several
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) tag: Vec<(String, String)>,

    /// Dead letters of this group (`windlass dead groups`)
    #[arg(long, value_name = "FINGERPRINT")]
    pub(crate) fingerprint: Vec<String>,

    /// At most so many jobs a second [default: as fast as it goes]
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<f64>,

    /// Say how many jobs it would be, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Do not wait for the end: the operation goes on without this command
    #[arg(long)]
    pub(crate) detach: bool,
}

impl BulkArgs {
    /// Whether it names no job.
    pub(crate) fn is_empty(&self) -> bool {
        let FilterArgs { state, kind, queue, workflow, batch } = &self.filter;
        let texts = kind.is_empty() && queue.is_empty() && self.fingerprint.is_empty();
        let bundles = workflow.is_none() && batch.is_none();
        texts && bundles && state.is_empty() && self.tag.is_empty()
    }

    /// Refuses both ids and a filter, and neither.
    pub(crate) fn check(&self, has_ids: bool) -> Result<(), Failure> {
        match (has_ids, self.is_empty()) {
            (true, false) => Err(Failure::usage("name jobs by id or by a filter, not both")),
            (false, true) => Err(Failure::usage("names no job")
                .hint("give ids, or a filter such as --state, --type, --queue or --tag")),
            _ => Ok(()),
        }
    }

    fn filter(&self) -> Value {
        let states: Vec<&str> = self.filter.state.iter().map(|state| state.as_str()).collect();
        let tags: Vec<String> =
            self.tag.iter().map(|(key, value)| format!("{key}:{value}")).collect();
        let id = |id: Option<String>| id.map_or(Value::Null, Value::from);
        json!({
            "workflow_id": id(self.filter.workflow.map(|id| id.to_string())),
            "batch_id": id(self.filter.batch.map(|id| id.to_string())),
            "state": states,
            "type": self.filter.kind,
            "queue": self.filter.queue,
            "tag": tags,
            "fingerprint": self.fingerprint,
        })
    }
}

/// Does the same to the jobs of a filter, after a look at how many they are.
pub(crate) async fn run(
    target: &Target,
    bulk: &BulkArgs,
    (action, params): (&str, Value),
    (format, yes): (Format, bool),
) -> Result<(), Failure> {
    let mut body = json!({ "action": action, "filter": bulk.filter(), "params": params });
    if let Some(rate) = bulk.rate {
        body["rate"] = rate.into();
    }
    if bulk.dry_run || !yes {
        body["dry_run"] = true.into();
        let dry = target.operate(&body).await?;
        let more = if dry.text("complete") == "true" { "" } else { "more than " };
        let count = dry.text("count");
        if bulk.dry_run {
            output::say(&format!("{action}: {more}{count} jobs"));
            return output::jobs(
                format,
                &dry,
                &dry.objects("sample").map_err(|error| {
                    Failure::new(
                        Exit::Failure,
                        format!("the answer is not what was expected: {error}"),
                    )
                })?,
            );
        }
        confirm(&format!("{action} {more}{count} jobs?"))?;
        body["dry_run"] = false.into();
    }
    let begun = target.operate(&body).await?;
    if bulk.detach {
        return output::one(format, &begun, "id");
    }
    finish(target, operation_id(&begun)?, format).await
}

/// Waits for the end of an operation and prints it; when jobs were left as they were, the exit code says so.
pub(crate) async fn finish(
    target: &Target,
    id: OperationId,
    format: Format,
) -> Result<(), Failure> {
    let ended = target.finish_operation(id, show).await?;
    if std::io::stderr().is_terminal() {
        output::say("");
    }
    output::one(format, &ended, "id")?;
    match ended.text("failed").as_str() {
        "0" if ended.text("state") == "cancelled" => {
            Err(Failure::new(Exit::PartlyDone, "it was stopped before its end"))
        }
        "0" => Ok(()),
        failed => {
            Err(Failure::new(Exit::PartlyDone, format!("{failed} jobs were left as they were"))
                .hint(format!("`windlass operations get {id}` says why")))
        }
    }
}

/// One line, written over again and again, where a person looks.
fn show(operation: &Object) {
    let mut stderr = std::io::stderr().lock();
    if stderr.is_terminal() {
        let [state, done, failed, matched] =
            ["state", "done", "failed", "matched"].map(|name| operation.text(name));
        // Nobody can be told that the terminal is gone.
        drop(write!(stderr, "\r{state}: {done} done, {failed} failed of {matched}   "));
    }
}
