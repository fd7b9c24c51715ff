//! Opens connections: looks names up, refuses addresses that are not granted, speaks TLS.
//!
//! The address that is connected to is the address that was checked: the check stands between
//! the lookup and the socket, and a name is looked up once for each connection.

use std::{
    error::Error,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
    vec,
};

use hyper::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{
    client::legacy::connect::{HttpConnector, dns::Name},
    rt::TokioIo,
};
use rustls::ClientConfig;
use tokio::{net::TcpStream, time};
use tower_service::Service;

use super::address::{self, Kind};

type Pending<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;
type BoxError = Box<dyn Error + Send + Sync>;

/// Finds the addresses of a name; tests bring their own.
pub(super) type Lookup = Arc<dyn Fn(String) -> Pending<Vec<IpAddr>, io::Error> + Send + Sync>;

/// Asks the operating system.
pub(super) fn system_lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// Which addresses a connection may go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    Public,
    /// The operator granted it: loopback and private networks too.
    Private,
    /// The operator granted the address itself, which the URL names: whatever it is.
    Exact,
}

impl Reach {
    pub(super) fn allows(self, address: IpAddr) -> bool {
        match address::kind(address) {
            Kind::Public => true,
            Kind::Private => self != Self::Public,
            Kind::Sensitive => self == Self::Exact,
        }
    }
}

/// All addresses of the host are of kinds that need another grant; this is the first of them.
#[derive(Debug, thiserror::Error)]
#[error("the address is not public")]
pub(super) struct AddressRefused(pub(super) IpAddr);

#[derive(Debug, thiserror::Error)]
#[error("no connection within {} ms", .0.as_millis())]
struct ConnectTimeout(Duration);

/// A lookup that keeps back the addresses that may not be reached.
#[derive(Clone)]
pub(super) struct Resolver {
    lookup: Lookup,
    reach: Reach,
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pending<Self::Response, BoxError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Name) -> Self::Future {
        let pending = (self.lookup)(req.as_str().to_owned());
        let reach = self.reach;
        Box::pin(async move {
            let found = pending.await?;
            let first = found.first().copied();
            let allowed = found.into_iter().filter(|address| reach.allows(*address));
            // The connector puts the port of the URL in for 0.
            let allowed: Vec<SocketAddr> =
                allowed.map(|address| SocketAddr::new(address, 0)).collect();
            match first {
                Some(refused) if allowed.is_empty() => Err(AddressRefused(refused).into()),
                _ => Ok(allowed.into_iter()),
            }
        })
    }
}

/// Connects within a time limit, TLS included.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<HttpConnector<Resolver>>,
    reach: Reach,
    limit: Duration,
}

impl Connector {
    pub(super) fn new(
        lookup: Lookup,
        reach: Reach,
        limit: Duration,
        tls: Arc<ClientConfig>,
    ) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver { lookup, reach });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Self { https: HttpsConnector::from((tcp, tls)), reach, limit }
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pending<Self::Response, BoxError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, req: Uri) -> Self::Future {
        // An address in the URL is never looked up, so the resolver does not see it.
        if let Some(refused) = literal(&req).filter(|address| !self.reach.allows(*address)) {
            return Box::pin(async move { Err(AddressRefused(refused).into()) });
        }
        let limit = self.limit;
        let pending = self.https.call(req);
        Box::pin(async move {
            time::timeout(limit, pending)
                .await
                .map_err(|_elapsed| BoxError::from(ConnectTimeout(limit)))?
        })
    }
}

fn literal(uri: &Uri) -> Option<IpAddr> {
    let host = uri.host()?;
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Gives the answers in turn.
    fn answers(list: Vec<Vec<&'static str>>) -> Lookup {
        let list = Mutex::new(list.into_iter());
        Arc::new(move |_name| {
            let next = list.lock().unwrap().next().expect("one more lookup than answers");
            Box::pin(async move { Ok(next.iter().map(|text| text.parse().unwrap()).collect()) })
        })
    }

    async fn resolve(resolver: &mut Resolver) -> Result<Vec<String>, BoxError> {
        let found = resolver.call("crm.example".parse().unwrap()).await?;
        Ok(found.map(|address| address.ip().to_string()).collect())
    }

    #[tokio::test]
    async fn a_name_that_turns_private_is_refused_from_then_on() {
        let lookup = answers(vec![
            vec!["8.8.8.8"],
            vec!["127.0.0.1", "::ffff:10.0.0.1"],
            vec!["10.0.0.1", "8.8.4.4"],
        ]);
        let mut resolver = Resolver { lookup, reach: Reach::Public };
        assert_eq!(resolve(&mut resolver).await.unwrap(), ["8.8.8.8"]);
        assert!(resolve(&mut resolver).await.unwrap_err().is::<AddressRefused>());
        assert_eq!(
            resolve(&mut resolver).await.unwrap(),
            ["8.8.4.4"],
            "only the private ones are kept back"
        );
    }

    #[tokio::test]
    async fn a_private_grant_keeps_every_address() {
        let lookup = answers(vec![vec!["127.0.0.1", "8.8.8.8"]]);
        let mut resolver = Resolver { lookup, reach: Reach::Private };
        assert_eq!(resolve(&mut resolver).await.unwrap(), ["127.0.0.1", "8.8.8.8"]);
    }

    #[tokio::test]
    async fn a_private_grant_reaches_no_metadata() {
        let lookup = answers(vec![vec!["169.254.169.254"], vec!["10.0.0.1", "fe80::1"]]);
        let mut resolver = Resolver { lookup, reach: Reach::Private };
        assert!(resolve(&mut resolver).await.unwrap_err().is::<AddressRefused>());
        assert_eq!(resolve(&mut resolver).await.unwrap(), ["10.0.0.1"]);
    }

    #[test]
    fn addresses_in_urls_are_seen() {
        for (uri, expected) in [
            ("http://127.0.0.1:80/", true),
            ("https://[::1]/", true),
            ("https://crm.example/", false),
        ] {
            assert_eq!(literal(&uri.parse().unwrap()).is_some(), expected, "{uri}");
        }
    }
}
