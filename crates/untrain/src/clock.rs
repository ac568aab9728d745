//! The clocks of the law: by when a request to forget has to be confirmed and answered.
//!
//! Days are days in UTC. Business days leave out Saturdays and Sundays; public holidays, which differ from place to place, are
//! not left out, so that a date is rather too early than too late. This is arithmetic, no legal advice.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::Offset;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The law under which a request is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// None was named: no clock runs.
    #[default]
    None,
    /// GDPR, Art. 12(3): one month to answer, two more with notice.
    Gdpr,
    /// CCPA regulations §7021: ten business days to confirm, 45 days to answer, 45 more with notice.
    Ccpa,
}

/// The clocks of a request, in Unix milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clocks {
    /// The law.
    pub regime: Regime,
    /// When the request arrived.
    pub received_ms: i64,
    /// By when it has to be confirmed, if it has to be.
    pub confirm_due_ms: Option<i64>,
    /// When it was confirmed.
    pub confirmed_ms: Option<i64>,
    /// By when it has to be answered.
    pub due_ms: Option<i64>,
    /// When the requester was told that it takes longer.
    pub extended_ms: Option<i64>,
}

impl Regime {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Gdpr, Self::Ccpa];

    /// What the statement of a request calls it; empty if there is none.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gdpr => "GDPR",
            Self::Ccpa => "CCPA",
        }
    }

    /// The clocks of a request that arrived then.
    ///
    /// # Errors
    ///
    /// [`Error::Time`] beyond the years that a calendar has.
    pub fn clocks(self, received_ms: i64) -> Result<Clocks> {
        let clocks = Clocks { regime: self, received_ms, ..Clocks::default() };
        Ok(match self {
            Self::None => clocks,
            Self::Gdpr => Clocks { due_ms: Some(after(received_ms, Span::new().months(1))?), ..clocks },
            Self::Ccpa => Clocks {
                confirm_due_ms: Some(business_days(received_ms, 10)?),
                due_ms: Some(after(received_ms, Span::new().days(45))?),
                ..clocks
            },
        })
    }
}

impl Clocks {
    /// The clocks after the requester was told, at `now_ms`, that it takes longer.
    ///
    /// # Errors
    ///
    /// [`Error::NoExtension`] if no clock runs, if it was extended before, or if the time for saying so is over.
    pub fn extended(self, now_ms: i64) -> Result<Self> {
        let refuse = |reason| Err(Error::NoExtension { reason });
        let Some(due_ms) = self.due_ms else { return refuse("no clock runs") };
        if self.extended_ms.is_some() {
            return refuse("it was extended before, and the law allows that once");
        }
        if now_ms > due_ms {
            return refuse("the time in which the requester has to be told is over");
        }
        let span = if self.regime == Regime::Gdpr { Span::new().months(3) } else { Span::new().days(90) };
        Ok(Self { due_ms: Some(after(self.received_ms, span)?), extended_ms: Some(now_ms), ..self })
    }
}

/// Reads a day (`2026-11-24`) or a moment (RFC 3339), in Unix milliseconds.
///
/// # Errors
///
/// [`Error::Time`].
pub fn moment(text: &str) -> Result<i64> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment.as_millisecond());
    }
    let day: Date = text.parse().map_err(|_| Error::Time { text: text.to_owned() })?;
    unix_ms(day.at(0, 0, 0, 0))
}

/// The day of a moment, as in `2026-11-24`.
pub fn day(ms: i64) -> String {
    civil(ms).map_or_else(|_| ms.to_string(), |at| at.date().to_string())
}

fn civil(ms: i64) -> Result<DateTime> {
    Ok(Offset::UTC.to_datetime(Timestamp::from_millisecond(ms).map_err(|_| beyond(ms))?))
}

fn unix_ms(at: DateTime) -> Result<i64> {
    let moment = Offset::UTC.to_timestamp(at).map_err(|_| Error::Time { text: at.to_string() })?;
    Ok(moment.as_millisecond())
}

fn after(ms: i64, span: Span) -> Result<i64> {
    unix_ms(civil(ms)?.checked_add(span).map_err(|_| beyond(ms))?)
}

fn business_days(ms: i64, n: u32) -> Result<i64> {
    let (mut at, mut left) = (civil(ms)?, n);
    while left > 0 {
        at = at.checked_add(Span::new().days(1)).map_err(|_| beyond(ms))?;
        left -= u32::from(!matches!(at.weekday(), Weekday::Saturday | Weekday::Sunday));
    }
    unix_ms(at)
}

fn beyond(ms: i64) -> Error {
    Error::Time { text: format!("{ms} ms since 1970") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(regime: Regime, received: &str) -> (Option<String>, Option<String>) {
        let clocks = regime.clocks(moment(received).unwrap()).unwrap();
        (clocks.confirm_due_ms.map(day), clocks.due_ms.map(day))
    }

    #[test]
    fn a_month_is_a_month_of_the_calendar() {
        // EDPB guidelines 01/2022, paragraphs 157 to 160: the last day of the month where the next one has no such day.
        assert_eq!(due(Regime::Gdpr, "2026-03-05"), (None, Some("2026-04-05".to_owned())));
        assert_eq!(due(Regime::Gdpr, "2026-08-31"), (None, Some("2026-09-30".to_owned())));
        assert_eq!(due(Regime::Gdpr, "2027-01-31"), (None, Some("2027-02-28".to_owned())));
    }

    #[test]
    fn ten_business_days_and_forty_five_days() {
        // 24 November 2026 is a Tuesday.
        assert_eq!(due(Regime::Ccpa, "2026-11-24"), (Some("2026-12-08".to_owned()), Some("2027-01-08".to_owned())));
        assert_eq!(due(Regime::Ccpa, "2026-11-28"), (Some("2026-12-11".to_owned()), Some("2027-01-12".to_owned())));
        assert_eq!(due(Regime::None, "2026-11-28"), (None, None));
    }

    #[test]
    fn a_clock_is_extended_once_and_in_time() {
        let received = moment("2026-11-24T10:00:00Z").unwrap();
        let clocks = Regime::Gdpr.clocks(received).unwrap();
        let extended = clocks.extended(moment("2026-12-20").unwrap()).unwrap();
        assert_eq!(extended.due_ms.map(day), Some("2027-02-24".to_owned()));
        assert!(extended.extended(moment("2026-12-21").unwrap()).is_err());
        assert!(clocks.extended(moment("2026-12-25").unwrap()).is_err());
        assert!(Regime::None.clocks(received).unwrap().extended(received).is_err());
        let ccpa = Regime::Ccpa.clocks(received).unwrap().extended(received).unwrap();
        assert_eq!(ccpa.due_ms.map(day), Some("2027-02-22".to_owned()));
        assert!(moment("yesterday").is_err());
    }
}
