//! Retrieving components as a package: asked for, watched, and fetched once.

use std::io::Write;

use base64::Engine;
use bytes::Bytes;

use super::{lists::FileProperties, package::Manifest};
use crate::{
    call::Call,
    error::Error,
    soap::{Element, Endpoint, Operation, SoapCall, SoapHeaders, Xml, open, required, result},
    version::ApiVersion,
};

/// `retrieve`: asks for components. The answer is the retrieval's id, `09S…`. Sent again when the answer was lost: a second
/// retrieval does no harm.
#[derive(Clone, Debug)]
pub struct Retrieve {
    /// Which components.
    pub manifest: Manifest,
}

impl Operation for Retrieve {
    type Reply = String;

    fn what(&self) -> String {
        "asking for a package".into()
    }

    fn name(&self) -> &str {
        "retrieve"
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Metadata
    }

    fn check(&self) -> Result<(), Error> {
        if self.manifest.is_empty() {
            return Err(Error::config("nothing to retrieve was named"));
        }
        Ok(())
    }

    fn write(&self, api: ApiVersion, xml: &mut Xml) {
        xml.node("retrieveRequest", |xml| {
            xml.leaf("apiVersion", self.manifest.version().unwrap_or(&api.to_string()));
            xml.flag("singlePackage", true);
            xml.node("unpackaged", |xml| self.manifest.write(api, xml));
        });
    }

    fn read(&self, answer: Element) -> Result<String, Error> {
        let what = self.what();
        required(&what, &result(&what, answer)?, "id")
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}

/// `checkRetrieveStatus`. With `zip`, the org forgets the package once it was fetched.
#[derive(Clone, Debug)]
pub struct RetrieveStatus {
    /// The retrieval's id.
    pub id: String,
    /// Fetches the package where it is ready.
    pub zip: bool,
}

/// How far a retrieval is.
#[derive(Clone, Debug)]
pub struct RetrieveResult {
    /// Its id.
    pub id: String,
    /// `Pending`, `InProgress`, `Succeeded` or `Failed`.
    pub status: String,
    /// Whether it has ended.
    pub done: bool,
    /// Whether it succeeded.
    pub success: bool,
    /// Why it failed.
    pub error_message: Option<String>,
    /// What is in the package.
    pub files: Vec<FileProperties>,
    /// What could not be found, and other words of the org: file and problem.
    pub messages: Vec<(String, String)>,
    /// The package.
    pub zip: Option<RetrievedZip>,
}

impl Call for RetrieveStatus {
    type Reply = RetrieveResult;

    fn what(&self) -> String {
        if self.zip { format!("fetching the package of {}", self.id) } else { format!("asking for {}", self.id) }
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        SoapCall { operation: self.clone(), headers: SoapHeaders::default() }.request(api)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<RetrieveResult, Error> {
        let what = Call::what(self);
        let body = response.into_body();
        // The package is most of the answer. It is taken out as it is, without a copy, before the rest is read.
        match zip_text(&body) {
            Some(at) => {
                let mut rest = Vec::with_capacity(body.len() - at.len());
                rest.extend_from_slice(&body[..at.start]);
                rest.extend_from_slice(&body[at.end..]);
                let mut result = self.read(open(&what, &rest)?.0)?;
                result.zip = Some(RetrievedZip { base64: body.slice(at) });
                Ok(result)
            }
            None => self.read(open(&what, &body)?.0),
        }
    }

    fn is_idempotent(&self, _: &http::Method) -> bool {
        true
    }
}

impl Operation for RetrieveStatus {
    type Reply = RetrieveResult;

    fn what(&self) -> String {
        Call::what(self)
    }

    fn name(&self) -> &str {
        "checkRetrieveStatus"
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Metadata
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        xml.leaf("asyncProcessId", &self.id);
        xml.flag("includeZip", self.zip);
    }

    fn read(&self, answer: Element) -> Result<RetrieveResult, Error> {
        let what = Call::what(self);
        let mut result = result(&what, answer)?;
        let zip = result.children.iter_mut().find(|child| child.name == "zipFile" && !child.nil);
        let zip = zip.map(|zip| RetrievedZip { base64: Bytes::from(std::mem::take(&mut zip.text)) });
        let message = |message: &Element| {
            let text = |name: &str| message.value(name).unwrap_or_default().to_owned();
            (text("fileName"), text("problem"))
        };
        Ok(RetrieveResult {
            id: required(&what, &result, "id")?,
            status: result.value("status").unwrap_or_default().to_owned(),
            done: required(&what, &result, "done")? == "true",
            success: result.is("success"),
            error_message: result.value("errorMessage").filter(|text| !text.is_empty()).map(str::to_owned),
            files: result.all("fileProperties").map(FileProperties::read).collect(),
            messages: result.all("messages").map(message).collect(),
            zip: zip.filter(|zip| !zip.base64.is_empty()),
        })
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}

/// Where the text of `zipFile` is, if it is plain base64.
fn zip_text(body: &[u8]) -> Option<std::ops::Range<usize>> {
    let name = b"zipFile>";
    let start = body.windows(name.len()).position(|window| window == name)?;
    if !matches!(body.get(start.checked_sub(1)?)?, b'<' | b':') {
        return None;
    }
    let start = start + name.len();
    let text = body.get(start..)?;
    let end = text.iter().position(|byte| !is_base64(*byte))?;
    (end > 0 && text[end] == b'<').then_some(start..start + end)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\r' | b'\n')
}

/// A fetched package, still as the base64 text of the answer.
#[derive(Clone)]
pub struct RetrievedZip {
    base64: Bytes,
}

impl std::fmt::Debug for RetrievedZip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RetrievedZip").field("base64_bytes", &self.base64.len()).finish()
    }
}

impl RetrievedZip {
    /// Writes the zip, piece by piece.
    ///
    /// # Errors
    /// [`Error::Decode`] for what is no base64; [`Error::Config`] where it cannot be written.
    pub fn write_to(&self, out: &mut impl Write) -> Result<(), Error> {
        const WHAT: &str = "decoding a package";
        let engine = base64::engine::general_purpose::STANDARD;
        let (mut group, mut decoded) = (Vec::with_capacity(64 << 10), Vec::with_capacity(48 << 10));
        let mut bytes = self.base64.iter().copied().filter(|byte| !byte.is_ascii_whitespace());
        loop {
            group.clear();
            // Whole groups of four, so that each piece decodes for itself.
            group.extend(bytes.by_ref().take(64 << 10));
            if group.is_empty() {
                return Ok(());
            }
            decoded.clear();
            engine.decode_vec(&group, &mut decoded).map_err(|source| Error::decode(WHAT, source))?;
            out.write_all(&decoded).map_err(|source| Error::config(format!("cannot write the package: {source}")))?;
        }
    }

    /// The zip's bytes. The text is let go of.
    ///
    /// # Errors
    /// As for [`RetrievedZip::write_to`].
    pub fn into_bytes(self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(self.base64.len() / 4 * 3);
        self.write_to(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(zip: &str) -> Result<RetrieveResult, Error> {
        let body = format!(
            "<e:Envelope xmlns:e=\"x\" xmlns:xsi=\"i\"><e:Body><checkRetrieveStatusResponse><result><done>true</done>\
             <fileProperties><fullName>A</fullName><type>CustomObject</type><fileName>objects/A.object</fileName></fileProperties>\
             <id>09S</id><messages><fileName>package.xml</fileName><problem>none</problem></messages><status>Succeeded</status><success>true</success>{zip}</result>\
             </checkRetrieveStatusResponse></e:Body></e:Envelope>"
        );
        RetrieveStatus { id: "09S".into(), zip: true }.reply(http::Response::new(Bytes::from(body)))
    }

    #[test]
    fn the_package_is_taken_out_of_the_answer() {
        let content: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
        let text = base64::engine::general_purpose::STANDARD.encode(&content);
        let lines: String =
            text.as_bytes().chunks(76).map(|l| std::str::from_utf8(l).unwrap().to_owned() + "\n").collect();
        for form in [
            format!("<zipFile>{text}</zipFile>"),
            format!("<m:zipFile>{lines}</m:zipFile>"),
            format!("<zipFile><![CDATA[{text}]]></zipFile>"),
            format!("<zipFile a=\"b\">{text}</zipFile>"),
        ] {
            let result = answer(&form).unwrap();
            assert_eq!(result.zip.unwrap().into_bytes().unwrap(), content);
            assert_eq!(result.messages, [("package.xml".to_owned(), "none".to_owned())]);
            assert_eq!(result.files[0].full_name, "A");
        }
        for none in ["<zipFile xsi:nil=\"true\"/>", "<zipFile></zipFile>", ""] {
            assert!(answer(none).unwrap().zip.is_none(), "{none}");
        }
        assert!(answer("<zipFile>a*b</zipFile>").unwrap().zip.unwrap().into_bytes().is_err());
    }

    proptest! {
        #[test]
        fn no_answer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80), at in 0usize..400) {
            let mut body = b"<e:Envelope xmlns:e=\"x\"><e:Body><r><result><id>1</id><done>true</done><zipFile>QUJD</zipFile></result></r></e:Body></e:Envelope>".to_vec();
            let at = at % body.len();
            body.splice(at..at, bytes.iter().copied());
            if let Ok(result) = (RetrieveStatus { id: "1".into(), zip: true }).reply(http::Response::new(Bytes::from(body)))
                && let Some(zip) = result.zip
            {
                let _ = zip.into_bytes();
            }
        }
    }
}
