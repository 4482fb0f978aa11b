//! `multipart/form-data` of a deployment: one part is JSON, one is the zip file, whatever their names and order.

/// The parts of a deployment's body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    /// The JSON.
    pub(super) json: Option<&'a [u8]>,
    /// The zip file.
    pub(super) zip: Option<&'a [u8]>,
}

/// The boundary of a content type, if it is multipart.
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })
}

/// Takes a body apart. `None` where it is malformed. A part is told by its content type; where it has none, by its
/// first bytes.
pub(super) fn parse<'a>(body: &'a [u8], boundary: &str) -> Option<Parts<'a>> {
    let marker = format!("--{boundary}");
    let mut parts = Parts::default();
    let mut rest = after(body, marker.as_bytes())?;
    while !rest.starts_with(b"--") {
        let line = after(rest, b"\n")?;
        let end = find(line, marker.as_bytes())?;
        let part = line.get(..end)?;
        let part = part.strip_suffix(b"\r\n").or_else(|| part.strip_suffix(b"\n")).unwrap_or(part);
        let gap = [&b"\r\n\r\n"[..], b"\n\n"].into_iter().find_map(|gap| Some((find(part, gap)?, gap.len())));
        let (head, data) = match gap {
            Some((at, length)) => (part.get(..at)?, part.get(at + length..)?),
            None => return None,
        };
        let head = String::from_utf8_lossy(head).to_ascii_lowercase();
        let kind =
            head.lines().find_map(|line| line.strip_prefix("content-type:")).unwrap_or_default().trim().to_owned();
        if kind.starts_with("application/json") || data.first() == Some(&b'{') {
            parts.json = Some(data);
        } else if data.starts_with(b"PK") || kind.contains("zip") || kind.contains("octet-stream") {
            parts.zip = Some(data);
        }
        rest = line.get(end + marker.len()..)?;
    }
    Some(parts)
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    // Zip files are long: the first byte is looked for before the rest is compared.
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = text.get(from..)?.iter().position(|b| *b == first).map(|at| from + at) {
        if text.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

fn after<'a>(text: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    text.get(find(text, wanted)? + wanted.len()..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_go_by_their_content_whatever_their_names_and_order() {
        let json = "Content-Disposition: form-data; name=\"entity_content\"\r\nContent-Type: application/json\r\n\r\n{\"a\":1}";
        let zip = "Content-Disposition: form-data; name=\"file\"; filename=\"package.xml\"\r\nContent-Type: application/zip\r\n\r\nPK\r\n\r\n--x";
        for (a, b) in [(json, zip), (zip, json)] {
            let body = format!("--B\r\n{a}\r\n--B\r\n{b}\r\n--B--\r\n");
            let parts = parse(body.as_bytes(), "B").unwrap();
            assert_eq!(parts.json, Some(&b"{\"a\":1}"[..]));
            assert_eq!(parts.zip, Some(&b"PK\r\n\r\n--x"[..]));
        }
        assert_eq!(boundary("multipart/form-data; boundary=\"B\""), Some("B"));
        assert_eq!(boundary("application/json"), None);
    }

    #[test]
    fn broken_bodies_are_none() {
        for body in ["", "--B", "--B\r\nx", "--B\r\nx\r\n--B--"] {
            assert_eq!(parse(body.as_bytes(), "B"), None, "{body}");
        }
    }
}
