//! Asks a running generator for a face and writes it: `generate URL FILE.png ATTRIBUTE...`.

use deepface_client::{GeneratorClient, v1};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: generate URL FILE.png ATTRIBUTE...".into());
    };
    let result = GeneratorClient::connect_lazy(&url)?
        .generate(v1::GenerateRequest::of(arguments))
        .await?
        .result()
        .await?;
    if let Some(v1::image::Content::Encoded(png)) = result.image.and_then(|image| image.content) {
        std::fs::write(&file, png)?;
    }
    for attribute in result
        .attributes
        .iter()
        .filter(|attribute| attribute.present)
    {
        println!(
            "{:5.1} %  {}",
            100.0 * attribute.probability,
            attribute.name
        );
    }
    Ok(())
}
