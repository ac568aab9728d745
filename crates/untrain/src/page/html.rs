//! The text of a page: everything but what stands in the program is escaped, and every number is one that people can read.

use std::fmt::Write as _;

use untrain_audit::{Interval, Measured};
use untrain_ledger::receipt;

/// What stands where there is no number.
const NONE: &str = "–";

/// The page so far.
pub(crate) struct Html(String);

/// A cell of a table: what it says, and below it in small letters what belongs to that.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    pub(crate) class: &'static str,
    pub(crate) says: String,
    pub(crate) small: String,
}

impl Html {
    /// A page with a title. The policy for browsers forbids scripts and everything from elsewhere, whatever its text should contain.
    pub(crate) fn beginning(title: &str) -> Self {
        let mut page = Self(String::new());
        page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n");
        page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
        page.raw(&escaped(title));
        page.raw("</title>\n<style>\n");
        page.raw(include_str!("style.css"));
        page.raw("</style>\n</head>\n<body>\n<main>\n");
        page
    }

    /// The whole page.
    pub(crate) fn finish(mut self) -> String {
        self.raw("</main>\n</body>\n</html>\n");
        self.0
    }

    /// Adds markup as it is.
    pub(crate) fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    /// Begins a section.
    pub(crate) fn section(&mut self, title: &str) {
        let _ = writeln!(self.0, "<h2>{}</h2>", escaped(title));
    }

    /// A paragraph of a class, if that is not empty.
    pub(crate) fn paragraph(&mut self, class: &str, text: &str) {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let _ = writeln!(self.0, "<p{class}>{}</p>", escaped(text));
    }

    /// A list of sentences.
    pub(crate) fn list(&mut self, sentences: impl IntoIterator<Item = String>) {
        self.raw("<ul>\n");
        for sentence in sentences {
            let _ = writeln!(self.0, "<li>{}</li>", escaped(&sentence));
        }
        self.raw("</ul>\n");
    }

    /// Names beside values.
    pub(crate) fn facts<'a>(&mut self, facts: impl IntoIterator<Item = (&'a str, String)>) {
        self.raw("<table class=\"facts\">\n");
        for (name, value) in facts {
            let _ = writeln!(self.0, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escaped(name), escaped(&value));
        }
        self.raw("</table>\n");
    }

    /// A table whose first column names its rows.
    pub(crate) fn table(&mut self, heads: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) {
        self.raw("<div class=\"wide\"><table>\n<thead><tr>");
        for head in heads {
            let _ = write!(self.0, "<th scope=\"col\">{}</th>", escaped(head));
        }
        self.raw("</tr></thead>\n<tbody>\n");
        for row in rows {
            self.raw("<tr>");
            for (place, Cell { class, says, small }) in row.into_iter().enumerate() {
                let (open, close) = if place == 0 { ("th scope=\"row\"", "th") } else { ("td", "td") };
                let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
                let small = if small.is_empty() { String::new() } else { format!("<small>{}</small>", escaped(&small)) };
                let _ = write!(self.0, "<{open}{class}>{}{small}</{close}>", escaped(&says));
            }
            self.raw("</tr>\n");
        }
        self.raw("</tbody>\n</table></div>\n");
    }
}

impl Cell {
    /// Words.
    pub(crate) fn text(says: impl Into<String>) -> Self {
        Self { says: says.into(), ..Self::default() }
    }

    /// Words, and more in small letters.
    pub(crate) fn noted(says: impl Into<String>, small: impl Into<String>) -> Self {
        Self { says: says.into(), small: small.into(), ..Self::default() }
    }

    /// A number, and more in small letters.
    pub(crate) fn number(says: String, small: String) -> Self {
        Self { class: "number", says, small }
    }

    /// What was measured: the value, its interval and its p-value.
    pub(crate) fn measured(measured: Option<&Measured>) -> Self {
        let Some(Measured { value, interval, p_value }) = measured else { return Self::number(NONE.to_owned(), String::new()) };
        let parts = [interval.as_ref().map(|interval| range(interval, number)), p_value.map(|p| format!("p {}", chance(p)))];
        Self::number(number(*value), parts.into_iter().flatten().collect::<Vec<_>>().join("\n"))
    }

    /// A rate and its interval.
    pub(crate) fn rate(rate: Option<f64>, interval: Option<&Interval>) -> Self {
        let small = interval.map(|interval| range(interval, percent)).unwrap_or_default();
        Self::number(rate.map_or_else(|| NONE.to_owned(), percent), small)
    }
}

fn range(interval: &Interval, written: fn(f64) -> String) -> String {
    format!("{} to {}", written(interval.low), written(interval.high))
}

/// A number in the digits that mean something; never one that is not finite.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    let text = match size {
        _ if !size.is_finite() => return NONE.to_owned(),
        _ if size >= 1e5 => {
            let power = libm::floor(libm::log10(size)) as i32;
            format!("{:.1} × 10{}", size / libm::pow(10.0, f64::from(power)), raised(power))
        }
        _ if size >= 100.0 => format!("{size:.0}"),
        _ if size >= 10.0 => format!("{size:.1}"),
        _ => format!("{size:.3}"),
    };
    // A value that is 0 in the digits that are shown has no sign.
    let is_zero = text.bytes().all(|digit| matches!(digit, b'0' | b'.'));
    if value < 0.0 && !is_zero { format!("−{text}") } else { text }
}

fn raised(power: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    power.to_string().bytes().map(|digit| DIGITS[usize::from(digit.saturating_sub(b'0') % 10)]).collect()
}

/// A share in percent.
pub(crate) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", 100.0 * share) } else { NONE.to_owned() }
}

/// A p-value.
pub(crate) fn chance(p: f64) -> String {
    match p {
        p if !p.is_finite() => NONE.to_owned(),
        p if p < 0.000_95 => "< 0.001".to_owned(),
        p => format!("{p:.3}"),
    }
}

/// A time in the unit that suits it.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if !s.is_finite() => NONE.to_owned(),
        s if s >= 120.0 => format!("{:.0} minutes", s / 60.0),
        s if s >= 1.0 => format!("{s:.1} s"),
        s => format!("{:.1} ms", s * 1e3),
    }
}

/// Text of one line or more in which nothing is markup and nothing is hidden.
pub(crate) fn escaped(text: &str) -> String {
    text.split('\n').map(receipt::escaped).collect::<Vec<_>>().join("<br>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_mean_something_and_are_finite() {
        let written = [0.0, -0.0001, 0.512_34, -1.5, 12.34, 345.6, 5.432e7, f64::NAN, f64::NEG_INFINITY].map(number);
        assert_eq!(written, ["0.000", "0.000", "0.512", "−1.500", "12.3", "346", "5.4 × 10⁷", "–", "–"]);
        assert_eq!([number(f64::MAX), percent(0.0123), chance(0.0001), chance(0.05)], ["1.8 × 10³⁰⁸", "1.2 %", "< 0.001", "0.050"]);
        assert_eq!([0.0123, 2.5, 301.0, f64::NAN].map(duration), ["12.3 ms", "2.5 s", "5 minutes", "–"]);
    }

    #[test]
    fn markup_and_hidden_characters_are_shown_as_they_are() {
        assert_eq!(escaped("<b \"x\" 'y'>&\u{202e}"), "&lt;b &quot;x&quot; &#39;y&#39;&gt;&amp;\\u{202e}");
    }
}
