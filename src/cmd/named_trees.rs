//! Trees that are named on the command line, to be judged in one run.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use anstream::adapter::strip_str;
use anyhow::Result;

use super::Console;
use super::console::{Buffer, TreeProgress};
use super::failure::Invalid;
use super::input::read_input;
use super::inspection::Inspection;
use super::target::tree_arguments;
use crate::catalog;
use crate::check::finding::{Finding, FindingId};
use crate::cli::{ConfigArgs, NamedTreeArgs, TreeArgs};
use crate::fs::file::{self, GivenKind, MAX_FILE_SIZE};
use crate::fs::search::{PathKind, directories_with};
use crate::fs::walk::ParentCache;
use crate::report::findings::TreeArguments;
use crate::tree::archive::Archive;
use crate::tree::certificate::StandaloneCertificates;
use crate::tree::inventory::Depth;
use crate::tree::kubeconfig::StandaloneKubeconfig;
use crate::tree::layout::{Layout, TREE_FILES};
use crate::util::parallel;
use crate::util::secret::is_key;

/// A tree that was named as one path.
pub(super) struct NamedTree {
    /// The path, as it was typed.
    pub(super) name: String,
    place: Place,
    /// Whether the directory of the kubelet belongs to it.
    has_kubelet: bool,
}

/// Where the files of a named tree are.
enum Place {
    /// In the directories of these flags.
    Directories(TreeArgs, Arc<ParentCache>),
    Archive(Box<RefCell<Archive>>),
    /// In this context of a kubeconfig.
    Kubeconfig(Rc<StandaloneKubeconfig>, String),
    /// This certificate of a file.
    Certificate(Rc<StandaloneCertificates>, usize),
}

/// Inspects each tree on its own, several at a time, and hands the results over in their order. The messages of each are printed
/// with its name. A progress bar shows how many are done, unless `quiet` is set.
///
/// # Errors
/// If no tree is named, or the error of `take`.
pub(super) fn inspect<R: Send>(
    named: &NamedTreeArgs,
    quiet: bool,
    console: &Console,
    inspect: impl Fn(&str, Result<&NamedTree>, &Console) -> R + Sync,
    mut take: impl FnMut(&str, R) -> Result<()>,
) -> Result<()> {
    let candidates = candidates(named)?;
    if candidates.is_empty() {
        return Err(Invalid::new("no tree was found").into());
    }
    let progress = TreeProgress::new(candidates.len(), quiet);
    let now = console.now;
    // Named trees are usually in one directory.
    let parents = Arc::new(ParentCache::default());
    let work = |candidate: &Candidate| {
        let inspect = |name: String, tree: Result<&NamedTree>| {
            let messages = Buffer::default();
            let console = Console::to(now, Box::new(io::sink()), Box::new(messages.clone()));
            let result = inspect(&name, tree, &console);
            (name, result, strip_str(&messages.text()).to_string())
        };
        let results: Vec<_> = match candidate.trees(&parents) {
            Ok(trees) => trees
                .map(|tree| inspect(tree.name.clone(), Ok(&tree)))
                .collect(),
            Err(error) => vec![inspect(candidate.path.display().to_string(), Err(error))],
        };
        progress.advance();
        results
    };
    let mut print = |results: Vec<(String, R, String)>| {
        for (name, result, messages) in results {
            for message in messages.lines() {
                console.pass_on(&name, message);
            }
            take(&name, result)?;
        }
        Ok(())
    };
    parallel::for_each(&candidates, work, |results| {
        progress.suspend(|| print(results))
    })
}

/// A path that is taken for a tree, or that could not be searched for trees.
struct Candidate {
    path: PathBuf,
    /// Why it could not be searched.
    error: Option<String>,
}

impl Candidate {
    fn new(path: PathBuf) -> Candidate {
        Candidate { path, error: None }
    }

    /// Returns the tree, or one for each context of a kubeconfig.
    fn trees(&self, parents: &Arc<ParentCache>) -> Result<Box<dyn Iterator<Item = NamedTree>>> {
        if let Some(error) = &self.error {
            return Err(Invalid::new(error).into());
        }
        match file::given_kind(&self.path)? {
            Some(GivenKind::Directory) => {
                let tree = NamedTree::in_directory(&self.path, parents)?;
                Ok(Box::new(std::iter::once(tree)))
            }
            Some(GivenKind::Pipe | GivenKind::Other) => NamedTree::in_file(&self.path),
            None => {
                let what = format!("`{}` does not exist", self.path.display());
                Err(Invalid::new(what).into())
            }
        }
    }
}

/// Returns the directories that are named, read from a file, or found.
fn candidates(named: &NamedTreeArgs) -> Result<Vec<Candidate>> {
    let mut paths = named.trees.clone();
    if let Some(file) = &named.trees_from {
        let input = read_input(file, "the names of trees", "--trees-from -")?;
        let lines = input.bytes.split(|byte| *byte == b'\n');
        let lines = lines
            .map(<[u8]>::trim_ascii)
            .filter(|line| !line.is_empty());
        for line in lines {
            // A report shows the names of trees.
            if is_key(&String::from_utf8_lossy(line)) {
                let message = format!("{} holds a key, want the names of trees", input.name);
                return Err(Invalid::new(message).into());
            }
            paths.push(PathBuf::from(OsStr::from_bytes(line)));
        }
    }
    let mut candidates: Vec<_> = paths.into_iter().map(Candidate::new).collect();
    for directory in &named.recursive {
        if PathKind::of(directory) == PathKind::File {
            // An archive is named as a tree.
            candidates.push(Candidate {
                error: Some(format!(
                    "`{}` is a file, want a directory",
                    directory.display()
                )),
                path: directory.clone(),
            });
            continue;
        }
        let found = directories_with(directory, &TREE_FILES).into_iter();
        candidates.extend(found.map(|found| match found {
            Ok(path) => Candidate::new(path),
            Err(error) => Candidate {
                error: Some(error.to_string()),
                path: error.path,
            },
        }));
    }
    Ok(candidates)
}

impl NamedTree {
    /// Takes a root directory, `etc/kubernetes` below one, a copy of that directory, or a certificate directory.
    fn in_directory(path: &Path, parents: &Arc<ParentCache>) -> Result<NamedTree> {
        let name = path.display().to_string();
        let parents = Arc::clone(parents);
        if let Some(rootfs) = path
            .ancestors()
            .nth(2)
            .filter(|_| path.ends_with(KUBERNETES))
        {
            return Ok(NamedTree::below(name, rootfs, parents));
        }
        if PathKind::of(&path.join(KUBERNETES)) == PathKind::Directory {
            return Ok(NamedTree::below(name, path, parents));
        }
        let pki = path.join("pki");
        let certificates = if PathKind::of(&pki) == PathKind::Directory {
            pki
        } else if PathKind::of(&path.join("ca.crt")) == PathKind::File {
            path.to_path_buf()
        } else {
            let what = format!("`{name}` holds no directory `pki`");
            return Err(Invalid::new(what).into());
        };
        Ok(NamedTree {
            place: Place::Directories(
                TreeArgs {
                    // Nothing of the machine that this runs on belongs to a copy.
                    kubelet_cert_dir: Some(certificates.join("kubelet")),
                    cert_dir: Some(certificates),
                    ..TreeArgs::default()
                },
                parents,
            ),
            has_kubelet: false,
            name,
        })
    }

    fn below(name: String, rootfs: &Path, parents: Arc<ParentCache>) -> NamedTree {
        let rootfs = match rootfs.as_os_str().is_empty() {
            true => Path::new("."),
            false => rootfs,
        };
        NamedTree {
            place: Place::Directories(
                TreeArgs {
                    rootfs: (rootfs != Path::new("/")).then(|| rootfs.to_path_buf()),
                    ..TreeArgs::default()
                },
                parents,
            ),
            has_kubelet: true,
            name,
        }
    }

    /// Takes an archive of such a directory, a kubeconfig, or a file with certificates.
    fn in_file(path: &Path) -> Result<Box<dyn Iterator<Item = NamedTree>>> {
        let name = path.display().to_string();
        if let Some(archive) = Archive::open(path)? {
            return Ok(Box::new(std::iter::once(NamedTree {
                has_kubelet: archive.has_kubelet(),
                place: Place::Archive(Box::new(RefCell::new(archive))),
                name,
            })));
        }
        let Some(kubeconfig) = StandaloneKubeconfig::open(path, MAX_FILE_SIZE)? else {
            return NamedTree::in_certificates(path, name);
        };
        let kubeconfig = Rc::new(kubeconfig);
        let contexts: Vec<_> = kubeconfig.contexts.names().map(str::to_owned).collect();
        let is_only = contexts.len() == 1;
        Ok(Box::new(contexts.into_iter().map(move |context| {
            NamedTree {
                name: match is_only {
                    true => name.clone(),
                    false => format!("{name}, context `{context}`"),
                },
                place: Place::Kubeconfig(Rc::clone(&kubeconfig), context),
                has_kubelet: false,
            }
        })))
    }

    fn in_certificates(path: &Path, name: String) -> Result<Box<dyn Iterator<Item = NamedTree>>> {
        let Some(file) = StandaloneCertificates::open(path, MAX_FILE_SIZE)? else {
            let what = format!(
                "`{name}` is neither a directory, an archive, a kubeconfig nor a certificate"
            );
            return Err(Invalid::new(what).into());
        };
        let count = file.certificates.len();
        let file = Rc::new(file);
        Ok(Box::new((0..count).map(move |position| NamedTree {
            name: match count {
                1 => name.clone(),
                _ => format!("{name}, certificate {}", position + 1),
            },
            place: Place::Certificate(Rc::clone(&file), position),
            has_kubelet: false,
        })))
    }

    /// Reads the tree and its configuration.
    ///
    /// # Errors
    /// As [`Inspection::open`].
    pub(super) fn inspect(&self, depth: Depth, console: &Console) -> Result<Inspection> {
        let inspection = match &self.place {
            Place::Directories(arguments, parents) => {
                Inspection::open_named(arguments, parents, depth, console)
            }
            Place::Archive(archive) => {
                Inspection::of_archive(&mut archive.borrow_mut(), depth, console)
            }
            Place::Kubeconfig(kubeconfig, context) => {
                Inspection::of_kubeconfig(kubeconfig, context, depth, console)
            }
            Place::Certificate(file, position) => {
                Inspection::of_certificate(file, *position, depth, console)
            }
        }?;
        Ok(match self.has_kubelet {
            true => inspection.with_host_files(),
            // The paths in the configuration of a copy are those of another host.
            false => inspection,
        })
    }

    /// Returns the arguments of a printed command about the tree.
    pub(super) fn arguments(&self) -> TreeArguments {
        match &self.place {
            Place::Directories(arguments, _) => {
                tree_arguments(arguments, &ConfigArgs::default()).of_named_tree(&self.name)
            }
            Place::Archive(_) => TreeArguments::of_archive(),
            // No command is advised.
            Place::Kubeconfig(..) | Place::Certificate(..) => TreeArguments::default(),
        }
    }

    /// Returns the directories and files that a report must not replace.
    pub(super) fn paths(&self, layout: &Layout) -> Vec<PathBuf> {
        match &self.place {
            Place::Directories(..) => layout.directories(),
            Place::Archive(_) => vec![PathBuf::from(&self.name)],
            Place::Kubeconfig(..) | Place::Certificate(..) => vec![layout.kubeconfigs.clone()],
        }
    }

    /// Returns whether a finding is about this tree. A copy of /etc/kubernetes does not hold the certificate that the kubelet rotates.
    pub(super) fn concerns(&self, finding: &Finding) -> bool {
        let is_kubelets_file = match finding.id {
            FindingId::KubeletCertificateMissing => true,
            FindingId::KubeconfigClientCertificateMissing
            | FindingId::KubeconfigClientCertificateNotRead => {
                finding.row == Some(&catalog::KUBELET_CONF)
            }
            _ => false,
        };
        // The manifests of a copy name paths of the host that it came from.
        let is_about_paths = matches!(
            finding.id,
            FindingId::ManifestOtherFile | FindingId::ManifestFileMissing
        );
        self.has_kubelet || !(is_kubelets_file || is_about_paths)
    }
}

const KUBERNETES: &str = "etc/kubernetes";
