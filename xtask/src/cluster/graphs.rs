//! Generated herds: any number of nodes, linked as a graph of a known shape.

use std::mem;

use strum::{Display, EnumMessage, EnumString, IntoStaticStr, VariantArray};

use super::herd_file::HerdFile;

/// The shape of a generated herd.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Display, EnumMessage, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Graph {
    /// Each node is linked to the next, and the last to the first.
    Ring,
    /// Each node is linked to the next.
    Line,
    /// All nodes are linked to the first.
    Star,
    /// Each node is linked to its parent and up to four children.
    Tree,
    /// Rows and columns, as square as the number of nodes allows.
    Grid,
    /// Every node is linked to every other.
    Mesh,
}

impl Graph {
    /// Returns the edges among `nodes` nodes as pairs of indices, smaller index first. Each edge
    /// occurs once.
    pub fn edges(self, nodes: usize) -> Vec<(usize, usize)> {
        let next = (1..nodes).map(|node| (node - 1, node));
        match self {
            Graph::Line => next.collect(),
            Graph::Ring if nodes < 3 => next.collect(),
            Graph::Ring => next.chain([(0, nodes - 1)]).collect(),
            Graph::Star => (1..nodes).map(|node| (0, node)).collect(),
            Graph::Tree => (1..nodes).map(|node| ((node - 1) / 4, node)).collect(),
            Graph::Mesh => (0..nodes).flat_map(|low| (low + 1..nodes).map(move |high| (low, high))).collect(),
            Graph::Grid => {
                let columns = (nodes as f64).sqrt().ceil() as usize;
                let right =
                    (0..nodes).filter(move |node| (node + 1) % columns != 0).map(|node| (node, node + 1));
                let down = (0..nodes).map(move |node| (node, node + columns));
                right.chain(down).filter(|(_, high)| *high < nodes).collect()
            }
        }
    }

    /// Returns the number of links on the longest of all shortest paths among `nodes` nodes.
    pub fn diameter(self, nodes: usize) -> usize {
        let neighbours = Neighbours::of_edges(nodes, self.edges(nodes));
        let farthest = |start| neighbours.hops_from(start).last().map_or(0, |(_, hops)| *hops);
        (0..nodes).map(farthest).max().unwrap_or_default()
    }

    /// Returns the number of neighbours of the node that has most.
    pub fn largest_degree(self, nodes: usize) -> usize {
        let edges = self.edges(nodes);
        let degree = |node| edges.iter().filter(|(low, high)| *low == node || *high == node).count();
        (0..nodes).map(degree).max().unwrap_or_default()
    }

    /// Returns the text of a herd file with `nodes` nodes, `Node1` to `Node<nodes>`. Client ports
    /// start at `first_port`, and link ports follow them.
    pub fn herd_file(self, nodes: u16, first_port: u16) -> String {
        let edges = self.edges(usize::from(nodes));
        let name = |node: usize| format!("Node{}", node + 1);
        let mut file = format!("name = \"{self}-{nodes}\"\n");
        for node in 0..nodes {
            let index = usize::from(node);
            let neighbours: Vec<String> = edges
                .iter()
                .filter_map(|&(low, high)| match index {
                    _ if low == index => Some(name(high)),
                    _ if high == index => Some(name(low)),
                    _ => None,
                })
                .collect();
            let (client, link) = (first_port + node, first_port + nodes + node);
            file += &format!(
                "\n[[node]]\nname = \"{}\"\nclient = \"127.0.0.1:{client}\"\n\
                 link = \"127.0.0.1:{link}\"\nneighbours = {neighbours:?}\n",
                name(index)
            );
        }
        file
    }
}

/// The neighbours of each node of a graph.
#[derive(Clone, Debug)]
pub(crate) struct Neighbours(Vec<Vec<usize>>);

impl Neighbours {
    /// Returns the graph with these edges.
    pub(crate) fn of_edges(nodes: usize, edges: impl IntoIterator<Item = (usize, usize)>) -> Neighbours {
        let mut neighbours = vec![Vec::new(); nodes];
        for (a, b) in edges {
            neighbours[a].push(b);
            neighbours[b].push(a);
        }
        Neighbours(neighbours)
    }

    /// Returns each node that can be reached from a node, and the number of links on the shortest
    /// way to it, the nearest one first. The first one is the node itself.
    pub(crate) fn hops_from(&self, from: usize) -> Vec<(usize, usize)> {
        let mut is_known = vec![false; self.0.len()];
        is_known[from] = true;
        let mut found = vec![(from, 0)];
        let mut next = 0;
        while let Some(&(node, hops)) = found.get(next) {
            next += 1;
            for &other in &self.0[node] {
                if !mem::replace(&mut is_known[other], true) {
                    found.push((other, hops + 1));
                }
            }
        }
        found
    }
}

/// Returns the graph of a herd file.
pub(crate) fn neighbours_in(file: &HerdFile) -> Neighbours {
    let members = &file.herd().members;
    let place = |name: &String| members.iter().position(|member| member.name == *name);
    let neighbours = members.iter().map(|member| member.neighbours.iter().filter_map(place).collect());
    Neighbours(neighbours.collect())
}

#[cfg(test)]
mod tree_hops;

#[cfg(test)]
mod tests {
    use super::*;
    use herd::config::Herd;

    #[test]
    fn each_shape_has_its_number_of_edges() {
        for (graph, nodes, edges) in [
            (Graph::Ring, 5, 5),
            (Graph::Ring, 2, 1),
            (Graph::Line, 5, 4),
            (Graph::Star, 5, 4),
            (Graph::Tree, 25, 24),
            (Graph::Grid, 9, 12),
            (Graph::Grid, 5, 5),
            (Graph::Mesh, 5, 10),
            (Graph::Mesh, 1, 0),
        ] {
            assert_eq!(graph.edges(nodes).len(), edges, "{graph:?} of {nodes}");
        }
    }

    #[test]
    fn each_shape_has_its_diameter_and_degree() {
        for (graph, nodes, diameter, degree) in [
            (Graph::Ring, 5, 2, 2),
            (Graph::Line, 25, 24, 2),
            (Graph::Star, 25, 2, 24),
            (Graph::Tree, 25, 5, 5),
            (Graph::Grid, 9, 4, 4),
            (Graph::Mesh, 5, 1, 4),
            (Graph::Mesh, 1, 0, 0),
        ] {
            assert_eq!(
                (graph.diameter(nodes), graph.largest_degree(nodes)),
                (diameter, degree),
                "{graph:?} of {nodes}"
            );
        }
    }

    #[test]
    fn every_generated_herd_is_valid_and_connected() {
        for graph in Graph::VARIANTS {
            for nodes in [1, 2, 3, 7, 25, 100] {
                let herd = Herd::parse(&graph.herd_file(nodes, 21_000), "generated").unwrap();
                assert_eq!((herd.members.len(), herd.warnings().len()), (usize::from(nodes), 0));
            }
        }
    }
}
