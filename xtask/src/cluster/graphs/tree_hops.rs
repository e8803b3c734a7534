//! Counts the hops of floods on one tree for all origins, and on a tree for each origin.

use super::{Graph, Neighbours, neighbours_in};
use crate::cluster::herd_file::HerdFile;

/// The mean number of hops between two nodes, on the shortest ways and on the best tree of shortest
/// ways from one node.
fn mean_hops(graph: &Neighbours) -> [f64; 2] {
    let nodes = graph.0.len();
    let mean = |graph: &Neighbours| {
        let hops: usize = (0..nodes).flat_map(|from| graph.hops_from(from)).map(|(_, hops)| hops).sum();
        hops as f64 / (nodes * (nodes - 1)) as f64
    };
    let shared = (0..nodes).map(|root| mean(&tree_from(graph, root))).fold(f64::INFINITY, f64::min);
    [mean(graph), shared]
}

/// Returns a tree of shortest ways from `root`.
fn tree_from(graph: &Neighbours, root: usize) -> Neighbours {
    let found = graph.hops_from(root);
    let before = |node: usize, hops: usize| {
        found.iter().find(|(other, less)| less + 1 == hops && graph.0[node].contains(other))
    };
    let edges = found.iter().filter_map(|(node, hops)| Some((before(*node, *hops)?.0, *node)));
    Neighbours::of_edges(graph.0.len(), edges)
}

#[test]
fn a_tree_for_each_origin_is_shorter_than_a_shared_one_wherever_there_are_spare_links() {
    let mut rows: Vec<(String, Neighbours)> = Vec::new();
    for graph in [Graph::Line, Graph::Tree, Graph::Ring, Graph::Grid, Graph::Mesh] {
        rows.push((graph.to_string(), Neighbours::of_edges(25, graph.edges(25))));
    }
    for name in ["2015-winter", "2016-fall", "2018-winter", "2023-winter"] {
        rows.push((name.to_owned(), neighbours_in(&HerdFile::find(name).unwrap())));
    }
    let counted: Vec<String> = rows
        .iter()
        .map(|(name, graph)| {
            let [each, shared] = mean_hops(graph);
            format!("{name} {each:.2} {shared:.2}")
        })
        .collect();
    // The table of docs/src/decisions/0013-tree-for-each-origin.md.
    let expected = [
        "line 8.67 8.67",
        "tree 3.33 3.33",
        "ring 6.50 8.67",
        "grid 3.33 4.00",
        "mesh 1.00 1.92",
        "2015-winter 1.60 1.80",
        "2016-fall 1.50 2.00",
        "2018-winter 1.50 1.80",
        "2023-winter 1.40 1.80",
    ];
    assert_eq!(counted, expected);
}
