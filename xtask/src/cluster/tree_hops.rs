//! Counts the hops of floods on one tree for all origins, and on a tree for each origin.

use std::collections::VecDeque;

use crate::cluster::graphs::Graph;
use crate::cluster::herd_file::HerdFile;

/// The neighbours of each node.
type Neighbours = Vec<Vec<usize>>;

/// The mean number of hops between two nodes, on the shortest ways and on the best tree of shortest
/// ways from one node.
fn mean_hops(graph: &Neighbours) -> [f64; 2] {
    let on_tree = |root| mean(&tree_from(graph, root));
    let shared = (0..graph.len()).map(on_tree).fold(f64::INFINITY, f64::min);
    [mean(graph), shared]
}

fn mean(graph: &Neighbours) -> f64 {
    let nodes = graph.len();
    let hops = (0..nodes).flat_map(|from| ways_from(graph, from)).map(|(_, _, hops)| hops).sum::<usize>();
    hops as f64 / (nodes * (nodes - 1)) as f64
}

/// Returns each other node with the node before it on the shortest way, and the number of hops.
fn ways_from(graph: &Neighbours, from: usize) -> Vec<(usize, usize, usize)> {
    let mut is_known = vec![false; graph.len()];
    is_known[from] = true;
    let mut frontier = VecDeque::from([(from, 0)]);
    let mut ways = Vec::new();
    while let Some((node, hops)) = frontier.pop_front() {
        for &other in &graph[node] {
            if !std::mem::replace(&mut is_known[other], true) {
                ways.push((other, node, hops + 1));
                frontier.push_back((other, hops + 1));
            }
        }
    }
    ways
}

fn tree_from(graph: &Neighbours, root: usize) -> Neighbours {
    let edges: Vec<(usize, usize)> =
        ways_from(graph, root).into_iter().map(|(node, before, _)| (node, before)).collect();
    neighbours(graph.len(), &edges)
}

fn neighbours(nodes: usize, edges: &[(usize, usize)]) -> Neighbours {
    let mut neighbours = vec![Vec::new(); nodes];
    for &(a, b) in edges {
        neighbours[a].push(b);
        neighbours[b].push(a);
    }
    neighbours
}

fn classroom(name: &str) -> Neighbours {
    let file = HerdFile::find(name).unwrap();
    let members = &file.herd().members;
    let place = |name: &String| members.iter().position(|member| member.name == *name);
    members.iter().map(|member| member.neighbours.iter().filter_map(place).collect()).collect()
}

#[test]
fn a_tree_for_each_origin_is_shorter_than_a_shared_one_wherever_there_are_spare_links() {
    let mut rows: Vec<(String, Neighbours)> = Vec::new();
    for graph in [Graph::Line, Graph::Tree, Graph::Ring, Graph::Grid, Graph::Mesh] {
        rows.push((graph.to_string(), neighbours(25, &graph.edges(25))));
    }
    for name in ["2015-winter", "2016-fall", "2018-winter", "2023-winter"] {
        rows.push((name.to_owned(), classroom(name)));
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
