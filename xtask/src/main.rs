//! `cargo xtask`: the harness's command line.

mod help;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use herd::printable::lines;
use xtask::commands::herd::{control, dashboard, logs, say, tap, up};
use xtask::commands::maintain::{ci, deb, deploy_check, docs, image, manuals, osm, page, places_data, words};
use xtask::commands::measure::{compare, limits, load, resilience, scale};
use xtask::commands::test::{alerts, broadcast, bugs, chaos, check_history, conformance, e2e, fuzz, mutants};
use xtask::conformance::hidden::run_hidden_role;

/// Start a herd, play sessions against it, break it, and measure it
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start every node of a herd
    HerdUp(up::HerdUpArgs),
    /// Stop the running herd
    HerdDown,
    /// Show each node's state; exit 1 if any is not ready
    HerdStatus(control::StatusArgs),
    /// Restart nodes on their ports, with their data
    HerdRestart {
        /// The nodes to restart, including those that are down [default: all]
        #[arg(value_name = "NODE")]
        nodes: Vec<String>,
    },
    /// Kill nodes, as a crash would
    HerdKill {
        /// The nodes to kill
        #[arg(value_name = "NODE", required = true)]
        nodes: Vec<String>,
    },
    /// Pause nodes: they keep their connections, and answer nothing
    HerdPause {
        /// The nodes to pause
        #[arg(value_name = "NODE", required = true)]
        nodes: Vec<String>,
    },
    /// Cut a link of a herd that herd-up started with --proxy-links
    ///
    /// Neither node gets an error, as when a cable is pulled; both end the link after 2.5 seconds
    /// of silence. They go on with their other links.
    HerdCut {
        /// A node
        #[arg(value_name = "NODE")]
        one: String,
        /// Its neighbour
        #[arg(value_name = "NEIGHBOUR")]
        other: String,
    },
    /// Resume paused nodes and heal cut links
    HerdHeal {
        /// The nodes to resume. With one node, all its links heal; with several, the links among
        /// them [default: all nodes and links]
        #[arg(value_name = "NODE")]
        nodes: Vec<String>,
    },
    /// Print the logs of all nodes, merged by time
    HerdLogs(logs::LogsArgs),
    /// Send lines to a node and print its answers
    Say(say::SayArgs),
    /// Print the AT lines on a node's links as they pass
    Tap {
        /// The node whose links to show
        node: String,
    },
    /// Serve a live page of the running herd
    Dashboard(dashboard::DashboardArgs),
    /// Play the client sessions and compare their snapshots
    E2e(e2e::E2eArgs),
    /// Judge a herd in any language by the rules of the protocol
    Conformance(conformance::ConformanceArgs),
    /// Break herds on purpose and check their promises
    Chaos(chaos::ChaosArgs),
    /// Plant bugs in simulated nodes and check that each is found
    Bugs,
    /// Simulate the broadcast challenge of Gossip Glomers
    Broadcast,
    /// Check the history of a run against the invariants
    CheckHistory {
        /// The history, in a file
        file: PathBuf,
        /// Draw the history to an HTML file
        #[arg(long, value_name = "FILE")]
        timeline: Option<PathBuf>,
    },
    /// Test the Prometheus alerts of herd/deploy
    Alerts(alerts::AlertsArgs),
    /// Fuzz the parsers (needs a nightly toolchain and cargo-fuzz)
    Fuzz(fuzz::FuzzArgs),
    /// Mutate the code of a node and list what no test notices
    Mutants(mutants::MutantsArgs),
    /// Send a load of reports and show latency percentiles
    Load(load::LoadArgs),
    /// Measure the herd beside Redis, NATS and other herds
    Compare(compare::CompareArgs),
    /// Measure herds of 5 to 100 nodes, or what more clients cost
    Scale(scale::ScaleArgs),
    /// Exhaust one resource of a node at a time
    Limits(limits::LimitsArgs),
    /// Measure what faults cost real nodes
    Resilience(resilience::ResilienceArgs),
    /// Run what CI runs, or single steps of it
    Ci(ci::CiArgs),
    /// Check the spelling and wording of all prose
    Words,
    /// Build the book; --check also runs its commands
    Docs(docs::DocsArgs),
    /// Check the dashboard's page: its types, and in a browser
    Page(page::PageArgs),
    /// Rebuild the table of cities; --osm checks a real extract
    PlacesData {
        /// Build the places of a real extract of OpenStreetMap, and compare them with what pyosmium
        /// counts
        #[arg(long)]
        osm: bool,
    },
    /// Check the Helm chart, the alerts and the unit of herd/deploy
    DeployCheck,
    /// Make a Debian package of the node program (needs cargo-deb)
    Deb(deb::DebArgs),
    /// Write a container image of the node program
    Image(image::ImageArgs),
    /// Write manual pages and shell completions to a folder
    ///
    /// Shells do not complete aliases of cargo. Define a function that they can complete:
    ///
    ///   xtask() { cargo xtask "$@"; }
    #[command(verbatim_doc_comment)]
    Manuals {
        /// The folder, which is created if it is missing
        folder: PathBuf,
    },
}

const NO_CHECKOUT: &str =
    "the current folder is not in a checkout of this project: change to one, then run `cargo xtask`";

fn main() -> ExitCode {
    if let Some(code) = run_hidden_role(&mut std::io::stdout(), &mut std::io::stderr()) {
        return code;
    }
    let matches = help::with_groups(Cli::command()).try_get_matches();
    let cli = matches.and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = cli.unwrap_or_else(|error| exit_with(&error));
    let result = match cli.command {
        Command::Conformance(args) => {
            return conformance::judge_herds(&args).unwrap_or_else(|error| {
                print_error(&error);
                conformance::nothing_judged()
            });
        }
        _ if fixtures::checkout::find().is_none() => Err(anyhow!(NO_CHECKOUT)),
        Command::HerdUp(args) => args.start_herd(),
        Command::HerdDown => control::stop_herd(),
        Command::HerdStatus(args) => control::show_status(args),
        Command::HerdRestart { nodes } => control::restart_nodes(&nodes),
        Command::HerdKill { nodes } => control::kill_nodes(&nodes),
        Command::HerdPause { nodes } => control::pause_nodes(&nodes),
        Command::HerdCut { one, other } => control::cut_link(one, other),
        Command::HerdHeal { nodes } => control::heal_herd(&nodes),
        Command::HerdLogs(args) => logs::show_logs(&args),
        Command::Say(args) => say::say_lines(&args),
        Command::Tap { node } => tap::tap_links(&node),
        Command::Dashboard(args) => dashboard::show_dashboard(&args),
        Command::E2e(args) => e2e::play_sessions(&args),
        Command::Chaos(args) => chaos::break_herds(&args),
        Command::Bugs => bugs::plant_bugs(),
        Command::Broadcast => broadcast::simulate_broadcast(),
        Command::CheckHistory { file, timeline } => check_history::check_history(&file, timeline.as_deref()),
        Command::Alerts(args) => alerts::test_alerts(&args),
        Command::Fuzz(args) => fuzz::fuzz_parsers(&args),
        Command::Mutants(args) => mutants::test_mutants(&args),
        Command::Load(args) => load::send_load(&args),
        Command::Compare(args) => compare::print_comparison(args),
        Command::Scale(args) => scale::print_scales(args),
        Command::Limits(args) => limits::check_limits(&args),
        Command::Resilience(args) => resilience::check_resilience(&args),
        Command::Ci(args) => ci::run_ci(&args),
        Command::Words => words::check_words(),
        Command::Docs(args) => docs::build_docs(&args),
        Command::Page(args) => page::check_page(&args),
        Command::DeployCheck => deploy_check::check_deploy(),
        Command::Deb(args) => deb::write_package(&args),
        Command::Image(args) => image::write_image(&args),
        Command::Manuals { folder } => manuals::write_manuals(Cli::command(), &folder),
        Command::PlacesData { osm: true } => osm::check_osm(),
        Command::PlacesData { osm: false } => places_data::build_places_data(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Prints an error. `eprintln!` would panic if standard error is closed.
fn print_error(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "error: {}", lines(format!("{error:#}").as_bytes()));
}

/// Prints clap's error with control characters escaped, or the requested help unchanged, and exits.
fn exit_with(error: &clap::Error) -> ! {
    if error.use_stderr() {
        let _ = write!(std::io::stderr(), "{}", lines(error.render().to_string().as_bytes()));
        std::process::exit(error.exit_code());
    }
    error.exit()
}
