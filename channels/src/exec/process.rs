//! A program under way: in a process group of its own, its output bounded.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::task::JoinHandle;

/// The most of a program's output that is kept, in bytes.
const MAX_OUTPUT: usize = 16 * 1024;

/// A running program and whatever it starts. Dropping it kills the whole group.
pub struct Group {
    program: Child,
    /// The group's number, which the program's own end does not take away.
    number: Option<Pid>,
}

impl Group {
    /// Takes charge of a program that leads its group.
    pub fn of(program: Child) -> Self {
        let number = program.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        Self { program, number }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            // It may just have ended by itself, which is as good.
            let _ = killpg(number, Signal::SIGKILL);
        }
    }
}

/// How a program ended.
pub struct Ended {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// The beginning of what it wrote there.
    pub stdout: String,
    /// The end of what it wrote there, where programs say what is the matter.
    pub stderr: String,
}

impl Group {
    /// Runs to the program's own end. What it leaves running in the background is left alone, and
    /// although that may hold the pipes open, it is not waited for.
    ///
    /// # Errors
    /// When the system does not say how it ended.
    pub async fn run(&mut self, input: Vec<u8>) -> std::io::Result<Ended> {
        let stdout = Output::of(self.program.stdout.take(), |kept| kept.truncate(MAX_OUTPUT));
        let stderr = Output::of(self.program.stderr.take(), |kept| {
            kept.drain(..kept.len().saturating_sub(MAX_OUTPUT));
        });
        let feed = self.program.stdin.take().map(|mut stdin| {
            // A program need not read what it does not care for.
            tokio::spawn(async move { stdin.write_all(&input).await })
        });
        let status = self.program.wait().await?;
        self.number = None;
        feed.inspect(JoinHandle::abort);
        Ok(Ended { code: status.code(), stdout: stdout.said().await, stderr: stderr.said().await })
    }
}

/// A part of what comes out of a pipe. All of it is read, so that the program never blocks.
struct Output {
    kept: Arc<Mutex<Vec<u8>>>,
    reading: JoinHandle<()>,
}

impl Output {
    /// `cut` leaves the part that is kept.
    fn of(pipe: Option<impl AsyncRead + Unpin + Send + 'static>, cut: fn(&mut Vec<u8>)) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let keep = kept.clone();
        let reading = tokio::spawn(async move {
            let (Some(mut pipe), mut chunk) = (pipe, vec![0; 4096]) else { return };
            while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
                let mut kept = keep.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&chunk[..length]);
                cut(&mut kept);
            }
        });
        Self { kept, reading }
    }

    /// What was said until now; a moment is given to what is still in the pipe.
    async fn said(mut self) -> String {
        let _ = tokio::time::timeout(Duration::from_millis(500), &mut self.reading).await;
        self.reading.abort();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }
}
