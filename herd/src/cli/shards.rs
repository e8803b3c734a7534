//! `herd shards`: which nodes hold which shards.

use std::path::Path;

use herd::backbone::{self, Holding, Settings};
use herd::config::Herd;
use herd::node::Shards;

use super::given::Given;
use super::herd_file::read_herd;
use super::print::print;
use super::usage::Usage;

/// Asks all nodes on the backbone of a herd, and prints what they hold.
///
/// # Errors
/// The herd file is wrong or has no backbone, no server answers, or nobody holds some of the
/// shards.
pub(super) async fn run(given: &Given, config: Option<&Path>) -> anyhow::Result<()> {
    let herd = given.blame(&["config"], read_herd(config))?;
    let settings = settings(&herd)?;
    let shards = Shards::all(settings.shards.count());
    let holdings = backbone::ask_all(settings).await.map_err(anyhow::Error::msg)?;
    print(std::io::stdout(), table(&holdings));
    let whole = holdings.iter().filter(|holding| holding.is_whole);
    let missing = whole.fold(shards, |missing, holding| missing.without(holding.shards));
    match missing.are_none() {
        true => Ok(()),
        false => anyhow::bail!("no node has all clients of the shards {}", missing.held()),
    }
}

fn settings(herd: &Herd) -> Result<Settings, Usage> {
    let node = herd.members.first();
    let settings = node.map(|node| Settings::of(herd, node)).transpose().map_err(Usage)?.flatten();
    let Some(settings) = settings else {
        return Err(Usage(format!(
            "the herd {} has no [backbone] table, so each of its nodes holds all clients",
            herd.name
        )));
    };
    if settings.shards.count() == 1 {
        return Err(Usage(format!(
            "the herd {} has no shards, so each of its nodes holds all clients: see `shards` in [backbone]",
            herd.name
        )));
    }
    Ok(settings)
}

fn table(holdings: &[Holding]) -> String {
    let mut rows =
        vec![["NODE", "REGION", "HOLDS", "CLIENTS", "TO PUBLISH", "UNREAD", "STATE"].map(str::to_owned)];
    for holding in holdings {
        let Holding { region, node, shards, clients, elsewhere, unread, is_whole, .. } = holding;
        let state = if *is_whole { "whole" } else { "behind" };
        let (clients, elsewhere, unread) = (clients.to_string(), elsewhere.to_string(), unread.to_string());
        rows.push([
            node.clone(),
            region.clone(),
            shards.held(),
            clients,
            elsewhere,
            unread,
            state.to_owned(),
        ]);
    }
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0))
        .collect();
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_who_holds_what_and_how_far_it_has_got() {
        let holding = |node: &str, shards, clients, is_whole| Holding {
            region: node.to_owned(),
            node: node.to_owned(),
            shards: Shards::parse(shards, 64).unwrap(),
            clients,
            elsewhere: 3,
            unread: 7,
            is_whole,
            stream: 1,
            read: 9,
            skipped: 0,
        };
        let text = table(&[holding("Alford", "0-31", 1_000, true), holding("Bolden", "32-63", 9, false)]);
        assert_eq!(
            text,
            "NODE    REGION  HOLDS  CLIENTS  TO PUBLISH  UNREAD  STATE\n\
             Alford  Alford  0-31   1000     3           7       whole\n\
             Bolden  Bolden  32-63  9        3           7       behind\n"
        );
    }
}
