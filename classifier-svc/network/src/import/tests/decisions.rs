//! What a file says about its pixels and its licence, and what must be said for it.

use super::*;
use crate::VGG_FACE_MEAN;

/// The small network with `classes` outputs of fc8, or without fc8.
fn distinguishing(classes: usize) -> Vec<u8> {
    changed(|tensors| {
        tensors.retain(|(name, ..)| classes > 0 || !name.starts_with("fc8"));
        for (name, shape, values) in tensors {
            if let Some(part) = name.strip_prefix("fc8.") {
                *shape = if part == "bias" {
                    vec![classes]
                } else {
                    vec![classes, 16]
                };
                *values = vec![0.5; shape.iter().product()];
            }
        }
    })
}

#[test]
fn the_order_of_colours_is_required_where_the_format_does_not_fix_it() {
    for file in [SAFETENSORS, ZIP] {
        let problem = import(file, &FACE).unwrap_err();
        assert!(problem.contains("--channel-order: required"), "{problem}");
        assert!(problem.contains("vgg_face_dag.pth reads rgb"), "{problem}");
    }
    let first = |file: &[u8], order: &str| {
        let more = [&FACE[..], &["--channel-order", order]].concat();
        weights(file, &more).parameters[0].weight.clone()
    };
    assert_ne!(first(ZIP, "rgb"), first(ZIP, "bgr"));
    // Caffe's files are BGR, MatConvNet's RGB; both are the same network.
    let expected = first(ZIP, "rgb");
    assert_eq!(weights(V1, &FACE).parameters[0].weight, expected);
    assert_eq!(weights(V5, &FACE).parameters[0].weight, expected);
    assert_eq!(first(V1, "rgb"), first(ZIP, "bgr"));
}

#[test]
fn a_file_of_this_program_says_all_of_it() {
    let more = [
        "--channel-order",
        "rgb",
        "--mean",
        "1,2,3",
        "--scale",
        "0.5",
        "--license",
        "mine",
    ];
    let own = import(ZIP, &more).unwrap();
    let again = Weights::read(&import(&own, &[]).unwrap()).unwrap();
    assert!(again.parameters == weights(ZIP, &TOLD).parameters);
    let p = &again.description.preprocessing;
    assert_eq!((p.mean, p.scale), ([1.0, 2.0, 3.0], 0.5));
    assert_eq!(again.description.license, "mine");
}

#[test]
fn only_a_network_of_2622_people_has_the_mean_and_the_licence_of_vgg_face() {
    let rgb = ["--channel-order", "rgb"];
    let face = weights(&distinguishing(2622), &rgb).description;
    let p = &face.preprocessing;
    assert_eq!(
        (p.order, p.mean, p.scale),
        (ChannelOrder::Rgb, VGG_FACE_MEAN, 1.0)
    );
    assert!(face.license.starts_with("CC BY-NC 4.0"));
    for (classes, said) in [
        (1000, "fc8 distinguishes 1000 classes, not the 2622 people"),
        (0, "the file has no fc8"),
        (2600, "fc8 distinguishes 2600 classes"),
    ] {
        let file = distinguishing(classes);
        let problem = import(&file, &rgb).unwrap_err();
        assert!(
            problem.contains("--mean and --scale: required"),
            "{problem}"
        );
        assert!(problem.contains(said), "{problem}");
        let problem = import(&file, &[&rgb[..], &FACE[..2]].concat()).unwrap_err();
        assert!(problem.contains("--scale: required"), "{problem}");
        let other = weights(&file, &TOLD).description;
        assert!(other.license.starts_with("unknown"), "{}", other.license);
    }
    let problem = import(&distinguishing(1000), &[]).unwrap_err();
    assert!(problem.contains("--channel-order: required"), "{problem}");
    assert!(
        problem.contains("--mean and --scale: required"),
        "{problem}"
    );
    assert!(problem.contains("torchvision's weights take"), "{problem}");
    let own = [&TOLD[..], &["--license", "mine"]].concat();
    assert_eq!(
        weights(&distinguishing(1000), &own).description.license,
        "mine"
    );
}

#[test]
fn the_mean_image_of_matconvnet_is_the_mean() {
    let description = weights(V5, &[]).description;
    let p = &description.preprocessing;
    assert_eq!(
        (p.order, p.mean, p.scale),
        (ChannelOrder::Rgb, VGG_FACE_MEAN, 1.0)
    );
    // Four people are not those of VGG-Face.
    assert!(description.license.starts_with("unknown"));
    let told = weights(V5, &["--mean", "1,2,3"]).description.preprocessing;
    assert_eq!(told.mean, [1.0, 2.0, 3.0]);
}
