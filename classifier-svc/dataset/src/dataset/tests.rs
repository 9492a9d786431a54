//! Whole data sets, in the layouts in which people have them.

use std::fs;

use super::*;

/// A folder with these files; photographs are empty.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (file, content) in files {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    dir
}

const LFW: &[u8] =
    b"#\tperson\timagenum\tMale\tBald\nAnn Bo\t1\t1\t-1\nAnn Bo\t2\t-1\t0.5\nNo Body\t1\t1\t1\n";

#[test]
fn the_public_layout_is_read() {
    let files: [(&str, &[u8]); 4] = [
        ("lfw_attributes.txt", LFW),
        ("._lfw_attributes.txt", b"\0"),
        ("photos/Ann_Bo/Ann_Bo_0001.jpg", b""),
        ("photos/Ann_Bo/Ann_Bo_0002.JPG", b""),
    ];
    let data = Dataset::open(folder(&files).path()).unwrap();
    assert_eq!((data.photographs.len(), data.missing), (2, 1));
    let first = &data.photographs[0];
    assert_eq!((first.person.as_str(), first.crop), ("Ann_Bo", Crop::Lfw));
    assert_eq!(first.split(), split_of("Ann_Bo"));
    assert_eq!(data.people(first.split()), 1);
    assert!(data.schema.is_default() && first.labels[0] && !first.labels[1]);
    let said = data.remarks.join("; ");
    assert!(said.contains("no column for 71 of 73 attributes"), "{said}");
    assert!(said.contains("1 rows without a photograph, the first in line 4"));
    let part = data.without_unknown();
    assert!(part.schema.names().eq(["Male", "Bald"]));
    assert_eq!(part.photographs[1].labels, [false, true]);
    assert_eq!(part.photographs[1].scores, [-1.0, 0.5]);
}

const CELEBA: &[u8] = b"3\nMale Young \n000001.jpg -1  1\n000002.jpg  1 -1\n000003.jpg  1  1\n";

#[test]
fn celeba_is_read_with_its_people_and_its_splits() {
    let files: [(&str, &[u8]); 6] = [
        ("Anno/list_attr_celeba.txt", CELEBA),
        (
            "Anno/identity_CelebA.txt",
            b"000001.jpg 7\n000002.jpg 7\n000003.jpg 8\n",
        ),
        (
            "Eval/list_eval_partition.txt",
            b"000001.jpg 0\n000002.jpg 2\n",
        ),
        ("Img/img_align_celeba/000001.jpg", b""),
        ("Img/img_align_celeba/000002.jpg", b""),
        ("Img/img_align_celeba/000003.jpg", b""),
    ];
    let data = Dataset::open(folder(&files).path()).unwrap();
    let people: Vec<_> = data.photographs.iter().map(|p| p.person.as_str()).collect();
    assert_eq!(people, ["7", "7"]);
    let splits: Vec<_> = data.photographs.iter().map(Photograph::split).collect();
    assert_eq!(splits, [Split::Train, Split::Test]);
    assert_eq!(data.photographs[0].crop, Crop::Celeba);
    assert!(data.schema.names().eq(["Male", "Young"]) && !data.by_person);
    assert!(data.remarks[0].starts_with("1 photographs left out"));
    // Without the lists, everybody is alone, and that is said.
    let alone = folder(&[files[0], files[3], files[4]]);
    let data = Dataset::open(alone.path()).unwrap();
    assert_eq!(data.photographs[1].split(), split_of("000002.jpg"));
    assert!(
        data.remarks
            .join(" ")
            .contains("2 photographs of unknown people")
    );
}

#[test]
fn repeated_rows_count_once_and_contradicting_rows_are_refused() {
    let again = |row: &[u8]| {
        folder(&[
            ("x_attributes.txt", &[LFW, row].concat()),
            ("Ann_Bo/Ann_Bo_0001.jpg", b""),
        ])
    };
    let data = Dataset::open(again(b"Ann_Bo\t1\t1\t-1\n").path()).unwrap();
    assert_eq!(data.photographs.len(), 1);
    assert!(
        data.remarks
            .join("; ")
            .contains("1 repeated rows, each counted once, the first in line 5")
    );
    let problem = Dataset::open(again(b"Ann Bo\t1\t-1\t-1\n").path()).unwrap_err();
    let said = "line 5: other labels than line 2 for the same photograph";
    assert!(problem.to_string().ends_with(said), "{problem}");
}

#[test]
fn a_latin_1_table_finds_the_folder_of_an_accented_name() {
    let files: [(&str, &[u8]); 2] = [
        (
            "attributes.csv",
            b"person,imagenum,Male\nJos\xe9 Mar\xeda,1,1\n",
        ),
        (
            "Jose\u{301}_Mari\u{301}a/Jose\u{301}_Mari\u{301}a_0001.jpg",
            b"",
        ),
    ];
    let data = Dataset::open(folder(&files).path()).unwrap();
    assert_eq!(data.photographs[0].person, "Jos\u{e9}_Mar\u{ed}a");
    assert!(data.remarks.join("; ").contains("read as Latin-1"));
}

#[test]
fn a_table_that_cannot_be_found_is_named() {
    let problem = |files: &[(&str, &[u8])]| {
        let dir = folder(files);
        let problem = Dataset::open(dir.path()).unwrap_err().to_string();
        assert!(!problem.contains("found.iter"), "{problem}");
        problem
    };
    assert!(problem(&[("a.jpg", b"")]).ends_with("found none; --labels says which"));
    let two = problem(&[("a_attributes.txt", LFW), ("b_attributes.csv", LFW)]);
    assert!(
        two.contains("found a_attributes.txt, b_attributes.csv;"),
        "{two}"
    );
    let none = problem(&[("a_attributes.txt", LFW)]);
    assert!(
        none.starts_with("none of the 3 photographs named in"),
        "{none}"
    );
    let binary = problem(&[("a_attributes.txt", b"a\0b")]);
    assert!(binary.ends_with("line 1: expected a text file, got a binary one"));
}
