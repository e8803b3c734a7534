//! The picture of the page in the README.

use chromiumoxide::cdp::browser_protocol::page::CaptureScreenshotFormat;
use chromiumoxide::page::ScreenshotParams;
use fixtures::checkout::root;

use crate::Shown;

/// Makes `docs/src/images/dashboard.webp`. `cargo xtask page picture` runs it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes a file of the checkout: run it with `cargo xtask page picture`"]
async fn the_picture_of_the_readme() {
    let shown = Shown::start("browser-picture").await;
    let window = &shown.window;
    window.resize(1280, 800).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for (client, place) in [
        ("kiwi", "+34.068930-118.445127"),
        ("plum", "+48.137154+11.576124"),
        ("pear", "-33.86705+151.1957"),
        ("fig", "+35.6762+139.6503"),
        ("lime", "-22.9068-43.1729"),
        ("date", "+30.0444+31.2357"),
    ] {
        shown.checkout.run(&["say", "Hamilton", &format!("IAMAT {client} {place} {now}")]);
    }
    window.find("textbox", "Client id").await.fill("kiwi").await;
    window.find("button", "Ask").await.click().await;
    window.wait_for_text("\"status\" : ").await;
    window.find("button", "Report").await.click().await;
    window.wait_for_text("AT Alford ").await;
    // In the middle of the slow motion of the flood.
    let lit = "document.querySelectorAll('.node.knows').length";
    window
        .wait_for("three nodes are lit", async || (window.run(lit).await.as_u64()? >= 3).then_some(()))
        .await;
    let file = root().join("docs/src/images/dashboard.webp");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let params = ScreenshotParams::builder().format(CaptureScreenshotFormat::Webp).quality(70).build();
    window.page.save_screenshot(params, file).await.unwrap();
    shown.window.close().await;
}
