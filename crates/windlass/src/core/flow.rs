//! The order of a graph: parents before children, or the cycle that makes this impossible.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Orders nodes so that each comes after its parents, and otherwise as they were given. `parents` are
/// places in the list.
///
/// # Errors
/// The places of nodes that wait for each other, each for the one before it, the first for the last.
pub(crate) fn order(parents: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut children = vec![Vec::new(); parents.len()];
    let mut waits_for: Vec<usize> = parents.iter().map(Vec::len).collect();
    for (child, parents) in parents.iter().enumerate() {
        for parent in parents {
            children[*parent].push(child);
        }
    }
    let free = waits_for.iter().enumerate().filter(|(_, count)| **count == 0);
    let mut free: BinaryHeap<Reverse<usize>> = free.map(|(place, _)| Reverse(place)).collect();
    let mut ordered = Vec::with_capacity(parents.len());
    while let Some(Reverse(place)) = free.pop() {
        ordered.push(place);
        for child in &children[place] {
            waits_for[*child] -= 1;
            if waits_for[*child] == 0 {
                free.push(Reverse(*child));
            }
        }
    }
    if ordered.len() == parents.len() { Ok(ordered) } else { Err(cycle(parents, &waits_for)) }
}

/// Goes from parent to parent among the nodes that are left over, until one comes again.
fn cycle(parents: &[Vec<usize>], waits_for: &[usize]) -> Vec<usize> {
    let mut seen_at = vec![None; parents.len()];
    let mut path = Vec::new();
    let mut next = waits_for.iter().position(|count| *count > 0);
    while let Some(place) = next {
        if let Some(first) = seen_at[place] {
            let mut found = path.split_off(first);
            found.reverse();
            return found;
        }
        seen_at[place] = Some(path.len());
        path.push(place);
        // Each of them waits for at least one other of them.
        next = parents[place].iter().copied().find(|parent| waits_for[*parent] > 0);
    }
    path
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parents_come_first_and_the_rest_stays_as_it_is() {
        let diamond = [vec![1, 2], vec![3], vec![3], vec![], vec![]];

        assert_eq!(order(&diamond), Ok(vec![3, 1, 2, 0, 4]));
        assert_eq!(order(&[]), Ok(vec![]));
    }

    #[test]
    fn a_cycle_is_found_behind_a_tail() {
        // 0 waits for 1, 1 for 2, 2 for 3, 3 for 1.
        let graph = [vec![1], vec![2], vec![3], vec![1]];

        assert_eq!(order(&graph), Err(vec![3, 2, 1]));
        assert_eq!(order(&[vec![0]]), Err(vec![0]));
    }

    proptest! {
        #[test]
        fn every_graph_has_an_order_or_a_cycle(
            edges in prop::collection::vec((0..12_usize, 0..12_usize), 0..30),
        ) {
            let mut parents = vec![Vec::new(); 12];
            for (child, parent) in edges {
                if !parents[child].contains(&parent) {
                    parents[child].push(parent);
                }
            }

            match order(&parents) {
                Ok(ordered) => {
                    let place = |node| ordered.iter().position(|other| *other == node);
                    for (child, of) in parents.iter().enumerate() {
                        prop_assert!(of.iter().all(|parent| place(*parent) < place(child)));
                    }
                }
                Err(cycle) => {
                    let before = cycle.iter().cycle().skip(cycle.len() - 1);
                    for (node, before) in cycle.iter().zip(before) {
                        prop_assert!(parents[*node].contains(before));
                    }
                }
            }
        }
    }
}
