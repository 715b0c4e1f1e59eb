//! The connection to the kernel, where that is ours.

use std::io::BufReader;
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use nascent_wire::{FromKernel, FromToolkit, VARIABLE, receive, send};

use crate::{Bundle, Error, Result, comm, interrupt};

/// The connection, once it was looked for.
static CHANNEL: OnceLock<Option<Channel>> = OnceLock::new();

struct Channel {
    stream: Mutex<TcpStream>,
    /// The cell that runs, or ran last.
    cell: Mutex<String>,
    /// What the person answers. Who holds it may ask.
    answers: Mutex<Receiver<Option<String>>>,
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
    let (answer, answers) = mpsc::channel();
    listener.spawn(move || listen(reader, &answer)).ok()?;
    let (stream, answers) = (Mutex::new(stream), Mutex::new(answers));
    Some(Channel { stream, cell: Mutex::default(), answers })
}

/// Takes what the kernel says until it is gone.
fn listen(mut reader: BufReader<TcpStream>, answer: &Sender<Option<String>>) {
    while let Ok(Some(message)) = receive::<FromKernel>(&mut reader) {
        match message {
            FromKernel::Cell { id } => {
                // What was raised for an earlier cell is not for this one.
                interrupt::take();
                if let Some(channel) = channel() {
                    *lock(&channel.cell) = id;
                }
            }
            FromKernel::Interrupt => interrupt::raise(),
            FromKernel::Answer { text } => {
                let _nobody_asks = answer.send(text);
            }
            FromKernel::Comm(message) => comm::take(message),
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
        let cell = lock(&channel.cell).clone();
        channel.send(&FromToolkit::Clear { cell, wait });
    }
}

/// Says something to the kernel; whether it was sent.
pub(crate) fn say(message: &FromToolkit) -> bool {
    channel().is_some_and(|channel| channel.send(message))
}

/// Asks the person, below the cell that runs.
pub(crate) fn ask(prompt: &str, password: bool) -> Result<String> {
    let channel = channel().ok_or(Error::NoInput)?;
    let answers = lock(&channel.answers);
    // Of a question that was interrupted.
    while answers.try_recv().is_ok() {}
    let (cell, prompt) = (lock(&channel.cell).clone(), prompt.to_owned());
    if !channel.send(&FromToolkit::Ask { cell, prompt, password }) {
        return Err(Error::NoInput);
    }
    loop {
        match answers.recv_timeout(Duration::from_millis(50)) {
            Ok(text) => return text.ok_or(Error::NoInput),
            Err(RecvTimeoutError::Disconnected) => return Err(Error::NoInput),
            Err(RecvTimeoutError::Timeout) => interrupt::check()?,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        let cell = lock(&channel.cell).clone();
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
        let mut stream = lock(&self.stream);
        send(&mut *stream, message).is_ok()
    }
}

/// Whether the kernel is ours.
pub(crate) fn is_connected() -> bool {
    channel().is_some()
}
