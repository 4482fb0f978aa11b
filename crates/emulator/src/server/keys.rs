//! The emulator's own keys: a certificate authority and a server certificate for TLS, and the RSA key pair whose
//! certificate is registered at the connected app.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, date_time_ymd,
};
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::StartError;
use super::files;

/// Names the server certificate is good for, so that clients with fixed host names can be led here by a proxy.
const NAMES: [&str; 5] = ["localhost", "127.0.0.1", "::1", "*.salesforce.com", "*.my.salesforce.com"];

/// What TLS needs, PEM. Private parts are shown nowhere.
#[derive(Clone)]
pub(super) struct TlsKeys {
    pub(super) ca_pem: String,
    pub(super) server_pem: String,
    server_key_pem: String,
}

/// The key pair for JWT bearer, PEM.
#[derive(Clone)]
pub(super) struct JwtKey {
    pub(super) key_pem: String,
    cert_pem: String,
}

fn read(dir: Option<&Path>, name: &str) -> Result<Option<String>, StartError> {
    dir.map(|d| files::read(&d.join(name))).transpose().map(Option::flatten)
}

impl JwtKey {
    /// The key given, else the one kept in `dir`, else a new one, which is kept.
    ///
    /// Making an RSA key takes long; call it where blocking is allowed, and beside other things.
    pub(super) fn load_or_make(dir: Option<&Path>, given: Option<&str>) -> Result<Self, StartError> {
        let key_pem = match (given, read(dir, "jwt.key.pem")?) {
            (Some(given), _) => given.to_owned(),
            (None, Some(kept)) => kept,
            (None, None) => process_rsa_key()?.to_owned(),
        };
        let cert_pem = certify(&key_pem).map_err(StartError::Certificate)?;
        if let Some(dir) = dir {
            files::write(&dir.join("jwt.key.pem"), key_pem.as_bytes(), true)?;
            files::write(&dir.join("jwt.crt.pem"), cert_pem.as_bytes(), false)?;
        }
        Ok(Self { key_pem, cert_pem })
    }

    /// The certificate to register at the connected app, DER.
    pub(super) fn certificate(&self) -> Option<Vec<u8>> {
        Some(CertificateDer::from_pem_slice(self.cert_pem.as_bytes()).ok()?.as_ref().to_vec())
    }
}

impl TlsKeys {
    /// Reads the keys kept in `dir`, or makes and keeps new ones.
    pub(super) fn load_or_make(dir: Option<&Path>) -> Result<Self, StartError> {
        let kept = (read(dir, "ca.pem")?, read(dir, "server.pem")?, read(dir, "server.key.pem")?);
        let (ca_pem, server_pem, server_key_pem) = match kept {
            (Some(ca), Some(cert), Some(key)) => (ca, cert, key),
            _ => make_tls().map_err(StartError::Certificate)?,
        };
        if let Some(dir) = dir {
            files::write(&dir.join("ca.pem"), ca_pem.as_bytes(), false)?;
            files::write(&dir.join("server.pem"), server_pem.as_bytes(), false)?;
            files::write(&dir.join("server.key.pem"), server_key_pem.as_bytes(), true)?;
        }
        Ok(Self { ca_pem, server_pem, server_key_pem })
    }

    /// A TLS configuration that offers these protocols.
    pub(super) fn tls(&self, alpn: &[&str]) -> Result<Arc<rustls::ServerConfig>, StartError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(self.server_pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(StartError::Pem)?;
        let key = PrivateKeyDer::from_pem_slice(self.server_key_pem.as_bytes()).map_err(StartError::Pem)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(StartError::Tls)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(StartError::Tls)?;
        config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name.push(DnType::OrganizationName, "Tidegate emulator");
    name
}

/// A certificate authority and a certificate signed by it: CA, chain and key, PEM. The authority's key is forgotten.
fn make_tls() -> Result<(String, String, String), rcgen::Error> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.distinguished_name = name("Tidegate emulator CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    ca.not_before = date_time_ymd(2020, 1, 1);
    ca.not_after = date_time_ymd(2049, 1, 1);
    let ca_cert = ca.self_signed(&ca_key)?;
    let issuer = Issuer::from_params(&ca, &ca_key);

    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(NAMES.map(str::to_owned).to_vec())?;
    params.distinguished_name = name("localhost");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 1, 1);
    let cert = params.signed_by(&key, &issuer)?;
    Ok((ca_cert.pem(), format!("{}{}", cert.pem(), ca_cert.pem()), key.serialize_pem()))
}

/// One RSA key for all emulators of a process that were given none: making one takes long.
fn process_rsa_key() -> Result<&'static str, StartError> {
    static KEY: OnceLock<String> = OnceLock::new();
    if let Some(key) = KEY.get() {
        return Ok(key);
    }
    let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).map_err(StartError::Rsa)?;
    let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(StartError::RsaPem)?;
    Ok(KEY.get_or_init(|| pem.to_string()))
}

/// A self-signed X.509 certificate of an RSA key (PKCS #8, PEM).
fn certify(key_pem: &str) -> Result<String, rcgen::Error> {
    let key = KeyPair::from_pkcs8_pem_and_sign_algo(key_pem, &PKCS_RSA_SHA256)?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = name("Tidegate integration");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 1, 1);
    Ok(params.self_signed(&key)?.pem())
}
