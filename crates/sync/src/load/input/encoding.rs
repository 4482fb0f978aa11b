//! Which bytes stand for which characters. What is sent is UTF-8, whatever the file is written in.

use std::io::{self, Read, Write};

use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// What the beginning of a file says about its encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beginning {
    /// The encoding that its byte order mark names; UTF-8 where there is no mark.
    pub(crate) encoding: &'static Encoding,
    /// Bytes of the mark.
    pub(crate) mark: usize,
    /// The encoding that it seems to have although no mark says so.
    pub(crate) looks_like: Option<&'static Encoding>,
}

impl Beginning {
    pub(crate) fn of(sample: &[u8]) -> Self {
        if let Some((encoding, mark)) = Encoding::for_bom(sample) {
            return Self { encoding, mark, looks_like: None };
        }
        Self { encoding: UTF_8, mark: 0, looks_like: utf_16(sample) }
    }
}

/// Text in Latin letters has every other byte NUL in UTF-16.
fn utf_16(sample: &[u8]) -> Option<&'static Encoding> {
    let nul = |from: usize| sample.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (nul(0), nul(1));
    let many = sample.len() / 4;
    match () {
        () if sample.len() < 4 => None,
        () if odd > many && even < odd / 4 => Some(UTF_16LE),
        () if even > many && odd < even / 4 => Some(UTF_16BE),
        () => None,
    }
}

/// An encoding by one of its usual names.
pub fn encoding(name: &str) -> Option<&'static Encoding> {
    let name = name.trim();
    let find = |name: &str| Encoding::for_label_no_replacement(name.as_bytes());
    // People write `latin-1` for what the registry calls `latin1`.
    find(name).or_else(|| find(&name.replace(['-', '_'], "")))
}

/// Bytes that are no UTF-8, as the encoding that such files usually have shows them.
pub(crate) fn as_windows_1252(bytes: &[u8]) -> String {
    WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()
}

/// Copies from one encoding into UTF-8. `Ok(Err(at))` says that the bytes before `at` end in one that has no meaning.
pub(crate) fn transcode(
    encoding: &'static Encoding,
    from: &mut dyn Read,
    to: &mut dyn Write,
) -> io::Result<Result<u64, u64>> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut raw = vec![0; 64 << 10];
    let mut text = vec![0; 256 << 10];
    let (mut read, mut written) = (0u64, 0u64);
    loop {
        let n = from.read(&mut raw)?;
        let mut rest = raw.get(..n).unwrap_or_default();
        let last = n == 0;
        loop {
            let (result, taken, made) = decoder.decode_to_utf8_without_replacement(rest, &mut text, last);
            rest = rest.get(taken..).unwrap_or_default();
            read += taken as u64;
            written += made as u64;
            to.write_all(text.get(..made).unwrap_or_default())?;
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => return Ok(Err(read)),
            }
        }
        if last {
            return Ok(Ok(written));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings() {
        assert_eq!(Beginning::of(b"\xef\xbb\xbfId\n"), Beginning { encoding: UTF_8, mark: 3, looks_like: None });
        assert_eq!(Beginning::of(b"\xff\xfeI\0d\0").encoding, UTF_16LE);
        assert_eq!(Beginning::of(b"I\0d\0,\0A\0\n\0").looks_like, Some(UTF_16LE));
        assert_eq!(Beginning::of(b"\0I\0d\0,\0A\0\n").looks_like, Some(UTF_16BE));
        assert_eq!(Beginning::of(b"Id,Name\n1,a\n").looks_like, None);
    }

    #[test]
    fn transcodes_and_says_where_it_cannot() {
        let run = |name: &str, bytes: &[u8]| {
            let mut out = vec![];
            transcode(encoding(name).unwrap(), &mut &bytes[..], &mut out)
                .unwrap()
                .map(|_| String::from_utf8(out).unwrap())
        };
        assert_eq!(run("latin1", b"caf\xe9 \x80"), Ok("café €".to_owned()));
        assert_eq!(run("utf-16le", b"a\0\xe9\0"), Ok("aé".to_owned()));
        assert_eq!(run("utf-8", b"ab\xffc"), Err(3));
        assert_eq!(run("shift_jis", b"\x83\x65"), Ok("テ".to_owned()));
        assert!(encoding("ebcdic").is_none());
    }
}
