//! The dashboard: a live page of a herd, for people who run it, learn from it, or show it.

mod harness;

pub use harness::{
    Abilities, Harness, HarnessAction, HarnessState, Lesson, LessonProgress, LessonState, LessonStep, Life,
};
