//! Everything that a fit sums over photographs, pass by pass.

use deepface_attributes::{AttributeId, Schema};
use deepface_dataset::{Photograph, person_numbers, person_weights};

use super::layer::{Known, LayerFit};
use super::reply::Batch;
use super::served::{Served, WantedLayer};
use crate::gaussian::{Seen, Sightings, log_odds};

/// A pass over photographs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) enum Pass {
    /// Over those to fit to: means and regressions, and how the classifier sees attributes in them.
    First,
    /// Over the same: products with the means.
    Second,
    /// Over those of the validation people, on whom the classifier was not trained: how it sees attributes in them.
    HeldOut,
}

impl Pass {
    /// In their order.
    pub(super) const ALL: [Self; 3] = [Self::First, Self::Second, Self::HeldOut];

    /// As its progress is shown.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::First => "activations, pass 1 of 2",
            Self::Second => "activations, pass 2 of 2",
            Self::HeldOut => "attributes of photographs",
        }
    }

    /// The layers to ask for.
    pub(super) fn layers(self, served: &Served) -> Vec<WantedLayer> {
        match self {
            Self::First => {
                let mut layers = served.layers.clone();
                if place_of_heads(served) == layers.len() {
                    layers.push(served.heads.clone());
                }
                layers
            }
            Self::Second => served.layers.clone(),
            Self::HeldOut => vec![served.heads.clone()],
        }
    }
}

/// Where the heads are among the layers of the first pass: behind those that are modelled, unless they are one of them.
fn place_of_heads(served: &Served) -> usize {
    let mut layers = served.layers.iter();
    let found = layers.position(|l| l.name == served.heads.name);
    found.unwrap_or(served.layers.len())
}

/// The log-odds of attributes over photographs.
struct Sighted<'a> {
    photographs: &'a [&'a Photograph],
    /// Every person counts once.
    weights: Vec<f64>,
    sightings: Sightings,
}

impl<'a> Sighted<'a> {
    fn new(photographs: &'a [&'a Photograph], attributes: usize) -> Self {
        Self {
            photographs,
            weights: person_weights(&person_numbers(photographs)),
            sightings: Sightings::new(attributes),
        }
    }

    /// Takes in the logits of all heads for some photographs.
    fn take(&mut self, served: &Served, numbers: &[usize], batch: &Batch, layer: usize) {
        let logits = batch.layers[layer].chunks_exact(served.heads.size());
        for (i, logits) in batch.photographs.clone().zip(logits) {
            let odds = log_odds(&served.schema, logits);
            let odds: Vec<f64> = numbers.iter().map(|&number| odds[number]).collect();
            let labels = &self.photographs[i].labels;
            self.sightings.add(&odds, labels, self.weights[i]);
        }
    }
}

/// The sums over the photographs so far.
pub(super) struct Sums<'a> {
    served: &'a Served,
    known: Known<'a>,
    /// The data set's attributes among those of the classifier, which may know more.
    numbers: Vec<usize>,
    layers: Vec<LayerFit>,
    train: Sighted<'a>,
    held_out: Sighted<'a>,
}

impl<'a> Sums<'a> {
    /// Before the first photograph. The responses to the first `response` coordinates of each image prior are fitted, or to
    /// all if there are fewer.
    pub(super) fn new(
        served: &'a Served,
        schema: &Schema,
        known: Known<'a>,
        held_out: &'a [&'a Photograph],
        response: usize,
    ) -> Self {
        let (attributes, images) = (schema.len(), known.photographs.len());
        let numbers = schema.names().filter_map(|name| served.schema.find(name));
        let layers = served.layers.iter();
        let responses = known.unexplained.map(|all| response.min(all.ncols()));
        Self {
            served,
            known,
            numbers: numbers.map(AttributeId::index).collect(),
            layers: layers
                .map(|layer| LayerFit::new(layer, attributes, responses, images))
                .collect(),
            train: Sighted::new(known.photographs, attributes),
            held_out: Sighted::new(held_out, attributes),
        }
    }

    /// The photographs of a pass.
    pub(super) fn photographs(&self, pass: Pass) -> &'a [&'a Photograph] {
        match pass {
            Pass::First | Pass::Second => self.known.photographs,
            Pass::HeldOut => self.held_out.photographs,
        }
    }

    /// Takes in the batch that follows the ones so far.
    pub(super) fn take(&mut self, pass: Pass, batch: &Batch) {
        let (served, range) = (self.served, &batch.photographs);
        // The first pass has the heads behind the layers.
        let layers = self.layers.iter_mut().zip(&batch.layers);
        match pass {
            Pass::First => {
                for (layer, activations) in layers {
                    layer.first_pass(range.clone(), self.known, activations);
                }
                let heads = place_of_heads(served);
                self.train.take(served, &self.numbers, batch, heads);
            }
            Pass::Second => {
                layers.for_each(|(layer, a)| layer.second_pass(range.clone(), a));
            }
            Pass::HeldOut => self.held_out.take(served, &self.numbers, batch, 0),
        }
    }

    /// All sums, always in the same order, for a checkpoint to keep and to replace.
    pub(super) fn parts_mut(&mut self) -> Vec<&mut [f64]> {
        let layers = self.layers.iter_mut().flat_map(LayerFit::parts_mut);
        let sighted = [&mut self.train, &mut self.held_out];
        let sighted = sighted.map(|s| s.sightings.sums_mut());
        layers.chain(sighted).collect()
    }

    /// How the classifier sees attributes: in photographs of people on whom it was not trained, and where those are too
    /// few, in those that are fitted to.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.held_out.sightings.finish(&self.train.sightings)
    }

    /// The layers, to be solved for.
    pub(super) fn into_layers(self) -> Vec<LayerFit> {
        self.layers
    }
}
