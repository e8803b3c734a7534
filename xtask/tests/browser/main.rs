//! The page of the dashboard, as people use it: in a real browser, found by roles and names.
//!
//! `cargo xtask page browser` runs these tests. They need Chromium, so `cargo test` does not.

mod browser;

use browser::Window;

#[tokio::test(flavor = "multi_thread")]
async fn a_window_opens() {
    let window =
        Window::open("browser-opens", "data:text/html,<main><button>Kill Alford</button></main>").await;
    window.find("button", "Kill Alford").await.click().await;
    assert!(window.has("button", "").await);
    window.wait_for_text("Kill").await;
    window.shoot("opens").await;
    window.close().await;
}
