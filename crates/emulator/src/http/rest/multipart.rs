//! `multipart/form-data`: parts that share the memory of the body they came in.

use bytes::Bytes;

use crate::ApiError;

/// Parts of one body. More than any documented use needs.
const PARTS_MAX: usize = 400;

/// One part.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// `name` of its `Content-Disposition`.
    pub(super) name: String,
    /// Its content type, in lower case.
    pub(super) kind: Option<String>,
    /// Whether it has a file's name.
    pub(super) is_file: bool,
    pub(super) data: Bytes,
}

/// The boundary of a content type, if it is multipart.
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case("boundary") && !value.is_empty()).then_some(value)
    })
}

/// Takes a body apart.
pub(super) fn parse(body: &Bytes, boundary: &str) -> Result<Vec<Part>, ApiError> {
    let malformed =
        |what: &str| ApiError::new("POST_BODY_PARSE_ERROR", format!("Multipart message is malformed: {what}"));
    let marker = format!("--{boundary}");
    let marker = marker.as_bytes();
    let mut at = find(body, marker, 0).ok_or_else(|| malformed("no boundary"))? + marker.len();
    let mut parts = Vec::new();
    while !body[at..].starts_with(b"--") {
        let start = find(body, b"\n", at).ok_or_else(|| malformed("a boundary's line does not end"))? + 1;
        let end = find(body, marker, start).ok_or_else(|| malformed("the last boundary is missing"))?;
        at = end + marker.len();
        // The line end before a boundary belongs to the boundary.
        let part = body[start..end].strip_suffix(b"\n").ok_or_else(|| malformed("a part does not end"))?;
        let part = part.strip_suffix(b"\r").unwrap_or(part);
        let (head, gap) = head(part).ok_or_else(|| malformed("a part has no headers"))?;
        let data = body.slice(start + gap..start + part.len());
        let name = parameter(head, "name").ok_or_else(|| malformed("a part has no name"))?;
        let kind = header(head, "content-type").map(|kind| kind.trim().to_ascii_lowercase());
        parts.push(Part { name, kind, is_file: parameter(head, "filename").is_some(), data });
        if parts.len() > PARTS_MAX {
            return Err(malformed("too many parts"));
        }
    }
    Ok(parts)
}

/// The place of `wanted` in `text` from `from` on. By its first byte, so that megabytes of anything else pass quickly.
fn find(text: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let first = *wanted.first()?;
    let mut at = from;
    loop {
        at += text.get(at..)?.iter().position(|b| *b == first)?;
        if text[at..].starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
}

/// The headers of a part, and where its data begins.
fn head(part: &[u8]) -> Option<(&str, usize)> {
    [&b"\r\n\r\n"[..], b"\n\n"]
        .into_iter()
        .filter_map(|gap| find(part, gap, 0).map(|at| (at, at + gap.len())))
        .min()
        .and_then(|(end, data)| Some((std::str::from_utf8(&part[..end]).ok()?, data)))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.trim().eq_ignore_ascii_case(name).then_some(value)
    })
}

fn parameter(head: &str, name: &str) -> Option<String> {
    header(head, "content-disposition")?.split(';').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_their_bytes_whatever_they_are() {
        let mut body = b"--x\r\nContent-Disposition: form-data; name=\"entity_content\";\r\nContent-Type: application/json\r\n\r\n{}\r\n--x\r\nContent-Disposition: form-data; name=\"VersionData\"; filename=\"a.bin\"\r\n\r\n".to_vec();
        body.extend([0, 13, 10, 45, 45, 255, 10]);
        body.extend(b"\r\n--x--\r\n");
        let parts = parse(&body.into(), "x").unwrap();
        assert_eq!(
            (parts[0].name.as_str(), parts[0].data.as_ref(), parts[0].is_file),
            ("entity_content", &b"{}"[..], false)
        );
        assert_eq!(parts[0].kind.as_deref(), Some("application/json"));
        assert_eq!(
            (parts[1].name.as_str(), parts[1].data.as_ref()),
            ("VersionData", &[0, 13, 10, 45, 45, 255, 10][..])
        );
        assert!(parts[1].is_file);
        assert_eq!(boundary("multipart/form-data; boundary=\"x\""), Some("x"));
        assert_eq!(boundary("multipart/form-data; boundary="), None);
    }

    #[test]
    fn broken_bodies_are_errors() {
        for body in ["", "--x", "--x\n", "--x\nA: b\n\nc", "--x\nA: b\n\nc\n--x--", "--x\nno headers\n--x--"] {
            assert!(parse(&Bytes::from_static(body.as_bytes()), "x").is_err(), "{body:?}");
        }
        assert!(parse(&Bytes::from_static(b"--x--"), "x").unwrap().is_empty());
    }
}
