//! The table of `config show`.

use super::cells;
use crate::report::configuration::Configuration;
use crate::report::render::{Report, TextTarget};
use crate::util::escape::escape;
use crate::util::table::{Spacing, table};

impl Report for Configuration {
    fn text(&self, _text_target: TextTarget) -> String {
        let mut rows = vec![cells(["FIELD", "VALUE", "FROM"])];
        rows.extend(self.fields.iter().map(|field| {
            let value = match field.values.is_empty() {
                true => "-".to_owned(),
                false => escape(&field.values.join(", ")),
            };
            cells([field.path, &value, &field.source])
        }));
        table(&rows, Spacing::Kubeadm)
    }
}
