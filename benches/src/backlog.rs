//! What a claim costs beside many jobs that wait for something else.

use std::path::Path;
use std::time::{Duration, Instant};

use windlass::remote::{ClaimRequest, NewRemoteWorker, RemoteWorkers};
use windlass::{Dependency, Queue, WorkerId};

use crate::enqueue::{bulk, job};
use crate::limits::throttle;
use crate::report::{Figures, Goal, percentile};
use crate::{Bench, Options, url};

/// Claims of one job each that are timed on each side.
const CLAIMS: usize = 2000;

/// Long enough that nothing is renewed meanwhile.
const LEASE: Duration = Duration::from_secs(3600);

const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

/// Claims beside throttled, blocked and delayed jobs, a third of `history` each, and claims in an empty database,
/// in turn.
pub(crate) async fn claims_beside(
    folder: &Path,
    options: &Options,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    progress("claims beside throttled, blocked and delayed jobs (filling takes a while)");
    let empty = Queue::open(&url(folder, "no-backlog.db")).await?;
    let full = Queue::open(&url(folder, "backlog.db")).await?;
    let third = options.history / 3;
    throttle(&full, third).await?;
    let parent = full.enqueue_new(job("unserved")).await?.id();
    for _ in (0..third).step_by(1000) {
        let child = || job("noop").depends_on(Dependency::on(parent));
        full.enqueue_batch((0..1000).map(|_| child()).collect(), true).await?;
    }
    bulk(&full, "noop", third, 1000, MONTH).await?;
    let (empty, full) = (Claimer::new(empty).await?, Claimer::new(full).await?);
    let (mut alone, mut beside) = (Vec::with_capacity(CLAIMS), Vec::with_capacity(CLAIMS));
    for _ in 0..CLAIMS {
        alone.push(empty.claim().await?);
        beside.push(full.claim().await?);
    }
    for (name, micros) in [("alone", &mut alone), ("beside_backlog", &mut beside)] {
        micros.sort_unstable();
        for percent in [50, 99] {
            let micros = percentile(micros, percent).unwrap_or(0);
            figures.set(&format!("claim_us.{name}.p{percent}"), f64::from(micros));
        }
    }
    let figure = |name: &str| figures.get(name).unwrap_or(f64::NAN);
    let ratio = figure("claim_us.beside_backlog.p99") / figure("claim_us.alone.p99");
    figures.set("ratio.claim_p99_beside_backlog", ratio);
    figures.goal("ratio.claim_p99_beside_backlog", Goal::AtMost(2.0));
    for claimer in [empty, full] {
        claimer.workers.stop().await;
        claimer.queue.close().await;
    }
    Ok(())
}

/// A worker that claims one job at a time.
struct Claimer {
    queue: Queue,
    workers: RemoteWorkers,
    id: WorkerId,
}

impl Claimer {
    async fn new(queue: Queue) -> Bench<Self> {
        bulk(&queue, "noop", CLAIMS, CLAIMS, Duration::ZERO).await?;
        let workers = RemoteWorkers::new(&queue);
        let worker = NewRemoteWorker { lease: LEASE, ..NewRemoteWorker::new("bench") };
        let id = workers.register(worker).await?;
        Ok(Self { queue, workers, id })
    }

    /// Microseconds of one claim.
    async fn claim(&self) -> Bench<u32> {
        let started = Instant::now();
        let handed = self.workers.claim(self.id, ClaimRequest::default()).await?;
        let took = u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX);
        if handed.jobs().len() != 1 {
            return Err("a claim found nothing".into());
        }
        handed.received();
        Ok(took)
    }
}
