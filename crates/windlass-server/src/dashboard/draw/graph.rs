//! A graph of jobs in layers: parents above their children, edges that cross as little as a few sweeps can do.

use std::collections::HashMap;
use std::fmt::Write as _;

use windlass::State;

use super::escaped;
use crate::dashboard::text::{Safe, brief};

/// Size of a box, and the room between boxes.
const WIDE: usize = 172;
const TALL: usize = 46;
const BESIDE: usize = 26;
const BELOW: usize = 46;

/// Characters of a name in a box.
const NAME_CHARS: usize = 20;

/// Rounds of sorting layers by where their neighbours stand.
const SWEEPS: usize = 4;

/// A job of the graph. Parents come before their children.
#[derive(Debug, Clone)]
pub(in crate::dashboard) struct Node {
    pub(in crate::dashboard) id: String,
    pub(in crate::dashboard) name: String,
    pub(in crate::dashboard) kind: String,
    pub(in crate::dashboard) state: State,
    pub(in crate::dashboard) parents: Vec<String>,
    pub(in crate::dashboard) link: String,
}

/// Where a box stands: its layer, and its place in it.
type Layers = Vec<Vec<usize>>;

/// Draws it.
pub(in crate::dashboard) fn graph(nodes: &[Node]) -> Safe {
    let places: HashMap<&str, usize> =
        nodes.iter().enumerate().map(|(index, node)| (node.id.as_str(), index)).collect();
    let parents: Vec<Vec<usize>> = nodes
        .iter()
        .map(|node| node.parents.iter().filter_map(|id| places.get(id.as_str()).copied()).collect())
        .collect();
    let layers = layered(&parents);
    let widest = layers.iter().map(Vec::len).max().unwrap_or(0);
    let wide = widest * (WIDE + BESIDE) + BESIDE;
    let tall = layers.len() * (TALL + BELOW) + 16;
    let mut at = vec![(0, 0); nodes.len()];
    for (layer, members) in layers.iter().enumerate() {
        let begin = (wide - members.len() * (WIDE + BESIDE) + BESIDE) / 2;
        for (place, index) in members.iter().enumerate() {
            at[*index] = (begin + place * (WIDE + BESIDE), 8 + layer * (TALL + BELOW));
        }
    }
    let mut body = String::new();
    for (index, node) in nodes.iter().enumerate() {
        for parent in &parents[index] {
            edge(&mut body, (at[*parent], at[index]), is_broken(nodes[*parent].state, node.state));
        }
    }
    for (index, node) in nodes.iter().enumerate() {
        boxed(&mut body, node, at[index]);
    }
    Safe(format!(
        r#"<div class="scroll" tabindex="0" role="region" aria-label="Graph of the workflow"><svg class="graph" viewBox="0 0 {wide} {tall}" width="{wide}" height="{tall}">{body}</svg></div>"#
    ))
}

/// Whether a failure went along this edge.
const fn is_broken(parent: State, child: State) -> bool {
    matches!(parent, State::Failed | State::DeadLetter | State::Cancelled)
        && matches!(child, State::Failed | State::DeadLetter | State::Cancelled)
}

/// Every node one layer below the lowest of its parents; within a layer near its neighbours.
fn layered(parents: &[Vec<usize>]) -> Layers {
    let mut depth = vec![0; parents.len()];
    for index in 0..parents.len() {
        let above = parents[index].iter().filter(|parent| **parent < index);
        depth[index] = above.map(|parent| depth[*parent] + 1).max().unwrap_or(0);
    }
    let count = depth.iter().max().map_or(0, |most| most + 1);
    let mut layers: Layers = vec![Vec::new(); count];
    for (index, depth) in depth.iter().enumerate() {
        layers[*depth].push(index);
    }
    let mut children = vec![Vec::new(); parents.len()];
    for (index, own) in parents.iter().enumerate() {
        own.iter().for_each(|parent| children[*parent].push(index));
    }
    for _ in 0..SWEEPS {
        sort(&mut layers, parents, false);
        sort(&mut layers, &children, true);
    }
    sort(&mut layers, parents, false);
    layers
}

/// Sorts each layer by the mean place of its neighbours in the one before (or, upwards, after).
fn sort(layers: &mut Layers, neighbours: &[Vec<usize>], is_upwards: bool) {
    let nodes = neighbours.len();
    let mut order: Vec<usize> = (0..layers.len()).collect();
    if is_upwards {
        order.reverse();
    }
    let mut place = vec![0.0; nodes];
    for layer in order {
        let mean = |index: &usize| {
            let near = &neighbours[*index];
            let sum: f64 = near.iter().map(|other| place[*other]).sum();
            if near.is_empty() { f64::MAX } else { sum / share(near.len()) }
        };
        let mut members: Vec<(f64, usize)> =
            layers[layer].iter().map(|index| (mean(index), *index)).collect();
        members.sort_by(|a, b| a.0.total_cmp(&b.0));
        let count = members.len();
        layers[layer] = members.into_iter().map(|(_, index)| index).collect();
        for (at, index) in layers[layer].iter().enumerate() {
            place[*index] = (share(at) + 0.5) / share(count);
        }
    }
}

fn share(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

fn edge(
    body: &mut String,
    ((from_x, from_y), (to_x, to_y)): ((usize, usize), (usize, usize)),
    is_broken: bool,
) {
    let (x, y, to_x) = (from_x + WIDE / 2, from_y + TALL, to_x + WIDE / 2);
    let bend = BELOW * 3 / 4;
    let class = if is_broken { "edge broken" } else { "edge" };
    // Writing to a string cannot fail.
    let _ = write!(
        body,
        r#"<path class="{class}" d="M{x} {y}C{x} {} {to_x} {} {to_x} {to_y}"/>"#,
        y + bend,
        to_y.saturating_sub(bend)
    );
}

fn boxed(body: &mut String, node: &Node, (x, y): (usize, usize)) {
    let name = escaped(&brief(&node.name, NAME_CHARS));
    let (state, kind) = (node.state, escaped(&brief(&node.kind, NAME_CHARS + 4)));
    let word = state.as_str().replace('_', " ");
    // Writing to a string cannot fail.
    let _ = write!(
        body,
        r##"<a href="{}" class="node s-{state}" aria-label="{name} {kind}, {word}"><rect x="{x}" y="{y}" width="{WIDE}" height="{TALL}" rx="7"/><rect class="strip" x="{x}" y="{y}" width="6" height="{TALL}" rx="3"/><text x="{}" y="{}">{name}</text> <text class="kind" x="{}" y="{}">{kind}</text><svg x="{}" y="{}" width="14" height="14"><use href="#i-{state}"/></svg></a>"##,
        escaped(&node.link),
        x + 16,
        y + 19,
        x + 16,
        y + 36,
        x + WIDE - 22,
        y + 8
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_stand_below_all_their_parents() {
        // 0 -> 1 -> 3, 0 -> 2, 2 and 3 -> 4
        let layers = layered(&[vec![], vec![0], vec![0], vec![1], vec![2, 3]]);

        assert_eq!(layers.len(), 4);
        assert_eq!(layers[0], [0]);
        assert_eq!(layers[3], [4]);
        assert_eq!(layers.concat().len(), 5);
    }

    #[test]
    fn a_layer_is_sorted_so_that_edges_do_not_cross() {
        // Two chains whose children are named crosswise.
        let layers = layered(&[vec![], vec![], vec![1], vec![0]]);

        assert_eq!(layers, [vec![0, 1], vec![3, 2]]);
    }

    #[test]
    fn names_are_cut_and_escaped() {
        let node = Node {
            id: "1".to_owned(),
            name: "<script>alert(1)</script> and more".to_owned(),
            kind: "k".to_owned(),
            state: State::Failed,
            parents: vec!["0".to_owned()],
            link: "/ui/jobs/1".to_owned(),
        };

        let drawn = graph(&[node]).0;

        assert!(!drawn.contains("<script>"));
        assert!(drawn.contains("&lt;script&gt;alert(1)&lt;/sc..."), "{drawn}");
        assert!(graph(&[]).0.contains("<svg"));
    }
}
