//! The backbone of the world: the servers that keep the stream, their faults, and what they do with
//! messages. `publishing` and `reading` take the place of the tasks of a node.

mod publishing;
mod reading;
mod shards;

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use herd::backbone::pace::PATIENCE;
use herd::backbone::{Holders, Reader};

use super::{Event, World};
use crate::oracle::EventKind;
use crate::sim::backbone::{BackboneEvent, BackboneFaultKind, Member, Message, REPLICAS, Step, Stream};
use crate::sim::plan::Plan;

/// The longest time of a message or a request to the servers, or from them, without a fault.
pub(in crate::sim) const TRIP: Duration = Duration::from_millis(3);

/// The longest additional delay of a message or an acknowledgement in a fault. An acknowledgement
/// may thus come too late.
const LATE: Duration = Duration::from_millis(300);
const VERY_LATE: Duration = Duration::from_millis(1_500);

/// The constant that makes the seed of the backbone from the seed of the plan.
const BACKBONE: u64 = 0x5EED_CA5E;

/// The servers.
pub(super) struct Backbone {
    rng: Rng,
    /// `None` if there is none at the moment.
    stream: Option<Stream>,
    faults: Vec<BackboneFaultKind>,
    /// The messages on their way to the servers, and the attempts that wait for them.
    under_way: BTreeMap<u64, UnderWay>,
    next_message: u64,
    /// What all nodes have heard of each other's shards.
    holders: Holders,
}

struct UnderWay {
    machine: usize,
    life: u64,
    attempt: u64,
    message: Message,
}

impl Backbone {
    pub(super) fn new(plan: &Plan) -> Backbone {
        Backbone {
            rng: Rng::with_seed(plan.seed ^ BACKBONE),
            stream: None,
            faults: Vec::new(),
            under_way: BTreeMap::new(),
            next_message: 0,
            holders: Holders::default(),
        }
    }

    fn has(&self, kind: BackboneFaultKind) -> bool {
        self.faults.contains(&kind)
    }

    /// Returns whether the servers answer the nodes of a region.
    fn is_reachable(&self, region: usize) -> bool {
        let is_down = self.has(BackboneFaultKind::Down) || self.has(BackboneFaultKind::Wipe);
        !is_down && !self.has(BackboneFaultKind::Cut(region))
    }

    /// The stream, which is created if there is none.
    fn stream(&mut self) -> &mut Stream {
        let rng = &mut self.rng;
        self.stream.get_or_insert_with(|| Stream::new(rng.u64(1..)))
    }

    /// A time up to `most`.
    fn up_to(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.rng.f64())
    }

    /// The time in which something reaches the servers or comes from them.
    fn trip(&mut self) -> Duration {
        self.up_to(TRIP)
    }

    /// The replicas that lack what is stored now.
    fn lacking(&self) -> [bool; REPLICAS] {
        let all = self.has(BackboneFaultKind::Lacks(None));
        std::array::from_fn(|replica| all || self.has(BackboneFaultKind::Lacks(Some(replica))))
    }
}

impl World<'_> {
    pub(super) fn schedule_backbone_faults(&mut self) {
        for (index, fault) in self.plan.backbone.iter().enumerate() {
            self.schedule(fault.from, Event::Backbone(BackboneEvent::FaultBegins(index)));
            self.schedule(fault.until, Event::Backbone(BackboneEvent::FaultEnds(index)));
        }
    }

    pub(super) fn handle_backbone(&mut self, event: BackboneEvent) {
        match event {
            BackboneEvent::FaultBegins(index) => self.begin_backbone_fault(index),
            BackboneEvent::FaultEnds(index) => self.end_backbone_fault(index),
            BackboneEvent::Store { number } => self.store(number),
            BackboneEvent::Step { machine, life, step } if self.is_life(machine, life) => {
                self.take_step(machine, step);
            }
            BackboneEvent::Step { .. } => {}
        }
    }

    fn take_step(&mut self, machine: usize, step: Step) {
        let attempts = self.member(machine).map_or(0, |member| member.attempts);
        let reads = self.reading(machine).map_or(0, |reading| reading.attempts);
        match step {
            Step::BeginPublishing => self.begin_publishing(machine),
            Step::Publish { attempt } if attempt == attempts => self.publish(machine),
            Step::Acknowledged { attempt, number, sequence } if attempt == attempts => {
                self.take_acknowledgement(machine, number, sequence);
            }
            Step::Overdue { attempt, number } if attempt == attempts => self.check_overdue(machine, number),
            Step::Look { attempt } if attempt == attempts => self.look(machine),
            Step::Request { attempt, asker, request } if attempt == attempts => {
                self.take_request(machine, asker, &request);
            }
            Step::BeginReading => self.begin_reading(machine),
            Step::Deliver { attempt } if attempt == reads => self.deliver(machine),
            Step::Heartbeat { attempt } if attempt == reads => self.check_heartbeat(machine),
            Step::Ask { attempt } if attempt == reads => self.ask_regions(machine),
            Step::Answer { attempt, ask, answer } if attempt == reads => {
                self.take_answer(machine, ask, Some(answer));
            }
            Step::Unanswered { attempt, ask } if attempt == reads => self.take_answer(machine, ask, None),
            Step::Publish { .. }
            | Step::Acknowledged { .. }
            | Step::Overdue { .. }
            | Step::Look { .. }
            | Step::Request { .. }
            | Step::Deliver { .. }
            | Step::Heartbeat { .. }
            | Step::Ask { .. }
            | Step::Answer { .. }
            | Step::Unanswered { .. } => {}
        }
    }

    /// Lets a process that has started publish, and read if it does.
    pub(super) fn join_backbone(&mut self, machine: usize) {
        if let Some(member) = self.member(machine) {
            let reads = member.reading.is_some();
            self.schedule_step(machine, TRIP, Step::BeginPublishing);
            if reads {
                self.schedule_step(machine, TRIP, Step::BeginReading);
            }
        }
    }

    /// The state of a process that starts.
    pub(super) fn new_member(&mut self, machine: usize) -> Member {
        let reads = self.plan.is_reader(machine);
        let region = self.plan.region_of(machine).to_string();
        let shards = self.plan.shards_of(machine);
        Member::new(reads.then(|| Reader::new(&region, shards, self.backbone.rng.u64(..))), shards)
    }

    fn member(&mut self, machine: usize) -> Option<&mut Member> {
        self.machines[machine].process.as_mut()?.member.as_mut()
    }

    fn schedule_step(&mut self, machine: usize, after: Duration, step: Step) {
        let life = self.machines[machine].lives;
        self.schedule(self.now + after, Event::Backbone(BackboneEvent::Step { machine, life, step }));
    }

    fn reaches_servers(&self, machine: usize) -> bool {
        self.backbone.is_reachable(self.plan.region_of(machine))
    }

    /// A message reaches the servers, which may store it and acknowledge that.
    fn store(&mut self, number: u64) {
        let Some(UnderWay { machine, life, attempt, message }) = self.backbone.under_way.remove(&number)
        else {
            return;
        };
        let is_reachable = self.reaches_servers(machine);
        let backbone = &mut self.backbone;
        let is_lost = !is_reachable && backbone.rng.bool()
            || backbone.has(BackboneFaultKind::Drops) && backbone.rng.u8(..4) == 0;
        let lacking = backbone.lacking();
        let Some(stream) = backbone.stream.as_mut().filter(|_| !is_lost) else { return };
        let sequence = stream.store(message, lacking);
        let mut after = backbone.trip();
        let mut is_acknowledged = is_reachable;
        if backbone.has(BackboneFaultKind::NoAcks) {
            is_acknowledged &= backbone.rng.bool();
            after += backbone.up_to(VERY_LATE);
        }
        if is_acknowledged {
            let step = Step::Acknowledged { attempt, number, sequence };
            let event = BackboneEvent::Step { machine, life, step };
            self.schedule(self.now + after, Event::Backbone(event));
        }
        self.wake_readers();
    }

    fn begin_backbone_fault(&mut self, index: usize) {
        let kind = self.plan.backbone[index].kind;
        match kind {
            BackboneFaultKind::Away(machine, keeps) => return self.crash(machine, keeps),
            BackboneFaultKind::Wipe => self.backbone.stream = None,
            BackboneFaultKind::Truncate(percent) => {
                if let Some(stream) = &mut self.backbone.stream {
                    stream.truncate(percent);
                }
            }
            BackboneFaultKind::Restarts => self.end_reads(),
            BackboneFaultKind::Down
            | BackboneFaultKind::Cut(_)
            | BackboneFaultKind::NoAcks
            | BackboneFaultKind::Drops
            | BackboneFaultKind::Late
            | BackboneFaultKind::Lacks(_) => {}
        }
        self.backbone.faults.push(kind);
        self.expect_heartbeats(PATIENCE);
        let fault = (self.plan.faults.len() + index) as u64;
        let kind = format!("{kind:?}");
        self.add_event(EventKind::FaultBegins { fault, kind, nodes: Vec::new(), stops_answers: false });
    }

    fn end_backbone_fault(&mut self, index: usize) {
        let kind = self.plan.backbone[index].kind;
        match kind {
            BackboneFaultKind::Away(machine, _) => {
                if self.machines[machine].process.is_none() {
                    self.start(machine);
                }
                return;
            }
            BackboneFaultKind::Lacks(_) => {
                if let Some(stream) = &mut self.backbone.stream {
                    stream.restore_last();
                }
            }
            _ => {}
        }
        if let Some(place) = self.backbone.faults.iter().position(|other| *other == kind) {
            self.backbone.faults.remove(place);
        }
        self.wake_readers();
        self.add_event(EventKind::FaultEnds { fault: (self.plan.faults.len() + index) as u64 });
    }
}
