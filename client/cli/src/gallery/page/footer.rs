//! How the page was made.

use deepface_client::{SettingsInForce, v1};
use maud::{Markup, html};

use super::Page;

impl Page<'_> {
    pub(super) fn footer(&self) -> Markup {
        let empty = v1::Started::default();
        let started = self.all().next().map_or(&empty, |cell| &cell.started);
        let settings = started.settings.as_ref().map(SettingsInForce::from);
        let lines = [
            ("Made with", self.command.to_owned()),
            ("Settings", settings.unwrap_or_default().to_string()),
            ("Statistics (SHA-256)", started.digest.clone()),
            ("Classifier (SHA-256)", started.classifier_digest.clone()),
        ];
        html! {
            footer {
                dl {
                    @for (name, value) in lines { dt { (name) } dd { code { (value) } } }
                }
                p {
                    "The probabilities are those of the network that was inverted: it judges itself. The names of \
                     attributes are those of a data set, not facts about people."
                }
            }
        }
    }
}
