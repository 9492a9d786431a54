//! Faces read from streams: one, or many at once.

use anyhow::Context;
use deepface_client::{ClientError, Event, EventStream, GeneratorClient, v1};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::fields::Typed;
use crate::progress::ManyProgress;

/// Concurrent generations: the classifier computes their steps together.
const AT_ONCE: usize = 2;

/// A finished face, and its iterates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Face {
    pub(crate) started: v1::Started,
    pub(crate) iterates: Vec<v1::Iterate>,
    pub(crate) result: v1::Result,
}

/// Opens a stream and reads it to its end; `watch` sees every event.
pub(crate) async fn read(
    open: impl Future<Output = Result<EventStream, ClientError>>,
    mut watch: impl FnMut(&Event),
) -> anyhow::Result<Face> {
    let mut events = open.await?;
    let mut face = Face::default();
    while let Some(event) = events.next().await? {
        watch(&event);
        match event {
            Event::Started(started) => face.started = started,
            Event::Iterate(iterate) => face.iterates.push(iterate),
            // The client guarantees that a stream ends with a result or an error.
            Event::Result(result) => face.result = result,
        }
    }
    Ok(face)
}

/// One of many faces.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// Its name in errors.
    pub(crate) name: String,
    pub(crate) request: v1::GenerateRequest,
}

/// Generates faces, a few at once, under one progress bar. `finish` takes each as soon as it arrives; the results are
/// in the order of the jobs.
pub(crate) async fn generate_all<T>(
    client: &GeneratorClient,
    jobs: Vec<Job>,
    what: &'static str,
    finish: impl Fn(Face) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    let progress = ManyProgress::new(jobs.len(), what);
    let one = async |job: Job| {
        let typed = Typed::wishes(&job.request.attributes);
        let face = read(client.generate(job.request), progress.follow()).await;
        let face = face.map_err(|error| typed.explain(error));
        face.and_then(&finish).context(job.name)
    };
    stream::iter(jobs)
        .map(one)
        .buffered(AT_ONCE)
        .try_collect()
        .await
}
