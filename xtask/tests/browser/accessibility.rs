//! The page for everybody: at two widths, light and dark, by keyboard and by screen reader.

use serde_json::Value;

use crate::Shown;

/// Checks rules of accessibility. See `xtask/tests/browser/README.md`.
const AXE: &str = include_str!("axe.min.js");

/// Returns the serious and critical findings on the page as it is now.
const FIND: &str = "axe.run().then(({ violations }) => JSON.stringify(violations \
    .filter(({ impact }) => impact === 'serious' || impact === 'critical') \
    .map(({ id, help, nodes }) => [id, help, nodes.map((node) => node.html).slice(0, 3)])))";

/// Returns the texts that cover each other, and whether the page is too wide.
const OVERLAPS: &str = include_str!("overlaps.js");

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_legible_for_everybody_at_two_widths_light_and_dark() {
    let shown = Shown::start("browser-access").await;
    let window = &shown.window;
    for (node, client, place) in [("Alford", "kiwi", "+34.07-118.44"), ("Powell", "plum", "+48.14+11.58")] {
        shown.checkout.run(&["say", node, &format!("IAMAT {client} {place} 1520023934")]);
    }
    shown.checkout.run(&["herd-kill", "Hamilton"]);
    window.find_starting("button", "Hamilton: down").await;
    window.run(AXE).await;
    for (width, height) in [(1280, 900), (390, 844)] {
        for scheme in ["light", "dark"] {
            window.resize(width, height).await;
            window.prefer(scheme, "reduce").await;
            for tab in ["Talk", "Node", "Break", "Lessons", "Events"] {
                shown.open_tab(tab).await;
                let findings = window.run(FIND).await;
                assert_eq!(findings, Value::from("[]"), "{tab} at {width}, {scheme}");
                assert_eq!(window.run(OVERLAPS).await, "", "{tab} at {width}, {scheme}");
                window.shoot(&format!("{}-{width}-{scheme}", tab.to_lowercase())).await;
            }
        }
    }
    shown.window.close().await;
}
