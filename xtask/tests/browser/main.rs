//! The page of the dashboard, as people use it: in a real browser, found by roles and names.
//!
//! `cargo xtask page browser` runs these tests. They need Chromium, so `cargo test` does not.

mod accessibility;
mod acting;
mod browser;
#[path = "../herd_up/checkout.rs"]
#[expect(dead_code, reason = "these tests need a part of what the tests of herd-up need")]
mod checkout;
mod frames;
mod looking;
mod picture;

use browser::Window;
use checkout::Checkout;

/// A herd with a dashboard, and a window that shows it.
pub(crate) struct Shown {
    pub(crate) checkout: Checkout,
    pub(crate) window: Window,
    /// The address of the page, with the token.
    pub(crate) url: String,
}

impl Shown {
    /// Starts the classroom herd, and opens its page. `test` names its folder.
    pub(crate) async fn start(test: &str) -> Shown {
        Shown::start_with(test, &[]).await
    }

    /// The same, with more arguments of `herd-up`.
    pub(crate) async fn start_with(test: &str, more: &[&str]) -> Shown {
        let checkout = Checkout::new(test);
        let table = checkout.up(&[&["--dashboard"], more].concat());
        let url =
            table.split_whitespace().find(|word| word.contains("?token=")).expect("an address").to_owned();
        let window = Window::open(test, &url).await;
        window.find("button", "Report").await;
        Shown { checkout, window, url }
    }

    /// Opens one of the tabs beside the map.
    pub(crate) async fn open_tab(&self, name: &str) {
        self.window.find("tab", name).await.click().await;
    }
}
