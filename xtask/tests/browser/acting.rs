//! Talking, breaking and lessons.

use std::time::Duration;

use crate::Shown;

/// What a stranger may call a client.
const HOSTILE: &str = "<img/src=x/onerror=alert(1)>";

/// The name of the map for screen readers.
pub(crate) const MAP: &str =
    "World with clients: arrow keys move it, plus and minus zoom, Enter takes the middle";

#[tokio::test(flavor = "multi_thread")]
async fn a_report_by_a_click_on_the_map_reaches_every_node_and_its_client_can_be_asked_about() {
    let shown = Shown::start("browser-talk").await;
    let (window, checkout) = (&shown.window, &shown.checkout);
    window.find("textbox", "Client id").await.fill(HOSTILE).await;
    window.find("group", MAP).await.click_at(0.3, 0.3).await;
    window.find("button", "Report").await.click().await;
    window.wait_for_text("AT Alford +").await;
    // The page shows the flood hop by hop, whichever way it took.
    for node in ["Parker", "Powell", "Bolden", "Hamilton"] {
        let line = format!("WHATSAT {HOSTILE} 10 0");
        window
            .wait_for(&format!("{node} knows the client"), async || {
                checkout.run(&["say", node, &line]).starts_with("AT Alford ").then_some(())
            })
            .await;
        let floods = window.find("list", "Latest floods").await;
        window
            .wait_for(&format!("the flood's way leads to {node}"), async || {
                floods.text().await.contains(node).then_some(())
            })
            .await;
    }
    window.wait_for_text(HOSTILE).await;
    assert_eq!(window.run("document.querySelectorAll('img[src=x]').length").await, 0);

    window.find("combobox", "Node").await.choose("Powell").await;
    window.find("spinbutton", "Radius in km").await.fill("50").await;
    window.find("button", "Ask").await.click().await;
    window.wait_for_text("\"status\" : ").await;
    shown.window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_by_hand_is_answered_byte_for_byte() {
    let shown = Shown::start("browser-line").await;
    let window = &shown.window;
    window.find("textbox", "Line").await.fill(r"WHAT\xffSAT").await;
    window.find("button", "Send").await.click().await;
    window.wait_for_text(r"? WHAT\xffSAT").await;
    shown.window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_is_marked_within_3_seconds_and_heals() {
    let shown = Shown::start("browser-kill").await;
    let window = &shown.window;
    shown.open_tab("Break").await;
    window.find("button", "Kill Parker").await.click().await;
    window.find_starting_within(Duration::from_secs(3), "button", "Parker: down").await;
    window.find_starting("image", "Link Alford to Parker: down").await;
    window.find("button", "Restart Parker").await.click().await;
    window.find_starting("button", "Parker: ready").await;
    window.find_starting("image", "Link Alford to Parker: up").await;

    window.find("button", "Pause Powell").await.click().await;
    window.find_starting("button", "Powell: paused").await;
    window.find("button", "Resume Powell").await.click().await;
    window.find_starting("button", "Powell: ready").await;

    window.find("button", "Cut Hamilton to Parker").await.click().await;
    window.find_starting("image", "Link Hamilton to Parker: cut").await;
    window.find_starting("button", "Hamilton: apart").await;
    window.find("button", "Heal Hamilton to Parker").await.click().await;
    window.find_starting("button", "Hamilton: ready").await;
    shown.window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lesson_plays_to_its_end() {
    let shown = Shown::start("browser-lesson").await;
    let window = &shown.window;
    shown.open_tab("Lessons").await;
    window.find("button", "Later stamp wins").await.click().await;
    window.find("button", "Empty the herd and start").await.click().await;
    window.wait_for_text("Step 1 of 6 is next").await;
    window.find("button", "Next step").await.click().await;
    window.wait_for_text("Step 2 of 6 is next").await;
    window.find("button", "Play").await.click().await;
    window.wait_for_text("The lesson is over").await;
    // The rule, and the last answer of the transcript.
    window.wait_for_text("The report with the latest time is the one that counts").await;
    window.wait_for_text("kiwi +3+3 1001").await;
    window.find("button", "Back to the lessons").await.click().await;
    window.find("list", "Lessons").await;
    shown.window.close().await;
}
