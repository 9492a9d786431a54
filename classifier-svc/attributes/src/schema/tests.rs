//! Schemas: which groups are one, and how attributes are found in them.

use super::*;

fn group(name: &str, attributes: &[&str]) -> Group {
    Group {
        name: name.into(),
        attributes: attributes.iter().map(|&a| a.into()).collect(),
    }
}

fn small() -> Schema {
    let groups = [
        group("hair", &["Black_Hair", "Blond_Hair"]),
        group("smiling", &["Smiling"]),
    ];
    Schema::new(groups.into()).unwrap()
}

#[test]
fn the_default_has_73_attributes_in_42_groups() {
    let schema = Schema::default();
    assert_eq!((schema.len(), schema.groups().len()), (73, 42));
    assert!(schema.is_default() && !small().is_default());
    let male = schema.find("Male").unwrap();
    assert_eq!((male.index(), schema.name(male)), (0, "Male"));
    assert_eq!(schema.group(male).name, "gender");
}

#[test]
fn an_attribute_is_found_in_any_spelling_and_by_its_number() {
    let schema = Schema::default();
    for attribute in schema.all() {
        let name = schema.name(attribute);
        assert_eq!(schema.find(name), Some(attribute));
        assert_eq!(
            schema.find(&snake_case(name)),
            Some(attribute),
            "{name} in snake case"
        );
        assert_eq!(schema.id(attribute.index()), Some(attribute));
    }
    assert_eq!(schema.find("Attractive"), None);
    assert_eq!(schema.find(&"Male".repeat(1_000_000)), None);
    assert_eq!(schema.id(73), None);
}

#[test]
fn groups_that_are_not_a_schema_are_refused() {
    let problem = |groups: &[Group]| Schema::new(groups.to_vec()).unwrap_err().to_string();
    assert_eq!(problem(&[]), "expected 1 to 1024 attributes, got 0");
    let said = problem(&[group("a", &["A"]), group("b", &[])]);
    assert_eq!(said, "group \"b\" has no attributes");
    let said = problem(&[group("a", &["No Beard"]), group("b", &["No_Beard"])]);
    assert_eq!(
        said,
        "attribute \"No_Beard\" has the same name as \"No Beard\""
    );
    let said = problem(&[group("a", &["A"]), group("A", &["B"])]);
    assert_eq!(said, "group \"A\" has the same name as \"a\"");
    for name in ["", "--", "a\tb", &"x".repeat(65)] {
        assert!(problem(&[group("a", &[name])]).contains("expected a name of 1 to 64"));
    }
    let many: Vec<String> = (0..1025).map(|i| i.to_string()).collect();
    let many = Schema::ungrouped(many.iter().map(String::as_str));
    assert!(many.unwrap_err().to_string().ends_with("got 1025"));
}

#[test]
fn a_table_of_groups_is_read() {
    let table =
        "group\tattributes\nhair\tBlack_Hair, Blond_Hair\n\n# one alone\nsmiling\tSmiling\n";
    assert_eq!(Schema::parse(table), Ok(small()));
    let windows = format!("\u{feff}{}", table.replace('\n', "\r\n"));
    assert_eq!(Schema::parse(&windows), Ok(small()));
    let problem = Schema::parse("hair Black_Hair").unwrap_err().to_string();
    assert!(problem.starts_with("line 1: expected a group, a tab"));
}

#[test]
fn attributes_alone_are_groups_of_their_own() {
    let schema = Schema::ungrouped(["5_o_Clock_Shadow", "Male"]).unwrap();
    let groups: Vec<&str> = schema.groups().iter().map(|g| g.name.as_str()).collect();
    assert_eq!(groups, ["5_o_clock_shadow", "male"]);
}

#[test]
fn a_part_of_a_schema_keeps_its_groups() {
    let part = small().restrict(&[false, true, true]).unwrap();
    let names: Vec<&str> = part.names().collect();
    assert_eq!(names, ["Blond_Hair", "Smiling"]);
    assert_eq!(part.groups()[0].name, "hair");
    let one = small().restrict(&[true, true, false]).unwrap();
    assert_eq!(one.groups().len(), 1);
    assert_eq!(small().restrict(&[true; 3]), Some(small()));
    assert_eq!(small().restrict(&[false; 3]), None);
}
