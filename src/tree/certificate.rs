//! A certificate file that belongs to no tree. Each certificate in it is read as a tree of its own.

use std::path::{Path, PathBuf, absolute};

use std::mem;

use memchr::memmem;

use crate::fs::file::{FileError, read_given};
use crate::tree::inventory::Inventory;
use crate::tree::kubeconfig::standalone;
use crate::tree::layout::{Root, TreePath};
use crate::tree::overlay::Tree;
use crate::x509::certificate::Certificate;
use crate::x509::chain::Chain;
use crate::x509::object::is_signed;

/// A file with certificates, PEM or DER.
pub(crate) struct StandaloneCertificates {
    path: PathBuf,
    pub(crate) certificates: Vec<Certificate>,
}

impl StandaloneCertificates {
    /// Reads a file of at most `limit` bytes; `None` if it is something else. It may hold a key too.
    ///
    /// # Errors
    /// If it cannot be read or is too large, or if one of its PEM blocks cannot be used.
    pub(crate) fn open(
        path: &Path,
        limit: u64,
    ) -> Result<Option<StandaloneCertificates>, FileError> {
        let mut contents = read_given(path, limit)?;
        let certificates = if memmem::find(&contents.bytes, BEGIN).is_some() {
            let read = Certificate::list_from_pem_with_key(&contents.bytes);
            read.map_err(|error| FileError::unexpected("reading", path, error.to_string()))?
        } else {
            // Other DER files begin in the same way, those of keys among them: the bytes of a key are not copied.
            if !is_signed(&contents.bytes) {
                return Ok(None);
            }
            match Certificate::from_der(mem::take(&mut *contents.bytes)) {
                Ok(certificate) => vec![certificate],
                Err(_) => return Ok(None),
            }
        };
        Ok(Some(StandaloneCertificates {
            path: absolute(path).map_err(FileError::io("reading", path))?,
            certificates,
        }))
    }

    /// Returns one of the certificates, by its position.
    ///
    /// # Errors
    /// None that is known.
    pub(crate) fn read(&self, position: usize) -> Result<(Tree, Inventory), FileError> {
        let tree = standalone(&self.path)?;
        let file = TreePath::new(Root::Kubeconfigs, self.path.display().to_string());
        let certificates = self.certificates.get(position).cloned();
        let chain = certificates.map(Chain::from);
        Ok((tree, Inventory::of_certificate(file, chain)))
    }
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
