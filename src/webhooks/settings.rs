//! The settings of the webhooks: `[webhooks]` in the file, `SESAME_WEBHOOKS_…` in the environment.

use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de::Error};

use crate::outgoing::Rules;

/// Declares the settings: name, type, default.
macro_rules! settings {
    ($($(#[$doc:meta])+ $name:ident: $ty:ty = $default:expr;)+) => {
        /// The settings of the webhooks that are in force.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Settings {
            $($(#[$doc])+ pub $name: $ty,)+
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        /// The same as one source gives them: only what it says.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct SomeSettings {
            $($(#[$doc])+ pub $name: Option<$ty>,)+
        }

        impl SomeSettings {
            /// What variables named `SESAME_WEBHOOKS_…` say.
            ///
            /// # Errors
            /// The name and the value of one that makes no sense.
            pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self, (&'static str, String)> {
                Ok(Self { $($name: read(stringify!($name), &get)?,)+ })
            }
        }

        impl Settings {
            /// The names of the settings.
            pub const NAMES: &[&str] = &[$(stringify!($name),)+];

            /// Puts the sources together, the first ones winning, and tells for each setting which one won.
            #[must_use]
            pub fn resolve(sources: &[&SomeSettings]) -> (Self, Vec<Option<usize>>) {
                let usual = Self::default();
                let mut won = Vec::new();
                let settings = Self { $($name: pick(sources, |some| some.$name.clone(), usual.$name, &mut won),)+ };
                (settings, won)
            }

            /// The values as they are shown, in the order of their names.
            #[must_use]
            pub fn values(&self) -> Vec<String> {
                vec![$(self.$name.to_string(),)+]
            }
        }
    };
}

settings! {
    /// Networks to which webhooks may be sent though they are not public, such as `10.1.0.0/16`.
    allowed_networks: List<IpNet> = List(Vec::new());
    /// Whether webhooks may be sent unencrypted, over `http`.
    plain_http: bool = false;
    /// How many seconds a receiver may take to answer.
    timeout_seconds: u32 = 10;
    /// How many deliveries of one webhook are under way at a time, on each process.
    concurrency: u32 = 4;
    /// How many seconds pass after each failed attempt until the next one; after the last one a delivery is dead.
    retry_seconds: List<u32> = List(vec![5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
    /// After how many hours of nothing but failures a webhook is paused.
    failing_hours: u32 = 48;
    /// How many days a delivery is kept after it ended.
    keep_days: u32 = 30;
    /// How many hours the former secret is used beside the new one.
    secret_hours: u32 = 24;
    /// What a webhook's query may cost: fields, each as often as its page sizes say.
    query_cost: u32 = 2_000;
}

/// A setting that cannot be so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("webhooks.{name}: {expected}")]
pub struct Unfit {
    /// Which setting.
    pub name: &'static str,
    /// What it should be.
    pub expected: &'static str,
}

impl Settings {
    /// To whom webhooks may be sent.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules { allowed: self.allowed_networks.0.clone(), plain: self.plain_http }
    }

    /// Looks whether one can work with the settings.
    ///
    /// # Errors
    /// The first one with which one cannot.
    pub fn check(&self) -> Result<(), Unfit> {
        let within = |name, value: u32, most: u32, expected| {
            if (1..=most).contains(&value) { Ok(()) } else { Err(Unfit { name, expected }) }
        };
        within("timeout_seconds", self.timeout_seconds, 120, "1 to 120")?;
        within("concurrency", self.concurrency, 64, "1 to 64")?;
        within("failing_hours", self.failing_hours, 8_760, "1 to 8760")?;
        within("keep_days", self.keep_days, 3_650, "1 to 3650")?;
        within("secret_hours", self.secret_hours, 8_760, "1 to 8760")?;
        within("query_cost", self.query_cost, 2_000_000, "1 to 2000000")?;
        let steps = &self.retry_seconds.0;
        let longest = 30 * 86_400;
        if steps.len() > 30 || steps.iter().any(|seconds| !(1..=longest).contains(seconds)) {
            return Err(Unfit { name: "retry_seconds", expected: "at most 30 pauses of 1 to 2592000 seconds" });
        }
        Ok(())
    }
}

/// A list: in the file one of TOML, in the environment with commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T: FromStr> FromStr for List<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl<T: ToString> std::fmt::Display for List<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.iter().map(T::to_string).collect::<Vec<_>>().join(","))
    }
}

/// An item of a list, as a text or as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Text(String),
    Number(i64),
}

impl<'de, T: FromStr> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parse = |item: Item| {
            let text = match item {
                Item::Text(text) => text,
                Item::Number(number) => number.to_string(),
            };
            text.parse().map_err(|_| D::Error::custom(format!("«{text}» makes no sense here")))
        };
        Vec::<Item>::deserialize(deserializer)?.into_iter().map(parse).collect::<Result<_, _>>().map(Self)
    }
}

fn read<T: FromStr>(
    name: &'static str,
    get: &impl Fn(&str) -> Option<String>,
) -> Result<Option<T>, (&'static str, String)> {
    let text = get(&format!("SESAME_WEBHOOKS_{}", name.to_ascii_uppercase()));
    text.map(|text| text.trim().parse().map_err(|_| (name, text))).transpose()
}

fn pick<T>(
    sources: &[&SomeSettings],
    read: impl Fn(&SomeSettings) -> Option<T>,
    usual: T,
    won: &mut Vec<Option<usize>>,
) -> T {
    let found = sources.iter().enumerate().find_map(|(place, source)| Some((place, read(source)?)));
    won.push(found.as_ref().map(|(place, _)| *place));
    found.map_or(usual, |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_from_the_file_and_the_environment() {
        let file: SomeSettings =
            toml::from_str("allowed_networks = [\"10.0.0.0/8\", \"::1/128\"]\nretry_seconds = [1, 2]").unwrap();
        let get = |name: &str| (name == "SESAME_WEBHOOKS_RETRY_SECONDS").then(|| "3, 4".to_owned());
        let environment = SomeSettings::from_variables(get).unwrap();
        let (settings, won) = Settings::resolve(&[&environment, &file]);
        assert_eq!(settings.allowed_networks.to_string(), "10.0.0.0/8,::1/128");
        assert_eq!((settings.retry_seconds.0.as_slice(), won[0], won[4]), ([3, 4].as_slice(), Some(1), Some(0)));
        assert!(toml::from_str::<SomeSettings>("allowed_networks = [\"everything\"]").is_err());
        let bad = |_: &str| Some("often".to_owned());
        assert!(SomeSettings::from_variables(bad).is_err());
    }

    #[test]
    fn settings_with_which_one_cannot_work_are_refused() {
        assert_eq!(Settings::default().check(), Ok(()));
        assert!(Settings { concurrency: 0, ..Settings::default() }.check().is_err());
        assert!(Settings { retry_seconds: List(vec![0]), ..Settings::default() }.check().is_err());
    }
}
