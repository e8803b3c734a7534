//! What a dashboard can ask of the harness that runs the herd.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;

/// The harness of a herd: it owns the processes, so it can break and mend them.
///
/// All calls may block; the dashboard makes them on threads that may. Errors are sentences for the
/// person at the page.
pub trait Harness: Debug + Send + Sync {
    /// Returns what this harness can do. The dashboard asks once.
    fn abilities(&self) -> Abilities;

    /// Returns what the harness knows of nodes and links. The dashboard asks each second, and after
    /// each action.
    ///
    /// # Errors
    /// The harness has ended.
    fn state(&self) -> Result<HarnessState, String>;

    /// Performs an action, and returns when it is done.
    ///
    /// # Errors
    /// There is no such node, link or lesson, or the action failed.
    fn perform(&self, action: &HarnessAction) -> Result<(), String>;

    /// Returns the last `most` lines of a node's log that contain `contains`, in their order.
    ///
    /// # Errors
    /// There is no such node, or its log cannot be read.
    fn log_lines(&self, node: &str, contains: &str, most: usize) -> Result<Vec<String>, String>;
}

/// What a harness can do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Abilities {
    /// Whether it can cut links.
    pub cuts_links: bool,
    /// The reason why it cannot.
    pub why_no_cuts: Option<String>,
    /// Whether it has the nodes' logs.
    pub shows_logs: bool,
    /// The lessons that it can play, in the order to show.
    pub lessons: Vec<Lesson>,
}

/// A session that is played step by step on the running herd.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lesson {
    /// The name, by which it is started.
    pub name: String,
    /// The title to show.
    pub title: String,
    /// The rule of the protocol that it shows.
    pub rule: String,
}

/// The state of a node's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Life {
    /// It runs.
    Running,
    /// It is stopped by a signal, and does nothing until it is resumed.
    Paused,
    /// It has ended.
    Down,
}

/// What a harness knows of its herd.
#[derive(Clone, Debug, Default)]
pub struct HarnessState {
    /// The state of each node's process, by the node's name.
    pub nodes: BTreeMap<String, Life>,
    /// The links that are cut, as pairs of nodes.
    pub cut: Vec<(String, String)>,
    /// The lesson that has been started, until it is stopped.
    pub lesson: Option<LessonProgress>,
}

/// An action on a herd. Nodes and lessons are given by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HarnessAction {
    /// Kills a node, as a crash would.
    Kill(String),
    /// Pauses a node.
    Pause(String),
    /// Resumes a paused node.
    Resume(String),
    /// Stops a node if it runs, and starts it.
    Restart(String),
    /// Cuts the link between two neighbours.
    Cut(String, String),
    /// Mends a cut link.
    Heal(String, String),
    /// Empties the herd, and starts a lesson.
    StartLesson(String),
    /// Plays the next step of the lesson.
    NextStep,
    /// Ends the lesson.
    StopLesson,
}

/// How far a lesson has got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LessonProgress {
    /// The lesson.
    #[serde(flatten)]
    pub lesson: Lesson,
    /// Its steps.
    pub steps: Vec<LessonStep>,
    /// The number of steps that have been played.
    pub position: usize,
    /// Whether it goes on.
    pub state: LessonState,
    /// Why it failed.
    pub error: Option<String>,
}

/// A step of a lesson.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LessonStep {
    /// The directive, as in the session's file.
    pub text: String,
    /// What clients sent and received in this step, and what happened to nodes; empty before it was
    /// played.
    pub transcript: Vec<String>,
}

/// Whether a lesson goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LessonState {
    /// It waits for its next step.
    Waiting,
    /// A step is being played.
    Playing,
    /// All steps have been played.
    Done,
    /// A step failed; no more are played.
    Failed,
}
