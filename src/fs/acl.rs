//! POSIX ACLs as Linux stores them: `system.posix_acl_access` is a version and entries of tag, permissions and id
//! (`include/uapi/linux/posix_acl_xattr.h`, all little endian).

/// The extended attribute that holds the ACL of a file or directory.
pub(super) const ACCESS: &str = "system.posix_acl_access";

const VERSION: u32 = 2;
const HEADER: usize = 4;
const ENTRY: usize = 8;

const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

/// May write.
pub(super) const WRITE: u16 = 2;

/// One entry of an ACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AclEntry {
    tag: u16,
    permissions: u16,
    id: u32,
}

/// An access ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Acl {
    entries: Vec<AclEntry>,
}

/// A user or group that an ACL names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AclSubject {
    User(u32),
    Group(u32),
}

impl Acl {
    /// Reads the value of the extended attribute; `None` if it is not an ACL of the known version.
    pub(super) fn parse(value: &[u8]) -> Option<Acl> {
        let (version, entries) = value.split_first_chunk::<HEADER>()?;
        if u32::from_le_bytes(*version) != VERSION || entries.len() % ENTRY != 0 {
            return None;
        }
        let entry = |bytes: &[u8]| {
            let (tag, rest) = bytes.split_first_chunk::<2>()?;
            let (permissions, rest) = rest.split_first_chunk::<2>()?;
            let (id, _) = rest.split_first_chunk::<4>()?;
            Some(AclEntry {
                tag: u16::from_le_bytes(*tag),
                permissions: u16::from_le_bytes(*permissions),
                id: u32::from_le_bytes(*id),
            })
        };
        let entries: Option<Vec<_>> = entries.chunks(ENTRY).map(entry).collect();
        Some(Acl { entries: entries? })
    }

    /// Returns the value for the extended attribute.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        for entry in &self.entries {
            bytes.extend(entry.tag.to_le_bytes());
            bytes.extend(entry.permissions.to_le_bytes());
            bytes.extend(entry.id.to_le_bytes());
        }
        bytes
    }

    /// Returns the ACL with the permissions of the group class and of others limited to those in `mode`.
    pub(super) fn restricted_to(&self, mode: u32) -> Acl {
        let group = (mode >> 3 & 7) as u16;
        let other = (mode & 7) as u16;
        let restrict = |entry: &AclEntry| {
            let permissions = match entry.tag {
                MASK => entry.permissions & group,
                OTHER => entry.permissions & other,
                _ => entry.permissions,
            };
            AclEntry {
                permissions,
                ..*entry
            }
        };
        Acl {
            entries: self.entries.iter().map(restrict).collect(),
        }
    }

    /// Returns the named users and groups that may write.
    pub(super) fn named_writers(&self) -> impl Iterator<Item = AclSubject> {
        let mask = self.permissions_of(MASK).unwrap_or(7);
        self.entries
            .iter()
            .filter(move |entry| entry.permissions & mask & WRITE != 0)
            .filter_map(|entry| match entry.tag {
                USER => Some(AclSubject::User(entry.id)),
                GROUP => Some(AclSubject::Group(entry.id)),
                _ => None,
            })
    }

    /// Returns whether the owning group may write. The group bits of the mode are the mask, so they do not show this.
    pub(super) fn owning_group_may_write(&self) -> bool {
        let mask = self.permissions_of(MASK).unwrap_or(7);
        self.permissions_of(GROUP_OBJ).unwrap_or(0) & mask & WRITE != 0
    }

    fn permissions_of(&self, tag: u16) -> Option<u16> {
        self.entries
            .iter()
            .find(|entry| entry.tag == tag)
            .map(|entry| entry.permissions)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ANY: u32 = u32::MAX;

    fn acl(entries: &[(u16, u16, u32)]) -> Acl {
        let entry = |&(tag, permissions, id)| AclEntry {
            tag,
            permissions,
            id,
        };
        Acl {
            entries: entries.iter().map(entry).collect(),
        }
    }

    #[test]
    fn an_acl_reads_back_as_it_was_written() {
        let acl = acl(&[
            (1, 7, ANY),
            (USER, 6, 4242),
            (GROUP_OBJ, 5, ANY),
            (MASK, 7, ANY),
            (OTHER, 5, ANY),
        ]);
        assert_eq!(Acl::parse(&acl.to_bytes()), Some(acl));
        for damaged in [&b""[..], b"\x02\0\0", b"\x01\0\0\0", b"\x02\0\0\0\x01\0"] {
            assert_eq!(Acl::parse(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn the_mask_limits_who_may_write() {
        let writers = |mask| -> Vec<_> {
            acl(&[
                (USER, 7, 1),
                (GROUP, 6, 2),
                (GROUP, 4, 3),
                (GROUP_OBJ, 7, ANY),
                (MASK, mask, ANY),
            ])
            .named_writers()
            .collect()
        };
        assert_eq!(writers(7), [AclSubject::User(1), AclSubject::Group(2)]);
        assert_eq!(writers(5), []);
        assert!(!acl(&[(GROUP_OBJ, 7, ANY), (MASK, 5, ANY)]).owning_group_may_write());
    }

    #[test]
    fn an_acl_is_restricted_to_what_a_mode_grants() {
        let restricted = acl(&[(USER, 6, 1), (MASK, 7, ANY), (OTHER, 4, ANY)]).restricted_to(0o640);
        assert_eq!(
            restricted,
            acl(&[(USER, 6, 1), (MASK, 4, ANY), (OTHER, 0, ANY)])
        );
    }
}
