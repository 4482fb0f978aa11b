//! Which certificates are trusted: the system's, and those of a file for private ones. Nothing is installed process-wide.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::error::Error;

/// The system's certificates and those of a PEM file.
pub(crate) fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        for certificate in read_pem(path)? {
            store.add(certificate).map_err(|error| Error::Config {
                message: format!("{} holds a certificate that cannot be trusted: {error}", path.display()),
                hint: None,
            })?;
        }
    }
    Ok(store)
}

fn read_pem(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let unreadable = |why: String| Error::Config {
        message: format!("the CA file {} cannot be read: {why}", path.display()),
        hint: Some("it holds certificates in PEM form, -----BEGIN CERTIFICATE-----".into()),
    };
    let pem = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(error.to_string()))?;
    if certificates.is_empty() {
        return Err(unreadable("it holds no certificate".into()));
    }
    Ok(certificates)
}

/// TLS for HTTP and gRPC alike.
pub(crate) fn config(ca_file: Option<&Path>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::config(format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots(ca_file)?)
        .with_no_client_auth())
}
