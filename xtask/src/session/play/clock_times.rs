//! Times of the clock in a session's lines: `{now}`, `{now+SECONDS}` and `{now-SECONDS}`.

use std::time::Duration;

use super::{Player, SessionHerd};

impl<H: SessionHerd> Player<'_, H> {
    /// Replaces each `{now..}` by its time, and has the transcript show that time as `{now..}`.
    pub(super) fn with_clock_times(&mut self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let Ok(mut text) = String::from_utf8(bytes.to_vec()) else { return Ok(bytes.to_vec()) };
        while let Some((before, rest)) = text.split_once("{now") {
            let (offset, after) = rest.split_once('}').ok_or("`{now` lacks its `}`")?;
            let time = add_offset(self.now, offset).ok_or_else(|| {
                format!("expected {{now}}, {{now+SECONDS}} or {{now-SECONDS}}, not {{now{offset}}}")
            })?;
            let stamp = format!("{}.{:09}", time.as_secs(), time.subsec_nanos());
            self.transcript.name_stamp(stamp.clone(), format!("{{now{offset}}}"));
            text = format!("{before}{stamp}{after}");
        }
        Ok(text.into_bytes())
    }
}

/// Adds an offset in seconds, like `+3600` or `-10.5`, to a time. An empty offset is 0. Returns
/// `None` if the offset is not a number, or if the sum is out of range.
fn add_offset(time: Duration, offset: &str) -> Option<Duration> {
    if offset.is_empty() {
        return Some(time);
    }
    let seconds = |text: &str| Duration::try_from_secs_f64(text.parse().ok()?).ok();
    match offset.split_at_checked(1)? {
        ("+", text) => time.checked_add(seconds(text)?),
        ("-", text) => time.checked_sub(seconds(text)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_added_exactly_or_rejected() {
        let now = Duration::from_secs(1000);
        let millis = Duration::from_millis;
        for (offset, expected) in [("", 1_000_000), ("+3600", 4_600_000), ("-10.5", 989_500)] {
            assert_eq!(add_offset(now, offset), Some(millis(expected)), "{offset}");
        }
        for offset in ["+", "-", "5", "x5", "+-5", "--5", "+1e30", "-1001", "+nan", "é"] {
            assert_eq!(add_offset(now, offset), None, "{offset}");
        }
    }
}
