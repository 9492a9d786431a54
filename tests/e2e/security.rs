//! Who is let in: certificates and tokens, wrong ones, and their rotation under load.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use deepface_client::{ClassifierClient, ClientError, Code, Credentials};
use deepface_serve::ServeSettings;
use deepface_tests::{Authority, Service, face_image};

/// Longer than the services take to notice new files.
const NOTICED: Duration = Duration::from_secs(3);

struct Secured {
    authority: Authority,
    url: String,
    _service: Service,
}

/// A classifier with TLS, which asks for a client certificate and a token.
async fn secured() -> Secured {
    let authority = Authority::new();
    let pair = authority.signs("server");
    let tokens = authority.file("tokens");
    std::fs::write(&tokens, "").unwrap();
    let service = Service::classifier_served(ServeSettings {
        tls_cert: Some(pair.cert),
        tls_key: Some(pair.key),
        tls_client_ca: Some(authority.ca()),
        tokens: Some(tokens),
        ..Default::default()
    });
    let service = service.await;
    let url = format!("https://{}", service.address);
    let secured = Secured {
        authority,
        url,
        _service: service,
    };
    secured.allow("all", "read,infer,generate");
    tokio::time::sleep(NOTICED).await;
    let good = secured.credentials("all");
    let deadline = Instant::now() + Duration::from_secs(60);
    while secured.model(&good).await.is_err() {
        assert!(
            Instant::now() < deadline,
            "{:?}",
            secured.model(&good).await
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    secured
}

impl Secured {
    /// Adds a token whose secret is its name.
    fn allow(&self, name: &str, scopes: &str) {
        let path = self.authority.file("tokens");
        let before = std::fs::read_to_string(&path).unwrap();
        let digest = sha256(name);
        std::fs::write(&path, format!("{before}{name} {digest} {scopes}\n")).unwrap();
    }

    fn token(&self, secret: &str) -> PathBuf {
        let path = self.authority.file(&format!("{secret}.token"));
        std::fs::write(&path, secret).unwrap();
        path
    }

    /// All that the service asks for.
    fn credentials(&self, secret: &str) -> Credentials {
        let pair = self.authority.signs("client");
        Credentials {
            token_file: Some(self.token(secret)),
            ..pair.of(self.authority.trusted())
        }
    }

    fn client(&self, credentials: &Credentials) -> ClassifierClient {
        ClassifierClient::connect_lazy_with(&self.url, credentials).unwrap()
    }

    async fn model(&self, credentials: &Credentials) -> Result<(), ClientError> {
        self.client(credentials).get_model().await.map(|_| ())
    }

    /// The error of a caller that is not let in.
    async fn refused(&self, credentials: &Credentials) -> ClientError {
        self.model(credentials).await.unwrap_err()
    }
}

fn sha256(text: &str) -> String {
    deepface_files::sha256(text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_known_token_with_the_scope_is_let_in() {
    let s = secured().await;
    s.allow("reader", "read");
    tokio::time::sleep(NOTICED).await;
    let mut none = s.credentials("all");
    none.token_file = None;
    assert_eq!(s.refused(&none).await.code(), Code::Unauthenticated);
    let wrong = s.refused(&s.credentials("wrong")).await;
    assert_eq!(wrong.code(), Code::Unauthenticated);
    assert!(!wrong.to_string().contains("wrong"), "{wrong}");
    let reader = s.credentials("reader");
    s.model(&reader).await.unwrap();
    let classify = s.client(&reader).classify(vec![face_image(64, 1)]).await;
    let error = classify.unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
    assert!(error.to_string().contains("`infer`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_certificate_of_the_authority_is_let_in() {
    let s = secured().await;
    let unreachable = async |credentials: Credentials, why: &str| {
        let error = s.refused(&credentials).await;
        assert!(
            matches!(error, ClientError::Unreachable { .. }),
            "{why}: {error}"
        );
    };
    let good = s.credentials("all");
    let stranger = Authority::new();
    let with = |change: &dyn Fn(&mut Credentials)| {
        let mut credentials = good.clone();
        change(&mut credentials);
        credentials
    };
    unreachable(with(&|c| c.ca = Some(stranger.ca())), "wrong authority").await;
    let none = with(&|c| (c.cert, c.key) = (None, None));
    unreachable(none, "no certificate").await;
    let other = stranger.signs("other").of(good.clone());
    unreachable(other, "a stranger's certificate").await;
    let expired = s.authority.signs_expired("expired").of(good.clone());
    unreachable(expired, "an expired certificate").await;
    let plain = s.url.replace("https", "http");
    let plain = ClassifierClient::connect_lazy_with(&plain, &good).unwrap();
    let error = plain.get_model().await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "plain text: {error}");
    s.model(&good).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_of_the_service_is_refused() {
    let authority = Authority::new();
    let pair = authority.signs_expired("server");
    let service = Service::classifier_served(ServeSettings {
        tls_cert: Some(pair.cert),
        tls_key: Some(pair.key),
        ..Default::default()
    });
    let service = service.await;
    let url = format!("https://{}", service.address);
    let client = ClassifierClient::connect_lazy_with(&url, &authority.trusted()).unwrap();
    let error = client.get_model().await.unwrap_err();
    assert!(error.to_string().contains("expired"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_tokens_rotate_without_a_failed_call() {
    let s = secured().await;
    let credentials = s.credentials("all");
    let open = s.client(&credentials);
    let start = Instant::now();
    let mut calls = 0;
    let mut rotated = false;
    while start.elapsed() < 3 * NOTICED {
        open.get_model().await.unwrap();
        s.model(&credentials).await.unwrap();
        calls += 2;
        if !rotated && start.elapsed() > NOTICED {
            rotated = true;
            s.authority.signs("server");
            s.authority.signs("client");
            // The new token is known before it is used, and the old one goes later.
            s.allow("next", "read");
            let token = credentials.token_file.clone().unwrap();
            tokio::spawn(async move {
                tokio::time::sleep(NOTICED).await;
                std::fs::write(token, "next").unwrap();
            });
        }
    }
    assert!(calls > 20, "{calls} calls");
    let digest = sha256("next");
    let tokens = s.authority.file("tokens");
    std::fs::write(tokens, format!("next {digest} read\n")).unwrap();
    tokio::time::sleep(NOTICED).await;
    open.get_model().await.unwrap();
    let old = s.refused(&s.credentials("all")).await;
    assert_eq!(old.code(), Code::Unauthenticated);
}
