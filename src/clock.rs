//! Where the present comes from: nothing else in Sésame may ask the machine for the time, so that a
//! test or a demonstration can live on any day.

use std::sync::Arc;

use chrono::{DateTime, Duration, NaiveDate, SubsecRound, Utc};
use parking_lot::RwLock;

use crate::calendar;

/// The clock; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<RwLock<Setting>>);

#[derive(Clone, Copy, Debug)]
enum Setting {
    /// The machine's time, moved by so much.
    Running(Duration),
    /// Always the same moment, until it is set again.
    Standing(DateTime<Utc>),
}

impl Clock {
    /// The machine's time.
    #[must_use]
    pub fn system() -> Self {
        Self::from(Setting::Running(Duration::zero()))
    }

    /// Runs on from the present time of day, on another day.
    #[must_use]
    pub fn on_day(day: NaiveDate) -> Self {
        let today = calendar::paris_day(machine_time());
        Self::from(Setting::Running(day - today))
    }

    /// Stands still at a moment.
    #[must_use]
    pub fn standing(at: DateTime<Utc>) -> Self {
        Self::from(Setting::Standing(at))
    }

    /// Sets a standing clock to another moment.
    pub fn set(&self, at: DateTime<Utc>) {
        *self.0.write() = Setting::Standing(at);
    }

    /// Now, in whole microseconds, which both databases keep.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let now = match *self.0.read() {
            Setting::Running(ahead) => machine_time() + ahead,
            Setting::Standing(at) => at,
        };
        now.trunc_subsecs(6)
    }

    /// Today in Europe/Paris.
    #[must_use]
    pub fn today(&self) -> NaiveDate {
        calendar::paris_day(self.now())
    }
}

impl From<Setting> for Clock {
    fn from(setting: Setting) -> Self {
        Self(Arc::new(RwLock::new(setting)))
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for the time")]
fn machine_time() -> DateTime<Utc> {
    Utc::now()
}
