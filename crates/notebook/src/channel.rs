//! The connection to the kernel, where that is ours.

use std::io::BufReader;
use std::net::TcpStream;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use nascent_wire::{FromKernel, FromToolkit, VARIABLE, receive, send};

use crate::{Bundle, interrupt};

/// The connection, once it was looked for.
static CHANNEL: OnceLock<Option<Channel>> = OnceLock::new();

struct Channel {
    stream: Mutex<TcpStream>,
    /// The cell that runs, or ran last.
    cell: Mutex<String>,
}

/// Connects, if the environment says where to.
pub(crate) fn connect() {
    CHANNEL.get_or_init(open);
}

fn open() -> Option<Channel> {
    let variable = std::env::var(VARIABLE).ok()?;
    let (address, secret) = variable.split_once(' ')?;
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_nodelay(true).ok()?;
    send(&mut stream, &FromToolkit::Hello { secret: secret.to_owned() }).ok()?;
    let reader = BufReader::new(stream.try_clone().ok()?);
    let listener = thread::Builder::new().name("nascent-kernel-channel".to_owned());
    listener.spawn(move || listen(reader)).ok()?;
    Some(Channel { stream: Mutex::new(stream), cell: Mutex::default() })
}

/// Takes what the kernel says until it is gone.
fn listen(mut reader: BufReader<TcpStream>) {
    while let Ok(Some(message)) = receive::<FromKernel>(&mut reader) {
        match message {
            FromKernel::Cell { id } => {
                // What was raised for an earlier cell is not for this one.
                interrupt::take();
                if let Some(channel) = channel() {
                    *channel.cell.lock().unwrap_or_else(PoisonError::into_inner) = id;
                }
            }
            FromKernel::Interrupt => interrupt::raise(),
            _ => {}
        }
    }
}

fn channel() -> Option<&'static Channel> {
    CHANNEL.get()?.as_ref()
}

/// Removes what is shown below the cell that runs.
pub(crate) fn clear(wait: bool) {
    if let Some(channel) = channel() {
        let cell = channel.cell.lock().unwrap_or_else(PoisonError::into_inner).clone();
        channel.send(&FromToolkit::Clear { cell, wait });
    }
}

/// Something that is shown below a cell and changes there.
pub(crate) struct Place {
    cell: String,
    id: String,
}

impl Place {
    /// Shows something below the cell that runs; nothing, if the kernel is not ours.
    pub(crate) fn show(id: String, bundle: &Bundle) -> Option<Self> {
        let channel = channel()?;
        let cell = channel.cell.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let message =
            FromToolkit::Display { cell: cell.clone(), id: id.clone(), data: bundle.data() };
        channel.send(&message).then_some(Self { cell, id })
    }

    /// Shows something else in its place.
    pub(crate) fn update(&self, bundle: &Bundle) {
        let (cell, id) = (self.cell.clone(), self.id.clone());
        if let Some(channel) = channel() {
            channel.send(&FromToolkit::Update { cell, id, data: bundle.data() });
        }
    }
}

impl Channel {
    /// Whether it was sent.
    fn send(&self, message: &FromToolkit) -> bool {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        send(&mut *stream, message).is_ok()
    }
}

/// Whether the kernel is ours.
pub(crate) fn is_connected() -> bool {
    channel().is_some()
}
