//! Where the files of a transaction really lie: open directories, made where they are missing.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::lookup;
use crate::catalog::CATALOG;
use crate::fs::directory::Directory;
use crate::fs::file::FileError;
use crate::tree::layout::{self, Layout, Root, TreePath};

/// The directories in use, and which of them did not exist before.
#[derive(Default)]
pub(crate) struct Places {
    open: BTreeMap<PathBuf, Directory>,
    /// The parent and the name of each.
    created: Vec<(Directory, String)>,
}

impl Places {
    /// Returns the directory and name that a file really has, following a link from one directory of the tree to another.
    pub(crate) fn locate(
        &mut self,
        layout: &Layout,
        file: &TreePath,
    ) -> Result<(PathBuf, String), FileError> {
        let path = layout.path(file);
        let parent = path.parent().unwrap_or(Path::new("/"));
        self.create(parent, 0o755)?;
        let (parent, name) = match lookup::follow(layout, &path) {
            Ok(real) => (
                real.parent().unwrap_or(parent).to_path_buf(),
                real.file_name().map(OsStr::to_os_string),
            ),
            Err(error) if error.is_not_found() => (parent.to_path_buf(), None),
            Err(error) => return Err(error),
        };
        let real = parent
            .canonicalize()
            .map_err(FileError::io("opening the directory", &parent))?;
        if !lookup::is_inside(layout, &WRITABLE, &real)? {
            let what = format!(
                "a symbolic link leads from it to `{}`, which is outside the tree",
                real.display()
            );
            return Err(FileError::unexpected("following the link", path, what));
        }
        // By the path that was judged, in which no link is: one that comes up meanwhile leads nowhere.
        if !self.open.contains_key(&real) {
            self.open.insert(real.clone(), Directory::open_real(&real)?);
        }
        let name = name
            .and_then(|name| name.into_string().ok())
            .unwrap_or_else(|| file.file_name().to_owned());
        Ok((real, name))
    }

    /// Opens a directory of the tree, making it and what is missing above it with mode 0755, as kubeadm does.
    pub(crate) fn directory(&mut self, path: &Path) -> Result<&Directory, FileError> {
        if !self.open.contains_key(path) {
            self.create(path, 0o755)?;
            self.open.insert(path.to_path_buf(), Directory::open(path)?);
        }
        self.open(path)
    }

    /// Makes a directory with this mode, and what is missing above it with mode 0755.
    pub(crate) fn create(&mut self, path: &Path, mode: u32) -> Result<(), FileError> {
        let (Some(parent), Some(name)) = (
            path.parent(),
            path.file_name().and_then(|name| name.to_str()),
        ) else {
            return Ok(());
        };
        match path.symlink_metadata() {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(FileError::io("opening the directory", path)(error)),
        }
        self.create(parent, 0o755)?;
        let parent = Directory::open_any(parent)?;
        if parent.create_directory(name, mode)? {
            parent.sync()?;
            self.created.push((parent, name.to_owned()));
        }
        Ok(())
    }

    pub(crate) fn open(&self, path: &Path) -> Result<&Directory, FileError> {
        self.open
            .get(path)
            .ok_or_else(|| FileError::unexpected("opening the directory", path, "it is not open"))
    }

    /// Makes all names in all directories durable.
    pub(crate) fn sync(&self) -> Result<(), FileError> {
        self.open.values().try_for_each(Directory::sync)
    }

    /// Removes the directories that were made, as far as they are empty.
    pub(crate) fn remove_directories(&self) {
        for (parent, name) in self.created.iter().rev() {
            let _occupied = parent.remove_directory(name);
            let _unsynced = parent.sync();
        }
    }
}

/// Where `pki` may write.
const WRITABLE: [Root; 2] = [Root::Certificates, Root::Kubeconfigs];

/// Opens the directories in which a transaction makes files, as far as they exist: the tree's own, and those that links from
/// there to other places in the tree lead to.
pub(crate) fn directories(layout: &Layout) -> Result<Vec<Directory>, FileError> {
    let mut paths = vec![
        layout.kubeconfigs.clone(),
        layout.certificates.clone(),
        layout.directory(Root::State),
    ];
    let linked = CATALOG
        .iter()
        .flat_map(|row| layout::files(row))
        .map(|(file, _)| layout.path(&file))
        .filter(|path| path.is_symlink())
        .filter_map(|path| Some(path.canonicalize().ok()?.parent()?.to_path_buf()));
    let etcd = layout.certificates.join("etcd").canonicalize().ok();
    for path in etcd.into_iter().chain(linked) {
        if lookup::is_inside(layout, &WRITABLE, &path)? {
            paths.push(path);
        }
    }
    paths
        .iter()
        .filter(|path| path.is_dir())
        .map(|path| Directory::open(path))
        .collect()
}
