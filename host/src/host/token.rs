//! API tokens that the host makes itself; only their digests are kept.

use super::{Error, Stores};
use crate::{
    access::{ApiToken, Scope},
    clock::Clock,
    id::{Digest, TokenName, random_token},
    secret::Secret,
};

/// The first start makes a token that may do everything. No later start does so by itself, whatever
/// became of the first one.
pub(super) async fn first(
    stores: &Stores,
    clock: &dyn Clock,
) -> Result<Option<Secret<String>>, Error> {
    let name: TokenName = "first".parse().expect("it is a good name");
    let (token, secret) = admin(name, clock);
    let is_first = stores.access.put_first_token(token.clone()).await?;
    if is_first {
        tell(stores, &token, clock).await?;
    }
    Ok(is_first.then_some(secret))
}

/// Makes one more, because whoever starts the host says so.
pub(super) async fn another(
    stores: &Stores,
    clock: &dyn Clock,
    name: TokenName,
) -> Result<Secret<String>, Error> {
    let (token, secret) = admin(name, clock);
    if !stores.access.put_token(token.clone()).await? {
        return Err(Error::TokenName(token.name));
    }
    tell(stores, &token, clock).await?;
    Ok(secret)
}

fn admin(name: TokenName, clock: &dyn Clock) -> (ApiToken, Secret<String>) {
    let secret = random_token();
    let token = ApiToken {
        name,
        digest: Digest::of(secret.as_bytes()),
        scopes: vec![Scope::Admin],
        created_at: Some(clock.now()),
        expires_at: None,
        revoked_at: None,
    };
    (token, Secret::new(secret))
}

/// The line of the audit log.
async fn tell(stores: &Stores, token: &ApiToken, clock: &dyn Clock) -> Result<(), Error> {
    let detail = format!("{}: {}", token.name, Scope::Admin.name());
    Ok(stores.access.tell_own(clock.now(), "POST /tokens", "tokens", &detail).await?)
}
