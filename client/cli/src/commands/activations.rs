//! `deepface activations`: activations of the network, in a safetensors file.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use deepface_client::{ClassifierClient, v1};
use futures_util::{StreamExt, TryStreamExt, stream};
use safetensors::{Dtype, tensor::TensorView};

use crate::{
    args::{ActivationsArgs, ElementType, ServiceArgs},
    files,
    pair::Pair,
    place::Place,
    printer,
};

/// Concurrent requests: the service reads one image while it computes another.
const IN_FLIGHT: usize = 4;

/// Results of the images so far.
#[derive(Default)]
struct Results {
    stacks: Vec<Stack>,
    /// Where the face of each image was found, with `--detect`.
    faces: Vec<Option<Place>>,
}

/// The activations of one layer, image after image.
struct Stack {
    layer: String,
    /// Shape of one image's activation.
    shape: Vec<usize>,
    data: Vec<u8>,
}

pub(crate) async fn run(services: &ServiceArgs, args: &ActivationsArgs) -> anyhow::Result<()> {
    let pair = Pair::with_classifier(services).await?;
    let client = pair.classifier()?;
    let results = stream::iter(0..args.images.len())
        .map(|i| activations(client.clone(), args, i))
        .buffered(IN_FLIGHT);
    let results = results
        .try_fold(Results::default(), async |results, one| {
            append(results, one)
        })
        .await?;
    pair.stop().await;
    files::write_atomically(&args.output, &safetensors(&results, args)?)?;
    let mut summary = format!("{}\n", args.output.display());
    for stack in &results.stacks {
        summary += &format!(
            "  {:<8} [{}, {}]\n",
            stack.layer,
            args.images.len(),
            shape_text(&stack.shape)
        );
    }
    printer::print(&summary)
}

async fn activations(
    client: ClassifierClient,
    args: &ActivationsArgs,
    i: usize,
) -> anyhow::Result<v1::GetActivationsResponse> {
    let path = &args.images[i];
    let request = v1::GetActivationsRequest {
        images: vec![files::read_image(path, args.framing)?],
        layers: args.layers.clone(),
        data_type: v1::DataType::from(args.element).into(),
    };
    let response = client.get_activations(request).await;
    response.with_context(|| path.display().to_string())
}

/// Appends the activations of one image.
fn append(mut results: Results, one: v1::GetActivationsResponse) -> anyhow::Result<Results> {
    let face = one.faces.get(&0).copied();
    results.faces.push(face.map(Place::from));
    let stacks = &mut results.stacks;
    let first = stacks.is_empty();
    for (i, activation) in one.activations.into_iter().enumerate() {
        let tensor = activation
            .tensor
            .context("the service sent an activation without a tensor")?;
        let shape: Vec<usize> = tensor
            .shape
            .iter()
            .skip(1)
            .map(|&d| usize::try_from(d))
            .collect::<Result<_, _>>()?;
        if first {
            stacks.push(Stack {
                layer: activation.layer,
                shape,
                data: tensor.data,
            });
            continue;
        }
        let stack = stacks
            .get_mut(i)
            .context("the service sent too many activations")?;
        ensure!(
            stack.shape == shape,
            "the activations of {} differ in shape",
            stack.layer
        );
        stack.data.extend(tensor.data);
    }
    Ok(results)
}

fn safetensors(results: &Results, args: &ActivationsArgs) -> anyhow::Result<Vec<u8>> {
    let dtype = match args.element {
        ElementType::F32 => Dtype::F32,
        ElementType::F16 => Dtype::F16,
        ElementType::Bf16 => Dtype::BF16,
    };
    let views = results.stacks.iter().map(|stack| {
        let shape = [args.images.len()]
            .iter()
            .chain(&stack.shape)
            .copied()
            .collect();
        Ok((
            stack.layer.as_str(),
            TensorView::new(dtype, shape, &stack.data)?,
        ))
    });
    let views: Vec<_> = views.collect::<Result<_, safetensors::SafeTensorError>>()?;
    let images: Vec<_> = args
        .images
        .iter()
        .map(|path| path.to_string_lossy())
        .collect();
    let mut metadata = HashMap::from([("images".to_owned(), serde_json::to_string(&images)?)]);
    if args.framing.detect {
        let faces = serde_json::to_string(&results.faces)?;
        metadata.insert("faces".to_owned(), faces);
    }
    Ok(safetensors::serialize(views, Some(metadata))?)
}

fn shape_text(shape: &[usize]) -> String {
    shape
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

impl From<ElementType> for v1::DataType {
    fn from(element: ElementType) -> Self {
        match element {
            ElementType::F32 => Self::F32,
            ElementType::F16 => Self::F16,
            ElementType::Bf16 => Self::Bf16,
        }
    }
}
