//! The conformance suite, from outside.

mod formats;
mod gradescope;
mod html;
mod junit;
mod matrix;
mod sample;
mod terminal;
