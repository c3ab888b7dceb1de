//! A proxy that holds back whatever a client sends by a fixed time: what observing a request would cost, if it slept.

use anyhow::Context as _;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A sleep ends later than it should by less than this, mostly; the rest is waited for awake, so that the delay is exact.
const SLEEP_ERROR: Duration = Duration::from_micros(150);
/// Larger than a request of an experiment: each is read, and held back, at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// A proxy; it takes no more connections when it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    is_ended: Arc<AtomicBool>,
}

impl Proxy {
    /// Before a server.
    ///
    /// # Errors
    /// Where there is no port, or `url` is not `http://ADDRESS`.
    pub(crate) fn start(url: &str, delay: Duration) -> anyhow::Result<Self> {
        let server = url.strip_prefix("http://").context("only http:// can be proxied")?;
        let server: SocketAddr = server.parse().with_context(|| format!("{url} is not an address"))?;
        let listener = TcpListener::bind("127.0.0.1:0").context("no port for a proxy")?;
        let address = listener.local_addr()?;
        let is_ended = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&is_ended);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                // A server that does not answer is what the client sees of it: a closed connection.
                thread::spawn(move || pass(client, server, delay).unwrap_or_default());
            }
        });
        Ok(Self { address, is_ended })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_ended.store(true, Ordering::Relaxed);
        // So that it looks.
        drop(TcpStream::connect(self.address));
    }
}

fn pass(client: TcpStream, server: SocketAddr, delay: Duration) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from, to) = (server.try_clone()?, client.try_clone()?);
    let answers = thread::spawn(move || copy(from, to, Duration::ZERO));
    copy(client, server, delay)?;
    answers.join().unwrap_or(Ok(()))
}

fn copy(mut from: TcpStream, mut to: TcpStream, delay: Duration) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match from.read(&mut buffer)? {
            0 => return to.shutdown(Shutdown::Write),
            count => {
                wait(Instant::now() + delay);
                to.write_all(&buffer[..count])?;
            }
        }
    }
}

/// Waits until a moment, and no longer.
fn wait(until: Instant) {
    let left = until.saturating_duration_since(Instant::now());
    if left > SLEEP_ERROR {
        thread::sleep(left - SLEEP_ERROR);
    }
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}
