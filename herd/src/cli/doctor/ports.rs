//! Whether a node can listen on its ports, and reach its neighbours.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use herd::config::{Herd, Member};
use herd::net::{connect, lookup, plain_http_client, reason};

use super::Finding;

/// How long a neighbour, or the node itself, may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks at the ports of a node, and at those of its neighbours.
pub(super) async fn look(herd: &Herd, member: &Member) -> Vec<Finding> {
    let runs = match member.admin {
        Some(admin) => runs_at(admin, &member.name).await,
        None => false,
    };
    let (client, link) = (Some(member.client), Some(member.link));
    let ports = [("client", client), ("link", link), ("admin", member.admin), ("metrics", member.metrics)];
    let own = ports.into_iter().filter_map(|(key, address)| Some((key, address?)));
    let mut findings: Vec<Finding> = own.map(|(key, address)| port(key, address, runs)).collect();
    for neighbour in member.neighbours.iter().filter_map(|name| herd.member(name)) {
        findings.push(reach(neighbour).await);
    }
    findings
}

/// Whether a node with this name answers on an admin port.
async fn runs_at(admin: SocketAddr, name: &str) -> bool {
    let status = async {
        let answer = plain_http_client().ok()?.get(format!("http://{admin}/status")).send().await.ok()?;
        serde_json::from_slice::<Value>(&answer.bytes().await.ok()?).ok()
    };
    timeout(PATIENCE, status).await.ok().flatten().is_some_and(|status| status["name"] == name)
}

/// Whether a node can listen on an address, or does.
fn port(key: &str, address: SocketAddr, runs: bool) -> Finding {
    let text = |found: &str| format!("port {address} (`{key}`): {found}");
    let Err(error) = TcpListener::bind(address) else {
        return match runs {
            true => Finding::warning(
                text("free, although the node runs"),
                "restart the node, if the herd file has changed since it started",
            ),
            false => Finding::ok(text("free")),
        };
    };
    match error.kind() {
        ErrorKind::AddrInUse if runs => Finding::ok(text("the node listens on it")),
        ErrorKind::AddrInUse => Finding::problem(
            text("in use"),
            format!(
                "if the node does not run, find out who listens with `ss -ltnp 'sport = :{}'`, or change `{key}`",
                address.port()
            ),
        ),
        ErrorKind::AddrNotAvailable => Finding::problem(
            text("not an address of this machine"),
            format!("change `{key}` to an address of this machine, or to 0.0.0.0 and set `advertise`"),
        ),
        ErrorKind::PermissionDenied => Finding::problem(
            text("not permitted"),
            format!(
                "change `{key}` to a port above 1023, or give the node the capability CAP_NET_BIND_SERVICE"
            ),
        ),
        _ => Finding::problem(text(&reason(&error)), format!("change `{key}`")),
    }
}

/// Whether a neighbour can be dialled.
async fn reach(neighbour: &Member) -> Finding {
    let address = neighbour.dialled();
    let text = |found: &str| format!("neighbour {} at {address}: {found}", neighbour.name);
    let dial = async {
        let mut failure = None;
        for address in lookup(&address).await? {
            match connect(address).await {
                Ok(_) => return Ok(()),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(()), Err)
    };
    let advice = "start it, or let this machine reach it: look at DNS and firewalls";
    match timeout(PATIENCE, dial).await {
        Ok(Ok(())) => Finding::ok(text("can be reached")),
        Ok(Err(error)) => Finding::warning(text(&reason(&error)), advice),
        Err(_) => Finding::warning(text(&format!("no answer within {PATIENCE:?}")), advice),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_port_is_free_in_use_or_of_another_machine() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let [stranger, node] = [false, true].map(|runs| port("client", address, runs));
        assert_eq!((stranger.state, node.state), (State::Problem, State::Ok));
        assert!(stranger.advice.contains(&format!(":{}", address.port())));
        drop(listener);
        assert_eq!(port("client", address, false).state, State::Ok);
        // TEST-NET-1, which no machine has.
        let away = port("link", "192.0.2.1:12580".parse().unwrap(), false);
        assert!(
            away.state == State::Problem && away.text.ends_with("not an address of this machine"),
            "{away:?}"
        );
    }
}
