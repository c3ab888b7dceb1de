//! Reads one HTTP/1.1 response (RFC 9112) from a keep-alive connection.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// More than any sensible head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
/// Answers carry about 120 bytes an event; this is room for 30,000 of them.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A read asks for at least this much.
const READ_BYTES: usize = 4 * 1024;

/// A complete response.
#[derive(Debug, PartialEq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// Whether the connection can carry another request.
    pub(super) is_reusable: bool,
}

/// There is no complete response.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResponseError {
    #[error("connection closed before the response was complete")]
    Closed,
    #[error("connection broke: {0}")]
    Broken(#[from] io::Error),
    #[error("not an http response: {0}")]
    Malformed(&'static str),
}

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

/// Reads a response. `buffer` is scratch space that keeps its capacity between calls.
pub(super) async fn read_response(
    reader: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> Result<Response, ResponseError> {
    buffer.clear();
    let head = loop {
        match parse_head(buffer)? {
            // An interim response, such as 100 Continue, precedes the real one.
            Some(head) if head.status < 200 => drop(buffer.drain(..head.length)),
            Some(head) => break head,
            None => fill(reader, buffer, HEAD_BYTES_MAX).await?,
        }
    };
    let (body, consumed) = read_body(reader, buffer, &head).await?;
    let is_reusable = head.keeps_alive && consumed == buffer.len() && head.framing != Framing::UntilClose;
    Ok(Response { status: head.status, body, is_reusable })
}

/// The body, and how much of the buffer head and body took.
async fn read_body(
    reader: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
    head: &Head,
) -> Result<(Vec<u8>, usize), ResponseError> {
    let bytes_max = head.length + BODY_BYTES_MAX;
    match head.framing {
        Framing::Length(length) => {
            if length > BODY_BYTES_MAX {
                return Err(ResponseError::Malformed("body is too long"));
            }
            let end = head.length + length;
            while buffer.len() < end {
                fill(reader, buffer, bytes_max).await?;
            }
            Ok((buffer[head.length..end].to_vec(), end))
        }
        Framing::Chunked => loop {
            if let Some((body, length)) = decode_chunks(&buffer[head.length..])? {
                return Ok((body, head.length + length));
            }
            fill(reader, buffer, bytes_max).await?;
        },
        Framing::UntilClose => loop {
            match fill(reader, buffer, bytes_max).await {
                Ok(()) => {}
                Err(ResponseError::Closed) => return Ok((buffer[head.length..].to_vec(), buffer.len())),
                Err(error) => return Err(error),
            }
        },
    }
}

/// Reads what there is, at least one byte.
async fn fill(
    reader: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
    bytes_max: usize,
) -> Result<(), ResponseError> {
    if buffer.len() >= bytes_max {
        return Err(ResponseError::Malformed("response is too long"));
    }
    buffer.reserve(READ_BYTES);
    match reader.read_buf(buffer).await? {
        0 => Err(ResponseError::Closed),
        _ => Ok(()),
    }
}

fn parse_head(buffer: &[u8]) -> Result<Option<Head>, ResponseError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(buffer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(ResponseError::Malformed("head cannot be parsed")),
    };
    let status = response.code.unwrap_or_default();
    let mut keeps_alive = response.version == Some(1);
    let mut framing =
        if matches!(status, 100..=199 | 204 | 304) { Framing::Length(0) } else { Framing::UntilClose };
    for header in response.headers {
        if header.name.eq_ignore_ascii_case("connection") && has_token(header.value, "close") {
            keeps_alive = false;
        } else if framing == Framing::Length(0) && matches!(status, 100..=199 | 204 | 304) {
            // These never have a body, whatever their headers say.
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if !has_token(header.value, "chunked") {
                return Err(ResponseError::Malformed("unknown transfer encoding"));
            }
            framing = Framing::Chunked;
        } else if header.name.eq_ignore_ascii_case("content-length") && framing != Framing::Chunked {
            let declared = Framing::Length(parse_length(header.value)?);
            if framing != Framing::UntilClose && framing != declared {
                return Err(ResponseError::Malformed("two content lengths"));
            }
            framing = declared;
        }
    }
    Ok(Some(Head { length, status, framing, keeps_alive }))
}

fn has_token(value: &[u8], token: &str) -> bool {
    value.split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

fn parse_length(value: &[u8]) -> Result<usize, ResponseError> {
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value)
        .ok()
        .filter(|_| is_number)
        .and_then(|text| text.parse().ok())
        .ok_or(ResponseError::Malformed("content length is not a number"))
}

/// The decoded body and the length of its encoded form; none while it is incomplete.
fn decode_chunks(encoded: &[u8]) -> Result<Option<(Vec<u8>, usize)>, ResponseError> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let (line, size) = match httparse::parse_chunk_size(&encoded[at..]) {
            Ok(httparse::Status::Complete(parsed)) => parsed,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(ResponseError::Malformed("chunk size is not a number")),
        };
        at += line;
        if size == 0 {
            return Ok(end_of_trailers(&encoded[at..]).map(|length| (body, at + length)));
        }
        let size = usize::try_from(size).ok().filter(|size| *size <= BODY_BYTES_MAX);
        let size = size.ok_or(ResponseError::Malformed("chunk is too long"))?;
        match encoded.get(at + size..at + size + 2) {
            None => return Ok(None),
            Some(b"\r\n") => body.extend_from_slice(&encoded[at..at + size]),
            Some(_) => return Err(ResponseError::Malformed("chunk has no end")),
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

    /// Hands out a few bytes at a time, as a slow network does.
    async fn read_in_pieces(bytes: &[u8], piece: usize) -> Result<Response, ResponseError> {
        let (mut reader, mut writer) = tokio::io::duplex(piece);
        let write = async {
            // Fails where the reader has seen enough.
            tokio::io::AsyncWriteExt::write_all(&mut writer, bytes).await.ok();
            drop(writer);
        };
        let mut buffer = Vec::new();
        let read = async {
            let response = read_response(&mut reader, &mut buffer).await;
            drop(reader);
            response
        };
        tokio::join!(write, read).1
    }

    async fn read(text: &str) -> Result<Response, ResponseError> {
        let whole = read_in_pieces(text.as_bytes(), 64 * 1024).await;
        let pieces = read_in_pieces(text.as_bytes(), 3).await;
        assert_eq!(format!("{:?}", whole.as_ref().ok()), format!("{:?}", pieces.ok()), "{text:?}");
        whole
    }

    fn response(status: u16, body: &str, is_reusable: bool) -> Response {
        Response { status, body: body.as_bytes().to_vec(), is_reusable }
    }

    #[tokio::test]
    async fn every_framing_is_understood() {
        let cases = [
            ("HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhello", response(202, "hello", true)),
            ("HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", response(204, "", true)),
            ("HTTP/1.1 200 OK\r\n\r\nuntil close", response(200, "until close", false)),
            ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi", response(200, "hi", false)),
            ("HTTP/1.1 429 x\r\nconnection: Close\r\ncontent-length: 0\r\n\r\n", response(429, "", false)),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n there\r\n0\r\n\r\n",
                response(200, "hello there", true),
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nETag: y\r\n\r\n",
                response(200, "x", true),
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\ncontent-length: 1\r\n\r\n1",
                response(202, "1", true),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text).await.unwrap(), expected, "{text:?}");
        }
    }

    #[tokio::test]
    async fn bytes_after_the_response_end_the_connection() {
        let text = b"HTTP/1.1 202 Accepted\r\ncontent-length: 1\r\n\r\n1HTTP/1.1 202";
        let response = read_in_pieces(text, 1024).await.unwrap();
        assert!(!response.is_reusable);
    }

    #[tokio::test]
    async fn garbage_is_malformed() {
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
            let error = read(text).await.unwrap_err();
            assert!(matches!(error, ResponseError::Malformed(_)), "{text:?}: {error}");
        }
    }

    #[tokio::test]
    async fn endless_response_is_given_up() {
        let head = format!("HTTP/1.1 202 Accepted\r\nx: {}", "y".repeat(2 * HEAD_BYTES_MAX));
        let body = format!("HTTP/1.1 202 Accepted\r\n\r\n{}", "y".repeat(BODY_BYTES_MAX + 1024 * 1024));
        for text in [head, body] {
            let error = read_in_pieces(text.as_bytes(), 64 * 1024).await.unwrap_err();
            assert!(matches!(error, ResponseError::Malformed(_)), "{error}");
        }
    }

    #[tokio::test]
    async fn response_that_ends_early_is_closed() {
        for text in ["", "HTTP/1.1 20", "HTTP/1.1 202 Accepted\r\ncontent-length: 5\r\n\r\nhel"] {
            let error = read(text).await.unwrap_err();
            assert!(matches!(error, ResponseError::Closed), "{text:?}: {error}");
        }
    }
}
