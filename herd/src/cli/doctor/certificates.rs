//! Whether the certificates of a node will be valid for a while.

use std::path::Path;
use std::time::SystemTime;

use herd::config::{Herd, Member, file_for};
use herd::tls::{Certificate, EXPIRES_SOON, read_certificates};

use super::Finding;

/// Looks at the certificates that the herd file names. Those that cannot be read are problems of
/// the herd file.
pub(super) fn look(herd: &Herd, member: &Member) -> Vec<Finding> {
    let named = [&herd.links.ca, &herd.links.cert, &herd.clients.cert];
    let files = named.into_iter().flatten().map(|file| file_for(file, &member.name));
    files.filter_map(|file| Some(of_expiry(&file, expiry(&file)?))).collect()
}

fn expiry(file: &Path) -> Option<SystemTime> {
    Some(Certificate::parse(&read_certificates(file).ok()?[0]).ok()?.expires)
}

fn of_expiry(file: &Path, expires: SystemTime) -> Finding {
    let name = file.display();
    let renew = "issue a new one with `herd certs add --replace`, copy it, and send SIGHUP to the node";
    match expires.duration_since(SystemTime::now()) {
        Err(_) => Finding::problem(format!("certificate {name}: has expired"), renew),
        Ok(left) => {
            let text = format!("certificate {name}: valid for {} days", left.as_secs() / (24 * 60 * 60));
            if left <= EXPIRES_SOON { Finding::warning(text, renew) } else { Finding::ok(text) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::State;
    use super::*;

    #[test]
    fn a_certificate_that_has_expired_or_soon_will_is_found() {
        let (now, hour) = (SystemTime::now(), Duration::from_secs(3600));
        let state = |expires| of_expiry(Path::new("it.pem"), expires).state;
        assert_eq!(state(now - hour), State::Problem);
        assert_eq!(state(now + EXPIRES_SOON), State::Warning);
        assert_eq!(state(now + EXPIRES_SOON + hour), State::Ok);
    }
}
