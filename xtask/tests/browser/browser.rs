//! A headless Chromium, and what a person does with a page in it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::accessibility::{AxNode, QueryAxTreeParams};
use chromiumoxide::cdp::browser_protocol::dom::{
    BackendNodeId, FocusParams, GetContentQuadsParams, GetDocumentParams, ResolveNodeParams,
    ScrollIntoViewIfNeededParams,
};
use chromiumoxide::cdp::browser_protocol::emulation::{MediaFeature, SetDeviceMetricsOverrideParams};
use chromiumoxide::cdp::browser_protocol::input::InsertTextParams;
use chromiumoxide::cdp::browser_protocol::log::EventEntryAdded;
use chromiumoxide::cdp::js_protocol::runtime::{
    CallFunctionOnParams, ConsoleApiCalledType, EventConsoleApiCalled, EventExceptionThrown,
};
use chromiumoxide::layout::Point;
use chromiumoxide::page::ScreenshotParams;
use chromiumoxide::{Browser, BrowserConfig, Page};
use fixtures::checkout::scratch;
use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// The time limit for a condition that a test waits for.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// The time between two looks at a page.
const POLL: Duration = Duration::from_millis(50);

/// A browser with one page. It ends when this is dropped.
pub(crate) struct Window {
    browser: Browser,
    pub(crate) page: Page,
    /// The width and the height of the page.
    size: Mutex<(i64, i64)>,
    /// What the page wrote to its console as errors or warnings.
    complaints: Arc<Mutex<Vec<String>>>,
}

/// An element that was found by its role and name, as a screen reader finds it.
pub(crate) struct Found<'a> {
    window: &'a Window,
    node: AxNode,
}

impl Window {
    /// Opens a page in a new browser. `test` names its folder.
    pub(crate) async fn open(test: &str, url: &str) -> Window {
        let program = std::env::var_os("CHROMIUM").expect("run these tests with `cargo xtask page browser`");
        let config = BrowserConfig::builder()
            .chrome_executable(PathBuf::from(program))
            .user_data_dir(scratch(test).join("chromium"))
            // The sandbox needs a user other than root, and only our own page is opened.
            .no_sandbox()
            .window_size(1280, 900)
            .viewport(None)
            .build()
            .unwrap();
        let (browser, mut handler) = Browser::launch(config).await.unwrap();
        tokio::spawn(async move { while handler.next().await.is_some() {} });
        let page = browser.new_page("about:blank").await.unwrap();
        let complaints = listen_for_complaints(&page).await;
        let window = Window { browser, page, size: Mutex::new((1280, 900)), complaints };
        window.resize(1280, 900).await;
        window.page.goto(url).await.unwrap();
        window
    }

    /// Gives the page another size, in CSS pixels.
    pub(crate) async fn resize(&self, width: i64, height: i64) {
        *self.size.lock().unwrap() = (width, height);
        let size = SetDeviceMetricsOverrideParams::new(width, height, 1.0, false);
        self.page.execute(size).await.unwrap();
    }

    /// Prefers the color scheme `light` or `dark`, and movement or not.
    pub(crate) async fn prefer(&self, scheme: &str, motion: &str) {
        let features = [("prefers-color-scheme", scheme), ("prefers-reduced-motion", motion)];
        let features = features.map(|(name, value)| MediaFeature::new(name, value));
        self.page.emulate_media_features(features.to_vec()).await.unwrap();
    }

    /// Returns the elements with this role and name.
    async fn query(&self, role: &str, name: &str) -> Vec<AxNode> {
        let document = self.page.execute(GetDocumentParams::default()).await.unwrap();
        let mut query =
            QueryAxTreeParams::builder().backend_node_id(document.root.backend_node_id).role(role);
        if !name.is_empty() {
            query = query.accessible_name(name);
        }
        let found = self.page.execute(query.build()).await.unwrap();
        found
            .result
            .nodes
            .into_iter()
            .filter(|node| !node.ignored && node.backend_dom_node_id.is_some())
            .collect()
    }

    /// Waits for an element with this role and name, whatever its name if that is empty.
    pub(crate) async fn find(&self, role: &str, name: &str) -> Found<'_> {
        let what = format!("there is a {role} called {name:?}");
        let found = self.wait_for(&what, async || self.query(role, name).await.into_iter().next()).await;
        Found { window: self, node: found }
    }

    /// Waits for an element with this role whose name starts with `start`.
    pub(crate) async fn find_starting(&self, role: &str, start: &str) -> Found<'_> {
        self.find_starting_within(DEADLINE, role, start).await
    }

    /// The same, for at most `patience`.
    pub(crate) async fn find_starting_within(
        &self,
        patience: Duration,
        role: &str,
        start: &str,
    ) -> Found<'_> {
        let what = format!("there is a {role} whose name starts with {start:?}");
        let is_found = |node: &AxNode| name_of(node).starts_with(start);
        let look = async || self.query(role, "").await.into_iter().find(is_found);
        let found = self.wait_at_most(patience, &what, look).await;
        Found { window: self, node: found }
    }

    /// Waits until `look` finds something.
    pub(crate) async fn wait_for<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        self.wait_at_most(DEADLINE, what, look).await
    }

    pub(crate) async fn wait_at_most<T>(
        &self,
        patience: Duration,
        what: &str,
        look: impl AsyncFn() -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            if Instant::now() > deadline {
                self.shoot("failed").await;
                panic!(
                    "waited {patience:?} in vain until {what}; see target/page/failed.png\n{}",
                    self.text().await
                );
            }
            sleep(POLL).await;
        }
    }

    /// Waits until the visible text of the page contains `text`.
    pub(crate) async fn wait_for_text(&self, text: &str) {
        let what = format!("the page says {text:?}");
        self.wait_for(&what, async || self.text().await.contains(text).then_some(())).await;
    }

    /// Returns the visible text of the page.
    pub(crate) async fn text(&self) -> String {
        self.run("document.body.innerText").await.as_str().unwrap_or_default().to_owned()
    }

    /// Returns the value of an expression, and waits for it if it is a promise.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.page.evaluate(script).await.unwrap().into_value().unwrap_or_default()
    }

    /// Keeps a picture of the whole page in `target/page`.
    pub(crate) async fn shoot(&self, name: &str) {
        let file = pictures().join(format!("{name}.png"));
        let params = ScreenshotParams::builder().full_page(true).build();
        self.page.save_screenshot(params, file).await.unwrap();
        // A picture of a whole page gives the window its own size back.
        let (width, height) = *self.size.lock().unwrap();
        self.resize(width, height).await;
    }

    /// Fails if the page has complained in its console, and closes the browser.
    pub(crate) async fn close(mut self) {
        assert_eq!(*self.complaints.lock().unwrap(), Vec::<String>::new());
        self.browser.close().await.unwrap();
        self.browser.wait().await.unwrap();
    }
}

/// The name of an element for screen readers.
fn name_of(node: &AxNode) -> &str {
    node.name.as_ref().and_then(|name| name.value.as_ref()).and_then(Value::as_str).unwrap_or_default()
}

/// The folder of the pictures that tests keep.
pub(crate) fn pictures() -> PathBuf {
    let folder = xtask::cluster::workspace::target_dir().unwrap().join("page");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Keeps what a page writes to its console, what it throws, and what the browser holds against it.
async fn listen_for_complaints(page: &Page) -> Arc<Mutex<Vec<String>>> {
    let complaints = Arc::new(Mutex::new(Vec::new()));
    let keep = |list: &Arc<Mutex<Vec<String>>>| {
        let list = Arc::clone(list);
        move |complaint: String| list.lock().unwrap().push(complaint)
    };
    let mut console = page.event_listener::<EventConsoleApiCalled>().await.unwrap();
    let add = keep(&complaints);
    tokio::spawn(async move {
        while let Some(event) = console.next().await {
            if matches!(event.r#type, ConsoleApiCalledType::Error | ConsoleApiCalledType::Warning) {
                add(format!("{:?}", event.args));
            }
        }
    });
    let mut thrown = page.event_listener::<EventExceptionThrown>().await.unwrap();
    let add = keep(&complaints);
    tokio::spawn(async move {
        while let Some(event) = thrown.next().await {
            add(format!("{:?}", event.exception_details));
        }
    });
    let mut entries = page.event_listener::<EventEntryAdded>().await.unwrap();
    let add = keep(&complaints);
    tokio::spawn(async move {
        while let Some(event) = entries.next().await {
            add(format!("{}: {:?}", event.entry.text, event.entry.url));
        }
    });
    page.enable_log().await.unwrap();
    complaints
}

impl Found<'_> {
    fn id(&self) -> BackendNodeId {
        self.node.backend_dom_node_id.expect("an element")
    }

    /// Clicks the middle of the element with the mouse.
    pub(crate) async fn click(&self) {
        self.click_at(0.5, 0.5).await;
    }

    /// Clicks at a place within the element: shares of its width and its height.
    pub(crate) async fn click_at(&self, across: f64, down: f64) {
        let page = &self.window.page;
        let scroll = ScrollIntoViewIfNeededParams::builder().backend_node_id(self.id()).build();
        page.execute(scroll).await.unwrap();
        let quads = GetContentQuadsParams::builder().backend_node_id(self.id()).build();
        let quads = page.execute(quads).await.unwrap();
        let corners = quads.quads.first().expect("a visible element").inner().clone();
        let [left, top, right, bottom] = [corners[0], corners[1], corners[4], corners[5]];
        let place = Point { x: left + across * (right - left), y: top + down * (bottom - top) };
        page.click(place).await.unwrap();
    }

    /// Replaces the text of the element, as by typing.
    pub(crate) async fn fill(&self, text: &str) {
        self.call("function() { this.focus(); this.select(); }").await;
        let page = &self.window.page;
        page.execute(FocusParams::builder().backend_node_id(self.id()).build()).await.unwrap();
        page.execute(InsertTextParams::new(text)).await.unwrap();
    }

    /// Chooses an option of a list by its text.
    pub(crate) async fn choose(&self, text: &str) {
        let text = Value::from(text);
        self.call(&format!(
            "function() {{ const option = [...this.options].find((option) => option.text === {text}); \
             this.value = option.value; this.dispatchEvent(new Event('change', {{ bubbles: true }})); }}"
        ))
        .await;
    }

    /// Returns the text within the element.
    pub(crate) async fn text(&self) -> String {
        self.call("function() { return this.innerText ?? this.textContent; }")
            .await
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Whether the element cannot be used.
    pub(crate) async fn is_disabled(&self) -> bool {
        self.call("function() { return this.matches(':disabled'); }").await == true
    }

    /// Calls a function with the element as `this`.
    async fn call(&self, function: &str) -> Value {
        let page = &self.window.page;
        let object =
            page.execute(ResolveNodeParams::builder().backend_node_id(self.id()).build()).await.unwrap();
        let object = object.object.object_id.clone().expect("an object");
        let call = CallFunctionOnParams::builder()
            .function_declaration(function)
            .object_id(object)
            .return_by_value(true)
            .build()
            .unwrap();
        page.execute(call).await.unwrap().result.result.value.unwrap_or_default()
    }
}
