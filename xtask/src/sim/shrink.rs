//! Looks for a smaller plan that violates the same invariant.

use super::{Plan, judge};

/// The largest number of plans to try.
const TRIES: usize = 300;

/// Leaves out faults and lines of clients as long as the same invariant is violated: first many at
/// a time, then fewer. Returns the smallest plan found.
pub fn shrink(plan: &Plan, invariant: &str) -> Plan {
    let fails =
        |plan: &Plan| judge(plan).1.violations.iter().any(|violation| violation.invariant == invariant);
    let mut best = plan.clone();
    let mut tries = 0;
    let mut step = best.faults.len().max(best.ops.len()).div_ceil(2);
    while step > 0 {
        let mut start = 0;
        while start < best.faults.len().max(best.ops.len()) {
            for leave_out in [leave_out_faults, leave_out_ops] {
                tries += 1;
                if tries > TRIES {
                    return best;
                }
                let smaller = leave_out(&best, start, step);
                if smaller.faults.len() + smaller.ops.len() < best.faults.len() + best.ops.len()
                    && fails(&smaller)
                {
                    best = smaller;
                }
            }
            start += step;
        }
        step /= 2;
    }
    best
}

fn leave_out_faults(plan: &Plan, start: usize, count: usize) -> Plan {
    let mut smaller = plan.clone();
    let end = (start + count).min(smaller.faults.len());
    smaller.faults.drain(start.min(end)..end);
    smaller
}

fn leave_out_ops(plan: &Plan, start: usize, count: usize) -> Plan {
    let mut smaller = plan.clone();
    let end = (start + count).min(smaller.ops.len());
    smaller.ops.drain(start.min(end)..end);
    smaller
}
