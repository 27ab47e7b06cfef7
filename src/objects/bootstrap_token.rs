//! Bootstrap tokens: their text, and the Secrets that make them known to a cluster.
//!
//! Format: Kubernetes `cluster-bootstrap/token/api/types.go` and kubeadm `apis/bootstraptoken/v1/utils.go`.

use std::fmt;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use super::documents::{self, DocumentsError};
use super::secret::{self, SecretEntries};
use crate::util::escape::{escape, quote};
use crate::x509::key::{KeyError, random_text};

/// The group that kubeadm gives the tokens of new nodes, and to which it binds what they need.
pub const NODE_GROUP: &str = "system:bootstrappers:kubeadm:default-node-token";

/// The prefix of the user name of a token, before its id.
pub const USER_PREFIX: &str = "system:bootstrap:";

/// The type of the Secrets.
const SECRET_TYPE: &str = "bootstrap.kubernetes.io/token";

/// The prefix of the names of the Secrets, before the token's id.
const NAME_PREFIX: &str = "bootstrap-token-";

const ID_LENGTH: usize = 6;
const SECRET_LENGTH: usize = 16;

/// A bootstrap token, `<id>.<secret>`; the id is public.
#[derive(Clone, PartialEq, Eq)]
pub struct BootstrapToken {
    id: String,
    secret: Zeroizing<String>,
}

/// A token with what its Secret says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSecret {
    /// The token.
    pub token: BootstrapToken,
    /// When it expires, as written; `None` for a token without a Secret, and for one that does not expire.
    pub expiration: Option<String>,
}

/// What a token may be used for.
#[derive(Clone, Debug)]
pub enum TokenUse {
    /// New nodes authenticate with it and verify the cluster's ConfigMap `cluster-info`.
    Join,
    /// Nothing: its Secret is only deleted when it expires.
    Expiry,
}

/// The text is not a token. Does not quote the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootstrapTokenError {
    /// It is neither a token nor a Secret.
    Malformed,
    /// It is YAML that cannot be read.
    Documents(DocumentsError),
    /// It has another number of token Secrets than one; how many.
    SecretCount(usize),
    /// The Secret of a token does not hold one.
    Secret(String),
}

impl BootstrapToken {
    /// Generates a token.
    ///
    /// # Errors
    /// If the cryptography library has no random bytes.
    pub fn generate() -> Result<BootstrapToken, KeyError> {
        Ok(BootstrapToken {
            id: random_text(ID_LENGTH)?.to_string(),
            secret: random_text(SECRET_LENGTH)?,
        })
    }

    /// Reads a token: `[a-z0-9]{6}.[a-z0-9]{16}`, with white space around it.
    ///
    /// # Errors
    /// If it is something else.
    pub fn parse(text: &str) -> Result<BootstrapToken, BootstrapTokenError> {
        let is_part = |part: &str, length| {
            let is_character = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            part.len() == length && part.bytes().all(is_character)
        };
        match text.trim().split_once('.') {
            Some((id, secret)) if is_part(id, ID_LENGTH) && is_part(secret, SECRET_LENGTH) => {
                Ok(BootstrapToken {
                    id: id.to_owned(),
                    secret: Zeroizing::new(secret.to_owned()),
                })
            }
            _ => Err(BootstrapTokenError::Malformed),
        }
    }

    /// Returns the public part.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the whole token.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}.{}", self.id, *self.secret))
    }

    /// Returns the name of the token's Secret.
    pub fn secret_name(&self) -> String {
        format!("{NAME_PREFIX}{}", self.id)
    }

    /// Returns the Secret that makes the token known to a cluster until `expiration`, RFC 3339.
    pub fn to_secret(&self, token_use: &TokenUse, description: &str, expiration: &str) -> Value {
        let mut entries = vec![
            ("token-id", self.id.as_bytes()),
            ("token-secret", self.secret.as_bytes()),
            ("description", description.as_bytes()),
            (EXPIRATION, expiration.as_bytes()),
        ];
        if matches!(token_use, TokenUse::Join) {
            entries.extend([
                (USAGE_AUTHENTICATION, &b"true"[..]),
                ("usage-bootstrap-signing", b"true"),
                ("auth-extra-groups", NODE_GROUP.as_bytes()),
            ]);
        }
        entries.retain(|(_, value)| !value.is_empty());
        secret::new(&self.secret_name(), Some(SECRET_TYPE), entries)
    }
}

impl TokenSecret {
    /// Reads a token, or the one in a Secret of a token, in YAML or JSON. Tokens that cannot authenticate do not count.
    ///
    /// # Errors
    /// If there is no token, or more than one.
    pub fn parse(text: &str) -> Result<TokenSecret, BootstrapTokenError> {
        if let Ok(token) = BootstrapToken::parse(text) {
            return Ok(TokenSecret::from(token));
        }
        if !text.contains("kind") {
            return Err(BootstrapTokenError::Malformed);
        }
        let documents = documents::read(text).map_err(BootstrapTokenError::Documents)?;
        let mut tokens = Vec::new();
        for (name, object) in secret::of_kube_system(&documents) {
            if name.starts_with(NAME_PREFIX) {
                tokens.extend(TokenSecret::of_object(object)?);
            }
        }
        match <[TokenSecret; 1]>::try_from(tokens) {
            Ok([token]) => Ok(token),
            Err(tokens) => Err(BootstrapTokenError::SecretCount(tokens.len())),
        }
    }

    /// Returns the token of a Secret; `None` if it cannot authenticate.
    fn of_object(object: &Value) -> Result<Option<TokenSecret>, BootstrapTokenError> {
        let entries = SecretEntries::read(object)
            .map_err(|problems| BootstrapTokenError::Secret(problems.join("; ")))?;
        if entries.entry(USAGE_AUTHENTICATION) != Some(b"true") {
            return Ok(None);
        }
        let text = |name: &str| {
            let value = entries.entry(name).unwrap_or_default();
            Zeroizing::new(String::from_utf8_lossy(value).into_owned())
        };
        let token = Zeroizing::new(format!("{}.{}", *text("token-id"), *text("token-secret")));
        let token = BootstrapToken::parse(&token).map_err(|_| {
            let what = "its `token-id` and `token-secret` are not those of a token";
            BootstrapTokenError::Secret(what.to_owned())
        })?;
        let expiration = text(EXPIRATION).to_string();
        Ok(Some(TokenSecret {
            token,
            expiration: Some(expiration).filter(|text| !text.is_empty()),
        }))
    }

    /// Returns why the API server refuses the token at `now`, in words. It takes an expiration that it cannot read for a past one
    /// (Kubernetes `cluster-bootstrap/util/secrets/secrets.go`, `GetExpiration`).
    pub fn expired(&self, now: OffsetDateTime) -> Option<String> {
        let text = self.expiration.as_ref()?;
        match OffsetDateTime::parse(text, &Rfc3339) {
            Ok(expires) if expires > now => None,
            Ok(_) => Some(format!("expired at {}", escape(text))),
            Err(_) => Some(format!(
                "has an expiration that is no time: {}",
                quote(text)
            )),
        }
    }
}

impl From<BootstrapToken> for TokenSecret {
    fn from(token: BootstrapToken) -> TokenSecret {
        TokenSecret {
            token,
            expiration: None,
        }
    }
}

/// The entry with the time at which a token expires, RFC 3339.
const EXPIRATION: &str = "expiration";

/// The entry that lets a token authenticate.
const USAGE_AUTHENTICATION: &str = "usage-bootstrap-authentication";

impl fmt::Debug for BootstrapToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BootstrapToken({}, elided)", self.id)
    }
}

impl fmt::Display for BootstrapTokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BootstrapTokenError::Malformed => f.write_str(
                "it is not a bootstrap token: want 6 lower-case letters and digits, a dot, and 16 more",
            ),
            BootstrapTokenError::Documents(error) => error.fmt(f),
            BootstrapTokenError::SecretCount(count) => write!(
                f,
                "it has {count} Secrets of tokens that can authenticate, want one"
            ),
            BootstrapTokenError::Secret(problem) => write!(f, "the Secret of a token: {problem}"),
        }
    }
}

impl std::error::Error for BootstrapTokenError {}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-22T00:21:28Z";

    #[test]
    fn a_token_has_an_id_and_a_secret() {
        let token = BootstrapToken::generate().unwrap();
        assert_eq!(BootstrapToken::parse(&token.to_text()), Ok(token.clone()));
        assert_eq!(
            format!("{token:?}"),
            format!("BootstrapToken({}, elided)", token.id())
        );
        for text in [
            "",
            "abcdef",
            "abcdef.",
            "abcdef.0123456789abcde",
            "abcdef.0123456789abcdefg",
            "abcde.0123456789abcdef",
            "ABCDEF.0123456789abcdef",
            "abcdef.0123456789ABCDEF",
            "abcdef.0123456789abcde\u{e9}",
            "abcdef-0123456789abcdef",
        ] {
            let error = BootstrapToken::parse(text);
            assert_eq!(error, Err(BootstrapTokenError::Malformed), "{text}");
        }
    }

    #[test]
    fn a_secret_gives_its_token_back() {
        let token = BootstrapToken::parse("abcdef.0123456789abcdef").unwrap();
        let secret = token.to_secret(&TokenUse::Join, "", NOW);
        assert_eq!(secret["metadata"]["name"], "bootstrap-token-abcdef");
        assert_eq!(secret["data"].get("description"), None);
        let read = TokenSecret::parse(&secret.to_string()).unwrap();
        assert_eq!(
            (&read.token, read.expiration.as_deref()),
            (&token, Some(NOW))
        );
        // What only expires is no token to join with.
        let expiry = token.to_secret(&TokenUse::Expiry, "", NOW);
        let count = |count| Err(BootstrapTokenError::SecretCount(count));
        assert_eq!(TokenSecret::parse(&expiry.to_string()), count(0));
        let twice = format!("{secret}\n---\n{secret}\n---\n{expiry}");
        assert_eq!(TokenSecret::parse(&twice), count(2));
        let damaged = secret.to_string().replace("YWJjZGVm", "YWJj");
        let error = TokenSecret::parse(&damaged).unwrap_err();
        assert!(matches!(error, BootstrapTokenError::Secret(_)), "{error}");
    }

    #[test]
    fn a_token_expires_as_the_api_server_says() {
        let now = OffsetDateTime::parse(NOW, &Rfc3339).unwrap();
        let token = BootstrapToken::parse("abcdef.0123456789abcdef").unwrap();
        let expired = |expiration: &str| {
            let secret = token.to_secret(&TokenUse::Join, "", expiration);
            TokenSecret::parse(&secret.to_string())
                .unwrap()
                .expired(now)
        };
        assert_eq!(expired("2026-11-22T00:21:29Z"), None);
        assert_eq!(expired(""), None);
        for (text, wanted) in [
            (NOW, "expired at 2026-11-22T00:21:28Z"),
            (
                "2026-11-22T01:21:28+02:00",
                "expired at 2026-11-22T01:21:28+02:00",
            ),
            ("tomorrow", "has an expiration that is no time: `tomorrow`"),
        ] {
            assert_eq!(expired(text), Some(wanted.to_owned()));
        }
    }
}
