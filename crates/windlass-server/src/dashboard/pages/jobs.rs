//! The list of jobs.

use askama::Template;
use windlass::{JobFilter, JobId, KindStats, Page, State, Stats};

use super::Base;
use super::names::Names;
use super::query::Query;
use super::rows::JobRow;
use crate::dashboard::page::{Viewer, see};
use crate::dashboard::text::{Safe, count, encoded, word_badge};
use crate::problem::Problem;
use crate::routes::{Answer, list};

/// Jobs on a page.
const PAGE: usize = 50;

/// States in the order of the pills.
const STATES: [State; 8] = [
    State::Pending,
    State::Running,
    State::Delayed,
    State::Retrying,
    State::Completed,
    State::Failed,
    State::DeadLetter,
    State::Cancelled,
];

#[derive(Template)]
#[template(path = "jobs.html")]
struct JobsPage {
    base: Base,
    query: String,
    encoded: String,
    pills: Vec<Pill>,
    rows: Vec<JobRow>,
    next: Option<String>,
    is_first: bool,
    is_oldest_first: bool,
    /// False when the page ends early because so many jobs were looked at.
    is_complete: bool,
    looked_at: String,
    /// What the query bar offers.
    words: Vec<String>,
    problem: String,
}

struct Pill {
    link: String,
    badge: Safe,
    count: String,
    is_chosen: bool,
}

pub(in crate::dashboard) async fn list_jobs(viewer: Viewer) -> Answer {
    let text = viewer.parameter("q").unwrap_or_default();
    if let Some(id) = named(&viewer, &text).await {
        return see(&format!("{}/jobs/{id}", viewer.root()));
    }
    let query = Query::read(&text);
    let cursor = viewer.parameter("cursor").filter(|text| !text.is_empty());
    let is_oldest_first = viewer.parameter("order").as_deref() == Some("asc");
    let mut pairs = query.pairs().to_vec();
    pairs.extend(cursor.iter().map(|cursor| ("cursor".to_owned(), cursor.clone())));
    // What cannot be understood is said above an empty list: the words can be mended there.
    let (page, problem) = match found(&viewer, pairs, is_oldest_first).await {
        Ok(page) => (page, String::new()),
        Err(problem) if problem.status().is_client_error() => (None, problem.detail().to_owned()),
        Err(problem) => return Err(problem),
    };
    let stats = viewer.queue.stats().await?;
    let page = page.as_ref();
    let order = if is_oldest_first { "&order=asc" } else { "" };
    let next = page.and_then(|page| page.next_cursor);
    let rows: Vec<JobRow> =
        page.map_or_else(Vec::new, |page| page.jobs.iter().map(JobRow::from).collect());
    let content = JobsPage {
        base: Base::of(&viewer),
        encoded: encoded(query.text()),
        pills: pills(&viewer, &query, &stats),
        words: Names::of(&viewer, &stats).words(&rows),
        rows,
        next: next.map(|next| format!("?q={}{order}&cursor={next}", encoded(query.text()))),
        is_first: cursor.is_none(),
        is_oldest_first,
        is_complete: page.is_none_or(|page| page.complete),
        looked_at: count(u64::try_from(viewer.app.looks.0).unwrap_or(0)),
        query: text,
        problem,
    };
    viewer.page("Jobs", "jobs", &content).await
}

/// The job whose id is all that was asked for.
async fn named(viewer: &Viewer, text: &str) -> Option<JobId> {
    let id: JobId = text.trim().parse().ok()?;
    let job = viewer.queue.get(id).await.ok()?;
    viewer.caller.allows_queue(&job.queue).then_some(id)
}

/// The page of jobs, none where there is no queue that the caller may see.
async fn found(
    viewer: &Viewer,
    mut pairs: Vec<(String, String)>,
    is_oldest_first: bool,
) -> Result<Option<Page>, Problem> {
    list::filter(&pairs)?;
    let is_narrowed = viewer.caller.has_queues();
    if is_narrowed && !list::narrow(&viewer.caller, &viewer.queue, &mut pairs).await? {
        return Ok(None);
    }
    let (jobs, time) = viewer.app.looks;
    let filter = list::filter(&pairs)?.limit(PAGE).look_at_most(jobs, time);
    let filter: JobFilter = if is_oldest_first { filter.oldest_first() } else { filter };
    Ok(Some(viewer.queue.list(filter).await?))
}

/// A pill for each state, with the number of jobs in it: exact, from counts that are kept.
fn pills(viewer: &Viewer, query: &Query, stats: &Stats) -> Vec<Pill> {
    let is_meant = |kind: &&KindStats| {
        let has = |name, own: &str| {
            let mut asked = query.values(name).peekable();
            asked.peek().is_none() || asked.any(|value| value == own)
        };
        viewer.caller.allows_queue(&kind.queue)
            && has("queue", &kind.queue)
            && has("type", &kind.kind)
    };
    let root = viewer.root();
    let chosen: Vec<&str> = query.values("state").collect();
    let link = |state| format!("{root}/jobs?q={}", encoded(&query.with_state(state)));
    let of = |state: State| {
        let kinds = stats.kinds.iter().filter(is_meant);
        kinds.map(|kind| kind.jobs.get(&state).copied().unwrap_or(0)).sum::<u64>()
    };
    let all = Pill {
        link: link(None),
        badge: Safe("<span class=\"state\">all</span>".to_owned()),
        count: count(STATES.into_iter().map(of).sum()),
        is_chosen: chosen.is_empty(),
    };
    let each = STATES.into_iter().map(|state| Pill {
        link: link(Some(state.as_str())),
        badge: word_badge(state.as_str(), &state.as_str().replace('_', " ")),
        count: count(of(state)),
        is_chosen: chosen.contains(&state.as_str()),
    });
    std::iter::once(all).chain(each).collect()
}
