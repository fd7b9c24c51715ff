//! The certificate of this host, read again when its files change.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio_rustls::TlsAcceptor;

use crate::tasks::Tasks;

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(5);

/// A certificate and its key, as files that somebody renews.
#[derive(Debug)]
pub struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<ServerConfig>>,
}

impl Certificate {
    /// Reads both files. The error names the file and the remedy, and nothing of the key.
    pub fn read(cert: &Path, key: &Path) -> Result<Self, String> {
        let current = RwLock::new(configuration(cert, key)?);
        Ok(Self { cert: cert.to_owned(), key: key.to_owned(), current })
    }

    /// What new connections are met with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)).into()
    }

    /// Reads both files again; what is wrong with them changes nothing.
    fn read_again(&self) -> Result<(), String> {
        let next = configuration(&self.cert, &self.key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    /// When the files were last written, as far as the disk tells.
    fn written(&self) -> [Option<SystemTime>; 2] {
        [&self.cert, &self.key].map(|path| path.metadata().and_then(|file| file.modified()).ok())
    }

    /// Looks at the files until a stop.
    pub(crate) async fn keep_fresh(self: Arc<Self>, tasks: Tasks) {
        let mut read = self.written();
        while !tasks.is_stopping() {
            tokio::select! {
                () = tasks.stopping() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let written = self.written();
            if written == read {
                continue;
            }
            read = written;
            match self.read_again() {
                Ok(()) => tracing::info!("the certificate was read again"),
                // One file may be new and the other one not yet: the next change is looked at.
                Err(error) => {
                    tracing::error!(error, "the new certificate is not used, the old one is");
                }
            }
        }
    }
}

fn configuration(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, String> {
    let wrong = |path: &Path, why: &dyn std::fmt::Display| {
        format!("`{}` cannot be used for TLS: {why}", path.display())
    };
    let chain = CertificateDer::pem_file_iter(cert).map_err(|error| wrong(cert, &error))?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(|error| wrong(cert, &error))?;
    if chain.is_empty() {
        return Err(wrong(cert, &"it holds no certificate in PEM"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(cert, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| wrong(key, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tls").join(name)
    }

    #[test]
    fn what_is_wrong_with_a_new_certificate_leaves_the_old_one_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
        fs::copy(fixture("first.cert.pem"), &cert).unwrap();
        fs::copy(fixture("first.key.pem"), &key).unwrap();
        let certificate = Certificate::read(&cert, &key).unwrap();
        let used = || Arc::clone(&certificate.current.read().unwrap());
        let first = used();

        fs::write(&cert, "half a certificate").unwrap();
        assert!(certificate.read_again().unwrap_err().contains("holds no certificate"));
        fs::copy(fixture("second.cert.pem"), &cert).unwrap();
        let error = certificate.read_again().unwrap_err();
        assert!(error.contains("key.pem") && !error.contains("PRIVATE"), "{error}");
        assert!(Arc::ptr_eq(&first, &used()), "one file is new, the other one is not yet");

        fs::copy(fixture("second.key.pem"), &key).unwrap();
        certificate.read_again().unwrap();
        assert!(!Arc::ptr_eq(&first, &used()));
    }
}
