//! Private and public keys: PEM files, and DER where the first byte says so.

use std::io;
use std::path::Path;

use pki::x509::ca::check_ca;
use pki::x509::key::{PrivateKey, PublicKey};
use pki::x509::sign::{CaTemplate, self_signed_ca};

use crate::certificate::{DATES, NOW};
use crate::{Seed, assert_printable, files, fixtures, has_extension, odd};

const LABELS: [&str; 4] = [
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "PRIVATE KEY",
    "PUBLIC KEY",
];

pub(crate) fn check(data: &[u8]) {
    if data.first() != Some(&0x30) {
        check_pem(data);
        return;
    }
    for label in LABELS {
        check_pem(pem::encode(&pem::Pem::new(label, data)).as_bytes());
    }
}

fn check_pem(text: &[u8]) {
    match PrivateKey::from_pem(text) {
        Ok(key) => check_private(&key),
        Err(error) => assert_printable(error),
    }
    match PublicKey::from_pem(text) {
        Ok(keys) => {
            assert!(!keys.is_empty());
            for key in keys {
                let again = PublicKey::from_pem(key.to_pem().as_bytes()).unwrap();
                assert!(again == [key.clone()]);
                let _ = (key.algorithm(), key.key_id());
            }
        }
        Err(error) => assert_printable(error),
    }
}

/// No assertion here may print the key.
fn check_private(key: &PrivateKey) {
    let shown = format!("PrivateKey({}, elided)", key.algorithm());
    assert!(format!("{key:?}") == shown);
    let public = key.public_key();
    assert_eq!(public.algorithm(), Some(key.algorithm()));
    assert_eq!(public.key_id().unwrap().len(), 20);

    let again = PrivateKey::from_pem(key.to_pem().unwrap().as_bytes()).unwrap();
    assert_eq!(again.algorithm(), key.algorithm());
    assert_eq!(again.public_key(), public);

    // It signs what its public half verifies, in another library's judgement.
    let contents = CaTemplate::of_row("fuzz", key.algorithm()).unwrap();
    let ca = self_signed_ca(&contents, key, DATES).unwrap();
    check_ca(&ca.into(), NOW).unwrap();
}

pub(crate) fn seeds() -> io::Result<Vec<Seed>> {
    let is_key = |path: &Path| has_extension(path, "key") || has_extension(path, "pub");
    let mut seeds = files(&fixtures(), &is_key)?;
    let blocks: Vec<_> = seeds
        .iter()
        .filter_map(|(name, text)| Some((name.clone(), pem::parse(text).ok()?)))
        .collect();
    let one = seeds
        .first()
        .map(|(_, text)| text.clone())
        .unwrap_or_default();
    for (name, block) in blocks {
        seeds.push((format!("{name}-der"), block.into_contents()));
    }
    let text = String::from_utf8_lossy(&one).into_owned();
    seeds.extend(odd([
        String::new(),
        "text\n".to_owned(),
        text.repeat(2),
        text.replace('\n', "\r\n"),
        text.replace(
            "-----\n",
            "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n",
        ),
        text.replace("RSA ", "").replace("EC ", ""),
        format!("Bag Attributes\n{text}"),
        text[..text.len() / 2].to_owned(),
    ]));
    Ok(seeds)
}
