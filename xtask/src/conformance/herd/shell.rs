//! Shell commands: values in them, and commands that replace their shell.

/// Words that only a shell can run, so `exec` cannot stand before them.
const BUILT_IN: [&str; 22] = [
    "!", "{", ".", ":", "[[", "case", "cd", "command", "eval", "exec", "exit", "export", "for", "if", "set",
    "source", "time", "trap", "ulimit", "umask", "until", "while",
];

/// Characters that make several commands of one, or redirect it.
const OPERATORS: [char; 8] = ['&', '|', ';', '<', '>', '(', ')', '\n'];

/// Returns a command that replaces its shell, if it is simple. Then signals reach the program, and
/// its exit status is seen as it is.
pub(super) fn replacing_shell(command: &str) -> String {
    let first = command.split_whitespace().next().unwrap_or_default();
    let is_simple = !command.contains(OPERATORS) && !first.contains('=') && !BUILT_IN.contains(&first);
    if is_simple { format!("exec {}", command.trim_start()) } else { command.to_owned() }
}

/// Quotes a value for a shell, if it needs quotes.
pub(super) fn quote(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_simple_commands_replace_their_shell() {
        assert_eq!(replacing_shell(" python3 'a b.py' $X"), "exec python3 'a b.py' $X");
        for command in ["cd src && ./server", "A=b ./server", "exec ./server", "./server 2> log", "cd x"] {
            assert_eq!(replacing_shell(command), command);
        }
    }

    #[test]
    fn values_are_quoted_if_a_shell_would_change_them() {
        assert_eq!(quote("127.0.0.1:12000"), "127.0.0.1:12000");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }
}
