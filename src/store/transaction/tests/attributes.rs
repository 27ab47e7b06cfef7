//! Modes, extended attributes and ACLs of written files.

use super::*;

#[test]
fn a_new_file_has_its_mode_and_an_old_one_keeps_a_stricter_one() {
    let fixture = Fixture::new();
    let [(key, _), (certificate, _), (conf, _)] = files();
    fixture.put(&key, "old", 0o400);
    fixture.put(&certificate, "old", 0o640);
    fs::remove_file(fixture.layout.path(&conf)).unwrap();
    let committed = fixture.transaction().commit(&|| None).unwrap();
    assert_eq!(mode(fixture.layout.path(&key)), 0o400);
    assert_eq!(mode(fixture.layout.path(&certificate)), 0o640);
    assert_eq!(mode(fixture.layout.path(&conf)), 0o600);
    assert!(committed.restricted.is_empty());
}

#[test]
fn a_key_that_others_can_read_is_restricted_and_said() {
    let fixture = Fixture::new();
    let [(key, _), ..] = files();
    // The group keeps its right to read.
    fixture.put(&key, "old", 0o664);
    let committed = fixture.transaction().commit(&|| None).unwrap();
    assert_eq!(mode(fixture.layout.path(&key)), 0o640);
    let restricted = Restricted {
        file: key,
        from: 0o664,
        to: 0o640,
    };
    assert_eq!(committed.restricted, [restricted]);
}

#[test]
fn extended_attributes_and_acl_are_carried_over() {
    use rustix::fs::{XattrFlags, getxattr, setxattr};
    let fixture = Fixture::new();
    let [(key, _), ..] = files();
    let path = fixture.layout.path(&key);
    let flags = XattrFlags::empty();
    let mut acl = vec![2, 0, 0, 0];
    for (tag, permissions, id) in [
        (1u16, 6u16, u32::MAX),
        (2, 4, 4242),
        (4, 0, u32::MAX),
        (16, 4, u32::MAX),
        (32, 0, u32::MAX),
    ] {
        acl.extend(tag.to_le_bytes());
        acl.extend(permissions.to_le_bytes());
        acl.extend(id.to_le_bytes());
    }
    if setxattr(&path, "user.note", b"ours", flags).is_err()
        || setxattr(&path, "system.posix_acl_access", &acl, flags).is_err()
    {
        // This file system has no extended attributes or ACLs.
        return;
    }
    let committed = fixture.transaction().commit(&|| None).unwrap();
    assert!(committed.warnings.is_empty(), "{committed:?}");
    let mut value = vec![0; 100];
    let length = getxattr(&path, "system.posix_acl_access", &mut value).unwrap();
    assert_eq!(value[..length], acl);
    let length = getxattr(&path, "user.note", &mut value).unwrap();
    assert_eq!(&value[..length], b"ours");
}
