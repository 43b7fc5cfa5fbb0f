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
        for queues in queue_parts.clone() {
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
        match handler.options.concurrency {
            Some(size) => parts.push(limited(kind, size)),
            None => rest.push(kind.clone()),
        }
    }
    if !rest.is_empty() {
        parts.push(Part { names: rest, except: Vec::new(), gate: None });
    }
    parts
}

fn queue_parts(settings: &Settings) -> Vec<Part> {
    let serves = |queue: &String| settings.queues.is_empty() || settings.queues.contains(queue);
    let limits = settings.queue_concurrency.iter().filter(|(queue, _)| serves(queue));
    let mut parts: Vec<Part> = limits.map(|(queue, size)| limited(queue, *size)).collect();
    let except: Vec<String> = settings.queue_concurrency.keys().cloned().collect();
    let names: Vec<String> =
        settings.queues.iter().filter(|queue| !except.contains(queue)).cloned().collect();
    if settings.queues.is_empty() || !names.is_empty() {
        parts.push(Part { names, except, gate: None });
    }
    parts
}

fn limited(name: &str, size: usize) -> Part {
    Part { names: vec![name.to_owned()], except: Vec::new(), gate: Some(gate(size)) }
}

fn gate(size: usize) -> Gate {
    Gate { slots: Arc::new(Semaphore::new(size)), size }
}
