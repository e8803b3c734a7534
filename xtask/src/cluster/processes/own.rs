//! What a single node has instead of what all share: a herd file, and a program.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Node, Processes};
use crate::cluster::herd_file::HerdFile;

impl Processes {
    /// Gives a node a herd file that is not the one that all nodes share. The node reads it when it
    /// starts next.
    ///
    /// # Errors
    /// There is no such node, or the file cannot be written.
    pub(crate) fn set_view(&mut self, name: &str, view: HerdFile) -> Result<()> {
        let text = view.text();
        self.node_mut(name)?.view = Some(view);
        let path = self.herd_file_of(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Returns the herd file that a node reads.
    ///
    /// # Errors
    /// There is no such node.
    pub(crate) fn view(&self, name: &str) -> Result<&HerdFile> {
        self.member(name)?;
        Ok(self.own_view(name).unwrap_or(&self.file))
    }

    /// Returns the path of the herd file that a node reads.
    pub(crate) fn herd_file_of(&self, name: &str) -> PathBuf {
        match self.own_view(name) {
            Some(_) => self.folder.join(format!("{name}.toml")),
            None => self.herd_file(),
        }
    }

    /// Returns the path of the herd file that the harness has written for all nodes.
    pub(crate) fn herd_file(&self) -> PathBuf {
        self.folder.join("herd.toml")
    }

    /// Gives a node a program that is not the one of all nodes, or takes it away. The node runs it
    /// when it starts next.
    ///
    /// # Errors
    /// There is no such node.
    pub(crate) fn set_program(&mut self, name: &str, program: Option<PathBuf>) -> Result<()> {
        self.node_mut(name)?.program = program;
        Ok(())
    }

    /// Returns the program of a node, if it is not the one of all nodes.
    ///
    /// # Errors
    /// There is no such node.
    pub(crate) fn program(&self, name: &str) -> Result<Option<&Path>> {
        self.member(name)?;
        Ok(self.node(name).and_then(|node| node.program.as_deref()))
    }

    fn own_view(&self, name: &str) -> Option<&HerdFile> {
        self.node(name).and_then(|node| node.view.as_ref())
    }

    pub(super) fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.member.name == name)
    }
}
