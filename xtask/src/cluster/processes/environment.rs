//! The environment variables that nodes inherit.

use std::process::Command;

/// The part of its caller's environment that a node inherits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Every variable.
    Inherited,
    /// Every variable except `HERD_*` and those of proxies. What a test measures must not depend on
    /// them, and requests with a real key would be billed.
    Clean,
}

/// Removes from the environment of `command` what nodes do not inherit in a clean environment.
pub(crate) fn clean_environment(command: &mut Command) {
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| is_private(&name.to_string_lossy())).for_each(|name| {
        command.env_remove(name);
    });
}

/// Returns whether nodes in a clean environment do not inherit a variable.
fn is_private(variable: &str) -> bool {
    let proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];
    variable.starts_with("HERD_") || proxies.iter().any(|proxy| variable.eq_ignore_ascii_case(proxy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_environment_hides_keys_and_proxies_in_any_case_of_letters() {
        for variable in
            ["HERD_PLACES_KEY", "HERD_LOG_LEVEL", "https_proxy", "HTTP_PROXY", "no_proxy", "ALL_PROXY"]
        {
            assert!(is_private(variable), "{variable}");
        }
        assert!(!is_private("PATH") && !is_private("SHEPHERD_X"));
    }
}
