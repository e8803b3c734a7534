//! The faults that can be injected, each with the alert that it fires.

use std::io::Write;
use std::net::TcpStream;

use anyhow::Result;
use herd::tls::{Authority, Hosts, NODE_DAYS};
use nix::sys::signal::Signal;

use super::watched_herd::WatchedHerd;

/// A fault, and the alert that it fires.
pub(super) struct Fault {
    pub(super) description: &'static str,
    /// The only alert that the fault fires.
    pub(super) alert: &'static str,
    /// Begins the fault.
    pub(super) begin: fn(&mut WatchedHerd) -> Result<()>,
    /// Called again and again while the fault lasts.
    pub(super) repeat: fn(&mut WatchedHerd) -> Result<()>,
    /// Ends the fault.
    pub(super) end: fn(&mut WatchedHerd) -> Result<()>,
    /// Whether the fault needs a small disk for each node.
    pub(super) needs_disks: bool,
}

/// The days until a certificate expires: less than the 30 days of HerdCertificateEnds.
const FEW_DAYS: u32 = 10;

/// A fault that lasts until it is ended.
const fn lasting(
    description: &'static str,
    alert: &'static str,
    begin: fn(&mut WatchedHerd) -> Result<()>,
    end: fn(&mut WatchedHerd) -> Result<()>,
) -> Fault {
    Fault { description, alert, begin, repeat: |_| Ok(()), end, needs_disks: false }
}

/// A fault that lasts as long as `repeat` is called.
const fn repeated(
    description: &'static str,
    alert: &'static str,
    repeat: fn(&mut WatchedHerd) -> Result<()>,
) -> Fault {
    Fault { description, alert, begin: |_| Ok(()), repeat, end: |_| Ok(()), needs_disks: false }
}

/// All faults, in an order in which no fault hides the next one. The links of the herd are
/// Alford-Parker, Alford-Powell, Bolden-Parker, Bolden-Powell and Hamilton-Parker.
pub(super) const FAULTS: &[Fault] = &[
    lasting(
        "a leaf is killed",
        "HerdNodeDown",
        |herd| herd.nodes.kill(&["Hamilton".to_owned()]),
        |herd| herd.nodes.start_all(),
    ),
    lasting(
        "the node with the most links is killed",
        "HerdNodeDown",
        |herd| herd.nodes.kill(&["Parker".to_owned()]),
        |herd| herd.nodes.start_all(),
    ),
    lasting(
        "a leaf is paused",
        "HerdNodeDown",
        |herd| herd.signal("Hamilton", Signal::SIGSTOP),
        |herd| herd.signal("Hamilton", Signal::SIGCONT),
    ),
    lasting(
        "a leaf is cut off",
        "HerdNodeIsolated",
        |herd| herd.cut("Hamilton", "Parker", true),
        |herd| herd.cut("Hamilton", "Parker", false),
    ),
    lasting(
        "a link is cut",
        "HerdLinkDown",
        |herd| herd.cut("Alford", "Powell", true),
        |herd| herd.cut("Alford", "Powell", false),
    ),
    repeated("unknown clients connect to the link port", "HerdLinkIntruders", |herd| {
        for _ in 0..5 {
            TcpStream::connect(herd.nodes.member("Alford")?.link)?.write_all(b"who is there?\n")?;
        }
        Ok(())
    }),
    Fault {
        repeat: |herd| {
            let more = herd.connect("Bolden")?;
            herd.clients.push(more);
            Ok(())
        },
        ..lasting(
            "clients connect without end",
            "HerdClientsRefused",
            |_| Ok(()),
            |herd| {
                herd.clients.clear();
                Ok(())
            },
        )
    },
    lasting(
        "few file descriptors are left",
        "HerdFilesNearlyUsed",
        |herd| {
            herd.clients = (0..6).map(|_| herd.connect("Powell")).collect::<Result<_>>()?;
            herd.spare_files("Powell", 1)
        },
        |herd| {
            herd.clients.clear();
            herd.spare_files("Powell", 1000)
        },
    ),
    lasting(
        "a certificate expires soon",
        "HerdCertificateEnds",
        |herd| replace_certificate(herd, FEW_DAYS),
        |herd| replace_certificate(herd, NODE_DAYS),
    ),
    Fault {
        needs_disks: true,
        // The journal has room in its last block, so the node must write until that is full, too.
        repeat: |herd| herd.move_a_client("Bolden"),
        ..lasting(
            "a disk is full",
            "HerdDiskFails",
            |herd| herd.disks()?.fill("Bolden"),
            |herd| herd.disks()?.free("Bolden"),
        )
    },
    lasting(
        "the places service fails",
        "HerdPlacesDown",
        |herd| herd.ask_for_places("Alford"),
        |herd| herd.ask_for_places("Alford"),
    ),
    repeated("places are asked for without end", "HerdPlacesRefused", |herd| herd.ask_for_places("Alford")),
    lasting(
        "19 clients of 20 are known",
        "HerdTableNearlyFull",
        |herd| {
            herd.restart_empty()?;
            herd.report("Alford", 19)
        },
        WatchedHerd::restart_empty,
    ),
    lasting(
        "20 clients of 20 are known",
        "HerdTableFull",
        |herd| herd.report("Alford", 20),
        WatchedHerd::restart_empty,
    ),
    repeated("a node restarts again and again", "HerdNodeRestarts", |herd| herd.restart("Hamilton")),
];

fn replace_certificate(herd: &mut WatchedHerd, days: u32) -> Result<()> {
    Authority::open(&herd.certificates())?.add("Hamilton", &Hosts::default(), days, true)?;
    herd.signal("Hamilton", Signal::SIGHUP)
}
