//! Guests in their sandbox: how they start and end, and that they harm nothing.

mod ends;
mod hostile;
mod lives;
mod starts;
mod support;
