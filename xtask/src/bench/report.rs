//! Medians, side by side, as a table of Markdown.

use std::{fs, time::Duration};

use super::{Contestant, disk::Disk};

/// What one part of the bench found.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    cells: Vec<Cell>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Cell {
    contestant: Contestant,
    row: String,
    value: f64,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), cells: Vec::new(), notes: Vec::new() }
    }

    /// One more value; several of one row and contestant are shown as their median.
    pub(crate) fn add(&mut self, contestant: Contestant, row: impl Into<String>, value: f64) {
        self.cells.push(Cell { contestant, row: row.into(), value });
    }

    /// A sentence below the table.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Tells the values that a contestant has got since there were `from` of all.
    pub(crate) fn tell(&self, contestant: Contestant, from: usize) {
        let told: Vec<String> = (self.cells.iter().skip(from))
            .map(|cell| format!("{} {}", cell.row, figure(cell.value)))
            .collect();
        println!("{:<20} {}", contestant.title(), told.join(" | "));
    }

    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    fn columns(&self) -> Vec<Contestant> {
        let is_in = |one: &Contestant| self.cells.iter().any(|cell| cell.contestant == *one);
        Contestant::ALL.into_iter().filter(is_in).collect()
    }

    fn rows(&self) -> Vec<&str> {
        self.cells.iter().fold(Vec::new(), |mut rows, cell| {
            if !rows.contains(&cell.row.as_str()) {
                rows.push(&cell.row);
            }
            rows
        })
    }

    fn median(&self, contestant: Contestant, row: &str) -> Option<f64> {
        let cells = self.cells.iter().filter(|cell| cell.contestant == contestant);
        let mut values: Vec<f64> =
            cells.filter(|cell| cell.row == row).map(|cell| cell.value).collect();
        values.sort_by(f64::total_cmp);
        let upper = *values.get(values.len() / 2)?;
        Some(f64::midpoint(upper, *values.get((values.len() - 1) / 2)?))
    }

    /// The table; beside the reference each value has its ratio to it.
    fn markdown(&self) -> String {
        let columns = self.columns();
        let heads: Vec<&str> = columns.iter().map(|one| one.title()).collect();
        let mut lines = vec![line(&self.title, &heads), line("---", &vec!["---:"; columns.len()])];
        for row in self.rows() {
            let base = self.median(Contestant::Reference, row);
            let cell = |contestant: &Contestant| {
                let Some(value) = self.median(*contestant, row) else { return String::new() };
                match base.filter(|base| *contestant != Contestant::Reference && 0.0 < *base) {
                    Some(base) => format!("{} ({:.2})", figure(value), value / base),
                    None => figure(value),
                }
            };
            lines.push(line(row, &columns.iter().map(cell).collect::<Vec<_>>()));
        }
        lines.extend(self.notes.iter().map(|note| format!("\n{note}")));
        lines.join("\n")
    }
}

fn line<T: AsRef<str>>(title: &str, cells: &[T]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| format!(" {} |", cell.as_ref())).collect();
    format!("| {title} |{}", cells.concat())
}

/// Three digits that count, and thousands apart.
fn figure(value: f64) -> String {
    if value.abs() < 10.0 {
        return format!("{value:.2}");
    }
    if value.abs() < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place != 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// All tables, and on what they were found.
pub(crate) fn print(tables: &[Table], disk: &Disk) {
    for table in tables {
        println!("\n{}", table.markdown());
    }
    println!(
        "\nDisk at rest: 4 KiB and an fdatasync take {} ms (p50), {} ms (p99).",
        figure(ms(disk.p50)),
        figure(ms(disk.p99))
    );
    let busy = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "Machine: {cores} cores, shared with the load, the CRM and the database; load average {}.",
        busy.trim()
    );
    println!(
        "All servers were killed with SIGKILL, and their journals held every webhook they had answered."
    );
}

pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "counts of a bench are far below 2^52")]
pub(crate) fn ratio(count: u64, of: u64) -> f64 {
    count as f64 / of as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_medians_beside_those_of_the_reference() {
        let mut table = Table::new("median");
        for (contestant, value) in [
            (Contestant::Sqlite, 100.0),
            (Contestant::Reference, 4000.0),
            (Contestant::Sqlite, 9000.0),
            (Contestant::Reference, 2000.0),
            (Contestant::Sqlite, 2000.0),
        ] {
            table.add(contestant, "requests/s", value);
        }
        table.add(Contestant::Postgres, "database, MiB", 12.34);
        let expected = "| median | reference | SQLite | PostgreSQL |\n\
                        | --- | ---: | ---: | ---: |\n\
                        | requests/s | 3,000 | 2,000 (0.67) |  |\n\
                        | database, MiB |  |  | 12.3 |";
        assert_eq!(table.markdown(), expected);
    }

    #[test]
    fn a_figure_has_three_digits_that_count() {
        let figures = [0.0, 0.456, 12.34, 999.5, 15_789.2, 1_234_567.0].map(figure);
        assert_eq!(figures, ["0.00", "0.46", "12.3", "1,000", "15,789", "1,234,567"]);
    }
}
