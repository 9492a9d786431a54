//! The Open Inference Protocol, version 2, which clients of KServe and Triton speak: the same network under the names of
//! that protocol. Requests become those of our own contract, so both are checked and served by the same code.

mod gradient;
mod images;
mod metadata;
mod outputs;
mod tensors;
mod vgg;

use deepface_network::ModelInfo;
use deepface_proto::inference::grpc_inference_service_server::{
    GrpcInferenceService, GrpcInferenceServiceServer,
};
use deepface_proto::inference::{
    ModelInferRequest, ModelInferResponse, ModelMetadataRequest, ModelMetadataResponse,
    ModelReadyRequest, ModelReadyResponse, ServerLiveRequest, ServerLiveResponse,
    ServerMetadataRequest, ServerMetadataResponse, ServerReadyRequest, ServerReadyResponse,
};
use deepface_serve::{Violations, this_server};
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status};

use super::Classifier;
use super::status::Refusal;

/// Probabilities, decisions and activations.
const VGG: &str = "vgg";
/// The gradient of a loss with respect to images.
const GRADIENT: &str = "vgg.grad";

/// The network, to clients of the Open Inference Protocol.
#[derive(Clone, Debug)]
pub struct OpenInference(Classifier);

impl OpenInference {
    /// The same service under another protocol.
    pub fn new(classifier: Classifier) -> Self {
        Self(classifier)
    }

    /// The service for a server's routes, with the limits on message sizes.
    pub fn into_server(self) -> GrpcInferenceServiceServer<Self> {
        let limits = self.0.limits;
        GrpcInferenceServiceServer::new(self)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .max_decoding_message_size(limits.request_bytes)
            .max_encoding_message_size(limits.response_bytes)
    }
}

/// Which of the two is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Model {
    Vgg,
    Gradient,
}

impl Model {
    /// The model with this name, if the version is that of the network.
    fn find(info: &ModelInfo, (field, name): (&str, &str), version: &str) -> Result<Self, Refusal> {
        let model = match name {
            VGG => Self::Vgg,
            GRADIENT => Self::Gradient,
            _ => {
                return Err(Refusal::Unknown {
                    what: "model",
                    field: field.to_owned(),
                    name: name.to_owned(),
                    known: format!("{VGG} or {GRADIENT}"),
                });
            }
        };
        if version.is_empty() || version == info.digest {
            return Ok(model);
        }
        Err(Refusal::Unknown {
            what: "version",
            field: field.replace("name", "version"),
            name: version.to_owned(),
            known: info.digest.clone(),
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Vgg => VGG,
            Self::Gradient => GRADIENT,
        }
    }
}

#[tonic::async_trait]
impl GrpcInferenceService for OpenInference {
    async fn server_live(
        &self,
        _: Request<ServerLiveRequest>,
    ) -> Result<Response<ServerLiveResponse>, Status> {
        Ok(Response::new(ServerLiveResponse { live: true }))
    }

    async fn server_ready(
        &self,
        _: Request<ServerReadyRequest>,
    ) -> Result<Response<ServerReadyResponse>, Status> {
        let ready = self.0.engine.info().is_ok();
        Ok(Response::new(ServerReadyResponse { ready }))
    }

    async fn model_ready(
        &self,
        request: Request<ModelReadyRequest>,
    ) -> Result<Response<ModelReadyResponse>, Status> {
        let ModelReadyRequest { name, version } = request.into_inner();
        let info = self.0.engine.info();
        let ready = info.is_ok_and(|info| Model::find(&info, ("name", &name), &version).is_ok());
        Ok(Response::new(ModelReadyResponse { ready }))
    }

    async fn server_metadata(
        &self,
        _: Request<ServerMetadataRequest>,
    ) -> Result<Response<ServerMetadataResponse>, Status> {
        Ok(Response::new(ServerMetadataResponse {
            name: metadata::PLATFORM.to_owned(),
            version: this_server().version,
            extensions: Vec::new(),
        }))
    }

    async fn model_metadata(
        &self,
        request: Request<ModelMetadataRequest>,
    ) -> Result<Response<ModelMetadataResponse>, Status> {
        let ModelMetadataRequest { name, version } = request.into_inner();
        let info = self.0.engine.info().map_err(Refusal::from)?;
        let model = Model::find(&info, ("name", &name), &version)?;
        Ok(Response::new(metadata::describe(model, &info)))
    }

    async fn model_infer(
        &self,
        request: Request<ModelInferRequest>,
    ) -> Result<Response<ModelInferResponse>, Status> {
        Ok(Response::new(self.infer(request).await?))
    }
}

impl OpenInference {
    async fn infer(
        &self,
        request: Request<ModelInferRequest>,
    ) -> Result<ModelInferResponse, Refusal> {
        let (metadata, extensions, mut request) = request.into_parts();
        let info = self.0.engine.info()?;
        let name = ("model_name", request.model_name.as_str());
        let model = Model::find(&info, name, &request.model_version)?;
        let id = std::mem::take(&mut request.id);
        let raw = !request.raw_input_contents.is_empty();
        let wanted = outputs::wanted(&request, model, &info);
        let inputs = tensors::inputs(&mut request);
        let (wanted, inputs) = match (wanted, inputs) {
            (Ok(wanted), Ok(inputs)) => (wanted, inputs),
            (wanted, inputs) => {
                let wrong = [wanted.err(), inputs.err()];
                return Err(wrong.into_iter().flatten().collect::<Violations>().into());
            }
        };
        // Whose request it is, and until when, is said there.
        let request = Request::from_parts(metadata, extensions, request);
        let made = match model {
            Model::Vgg => vgg::infer(&self.0, &info, request, inputs, &wanted).await?,
            Model::Gradient => gradient::infer(&self.0, request, inputs, &wanted).await?,
        };
        let mut reply = ModelInferResponse {
            model_name: model.name().to_owned(),
            model_version: info.digest.clone(),
            id,
            ..Default::default()
        };
        made.into_iter()
            .for_each(|output| output.add_to(&mut reply, raw));
        Ok(reply)
    }
}
