//! The level of the log, which can change while the node runs.

use clap::ValueEnum;
use strum::IntoStaticStr;
use tracing::info;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

use super::RUNNING;

/// The lowest level of events that are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, ValueEnum)]
#[strum(serialize_all = "lowercase")]
pub enum Level {
    /// Faults that an operator must fix.
    Error,
    /// Also transient faults.
    Warn,
    /// Also links that come up or go down.
    Info,
    /// Also each line received and answered.
    Debug,
    /// Also each heartbeat.
    Trace,
}

impl Level {
    /// Returns the level of this process's log; `None` if it has none.
    pub fn current() -> Option<Level> {
        let current = LevelFilter::current();
        Level::value_variants().iter().copied().find(|level| level.filter() == current)
    }

    /// Returns the level's name, as flags and the admin port spell it.
    pub fn name(self) -> &'static str {
        self.into()
    }

    fn filter(self) -> LevelFilter {
        match self {
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
            Level::Trace => LevelFilter::TRACE,
        }
    }

    /// Returns the filter of events. Only this crate's pass: those of libraries may contain a URL,
    /// and with it a key.
    pub(super) fn events(self) -> Targets {
        Targets::new().with_target(env!("CARGO_CRATE_NAME"), self.filter())
    }

    /// Returns the level that SIGUSR1 changes this one to: debug, and from there the `configured`
    /// level, or info if that is debug.
    fn toggled(self, configured: Level) -> Level {
        match (self, configured) {
            (Level::Debug, Level::Debug) => Level::Info,
            (Level::Debug, configured) => configured,
            _ => Level::Debug,
        }
    }
}

/// Changes the level of this process's log, if it has one, and logs the change.
pub fn set_level(level: Level) {
    let (Some(running), Some(old)) = (RUNNING.get(), Level::current()) else { return };
    let announce = || info!(level = level.name(), before = old.name(), "log level changed");
    // At the more detailed of the two levels, so that the log shows the change.
    if level < old {
        announce();
    }
    if running.filter.reload(level.events()).is_ok() && level > old {
        announce();
    }
}

/// Changes the level of this process's log to debug, and from debug back to the level that it
/// started with, or to info if that was debug.
pub fn toggle_debug() {
    if let (Some(running), Some(current)) = (RUNNING.get(), Level::current()) {
        set_level(current.toggled(running.configured));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toggle_leads_to_debug_and_back() {
        for (configured, back) in [
            (Level::Error, Level::Error),
            (Level::Info, Level::Info),
            (Level::Debug, Level::Info),
            (Level::Trace, Level::Trace),
        ] {
            assert_eq!(Level::Debug.toggled(configured), back);
            assert_eq!(back.toggled(configured), Level::Debug);
        }
    }
}
