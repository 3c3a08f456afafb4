//! A whole disk at once: files as they are to be found, and as they were left.

use std::path::{Path, PathBuf};

use super::machine::{Machine, Node, State};
use super::nodes::{Content, Names, NodeId};

impl Machine {
    /// Puts a file where none is, durably, with the folders above it.
    pub(crate) fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        let mut at = 0;
        let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
        let Some((name, folders)) = parts.split_last() else {
            return;
        };
        for folder in folders {
            at = match state.named(at, folder) {
                Some(node) => node,
                None => state.add(at, folder, Node::Folder(Names::default())),
            };
        }
        state.add(at, name, Node::File(Content::durable(bytes)));
    }

    /// All files below a folder, with their paths in it and as a program sees them, in order of path.
    pub(crate) fn files(&self, folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let state = self.state();
        let mut found = Vec::new();
        if let Some(node) = state.find(folder) {
            state.collect(node, Path::new(""), &mut found);
        }
        found.sort();
        found
    }
}

impl State {
    fn named(&self, folder: NodeId, name: &str) -> Option<NodeId> {
        match &self.nodes[folder] {
            Node::Folder(names) => names.now.get(name).copied(),
            Node::File(_) => None,
        }
    }

    fn add(&mut self, folder: NodeId, name: &str, node: Node) -> NodeId {
        let id = self.nodes.len();
        self.nodes.push(node);
        if let Node::Folder(names) = &mut self.nodes[folder] {
            names.now.insert(name.to_owned(), id);
            names.durable.insert(name.to_owned(), id);
        }
        id
    }

    fn collect(&self, node: NodeId, path: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
        match &self.nodes[node] {
            Node::File(content) => found.push((path.to_owned(), content.now.clone())),
            Node::Folder(names) => {
                for (name, node) in &names.now {
                    self.collect(*node, &path.join(name), found);
                }
            }
        }
    }
}
