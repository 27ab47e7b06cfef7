//! Certification requests: PEM files, and DER where the first byte says so.

use std::io;
use std::sync::LazyLock;

use pki::x509::key::PublicKey;
use pki::x509::request::CertificateRequest;

use crate::{Seed, assert_printable, files, fixtures, has_extension, odd};

/// What a request's signature vouches for.
#[derive(Debug, PartialEq)]
struct RequestFields {
    subject: String,
    key: PublicKey,
    names: Vec<String>,
    usages: Vec<String>,
    key_usages: Vec<&'static str>,
    is_ca: bool,
    extensions: Vec<String>,
    attributes: Vec<String>,
}

impl RequestFields {
    fn of(request: &CertificateRequest) -> RequestFields {
        RequestFields {
            subject: request.subject().to_string(),
            key: request.public_key(),
            names: request.san_texts(),
            usages: request.usage_names(),
            key_usages: request.key_usage_names(),
            is_ca: request.has_ca_flag(),
            extensions: request.other_extensions(),
            attributes: request.other_attributes(),
        }
    }
}

/// Requests whose keys were thrown away: nobody can sign another with one of them.
static SIGNED: LazyLock<Vec<RequestFields>> = LazyLock::new(|| {
    let texts = requests().unwrap().into_iter().map(|(_, text)| text);
    texts
        .map(|text| RequestFields::of(&CertificateRequest::parse(&text).unwrap()))
        .collect()
});

pub(crate) fn check(data: &[u8]) {
    let request = match CertificateRequest::parse(data) {
        Ok(request) => request,
        Err(error) => return assert_printable(error),
    };
    let again = CertificateRequest::from_der(request.der().to_vec());
    assert_eq!(again.as_ref(), Ok(&request));
    let again = CertificateRequest::parse(request.to_pem().as_bytes());
    assert_eq!(again.as_ref(), Ok(&request));

    let facts = RequestFields::of(&request);
    assert_eq!(facts.names.len(), request.general_names().len());
    let proof = request.check_proof();
    match &proof {
        Ok(()) => assert!(SIGNED.contains(&facts), "forged: {facts:?}"),
        Err(error) => assert_printable(error),
    }
}

fn requests() -> io::Result<Vec<Seed>> {
    files(&fixtures().join("requests"), &|path| {
        has_extension(path, "csr")
    })
}

pub(crate) fn seeds() -> io::Result<Vec<Seed>> {
    let mut seeds = requests()?;
    let blocks: Vec<_> = seeds
        .iter()
        .filter_map(|(name, text)| Some((name.clone(), pem::parse(text).ok()?)))
        .collect();
    let one = seeds
        .first()
        .map(|(_, text)| text.clone())
        .unwrap_or_default();
    for (name, block) in blocks {
        // The text before a block is nothing to learn from.
        seeds.push((format!("{name}-pem"), pem::encode(&block).into_bytes()));
        seeds.push((format!("{name}-der"), block.into_contents()));
    }
    let text = String::from_utf8_lossy(&one).into_owned();
    seeds.extend(odd([
        String::new(),
        "text\n".to_owned(),
        text.repeat(2),
        text.replace('\n', "\r\n"),
        text.replace("CERTIFICATE REQUEST", "CERTIFICATE"),
        text.replace("CERTIFICATE REQUEST", "EC PRIVATE KEY"),
        text[..text.len() / 2].to_owned(),
    ]));
    Ok(seeds)
}
