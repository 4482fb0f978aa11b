//! `multipart/form-data` with a part for the job and one for its data.

use crate::ApiError;

/// The parts of a body, by name: the job's JSON and the CSV.
pub(super) struct Parts {
    pub(super) job: Vec<u8>,
    pub(super) content: Vec<u8>,
}

/// The boundary of a content type, if it is multipart.
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })
}

/// Takes a body apart.
pub(super) fn parse(body: &[u8], boundary: &str) -> Result<Parts, ApiError> {
    let malformed = |what: &str| ApiError::new("INVALIDJOB", format!("The multipart body is malformed: {what}"));
    let marker = format!("--{boundary}");
    let (mut job, mut content) = (None, None);
    let mut rest = after(body, marker.as_bytes()).ok_or_else(|| malformed("no boundary"))?;
    while !rest.starts_with(b"--") {
        let rest_of_line = after(rest, b"\n").ok_or_else(|| malformed("a boundary's line does not end"))?;
        // The line end before the next boundary belongs to the boundary.
        let end = find(rest_of_line, marker.as_bytes()).ok_or_else(|| malformed("the last boundary is missing"))?;
        let part = &rest_of_line[..end];
        let part = part.strip_suffix(b"\r\n").or_else(|| part.strip_suffix(b"\n")).unwrap_or(part);
        let (head, data) = split_head(part).ok_or_else(|| malformed("a part has no headers"))?;
        match part_name(head).as_deref() {
            Some("job") => job = Some(data.to_vec()),
            Some("content") => content = Some(data.to_vec()),
            _ => return Err(malformed("the parts are named job and content")),
        }
        rest = &rest_of_line[end + marker.len()..];
    }
    match (job, content) {
        (Some(job), Some(content)) => Ok(Parts { job, content }),
        _ => Err(malformed("a part is missing")),
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn after<'a>(text: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    text.get(find(text, wanted)? + wanted.len()..)
}

fn split_head(part: &[u8]) -> Option<(&str, &[u8])> {
    for gap in [&b"\r\n\r\n"[..], b"\n\n"] {
        if let Some(at) = find(part, gap) {
            return Some((std::str::from_utf8(&part[..at]).ok()?, &part[at + gap.len()..]));
        }
    }
    None
}

/// `name` of the `Content-Disposition` header.
fn part_name(head: &str) -> Option<String> {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    line.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("name").then(|| value.trim().trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_are_found_whatever_the_line_ends() {
        let body = "--B\nContent-Type: application/json\nContent-Disposition: form-data; name=\"job\"\n\n{\"object\":\"Contact\"}\n\
                    --B\nContent-Type: text/csv\nContent-Disposition: form-data; name=\"content\"; filename=\"content\"\n\nA,B\n1,2\n\n--B--\n";
        for body in [body.to_owned(), body.replace('\n', "\r\n")] {
            let parts = parse(body.as_bytes(), "B").unwrap();
            assert_eq!(parts.job, b"{\"object\":\"Contact\"}");
            assert_eq!(String::from_utf8(parts.content).unwrap().replace('\r', ""), "A,B\n1,2\n");
        }
        assert_eq!(boundary("multipart/form-data; charset=x; boundary=\"B\""), Some("B"));
        assert_eq!(boundary("application/json"), None);
    }

    #[test]
    fn broken_bodies_are_errors() {
        for body in [
            "",
            "--B",
            "--B\n",
            "--B--",
            "--B\nx\n--B--",
            "--B\nContent-Disposition: form-data; name=\"x\"\n\ny\n--B--",
        ] {
            assert!(parse(body.as_bytes(), "B").is_err(), "{body}");
        }
    }
}
