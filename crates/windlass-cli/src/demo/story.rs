//! What a sample workload has besides single jobs: a schedule, and workflows.

use std::time::Duration;

use fastrand::Rng;
use windlass::{Error, Flow, NewJob, Overlap, Queue, Schedule};

use super::handlers::{Digest, Email, Fetch, Publish, Resize};

/// Between two ticks of the sample schedule: whoever looks sees one within a quarter of a minute.
const DIGEST_EVERY: Duration = Duration::from_secs(15);

const WIDTHS: [u32; 3] = [320, 640, 1280];

/// Declares the schedule; one that people have changed stays as they left it.
pub(super) async fn declare(queue: &Queue) -> Result<(), Error> {
    let job = NewJob::of(&Digest { hours: 1 })?.tag("demo", "true");
    let schedule = Schedule::every(DIGEST_EVERY).overlap(Overlap::Skip).job(job);
    queue.declare_schedule("demo-digest", schedule).await.map(drop)
}

/// An album: fetched, made smaller three times, published, announced.
pub(super) fn album(rng: &mut Rng) -> Flow {
    let name = format!("album {}", rng.u16(100..1000));
    let mut flow = Flow::new(name.as_str());
    let fetched = flow.add(Fetch { album: name.clone() });
    let smaller =
        WIDTHS.map(|width| flow.add_after(Resize { picture: name.clone(), width }, [fetched]));
    let published = flow.add_after(Publish { album: name }, smaller);
    flow.add_after(Email { to: "everybody@example.org".to_owned(), refusals: 0 }, [published]);
    flow
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_schedule_and_an_album_are_accepted() {
        let queue = Queue::open("memory:").await.unwrap();

        declare(&queue).await.unwrap();
        declare(&queue).await.unwrap();
        queue.start(album(&mut Rng::with_seed(7))).await.unwrap();

        assert_eq!(queue.schedules("").await.unwrap().len(), 1);
        assert_eq!(queue.workflows(None, None, 10).await.unwrap().len(), 1);
    }
}
