//! The report: the measured figures, the assumptions, and the tables.

use super::cost::{Assumptions, Cost, FULL_NODES, Herd, LEADER, NOTICED, READERS, USABLE};
use super::measured::{MEASURED_READERS, Measured};
use super::workload::{NODES, Sizes};
use super::{BackboneCost, Profile};
use crate::measure::machine_info::MachineInfo;
use crate::text::table;

/// Returns the whole report.
pub(super) fn text(
    machine: &MachineInfo,
    settings: &BackboneCost,
    sizes: &Sizes,
    measured: &Measured,
    costs: &[Cost],
) -> String {
    let build = match settings.profile {
        Profile::Release => "release build",
        Profile::Debug => "debug build, not to be quoted",
    };
    let quick = if settings.quick { "; a quick run, not to be quoted" } else { "" };
    let assumed = &settings.assumptions;
    format!(
        "{machine};\n{build}{quick}\n\nMeasured on this machine\n\n{}\n{}\n{}\n\n{}\n{}\n\n{}{}",
        measured_table(measured, sizes),
        assumptions(assumed),
        "What the clients cost (computed)",
        cost_table(costs, assumed),
        "Where shards are kept, and what a loss costs (simulated)",
        placement_table(costs),
        too_large(costs, assumed),
    )
}

fn measured_table(measured: &Measured, sizes: &Sizes) -> String {
    let Sizes { alone, clients, few, lasts } = sizes;
    let microseconds = |seconds: f64| format!("{:.2} us", seconds * 1e6);
    let bytes = |bytes: f64| format!("{bytes:.0} bytes");
    let sent = format!("bytes that nodes and servers send for a line that {MEASURED_READERS} nodes read");
    let light = format!("cores of three NATS servers together at {} lines a second", thousands(*few));
    let rows = [
        ("memory of a client in a node", bytes(measured.client_bytes)),
        ("processor time of a report at the node that receives it", microseconds(measured.receiving_cpu)),
        ("processor time of an update at a node it is flooded to", microseconds(measured.flooded_cpu)),
        (&light, format!("{:.2}", measured.light_cores)),
        ("processor time of a line at them, at full load", microseconds(measured.line_cpu)),
        ("share of the busiest of the three servers", format!("{:.0} %", measured.leader_share * 100.0)),
        ("lines in a message, at full load", format!("{:.0}", measured.lines)),
        ("bytes of a line in a message", bytes(measured.message_bytes)),
        ("bytes of a line in the log, on three servers together", bytes(measured.log_bytes)),
        (&sent, bytes(measured.sent_bytes)),
        ("records a second that an empty node receives over a link", thousands(measured.link_rate)),
        ("records a second that a node of an empty region reads", thousands(measured.backbone_rate)),
    ];
    format!(
        "{}\nMemory is what one node grew by until {} clients had reported three times. The other\n\
         figures are of two regions with {NODES} nodes and three NATS servers, which keep three replicas.\n\
         {} clients reported to one node, {} times a second for {} s, and then as often as the\n\
         node answered (full load) for the same time. All figures but the first of the servers are\n\
         those at full load. Processor time is that of the processes, with encrypted links and plain\n\
         connections to the servers. The last two figures include the start of the node.\n",
        table(&rows.map(|(what, value)| [what.to_owned(), value])),
        thousands(*alone as f64),
        thousands(*clients as f64),
        thousands(*few),
        lasts.as_secs(),
    )
}

/// The assumptions, as sentences.
fn assumptions(assumed: &Assumptions) -> String {
    let Assumptions { reports, regions, memory, cores, shards, copies, network, seed } = assumed;
    let every = 1.0 / reports;
    let lines = [
        format!("Every client reports {reports} times a second, which is once in {every:.0} s."),
        format!(
            "There are {regions} regions. Each has an equal share of the clients, and keeps all of them."
        ),
        format!(
            "A node has {} of memory and {cores} cores, and uses {:.0} % of both.",
            size(*memory),
            USABLE * 100.0
        ),
        format!(
            "While a table fits one node, each region has {FULL_NODES} nodes that keep all clients. \
             One may be lost."
        ),
        format!(
            "A larger table is divided into {shards} shards by a hash of the id, so all are equally large."
        ),
        format!("Each region has {copies} copies of each shard, on different nodes."),
        format!(
            "Nodes get shards by rendezvous hashing, up to what they have room for, with the seed {seed}."
        ),
        format!(
            "Each shard, or each whole table, is read from the backbone by {READERS} nodes of each region."
        ),
        format!("The server that leads a stream uses at most {:.0} % of one core for it.", LEADER * 100.0),
        format!(
            "A node's network carries {} a second, and so does the network between two regions.",
            size(*network)
        ),
        format!(
            "A loss is noticed after {} s. Then all nodes that are concerned copy at the same time.",
            NOTICED.as_secs()
        ),
        "The servers use what they used for few lines, or what lines cost at full load, if that is more."
            .to_owned(),
        "What one line, update or client costs does not depend on how many there are.".to_owned(),
        "Not built: tables are not yet divided between nodes. Rows with shards are a model.".to_owned(),
    ];
    let list: String = lines.iter().map(|line| format!("- {line}\n")).collect();
    format!("Assumed\n\n{list}")
}

fn cost_table(costs: &[Cost], assumed: &Assumptions) -> String {
    let heading = [
        "CLIENTS",
        "UPDATES/S",
        "HERD OF EACH REGION",
        "CORES",
        "NATS CORES",
        "STREAMS",
        "LOG, 1 H",
        "NETWORK/S",
    ];
    let row = |cost: &Cost| {
        let fits = !matches!(cost.herd, Herd::TooLarge { .. });
        [
            count(cost.clients as f64),
            count(cost.updates),
            herd(cost, assumed),
            format!("{:.2}", cost.node_cores),
            if fits { format!("{:.2}", cost.server_cores) } else { "-".to_owned() },
            if fits { cost.streams.to_string() } else { "-".to_owned() },
            size(cost.log),
            size(cost.network),
        ]
    };
    let rows: Vec<[String; 8]> =
        [heading.map(str::to_owned)].into_iter().chain(costs.iter().map(row)).collect();
    format!(
        "{}\nCORES are those that the nodes of one region use together. NATS CORES, LOG and NETWORK are\n\
         those of all regions together: the log has three replicas, and the network is what nodes and\n\
         servers send each other. STREAMS is the number of streams that the log is divided into.\n",
        table(&rows)
    )
}

fn herd(cost: &Cost, assumed: &Assumptions) -> String {
    let Assumptions { shards, copies, .. } = assumed;
    match &cost.herd {
        Herd::Full { .. } => format!("{FULL_NODES} full nodes"),
        Herd::Sharded { nodes, .. } => format!("{shards} x {copies} shards, {nodes} nodes (model)"),
        Herd::TooLarge { .. } => format!("more than {shards} shards (model)"),
    }
}

fn placement_table(costs: &[Cost]) -> String {
    let heading = ["CLIENTS", "NODES", "SHARDS", "MEMORY", "NODE LOST", "WHOLE", "REGION LOST", "WHOLE"];
    let row = |cost: &Cost| {
        let (nodes, shards, memory) = match &cost.herd {
            Herd::Full { bytes } => (FULL_NODES as usize, "all".to_owned(), size(*bytes)),
            Herd::Sharded { placement, nodes, bytes } => {
                let held = placement.held();
                let shards = [held[nodes / 2], held[nodes - 1], cost.node_lost.fullest];
                let memory = shards.map(|shards| size(shards as f64 * bytes));
                (*nodes, shards.map(|shards| shards.to_string()).join(", "), memory.join(", "))
            }
            Herd::TooLarge { .. } => return None,
        };
        Some([
            count(cost.clients as f64),
            nodes.to_string(),
            shards,
            memory,
            size(cost.node_lost.bytes),
            time(cost.node_lost.seconds),
            size(cost.region_lost.bytes),
            time(cost.region_lost.seconds),
        ])
    };
    let rows: Vec<[String; 8]> =
        [heading.map(str::to_owned)].into_iter().chain(costs.iter().filter_map(row)).collect();
    format!(
        "{}\nSHARDS and MEMORY are those of one node: of the median node, of the fullest one, and of the\n\
         fullest one after the loss of a node. NODE LOST is what is copied when the fullest node is\n\
         lost: its shards, from the nodes with the other copies, or a whole table, to an empty node\n\
         that replaces a full one. REGION LOST is what crosses the network when a region with empty\n\
         nodes replaces one. WHOLE is the time until every shard has all its copies again.\n",
        table(&rows)
    )
}

/// What to change if shards do not fit.
fn too_large(costs: &[Cost], assumed: &Assumptions) -> String {
    let sentence = |cost: &Cost| match cost.herd {
        Herd::TooLarge { shards } => Some(format!(
            "\n{} clients: one of {} shards does not fit a node of {} and {} cores. \
             Choose --shards {shards} or more, \
             or nodes with more --memory or --cores.\n",
            count(cost.clients as f64),
            assumed.shards,
            size(assumed.memory),
            assumed.cores,
        )),
        _ => None,
    };
    costs.iter().filter_map(sentence).collect()
}

/// A number of bytes with a unit.
fn size(bytes: f64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let (unit, name) = units.into_iter().find(|(unit, _)| bytes >= *unit).unwrap_or((1.0, "bytes"));
    let number = bytes / unit;
    if number < 10.0 && number.fract() > 0.05 {
        format!("{number:.1} {name}")
    } else {
        format!("{number:.0} {name}")
    }
}

/// A time with a unit.
fn time(seconds: f64) -> String {
    if seconds < 120.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) }
}

/// A number; powers of ten from a thousand on are short.
fn count(number: f64) -> String {
    let power = number.log10();
    if power >= 3.0 && power.fract() == 0.0 { format!("1e{power:.0}") } else { thousands(number) }
}

/// A number, whose thousands are separated.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units_and_separated_thousands() {
        let sizes = [999.0, 1_000.0, 1_540.0, 16e9, 7.25e9, 1.2e13].map(size);
        assert_eq!(sizes, ["999 bytes", "1 kB", "1.5 kB", "16 GB", "7.2 GB", "12 TB"]);
        let numbers = [0.0, 100.0, 1_000.0, 1e6, 123_456.7].map(thousands);
        assert_eq!(numbers, ["0", "100", "1,000", "1,000,000", "123,457"]);
        assert_eq!([0.0, 100.0, 1e4, 1e9, 2e6].map(count), ["0", "100", "1e4", "1e9", "2,000,000"]);
        assert_eq!([7.4, 119.0, 600.0].map(time), ["7 s", "119 s", "10 min"]);
    }
}
