//! Measure: throughput, latency, and what is left under attack.

pub mod load;
