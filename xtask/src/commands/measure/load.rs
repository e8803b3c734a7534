//! `load`: send a load of reports to the running herd or to any nodes, and measure their latency.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use herd::nearest::choices;
use serde_json::{Value, json};

use super::slow_nodes::describe_slow_nodes;
use crate::cluster::processes::LIST_NODES;
use crate::cluster::supervisor::{HerdAction, request_action};
use crate::cluster::workspace::Profile;
use crate::commands::arguments::variant_of;
use crate::commands::print::{print, print_progress};
use crate::load::generator::{Generator, Task};
use crate::load::{Load, LoadTls, Order, Protocol, QuestionSummary, Summary, Whatsats};

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

    /// Share of the commands that are WHATSATs, about clients that have been reported, such as 10%
    #[arg(long, value_name = "SHARE", value_parser = share)]
    whatsat: Option<f64>,

    /// Largest number of places of each WHATSAT's answer; above 0, nodes ask their provider of
    /// places, which may be billed
    #[arg(long, value_name = "N", requires = "whatsat", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=20))]
    places: u32,

    /// Speak TLS, with nodes that serve clients over it
    #[arg(long, requires = "ca")]
    tls: bool,

    /// Trust the certificate authorities in this file
    #[arg(long, value_name = "FILE", requires = "tls")]
    ca: Option<PathBuf>,

    /// The name that the nodes' certificates are for [default: each node's IP address]
    #[arg(long, value_name = "NAME", requires = "tls")]
    server_name: Option<String>,

    /// Build the generator without optimizations, to try it out; do not quote the figures
    #[arg(long)]
    debug: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Reads the share of `--whatsat`.
fn share(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').and_then(|number| number.parse().ok());
    let percent = percent.filter(|percent: &f64| *percent > 0.0 && *percent < 100.0);
    percent.map(|percent| percent / 100.0).ok_or_else(|| "expected a share such as 10%".to_owned())
}

/// Sends the load, with a line of progress a second on standard error, and prints the result.
///
/// # Errors
/// There is no such node, a connection is lost, or a command was not answered by an AT line. In the
/// last case the result has been printed.
pub fn send_load(args: &LoadArgs) -> Result<()> {
    if args.whatsat.is_some() && args.protocol != Protocol::Iamat {
        bail!("the protocol {} has no WHATSATs: leave out --whatsat or --protocol", args.protocol);
    }
    let (nodes, status) = targets(&args.nodes)?;
    if let Some(note) = status.and_then(|status| describe_slow_nodes(&status, &nodes)) {
        print_progress(&note);
    }
    let load = Load {
        protocol: args.protocol,
        nodes,
        connections: args.connections as usize,
        depth: args.depth as usize,
        rate: args.rate.map(f64::from),
        clients: args.clients.into(),
        order: Order::InTurn,
        duration: Duration::from_secs(args.duration.into()),
        whatsats: Whatsats { share: args.whatsat.unwrap_or_default(), places: args.places },
        tls: args.ca.clone().map(|ca| LoadTls { ca, server_name: args.server_name.clone() }),
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
        bail!("{} commands were not answered by an AT line", outcome.wrong);
    }
    Ok(())
}

/// Returns the addresses of nodes given by name or address, or of all nodes of the running herd if
/// none is given; and the status of the running herd, if there is one.
fn targets(wanted: &[String]) -> Result<(Vec<SocketAddr>, Option<Value>)> {
    let given: Vec<SocketAddr> = wanted.iter().filter_map(|text| text.parse().ok()).collect();
    let status = request_action(HerdAction::Status, &[]);
    if !wanted.is_empty() && given.len() == wanted.len() {
        return Ok((given, status.ok()));
    }
    let status = status?;
    let nodes: Vec<&Value> = status["nodes"].as_array().into_iter().flatten().collect();
    let names: Vec<&str> = nodes.iter().filter_map(|node| node["name"].as_str()).collect();
    let all: Vec<String> = names.iter().map(ToString::to_string).collect();
    let wanted = if wanted.is_empty() { &all } else { wanted };
    let mut addresses = Vec::new();
    for text in wanted {
        let node = nodes.iter().find(|node| node["name"] == *text);
        if let Some(state @ ("paused" | "down")) = node.and_then(|node| node["state"].as_str()) {
            bail!("{text} is {state}: name the nodes to load, or see `cargo xtask herd-status`");
        }
        match node.and_then(|node| node["client"].as_str()).unwrap_or(text).parse() {
            Ok(address) => addresses.push(address),
            Err(_) => {
                let choices = choices(text, "nodes", names.iter().copied(), LIST_NODES);
                bail!("`{text}` is neither an address nor the name of a node{choices}")
            }
        }
    }
    Ok((addresses, Some(status)))
}

fn as_text(outcome: &Summary) -> String {
    let Summary { answers, seconds, per_second, latency, whatsats, own_cpu, .. } = outcome;
    let cpu = own_cpu * 100.0;
    let latencies = whatsats.as_ref().map_or_else(|| format!("{latency}\n"), |whatsats| {
        let QuestionSummary { answers, without_places, latency: of_questions } = whatsats;
        let failed = match without_places {
            0 => String::new(),
            several => format!(", {several} of them without places because of an error"),
        };
        format!("IAMAT:   {latency}\nWHATSAT: {of_questions}\n{answers} of the answers are to WHATSATs{failed}\n")
    });
    format!(
        "{answers} answers in {seconds:.1} s: {per_second:.0}/s\n{latencies}\
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

    use super::*;
    use crate::load::LoadOutcome;

    /// An outcome with these latencies of reports and questions, in nanoseconds.
    fn outcome(reports: &[u64], questions: &[u64]) -> LoadOutcome {
        let histogram = |latencies: &[u64]| {
            let mut histogram = Histogram::new_with_bounds(1, 1_000_000, 3).unwrap();
            latencies.iter().for_each(|latency| histogram.record(*latency).unwrap());
            histogram
        };
        LoadOutcome {
            latencies: histogram(reports),
            question_latencies: histogram(questions),
            without_places: questions.len() as u64 / 2,
            wrong: 0,
            elapsed: Duration::from_millis(500),
            own_cpu: 0.25,
            last_clients: vec![0],
        }
    }

    #[test]
    fn latencies_of_whatsats_are_apart() {
        insta::assert_snapshot!(as_text(&Summary::of(&outcome(&[2000, 2000], &[9000, 9000]))), @r"
        4 answers in 0.5 s: 8/s
        IAMAT:   p50 2 us, p90 2, p99 2, p99.9 2, longest 2
        WHATSAT: p50 9 us, p90 9, p99 9, p99.9 9, longest 9
        2 of the answers are to WHATSATs, 1 of them without places because of an error
        the generator itself used 25 % of a core
        ");
        insta::assert_snapshot!(as_text(&Summary::of(&outcome(&[2000, 2000], &[]))), @r"
        2 answers in 0.5 s: 4/s
        p50 2 us, p90 2, p99 2, p99.9 2, longest 2
        the generator itself used 25 % of a core
        ");
    }

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
            ..Load::default()
        };
        let outcome = outcome(&[2000], &[]);
        let json: Value = serde_json::from_str(&as_json(&load, &Summary::of(&outcome))).unwrap();
        let (load, outcome) = (&json["load"], &json["outcome"]);
        assert_eq!(outcome.get("whatsats"), None);
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
