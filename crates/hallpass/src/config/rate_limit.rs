//! The setting `RATE_LIMIT`: points of query cost per time, by kind of caller.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::{ConfigError, invalid};
use hallpass_identity::{Caller, CallerKind, Tiers};

/// Name of anonymous callers.
const ANONYMOUS: &str = "anonymous";
/// Name of services.
const SERVICE: &str = "service";

const TEN: NonZeroU32 = NonZeroU32::new(10).expect("it is not zero");

/// Points of query cost per time. All of them may be spent at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Points.
    pub points: NonZeroU32,
    /// The time in which all points are replenished.
    pub period: Duration,
}

impl Rate {
    /// The rate of callers for whom the setting has none.
    const DEFAULT: Self = Self {
        points: NonZeroU32::new(600).expect("it is not zero"),
        period: Duration::from_secs(60),
    };

    /// A rate of a tenth of the points, rounded up.
    #[must_use]
    pub fn tenth(self) -> Self {
        self.share_of(TEN)
    }

    /// The rate of one of so many nodes, rounded up.
    #[must_use]
    pub fn share_of(self, nodes: NonZeroU32) -> Self {
        Self { points: self.points.div_ceil(nodes), ..self }
    }

    /// A rate of ten times the points.
    #[must_use]
    pub fn tenfold(self) -> Self {
        Self { points: self.points.saturating_mul(TEN), ..self }
    }

    /// The time in which one point is replenished.
    #[must_use]
    pub fn each(self) -> Duration {
        (self.period / self.points.get()).max(Duration::from_nanos(1))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.period.as_secs() {
            1 => "s",
            60 => "min",
            _ => "h",
        };
        write!(f, "{}/{unit}", self.points)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("`{text}` is not a rate: give points per time, such as 600/min");
        let (points, unit) = text.split_once('/').ok_or_else(form)?;
        let points = points.trim().parse().map_err(|_| form())?;
        let period = match unit.trim() {
            "s" | "sec" | "second" => 1,
            "min" | "minute" => 60,
            "h" | "hour" => 60 * 60,
            _ => return Err(form()),
        };
        Ok(Self { points, period: Duration::from_secs(period) })
    }
}

/// The rates as given: of all callers, or of those with a name (a tier, `anonymous`, `service`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RateLimit {
    /// No limit.
    Off,
    /// Rates by name; without a name, that of the callers who have none of their own.
    Rates(Vec<(Option<String>, Rate)>),
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Rates(rates) = self else { return f.write_str("off") };
        for (index, (name, rate)) in rates.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match name {
                Some(name) => write!(f, "{comma}{name}={rate}")?,
                None => write!(f, "{comma}{rate}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim() == "off" {
            return Ok(Self::Off);
        }
        let mut rates = Vec::new();
        for entry in text.split(',').map(str::trim) {
            let (name, rate) = match entry.split_once('=') {
                Some((name, rate)) => (Some(name.trim().to_owned()), rate.trim()),
                None => (None, entry),
            };
            if rates.iter().any(|(other, _)| *other == name) {
                return Err(format!(
                    "`{entry}` is the second rate of the same callers: remove one"
                ));
            }
            rates.push((name, rate.parse()?));
        }
        Ok(Self::Rates(rates))
    }
}

/// The checked rates.
#[derive(Clone, Debug)]
pub struct RateLimits {
    rates: Vec<(Option<String>, Rate)>,
    tiers: Tiers,
}

/// A rate, and the name of the callers that it is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamedRate {
    /// `anonymous`, `service`, or the tier.
    pub name: String,
    /// Their rate.
    pub rate: Rate,
}

impl RateLimits {
    /// The rates of `limit`. None if it is off.
    pub(super) fn check(limit: RateLimit, tiers: &Tiers) -> Result<Option<Self>, ConfigError> {
        let RateLimit::Rates(rates) = limit else { return Ok(None) };
        for name in rates.iter().filter_map(|(name, _)| name.as_ref()) {
            if ![ANONYMOUS, SERVICE].contains(&name.as_str()) && !tiers.names().contains(name) {
                return invalid(format!(
                    "RATE_LIMIT has a rate for `{name}`: use {ANONYMOUS}, {SERVICE}, or one of TIERS ({})",
                    tiers.names().join(", ")
                ));
            }
        }
        Ok(Some(Self { rates, tiers: tiers.clone() }))
    }

    /// The rate of a caller; `None` for an anonymous one.
    #[must_use]
    pub fn of(&self, caller: Option<&Caller>) -> NamedRate {
        let name = match caller {
            None => ANONYMOUS,
            Some(caller) if caller.kind() == CallerKind::Service => SERVICE,
            Some(caller) => self.tiers.counted_as(caller.tier()),
        };
        let rate = self.named(Some(name)).or_else(|| self.of_lower_tier(name));
        let rate = rate.or_else(|| self.named(None)).unwrap_or(Rate::DEFAULT);
        NamedRate { name: name.to_owned(), rate }
    }

    fn named(&self, name: Option<&str>) -> Option<Rate> {
        let found = self.rates.iter().find(|(other, _)| other.as_deref() == name);
        found.map(|(_, rate)| *rate)
    }

    /// The rate of the next lower tier that has one.
    fn of_lower_tier(&self, tier: &str) -> Option<Rate> {
        let position = self.tiers.names().iter().position(|name| name == tier)?;
        let lower = self.tiers.names()[..position].iter().rev();
        lower.filter_map(|name| self.named(Some(name))).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_parsed() {
        for text in
            ["600/min", "off", "anonymous=120/min,free=600/min,premium=3000/min", "10/s,free=1/h"]
        {
            assert_eq!(text.parse::<RateLimit>().map(|it| it.to_string()), Ok(text.to_owned()));
        }
        for (text, problem) in [
            ("", "not a rate"),
            ("600", "such as 600/min"),
            ("0/min", "not a rate"),
            ("-1/min", "not a rate"),
            ("600/day", "not a rate"),
            ("free=600", "not a rate"),
            ("1/s,2/s", "second rate"),
            ("free=1/s,free=2/s", "second rate"),
        ] {
            let error = text.parse::<RateLimit>().unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn rate_of_a_tenth_is_rounded_up() {
        let tenth = |text: &str| text.parse::<Rate>().unwrap().tenth().to_string();
        assert_eq!((tenth("600/min"), tenth("5/s")), ("60/min".to_owned(), "1/s".to_owned()));
    }
}
