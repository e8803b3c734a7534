//! The faults that can be made, each with the alert that it fires.

use std::io::Write;
use std::net::TcpStream;

use anyhow::Result;
use herd::tls::{Authority, NODE_DAYS};
use nix::sys::signal::Signal;

use super::stage::Stage;

/// Something that goes wrong.
pub(super) struct Fault {
    pub(super) what: &'static str,
    /// What it fires, and nothing else.
    pub(super) alert: &'static str,
    pub(super) make: fn(&mut Stage) -> Result<()>,
    /// What is done again and again while it lasts.
    pub(super) go_on: fn(&mut Stage) -> Result<()>,
    pub(super) heal: fn(&mut Stage) -> Result<()>,
    /// It is one of a disk that can be filled.
    pub(super) needs_disks: bool,
}

/// Less than the 30 days before which HerdCertificateEnds warns.
const FEW_DAYS: u32 = 10;

/// A fault that lasts until it is healed.
const fn lasting(
    what: &'static str,
    alert: &'static str,
    make: fn(&mut Stage) -> Result<()>,
    heal: fn(&mut Stage) -> Result<()>,
) -> Fault {
    Fault { what, alert, make, go_on: |_| Ok(()), heal, needs_disks: false }
}

/// A fault that is one only as long as it goes on.
const fn repeated(what: &'static str, alert: &'static str, go_on: fn(&mut Stage) -> Result<()>) -> Fault {
    Fault { what, alert, make: |_| Ok(()), go_on, heal: |_| Ok(()), needs_disks: false }
}

/// In an order in which none hides the next. The herd is Alford-Parker, Alford-Powell, Bolden-Parker, Bolden-Powell,
/// Hamilton-Parker.
pub(super) const FAULTS: &[Fault] = &[
    lasting(
        "a leaf is killed",
        "HerdNodeDown",
        |stage| stage.nodes.kill(&["Hamilton".to_owned()]),
        |stage| stage.nodes.start_all(),
    ),
    lasting(
        "the node with most links is killed",
        "HerdNodeDown",
        |stage| stage.nodes.kill(&["Parker".to_owned()]),
        |stage| stage.nodes.start_all(),
    ),
    lasting(
        "a leaf is frozen",
        "HerdNodeDown",
        |stage| stage.signal("Hamilton", Signal::SIGSTOP),
        |stage| stage.signal("Hamilton", Signal::SIGCONT),
    ),
    lasting(
        "a leaf is cut off",
        "HerdNodeIsolated",
        |stage| stage.cut("Hamilton", "Parker", true),
        |stage| stage.cut("Hamilton", "Parker", false),
    ),
    lasting(
        "a link is cut",
        "HerdLinkDown",
        |stage| stage.cut("Alford", "Powell", true),
        |stage| stage.cut("Alford", "Powell", false),
    ),
    repeated("strangers try the link port", "HerdLinkIntruders", |stage| {
        for _ in 0..5 {
            TcpStream::connect(stage.nodes.member("Alford")?.link)?.write_all(b"who is there?\n")?;
        }
        Ok(())
    }),
    Fault {
        go_on: |stage| {
            let more = stage.connect("Bolden")?;
            stage.clients.push(more);
            Ok(())
        },
        ..lasting(
            "clients connect without end",
            "HerdClientsRefused",
            |_| Ok(()),
            |stage| {
                stage.clients.clear();
                Ok(())
            },
        )
    },
    lasting(
        "few files are left",
        "HerdFilesNearlyUsed",
        |stage| {
            stage.clients = (0..6).map(|_| stage.connect("Powell")).collect::<Result<_>>()?;
            stage.spare_files("Powell", 1)
        },
        |stage| {
            stage.clients.clear();
            stage.spare_files("Powell", 1000)
        },
    ),
    lasting(
        "a certificate ends soon",
        "HerdCertificateEnds",
        |stage| replace_certificate(stage, FEW_DAYS),
        |stage| replace_certificate(stage, NODE_DAYS),
    ),
    Fault {
        needs_disks: true,
        // What the journal has begun to use of the disk already has some room.
        go_on: |stage| stage.move_a_client("Bolden"),
        ..lasting(
            "a disk is full",
            "HerdDiskFails",
            |stage| stage.disks()?.fill("Bolden"),
            |stage| stage.disks()?.free("Bolden"),
        )
    },
    lasting(
        "the places service fails",
        "HerdPlacesDown",
        |stage| stage.ask_for_places("Alford"),
        |stage| stage.ask_for_places("Alford"),
    ),
    repeated("places are asked for without end", "HerdPlacesRefused", |stage| stage.ask_for_places("Alford")),
    lasting(
        "19 clients of 20 are known",
        "HerdTableNearlyFull",
        |stage| {
            stage.start_anew()?;
            stage.report("Alford", 19)
        },
        Stage::start_anew,
    ),
    lasting(
        "20 clients of 20 are known",
        "HerdTableFull",
        |stage| stage.report("Alford", 20),
        Stage::start_anew,
    ),
    repeated("a node restarts again and again", "HerdNodeRestarts", |stage| stage.restart("Hamilton")),
];

fn replace_certificate(stage: &mut Stage, days: u32) -> Result<()> {
    Authority::open(&stage.certificates())?.add("Hamilton", days, true)?;
    stage.signal("Hamilton", Signal::SIGHUP)
}
