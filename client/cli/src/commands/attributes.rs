//! `deepface attributes`: the attributes that a face can have.

use deepface_client::{SettingsInForce, v1};
use serde::Serialize;

use crate::{
    args::{AttributesArgs, ServiceArgs},
    pair::Pair,
    printer,
};

/// What is printed for programs.
#[derive(Debug, Serialize)]
struct Line<'a> {
    attributes: Vec<Attribute<'a>>,
    layers: &'a [String],
    defaults: SettingsInForce,
    digest: &'a str,
    classifier_digest: &'a str,
}

#[derive(Debug, Serialize)]
struct Attribute<'a> {
    name: &'a str,
    group: &'a str,
    frequency: f64,
    weight: f64,
}

pub(crate) async fn run(services: &ServiceArgs, args: &AttributesArgs) -> anyhow::Result<()> {
    let pair = Pair::with_generator(services).await?;
    let list = pair.generator()?.list_attributes().await?;
    pair.stop().await;
    if args.json {
        printer::print_json(&line(&list))
    } else {
        printer::print(&table(&list))
    }
}

fn line<'a>(list: &'a v1::ListAttributesResponse) -> Line<'a> {
    let attribute = |info: &'a v1::AttributeInfo| Attribute {
        name: &info.name,
        group: &info.group,
        frequency: info.frequency,
        weight: info.weight,
    };
    Line {
        attributes: list.attributes.iter().map(attribute).collect(),
        layers: &list.layers,
        defaults: list
            .defaults
            .as_ref()
            .map(SettingsInForce::from)
            .unwrap_or_default(),
        digest: &list.digest,
        classifier_digest: &list.classifier_digest,
    }
}

/// The attributes by group, with the share of the training photographs that have each.
fn table(list: &v1::ListAttributesResponse) -> String {
    let mut table = String::new();
    for group in list.attributes.chunk_by(|a, b| a.group == b.group) {
        table += &format!("{}\n", group[0].group.replace('_', " "));
        for info in group {
            table += &printer::score_line(&info.name, info.frequency as f32, "");
        }
    }
    table
        + &format!(
            "\nShare of the training photographs. Layers: {}\n",
            list.layers.join(", ")
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_has_one_heading() {
        let info = |name: &str, group: &str| v1::AttributeInfo {
            name: name.to_owned(),
            group: group.to_owned(),
            frequency: 0.25,
            weight: 1.0,
        };
        let list = v1::ListAttributesResponse {
            attributes: vec![
                info("Bald", "hair_cover"),
                info("Bangs", "hair_cover"),
                info("Male", "gender"),
            ],
            layers: vec!["conv4_3".to_owned()],
            ..Default::default()
        };
        let table = table(&list);
        assert_eq!(table.matches("hair cover\n").count(), 1, "{table}");
        assert!(
            table.contains("25.0 %") && table.contains("conv4_3"),
            "{table}"
        );
    }
}
