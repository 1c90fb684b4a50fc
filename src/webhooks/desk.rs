//! What runs beside the requests: looks events through, judges webhooks again when rights change, and sends what is
//! due, so many at a time for each webhook: a slow receiver keeps nobody waiting but itself.
//!
//! ```text
//! event ─▶ look: one row per webhook and event ─▶ take: nobody else is at it ─▶ compose ─▶ send ─▶ settle
//! ```
//! What is taken is taken for a while only: where a process dies, another one, or the same, takes it up again. A
//! message may come twice, and then has the same id.

use std::{collections::HashMap, sync::Arc, time::Duration};

use ::entity::{
    platform::event,
    vocabulary::{WebhookId, WebhookStatus},
    webhooks::{delivery, webhook},
};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    task::{Id, JoinSet},
};

use super::{
    deliver, follow,
    judge::{Judge, Verdict},
    pause, store,
};
use crate::{app::App, error::Result};

/// How often one looks whether something is due.
const TICK: Duration = Duration::from_millis(500);
/// How often one looks though there are no webhooks.
const IDLE: Duration = Duration::from_secs(10);
/// How often what waits for better rights is judged again though nothing is known to have changed.
const JUDGE: Duration = Duration::from_secs(60);
/// How long a look may take.
const PASS: Duration = Duration::from_secs(10);
/// How long one waits for this process to know of a policy that was changed.
const POLICY: Duration = Duration::from_secs(3);
/// How much longer than a request a delivery is taken for.
const LENIENCE: i64 = 30;

/// Does the work of the webhooks, and never ends.
pub async fn run(app: Arc<App>) {
    let events = app.outbox.watch();
    let mut desk = Desk {
        app,
        events,
        judge: Arc::default(),
        at_work: JoinSet::new(),
        whose: HashMap::new(),
        is_used: true,
        judged: None,
    };
    loop {
        let more = match tokio::time::timeout(PASS, desk.pass()).await {
            Ok(Ok(more)) => more,
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "webhooks cannot go on now");
                false
            }
            Err(_elapsed) => {
                tracing::warn!("webhooks wait too long for the database");
                false
            }
        };
        if !more && !desk.wait().await {
            return;
        }
    }
}

struct Desk {
    app: Arc<App>,
    events: Receiver<Arc<event::Model>>,
    judge: Arc<Judge>,
    at_work: JoinSet<()>,
    /// For which webhook each task works.
    whose: HashMap<Id, WebhookId>,
    /// Whether there are webhooks, as far as one knows.
    is_used: bool,
    /// When all were judged last; none: they are to be judged.
    judged: Option<tokio::time::Instant>,
}

impl Desk {
    /// Does what there is to do; whether there is more.
    async fn pass(&mut self) -> Result<bool> {
        if !self.is_used {
            return Ok(false);
        }
        let mut hooks = store::in_use(self.app.database.reader()).await?;
        self.is_used = !hooks.is_empty();
        if self.judged.is_none_or(|at| at.elapsed() > JUDGE) {
            for hook in &hooks {
                judge_again(&self.app, &self.judge, hook).await?;
            }
            self.judged = Some(tokio::time::Instant::now());
            hooks = store::in_use(self.app.database.reader()).await?;
        }
        let more = follow::look(&self.app, &hooks).await?;
        if self.is_used {
            self.send(&hooks).await?;
        }
        Ok(more)
    }

    /// Sends what is due, as far as there are hands.
    async fn send(&mut self, hooks: &[webhook::Model]) -> Result<()> {
        let now = self.app.clock.now();
        let app = self.app.clone();
        let settings = &app.settings.webhooks;
        let lease = chrono::Duration::seconds(i64::from(settings.timeout_seconds) + LENIENCE);
        for id in store::with_something_due(self.app.database.reader(), now).await? {
            let busy = self.whose.values().filter(|whose| **whose == id).count();
            let free = (settings.concurrency as usize).saturating_sub(busy) as u64;
            if free == 0 || !hooks.iter().any(|hook| hook.id == id) {
                continue;
            }
            for taken in store::take(self.app.database.writer(), id, free, now, now + lease).await? {
                self.begin(taken);
            }
        }
        Ok(())
    }

    fn begin(&mut self, taken: delivery::Model) {
        let webhook = taken.webhook_id;
        let work = deliver::deliver(self.app.clone(), self.judge.clone(), taken);
        let task = self.at_work.spawn(work);
        self.whose.insert(task.id(), webhook);
    }

    /// Waits for something to do; nothing comes any more where the process ends.
    async fn wait(&mut self) -> bool {
        let tick = if self.is_used { TICK } else { IDLE };
        tokio::select! {
            Some(done) = self.at_work.join_next_with_id() => {
                let id = match &done {
                    Ok((id, ())) => *id,
                    Err(error) => error.id(),
                };
                if let Err(error) = done {
                    tracing::error!(%error, "a delivery broke off");
                }
                self.whose.remove(&id);
            }
            event = self.events.recv() => match event {
                Ok(event) => self.hear_all(&event).await,
                Err(RecvError::Lagged(_)) => (self.is_used, self.judged) = (true, None),
                Err(RecvError::Closed) => return false,
            },
            () = tokio::time::sleep(tick) => {
                // Perhaps another process made the first one, and its event was missed.
                self.is_used |= tick == IDLE;
            }
        }
        true
    }

    /// What comes together is looked through together.
    async fn hear_all(&mut self, first: &event::Model) {
        self.hear(first).await;
        while let Ok(event) = self.events.try_recv() {
            self.hear(&event).await;
        }
    }

    async fn hear(&mut self, event: &event::Model) {
        self.is_used |= event.kind.starts_with("webhook.");
        if event.kind == "policy.changed" {
            self.await_policy(event.subject_id).await;
        }
        if event.kind.starts_with("policy.") || event.kind.starts_with("identity.") {
            self.judged = None;
        }
    }

    /// This process reads a changed policy again when it hears of it, which may be a moment later.
    async fn await_policy(&self, version: i64) {
        let read = async {
            while self.app.policy().version < version {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(POLICY, read).await.is_err() {
            tracing::debug!(version, "the policy is not known yet");
        }
    }
}

/// Pauses a webhook that can no longer be told, and lets one go on that can again.
async fn judge_again(app: &Arc<App>, judge: &Judge, hook: &webhook::Model) -> Result<()> {
    if hook.status != WebhookStatus::Active && !hook.status.waits() {
        return Ok(());
    }
    match judge.judge(app, hook).await? {
        Verdict::Able(_) if hook.status.waits() => pause::resume(app, hook).await,
        Verdict::Able(_) => Ok(()),
        Verdict::Unable(status, detail) if hook.status == status && hook.status_detail == detail => Ok(()),
        Verdict::Unable(status, detail) => pause::pause(app, hook, status, detail).await,
    }
}
