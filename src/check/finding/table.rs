//! The kinds of findings: `pki help findings` and tests are generated from [`TABLE`].

use super::Severity;

/// A row of [`TABLE`]: the properties of all findings of a kind.
#[derive(Clone, Copy, Debug)]
pub struct FindingKind {
    /// The kind.
    pub id: FindingId,
    /// Its stable name, for metrics and JSON.
    pub name: &'static str,
    /// The usual severity.
    pub severity: Severity,
    /// The meaning, in one sentence.
    pub meaning: &'static str,
    /// The advice if no command helps.
    pub advice: &'static str,
}

/// Makes the enum and the table from one list.
macro_rules! finding_kinds {
    ($($id:ident $name:literal $severity:ident $meaning:literal $advice:literal;)*) => {
        /// A kind of finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingId {
            $(#[doc = $meaning] $id,)*
        }

        impl FindingId {
            /// Returns the row of the table for this kind.
            pub const fn kind(self) -> &'static FindingKind {
                match self {
                    $(FindingId::$id => &FindingKind {
                        id: FindingId::$id,
                        name: $name,
                        severity: Severity::$severity,
                        meaning: $meaning,
                        advice: $advice,
                    },)*
                }
            }
        }

        /// Every kind of finding, by subject.
        pub static TABLE: &[&FindingKind] = &[$(FindingId::$id.kind(),)*];
    };
}

finding_kinds! {
    HostNothingFound "host.nothing-found" Error
        "Neither certificates nor kubeconfigs of Kubernetes were found in the directories."
        "check that these are the right directories";
    HostKind "host.kind" Info
        "The host is not a control plane node, so only the files that belong on it are checked."
        "";

    CommitPending "commit.pending" Warning
        "A run was interrupted while it replaced files, and no other run has finished or undone it yet."
        "run any `pki` command that writes";
    CommitUnreadable "commit.unreadable" Warning
        "The journal of an interrupted run cannot be read, so the state of the tree is unknown."
        "";
    CommitLeftover "commit.leftover" Info
        "A run was interrupted before its commit and left a temporary file."
        "the next `pki` command that writes removes it";

    ConfigUnreadable "config.unreadable" Warning
        "The recorded configuration cannot be used, so the tree was not compared with it."
        "put the file back from a backup, or move it away";

    FilePermissionDenied "file.permission-denied" Error
        "This user may not read the file."
        "run as root";
    FileUnreadable "file.unreadable" Error
        "The path cannot be read as a regular file."
        "inspect the path, and move it away";
    FileHardLinks "file.hard-links" Error
        "The file has several names (hard links); replacing it would not change the others."
        "remove the other names first";
    FileInvalid "file.invalid" Error
        "The contents of the file cannot be used."
        "put the file back from a backup";
    FilePrivateKeyExposed "file.private-key-exposed" Error
        "A world-readable file contains a private key, which must not be used any more."
        "renew the certificate with a new key";
    FileOverlyPermissive "file.overly-permissive" Warning
        "Everybody can read a file that holds a private key."
        "restrict its mode to 0600";
    FileWritableByOthers "file.writable-by-others" Warning
        "Users other than the owner can change a file."
        "restrict its mode";
    DirectoryUnsafe "directory.unsafe" Warning
        "Everybody, or a user or group of an ACL, can write in a directory of the tree or above it; `pki` does not write there."
        "take the write permission away";
    DirectoryShared "directory.shared" Warning
        "Another user or a group can write in a directory of the tree or above it."
        "";
    FileOtherOwner "file.other-owner" Warning
        "A file with a private key or a CA belongs to a user other than root and the one who runs `pki`."
        "change its owner";

    CaMissing "ca.missing" Error
        "A CA is missing that this host needs."
        "put it back from a backup or from another control plane node";
    CaAwaited "ca.awaited" Warning
        "The certificate of an external CA is not here yet, and requests wait to be signed by that CA."
        "put the certificate of the CA in its place";
    CaLost "ca.lost" Error
        "A CA is missing, and certificates that it signed are still in use."
        "put the CA back from a backup or from another control plane node; if all nodes lost it, `init` with `--new-ca` replaces it and what it signed";
    CaCertificateMissing "ca.certificate-missing" Error
        "The key of a CA exists, its certificate is missing."
        "put the certificate back; a new CA would not match what the old one signed";
    CaNotACa "ca.not-a-ca" Error
        "The certificate of a CA is not a CA certificate."
        "put the file back from a backup";
    CaExpired "ca.expired" Error
        "A CA has expired, so nothing that it signed is accepted."
        "replace the CA and everything that it signed";
    CaNotYetValid "ca.not-yet-valid" Error
        "A CA is not valid yet."
        "check the clock";
    CaDamaged "ca.damaged" Error
        "A signature in the file of a CA does not verify."
        "put the file back from a backup";
    CaUnproven "ca.unproven" Error
        "The issuer of an intermediate CA is unknown: it is not in the file, and the certificate has no authority key identifier."
        "put the file back from a backup, or have its issuer sign it again with an authority key identifier";
    CaWeakSignature "ca.weak-signature" Warning
        "A CA is signed with an algorithm that is not accepted on other certificates, such as SHA-1."
        "use a newer algorithm when the CA is replaced";
    CaUnknownCriticalExtension "ca.unknown-critical-extension" Error
        "A CA has a critical extension that Go does not know, so Kubernetes components refuse it."
        "replace the CA with one that Kubernetes components accept";
    CaRefusedByGo "ca.refused-by-go" Error
        "Go cannot parse the certificate of a CA, so no Kubernetes component can load it."
        "replace the CA with one that Kubernetes components accept";
    CaKeyMismatch "ca.key-mismatch" Error
        "The key of a CA does not belong to its certificate."
        "put back the key that belongs to it, or remove the key if this CA is an external one";
    CaReplaced "ca.replaced" Error
        "A different CA signed the certificates in the tree."
        "put back the CA that signed them; if you replaced the CA on purpose, renew all certificates";
    CaExchanged "ca.exchanged" Error
        "The files of a CA contain another CA of the tree, which did not sign the certificates."
        "move the files of each CA to their own paths";
    CaNamedAsAnother "ca.named-as-another" Warning
        "A CA has the common name of another CA of the tree."
        "check that the files of two CAs were not swapped";
    CaShared "ca.shared" Warning
        "Several CAs of the tree have the same key, so each component accepts the clients of the others."
        "use separate CAs in new clusters";
    CaBasicConstraintsNotCritical "ca.basic-constraints-not-critical" Warning
        "The basicConstraints of a CA are not marked critical, as RFC 5280 demands."
        "mark them critical when the CA is replaced";
    CaWithoutKeyUsage "ca.without-key-usage" Warning
        "A CA has no keyUsage, which RFC 5280 demands."
        "add keyCertSign and cRLSign when the CA is replaced";
    CaLongSerial "ca.long-serial" Warning
        "The serial number of a CA is longer than the 20 octets that RFC 5280 allows."
        "use a shorter serial number when the CA is replaced";
    CaSmallExponent "ca.small-exponent" Warning
        "The RSA key of a CA has a public exponent below 65537."
        "use another key when the CA is replaced";
    CaExternal "ca.external" Info
        "The key of a CA is not on this host, so an external CA must sign."
        "";
    CaKeyEncrypted "ca.key-encrypted" Warning
        "The key of a CA is encrypted with a passphrase, so kubeadm cannot read it, nor can kube-controller-manager if it is the cluster CA. For other CAs, this is an info."
        "sign requests with `pki csr sign`, see `pki help csr`";

    CertificateMissing "certificate.missing" Error
        "A certificate is missing that this host needs."
        "put it back from a backup";
    CertificateKeyOnly "certificate.key-only" Error
        "The private key exists, its certificate is missing."
        "have a certificate signed for that key";
    CertificateKeyMissing "certificate.key-missing" Error
        "The certificate exists, its private key is missing."
        "put the key back";
    CertificateKeyMismatch "certificate.key-mismatch" Error
        "The private key does not belong to the certificate."
        "put back the key that belongs to it";
    CertificateExpired "certificate.expired" Error
        "A certificate, or an intermediate that it needs, has expired."
        "have it signed again";
    CertificateNotYetValid "certificate.not-yet-valid" Error
        "A certificate is not valid yet."
        "check the clock";
    CertificateExpiresSoon "certificate.expires-soon" Warning
        "A certificate expires within the time given by --warn."
        "have it signed again";
    CertificateOtherIssuer "certificate.other-issuer" Error
        "The CA of the tree did not sign the certificate."
        "have it signed again";
    CertificateDamaged "certificate.damaged" Error
        "The signature of a certificate is wrong: it was changed, or another CA of the same name signed it."
        "have it signed again";
    CertificateWeakSignature "certificate.weak-signature" Error
        "A certificate is signed with an algorithm that is no longer accepted, such as SHA-1."
        "have it signed again";
    CertificateIntermediate "certificate.intermediate" Error
        "An intermediate certificate in the file of a leaf may not sign it."
        "have it signed again";
    CertificateUsageMissing "certificate.usage-missing" Error
        "The extended key usage of a certificate lacks a required usage."
        "have it signed again with that usage";
    CertificateCaUsageMissing "certificate.ca-usage-missing" Error
        "The extended key usage of the CA lacks a usage that its certificates need."
        "replace the CA with one without extended key usage";
    CertificateNameConstraints "certificate.name-constraints" Error
        "The name constraints of the CA exclude a name in the certificate."
        "have another CA sign it, or leave out that name";
    CertificateIsTheCa "certificate.is-the-ca" Error
        "A leaf has the certificate or the key of a CA."
        "move the files away";
    CertificateOfAnotherRow "certificate.of-another-row" Error
        "A file holds the certificate that was made for another row of the same CA; a warning where its client has all rights that it needs."
        "renew it with `--config`";
    CertificateUnusable "certificate.unusable" Error
        "A certificate does not verify for another reason."
        "have it signed again";
    CertificateRefusedByGo "certificate.refused-by-go" Error
        "Go cannot parse a certificate, so no Kubernetes component can load it."
        "have it signed again";
    CertificateUnknownCriticalExtension "certificate.unknown-critical-extension" Error
        "A certificate has a critical extension that Go does not know, so Kubernetes components refuse it."
        "have the CA sign it without that extension";
    CertificateNamesMissing "certificate.names-missing" Error
        "A serving certificate lacks names from the configuration."
        "have it signed again with these names";
    CertificateWithoutUsages "certificate.without-usages" Warning
        "A certificate has no extended key usage, so it may be used for everything."
        "a renewal adds the usual one";
    CertificateWithCaFlag "certificate.with-ca-flag" Warning
        "A leaf certificate has the CA flag."
        "a renewal removes the flag";
    CertificateVersion "certificate.version" Warning
        "A certificate is an X.509 version 1 certificate, which has no extensions."
        "a renewal makes a version 3 certificate";
    CertificateOddSerial "certificate.odd-serial" Warning
        "The serial number of a certificate is zero or longer than the 20 octets that RFC 5280 allows."
        "a renewal changes it";
    CertificateSameSerial "certificate.same-serial" Warning
        "Two certificates of one CA have the same serial number, so a CRL could not tell them apart (RFC 5280 section 4.1.2.2)."
        "renew one of them";
    CertificateExtra "certificate.extra" Warning
        "The file holds another certificate that is not an intermediate; components ignore it."
        "a renewal removes it";
    CertificateOutlivesCa "certificate.outlives-ca" Warning
        "A certificate is valid for longer than its CA; it is not accepted after the CA has expired."
        "replace the CA in time";
    CertificateDiffers "certificate.differs" Warning
        "A certificate differs from the configuration, or from what kubeadm makes today."
        "have it signed again as configured";

    RequestPending "request.pending" Warning
        "A certification request waits to be signed; an info while the row has another certificate."
        "have that CA sign the `.csr` file beside it, then install the certificate with `pki csr import`";
    RequestUnusable "request.unusable" Warning
        "A certification request cannot be read, or its key is not there."
        "move the request away, and make a new one with `pki csr generate`";
    RequestSettled "request.settled" Info
        "A certification request is left over: its certificate is in place."
        "remove the `.csr` file and the `.csr.key` file; keep the `.key` file, which is in use";

    ServiceAccountMissing "service-account.missing" Error
        "The key pair that signs service-account tokens is missing."
        "put sa.key and sa.pub back, or copy them from another control plane node";
    ServiceAccountKeyMissing "service-account.key-missing" Error
        "sa.pub exists, sa.key is missing."
        "put sa.key back; a new pair would invalidate every service-account token";
    ServiceAccountPublicMissing "service-account.public-missing" Error
        "sa.key exists, sa.pub is missing."
        "make sa.pub from sa.key";
    ServiceAccountMismatch "service-account.mismatch" Error
        "sa.pub does not contain the public key of sa.key."
        "remove the wrong one of the two; `init` makes sa.pub from sa.key";

    KubeconfigMissing "kubeconfig.missing" Error
        "A kubeconfig is missing that this host needs."
        "put it back from a backup";
    KubeconfigOptionalMissing "kubeconfig.optional-missing" Info
        "super-admin.conf is missing; `kubeadm join` never writes it."
        "";
    KubeconfigWithoutCa "kubeconfig.without-ca" Error
        "A kubeconfig has no CA, so its client accepts only servers whose CA the host trusts."
        "add the CA of the cluster";
    KubeconfigInsecure "kubeconfig.insecure" Warning
        "A kubeconfig does not verify the API server's certificate (insecure-skip-tls-verify)."
        "add the CA of the cluster and remove insecure-skip-tls-verify";
    KubeconfigInsecureWithCa "kubeconfig.insecure-with-ca" Error
        "A kubeconfig has both a CA and insecure-skip-tls-verify, which client-go refuses."
        "remove insecure-skip-tls-verify";
    KubeconfigCaFileMissing "kubeconfig.ca-file-missing" Error
        "The CA file that a kubeconfig names is missing."
        "put the file back";
    KubeconfigCaFileOther "kubeconfig.ca-file-other" Error
        "A kubeconfig names the file of another CA."
        "name the file of the cluster's CA";
    KubeconfigCaFileNotRead "kubeconfig.ca-file-not-read" Info
        "A kubeconfig names a CA file outside the directories of the tree, which was not read."
        "";
    KubeconfigOtherCa "kubeconfig.other-ca" Error
        "A kubeconfig does not trust the CA of the API server's certificate."
        "replace its CAs with those of ca.crt";
    KubeconfigOwnCaNotFirst "kubeconfig.own-ca-not-first" Warning
        "A kubeconfig trusts the tree's CA, but lists another one first; kubeadm compares only the first one."
        "put the tree's CA first";
    KubeconfigOtherCluster "kubeconfig.other-cluster" Error
        "A kubeconfig trusts another CA and points at a server that the API server's certificate does not name: it belongs to another cluster."
        "move it away";
    KubeconfigServerNotInSans "kubeconfig.server-not-in-sans" Error
        "A kubeconfig points at a server that the API server's certificate does not name, so its client cannot connect."
        "give `--config` with the address that the API server has";
    KubeconfigServerInvalid "kubeconfig.server-invalid" Error
        "A kubeconfig names no server."
        "correct the server in it";
    KubeconfigServerDiffers "kubeconfig.server-differs" Warning
        "The server of a kubeconfig differs from the configuration, but its client can still connect."
        "correct the server in it or in the configuration";
    KubeconfigClientCertificateMissing "kubeconfig.client-certificate-missing" Error
        "The client certificate that a kubeconfig names is missing."
        "put the file back";
    KubeconfigClientCertificateNotRead "kubeconfig.client-certificate-not-read" Warning
        "A kubeconfig names a client certificate outside the directories of the tree, which is not read."
        "embed the certificate in the kubeconfig, or move it into the certificates directory";
    KubeconfigWithoutClientCertificate "kubeconfig.without-client-certificate" Info
        "The user of a kubeconfig has a token, a password or a plugin; `pki` cannot tell when it expires."
        "";
    KubeletCertificateMissing "kubelet.certificate-missing" Error
        "The client certificate that the kubelet rotates is missing."
        "join the node again";
    KubeletServingExpires "kubelet.serving-expires" Warning
        "The certificate that the kubelet serves has expired or expires soon. Clients that verify it, such as metrics-server, refuse it then."
        "have it signed again";

    ManifestUnreadable "manifest.unreadable" Warning
        "The static pod manifest of a component cannot be read."
        "correct the manifest";
    ManifestOtherFile "manifest.other-file" Warning
        "The manifest of a component names another file than kubeadm does, so what `pki` renews may not be what the component uses."
        "check that the component is meant to use that file";
    ManifestEncryptedKey "manifest.encrypted-key" Error
        "The manifest of kube-controller-manager names an encrypted CA key, so kube-controller-manager will exit the next time it starts."
        "set `--cluster-signing-cert-file` and `--cluster-signing-key-file` to empty in the manifest, remove the options of single signers, and sign requests with `pki csr sign`, see `pki help csr`";
    ManifestFileMissing "manifest.file-missing" Error
        "The manifest of a component names a file that does not exist on this host, so the component may not start."
        "put the file back, or correct the manifest";

    ServedMatch "served.match" Info
        "A component serves the certificate of its file."
        "";
    ServedInMemory "served.in-memory" Info
        "A component serves a certificate that it made in memory when it started; it is in no file and needs no renewal."
        "";
    ServedPending "served.pending" Info
        "A file changed less than a minute ago, and the component has not loaded it yet."
        "";
    ServedStale "served.stale" Error
        "A component serves another certificate of the tree's CA than its file holds, usually the one before a renewal."
        "restart the component";
    ServedUnknown "served.unknown" Error
        "An endpoint serves a certificate that no CA of the tree signed."
        "check that the endpoint belongs to this tree";
    ServedNotCompared "served.not-compared" Info
        "The certificate of an endpoint was not compared with a file, because none is known for it."
        "";
    ServedExpired "served.expired" Error
        "A served certificate has expired or is not valid yet."
        "renew the certificate, then restart the component if it does not load it by itself";
    ServedExpiresSoon "served.expires-soon" Warning
        "A served certificate expires within --warn."
        "renew the certificate";
    ServedChainIncomplete "served.chain-incomplete" Warning
        "A component does not serve the intermediates of its file."
        "restart the component";
    ServedNameMismatch "served.name-mismatch" Warning
        "A served certificate does not have the name of the endpoint, so clients that connect by this name refuse it."
        "add the name to the certificate";
    ServedCaLoaded "served.ca-loaded" Info
        "A component accepts clients of the CAs in its files. Only their names are seen, not their keys."
        "";
    ServedCaNotLoaded "served.ca-not-loaded" Error
        "A component does not accept clients of a CA in its files."
        "restart the component";
    ServedCaStillLoaded "served.ca-still-loaded" Warning
        "A component accepts clients of a CA that is not in its files."
        "restart the component";
    ServedFilesCurrent "served.files-current" Info
        "A component started after its files changed, so it uses them as they are."
        "";
    ServedClientStale "served.client-stale" Error
        "A component started before its kubeconfig changed, so it still uses the old client certificate."
        "restart the component";
    ServedFileStale "served.file-stale" Error
        "A component started before a file changed that it reads only when it starts."
        "restart the component";
    ServedStartUnknown "served.start-unknown" Info
        "It is not known when a component started, or it started just when a file changed."
        "restart the component if it started before the last renewal";
    ServedLoopbackExpiresSoon "served.loopback-expires-soon" Warning
        "The certificate of the API server's connections to itself expires; only a restart makes a new one."
        "restart the component";
    ServedUnreachable "served.unreachable" Error
        "An endpoint shows no certificate: nothing answers, or not in time, or not with TLS."
        "check that the component runs and that the address is right";
}

impl FindingId {
    /// Returns the stable name of the kind.
    pub fn name(self) -> &'static str {
        self.kind().name
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_name_their_subject() {
        let mut names = BTreeSet::new();
        for kind in TABLE {
            assert!(names.insert(kind.name), "{}", kind.name);
            assert!(kind.name.contains('.'), "{}", kind.name);
        }
    }

    #[test]
    fn every_kind_has_a_meaning_and_every_error_says_what_to_do() {
        for kind in TABLE {
            assert!(kind.meaning.ends_with('.'), "{}", kind.name);
            assert!(
                kind.severity != Severity::Error || !kind.advice.is_empty(),
                "{}",
                kind.name
            );
        }
    }
}
