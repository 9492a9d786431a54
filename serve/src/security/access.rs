//! Checks the token of each call, before its body is read.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use deepface_proto::Scope;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::{Code, Status};
use tower_layer::Layer;
use tower_service::Service;

use super::{Reloaded, Tokens};
use crate::lifetime::OwnShare;
use crate::{Caller, detailed, health};

/// Refuses calls without a token that allows them. Without a list of tokens, all calls pass.
#[derive(Clone)]
pub(crate) struct AccessLayer(pub(crate) Option<Arc<Reloaded<Tokens>>>);

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        let tokens = self.0.clone();
        Access { inner, tokens }
    }
}

/// See [`AccessLayer`].
#[derive(Clone)]
pub(crate) struct Access<S> {
    inner: S,
    tokens: Option<Arc<Reloaded<Tokens>>>,
}

impl<S> Service<Request<Body>> for Access<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Response<Body>, Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(tokens) = &self.tokens
            // Who checks health needs no token.
            && !request.uri().path().starts_with(health::PATHS)
            && let Err(status) = admit(&tokens.get(), &mut request)
        {
            let response = status.into_http();
            return Box::pin(std::future::ready(Ok(response)));
        }
        Box::pin(self.inner.call(request))
    }
}

/// Notes who calls, if the call is allowed.
fn admit(tokens: &Tokens, request: &mut Request<Body>) -> Result<(), Status> {
    let refuse = |reason, message: &str| detailed(Code::Unauthenticated, reason, message, None);
    // Sensitive from here on: nothing that prints headers may show it.
    let header = request.headers_mut().get_mut(AUTHORIZATION);
    let header = header.ok_or_else(|| {
        refuse(
            "TOKEN_MISSING",
            "expected the header `authorization: Bearer TOKEN`",
        )
    })?;
    header.set_sensitive(true);
    let secret = header.to_str().ok().and_then(bearer).unwrap_or_default();
    let token = tokens.find(secret);
    let token = token.ok_or_else(|| refuse("TOKEN_UNKNOWN", "the token is not known"))?;
    let scope = Scope::of(request.uri().path());
    if !token.allows(scope) {
        let message = format!(
            "expected a token with the scope `{scope}`, got that of {} with `{}`",
            crate::quote(&token.name),
            token.scopes()
        );
        return Err(detailed(
            Code::PermissionDenied,
            "SCOPE_MISSING",
            &message,
            None,
        ));
    }
    let extensions = request.extensions_mut();
    extensions.insert(Caller::Token(token.name.clone()));
    if let Some(calls) = token.calls {
        extensions.insert(OwnShare(calls.into()));
    }
    if let Some(pixels) = &token.pixels {
        extensions.insert(pixels.clone());
    }
    Ok(())
}

/// The secret of `Bearer SECRET`; the word in any case.
fn bearer(header: &str) -> Option<&str> {
    let (kind, secret) = header.split_once(' ')?;
    kind.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}
