//! How smoothly the map moves with many clients.

use std::io::{Write, stdout};
use std::net::TcpStream;
use std::time::Duration;

use crate::Shown;
use crate::acting::MAP;

/// How long the page may take to load all clients.
const LOADING: Duration = Duration::from_secs(120);

/// Counts the frames while the map is dragged to and fro for five seconds.
const COUNT_FRAMES: &str = "new Promise((resolve) => { \
    const map = document.querySelector('.leaflet-container'); \
    const at = (kind, x) => map.dispatchEvent(new MouseEvent(kind, \
        { bubbles: true, cancelable: true, view: window, button: 0, buttons: 1, clientX: 600 + x, clientY: 300 })); \
    let frames = 0; const began = performance.now(); at('mousedown', 0); \
    const frame = (now) => { \
        frames += 1; at('mousemove', 120 * Math.sin((now - began) / 300)); \
        if (now - began < 5000) requestAnimationFrame(frame); \
        else { at('mouseup', 0); resolve(frames / ((now - began) / 1000)); } }; \
    requestAnimationFrame(frame); })";

/// Prints the frames in a second with 100,000 and with 1,000,000 clients. `cargo xtask page frames`
/// runs it. A figure is not a test: it depends on the machine.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: run it with `cargo xtask page frames`"]
async fn frames_while_the_map_moves() {
    let shown = Shown::start_with("browser-frames", &["--release", "--nodes", "1", "--memory"]).await;
    let mut loaded = 0;
    for clients in [100_000, 1_000_000] {
        report(&shown.checkout.nodes()[0]["client"], loaded..clients);
        loaded = clients;
        let shown_count = format!("{} clients", group_digits(clients));
        let look = async || shown.window.text().await.contains(&shown_count).then_some(());
        shown.window.wait_at_most(LOADING, &format!("the page shows {shown_count}"), look).await;
        shown.window.find("group", MAP).await;
        let frames = shown.window.run(COUNT_FRAMES).await;
        let frames = frames.as_f64().unwrap();
        writeln!(stdout(), "{clients} clients: {frames:.1} frames a second while the map moves").unwrap();
    }
    shown.window.close().await;
}

/// Reports clients all over the world, in one connection.
fn report(address: &serde_json::Value, clients: std::ops::Range<u32>) {
    let mut stream = TcpStream::connect(address.as_str().unwrap()).unwrap();
    let mut reader = stream.try_clone().unwrap();
    let answers = std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()).unwrap());
    let mut lines = String::new();
    for client in clients {
        let (latitude, longitude) =
            (f64::from(client % 1201) / 10.0 - 60.0, f64::from(client * 7 % 3571) / 10.0 - 178.0);
        lines += &format!("IAMAT client-{client} {latitude:+.4}{longitude:+.4} 1520023934\n");
    }
    stream.write_all(lines.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    answers.join().unwrap();
}

/// `100000` as `100,000`.
fn group_digits(number: u32) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}
