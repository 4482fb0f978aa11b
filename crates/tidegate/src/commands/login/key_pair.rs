//! A new RSA key and a certificate of it, for an app that signs in by JWT.

use std::path::Path;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256, date_time_ymd};
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use tidegate_client::SecretPlace;

use crate::failure::Failure;

/// Salesforce takes 2,048 at least; more only makes each sign-in slower.
const BITS: usize = 2048;
/// How long the certificate is good. Salesforce refuses assertions of an expired one.
const YEARS: i32 = 5;

/// Writes a new key and its certificate, both PEM. Takes a second or two.
pub(super) async fn make(name: &str, key_file: &Path, certificate_file: &Path) -> Result<(), Failure> {
    let failed =
        |error: &(dyn std::error::Error + 'static)| Failure::failed("cannot make a key pair").with_cause(error);
    let common_name = format!("tidegate {name}");
    let made = tokio::task::spawn_blocking(move || -> Result<_, Failure> {
        let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, BITS).map_err(|e| failed(&e))?;
        let key_pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|e| failed(&e))?;
        let certificate = certify(&common_name, &key_pem).map_err(|e| failed(&e))?;
        Ok((secrecy::SecretString::from(key_pem.as_str()), certificate))
    });
    let (key, certificate) = made.await.map_err(|error| failed(&error))??;
    let cannot = |file: &Path, error: std::io::Error| {
        Failure::failed(format!("cannot write {}", file.display())).with_cause(&error)
    };
    // The certificate is no secret, but its file is handed over, so nobody else should be able to change it.
    let write = |file: &Path, text| SecretPlace::File(file.to_owned()).write(text).map_err(|error| cannot(file, error));
    write(key_file, &key)?;
    write(certificate_file, &certificate.into())
}

/// A certificate of the key, signed by itself, good from yesterday on.
fn certify(common_name: &str, key_pem: &str) -> Result<String, rcgen::Error> {
    let key = KeyPair::from_pkcs8_pem_and_sign_algo(key_pem, &PKCS_RSA_SHA256)?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let yesterday = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().yesterday();
    let day = yesterday.unwrap_or(jiff::civil::date(2026, 1, 1));
    // A date that every year has.
    let (month, of_month) = (day.month().unsigned_abs(), day.day().unsigned_abs().min(28));
    params.not_before = date_time_ymd(i32::from(day.year()), month, of_month);
    params.not_after = date_time_ymd(i32::from(day.year()) + YEARS, month, of_month);
    Ok(params.self_signed(&key)?.pem())
}
