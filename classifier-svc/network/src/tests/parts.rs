//! Images of which different things are asked, computed together.

use crate::{
    Architecture, AttributeTarget, DeviceChoice, Differentiated, Model, Objective, Part, Term,
    noise::noise, random::weights,
};

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

fn assert_same(together: &Differentiated, alone: &Differentiated) {
    assert_eq!(together.losses, alone.losses);
    assert_eq!(bits(&together.gradient), bits(&alone.gradient));
    let all = |d: &Differentiated| d.activations.iter().map(|a| bits(a)).collect::<Vec<_>>();
    assert_eq!(all(together), all(alone));
}

/// A way to ask, by its number: one to three terms, at layers that change.
fn objectives(model: &Model, number: usize) -> Vec<Objective> {
    let info = model.info();
    let layers = info.layers.len();
    let values = |layer: usize, seed: usize| {
        let size = info.layers[layer].shape.iter().product();
        noise(seed as u64, size).into()
    };
    let term = |i: usize| {
        let layer = (7 * number + 3 * i) % layers;
        match (number + i) % 3 {
            0 => Term::SquaredDistance {
                layer,
                target: values(layer, number + 10 * i),
                normalized: number.is_multiple_of(2),
            },
            1 => Term::VectorJacobianProduct {
                layer,
                cotangent: values(layer, number + 20 * i),
            },
            _ => Term::AttributeLikelihood(
                [AttributeTarget {
                    attribute: (5 * number + i) % info.schema.len(),
                    absent: i == 1,
                    weight: 0.5,
                    enough: 1.0,
                }]
                .into(),
            ),
        }
    };
    let objective = |i: usize| Objective {
        weight: 1.0 + number as f64,
        term: term(i),
    };
    (0..=number % 3).map(objective).collect()
}

/// Every part is what it is alone, to the bit, whatever the others ask for and wherever the batch is cut into passes.
#[test]
fn parts_are_the_same_together_and_alone() {
    let weights = weights(Architecture::tiny());
    for threads in [1, 2] {
        let mut model =
            Model::from_weights(&weights, "test".into(), DeviceChoice::Cpu, threads).unwrap();
        let size = model.info().pixels();
        let layers = model.info().layers.len();
        let sizes = [1, 3, 1, 2, 1, 1, 4, 1, 2];
        let asked: Vec<_> = (0..sizes.len())
            .map(|i| (objectives(&model, i), vec![(5 * i) % layers; i % 3]))
            .collect();
        let images = noise(1, sizes.iter().sum::<usize>() * size);
        let images: Vec<f32> = images.iter().map(|x| x * 0.5 + 0.5).collect();
        let parts = sizes.iter().zip(&asked);
        let parts = parts.map(|(&n, (objectives, return_layers))| Part {
            n,
            objectives,
            return_layers,
        });
        let parts: Vec<_> = parts.collect();
        let together = model.differentiate_parts(&images, &parts).unwrap();
        let mut at = 0;
        for (part, together) in parts.iter().zip(&together) {
            let images = &images[at * size..(at + part.n) * size];
            at += part.n;
            let alone = model.differentiate(images, part.n, part.objectives, part.return_layers);
            assert_same(together, &alone.unwrap());
        }
    }
}

#[test]
fn a_wrong_target_in_any_part_is_refused() {
    let weights = weights(Architecture::tiny());
    let mut model = Model::from_weights(&weights, "test".into(), DeviceChoice::Cpu, 1).unwrap();
    let images = vec![0.5; 2 * model.info().pixels()];
    let good = objectives(&model, 0);
    let wrong = [Objective {
        weight: 1.0,
        term: Term::VectorJacobianProduct {
            layer: 0,
            cotangent: [1.0; 3].into(),
        },
    }];
    let parts = [&good[..], &wrong].map(|objectives| Part {
        n: 1,
        objectives,
        return_layers: &[],
    });
    assert!(model.differentiate_parts(&images, &parts).is_err());
    assert!(model.differentiate_parts(&images, &parts[..1]).is_err());
}
