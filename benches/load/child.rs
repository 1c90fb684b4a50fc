//! The servers under load: this binary, started again.

use std::{
    env,
    io::Read,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::script::Outcome;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is asked until it does.
const KNOCK: Duration = Duration::from_millis(1);

/// Which server.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `sesame serve` on the database under load.
    Sesame,
    /// `sesame demo` in an empty folder.
    Demo,
    /// What it is compared with.
    Bare,
    /// What its events are compared with.
    Broadcast,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Sesame => "serve",
            Self::Demo => "demo",
            Self::Bare => "bare",
            Self::Broadcast => "broadcast",
        }
    }

    /// The server that this process is to be, if it was started as one.
    pub fn of_this_process() -> Option<Self> {
        let word = env::args().nth(1)?;
        [Self::Sesame, Self::Demo, Self::Bare, Self::Broadcast].into_iter().find(|kind| kind.word() == word)
    }
}

/// A running server; dropping it ends it.
pub struct Server {
    process: Child,
    /// Where it answers.
    pub url: String,
    /// How long it took from its start to its first answer.
    pub started_in: Duration,
}

impl Server {
    /// Starts a server with its files in a folder, and waits until `is_there` has an answer from it.
    ///
    /// # Errors
    /// When it ends, or does not answer in time.
    pub async fn start(
        kind: Kind,
        folder: &Path,
        database_url: Option<&str>,
        is_there: impl AsyncFn(&str) -> bool,
    ) -> Outcome<Self> {
        let port = free_port()?;
        let mut command = Command::new(env::current_exe()?);
        command.args([kind.word(), "--port", &port.to_string()]).arg("--data").arg(folder);
        command.env("SESAME_SERVER_TIMING", "true").env("SESAME_LOG", "warn").env_remove("DATABASE_URL");
        // The clients of a few people take as many sockets as those of many would.
        command.env("SESAME_LIMITS_SOCKETS", "100000");
        // Counted, and never reached.
        command.env("SESAME_LIMITS_PERSON_POINTS", "1000000000000");
        match database_url {
            Some(url) => command.env("SESAME_DATABASE_URL", url),
            None => command.env_remove("SESAME_DATABASE_URL"),
        };
        let output = command.current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::null());
        let started = Instant::now();
        let process = output.spawn()?;
        let mut server = Self { process, url: format!("http://127.0.0.1:{port}"), started_in: Duration::ZERO };
        while !is_there(&server.url).await {
            if let Some(status) = server.process.try_wait()? {
                return Err(format!("«{}» ended instead of answering ({status})", kind.word()).into());
            }
            if started.elapsed() > PATIENCE {
                return Err(format!("«{}» does not answer", kind.word()).into());
            }
            tokio::time::sleep(KNOCK).await;
        }
        server.started_in = started.elapsed();
        Ok(server)
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Ends this process with the one that started it, however that one ends.
pub fn end_with_parent() {
    thread::spawn(|| {
        let _closed = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
}

/// A port that nobody listens on.
fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
