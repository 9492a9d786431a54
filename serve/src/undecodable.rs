//! A request that is not a message of the contract is the client's fault, so that an alarm on INTERNAL means ours.
//!
//! tonic answers INTERNAL to bytes that are not Protobuf, to frames that are cut short or wrongly marked as compressed, and
//! to a request without a message, as other gRPC servers do.

use http::{HeaderMap, HeaderValue};
use tonic::{Code, Status};

use crate::detailed;

/// How tonic and prost begin the messages of such answers.
const FAULTS: [&str; 4] = [
    "failed to decode Protobuf message",
    "Missing request message",
    "Unexpected EOF decoding stream",
    "protocol error: received message with ",
];

/// INVALID_ARGUMENT in the place of INTERNAL, where the request could not be decoded.
pub(crate) fn blame_the_client(mut headers: HeaderMap) -> HeaderMap {
    let internal = HeaderValue::from_static("13");
    if headers.get(Status::GRPC_STATUS) != Some(&internal) {
        return headers;
    }
    let Some(status) = Status::from_header_map(&headers) else {
        return headers;
    };
    let message = status.message();
    if status.details().is_empty() && FAULTS.iter().any(|fault| message.starts_with(fault)) {
        let status = detailed(Code::InvalidArgument, "UNDECODABLE", message, None);
        // Fails only for a message that cannot be a header; this one was.
        let _ = status.add_header(&mut headers);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(status: &Status) -> Code {
        let mut headers = HeaderMap::new();
        status.add_header(&mut headers).unwrap();
        let headers = blame_the_client(headers);
        Status::from_header_map(&headers).unwrap().code()
    }

    #[test]
    fn only_undecodable_requests_are_the_clients_fault() {
        let undecodable = "failed to decode Protobuf message: invalid wire type";
        for message in [undecodable, "Unexpected EOF decoding stream."] {
            assert_eq!(code(&Status::internal(message)), Code::InvalidArgument);
        }
        let compressed = "protocol error: received message with compressed-flag";
        assert_eq!(code(&Status::internal(compressed)), Code::InvalidArgument);
        assert_eq!(code(&Status::internal("it burns")), Code::Internal);
        assert_eq!(code(&Status::unknown(undecodable)), Code::Unknown);
    }
}
