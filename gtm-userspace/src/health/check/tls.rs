//! TLS for the https probe: with a certificate that is verified, or with any. Sends no request.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::ProbeError;

/// Makes TLS sessions; one for all probes.
pub(super) struct Connectors {
    /// None when there is no root certificate.
    verified: Option<TlsConnector>,
    unverified: TlsConnector,
}

impl Connectors {
    /// Verifies against these roots.
    pub(super) fn new(roots: RootCertStore) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let builder = || {
            ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()
        };
        let verified = if roots.is_empty() {
            None
        } else {
            Some(connector(builder()?.with_root_certificates(roots).with_no_client_auth()))
        };
        let anyone = Arc::new(AnyCertificate(Arc::clone(&provider)));
        let unverified =
            builder()?.dangerous().with_custom_certificate_verifier(anyone).with_no_client_auth();
        Ok(Self { verified, unverified: connector(unverified) })
    }

    /// A session with a server that has a valid certificate for `host`.
    pub(super) async fn connect_verified(
        &self,
        stream: TcpStream,
        host: String,
    ) -> Result<TlsStream<TcpStream>, ProbeError> {
        connect(self.verified.as_ref().ok_or(ProbeError::NoRoots)?, stream, host).await
    }

    /// A session with a server that is told `host` and has any certificate.
    pub(super) async fn connect_unverified(
        &self,
        stream: TcpStream,
        host: String,
    ) -> Result<TlsStream<TcpStream>, ProbeError> {
        connect(&self.unverified, stream, host).await
    }
}

/// The root certificates of the host; those that cannot be read are left out.
pub(super) fn host_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// What went wrong in a session, whether with the connection or with TLS.
pub(super) fn session_error(error: io::Error) -> ProbeError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(reason)) => ProbeError::Certificate(reason.clone()),
        Some(error) => ProbeError::Tls(error.clone()),
        None if error.kind() == io::ErrorKind::UnexpectedEof => ProbeError::ResponseCut,
        None => ProbeError::Connection(error),
    }
}

/// Why a certificate was refused, in words that go on after "certificate not valid:".
pub(super) fn certificate_words(reason: &CertificateError) -> String {
    if *reason == CertificateError::UnknownIssuer {
        return "its issuer is not among the root certificates of this host".to_owned();
    }
    let words = reason.to_string();
    words.strip_prefix("certificate ").map_or(words.clone(), str::to_owned)
}

fn connector(mut config: ClientConfig) -> TlsConnector {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A resumed session shows no certificate: it would hide that it has expired.
    config.resumption = Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}

async fn connect(
    connector: &TlsConnector,
    stream: TcpStream,
    host: String,
) -> Result<TlsStream<TcpStream>, ProbeError> {
    let Ok(name) = ServerName::try_from(host.as_str()).map(|name| name.to_owned()) else {
        return Err(ProbeError::ServerName(host));
    };
    connector.connect(name, stream).await.map_err(session_error)
}

/// Accepts any certificate, also one that cannot be parsed: the operator said that it does not matter who answers.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
