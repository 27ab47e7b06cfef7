//! Extended attributes and ACL of a file that is replaced, carried over to the new one.

use std::ffi::{CStr, CString};
use std::fs::File;

use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fremovexattr, fsetxattr};

use super::acl::{ACCESS, Acl};
use crate::util::escape::escape;

/// Attributes that are valid only for the old bytes: integrity signatures (IMA, EVM) and capabilities.
const NOT_CARRIED_OVER: [&str; 3] = ["security.ima", "security.evm", "security.capability"];

/// The kernel's limits: `XATTR_LIST_MAX` and `XATTR_SIZE_MAX`.
const MAX_SIZE: usize = 64 * 1024;

/// The extended attributes of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExtendedAttributes {
    attributes: Vec<(CString, Vec<u8>)>,
    acl: Option<Acl>,
}

impl ExtendedAttributes {
    /// Reads the attributes of an open file. Returns none if the file system does not support them.
    pub(crate) fn read(file: &File) -> ExtendedAttributes {
        let mut extended = ExtendedAttributes::default();
        for name in names(file) {
            let Ok(text) = name.to_str() else { continue };
            if NOT_CARRIED_OVER.contains(&text) {
                continue;
            }
            let Some(value) = value(file, &name) else {
                continue;
            };
            match text {
                ACCESS => extended.acl = Acl::parse(&value),
                _ => extended.attributes.push((name, value)),
            }
        }
        extended
    }

    /// Sets the attributes of a new, empty file and returns the names of those that could not be set. The ACL is
    /// limited to the permissions in `mode`.
    pub(crate) fn apply(&self, file: &File, mode: u32) -> Vec<String> {
        let mut failed = Vec::new();
        for (name, wanted) in &self.attributes {
            // A security label that the policy sets by itself need not be set, and only some users may set it.
            let is_set = value(file, name).is_some_and(|value| value == *wanted);
            if !is_set && fsetxattr(file, name.as_c_str(), wanted, XattrFlags::empty()).is_err() {
                failed.push(escape(&name.to_string_lossy()));
            }
        }
        match &self.acl {
            Some(acl) => {
                let value = acl.restricted_to(mode).to_bytes();
                if fsetxattr(file, ACCESS, &value, XattrFlags::empty()).is_err() {
                    failed.push(ACCESS.to_owned());
                }
            }
            // The directory's default ACL must not grant more than the old file did.
            None => _ = fremovexattr(file, ACCESS),
        }
        failed
    }
}

fn names(file: &File) -> Vec<CString> {
    let mut list = Vec::with_capacity(MAX_SIZE);
    if flistxattr(file, rustix::buffer::spare_capacity(&mut list)).is_err() {
        return Vec::new();
    }
    list.split_inclusive(|byte| *byte == 0)
        .filter_map(|name| CStr::from_bytes_with_nul(name).ok())
        .map(CStr::to_owned)
        .collect()
}

fn value(file: &File, name: &CStr) -> Option<Vec<u8>> {
    let mut value = Vec::with_capacity(MAX_SIZE);
    fgetxattr(file, name, rustix::buffer::spare_capacity(&mut value)).ok()?;
    Some(value)
}
