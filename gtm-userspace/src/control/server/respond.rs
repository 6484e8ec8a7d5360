//! From requests to typed values, and from values and errors to responses.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::control::api::{ApiError, ErrorBody, ErrorCode};
use crate::control::{Done, Idempotency, Written};

/// Most bytes of a body.
const MAX_BODY: usize = 16 << 10;
/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest `Idempotency-Key`.
const MAX_KEY: usize = 255;
/// The header of a request that may be sent again.
const KEY: &str = "idempotency-key";
/// The header of an answer that was given before.
const REPLAYED: &str = "idempotency-replayed";

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What a handler gives.
pub(super) type Outcome<T> = Result<Json<T>, ApiError>;

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(ErrorBody { error: self })).into_response()
    }
}

impl IntoResponse for Written {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, [(CONTENT_TYPE, JSON)], self.body).into_response();
        if self.done == Done::Before {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(ErrorCode::BadRequest, rejection.body_text())
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::new(ErrorCode::BadRequest, rejection.body_text())
    }
}

/// A value that is not allowed.
pub(super) fn bad(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::BadRequest, message)
}

/// The body as it was sent; of a length that was not announced too.
pub(super) async fn text(body: Body) -> Result<String, ApiError> {
    let too_large = || {
        let message = format!("the body cannot be read; at most {MAX_BODY} bytes are allowed");
        ApiError::new(ErrorCode::BodyTooLarge, message)
    };
    let read = timeout(BODY_TIMEOUT, to_bytes(body, MAX_BODY)).await.map_err(|_elapsed| {
        let message = format!("the body did not arrive within {} s", BODY_TIMEOUT.as_secs());
        ApiError::new(ErrorCode::RequestTimeout, message)
    })?;
    let bytes = read.map_err(|_too_large| too_large())?;
    String::from_utf8(bytes.into()).map_err(|error| bad(format!("the body is not UTF-8: {error}")))
}

/// The JSON of a body.
pub(super) fn parse<T: DeserializeOwned>(headers: &HeaderMap, text: &str) -> Result<T, ApiError> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = given.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        let message = format!("Content-Type \"{given}\"; allowed is \"application/json\"");
        return Err(ApiError::new(ErrorCode::UnsupportedMediaType, message));
    }
    serde_json::from_str(text).map_err(|error| bad(format!("the body is not as described: {error}")))
}

/// The `Idempotency-Key` with the request that it stands for.
pub(super) fn idempotency(headers: &HeaderMap, request: String) -> Result<Option<Idempotency>, ApiError> {
    let wrong = || bad(format!("the Idempotency-Key must be 1 to {MAX_KEY} visible ASCII characters"));
    let mut values = headers.get_all(KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| key.bytes().all(|byte| byte.is_ascii_graphic()));
    let key = key.filter(|key| (1..=MAX_KEY).contains(&key.len())).ok_or_else(wrong)?;
    if values.next().is_some() {
        return Err(bad("more than one Idempotency-Key"));
    }
    Ok(Some(Idempotency { key: key.to_owned(), request }))
}

/// A success.
pub(super) fn good<T: Serialize>(value: T) -> Json<T> {
    Json(value)
}
