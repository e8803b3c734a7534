//! The alarm that ends a conversation which takes too long.

use std::pin::Pin;

use tokio::time::{Instant, Sleep};

/// Moves the timer to an earlier deadline. A later deadline is set only when the timer fires, since
/// deadlines move with every line and the timer seldom fires.
pub(super) fn set_earlier(alarm: Pin<&mut Sleep>, deadline: Instant) {
    if deadline < alarm.deadline() {
        alarm.reset(deadline);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration;

    use tokio::time::sleep_until;

    use super::*;

    #[tokio::test]
    async fn an_alarm_moves_to_an_earlier_deadline_and_to_no_later_one() {
        let now = Instant::now();
        let [first, second, third] = [1, 2, 3].map(|hours| now + Duration::from_secs(3600 * hours));
        let mut alarm = pin!(sleep_until(second));
        set_earlier(alarm.as_mut(), third);
        assert_eq!(alarm.deadline(), second);
        set_earlier(alarm.as_mut(), first);
        assert_eq!(alarm.deadline(), first);
    }
}
