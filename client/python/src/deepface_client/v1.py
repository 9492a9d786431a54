"""Every message and enum of the contract `deepface.v1`, under one name."""

from deepface_client._proto.classifier_pb2 import *  # noqa: F403
from deepface_client._proto.generator_pb2 import *  # noqa: F403
from deepface_client._proto.image_pb2 import *  # noqa: F403
from deepface_client._proto.model_pb2 import *  # noqa: F403
from deepface_client._proto.server_pb2 import *  # noqa: F403
from deepface_client._proto.settings_pb2 import *  # noqa: F403
from deepface_client._proto.tensor_pb2 import *  # noqa: F403
