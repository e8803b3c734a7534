//! Looking closer, and what the page says when it can show nothing.

use crate::Shown;
use crate::browser::Window;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_looked_at_more_closely_with_its_log() {
    let shown = Shown::start("browser-look").await;
    let window = &shown.window;
    shown.checkout.run(&["say", "Alford", "IAMAT kiwi +1+2 1000", "IAMAT plum +1+2 1000"]);
    window.find_starting("button", "Alford: ready, ").await.click().await;
    window.wait_for_text("2 of 1,000,000").await;
    window.wait_for_text("Lags by").await;
    window.find("DisclosureTriangle", "Log").await.click().await;
    window.find("searchbox", "Lines that contain").await.fill("plum").await;
    window.wait_for_text("IAMAT plum +1+2 1000").await;
    window
        .wait_for("the log is filtered", async || {
            (!window.text().await.contains("IAMAT kiwi +1+2 1000")).then_some(())
        })
        .await;
    shown.window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_token_the_page_looks_and_cannot_act() {
    let shown = Shown::start("browser-read-only").await;
    let (plain, _) = shown.url.split_once('?').unwrap();
    let other = Window::open("browser-stranger", plain).await;
    other.wait_for_text("Open the address that the dashboard printed").await;
    for button in ["Report", "Ask", "Send"] {
        assert!(other.find("button", button).await.is_disabled().await, "{button}");
    }
    other.close().await;
    shown.window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_that_has_stopped_is_announced() {
    let shown = Shown::start("browser-stopped").await;
    shown.checkout.run(&["herd-down"]);
    shown.window.wait_for_text("The dashboard has stopped").await;
}
