//! The door against a server with a certificate of its own making.

use std::{
    io::{Read as _, Write as _},
    thread,
};

use rustls::{
    RootCertStore, ServerConfig, ServerConnection,
    pki_types::{CertificateDer, PrivateKeyDer},
};

use super::{
    server::{is_whole, ok},
    *,
};

const CERTIFICATE: &[u8] = include_bytes!("self-signed.cert.der");
const KEY: &[u8] = include_bytes!("self-signed.key.der");

/// Answers one connection over TLS and HTTP/1.1; the certificate is for `crm.example`, signed by itself.
fn start_tls() -> u16 {
    let key = PrivateKeyDer::try_from(KEY).unwrap();
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut config =
        config.with_no_client_auth().with_single_cert(vec![CERTIFICATE.into()], key).unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut tcp, _) = listener.accept()?;
        let mut tls = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = rustls::Stream::new(&mut tls, &mut tcp);
        let mut chunk = [0; 4096];
        let mut text = String::new();
        while !is_whole(&text) {
            let count = stream.read(&mut chunk)?;
            text.push_str(std::str::from_utf8(&chunk[..count]).unwrap());
        }
        stream.write_all(ok("over tls").as_bytes())
    });
    port
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_refused_before_anything_is_sent() {
    let place = format!("https://crm.example:{}", start_tls());
    let result = door_to(&egress_at("127.0.0.1").0, &place).fetch(get(&place)).await;
    assert!(
        matches!(&result, Err(FetchError::Unreachable(text)) if text.contains("certificate")),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_trusted_server_that_knows_only_http_1_is_served() {
    let place = format!("https://crm.example:{}", start_tls());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(CERTIFICATE)).unwrap();
    let (mut egress, _) = egress_at("127.0.0.1");
    let provider = Arc::new(ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let alpn = std::mem::take(&mut egress.tls.alpn_protocols);
    egress.tls = tls.with_root_certificates(roots).with_no_client_auth();
    egress.tls.alpn_protocols = alpn;
    let response = door_to(&egress, &place).fetch(get(&place)).await.unwrap();
    assert_eq!(response.body, b"over tls");
}
