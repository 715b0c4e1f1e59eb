//! The sockets of a kernel: requests come in, and go to where they are answered.

use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use jupyter_protocol::{ConnectionInfo, JupyterMessage, JupyterMessageContent as Content};
use jupyter_zmq_client as zmq;
use nascent_wire::Comm;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::evaluator::{Evaluator, Process, end};
use crate::history::History;
use crate::is_complete::{Completeness, completeness};
use crate::link::Link;
use crate::messages::{Broadcast, kernel_info, message};
use crate::read::read;
use crate::toolkit::Toolkit;

/// A second interrupt within this time ends the process of the cells.
const TWICE: Duration = Duration::from_secs(3);

/// Reads a connection file.
pub(crate) fn connection(file: &Path) -> Result<ConnectionInfo> {
    let text = std::fs::read_to_string(file).with_context(|| {
        format!(
            "the connection file {} cannot be read; Jupyter makes one for each kernel",
            file.display()
        )
    })?;
    let info: ConnectionInfo = serde_json::from_str(&text)
        .with_context(|| format!("{} is no connection file of Jupyter", file.display()))?;
    // Without a key anybody on this machine could run code as this user.
    ensure!(
        !info.key.is_empty(),
        "{} has no key, and messages could not be told apart",
        file.display()
    );
    if info.signature_scheme != "hmac-sha256" {
        bail!(
            "{} asks for {}, and there is only hmac-sha256",
            file.display(),
            info.signature_scheme
        );
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(file)?.permissions().mode();
        if mode & 0o077 != 0 {
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(info)
}

/// What the control socket and signals act on.
#[derive(Clone)]
struct Control {
    link: Link,
    process: Arc<OnceLock<Process>>,
    /// When the last interrupt came, and for which cell.
    last: Arc<Mutex<Option<(Instant, usize)>>>,
}

impl Control {
    /// The first interrupt is for the cell to heed; a second one of the same cell soon after ends its
    /// process.
    #[expect(clippy::disallowed_methods, reason = "how quickly a person repeats an interrupt")]
    fn interrupt(&self) {
        let (now, cell) = (Instant::now(), self.link.cells());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_second = last.is_some_and(|(before, interrupted)| {
            interrupted == cell && now.duration_since(before) < TWICE
        });
        *last = (!is_second).then_some((now, cell));
        if (is_second || !self.link.interrupt())
            && let Some(process) = self.process.get()
        {
            end(process);
        }
    }

    fn end(&self) {
        if let Some(process) = self.process.get() {
            end(process);
        }
    }

    /// Answers a request of the control socket; `true` if it is the last one.
    async fn answer(
        &self,
        request: &JupyterMessage,
        control: &mut zmq::KernelControlConnection,
        broadcast: &Broadcast,
    ) -> Result<bool> {
        broadcast.busy(request);
        let reply = match &request.content {
            Content::KernelInfoRequest(_) => Some(("kernel_info_reply", kernel_info())),
            Content::InterruptRequest(_) => {
                self.interrupt();
                Some(("interrupt_reply", json!({ "status": "ok" })))
            }
            Content::ShutdownRequest(shutdown) => {
                let content = json!({ "status": "ok", "restart": shutdown.restart });
                broadcast.send("shutdown_reply", content.clone(), Some(request));
                Some(("shutdown_reply", content))
            }
            _ => None,
        };
        if let Some((kind, content)) = reply {
            control.send(message(kind, content, Some(request))).await?;
        }
        broadcast.idle(request);
        Ok(matches!(request.content, Content::ShutdownRequest(_)))
    }
}

/// Serves a front end until it says shutdown.
pub(crate) async fn serve(
    info: ConnectionInfo,
    folder: &Path,
    toolkit: Toolkit,
    history: History,
) -> Result<()> {
    let session = uuid::Uuid::new_v4().to_string();
    let mut heartbeat = zmq::create_kernel_heartbeat_connection(&info).await?;
    let (mut answers, mut shell) =
        zmq::create_kernel_shell_connection(&info, &session).await?.split();
    let mut control = zmq::create_kernel_control_connection(&info, &session).await?;
    let (mut questions, mut texts) =
        zmq::create_kernel_stdin_connection(&info, &session).await?.split();
    let mut iopub = zmq::create_kernel_iopub_connection(&info, &session).await?;

    tokio::spawn(async move { while heartbeat.single_heartbeat().await.is_ok() {} });
    let (to_all, mut for_all) = unbounded_channel::<JupyterMessage>();
    let published = tokio::spawn(async move {
        while let Some(message) = for_all.recv().await {
            let _nobody_listens = iopub.send(message).await;
        }
    });
    let (replies, mut outgoing) = unbounded_channel::<JupyterMessage>();
    tokio::spawn(async move {
        while let Some(message) = outgoing.recv().await {
            let _nobody_listens = answers.send(message).await;
        }
    });

    let broadcast = Broadcast(to_all);
    let (ask, mut asked) = unbounded_channel::<JupyterMessage>();
    let link = Link::open(broadcast.clone(), ask)?;
    tokio::spawn(async move {
        while let Some(message) = asked.recv().await {
            let _nobody_listens = questions.send(message).await;
        }
    });
    let answered = link.clone();
    tokio::spawn(async move {
        loop {
            match read(&mut texts).await.map(|message| message.content) {
                Ok(Content::InputReply(reply)) => answered.answer(reply.value),
                Ok(_) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    });
    let process = Arc::new(OnceLock::new());
    let acting =
        Control { link: link.clone(), process: Arc::clone(&process), last: Arc::default() };
    let (requests, incoming) = channel::<JupyterMessage>();
    let (ended, mut has_ended) = unbounded_channel::<String>();
    let (folder, for_evaluator) = (folder.to_owned(), (link.clone(), broadcast.clone()));
    let evaluate = {
        let replies = replies.clone();
        move || match Evaluator::start(&folder, &toolkit, for_evaluator, replies, history) {
            Ok((evaluator, started)) => {
                let _once = process.set(started);
                evaluator.run(&incoming);
            }
            Err(error) => {
                let _ended_too = ended.send(format!("{error:#}"));
            }
        }
    };
    // Deep expressions are deep recursions of the parser.
    thread::Builder::new().name("nascent-cells".into()).stack_size(64 << 20).spawn(evaluate)?;

    let reading = {
        let (broadcast, replies, link) = (broadcast.clone(), replies.clone(), link.clone());
        tokio::spawn(async move {
            let mut dropped = 0_u64;
            loop {
                match read(&mut shell).await {
                    Ok(message) => take(message, &requests, &link, (&broadcast, &replies)),
                    Err(error) => {
                        // Unsigned, forged, or no message at all.
                        dropped += 1;
                        crate::say(&format!("dropped message {dropped} of the shell: {error}"));
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
            }
        })
    };

    let mut interrupts = signals()?;
    loop {
        tokio::select! {
            Some(problem) = has_ended.recv() => bail!("{problem}"),
            Some(()) = interrupts.recv() => acting.interrupt(),
            request = control.read() => {
                let Ok(request) = request else {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    continue;
                };
                if !acting.answer(&request, &mut control, &broadcast).await? {
                    continue;
                }
                acting.end();
                reading.abort();
                drop((broadcast, replies));
                // The last messages are on their way.
                let _late = tokio::time::timeout(Duration::from_millis(300), published).await;
                return Ok(());
            }
        }
    }
}

/// Interrupts that come as signals.
fn signals() -> Result<tokio::sync::mpsc::UnboundedReceiver<()>> {
    let (send, receive) = unbounded_channel();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupts = signal(SignalKind::interrupt())?;
        tokio::spawn(
            async move { while interrupts.recv().await.is_some() && send.send(()).is_ok() {} },
        );
    }
    #[cfg(not(unix))]
    tokio::spawn(
        async move { while tokio::signal::ctrl_c().await.is_ok() && send.send(()).is_ok() {} },
    );
    Ok(receive)
}

/// What the front end says over a comm, if it does.
fn comm(content: &Content) -> Option<Comm> {
    let (id, target, closes, data) = match content {
        Content::CommOpen(open) => {
            (&open.comm_id, Some(open.target_name.clone()), false, &open.data)
        }
        Content::CommMsg(said) => (&said.comm_id, None, false, &said.data),
        Content::CommClose(closed) => (&closed.comm_id, None, true, &closed.data),
        _ => return None,
    };
    let (id, data) = (id.0.clone(), Value::Object(data.clone()));
    Some(Comm { id, target, closes, data })
}

/// Answers what needs no cell, and hands on the rest.
fn take(
    request: JupyterMessage,
    requests: &Sender<JupyterMessage>,
    link: &Link,
    (broadcast, replies): (&Broadcast, &UnboundedSender<JupyterMessage>),
) {
    if let Some(comm) = comm(&request.content) {
        broadcast.busy(&request);
        link.comm_to_toolkit(comm, &request);
        broadcast.idle(&request);
        return;
    }
    let (kind, content) = match &request.content {
        Content::KernelInfoRequest(_) => ("kernel_info_reply", kernel_info()),
        Content::IsCompleteRequest(asked) => {
            let content = match completeness(&asked.code) {
                Completeness::Complete => json!({ "status": "complete", "indent": "" }),
                Completeness::Incomplete { depth } => {
                    json!({ "status": "incomplete", "indent": "    ".repeat(depth) })
                }
                Completeness::Invalid => json!({ "status": "invalid", "indent": "" }),
            };
            ("is_complete_reply", content)
        }
        Content::CommInfoRequest(asked) => {
            let wanted = asked.target_name.as_deref();
            let comms = link.comms().into_iter().filter(|(_, target)| {
                wanted.is_none_or(|wanted| wanted.is_empty() || wanted == target)
            });
            let comms: Map<String, Value> =
                comms.map(|(id, target)| (id, json!({ "target_name": target }))).collect();
            ("comm_info_reply", json!({ "status": "ok", "comms": comms }))
        }
        Content::ExecuteRequest(_)
        | Content::CompleteRequest(_)
        | Content::InspectRequest(_)
        | Content::HistoryRequest(_) => {
            let _evaluator_has_ended = requests.send(request);
            return;
        }
        _ => return,
    };
    broadcast.busy(&request);
    let _nobody_listens = replies.send(message(kind, content, Some(&request)));
    broadcast.idle(&request);
}
