//! Tables of text. Columns are as wide as their widest cell on a screen.

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

/// One cell, perhaps in colour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    style: Style,
}

/// How wide columns are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// As in kubeadm's tables (Go's tabwriter): each column is at least ten characters wide, with three blanks after
    /// it.
    Kubeadm,
    /// Two blanks between columns, none at the end of a line.
    Narrow,
}

impl Cell {
    /// Returns a cell in colour.
    pub fn styled(text: impl Into<String>, style: Style) -> Cell {
        Cell {
            text: text.into(),
            style,
        }
    }

    fn width(&self) -> usize {
        self.text.width()
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::styled(text, Style::new())
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::from(text.to_owned())
    }
}

/// Returns the rows as lines. The last cell of a row takes the width that it needs.
pub fn table(rows: &[Vec<Cell>], spacing: Spacing) -> String {
    let widths = widths(rows, spacing);
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (index, cell) in row.iter().enumerate() {
            let Cell { text, style } = cell;
            line.push_str(&format!("{style}{text}{style:#}"));
            if index + 1 < row.len() {
                let width = widths.get(index).copied().unwrap_or_default();
                line.push_str(&" ".repeat(width.saturating_sub(cell.width())));
            }
        }
        text.push_str(match spacing {
            Spacing::Kubeadm => &line,
            Spacing::Narrow => line.trim_end(),
        });
        text.push('\n');
    }
    text
}

/// Returns how many columns of a terminal the widest row takes.
pub fn width(rows: &[Vec<Cell>], spacing: Spacing) -> usize {
    let widths = widths(rows, spacing);
    rows.iter()
        .map(|row| {
            let before = widths
                .iter()
                .take(row.len().saturating_sub(1))
                .sum::<usize>();
            before + row.last().map_or(0, Cell::width)
        })
        .max()
        .unwrap_or_default()
}

/// Returns the width of each column but the last.
fn widths(rows: &[Vec<Cell>], spacing: Spacing) -> Vec<usize> {
    let (least, gap) = match spacing {
        Spacing::Kubeadm => (10, 3),
        Spacing::Narrow => (0, 2),
    };
    let mut widths = Vec::new();
    for row in rows {
        for (index, cell) in row.iter().enumerate().take(row.len().saturating_sub(1)) {
            let wanted = least.max(cell.width() + gap);
            match widths.get_mut(index) {
                Some(width) => *width = wanted.max(*width),
                None => widths.push(wanted),
            }
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use anstyle::AnsiColor;

    use super::*;

    fn rows(texts: &[[&str; 3]]) -> Vec<Vec<Cell>> {
        texts
            .iter()
            .map(|row| row.iter().map(|text| Cell::from(*text)).collect())
            .collect()
    }

    #[test]
    fn columns_are_as_wide_as_gos_tabwriter_makes_them() {
        let text = table(
            &rows(&[["A", "BBBBBBBBBB", "C"], ["a", "", "no  "]]),
            Spacing::Kubeadm,
        );
        assert_eq!(
            text,
            "A         BBBBBBBBBB   C\na                      no  \n"
        );
    }

    #[test]
    fn narrow_columns_have_two_blanks_between_them_and_none_at_the_end() {
        let rows = rows(&[["A", "BB", "C"], ["aaa", "", ""]]);
        assert_eq!(table(&rows, Spacing::Narrow), "A    BB  C\naaa\n");
        assert_eq!(width(&rows, Spacing::Narrow), 10);
    }

    #[test]
    fn width_is_counted_as_a_terminal_shows_it() {
        let rows = rows(&[["日本", "x", ""], ["abcde", "x", ""]]);
        assert_eq!(table(&rows, Spacing::Narrow), "日本   x\nabcde  x\n");
    }

    #[test]
    fn colour_takes_no_width() {
        let red = AnsiColor::Red.on_default();
        let row = vec![Cell::styled("a", red), Cell::from("b")];
        let rows = [row, vec![Cell::from("aa"), Cell::from("b")]];
        let text = table(&rows, Spacing::Narrow);
        assert_eq!(text, format!("{red}a{red:#}   b\naa  b\n"));
    }
}
