//! One node of a server herd.
//!
//! A herd is a handful of nodes that accept location reports from mobile clients as lines of text
//! over TCP, flood them to each other, and answer what is near a client. The core has three layers;
//! each uses only the layers above it in this table:
//!
//! | module | what it is |
//! |---|---|
//! | [`message`] | the language: bytes to values and back, pure |
//! | [`node`] | the state of a node, pure: the table of clients, its change log, the links |
//! | [`server`] | the shell around them: sockets, tasks, clocks, shutdown |
//!
//! The other modules serve these: [`journal`] keeps a node's records on disk, [`config`] reads herd
//! files, [`places`] asks a Places service what is near, [`net`] names the socket types, [`tls`]
//! handles certificates, [`backbone`] joins herds, [`telemetry`] sets up the log, [`traces`]
//! follows single reports, [`ambient`] provides the wall clock and random numbers, [`dashboard`]
//! shows a herd in a browser, [`say`] talks to nodes as a client, [`printable`] escapes text from
//! outside, and [`nearest`] corrects misspelt names. [`bug`] plants bugs on purpose, to test the
//! tests.
//!
//! # Use
//!
//! A [`node::Node`] and a [`node::Link`] do no I/O. Their caller passes them lines and the time,
//! and sends the bytes that they return. [`server`] is one such caller; a simulator is another.
//! Here a client reports to one node, a link carries the update, and a client asks the other node:
//!
//! ```
//! use std::time::Duration;
//!
//! use herd::message::Time;
//! use herd::node::{Answer, Limits, Link, LinkEnd, LinkId, Lives, Node};
//!
//! /// The wall clock, and the time since the nodes started.
//! const CLOCK: Time = Time { seconds: 1_000_000_001, nanoseconds: 0 };
//! const NOW: Duration = Duration::ZERO;
//!
//! /// Lets one end of the link write, and gives each line to the other end.
//! fn carry(from: (&mut Link, &mut Node), to: (&mut Link, &mut Node)) -> Result<(), LinkEnd> {
//!     let mut bytes = Vec::new();
//!     from.0.transmit(from.1, NOW, CLOCK, &mut bytes)?;
//!     for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
//!         to.0.receive(to.1, line, NOW, CLOCK)?;
//!     }
//!     Ok(())
//! }
//!
//! let lives = |life| Lives { epoch: life, incarnation: life, hash_seed: life };
//! let mut alford = Node::new("Alford", &["Parker".to_owned()], Limits::default(), lives(1));
//! let mut parker = Node::new("Parker", &["Alford".to_owned()], Limits::default(), lives(2));
//!
//! // A report is answered at once. It is the first change of Alford's change log.
//! let mut answer = Vec::new();
//! let report = b"IAMAT kiwi +34.068930-118.445127 1000000000.5";
//! assert_eq!(alford.answer(report, CLOCK, &mut answer), (Answer::Written, 1));
//! assert_eq!(answer, b"AT Alford +0.500000000 kiwi +34.068930-118.445127 1000000000.5\n");
//!
//! // The first turn carries hellos, the second cursors, and the third the update.
//! let mut dialled = Link::dialled(LinkId(1), alford.neighbour("Parker").unwrap(), NOW);
//! let mut accepted = Link::accepted(LinkId(1), NOW);
//! for _turn in 0..3 {
//!     carry((&mut dialled, &mut alford), (&mut accepted, &mut parker))?;
//!     carry((&mut accepted, &mut parker), (&mut dialled, &mut alford))?;
//! }
//!
//! // A question returns the request for the Places service. The caller makes it.
//! let question = b"WHATSAT kiwi 10 5";
//! let (Answer::Places { at, query }, _) = parker.answer(question, CLOCK, &mut answer) else {
//!     panic!("Parker does not know kiwi");
//! };
//! assert_eq!([&at[..], b"\n"].concat(), answer);
//! assert_eq!((query.location.as_str(), query.metres.as_str()), ("34.068930,-118.445127", "10000"));
//! # Ok::<(), LinkEnd>(())
//! ```
//!
//! # What is public, and why
//!
//! The program is the product: its protocol, command line, herd file, journal, admin port and
//! metrics keep working from release to release, as `docs/src/run/upgrade.md` says. The library is
//! public because three programs outside this crate need it: the harness drives a node without I/O
//! to simulate herds, parses the language to judge other herds, and reads herd files and journals.
//! [`message`], [`node`], [`journal`], [`config`] and [`nearest`] are for them and for you. The
//! rest is public only because the program is a crate apart from the library: [`server`],
//! [`backbone`], [`net`], [`tls`], [`telemetry`], [`traces`], [`dashboard`] and [`bug`].
//!
//! Before 1.0, a minor version (0.2 after 0.1) may change any of it, and a patch version changes
//! none. `cargo semver-checks --package herd --baseline-rev TAG` lists what has changed.
//!
//! # Examples of single items
//!
//! Functions that parse, write or correct values have an example, and so have the types of a node's
//! state. Most other items have none, for one of these reasons:
//!
//! - They are plain parts of the values above: fields, counters, the variants of an error.
//! - They mean nothing alone. The methods of a link need two nodes that exchange lines, as above.
//! - They are the shell, and need sockets, files, certificates or a Places service. The tests of
//!   the program in `herd/tests` show them at work, and `herd/src/cli` shows how to put them
//!   together.

pub mod ambient;
pub mod backbone;
pub mod bug;
pub mod config;
pub mod dashboard;
mod histogram;
pub mod journal;
pub mod message;
pub mod nearest;
pub mod net;
pub mod node;
pub mod places;
pub mod printable;
mod repeats;
pub mod say;
mod secret_file;
pub mod server;
pub mod telemetry;
pub mod tls;
pub mod traces;
