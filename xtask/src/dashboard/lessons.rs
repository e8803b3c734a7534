//! The sessions that are lessons.

use std::fs;

use anyhow::{Context, Result};
use herd::config::Herd;
use herd::dashboard::{Lesson, LessonStep};

use crate::cluster::herd_file::HerdFile;
use crate::session::roles::SESSIONS_HERD;
use crate::session::{Session, Step};

/// The sessions of `fixtures/sessions` that are lessons, in the order in which they teach.
pub const LESSONS: [&str; 12] = [
    "flood-reaches-every-node",
    "later-stamp-wins",
    "older-stamp-changes-nothing",
    "out-of-order-stamps",
    "stamps-compare-as-numbers",
    "equal-stamps-first-received-wins",
    "retry-changes-nothing",
    "a-stopped-node-catches-up",
    "the-origin-dies-after-flooding",
    "every-node-restarted-in-turn",
    "neighbours-go-on-without-a-dead-node",
    "two-halves-meet-again",
];

/// A lesson, and how to play it on one herd.
#[derive(Clone, Debug)]
pub(super) struct LessonScript {
    pub(super) lesson: Lesson,
    /// The steps, before they are played.
    pub(super) steps: Vec<LessonStep>,
    /// The session, with the herd's own names.
    pub(super) session: Session,
}

/// Returns the lessons that `herd` can play, in order.
///
/// # Errors
/// The session of a lesson cannot be read.
pub(super) fn lessons_for(herd: &Herd) -> Result<Vec<LessonScript>> {
    let roles = HerdFile::find(SESSIONS_HERD)?;
    let mut actors = Vec::new();
    for (number, role) in roles.herd().members.iter().enumerate() {
        let Some(actor) = herd.members.get(number) else { return Ok(Vec::new()) };
        actors.push((role.name.as_str(), actor.name.as_str()));
    }
    let mut scripts = Vec::new();
    for name in LESSONS {
        let script = read_script(name, &actors)?;
        if is_playable(&script.session, herd)? {
            scripts.push(script);
        }
    }
    Ok(scripts)
}

/// Reads a lesson, with the actors' names in place of the names of their roles.
fn read_script(name: &str, actors: &[(&str, &str)]) -> Result<LessonScript> {
    let path = fixtures::sessions().join(name).with_extension("session");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = with_actors(&text, actors);
    let session = Session::parse(&text, name)?;
    let lines: Vec<&str> = text.lines().collect();
    let text_at = |line: usize| lines.get(line - 1).copied().unwrap_or_default().to_owned();
    let steps =
        session.steps.iter().map(|(line, _)| LessonStep { text: text_at(*line), transcript: Vec::new() });
    let lesson = Lesson { name: name.to_owned(), title: title(name), rule: session.proves.clone() };
    Ok(LessonScript { lesson, steps: steps.collect(), session })
}

/// Replaces each word that is the name of a role by the name of its actor.
fn with_actors(text: &str, actors: &[(&str, &str)]) -> String {
    let actor = |word: &str| actors.iter().find(|(role, _)| *role == word).map(|(_, actor)| *actor);
    let words = text.split_inclusive(char::is_whitespace).map(|word| {
        let (name, space) = word.split_at(word.trim_end().len());
        actor(name).map_or_else(|| word.to_owned(), |actor| format!("{actor}{space}"))
    });
    words.collect()
}

/// Returns the name of a session as a title: `later-stamp-wins` is "Later stamp wins".
fn title(name: &str) -> String {
    let words = name.replace('-', " ");
    let (first, rest) = words.split_at(words.len().min(1));
    format!("{}{rest}", first.to_uppercase())
}

/// Returns whether a session can be played on a herd that runs already.
fn is_playable(session: &Session, herd: &Herd) -> Result<bool> {
    let needs_setup = |step: &Step| matches!(step, Step::BadInput(_) | Step::Places(_) | Step::Upstream(..));
    let fits = match &session.needs {
        None => true,
        Some(needs) => has_graph_of(herd, HerdFile::find(needs)?.herd()),
    };
    let is_plain = session.needs_of_own_program().is_empty();
    Ok(fits && is_plain && !session.steps.iter().any(|(_, step)| needs_setup(step)))
}

/// Returns whether two herds have the same nodes with the same neighbours.
fn has_graph_of(herd: &Herd, other: &Herd) -> bool {
    let graph = |herd: &Herd| {
        let nodes = herd.members.iter().map(|node| (node.name.clone(), node.neighbours.clone()));
        nodes.collect::<Vec<_>>()
    };
    graph(herd) == graph(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::graphs::Graph;

    #[test]
    fn every_lesson_exists_and_can_be_played_on_the_classroom_herd() {
        let file = HerdFile::find(SESSIONS_HERD).unwrap();
        let scripts = lessons_for(file.herd()).unwrap();
        let names: Vec<&str> = scripts.iter().map(|script| &*script.lesson.name).collect();
        assert_eq!(names, LESSONS);
        for LessonScript { lesson, steps, session } in scripts {
            assert!(!lesson.rule.is_empty() && lesson.rule.ends_with('.'), "{lesson:?}");
            assert_eq!(steps.len(), session.steps.len());
            assert!(steps.iter().all(|step| !step.text.is_empty() && step.transcript.is_empty()));
        }
    }

    #[test]
    fn a_generated_herd_plays_lessons_of_any_graph_under_its_own_names() {
        let herd = |nodes| HerdFile::parse(&Graph::Ring.herd_file(nodes, 21_000), "generated").unwrap();
        let scripts = lessons_for(herd(6).herd()).unwrap();
        assert_eq!(scripts.len(), LESSONS.len() - 2, "two lessons need the graph of the classroom herd");
        let flood = &scripts[0];
        assert_eq!(flood.lesson.title, "Flood reaches every node");
        assert!(flood.steps[0].text.starts_with("say Node3 IAMAT kiwi"), "{:?}", flood.steps);
        assert!(lessons_for(herd(4).herd()).unwrap().is_empty());
    }
}
