//! What a stream of the generator service tells.

use deepface_proto::v1;
use tonic::Streaming;

/// An event of an inversion: one start, then iterates, then one result.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The request as the service understood it, defaults filled in.
    Started(v1::Started),
    /// One step of the descent.
    Iterate(v1::Iterate),
    /// The finished image, the last event.
    Result(v1::Result),
}

#[derive(Debug)]
pub(crate) enum Messages {
    Generate(Streaming<v1::GenerateResponse>),
    Invert(Streaming<v1::InvertResponse>),
}

impl Messages {
    /// The next event. Skips messages of a newer contract whose events this version does not know.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, tonic::Status> {
        use v1::{generate_response::Event as Generated, invert_response::Event as Inverted};
        loop {
            let event = match self {
                Self::Generate(stream) => match stream.message().await? {
                    None => return Ok(None),
                    Some(message) => message.event.map(|event| match event {
                        Generated::Started(started) => Event::Started(started),
                        Generated::Iterate(iterate) => Event::Iterate(iterate),
                        Generated::Result(result) => Event::Result(result),
                    }),
                },
                Self::Invert(stream) => match stream.message().await? {
                    None => return Ok(None),
                    Some(message) => message.event.map(|event| match event {
                        Inverted::Started(started) => Event::Started(started),
                        Inverted::Iterate(iterate) => Event::Iterate(iterate),
                        Inverted::Result(result) => Event::Result(result),
                    }),
                },
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }
}
