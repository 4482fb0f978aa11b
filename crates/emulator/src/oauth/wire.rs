//! How ids and certificates of connected apps are written as JSON.

/// A record id as its 18 characters, `null` for none.
pub(super) mod record_id {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::RecordId;

    pub(crate) fn serialize<S: Serializer>(id: &Option<RecordId>, to: S) -> Result<S::Ok, S::Error> {
        id.map(|id| id.to_string()).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<RecordId>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| RecordId::parse(&text).ok_or_else(|| D::Error::custom(format!("{text:?} is no record id"))))
            .transpose()
    }
}

/// Record ids as a list of their 18 characters.
pub(super) mod record_ids {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::RecordId;

    pub(crate) fn serialize<S: Serializer>(ids: &[RecordId], to: S) -> Result<S::Ok, S::Error> {
        ids.iter().map(ToString::to_string).collect::<Vec<_>>().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<RecordId>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let parse =
            |text: &String| RecordId::parse(text).ok_or_else(|| D::Error::custom(format!("{text:?} is no record id")));
        texts.iter().map(parse).collect()
    }
}

/// A certificate, DER, as PEM.
pub(super) mod certificate {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use x509_parser::prelude::{FromDer, X509Certificate};

    /// Characters of a line of PEM.
    const LINE: usize = 64;

    pub(crate) fn serialize<S: Serializer>(der: &Option<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
        let pem = der.as_ref().map(|der| {
            let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
            for line in STANDARD.encode(der).as_bytes().chunks(LINE) {
                pem.push_str(&String::from_utf8_lossy(line));
                pem.push('\n');
            }
            pem.push_str("-----END CERTIFICATE-----\n");
            pem
        });
        pem.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
        let Some(pem) = Option::<String>::deserialize(from)? else { return Ok(None) };
        let der = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| D::Error::custom("a certificate must be X.509, PEM"))?;
        X509Certificate::from_der(&der).map_err(|_| D::Error::custom("a certificate must be X.509"))?;
        Ok(Some(der.to_vec()))
    }
}

/// A record id as its 18 characters.
pub(super) mod id {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::RecordId;

    pub(crate) fn serialize<S: Serializer>(id: &RecordId, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<RecordId, D::Error> {
        let text = String::deserialize(from)?;
        RecordId::parse(&text).ok_or_else(|| D::Error::custom(format!("{text:?} is no record id")))
    }
}
