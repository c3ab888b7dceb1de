//! Reads one HTTP/1.1 response (RFC 9112) from what a keep-alive connection has received so far.
//!
//! Not a general HTTP client on purpose: such a one does not tell whether a byte of a failed request left, and takes
//! the send time before its own queues instead of at the socket.

use std::borrow::Cow;

/// More than any sensible head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
/// Answers carry about 120 bytes an event; this is room for 30,000 of them.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A complete response.
#[derive(Debug, PartialEq)]
pub(super) struct Response<'a> {
    pub(super) status: u16,
    pub(super) body: Cow<'a, [u8]>,
    /// Whether the connection can carry another request.
    pub(super) is_reusable: bool,
}

/// What was received is no HTTP response.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("not an http response: {0}")]
pub(super) struct Malformed(&'static str);

/// How the end of a body is recognised.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

/// What the head says.
struct Head {
    length: usize,
    status: u16,
    framing: Framing,
    keeps_alive: bool,
}

/// The response in `received`; none while it is incomplete. `is_closed` says that nothing more will come.
pub(super) fn parse(received: &[u8], is_closed: bool) -> Result<Option<Response<'_>>, Malformed> {
    let mut rest = received;
    let head = loop {
        match parse_head(rest)? {
            // An interim response, such as 100 Continue, precedes the real one.
            Some(head) if head.status < 200 => rest = &rest[head.length..],
            Some(head) => break head,
            None if rest.len() >= HEAD_BYTES_MAX => return Err(Malformed("head is too long")),
            None => return Ok(None),
        }
    };
    let encoded = &rest[head.length..];
    let (body, consumed) = match head.framing {
        Framing::Length(length) if length > BODY_BYTES_MAX => return Err(Malformed("body is too long")),
        Framing::Length(length) if encoded.len() < length => return Ok(None),
        Framing::Length(length) => (Cow::Borrowed(&encoded[..length]), length),
        Framing::Chunked => match decode_chunks(encoded)? {
            Some((body, length)) => (Cow::Owned(body), length),
            None if encoded.len() > BODY_BYTES_MAX => return Err(Malformed("body is too long")),
            None => return Ok(None),
        },
        Framing::UntilClose if encoded.len() > BODY_BYTES_MAX => return Err(Malformed("body is too long")),
        Framing::UntilClose if is_closed => (Cow::Borrowed(encoded), encoded.len()),
        Framing::UntilClose => return Ok(None),
    };
    let is_reusable = head.keeps_alive && consumed == encoded.len() && !is_closed;
    Ok(Some(Response { status: head.status, body, is_reusable }))
}

fn parse_head(received: &[u8]) -> Result<Option<Head>, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(received) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Malformed("head cannot be parsed")),
    };
    let status = response.code.unwrap_or_default();
    let has_no_body = matches!(status, 100..=199 | 204 | 304);
    let mut keeps_alive = response.version == Some(1);
    let mut framing = if has_no_body { Framing::Length(0) } else { Framing::UntilClose };
    for header in response.headers {
        if header.name.eq_ignore_ascii_case("connection") && has_token(header.value, "close") {
            keeps_alive = false;
        } else if has_no_body {
            // Whatever its headers say.
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if !has_token(header.value, "chunked") {
                return Err(Malformed("unknown transfer encoding"));
            }
            framing = Framing::Chunked;
        } else if header.name.eq_ignore_ascii_case("content-length") && framing != Framing::Chunked {
            let declared = Framing::Length(parse_length(header.value)?);
            if framing != Framing::UntilClose && framing != declared {
                return Err(Malformed("two content lengths"));
            }
            framing = declared;
        }
    }
    Ok(Some(Head { length, status, framing, keeps_alive: keeps_alive && framing != Framing::UntilClose }))
}

fn has_token(value: &[u8], token: &str) -> bool {
    value.split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

fn parse_length(value: &[u8]) -> Result<usize, Malformed> {
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value)
        .ok()
        .filter(|_| is_number)
        .and_then(|text| text.parse().ok())
        .ok_or(Malformed("content length is not a number"))
}

/// The decoded body and the length of its encoded form; none while it is incomplete.
fn decode_chunks(encoded: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Malformed> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let (line, size) = match httparse::parse_chunk_size(&encoded[at..]) {
            Ok(httparse::Status::Complete(parsed)) => parsed,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(Malformed("chunk size is not a number")),
        };
        at += line;
        if size == 0 {
            return Ok(end_of_trailers(&encoded[at..]).map(|length| (body, at + length)));
        }
        let size = usize::try_from(size).ok().filter(|size| *size <= BODY_BYTES_MAX);
        let size = size.ok_or(Malformed("chunk is too long"))?;
        match encoded.get(at + size..at + size + 2) {
            None => return Ok(None),
            Some(b"\r\n") => body.extend_from_slice(&encoded[at..at + size]),
            Some(_) => return Err(Malformed("chunk has no end")),
        }
        at += size + 2;
    }
}

/// Trailers end with an empty line, as a head does; mostly there are none.
fn end_of_trailers(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"\r\n") {
        return Some(2);
    }
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|position| position + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a connection makes of bytes that arrive one by one and then end.
    fn read(received: &[u8]) -> Result<Option<Response<'_>>, Malformed> {
        for end in 0..=received.len() {
            match parse(&received[..end], false) {
                Ok(None) => {}
                complete if end == received.len() => return complete,
                // The rest belongs to nobody.
                Ok(Some(_)) => return parse(received, false),
                Err(error) => return Err(error),
            }
        }
        parse(received, true)
    }

    #[test]
    fn every_framing_is_understood() {
        let cases = [
            ("HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhello", 202, "hello", true),
            ("HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", 204, "", true),
            ("HTTP/1.1 200 OK\r\n\r\nuntil close", 200, "until close", false),
            ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi", 200, "hi", false),
            ("HTTP/1.1 429 x\r\nconnection: Close\r\ncontent-length: 0\r\n\r\n", 429, "", false),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n there\r\n0\r\n\r\n",
                200,
                "hello there",
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nETag: y\r\n\r\n",
                200,
                "x",
                true,
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\ncontent-length: 1\r\n\r\n1",
                202,
                "1",
                true,
            ),
        ];
        for (text, status, body, is_reusable) in cases {
            let expected = Response { status, body: body.as_bytes().into(), is_reusable };
            assert_eq!(read(text.as_bytes()), Ok(Some(expected)), "{text:?}");
        }
    }

    #[test]
    fn bytes_after_the_response_end_the_connection() {
        let text = b"HTTP/1.1 202 Accepted\r\ncontent-length: 1\r\n\r\n1HTTP/1.1 202";
        assert!(!parse(text, false).unwrap().unwrap().is_reusable);
    }

    #[test]
    fn garbage_is_malformed() {
        for text in [
            "SMTP ready\r\n\r\n",
            "HTTP/1.1 202 Accepted\r\ncontent-length: many\r\n\r\n",
            "HTTP/1.1 202 Accepted\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 202 Accepted\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n12",
            "HTTP/1.1 202 Accepted\r\ncontent-length: 99999999\r\n\r\n",
            "HTTP/1.1 202 Accepted\r\ntransfer-encoding: gzip\r\n\r\n",
            "HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n1\r\nxyz0\r\n\r\n",
            "HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn endless_response_is_given_up() {
        let head = format!("HTTP/1.1 202 Accepted\r\nx: {}", "y".repeat(2 * HEAD_BYTES_MAX));
        let body = format!("HTTP/1.1 202 Accepted\r\n\r\n{}", "y".repeat(BODY_BYTES_MAX + 1));
        let chunks = "1000\r\n".to_owned() + &"y".repeat(0x1000) + "\r\n";
        let chunked = format!("HTTP/1.1 202 A\r\ntransfer-encoding: chunked\r\n\r\n{}", chunks.repeat(1_100));
        for text in [head, body, chunked] {
            assert!(parse(text.as_bytes(), false).is_err());
        }
    }

    #[test]
    fn response_that_ends_early_is_incomplete() {
        for text in ["", "HTTP/1.1 20", "HTTP/1.1 202 Accepted\r\ncontent-length: 5\r\n\r\nhel"] {
            assert_eq!(parse(text.as_bytes(), true), Ok(None), "{text:?}");
        }
    }
}
