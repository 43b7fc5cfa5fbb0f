//! Several worker processes on one queue: this program again, once each.
//!
//! A child says `ready`, waits for a line, works until its input ends, and says how many outcomes it
//! has stored whenever that changed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
use windlass::Queue;

use super::ServerOptions;
use super::scratch::Scratch;
use crate::Bench;
use crate::drain::{Drain, Pace};
use crate::enqueue::bulk;
use crate::floor::per_second;
use crate::report::Figures;

/// Between two looks at what was done.
const LOOK: Duration = Duration::from_millis(5);

/// Nobody needs longer for a drain.
const DRAIN_MAX: Duration = Duration::from_secs(600);

/// What `windlass bench` is called with to be a child.
const ARGUMENTS: [&str; 2] = ["bench", "--child"];

pub(crate) async fn measure(
    scratch: &Scratch,
    options: &ServerOptions,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    progress("drain by 1, 2 and 4 processes");
    let queue = Queue::open(&scratch.url()).await?;
    for processes in [1, 2, 4] {
        bulk(&queue, "noop", options.jobs, 100, Duration::ZERO).await?;
        let (url, jobs) = (scratch.url(), options.jobs);
        let rate = tokio::task::spawn_blocking(move || drain_by(&url, processes, jobs)).await??;
        figures.set(&format!("drain_processes_{processes}"), rate);
    }
    queue.close().await;
    Ok(())
}

/// Works on the queue of `url` as one of several processes.
///
/// # Errors
/// Whatever the database or the pipes say.
pub async fn drain_as_child(url: &str) -> Bench<()> {
    let queue = Queue::open(url).await?;
    let mut input = tokio::io::BufReader::new(tokio::io::stdin()).lines();
    let mut output = tokio::io::stdout();
    output.write_all(b"ready\n").await?;
    output.flush().await?;
    input.next_line().await?;
    let drain = Drain::start(&queue, Pace::FULL).await?;
    let mut told = 0;
    loop {
        tokio::select! {
            _ = input.next_line() => break,
            () = tokio::time::sleep(LOOK) => {}
        }
        let count = drain.count();
        if count != told {
            output.write_all(format!("{count}\n").as_bytes()).await?;
            output.flush().await?;
            told = count;
        }
    }
    drain.worker.stop().await;
    queue.close().await;
    Ok(())
}

fn drain_by(url: &str, processes: usize, jobs: usize) -> Bench<f64> {
    let mut workers = Vec::with_capacity(processes);
    for _ in 0..processes {
        workers.push(WorkerProcess::spawn(url)?);
    }
    for worker in &workers {
        worker.ready.recv()?;
    }
    let started = Instant::now();
    for worker in &mut workers {
        worker.input()?.write_all(b"go\n")?;
    }
    while workers.iter().map(WorkerProcess::count).sum::<usize>() < jobs {
        if started.elapsed() > DRAIN_MAX {
            return Err("the worker processes do not finish".into());
        }
        thread::sleep(LOOK);
    }
    let rate = per_second(jobs, started);
    workers.into_iter().try_for_each(WorkerProcess::stop)?;
    Ok(rate)
}

struct WorkerProcess {
    process: Child,
    input: Option<ChildStdin>,
    ready: Receiver<()>,
    count: Arc<AtomicUsize>,
}

impl WorkerProcess {
    fn spawn(url: &str) -> Bench<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(ARGUMENTS).args(["--database", url]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let input = process.stdin.take();
        let output = process.stdout.take().ok_or("a child without output")?;
        let (is_ready, ready) = channel();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                match line.parse() {
                    Ok(count) => counted.store(count, Ordering::Relaxed),
                    // Whoever waited may have given up.
                    Err(_) => drop(is_ready.send(())),
                }
            }
        });
        Ok(Self { process, input, ready, count })
    }

    fn input(&mut self) -> Bench<&mut ChildStdin> {
        Ok(self.input.as_mut().ok_or("a child without input")?)
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn stop(mut self) -> Bench<()> {
        drop(self.input.take());
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        // It ends with its input; this is for one that hangs.
        if self.input.is_some() {
            self.process.kill().ok();
        }
    }
}
