//! Guests in their sandbox: how they start and end, and that they harm nothing.

mod lives;
mod support;
