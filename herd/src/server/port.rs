//! The ports that a node listens on.

/// A port that a node listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Port {
    Client,
    Link,
    Admin,
    Metrics,
}

impl Port {
    pub(super) const ALL: [Port; 4] = [Port::Client, Port::Link, Port::Admin, Port::Metrics];

    pub(super) fn name(self) -> &'static str {
        match self {
            Port::Client => "client",
            Port::Link => "link",
            Port::Admin => "admin",
            Port::Metrics => "metrics",
        }
    }
}
