//! TLS in this process: only what was asked for, and a certificate that is renewed.

use std::{fs, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::{
    cli::{assert_failed, assert_sentence, text},
    harness::{TestHost, eventually},
    program::Site,
    raw::Raw,
};

/// The folder with the certificates.
fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls").join(name)
}

/// Asks with this certificate as the only authority; `None` where there is no agreement.
async fn ask(address: std::net::SocketAddr, cert: &str, path: &str) -> Option<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(fixture(cert)).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // Whether the end is told is not the point here.
    drop(stream.read_to_end(&mut answer).await);
    Some(String::from_utf8(answer).unwrap())
}

/// A host whose certificate lies in this folder.
async fn start(folder: &Path) -> TestHost {
    renew(folder, "first");
    TestHost::with(|config| {
        config.tls.cert = Some(folder.join("cert.pem"));
        config.tls.key = Some(folder.join("key.pem"));
        config.access.head_s = 1.try_into().unwrap();
    })
    .await
}

fn renew(folder: &Path, name: &str) {
    for kind in ["cert", "key"] {
        let file = folder.join(format!("{kind}.pem"));
        fs::copy(fixture(&format!("{name}.{kind}.pem")), file).unwrap();
    }
}

#[tokio::test]
async fn a_host_with_a_certificate_speaks_tls_and_says_that_it_always_will() {
    let folder = tempfile::tempdir().unwrap();
    let host = start(folder.path()).await;
    let address = host.host().address;

    let answer = ask(address, "first.cert.pem", "/health/live").await.unwrap();

    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=31536000\r\n"), "{answer}");
    assert!(host.host().state.base_url.starts_with("https://"));
    assert_eq!(ask(address, "second.cert.pem", "/health/live").await, None);
    let mut plain = Raw::open(address).await;
    plain.send("GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(!plain.rest().await.contains("HTTP/1.1"), "no answer without TLS");
    assert!(!Raw::open(address).await.rest().await.contains("HTTP/1.1"), "a handshake ends, too");
    host.stop().await;
}

#[tokio::test]
async fn a_certificate_that_is_renewed_is_used_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let host = start(folder.path()).await;
    let address = host.host().address;
    assert!(ask(address, "first.cert.pem", "/health/live").await.is_some());

    renew(folder.path(), "second");

    eventually("the new one is used", async || {
        ask(address, "second.cert.pem", "/health/live").await.is_some()
    })
    .await;
    assert_eq!(ask(address, "first.cert.pem", "/health/live").await, None);
    host.stop().await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_told_before_anything_starts() {
    let site = Site::new(&[], "");
    let config = site.path("patchbay.toml");
    let (cert, key) = (fixture("first.cert.pem"), fixture("second.key.pem"));
    site.configure(&format!("[tls]\ncert = '{}'\n", cert.display()));
    let ended = site.run(&["serve", "--config", text(&config)]).await;
    assert_failed(&ended, 64, &["tls.key: is needed with tls.cert"]);

    for (cert, key, words) in [
        (cert.as_path(), key.as_path(), "second.key.pem"),
        (Path::new("/nowhere.pem"), key.as_path(), "`/nowhere.pem` cannot be used for TLS"),
        (key.as_path(), key.as_path(), "holds no certificate"),
        (cert.as_path(), cert.as_path(), "first.cert.pem"),
    ] {
        site.configure(&format!("[tls]\ncert = '{}'\nkey = '{}'\n", cert.display(), key.display()));
        let ended = site.run(&["serve", "--config", text(&config)]).await;
        assert_sentence(&ended, 69, &[words, "`tls.cert` and `tls.key`"]);
    }
}

#[tokio::test]
async fn the_command_line_speaks_tls_with_an_authority_of_its_own() {
    let (cert, key) = (fixture("first.cert.pem"), fixture("first.key.pem"));
    let file = format!("[tls]\ncert = '{}'\nkey = '{}'\n", cert.display(), key.display());
    let mut site = Site::new(&[], &file);
    let program = site.serve(&[]).await;
    assert!(program.url.starts_with("https://127.0.0.1:"), "{}", program.url);
    site.set_environment("PATCHBAY_URL", &program.url);
    site.set_environment("PATCHBAY_TOKEN", program.token());

    let strange = site.run(&["plugin", "list"]).await;
    assert_eq!(strange.code, Some(69), "{strange:?}");
    let known = site.run(&["plugin", "list", "--ca-file", text(&cert)]).await;
    assert_eq!((known.code, known.stdout.as_str()), (Some(0), "no plugin is installed\n"));
    assert_eq!(program.terminate().await, Some(0));
}
