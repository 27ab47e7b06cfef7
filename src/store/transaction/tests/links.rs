//! Links, hard links, and directories that others can write in.

use super::*;

#[test]
fn a_link_is_followed_inside_the_tree_and_refused_outside() {
    let fixture = Fixture::new();
    let [(key, _), ..] = files();
    let path = fixture.layout.path(&key);
    fs::remove_file(&path).unwrap();
    let inside = fixture.layout.certificates.join("real.key");
    fs::write(&inside, "old").unwrap();
    symlink(&inside, &path).unwrap();
    fixture.transaction().commit(&|| None).unwrap();
    assert!(path.is_symlink());
    assert_eq!(fs::read_to_string(&inside).unwrap(), "new");

    let elsewhere = TempDir::new().unwrap();
    let outside = elsewhere.path().join("victim");
    fs::write(&outside, "victim").unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&outside, &path).unwrap();
    let error = fixture.transaction().commit(&|| None).unwrap_err();
    assert!(matches!(error, TransactionError::Refused(_)), "{error}");
    assert_eq!(fs::read_to_string(&outside).unwrap(), "victim");
}

#[test]
fn a_reader_follows_no_link_out_of_the_tree() {
    let fixture = Fixture::new();
    let [(key, _), ..] = files();
    let path = fixture.layout.path(&key);
    let elsewhere = TempDir::new().unwrap();
    let outside = elsewhere.path().join(key.file_name());
    fs::write(&outside, "outside").unwrap();
    let check_refused = || {
        let Err(error) = fixture.tree().read(&key) else {
            panic!("the link is followed");
        };
        assert!(error.to_string().contains("outside the tree"), "{error}");
    };
    fs::remove_file(&path).unwrap();
    symlink(&outside, &path).unwrap();
    check_refused();
    let directory = path.parent().unwrap();
    fs::remove_dir_all(directory).unwrap();
    symlink(elsewhere.path(), directory).unwrap();
    check_refused();
}

/// The kubelet's certificates belong to a tree only to be read.
#[test]
fn nothing_is_written_through_a_link_into_the_directory_of_the_kubelet() {
    let mut fixture = Fixture::new();
    let directory = TempDir::new().unwrap();
    fixture.layout.kubelet = directory.path().canonicalize().unwrap();
    let [.., (kubeconfig, _)] = files();
    let path = fixture.layout.path(&kubeconfig);
    let target = fixture.layout.kubelet.join("kubelet.pem");
    fs::write(&target, "old").unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&target, &path).unwrap();
    let error = fixture.transaction().commit(&|| None).unwrap_err();
    assert!(
        error.to_string().contains("does not write there"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&target).unwrap(), "old");
}

#[test]
fn a_file_with_another_name_is_refused() {
    let fixture = Fixture::new();
    let path = fixture.layout.path(&files()[0].0);
    fs::hard_link(&path, fixture.layout.certificates.join("planted")).unwrap();
    let error = fixture.transaction().commit(&|| None).unwrap_err();
    assert!(
        error.to_string().contains("2 names (hard links)"),
        "{error}"
    );
    assert_eq!(fixture.texts(), ["old"; 3]);
}

#[test]
fn a_directory_that_others_can_write_in_is_refused() {
    let fixture = Fixture::new();
    fs::set_permissions(
        fixture.layout.certificates.join("etcd"),
        fs::Permissions::from_mode(0o777),
    )
    .unwrap();
    let error = fixture.transaction().commit(&|| None).unwrap_err();
    assert!(matches!(error, TransactionError::Refused(_)), "{error}");
    assert!(
        error
            .to_string()
            .contains("everybody can write in it: mode 0777"),
        "{error}"
    );
    assert!(error.hint().unwrap().starts_with("chmod go-w "), "{error}");
    assert_eq!(fixture.texts(), ["old"; 3]);
}
