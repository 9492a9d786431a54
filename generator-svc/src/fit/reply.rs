//! The activations in a reply, which must be those that were requested.

use std::ops::Range;

use anyhow::{Context, ensure};
use deepface_proto::{
    Array,
    v1::{Activation, GetActivationsResponse},
};

use super::served::WantedLayer;

/// The activations of some photographs that follow each other.
#[derive(Debug)]
pub(super) struct Batch {
    /// Numbers of the photographs.
    pub(super) photographs: Range<usize>,
    /// Of each layer requested: an activation a photograph, one after the other.
    pub(super) layers: Vec<Vec<f32>>,
}

impl Batch {
    /// Reads a reply.
    ///
    /// # Errors
    /// It has other layers, shapes or photographs than were requested.
    pub(super) fn read(
        reply: &GetActivationsResponse,
        photographs: Range<usize>,
        layers: &[WantedLayer],
    ) -> anyhow::Result<Self> {
        let names = reply.activations.iter().map(|a| &a.layer);
        ensure!(
            names.eq(layers.iter().map(|l| &l.name)),
            "the classifier sent activations of other layers than requested"
        );
        let count = photographs.len();
        let read = |(activation, layer): (&Activation, &WantedLayer)| {
            let name = &layer.name;
            let tensor = activation.tensor.as_ref();
            let tensor =
                tensor.with_context(|| format!("the classifier sent no tensor for {name}"))?;
            let array = Array::try_from(tensor).with_context(|| format!("activation of {name}"))?;
            let (images, shape) = array.shape.split_first().context("no dimensions")?;
            ensure!(
                *images == count && shape == layer.shape,
                "activation of {name}: expected {count} of shape {:?}, got {:?}",
                layer.shape,
                array.shape
            );
            Ok(array.data)
        };
        let layers = reply.activations.iter().zip(layers).map(read);
        Ok(Self {
            layers: layers.collect::<anyhow::Result<_>>()?,
            photographs,
        })
    }
}

#[cfg(test)]
mod tests {
    use deepface_proto::v1::DataType;

    use super::*;

    fn layers() -> Vec<WantedLayer> {
        let layer = |name: &str, shape: &[usize]| WantedLayer {
            name: name.into(),
            shape: shape.into(),
        };
        vec![layer("conv", &[2, 3, 1]), layer("fc", &[4])]
    }

    fn activation(layer: &str, shape: &[usize]) -> Activation {
        let count = shape.iter().product::<usize>();
        let array = Array {
            shape: shape.into(),
            data: (0..count).map(|i| i as f32).collect(),
        };
        Activation {
            layer: layer.into(),
            tensor: Some(array.to_tensor(DataType::F32)),
        }
    }

    fn read(activations: Vec<Activation>) -> Result<Vec<Vec<f32>>, String> {
        let reply = GetActivationsResponse {
            activations,
            ..Default::default()
        };
        let read = Batch::read(&reply, 10..12, &layers()).map_err(|e| format!("{e:#}"))?;
        assert_eq!(read.photographs, 10..12);
        Ok(read.layers)
    }

    #[test]
    fn a_reply_with_other_activations_is_refused() {
        let (conv, fc) = (activation("conv", &[2, 2, 3, 1]), activation("fc", &[2, 4]));
        let layers = read(vec![conv.clone(), fc.clone()]).unwrap();
        let sizes = layers.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!((&sizes[..], layers[0][6]), (&[12, 8][..], 6.0));
        let empty = Activation {
            tensor: None,
            ..fc.clone()
        };
        for (bad, problem) in [
            (vec![conv.clone()], "other layers"),
            (vec![fc.clone(), conv.clone()], "other layers"),
            (vec![conv.clone(), empty], "no tensor for fc"),
            (vec![conv.clone(), activation("fc", &[1, 4])], "expected 2"),
            (vec![conv.clone(), activation("fc", &[8])], "expected 2"),
            (vec![conv, activation("fc", &[2, 2, 2])], "shape [4]"),
        ] {
            let said = read(bad).unwrap_err();
            assert!(said.contains(problem), "{problem}: {said}");
        }
    }
}
