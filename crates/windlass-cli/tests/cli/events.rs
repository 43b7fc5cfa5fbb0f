//! `windlass events` and its kin, on a server and in a database alike.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use crate::program::Folder;
use crate::queues::{at, everywhere};

/// A command that follows events, at work.
struct Following {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Following {
    /// Starts it, and waits until it does.
    fn start(folder: &Folder, args: &[&str]) -> Self {
        let mut child = folder.command(args).stdout(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        assert!(stderr.lines().map_while(Result::ok).any(|line| line == "following events"));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    fn ends_well(mut self) {
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn events_are_followed() {
    everywhere(|folder, place| {
        folder.ok(&at(&["submit", "none.such"], place));
        let args = ["events", "--type", "none.such", "--queue", "q", "--limit", "2"];
        let mut events = Following::start(folder, &at(&args, place));
        let args = ["events", "-o", "jsonl", "--event", "job.cancelled", "--limit", "1"];
        let mut ends = Following::start(folder, &at(&args, place));

        folder.ok(&at(&["submit", "none.such"], place));
        let id = folder.ok(&at(&["submit", "none.such", "--queue", "q", "-o", "id"], place));
        folder.ok(&at(&["jobs", "cancel", &id], place));

        let created = events.line();
        assert!(created.contains("job.created") && created.contains(&id), "{created}");
        assert!(events.line().contains("job.cancelled"));
        let end: serde_json::Value = serde_json::from_str(&ends.line()).unwrap();
        assert_eq!((&end["event"], &end["data"]["id"]), (&"job.cancelled".into(), &id.into()));
        events.ends_well();
        ends.ends_well();
        assert_eq!(folder.run(&at(&["events", "--event", "job.gone"], place)).code, 2);
    });
}

#[test]
fn ticks_and_counts_are_watched() {
    everywhere(|folder, place| {
        let make = ["schedules", "create", "tick", "--every", "1h", "--type", "none.such"];
        folder.ok(&at(&make, place));
        let args = ["schedules", "watch", "tick", "--limit", "1", "-o", "id"];
        let mut ticks = Following::start(folder, &at(&args, place));

        let id = folder.ok(&at(&["schedules", "trigger", "tick", "-o", "id"], place));

        assert_eq!(ticks.line(), id);
        ticks.ends_well();
        let args = ["stats", "--watch", "--every", "1ms", "--limit", "2", "-o", "jsonl"];
        let stats = folder.ok(&at(&args, place));
        assert_eq!(stats.lines().filter(|line| line.starts_with('{')).count(), 2);
    });
}
