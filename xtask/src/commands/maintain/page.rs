//! `page`: check the page of the dashboard, and make its picture.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use fixtures::checkout::root;
use nix::unistd::Uid;
use strum::{EnumMessage, EnumString, IntoStaticStr, VariantArray};

use super::ci::TEST_FEATURES;
use crate::cluster::workspace::{cargo, target_dir};
use crate::commands::arguments::variant_of;
use crate::commands::print::print;

/// What to check.
#[derive(Clone, Debug, Args)]
pub struct PageArgs {
    /// What to check or make [default: types and browser]
    #[arg(value_name = "WHAT", value_parser = variant_of::<PageTask>())]
    what: Option<PageTask>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumMessage, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
enum PageTask {
    /// Check the types of the scripts, and run their unit tests (needs npm).
    Types,
    /// Use the page in Chromium, and keep screenshots in the folder target/page.
    Browser,
    /// Print how smoothly the map moves with many clients.
    Frames,
    /// Make the picture in the README.
    Picture,
}

/// The packages that check the scripts, with their versions.
const PACKAGES: [&str; 2] = ["typescript@5.9.3", "@types/leaflet@1.9.21"];

/// The names of Chromium's program.
const CHROMIUM: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Installs Debian's Chromium.
const INSTALL: &str =
    "apt-get -q -o Acquire::Retries=0 update && apt-get -q install -y --no-install-recommends chromium";

/// Does the chosen task, or all checks.
///
/// # Errors
/// A tool is not available, or a check failed.
pub fn check_page(args: &PageArgs) -> Result<()> {
    match args.what {
        None => {
            TypeChecker::get()?.check_types()?;
            Chromium::get()?.test_page()
        }
        Some(PageTask::Types) => TypeChecker::get()?.check_types(),
        Some(PageTask::Browser) => Chromium::get()?.test_page(),
        Some(PageTask::Frames) => Chromium::get()?.count_frames(),
        Some(PageTask::Picture) => Chromium::get()?.make_picture(),
    }
}

/// The checker of the scripts' types, installed.
#[derive(Debug)]
pub(super) struct TypeChecker(PathBuf);

impl TypeChecker {
    /// Finds the checker in the target folder, or installs it there.
    ///
    /// # Errors
    /// There is no npm, or its registry cannot be reached.
    pub(super) fn get() -> Result<TypeChecker> {
        let folder = target_dir()?.join(format!("page/{}", PACKAGES.join("-").replace('/', "-")));
        let tsc = folder.join("node_modules/.bin/tsc");
        if !tsc.exists() {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
            let mut npm = Command::new("npm");
            npm.args(["install", "--silent", "--no-save", "--no-audit", "--no-fund", "--prefix"])
                .arg(&folder);
            succeed(npm.args(PACKAGES)).context("npm cannot install the checker of the page's types")?;
        }
        Ok(TypeChecker(folder))
    }

    /// Checks the types of the scripts, and runs their unit tests.
    ///
    /// # Errors
    /// A check failed. The tools have printed what they found.
    pub(super) fn check_types(&self) -> Result<()> {
        let page = root().join("herd/dashboard");
        let modules = self.0.join("node_modules");
        let mut tsc = Command::new(modules.join(".bin/tsc"));
        tsc.arg("--project").arg(&page).arg("--typeRoots").arg(modules.join("@types"));
        succeed(&mut tsc).context("the scripts of herd/dashboard have wrong types")?;
        succeed(Command::new("node").arg("--test").current_dir(page.join("tests")))
            .context("the unit tests of herd/dashboard failed")
    }
}

/// A browser.
#[derive(Debug)]
pub(super) struct Chromium(PathBuf);

impl Chromium {
    /// Finds Chromium, or installs Debian's if this process may.
    ///
    /// # Errors
    /// There is none. The message says how to install it.
    pub(super) fn get() -> Result<Chromium> {
        if let Some(found) = on_path() {
            return Ok(Chromium(found));
        }
        if Uid::effective().is_root() {
            let _ =
                Command::new("sh").args(["-c", INSTALL]).stdin(Stdio::null()).stdout(Stdio::null()).status();
        }
        let found = on_path().context(
            "Chromium is not on PATH and cannot be installed here: install it with `apt-get install chromium`",
        )?;
        Ok(Chromium(found))
    }

    /// Uses the page as people do.
    ///
    /// # Errors
    /// A test failed.
    pub(super) fn test_page(&self) -> Result<()> {
        self.run_tests(&[])?;
        print(&format!("screenshots: {}\n", target_dir()?.join("page").display()))
    }

    /// Prints how smoothly the map moves.
    fn count_frames(&self) -> Result<()> {
        self.run_tests(&["--ignored", "--exact", "--nocapture", "frames::frames_while_the_map_moves"])
    }

    /// Makes the picture in the README.
    fn make_picture(&self) -> Result<()> {
        self.run_tests(&["--ignored", "--exact", "picture::the_picture_of_the_readme"])
    }

    fn run_tests(&self, arguments: &[&str]) -> Result<()> {
        let mut tests = cargo();
        // With the features of the tests of traces, cargo has built most of what it needs.
        tests.args([
            "test",
            "--locked",
            "--workspace",
            "--features",
            TEST_FEATURES,
            "--test",
            "browser",
            "--",
        ]);
        let status = tests.args(arguments).env("CHROMIUM", &self.0).current_dir(root()).status();
        ensure!(
            status.context("cannot run the tests of the page")?.success(),
            "the page failed in a browser"
        );
        Ok(())
    }
}

fn on_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let files = env::split_paths(&path).flat_map(|folder| CHROMIUM.map(|name| folder.join(name)));
    files.into_iter().find(|file| file.is_file())
}

fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => bail!("{program} failed"),
        Err(error) => bail!("cannot run {program}: {error}"),
    }
}
