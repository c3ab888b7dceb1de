//! One request and its response on a connection, with exact knowledge of whether anything was written.
//!
//! Not a general HTTP client on purpose: such a one does not tell whether a byte of a failed request left, and
//! takes the send time before its own queues instead of at the socket.

use std::cell::Cell;
use std::io;
use std::pin::pin;

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::response::{Response, ResponseError, read_response};

/// There is no answer. What that says about the request differs.
#[derive(Debug)]
pub(super) enum ExchangeError {
    /// Not a byte of the request left: the receiver cannot have it.
    NotWritten,
    /// The connection broke after some or all of it was written: the receiver may have it.
    Broken,
    /// The receiver answered with something else than HTTP: it may have the request.
    Malformed,
}

/// Sends `request` and reads the response. `buffer` is scratch space for reading.
///
/// Reads while it writes: a receiver may answer before it has read the request, and close.
pub(super) async fn exchange(
    stream: &mut TcpStream,
    request: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<Response, ExchangeError> {
    let (mut reader, mut writer) = stream.split();
    let written = Cell::new(0);
    let mut write = pin!(write_counted(&mut writer, request, &written));
    let mut read = pin!(read_response(&mut reader, buffer));
    let response = tokio::select! {
        biased;
        result = &mut write => match result {
            Err(_) if written.get() == 0 => return Err(ExchangeError::NotWritten),
            // A receiver that refuses a request and closes makes the rest of the writing fail; its answer is there.
            Ok(()) | Err(_) => read.await,
        },
        response = &mut read => response,
    };
    let is_written = written.get() == request.len();
    match response {
        Ok(response) => Ok(Response { is_reusable: response.is_reusable && is_written, ..response }),
        Err(ResponseError::Malformed(_)) => Err(ExchangeError::Malformed),
        Err(ResponseError::Closed | ResponseError::Broken(_)) => Err(ExchangeError::Broken),
    }
}

/// Whether the receiver has closed an idle connection, or sent something that nobody asked for.
pub(super) fn is_stale(stream: &TcpStream) -> bool {
    let would_block = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    !matches!(stream.try_read(&mut [0]), Err(error) if would_block(&error))
}

async fn write_counted(
    writer: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    written: &Cell<usize>,
) -> io::Result<()> {
    while written.get() < bytes.len() {
        match writer.write(&bytes[written.get()..]).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => written.set(written.get() + count),
        }
    }
    Ok(())
}
