//! The language of clients and nodes: bytes to values and back, and nothing else. No I/O, no clock.

/// Whether `name` can name a node: 1 to 64 ASCII letters, digits, `_`, `-` or `.`.
pub fn is_node_name(name: &[u8]) -> bool {
    (1..=64).contains(&name.len())
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}
