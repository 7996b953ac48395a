//! An issuer for the tests: a key set over HTTP, and tokens signed with its keys.

use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use axum::Router;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_data::now;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// A key and its public part.
pub struct Key {
    pub signing: EncodingKey,
    pub algorithm: Algorithm,
    pub public: Value,
}

impl Key {
    pub fn ed25519(kid: &str) -> Self {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        Self {
            signing: EncodingKey::from_ed_der(der.as_ref()),
            algorithm: Algorithm::EdDSA,
            public: json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": kid, "x": x}),
        }
    }

    pub fn p256(kid: &str) -> Self {
        let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let der = EcdsaKeyPair::generate_pkcs8(kind, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, der.as_ref()).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        Self {
            signing: EncodingKey::from_ec_der(der.as_ref()),
            algorithm: Algorithm::ES256,
            public: json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": kid, "x": x, "y": y}),
        }
    }

    pub fn rsa(kid: &str, algorithm: Algorithm) -> Self {
        let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = pair.public_key();
        let n = URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
        let e = URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero());
        let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let pem = pem_of(pkcs8.as_ref());
        Self {
            signing: EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(),
            algorithm,
            public: json!({"kty": "RSA", "alg": format!("{algorithm:?}"), "kid": kid, "n": n, "e": e}),
        }
    }

    /// A token with these claims and a standard header.
    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.typ = None;
        header.kid = self.public["kid"].as_str().map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &self.signing).unwrap()
    }

    /// A signed token of any parts.
    pub fn sign_raw(&self, header: &Value, payload: &str) -> String {
        self.sign_text(&header.to_string(), payload)
    }

    /// The same, of any text.
    pub fn sign_text(&self, header: &str, payload: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", part(header), part(payload));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.signing, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }

    pub fn kid(&self) -> &str {
        self.public["kid"].as_str().unwrap()
    }
}

fn pem_of(der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

/// The issuer that every test may use.
pub struct Issuer {
    url: String,
    pub ed25519: Key,
    pub p256: Key,
    pub rs256: Key,
    pub ps256: Key,
}

impl Issuer {
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Issuer> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        let ed25519 = Key::ed25519("ed");
        let p256 = Key::p256("p256");
        let rs256 = Key::rsa("rs", Algorithm::RS256);
        let ps256 = Key::rsa("ps", Algorithm::PS256);
        let keys = [&ed25519, &p256, &rs256, &ps256].map(|key| key.public.clone());
        let document = json!({ "keys": keys }).to_string();
        let router = Router::new()
            .route("/api/auth/jwks", get(move || std::future::ready(document.clone())))
            .route("/api/auth/get-session", get(|| std::future::ready("null")));
        let url = serve(router);
        Self { url, ed25519, p256, rs256, ps256 }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// A token with `claims`, besides the claims of every token.
    pub fn token(&self, claims: &Value) -> String {
        self.ed25519.sign(&self.full(claims))
    }

    /// `claims`, with those of every token of this issuer.
    pub fn full(&self, claims: &Value) -> Value {
        let issued = now().timestamp();
        let mut full = json!({
            "iss": self.url, "aud": self.url, "iat": issued, "exp": issued + 900,
        });
        for (name, value) in claims.as_object().unwrap() {
            full[name] = value.clone();
        }
        full
    }
}

/// Serves `router` for the rest of the process, and returns its URL.
pub fn serve(router: Router) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    url
}
