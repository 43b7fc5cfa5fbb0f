//! Divides what a worker serves into shares, one per combination of limits.
//!
//! A queue or kind with its own limit gets its own fetcher, which holds no more jobs than the limit:
//! its backlog never fills the places of other jobs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::Settings;
use super::fetcher::Share;
use super::registry::Registry;
use crate::store::Served;

/// A limit with its size.
#[derive(Clone)]
struct Gate {
    slots: Arc<Semaphore>,
    size: usize,
}

/// A part of the queues, or of the kinds, and the gate it goes through.
#[derive(Clone)]
struct Part {
    names: Vec<String>,
    except: Vec<String>,
    gate: Option<Gate>,
    /// The only queue of these kinds, when that is not the worker's choice.
    queue: Option<String>,
}

pub(super) fn shares<S>(
    settings: &Settings,
    registry: &Registry<S>,
    namespace: Option<&str>,
    poll: Duration,
) -> Vec<Share> {
    let all = gate(settings.concurrency);
    let mut shares = Vec::new();
    // Once, so that a queue's limit is one for all kinds.
    let queue_parts = queue_parts(settings);
    for kinds in kind_parts(registry) {
        for queues in queues_of(&kinds, &queue_parts) {
            let gates: Vec<Gate> =
                [kinds.gate.clone(), queues.gate].into_iter().flatten().collect();
            // Only work without a limit of its own is worth holding ready.
            let limit = gates.iter().map(|gate| gate.size.min(settings.concurrency)).min();
            let ahead = if limit.is_some() { 0 } else { settings.prefetch };
            let size = limit.unwrap_or(settings.concurrency) + ahead;
            let slots = gates.into_iter().chain([all.clone()]).map(|gate| gate.slots);
            shares.push(Share {
                served: Arc::new(Served {
                    namespace: namespace.map(ToOwned::to_owned),
                    queues: queues.names,
                    except_queues: queues.except,
                    kinds: kinds.names.clone(),
                    aging: settings.aging,
                }),
                gates: slots.collect(),
                places: Arc::new(Semaphore::new(size)),
                refill: ahead / 2,
                batch: settings.claim_batch,
                poll,
            });
        }
    }
    shares
}

fn kind_parts<S>(registry: &Registry<S>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = Vec::new();
    for (kind, handler) in &registry.handlers {
        match (handler.options.concurrency, &handler.options.queue) {
            (None, None) => rest.push(kind.clone()),
            (size, queue) => parts.push(Part {
                gate: size.map(gate),
                queue: queue.clone(),
                ..Part::of(vec![kind.clone()])
            }),
        }
    }
    // No names: every kind there is.
    if !rest.is_empty() || registry.any.is_some() {
        parts.push(Part::of(rest));
    }
    parts
}

/// The parts of the queues that these kinds come from.
fn queues_of(kinds: &Part, all: &[Part]) -> Vec<Part> {
    let Some(queue) = &kinds.queue else { return all.to_vec() };
    let limited = all.iter().find(|part| part.gate.is_some() && part.names.contains(queue));
    vec![limited.cloned().unwrap_or_else(|| Part::of(vec![queue.clone()]))]
}

impl Part {
    /// What has no limit of its own.
    const fn of(names: Vec<String>) -> Self {
        Self { names, except: Vec::new(), gate: None, queue: None }
    }
}

fn queue_parts(settings: &Settings) -> Vec<Part> {
    let serves = |queue: &String| settings.queues.is_empty() || settings.queues.contains(queue);
    let limits = settings.queue_concurrency.iter().filter(|(queue, _)| serves(queue));
    let mut parts: Vec<Part> = limits.map(|(queue, size)| limited(queue, *size)).collect();
    let except: Vec<String> = settings.queue_concurrency.keys().cloned().collect();
    let names: Vec<String> =
        settings.queues.iter().filter(|queue| !except.contains(queue)).cloned().collect();
    if settings.queues.is_empty() || !names.is_empty() {
        parts.push(Part { except, ..Part::of(names) });
    }
    parts
}

fn limited(name: &str, size: usize) -> Part {
    Part { gate: Some(gate(size)), ..Part::of(vec![name.to_owned()]) }
}

fn gate(size: usize) -> Gate {
    Gate { slots: Arc::new(Semaphore::new(size)), size }
}
