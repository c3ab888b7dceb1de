//! A TCP proxy in front of Redis that can be broken in the ways networks break.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::wait::DEADLINE;

/// What the first command with this text in it does to its connection, for good.
#[derive(Clone, Copy)]
enum Hold {
    /// The command is swallowed.
    Command(&'static str),
    /// The command is passed on, its reply is swallowed.
    Reply(&'static str),
}

/// A proxy that passes everything on until it is told otherwise.
pub struct BreakableLink {
    address: SocketAddr,
    state: Arc<State>,
    _accepting: AbortOnDropHandle<()>,
}

struct State {
    target: SocketAddr,
    hold: Mutex<Option<Hold>>,
    /// How many commands or replies have been held.
    held: watch::Sender<usize>,
    cut: Mutex<CancellationToken>,
}

impl BreakableLink {
    /// Listens on a free port of the loopback address.
    pub async fn start(target_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback address has free ports");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State {
            target: SocketAddr::from(([127, 0, 0, 1], target_port)),
            hold: Mutex::default(),
            held: watch::channel(0).0,
            cut: Mutex::default(),
        });
        let accepting = accept(listener, Arc::clone(&state));
        Self { address, state, _accepting: AbortOnDropHandle::new(tokio::spawn(accepting)) }
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// From now on a command with this text in it is swallowed, and its connection hangs.
    pub fn hold_commands(&self, text: &'static str) {
        *lock(&self.state.hold) = Some(Hold::Command(text));
    }

    /// From now on a command with this text in it is carried out without a reply, and its connection hangs.
    pub fn hold_replies_to(&self, text: &'static str) {
        *lock(&self.state.hold) = Some(Hold::Reply(text));
    }

    /// Waits until a command has been swallowed, or the reply to one that was carried out.
    ///
    /// # Panics
    /// After 30 s in which neither came.
    pub async fn holds(&self) {
        let mut held = self.state.held.subscribe();
        let is_held = timeout(DEADLINE, held.wait_for(|count| *count > 0)).await;
        drop(is_held.expect("a command that is to be held comes").expect("the link is alive"));
    }

    /// Everything passes again; connections that were held are cut.
    pub fn heal(&self) {
        *lock(&self.state.hold) = None;
        self.cut();
    }

    /// Breaks all connections; new ones are accepted.
    pub fn cut(&self) {
        std::mem::take(&mut *lock(&self.state.cut)).cancel();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        let cut = lock(&state.cut).clone();
        tokio::spawn(cut.run_until_cancelled_owned(async move {
            // A server that is down shows as a connection that closes at once.
            let Ok(server) = TcpStream::connect(state.target).await else { return };
            let ((client_read, client_write), (server_read, server_write)) =
                (client.into_split(), server.into_split());
            let hold_reply = AtomicBool::new(false);
            tokio::select! {
                () = pass_commands(client_read, server_write, &state, &hold_reply) => {}
                () = pass_replies(server_read, client_write, &state, &hold_reply) => {}
            }
        }));
    }
}

async fn pass_commands(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    state: &State,
    hold_reply: &AtomicBool,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = client.read(&mut buffer).await {
        let has = |text: &str| buffer[..count].windows(text.len()).any(|window| window == text.as_bytes());
        let hold = *lock(&state.hold);
        match hold {
            Some(Hold::Command(text)) if has(text) => return state.hang().await,
            Some(Hold::Reply(text)) if has(text) => hold_reply.store(true, Ordering::Relaxed),
            _ => {}
        }
        if server.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

async fn pass_replies(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    state: &State,
    hold_reply: &AtomicBool,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = server.read(&mut buffer).await {
        if hold_reply.load(Ordering::Relaxed) {
            return state.hang().await;
        }
        if client.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

impl State {
    async fn hang(&self) {
        self.held.send_modify(|held| *held += 1);
        std::future::pending().await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
