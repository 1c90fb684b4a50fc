//! Who speaks on a connection that lives on, be it a socket or a stream of events.
//!
//! Their rights are looked at again whenever these may have changed. What is no longer valid under the new ones is
//! ended by the connection *before* the others see them: [`Session::would_change`], then [`Session::take_on`].

use std::{net::IpAddr, sync::Arc, time::Duration};

use ::entity::vocabulary::{Language, SessionId};
use tokio::sync::watch;

use crate::{
    app::App,
    authz::Caller,
    error::Result,
    identity,
    live::{Connections, LiveCaller, Seat, may_do_the_same},
    op::Op,
};

/// How long running queries and mutations may take when the server ends.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(5);
/// Pause before a database that did not answer is asked again.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// Who speaks, once that is proven.
pub(super) struct Session {
    pub(super) caller: Arc<Caller>,
    pub(super) token: Arc<str>,
    pub(super) language: Language,
    rights: watch::Sender<Option<Arc<Caller>>>,
    seat: Seat,
}

impl Session {
    /// Begins, unless the person has as many connections of this kind as one may have: sockets and streams of
    /// events are counted together.
    pub(super) fn begin(app: &Arc<App>, caller: Arc<Caller>, token: Arc<str>, language: Language) -> Option<Self> {
        let seat = Connections::enter(app, &caller, app.settings.limits.sockets)?;
        let rights = watch::Sender::new(Some(caller.clone()));
        Some(Self { caller, token, language, rights, seat })
    }

    /// Waits until the caller's rights have to be looked at again.
    pub(super) async fn called(&self) {
        self.seat.called().await;
    }

    /// Goes on under another token of the same person.
    pub(super) fn renew(&mut self, token: Arc<str>, session: SessionId) {
        self.token = token;
        self.seat.change(session);
    }

    /// Whether somebody may do something else now than a moment ago.
    pub(super) fn would_change(&self, caller: &Caller) -> bool {
        !may_do_the_same(&self.caller, caller)
    }

    /// Goes on with what the caller may do now.
    pub(super) fn take_on(&mut self, caller: Arc<Caller>) {
        let is_news = self.would_change(&caller);
        if is_news || self.caller.until != caller.until || self.caller.session != caller.session {
            self.rights.send_if_modified(|current| {
                *current = Some(caller.clone());
                is_news
            });
            self.caller = caller;
        }
    }

    /// The caller as a subscription's resolvers see them.
    pub(super) fn live(&self, app: &Arc<App>, request_id: &str) -> LiveCaller {
        LiveCaller::new(app.clone(), self.rights.subscribe(), self.language, request_id)
    }

    /// An operation with the rights of the moment at which it begins.
    pub(super) fn op(
        &self,
        app: &Arc<App>,
        request_id: String,
        address: Option<IpAddr>,
    ) -> impl Future<Output = Result<Arc<Op>>> + Send + 'static {
        let (app, token, language) = (app.clone(), self.token.clone(), self.language);
        async move {
            let caller = identity::authenticate(&app, &token).await?;
            let mut op = Op::new(app, Some(caller), language, request_id);
            op.address = address;
            Ok(Arc::new(op))
        }
    }

    /// How long the token is still good.
    pub(super) fn left(&self, app: &App) -> Duration {
        (self.caller.until - app.clock.now()).to_std().unwrap_or_default()
    }
}
