//! The request of a stream, kept so that another stream can continue it, and where to send it.

use std::time::Duration;

use deepface_proto::v1;
use tokio::time::timeout;
use tonic::Status;

use crate::{
    ClientError, channel,
    event::Messages,
    pool::Pool,
    replica::Lease,
    retry::{Policy, deadline_error},
};

/// What a stream asks for.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Generate(v1::GenerateRequest),
    Invert(v1::InvertRequest),
}

impl Asked {
    /// The same, with a resume token in every iterate.
    pub(crate) fn with_tokens(mut self) -> Self {
        let stream = match &mut self {
            Self::Generate(request) => &mut request.stream,
            Self::Invert(request) => &mut request.stream,
        };
        stream.get_or_insert_default().resume_tokens = true;
        self
    }

    /// How many faces it asks for.
    pub(crate) fn faces(&self) -> usize {
        let count = match self {
            Self::Generate(request) => request.count.unwrap_or(1),
            Self::Invert(_) => 1,
        };
        usize::try_from(count).unwrap_or_default().max(1)
    }

    /// Continues a face after the iterate with this token.
    pub(crate) fn continue_after(&mut self, face: usize, resume_token: Vec<u8>) {
        match self {
            Self::Generate(request) => {
                let tokens = &mut request.resume_tokens;
                if tokens.len() <= face {
                    tokens.resize(face + 1, Vec::new());
                }
                tokens[face] = resume_token;
            }
            Self::Invert(request) => request.resume_token = resume_token,
        }
    }

    /// Asks a replica.
    pub(crate) async fn send(self, replica: &Lease) -> Result<Messages, Status> {
        let mut stub = channel::generator(replica.connection().channel.clone());
        Ok(match self {
            Self::Generate(request) => {
                Messages::Generate(stub.generate(replica.request(request)).await?.into_inner())
            }
            Self::Invert(request) => {
                Messages::Invert(stub.invert(replica.request(request)).await?.into_inner())
            }
        })
    }
}

/// How streams are opened.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    pub(crate) pool: Pool,
    /// How long to wait for the headers, and for each event.
    pub(crate) deadline: Duration,
    /// How opening is retried.
    pub(crate) policy: Policy,
    /// How streams that break are continued; `None`: not at all.
    pub(crate) resumption: Option<Policy>,
}

impl Streams {
    /// Sends a request to the least loaded replica and waits for its headers.
    pub(crate) async fn open(&self, asked: Asked) -> Result<(Lease, Messages), ClientError> {
        let limit = self.deadline;
        let replica = self.pool.take();
        let connection = replica.connection();
        let messages = timeout(limit, asked.send(&replica))
            .await
            .map_err(|_| deadline_error(connection, limit))
            .and_then(|opened| opened.map_err(|status| connection.error(&status)))
            .inspect_err(|error| replica.failed(error))?;
        Ok((replica, messages))
    }
}
