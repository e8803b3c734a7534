//! The lesson that is being played.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use anyhow::{Context, Result, bail};
use herd::dashboard::{LessonProgress, LessonState};
use herd::nearest::did_you_mean;

use super::lesson_herd::LessonHerd;
use super::lessons::LessonScript;
use crate::cluster::supervisor::{HerdAction, SupervisorClient};
use crate::session::{PATIENCE, Player};

/// A stage for one lesson at a time. It shows how far the lesson has got, even while a step is
/// being played.
#[derive(Debug)]
pub(super) struct LessonStage {
    supervisor: SupervisorClient,
    scripts: Vec<LessonScript>,
    /// The player of the lesson, locked while a lesson is started, played or stopped.
    player: Mutex<Option<Player<'static, LessonHerd>>>,
    progress: Mutex<Option<LessonProgress>>,
}

impl LessonStage {
    pub(super) fn new(supervisor: SupervisorClient, scripts: Vec<LessonScript>) -> LessonStage {
        LessonStage { supervisor, scripts, player: Mutex::new(None), progress: Mutex::new(None) }
    }

    /// Returns how far the lesson has got; `None` if no lesson has been started.
    pub(super) fn progress(&self) -> Option<LessonProgress> {
        self.lock_progress().clone()
    }

    /// Empties the herd, and starts a lesson. A lesson that was being played ends.
    ///
    /// # Errors
    /// There is no such lesson, or the herd cannot be emptied.
    pub(super) fn start(&self, name: &str) -> Result<()> {
        let names = self.scripts.iter().map(|script| script.lesson.name.as_str());
        let script = self.scripts.iter().find(|script| script.lesson.name == name);
        let script = script.with_context(|| {
            format!("this herd can play no lesson called {name}{}", did_you_mean(name, names))
        })?;
        let mut player = self.lock_player()?;
        *player = None;
        *self.lock_progress() = None;
        self.supervisor.request(HerdAction::Empty, &[])?;
        let herd = LessonHerd::new(self.supervisor.clone());
        *player = Some(Player::new(script.session.clone(), herd, None, PATIENCE));
        *self.lock_progress() = Some(LessonProgress {
            lesson: script.lesson.clone(),
            steps: script.steps.clone(),
            position: 0,
            state: LessonState::Waiting,
            error: None,
        });
        Ok(())
    }

    /// Plays the next step of the lesson. If the step fails, the lesson fails, and shows why.
    ///
    /// # Errors
    /// No lesson has been started, or it has ended.
    pub(super) fn play_next(&self) -> Result<()> {
        let mut player = self.lock_player()?;
        let player = player.as_mut().context("no lesson has been started")?;
        match self.progress().map(|progress| progress.state) {
            Some(LessonState::Done) => bail!("all steps of this lesson have been played"),
            Some(LessonState::Failed) => bail!("this lesson has failed: start it again"),
            _ => self.change(|progress| progress.state = LessonState::Playing),
        }
        let shown = player.transcript().text().len();
        let played = player.play_next();
        let lines: Vec<String> = player.transcript().text()[shown..].lines().map(str::to_owned).collect();
        self.change(|progress| {
            if let Some(step) = progress.steps.get_mut(progress.position) {
                step.transcript = lines;
            }
            if let Some(Err(error)) = played {
                progress.state = LessonState::Failed;
                progress.error = Some(error.message);
                return;
            }
            progress.position += 1;
            let is_done = progress.position >= progress.steps.len();
            progress.state = if is_done { LessonState::Done } else { LessonState::Waiting };
        });
        Ok(())
    }

    /// Ends the lesson, and starts the nodes that it has ended. Without a lesson, does nothing.
    ///
    /// # Errors
    /// A node does not start.
    pub(super) fn stop(&self) -> Result<()> {
        let player = self.lock_player()?.take();
        *self.lock_progress() = None;
        player.map_or(Ok(()), |player| player.into_herd().restore())
    }

    fn change(&self, change: impl FnOnce(&mut LessonProgress)) {
        if let Some(progress) = self.lock_progress().as_mut() {
            change(progress);
        }
    }

    fn lock_progress(&self) -> MutexGuard<'_, Option<LessonProgress>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_player(&self) -> Result<MutexGuard<'_, Option<Player<'static, LessonHerd>>>> {
        match self.player.try_lock() {
            Ok(player) => Ok(player),
            Err(TryLockError::Poisoned(player)) => Ok(player.into_inner()),
            Err(TryLockError::WouldBlock) => {
                bail!("a step of the lesson is being played: wait until it ends")
            }
        }
    }
}
