//! Who is let in: certificates and tokens, wrong ones, and their rotation under load.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deepface_client::{ClassifierClient, ClientError, Code, Credentials};
use deepface_serve::ServeSettings;
use deepface_tests::{Authority, Service, face_image};

/// Longer than the services and the client mostly take to notice new files.
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
    secured.lets_in(&secured.credentials("all")).await;
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

    /// Waits until the service has noticed a change, after which these credentials are good.
    async fn lets_in(&self, credentials: &Credentials) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while let Err(error) = self.model(credentials).await {
            assert!(Instant::now() < deadline, "{error}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the service has noticed a change, after which these credentials are refused, and gives the error.
    async fn refuses(&self, credentials: &Credentials) -> ClientError {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Err(error) = self.model(credentials).await {
                return error;
            }
            assert!(Instant::now() < deadline, "still let in");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
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
    s.lets_in(&s.credentials("reader")).await;
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
async fn a_token_has_its_pixels_and_others_have_theirs() {
    let s = secured().await;
    s.allow("frugal", "read,infer - 100");
    let [frugal, all] = ["frugal", "all"].map(|name| s.credentials(name));
    s.lets_in(&frugal).await;
    let classify = async |credentials| {
        let client = s.client(credentials).with_deadline(Duration::from_secs(20));
        client.classify(vec![face_image(64, 1)]).await
    };
    // 4,096 pixels are 41 seconds' worth.
    classify(&frugal).await.unwrap();
    let error = classify(&frugal).await.unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert!(error.to_string().contains("100 pixels a second"), "{error}");
    assert!(error.retry_after() > Some(Duration::from_secs(20)));
    classify(&all).await.unwrap();
}

/// As `docs/operations.md` has it. Says so where grpcurl is not installed.
#[tokio::test(flavor = "multi_thread")]
async fn grpcurl_is_let_in_with_a_certificate_and_a_token() {
    let s = secured().await;
    let pair = s.authority.signs("client");
    let call = |header: &str| {
        let address = s.url.trim_start_matches("https://");
        let mut command = Command::new("grpcurl");
        command.arg("-cacert").arg(s.authority.ca());
        command
            .arg("-cert")
            .arg(&pair.cert)
            .arg("-key")
            .arg(&pair.key);
        command.args(["-H", header, address]);
        command.arg("deepface.v1.ClassifierService/GetModel");
        tokio::task::block_in_place(|| command.output())
    };
    let Ok(answered) = call("authorization: Bearer all") else {
        eprintln!("skipped: grpcurl is not installed");
        return;
    };
    let said = String::from_utf8_lossy(&answered.stdout).into_owned();
    assert!(answered.status.success(), "{answered:?}");
    assert!(said.contains("\"inputSize\""), "{said}");
    let refused = call("authorization: Bearer wrong").unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("Unauthenticated"), "{said}");
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
    let old = s.credentials("all");
    let file = s.authority.file("ours.token");
    std::fs::write(&file, "all").unwrap();
    let ours = Credentials {
        token_file: Some(file.clone()),
        ..old.clone()
    };
    let rotated = AtomicBool::new(false);
    let load = async {
        let (open, mut calls) = (s.client(&ours), 0);
        while !rotated.load(Ordering::Relaxed) {
            open.get_model().await.unwrap();
            s.model(&ours).await.unwrap();
            calls += 2;
        }
        calls
    };
    let rotate = async {
        tokio::time::sleep(NOTICED).await;
        s.authority.signs("server");
        s.authority.signs("client");
        // The new token is known before it is used, and the old one goes later.
        s.allow("next", "read");
        s.lets_in(&s.credentials("next")).await;
        std::fs::write(&file, "next").unwrap();
        tokio::time::sleep(NOTICED).await;
        let line = format!("next {} read\n", sha256("next"));
        std::fs::write(s.authority.file("tokens"), line).unwrap();
        let refused = s.refuses(&old).await;
        assert_eq!(refused.code(), Code::Unauthenticated);
        tokio::time::sleep(NOTICED).await;
        rotated.store(true, Ordering::Relaxed);
    };
    let (calls, ()) = tokio::join!(load, rotate);
    assert!(calls > 20, "{calls} calls");
}
