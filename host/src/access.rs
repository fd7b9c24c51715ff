//! Who may do what at the API: tokens with scopes, and the record of every change. Plain data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{Digest, TokenName};

/// What a token lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// To see what is configured and what was received, personal data included.
    Read,
    /// To configure accounts, integrations and pools, to say yes to what a version asks for, and to
    /// put work back; with it goes `read`.
    Operate,
    /// To upload plugins and to choose their versions; nothing is seen of any client.
    Install,
    /// Everything, tokens and the audit log included.
    Admin,
}

impl Scope {
    pub const ALL: [Self; 4] = [Self::Read, Self::Operate, Self::Install, Self::Admin];

    /// Whether this scope holds the one that is needed.
    pub fn covers(self, needed: Self) -> bool {
        self == Self::Admin || self == needed || (self == Self::Operate && needed == Self::Read)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Install => "install",
            Self::Admin => "admin",
        }
    }
}

/// A token of the API; the token itself is kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    pub name: TokenName,
    pub digest: Digest,
    pub scopes: Vec<Scope>,
    /// `None` for one that an earlier release made.
    pub created_at: Option<Timestamp>,
    /// `None` for ever.
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// Whether a token may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenState {
    Valid,
    Expired,
    Revoked,
}

impl ApiToken {
    pub fn state(&self, now: Timestamp) -> TokenState {
        if self.revoked_at.is_some() {
            TokenState::Revoked
        } else if self.expires_at.is_some_and(|until| until <= now) {
            TokenState::Expired
        } else {
            TokenState::Valid
        }
    }

    pub fn may(&self, needed: Scope) -> bool {
        self.scopes.iter().any(|scope| scope.covers(needed))
    }
}

/// A change that somebody asks for, written down before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChange {
    pub at: Timestamp,
    /// The name of the token; [`ChangeRecord::HOST`] for the host itself.
    pub who: String,
    /// As in `PUT /accounts/{id}`.
    pub action: String,
    /// What it is done to, as in `accounts/crm`.
    pub subject: String,
    /// Where the request came from; empty for the host itself.
    pub address: String,
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRecord {
    pub id: i64,
    pub change: NewChange,
    /// The status of the answer; `None` while it is not answered, or was cut off.
    pub status: Option<u16>,
    /// What was changed, in names and never in values.
    pub detail: Option<String>,
}

impl ChangeRecord {
    /// Who changes something where no token asked for it; no token has this name.
    pub const HOST: &str = "host";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_holds_itself_and_what_goes_with_it() {
        use Scope::{Admin, Install, Operate, Read};
        let holds = |scope: Scope| Scope::ALL.map(|needed| scope.covers(needed));
        assert_eq!(holds(Read), [true, false, false, false]);
        assert_eq!(holds(Operate), [true, true, false, false]);
        assert_eq!(holds(Install), [false, false, true, false]);
        assert_eq!(holds(Admin), [true; 4]);
    }

    #[test]
    fn a_token_expires_at_its_time_and_not_before() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let token = ApiToken {
            name: "console".parse().unwrap(),
            digest: Digest::of(b"token"),
            scopes: vec![Scope::Install, Scope::Read],
            created_at: None,
            expires_at: Some(at(100)),
            revoked_at: None,
        };
        assert_eq!(token.state(at(99)), TokenState::Valid);
        assert_eq!(token.state(at(100)), TokenState::Expired);
        assert!(token.may(Scope::Read) && token.may(Scope::Install) && !token.may(Scope::Operate));
        let forever = ApiToken { expires_at: None, ..token.clone() };
        assert_eq!(forever.state(Timestamp::MAX), TokenState::Valid);
        let revoked = ApiToken { revoked_at: Some(at(7)), ..token };
        assert_eq!(revoked.state(at(7)), TokenState::Revoked);
    }
}
