//! Which sample job comes next.

use std::time::Duration;

use fastrand::Rng;
use windlass::{Error, Flow, NewJob, Priority};

use super::handlers::{Email, Import, Reminder, Report, Resize, Webhook};

const PEOPLE: [&str; 6] = ["ada", "grace", "edsger", "barbara", "donald", "radia"];
const PICTURES: [&str; 4] = ["harbour", "winch", "anchor", "tide"];

/// A random sample job; in a hundred: 45 e-mails, 20 pictures, 20 webhooks, 10 reminders, 3 imports
/// that fail until somebody retries them, 2 long reports.
pub(super) fn next_job(rng: &mut Rng) -> Result<NewJob, Error> {
    let job = match rng.u8(0..100) {
        0..45 => email(rng)?,
        45..65 => resize(rng)?,
        65..85 => webhook(rng)?,
        85..95 => reminder(rng)?,
        95..98 => NewJob::of(&Import { file: format!("orders-{}.csv", rng.u16(..)) })?,
        _ => NewJob::of(&Report { pages: rng.u32(8..16) })?.priority(Priority::BULK),
    };
    Ok(job.tag("demo", "true"))
}

/// An album: its pictures in every size, then a page of them, then a message to whom it belongs.
pub(super) fn next_workflow(rng: &mut Rng) -> Flow {
    let (album, number) = (one_of(rng, &PICTURES), rng.u16(..));
    let mut flow = Flow::new(format!("album {album}"));
    let small = flow.add(Resize { picture: format!("{album}-{number}.png"), width: 320 });
    let medium = flow.add(Resize { picture: format!("{album}-{number}.png"), width: 640 });
    let large = flow.add(Resize { picture: format!("{album}-{number}.png"), width: 1280 });
    let page = flow.add_after(Report { pages: 2 }, [small, medium, large]);
    let stored = flow
        .add_after(Webhook { url: "https://example.org/albums".to_owned(), outages: 1 }, [page]);
    flow.add_after(
        Email { to: format!("{}@example.org", one_of(rng, &PEOPLE)), refusals: 0 },
        [stored],
    );
    flow
}

/// One in eight is refused once by the mail server.
fn email(rng: &mut Rng) -> Result<NewJob, Error> {
    let refusals = u32::from(rng.u8(0..8) == 0);
    let job = NewJob::of(&Email { to: format!("{}@example.org", one_of(rng, &PEOPLE)), refusals })?;
    Ok(if rng.u8(0..10) == 0 { job.priority(Priority::HIGH) } else { job })
}

fn resize(rng: &mut Rng) -> Result<NewJob, Error> {
    let picture = format!("{}-{}.png", one_of(rng, &PICTURES), rng.u16(..));
    let width = [320, 640, 1280][rng.usize(0..3)];
    Ok(NewJob::of(&Resize { picture, width })?.priority(Priority::LOW))
}

/// One in three finds the other side away once or twice.
fn webhook(rng: &mut Rng) -> Result<NewJob, Error> {
    let outages = rng.u32(0..9).saturating_sub(6);
    NewJob::of(&Webhook { url: format!("https://example.org/hooks/{}", rng.u8(..)), outages })
}

fn reminder(rng: &mut Rng) -> Result<NewJob, Error> {
    let job = NewJob::of(&Reminder { to: one_of(rng, &PEOPLE).to_owned() })?;
    Ok(job.delay(Duration::from_secs(rng.u64(3..30))))
}

fn one_of<'a>(rng: &mut Rng, names: &[&'a str]) -> &'a str {
    names[rng.usize(0..names.len())]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use windlass::{Queue, State};

    use super::*;

    #[tokio::test]
    async fn every_type_turns_up_and_is_accepted() {
        let queue = Queue::open("memory:").await.unwrap();
        let mut rng = Rng::with_seed(7);
        let jobs: Vec<NewJob> = (0..500).map(|_| next_job(&mut rng).unwrap()).collect();

        queue.enqueue_batch(jobs, true).await.unwrap();

        let stats = queue.stats().await.unwrap();
        let kinds: BTreeSet<&str> = stats.kinds.iter().map(|kind| kind.kind.as_str()).collect();
        let expected = ["email", "import", "reminder", "report", "resize", "webhook"];
        assert_eq!(
            kinds,
            expected.map(|kind| format!("demo.{kind}")).iter().map(|k| &**k).collect()
        );
        assert!(stats.jobs(State::Delayed) > 20);
        assert!(stats.jobs(State::Pending) > 300);
    }
}
