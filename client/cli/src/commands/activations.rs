//! `deepface activations`: activations of the network, in a safetensors file.

use std::collections::HashMap;

use anyhow::{Context, bail, ensure};
use deepface_client::{ClassifierClient, v1};
use deepface_files::note;
use futures_util::{StreamExt, stream};
use safetensors::{Dtype, tensor::TensorView};

use crate::{
    args::{ActivationsArgs, ElementType, ServiceArgs},
    exit::describe_of,
    files,
    output::{self, Output},
    pair::Pair,
    place::Place,
    warnings,
};

/// Concurrent requests: the service reads one image while it computes another.
const IN_FLIGHT: usize = 4;

/// Results of the images so far.
#[derive(Default)]
struct Results {
    stacks: Vec<Stack>,
    /// The image that each row shows.
    images: Vec<String>,
    /// Where the face of each row was found, if it was searched for.
    faces: Vec<Option<Place>>,
}

/// The activations of one layer, row after row.
struct Stack {
    layer: String,
    /// Shape of one row.
    shape: Vec<usize>,
    data: Vec<u8>,
}

pub(crate) async fn run(services: &ServiceArgs, args: &ActivationsArgs) -> anyhow::Result<()> {
    let output = Output::typed("--output", &args.output, output::TENSORS, args.force)?;
    let pair = Pair::with_classifier(services).await?;
    let client = pair.classifier()?;
    let model = client.get_model().await?.model.unwrap_or_default();
    let mut answers = stream::iter(0..args.images.len())
        .map(|i| activations(client.clone(), args, i))
        .buffered(IN_FLIGHT);
    let mut results = Results::default();
    let mut failed = 0;
    for path in &args.images {
        let image = path.display().to_string();
        match answers.next().await.context("an answer is missing")? {
            Ok(answer) => append(&mut results, answer, &image)?,
            // The others are computed all the same.
            Err(error) if args.images.len() > 1 => {
                note!("error: {}", describe_of(&image, &error));
                failed += 1;
            }
            Err(error) => return Err(error.context(image)),
        }
    }
    drop(answers);
    pair.stop().await;
    if results.images.is_empty() {
        bail!("none of the {failed} images could be used");
    }
    let file = safetensors(&results, args, model.digest)?;
    output.write(file).await?;
    output::summarise(&[Some(&output)], &summary(&results, args))?;
    if failed > 0 {
        bail!("{failed} of {} images could not be used", args.images.len());
    }
    Ok(())
}

fn summary(results: &Results, args: &ActivationsArgs) -> String {
    let mut summary = format!("{}\n", args.output.display());
    for stack in &results.stacks {
        let shape = [results.images.len()];
        let shape = shape.iter().chain(&stack.shape).map(ToString::to_string);
        let shape = shape.collect::<Vec<_>>().join(", ");
        summary += &format!("  {:<8} [{shape}]\n", stack.layer);
    }
    summary
}

async fn activations(
    client: ClassifierClient,
    args: &ActivationsArgs,
    i: usize,
) -> anyhow::Result<v1::GetActivationsResponse> {
    let request = v1::GetActivationsRequest {
        images: vec![files::read_image(&args.images[i], args.framing)?],
        layers: args.layers.clone(),
        data_type: v1::DataType::from(args.element).into(),
        all_faces: args.all_faces,
        ..Default::default()
    };
    Ok(client.get_activations(request).await?)
}

/// Appends the activations of one image.
fn append(
    results: &mut Results,
    one: v1::GetActivationsResponse,
    image: &str,
) -> anyhow::Result<()> {
    warnings::print(image, one.rows.iter().flat_map(|row| &row.warnings));
    for row in &one.rows {
        results.images.push(image.to_owned());
        results.faces.push(row.face.map(Place::from));
    }
    let stacks = &mut results.stacks;
    let first = stacks.is_empty();
    for (i, activation) in one.activations.into_iter().enumerate() {
        let tensor = activation
            .tensor
            .context("the service sent an activation without a tensor")?;
        let shape = tensor.shape.iter().map(|&d| usize::try_from(d));
        let shape: Vec<usize> = shape.collect::<Result<_, _>>()?;
        let (rows, shape) = shape.split_first().context("a tensor has no dimensions")?;
        ensure!(
            *rows == one.rows.len(),
            "the service sent {rows} rows of {} for {} faces",
            activation.layer,
            one.rows.len()
        );
        if first {
            stacks.push(Stack {
                layer: activation.layer,
                shape: shape.to_vec(),
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
    Ok(())
}

fn safetensors(
    results: &Results,
    args: &ActivationsArgs,
    digest: String,
) -> anyhow::Result<Vec<u8>> {
    let dtype = match args.element {
        ElementType::F32 => Dtype::F32,
        ElementType::F16 => Dtype::F16,
        ElementType::Bf16 => Dtype::BF16,
    };
    let rows = results.images.len();
    let views = results.stacks.iter().map(|stack| {
        let shape = [rows].iter().chain(&stack.shape).copied().collect();
        let view = TensorView::new(dtype, shape, &stack.data)?;
        Ok((stack.layer.as_str(), view))
    });
    let views: Vec<_> = views.collect::<Result<_, safetensors::SafeTensorError>>()?;
    let mut metadata = HashMap::from([
        ("images".to_owned(), serde_json::to_string(&results.images)?),
        (files::MODEL_DIGEST.to_owned(), digest),
    ]);
    if args.framing.searches() {
        let faces = serde_json::to_string(&results.faces)?;
        metadata.insert("faces".to_owned(), faces);
    }
    Ok(safetensors::serialize(views, Some(metadata))?)
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
