//! `load`: send a load of reports to the running herd or to any nodes, and measure their latency.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use herd::nearest::choices;
use serde_json::json;

use crate::cluster::processes::LIST_NODES;
use crate::cluster::supervisor::{HerdAction, request_action};
use crate::cluster::workspace::Profile;
use crate::commands::arguments::variant_of;
use crate::commands::print::{print, print_progress};
use crate::load::generator::{Generator, Task};
use crate::load::{Load, Order, Protocol, Summary};

/// The share of a core above which the generator may be the bottleneck.
const BUSY_GENERATOR: f64 = 0.8;

/// What to send, and where.
#[derive(Clone, Debug, Args)]
pub struct LoadArgs {
    /// Nodes of the running herd by name, or any addresses [default: all nodes of the running herd]
    #[arg(value_name = "NODE|ADDRESS")]
    nodes: Vec<String>,

    /// Total number of connections, spread over the nodes
    #[arg(short, long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,

    /// Largest number of commands in flight on each connection
    #[arg(short = 'p', long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    depth: u32,

    /// Total commands a second, sent on schedule even if earlier ones are not answered yet
    /// [default: one for each answer]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,

    /// Number of distinct clients to report, at least one for each connection
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    clients: u32,

    /// Seconds to send for
    #[arg(short, long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    duration: u32,

    /// The protocol to speak; any other than iamat needs addresses
    #[arg(long, default_value_t, value_parser = variant_of::<Protocol>())]
    protocol: Protocol,

    /// Build the generator without optimizations, to try it out; do not quote the figures
    #[arg(long)]
    debug: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Sends the load, with a line of progress a second on standard error, and prints the result.
///
/// # Errors
/// There is no such node, a connection is lost, or a report was not answered by its AT line. In the
/// last case the result has been printed.
pub fn send_load(args: &LoadArgs) -> Result<()> {
    let load = Load {
        protocol: args.protocol,
        nodes: addresses(&args.nodes)?,
        connections: args.connections as usize,
        depth: args.depth as usize,
        rate: args.rate.map(f64::from),
        clients: args.clients.into(),
        order: Order::InTurn,
        duration: Duration::from_secs(args.duration.into()),
    };
    let generator = Generator::build(if args.debug { Profile::Debug } else { Profile::Release })?;
    let outcome: Summary = generator.perform(&Task::Load { load: load.clone(), live: true })?;
    if std::io::stderr().is_terminal() {
        // The line of progress has no line end yet.
        print_progress("");
    }
    print(&if args.json { as_json(&load, &outcome) } else { as_text(&outcome) })?;
    if outcome.own_cpu > BUSY_GENERATOR {
        let share = outcome.own_cpu * 100.0;
        print_progress(&format!(
            "warning: the generator used {share:.0} % of a core, so it may be the bottleneck"
        ));
    }
    if outcome.wrong > 0 {
        bail!("{} reports were not answered by their AT line", outcome.wrong);
    }
    Ok(())
}

/// Returns the addresses of nodes given by name or address, or of all nodes of the running herd if
/// none is given.
fn addresses(wanted: &[String]) -> Result<Vec<SocketAddr>> {
    let given: Vec<SocketAddr> = wanted.iter().filter_map(|text| text.parse().ok()).collect();
    if !wanted.is_empty() && given.len() == wanted.len() {
        return Ok(given);
    }
    let status = request_action(HerdAction::Status, &[])?;
    let nodes: Vec<(&str, &str)> = status["nodes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|node| Some((node["name"].as_str()?, node["client"].as_str()?)))
        .collect();
    let names: Vec<&str> = nodes.iter().map(|(name, _)| *name).collect();
    let all: Vec<String> = names.iter().map(ToString::to_string).collect();
    let wanted = if wanted.is_empty() { &all } else { wanted };
    let mut addresses = Vec::new();
    for text in wanted {
        let known = nodes.iter().find(|(name, _)| name == text).map_or(text.as_str(), |(_, address)| address);
        match known.parse() {
            Ok(address) => addresses.push(address),
            Err(_) => {
                let choices = choices(text, "nodes", names.iter().copied(), LIST_NODES);
                bail!("`{text}` is neither an address nor the name of a node{choices}")
            }
        }
    }
    Ok(addresses)
}

fn as_text(outcome: &Summary) -> String {
    let Summary { answers, seconds, per_second, latency, own_cpu, .. } = outcome;
    let cpu = own_cpu * 100.0;
    format!(
        "{answers} answers in {seconds:.1} s: {per_second:.0}/s\n{latency}\n\
         the generator itself used {cpu:.0} % of a core\n"
    )
}

/// Formats the load and its result as JSON. The names of figures end with their units.
fn as_json(load: &Load, outcome: &Summary) -> String {
    format!("{}\n", json!({ "load": load, "outcome": outcome }))
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use serde_json::Value;

    use super::*;
    use crate::load::LoadOutcome;

    #[test]
    fn figures_in_json_have_their_units_in_their_names() {
        let load = Load {
            protocol: Protocol::Iamat,
            nodes: vec!["127.0.0.1:12480".parse().unwrap()],
            connections: 1,
            depth: 1,
            rate: Some(1000.0),
            clients: 1,
            order: Order::InTurn,
            duration: Duration::from_millis(1500),
        };
        let mut latencies = Histogram::new_with_bounds(1, 1_000_000, 3).unwrap();
        latencies.record(2000).unwrap();
        let elapsed = Duration::from_millis(500);
        let outcome = LoadOutcome { latencies, wrong: 0, elapsed, own_cpu: 0.25, last_clients: vec![0] };
        let json: Value = serde_json::from_str(&as_json(&load, &Summary::of(&outcome))).unwrap();
        let (load, outcome) = (&json["load"], &json["outcome"]);
        assert_eq!((&load["duration_seconds"], &load["rate_per_second"]), (&1.5.into(), &1000.0.into()));
        assert_eq!((&outcome["seconds"], &outcome["per_second"]), (&0.5.into(), &2.0.into()));
        assert_eq!(outcome["own_cpu_fraction"], 0.25);
        let latency = &outcome["latency"];
        for name in ["p50_us", "p90_us", "p99_us", "p999_us", "max_us"] {
            assert!((latency[name].as_f64().unwrap() - 2.0).abs() < 0.01, "{name} in {latency}");
        }
        let last = latency["distribution"].as_array().unwrap().last().unwrap();
        assert_eq!(last["fraction"], 1.0);
        assert!((last["latency_us"].as_f64().unwrap() - 2.0).abs() < 0.01, "{last}");
    }
}
