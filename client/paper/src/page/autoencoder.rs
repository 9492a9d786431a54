//! Section 8: the variational autoencoder.

use deepface_report::plot::{Line, Lines, lines};
use maud::{Markup, html};
use serde_json::Value;

use super::parts::{claim, drawing, picture, table, three};
use crate::error::PaperError;
use crate::experiments::{Autoencoding, autoencoder};
use crate::paper::Paper;
use crate::store::Store;

/// Terms of the loss.
const TERMS: [&str; 3] = ["squared error of pixels", "perceptual", "divergence (nats)"];

pub(super) fn section(store: &Store, paper: &Paper) -> Result<Markup, PaperError> {
    let found = &paper.autoencoder;
    let [vae, default] = ["vae", "default"].map(|name| auc(&paper.methods, name));
    Ok(html! {
        h2 { "Section 8: a variational autoencoder" }
        p {
            "The paper expects more discriminative faces of a variational autoencoder, at the price of a longer training. This one has "
            "the classifier\u{2019}s topology as its encoder and the mirror of it as its decoder, " (found.latent) " numbers between them, faces of "
            (found.side) " pixels, and 73 attributes as its condition. It was trained on " (found.photographs) " photographs for "
            (format!("{:.0}", found.seconds / 60.0)) " minutes, with a perceptual loss on the classifier\u{2019}s layers. Latents are drawn from the "
            (found.sampling) " Gaussian."
        }
        (drawing(lines(&plot(found))?))
        (losses(found))
        p { "Validation people, from top to bottom: photographs, reconstructions, and two draws for the same attributes." }
        (picture(store, autoencoder::NAME, "photographs, reconstructions, draws")?)
        @if let (Some(vae), Some(default)) = (vae, default) {
            (claim(
                "A variational autoencoder might give more discriminative faces.",
                vae > default,
                &format!("The second judge\u{2019}s AUC is {} for its draws and {} for this project\u{2019}s default; the table of methods has the rest.", three(vae), three(default)),
            ))
        }
    })
}

fn plot(found: &Autoencoding) -> Lines<'static> {
    let line = |name, side: usize| Line {
        name,
        points: (1..)
            .map(f64::from)
            .zip(found.curve.iter().map(|epoch| epoch[side][0]))
            .collect(),
    };
    Lines {
        title: "Squared error of pixels",
        axes: ["epoch", "summed over a face"],
        lines: vec![line("training", 0), line("validation", 1)],
    }
}

fn losses(found: &Autoencoding) -> Markup {
    let Some([train, validation]) = found.curve.last() else {
        return html! {};
    };
    let rows = TERMS.iter().zip(train.iter().zip(validation));
    let rows = rows.map(|(term, (train, validation))| {
        vec![(*term).to_owned(), three(*train), three(*validation)]
    });
    table(
        &["after the last epoch", "training", "validation"],
        &rows.collect::<Vec<_>>(),
    )
}

fn auc(methods: &Value, name: &str) -> Option<f64> {
    let rows = methods["rows"].as_array()?;
    let row = rows.iter().find(|row| row["name"] == name)?;
    row["second_judge"]["auc"]["value"].as_f64()
}
