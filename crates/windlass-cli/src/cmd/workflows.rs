//! `windlass workflows`: submit whole graphs of jobs, look at them, cancel and retry them.

use std::io::Read;

use clap::{Args, Subcommand};
use serde_json::json;
use serde_json::value::RawValue;
use windlass::{BundleState, JobId, WorkflowId};

use crate::args::ClientArgs;
use crate::client::{BundlePage, Missing, Steering, Target, body};
use crate::exit::{Exit, Failure};
use crate::output;

/// Columns of a list, and the members they show.
const COLUMNS: [(&str, &str); 5] = [
    ("ID", "id"),
    ("NAME", "name"),
    ("STATE", "state"),
    ("CREATED", "created_at"),
    ("COMPLETED", "completed_at"),
];

/// The same for nodes.
const NODE_COLUMNS: [(&str, &str); 5] =
    [("NAME", "name"), ("ID", "id"), ("TYPE", "type"), ("STATE", "state"), ("REASON", "reason")];

/// Bytes of a graph: what a server reads of a request.
const GRAPH_BYTES_MAX: u64 = 10 << 20;

#[derive(Debug, Args)]
pub(crate) struct WorkflowsArgs {
    #[command(subcommand)]
    command: WorkflowsCommand,
}

#[derive(Debug, Subcommand)]
enum WorkflowsCommand {
    /// Store a whole graph of jobs
    Submit(SubmitArgs),
    /// List workflows, the newest first
    List(ListArgs),
    /// Show one workflow and its nodes
    Get(GetArgs),
    /// Cancel every node that has not ended
    Cancel(CancelArgs),
    /// Run every node again that ended without success
    Retry(RetryArgs),
}

#[derive(Debug, Args)]
struct SubmitArgs {
    /// The graph: JSON itself ({"name", "nodes": [{"name", "type", ..., "after"}]}), @FILE, or - for stdin
    graph: String,

    /// Same key, same workflow: submitting it again returns the first one
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Those in this state: running, completed, failed, cancelled; batches also open
    #[arg(long, value_name = "STATE")]
    state: Option<BundleState>,

    /// Continue after this one
    #[arg(long, value_name = "ID")]
    cursor: Option<JobId>,

    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

#[derive(Debug, Args)]
struct GetArgs {
    /// The workflow
    id: WorkflowId,

    /// Continue after this node
    #[arg(long, value_name = "JOB")]
    cursor: Option<JobId>,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct CancelArgs {
    /// The workflow
    id: WorkflowId,

    /// Why, for whoever looks at it later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct RetryArgs {
    /// The workflow
    id: WorkflowId,

    /// Count attempts anew; otherwise each node gets one more
    #[arg(long)]
    reset_attempts: bool,

    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: WorkflowsArgs) -> Result<(), Failure> {
    let missing = match args.command {
        WorkflowsCommand::Submit(_) => Missing::Create,
        _ => Missing::Refuse,
    };
    let target = Target::open(args.command.client(), missing).await?;
    let done = carry_out(&target, args.command).await;
    target.close().await;
    done
}

impl WorkflowsCommand {
    const fn client(&self) -> &ClientArgs {
        match self {
            Self::Submit(args) => &args.client,
            Self::List(args) => &args.client,
            Self::Get(args) => &args.client,
            Self::Cancel(args) => &args.client,
            Self::Retry(args) => &args.client,
        }
    }
}

impl ListArgs {
    pub(crate) fn page(&self) -> BundlePage {
        BundlePage { state: self.state, before: self.cursor.map(JobId::as_i64) }
    }
}

async fn carry_out(target: &Target, command: WorkflowsCommand) -> Result<(), Failure> {
    let format = command.client().output;
    let steer = async |id, steering, request: serde_json::Value| {
        let done = target.steer_workflow(id, steering, &body(&request)?).await?;
        output::one(format, &done, "id")
    };
    match command {
        WorkflowsCommand::Submit(args) => {
            let graph = with_key(graph(&args.graph)?, args.idempotency_key)?;
            output::one(format, &target.start_workflow(&graph).await?, "id")
        }
        WorkflowsCommand::List(args) => {
            let found = target.workflows(&args.page()).await?;
            output::listed(format, &found, "workflows", COLUMNS, "id")
        }
        WorkflowsCommand::Get(args) => {
            let workflow = target.workflow(args.id, args.cursor).await?;
            if format == output::Format::Table {
                output::summary(&workflow, &["nodes"])?;
                return output::listed(format, &workflow, "nodes", NODE_COLUMNS, "id");
            }
            output::one(format, &workflow, "id")
        }
        WorkflowsCommand::Cancel(args) => {
            steer(args.id, Steering::Cancel, json!({ "reason": args.reason })).await
        }
        WorkflowsCommand::Retry(args) => {
            let request = json!({ "reset_attempts": args.reset_attempts });
            steer(args.id, Steering::Retry, request).await
        }
    }
}

/// Reads JSON itself, `@FILE`, or `-` for stdin.
fn graph(text: &str) -> Result<Box<RawValue>, Failure> {
    let text = match (text, text.strip_prefix('@')) {
        ("-", _) => read(std::io::stdin().lock(), "stdin")?,
        (_, Some(path)) => {
            let file = std::fs::File::open(path)
                .map_err(|error| Failure::usage(format!("cannot read `{path}`: {error}")))?;
            read(file, path)?
        }
        (text, None) => text.to_owned(),
    };
    RawValue::from_string(text).map_err(|error| {
        Failure::usage(format!("the graph is not JSON: {error}"))
            .hint("a file is named with @, as in `windlass workflows submit @graph.json`")
    })
}

fn read(reader: impl Read, name: &str) -> Result<String, Failure> {
    let mut text = String::new();
    reader
        .take(GRAPH_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| Failure::new(Exit::Failure, format!("cannot read {name}: {error}")))?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > GRAPH_BYTES_MAX {
        let detail = format!("{name} is longer than a graph may be ({GRAPH_BYTES_MAX} bytes)");
        return Err(Failure::usage(detail));
    }
    Ok(text)
}

fn with_key(graph: Box<RawValue>, key: Option<String>) -> Result<Box<RawValue>, Failure> {
    let Some(key) = key else { return Ok(graph) };
    let mut members: std::collections::BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(graph.get())
            .map_err(|error| Failure::usage(format!("the graph is not an object: {error}")))?;
    members.insert("idempotency_key".to_owned(), body(&key)?);
    body(&members)
}
