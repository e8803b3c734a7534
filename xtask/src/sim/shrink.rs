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
    let mut step = longest(&best).div_ceil(2);
    while step > 0 {
        let mut start = 0;
        while start < longest(&best) {
            for leave_out in [leave_out_faults, leave_out_backbone_faults, leave_out_ops] {
                let smaller = leave_out(&best, start, step);
                if size(&smaller) == size(&best) {
                    continue;
                }
                tries += 1;
                if tries > TRIES {
                    return best;
                }
                if fails(&smaller) {
                    best = smaller;
                }
            }
            start += step;
        }
        step /= 2;
    }
    best
}

/// The number of parts of a plan that can be left out.
fn size(plan: &Plan) -> usize {
    plan.faults.len() + plan.backbone.len() + plan.ops.len()
}

/// The length of the longest list of such parts.
fn longest(plan: &Plan) -> usize {
    plan.faults.len().max(plan.backbone.len()).max(plan.ops.len())
}

fn leave_out_faults(plan: &Plan, start: usize, count: usize) -> Plan {
    Plan { faults: without(&plan.faults, start, count), ..plan.clone() }
}

fn leave_out_backbone_faults(plan: &Plan, start: usize, count: usize) -> Plan {
    Plan { backbone: without(&plan.backbone, start, count), ..plan.clone() }
}

fn leave_out_ops(plan: &Plan, start: usize, count: usize) -> Plan {
    Plan { ops: without(&plan.ops, start, count), ..plan.clone() }
}

fn without<T: Clone>(parts: &[T], start: usize, count: usize) -> Vec<T> {
    let end = (start + count).min(parts.len());
    [&parts[..start.min(end)], &parts[end..]].concat()
}
