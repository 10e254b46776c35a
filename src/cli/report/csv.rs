//! The report as CSV (RFC 4180), safe to open in a spreadsheet.

use log_monitor_channels::text::one_line;

use crate::clock::written;
use crate::history::report::Row;
use crate::journal::events::time;

const HEADER: [&str; 15] = [
    "kind",
    "watch",
    "name",
    "label",
    "agents",
    "watched_seconds",
    "silent_seconds",
    "arrived_late_seconds",
    "too_few_logs_seconds",
    "coverage_percent",
    "silences",
    "longest_agent",
    "longest_from",
    "longest_to",
    "longest_seconds",
];

/// One table with a header.
#[must_use]
pub fn text(rows: &[Row]) -> String {
    let header = HEADER.map(str::to_owned);
    std::iter::once(header).chain(rows.iter().map(fields)).map(|fields| line(&fields)).collect()
}

fn fields(row: &Row) -> [String; 15] {
    let coverage = &row.coverage;
    let longest = coverage.longest.as_ref();
    let of_longest = |tell: &dyn Fn(i64, i64) -> String| {
        longest.map_or_else(String::new, |((from, to), _)| tell(*from, *to))
    };
    [
        row.kind.name().to_owned(),
        row.watch.clone(),
        row.name.clone(),
        row.label.clone(),
        coverage.agents.to_string(),
        (coverage.watched / 1000).to_string(),
        (coverage.silent / 1000).to_string(),
        (coverage.late / 1000).to_string(),
        (coverage.few / 1000).to_string(),
        coverage.percent().map_or_else(String::new, |percent| format!("{percent:.2}")),
        coverage.silences.to_string(),
        longest.map_or_else(String::new, |(_, agent)| agent.clone()),
        of_longest(&|from, _| written(time(from))),
        of_longest(&|_, to| written(time(to))),
        of_longest(&|from, to| ((to - from) / 1000).to_string()),
    ]
}

fn line(fields: &[String]) -> String {
    fields.iter().map(|text| field(text)).collect::<Vec<_>>().join(",") + "\r\n"
}

/// One line, no formula, quoted where it must be.
fn field(text: &str) -> String {
    let mut text = one_line(text, 120);
    // A spreadsheet would work these out.
    if text.starts_with(['=', '+', '-', '@']) {
        text.insert(0, '\'');
    }
    match text.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::coverage::Coverage;
    use crate::history::report::Kind;

    #[test]
    fn a_label_is_no_formula_and_no_second_line() {
        for formula in ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", " =1", "\u{200b}=1"] {
            let shown = field(formula);
            assert!(shown.starts_with('\''), "{formula:?} became {shown:?}");
        }
        assert_eq!(field("web \"one\", Milan\r\nx"), "\"web \"\"one\"\", Milan x\"");
        assert_eq!(field("=1,2"), "\"'=1,2\"");
        assert_eq!(field("web-01"), "web-01");
    }

    #[test]
    fn every_line_has_as_many_fields_as_the_header() {
        let longest = Some(((0, 90_000), "001".to_owned()));
        let (watched, silent, late, few) = (180_000, 90_000, 30_000, 2_000);
        let coverage = Coverage { agents: 1, watched, silent, late, few, silences: 1, longest };
        let row = |coverage| Row {
            kind: Kind::Agent,
            watch: "default".to_owned(),
            name: "001".to_owned(),
            label: "=cmd".to_owned(),
            coverage,
        };
        let text = text(&[row(coverage), row(Coverage::default())]);
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(
            lines[1..],
            [
                "agent,default,001,'=cmd,1,180,90,30,2,50.00,1,001,1970-01-01 00:00:00 UTC,1970-01-01 00:01:30 UTC,90",
                "agent,default,001,'=cmd,0,0,0,0,0,,0,,,,",
                ""
            ]
        );
        assert!(lines[..3].iter().all(|line| line.matches(',').count() == HEADER.len() - 1));
    }
}
