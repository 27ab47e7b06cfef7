//! The text of `template` without a name.

use super::cells;
use crate::report::render::{Report, TextTarget};
use crate::report::templates::TemplateList;
use crate::util::table::{Spacing, table};

impl Report for TemplateList {
    fn text(&self, _text_target: TextTarget) -> String {
        let mut rows = vec![cells(["NAME", "PURPOSE"])];
        let templates = self.templates.iter();
        rows.extend(templates.map(|template| cells([&template.name, &template.purpose])));
        table(&rows, Spacing::Narrow)
    }
}
