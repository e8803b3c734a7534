//! The harness of a herd that has a supervisor.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use herd::config::Herd;
use herd::dashboard::{Abilities, Harness, HarnessAction, HarnessState, Life};
use herd::nearest::choices;
use serde_json::Value;

use super::lesson::LessonStage;
use super::lessons::lessons_for;
use crate::cluster::log_tail::last_lines;
use crate::cluster::processes::LIST_NODES;
use crate::cluster::supervisor::{HerdAction, SupervisorClient, WHY_NO_CUTS};

/// The harness of a herd that has a supervisor, in this process or in another one.
#[derive(Debug)]
pub struct SupervisedHarness {
    supervisor: SupervisorClient,
    abilities: Abilities,
    lesson: LessonStage,
}

impl SupervisedHarness {
    /// Returns the harness of the herd that `supervisor` keeps. The supervisor may start later.
    ///
    /// # Errors
    /// A lesson's session cannot be read.
    pub fn new(supervisor: SupervisorClient, herd: &Herd, cuts_links: bool) -> Result<SupervisedHarness> {
        let scripts = lessons_for(herd)?;
        let abilities = Abilities {
            cuts_links,
            why_no_cuts: (!cuts_links).then(|| sentence(WHY_NO_CUTS)),
            shows_logs: true,
            lessons: scripts.iter().map(|script| script.lesson.clone()).collect(),
        };
        let lesson = LessonStage::new(supervisor.clone(), scripts);
        Ok(SupervisedHarness { supervisor, abilities, lesson })
    }

    fn request(&self, action: HerdAction, nodes: &[&String]) -> Result<()> {
        let nodes: Vec<String> = nodes.iter().map(|&node| node.clone()).collect();
        self.supervisor.request(action, &nodes).map(drop)
    }

    fn read_state(&self) -> Result<HarnessState> {
        let herd = self.supervisor.request(HerdAction::Processes, &[])?;
        let life = |node: &Value| {
            let life = match node["state"].as_str()? {
                "running" => Life::Running,
                "paused" => Life::Paused,
                _ => Life::Down,
            };
            Some((node["name"].as_str()?.to_owned(), life))
        };
        let nodes: BTreeMap<_, _> = herd["nodes"].as_array().into_iter().flatten().filter_map(life).collect();
        let cut = serde_json::from_value(herd["cut"].clone()).context("the supervisor lists no cut links")?;
        Ok(HarnessState { nodes, cut, lesson: self.lesson.progress() })
    }

    fn read_log(&self, name: &str, contains: &str, most: usize) -> Result<Vec<String>> {
        let herd = self.supervisor.request(HerdAction::Processes, &[])?;
        let nodes: Vec<&Value> = herd["nodes"].as_array().into_iter().flatten().collect();
        let log = nodes.iter().find(|node| node["name"] == name).and_then(|node| node["log"].as_str());
        let names = || nodes.iter().filter_map(|node| node["name"].as_str());
        let choices = || choices(name, "nodes", names(), LIST_NODES);
        let log = log.with_context(|| format!("no node is called {name}{}", choices()))?;
        last_lines(Path::new(log), contains, most).with_context(|| format!("cannot read the log of {name}"))
    }
}

impl Harness for SupervisedHarness {
    fn abilities(&self) -> Abilities {
        self.abilities.clone()
    }

    fn state(&self) -> Result<HarnessState, String> {
        in_words(self.read_state())
    }

    fn perform(&self, action: &HarnessAction) -> Result<(), String> {
        in_words(match action {
            HarnessAction::Kill(node) => self.request(HerdAction::Kill, &[node]),
            HarnessAction::Pause(node) => self.request(HerdAction::Pause, &[node]),
            HarnessAction::Resume(node) => self.request(HerdAction::Resume, &[node]),
            HarnessAction::Restart(node) => self.request(HerdAction::Restart, &[node]),
            HarnessAction::Cut(one, other) => self.request(HerdAction::Cut, &[one, other]),
            HarnessAction::Heal(one, other) => self.request(HerdAction::Heal, &[one, other]),
            HarnessAction::StartLesson(name) => self.lesson.start(name),
            HarnessAction::NextStep => self.lesson.play_next(),
            HarnessAction::StopLesson => self.lesson.stop(),
        })
    }

    fn log_lines(&self, node: &str, contains: &str, most: usize) -> Result<Vec<String>, String> {
        in_words(self.read_log(node, contains, most))
    }
}

/// Replaces an error by a sentence for the person at the page.
fn in_words<T>(result: Result<T>) -> Result<T, String> {
    result.map_err(|error| sentence(&format!("{error:#}")))
}

fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", rest.as_str())
}
