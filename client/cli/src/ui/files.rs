//! The files of the page, which are part of the program. client/cli/page holds them and says how they are made.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use tonic::body::Body;

use super::plain;

/// The page loads nothing but its own files and calls nothing but its own address.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The document, which names the generator in the calls that it shows.
const DOCUMENT: &str = include_str!("../../page/index.html");
/// The generator that the document names.
const GENERATOR: &str = "content=\"127.0.0.1:50052\"";

/// The other files: path, media type, bytes.
const FILES: [(&str, &str, &[u8]); 3] = [
    (
        "/page.css",
        "text/css; charset=utf-8",
        include_bytes!("../../page/page.css"),
    ),
    (
        "/page.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../page/page.js"),
    ),
    (
        "/icon.svg",
        "image/svg+xml",
        include_bytes!("../../page/icon.svg"),
    ),
];

/// The files of a page for one generator.
pub(super) struct Files {
    document: Bytes,
}

impl Files {
    pub(super) fn of(generator: SocketAddr) -> Self {
        let document = DOCUMENT.replace(GENERATOR, &format!("content=\"{generator}\""));
        Self {
            document: document.into(),
        }
    }

    /// The file at this path.
    pub(super) fn answer(&self, path: &str) -> Response<Body> {
        if path == "/" {
            return file("text/html; charset=utf-8", self.document.clone());
        }
        match FILES.iter().find(|(known, ..)| *known == path) {
            Some((_, kind, bytes)) => file(kind, Bytes::from_static(bytes)),
            None => plain(StatusCode::NOT_FOUND, "the page is at /\n"),
        }
    }
}

fn file(kind: &'static str, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(bytes)));
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Another version of the program may have another page.
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_the_generator() {
        assert_eq!(DOCUMENT.matches(GENERATOR).count(), 1);
        let files = Files::of("127.0.0.1:7".parse().unwrap());
        let text = String::from_utf8(files.document.to_vec()).unwrap();
        assert!(text.contains("content=\"127.0.0.1:7\"") && !text.contains(GENERATOR));
    }

    #[test]
    fn files_are_found_by_their_paths() {
        let files = Files::of("127.0.0.1:7".parse().unwrap());
        for path in ["/", "/page.css", "/page.js", "/icon.svg"] {
            let response = files.answer(path);
            assert_eq!(response.status(), StatusCode::OK);
            let policy = &response.headers()[header::CONTENT_SECURITY_POLICY];
            assert_eq!(policy, POLICY);
        }
        for path in ["", "/index.html", "/../Cargo.toml", "/page.js/"] {
            assert_eq!(files.answer(path).status(), StatusCode::NOT_FOUND);
        }
    }
}
