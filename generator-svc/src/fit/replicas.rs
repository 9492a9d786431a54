//! The replicas of the classifier: all of them must give the same activations.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use deepface_client::{ClassifierClient, ClientError};
use deepface_proto::v1::{GetModelResponse, Limits, Server};
use futures_util::future::join_all;

/// How long a replica may take to say what it serves.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a replica says, and its URL.
type Answer = (String, Result<GetModelResponse, ClientError>);

/// Asks every replica what it serves. Gives what they agree on, with limits that all of them keep.
///
/// # Errors
/// None answers, or two of them serve different networks or are different programs.
pub(super) async fn ask(client: &ClassifierClient) -> anyhow::Result<GetModelResponse> {
    // Whoever answers first; meanwhile host names that stand for several replicas are looked up.
    client.get_model().await?;
    let ask = |replica: ClassifierClient| async move {
        let replica = replica.with_deadline(PATIENCE);
        (replica.url().to_owned(), replica.get_model().await)
    };
    agree(join_all(client.replicas().into_iter().map(ask)).await)
}

/// What all that answered agree on. One that is only away may come back: it is asked for the network by its digest.
fn agree(answers: Vec<Answer>) -> anyhow::Result<GetModelResponse> {
    let mut agreed: Option<(String, GetModelResponse)> = None;
    for (url, answer) in answers {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.is_transient() => {
                deepface_files::note!("warning: going on without {url} until it answers: {error}");
                continue;
            }
            Err(error) => bail!("{url}: {error}"),
        };
        match &mut agreed {
            None => agreed = Some((url, answer)),
            Some((first, model)) => {
                let (expected, got) = (served(model), served(&answer));
                ensure!(
                    got == expected,
                    "--classifier: all replicas must serve the same: {first} has {expected}, {url} has {got}"
                );
                model.limits = Some(narrower(model.limits, answer.limits));
            }
        }
    }
    let (_, model) = agreed.context("no replica of the classifier says what it serves")?;
    Ok(model)
}

/// The network and the program that runs it: another one may round differently.
fn served(answer: &GetModelResponse) -> String {
    let digest = answer.model.as_ref().map_or("", |m| &m.digest);
    let network = format!("the network {digest:?}");
    match &answer.server {
        None => network,
        Some(Server { version, commit }) => {
            format!("{network}, version {version:?}, commit {commit:?}")
        }
    }
}

/// Limits that keep to both; 0 is none.
fn narrower(a: Option<Limits>, b: Option<Limits>) -> Limits {
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    Limits {
        max_images: smaller(a.max_images, b.max_images),
        max_response_bytes: smaller(a.max_response_bytes, b.max_response_bytes),
        ..a
    }
}

fn smaller<T: Ord + Default>(a: T, b: T) -> T {
    if a <= T::default() {
        b
    } else if b <= T::default() {
        a
    } else {
        a.min(b)
    }
}

#[cfg(test)]
mod tests {
    use deepface_proto::v1::Model;

    use super::*;

    fn answer(digest: &str, version: &str, max_images: i32) -> GetModelResponse {
        GetModelResponse {
            model: Some(Model {
                digest: digest.into(),
                ..Default::default()
            }),
            limits: Some(Limits {
                max_images,
                max_response_bytes: 100,
                ..Default::default()
            }),
            server: Some(Server {
                version: version.into(),
                commit: "c0".into(),
            }),
        }
    }

    fn away() -> ClientError {
        ClientError::Unreachable {
            url: "http://b:1".into(),
            reason: "it is gone".into(),
        }
    }

    fn among(
        answers: Vec<Result<GetModelResponse, ClientError>>,
    ) -> Result<GetModelResponse, String> {
        let urls = ["http://a:1", "http://b:1", "http://c:1"].map(str::to_owned);
        let answers = urls.into_iter().zip(answers).collect();
        agree(answers).map_err(|e| e.to_string())
    }

    #[test]
    fn replicas_agree_on_the_network_and_the_program() {
        let first = || Ok(answer("n1", "1.0", 7));
        let agreed = among(vec![first(), Err(away()), Ok(answer("n1", "1.0", 3))]).unwrap();
        let limits = agreed.limits.unwrap();
        assert_eq!((limits.max_images, limits.max_response_bytes), (3, 100));
        let other = among(vec![Err(away()), first(), Ok(answer("n2", "1.0", 7))]).unwrap_err();
        assert_eq!(
            other,
            "--classifier: all replicas must serve the same: \
             http://b:1 has the network \"n1\", version \"1.0\", commit \"c0\", \
             http://c:1 has the network \"n2\", version \"1.0\", commit \"c0\""
        );
        let newer = among(vec![first(), Ok(answer("n1", "1.1", 7))]).unwrap_err();
        assert!(newer.contains("version \"1.1\""), "{newer}");
        assert!(among(vec![Err(away())]).unwrap_err().contains("no replica"));
        let broken = ClientError::Protocol {
            url: "http://b:1".into(),
            reason: "nonsense".into(),
        };
        let refused = among(vec![first(), Err(broken)]).unwrap_err();
        assert!(refused.starts_with("http://b:1: "), "{refused}");
    }

    #[test]
    fn no_limit_is_wider_than_any() {
        assert_eq!([smaller(0, 5), smaller(5, 0), smaller(5, 4)], [5, 5, 4]);
    }
}
