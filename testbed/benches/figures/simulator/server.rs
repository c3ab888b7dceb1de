//! The server that load generators are measured against: one thread that answers every POST as ingest-api does.
//!
//! Anything more would make it, instead of the generators, the bound: it reads and writes once a request, parses the
//! head, and keeps nothing.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustix::process::{Pid, Signal, kill_process};

use super::cores::pinned;

/// Starts this program as the server.
pub(crate) const ARGUMENT: &str = "--event-server";

const ANSWER: &[u8] =
    b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{\"accepted\":1}";

/// Generators send less than a kilobyte.
const REQUEST_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 32;
const LISTENER: Token = Token(0);

/// The server as a process of its own.
pub(super) struct EventServer {
    child: Child,
    port: u16,
}

impl EventServer {
    /// Starts it on a core of its own, where there is one.
    pub(super) fn start(core: Option<&str>) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(ARGUMENT);
        let mut child = pinned(&command, core).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let port = line.trim().parse().with_context(|| format!("the server said {line:?}, not its port"))?;
        Ok(Self { child, port })
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Processor time that it has used.
    pub(super) fn processor_time(&self) -> anyhow::Result<Duration> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The second field is the name in parentheses; user and system time are the 14th and 15th, proc_pid_stat(5).
        let (_, fields) = text.rsplit_once(") ").context("no name")?;
        let mut times = fields.split(' ').skip(11).map(str::parse::<u64>);
        let (Some(Ok(user)), Some(Ok(system))) = (times.next(), times.next()) else { bail!("{text}") };
        Ok(Duration::from_secs_f64((user + system) as f64 / rustix::param::clock_ticks_per_second() as f64))
    }

    /// Stops the whole process for a while, as a long garbage collection or a frozen machine does. The kernel still
    /// takes connections and bytes meanwhile. Gives how long it was stopped indeed.
    pub(super) fn stall(&self, length: Duration) -> anyhow::Result<Duration> {
        let pid = Pid::from_child(&self.child);
        let started = Instant::now();
        kill_process(pid, Signal::STOP)?;
        std::thread::sleep(length);
        kill_process(pid, Signal::CONT)?;
        Ok(started.elapsed())
    }

    /// To be asked after a measurement.
    ///
    /// # Errors
    /// It has ended, and what was measured is of no use.
    pub(super) fn ensure_running(&mut self) -> anyhow::Result<()> {
        let ended = self.child.try_wait()?;
        ensure!(ended.is_none(), "the server that was measured against has ended: {ended:?}");
        Ok(())
    }
}

impl Drop for EventServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

struct Connection {
    stream: TcpStream,
    /// Read and not yet answered.
    buffer: Box<[u8; REQUEST_BYTES_MAX]>,
    filled: usize,
}

/// Prints its port and serves until it is killed.
pub(crate) fn serve() -> anyhow::Result<()> {
    let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
    println!("{}", listener.local_addr()?.port());
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut connections = HashMap::new();
    let mut made = 0;
    loop {
        match poll.poll(&mut events, None) {
            // It was stopped, and goes on.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    made += 1;
                    stream.set_nodelay(true)?;
                    poll.registry().register(&mut stream, Token(made), Interest::READABLE)?;
                    let buffer = Box::new([0; REQUEST_BYTES_MAX]);
                    connections.insert(Token(made), Connection { stream, buffer, filled: 0 });
                }
            } else if let Some(connection) = connections.get_mut(&event.token())
                && connection.answer().is_err()
            {
                connections.remove(&event.token());
            }
        }
    }
}

impl Connection {
    /// Reads what is there and answers each whole request.
    ///
    /// # Errors
    /// The connection has ended, or is of no use any more.
    fn answer(&mut self) -> anyhow::Result<()> {
        loop {
            let space = REQUEST_BYTES_MAX - self.filled;
            let read = match self.stream.read(&mut self.buffer[self.filled..]) {
                Ok(0) => bail!("closed, or a request that is too long"),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            self.filled += read;
            while let Some(length) = request_length(&self.buffer[..self.filled])? {
                self.stream.write_all(ANSWER)?;
                self.buffer.copy_within(length..self.filled, 0);
                self.filled -= length;
            }
            // Less than asked for: the socket is empty, which saves a read, epoll(7).
            if read < space {
                return Ok(());
            }
        }
    }
}

/// Bytes of the first request, head and body; `None` while it is not all there.
fn request_length(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(bytes)? else { return Ok(None) };
    let header = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let body: usize = match header {
        Some(header) => std::str::from_utf8(header.value)?.parse()?,
        None => 0,
    };
    Ok((bytes.len() >= head + body).then_some(head + body))
}
