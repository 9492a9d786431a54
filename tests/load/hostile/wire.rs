//! Calls that break the rules of gRPC or HTTP/2: damaged frames, odd headers, methods that do not exist.

use deepface_tests::{Random, damage};
use http::Method;

use super::raw::{Call, framed};
use super::templates::Template;

/// Bytes without any meaning, to a method that exists.
pub(super) fn noise(template: &Template, random: &mut Random) -> Call {
    let bytes: Vec<u8> = (0..random.below(512))
        .map(|_| random.below(256) as u8)
        .collect();
    Call::of(template.path, &[bytes])
}

/// Messages with damage to one of them.
pub(super) fn damaged(template: &Template, random: &mut Random) -> Call {
    let mut messages = template.messages.clone();
    let at = random.below(messages.len());
    if random.below(4) == 0 {
        let end = random.below(messages[at].len() + 1);
        messages[at].truncate(end);
    } else {
        (0..=random.below(4)).for_each(|_| damage(&mut messages[at], random));
    }
    Call::of(template.path, &messages)
}

/// Frames that do not hold what their prefix says, or not one message each.
pub(super) fn bad_frames(template: &Template, random: &mut Random) -> Call {
    let mut call = Call::of(template.path, &template.messages);
    let first = &mut call.body[0];
    match random.below(8) {
        0 => call.body.clear(),
        // Compressed, without a word on how.
        1 => first[0] = 1,
        2 => first[0] = 2 + random.below(254) as u8,
        3 => first[1..5].copy_from_slice(&u32::MAX.to_be_bytes()),
        4 => first[1..5].copy_from_slice(&(40u32 << 20).to_be_bytes()),
        5 => {
            let end = random.below(first.len());
            first.truncate(end);
        }
        6 => call.body.extend(call.body.clone()),
        _ => {
            let all = call.body.concat();
            call.body = all
                .chunks(1 + random.below(7))
                .map(<[u8]>::to_vec)
                .collect();
            call.body.push(framed(&[]));
            call.body.push(vec![0, 0]);
        }
    }
    call
}

/// Headers that no client sends.
pub(super) fn odd_headers(template: &Template, random: &mut Random) -> Call {
    let mut call = Call::of(template.path, &template.messages);
    let many = |byte: u8, count: usize| vec![byte; count];
    let header = match random.below(14) {
        0 => ("grpc-timeout", b"soon".to_vec()),
        1 => ("grpc-timeout", b"123456789S".to_vec()),
        2 => ("grpc-timeout", b"0n".to_vec()),
        3 => ("content-type", b"text/html".to_vec()),
        4 => ("content-type", b"application/grpc+json".to_vec()),
        5 => ("grpc-encoding", b"gzip".to_vec()),
        6 => ("grpc-encoding", many(b'z', 4000)),
        7 => ("grpc-accept-encoding", b"no-such,\xff".to_vec()),
        8 => ("x-request-id", many(b'"', 2000)),
        9 => (
            "traceparent",
            b"00-00000000000000000000000000000000-0-01".to_vec(),
        ),
        10 => ("authorization", b"Bearer \xff\xfe".to_vec()),
        11 => ("some-bin", b"not base64!".to_vec()),
        12 => ("te", b"gzip".to_vec()),
        _ => ("x-large", many(b'a', 1 + random.below(30_000))),
    };
    call.headers.push(header);
    call
}

/// A method or a path that the service does not have.
pub(super) fn elsewhere(template: &Template, random: &mut Random) -> Call {
    let mut call = Call::of(template.path, &template.messages);
    let path = &template.path;
    call.path = match random.below(9) {
        0 => "/".to_owned(),
        1 => "/deepface.v1.ClassifierService".to_owned(),
        2 => format!("{path}/"),
        3 => path.to_lowercase(),
        4 => format!("{path}?x=1"),
        5 => format!("/{}", "a".repeat(random.below(8000))),
        6 => "/deepface.v2.ClassifierService/Classify".to_owned(),
        7 => "/..%2f..%2fetc/passwd".to_owned(),
        _ => {
            let methods = [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS];
            call.method = methods[random.below(methods.len())].clone();
            path.to_string()
        }
    };
    call
}
