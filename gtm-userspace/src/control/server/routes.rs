//! The routes, all under `/v1`. A route is served if and only if it is described.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, SERVER};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use tokio::time::timeout;
use utoipa::openapi::OpenApi;
use utoipa::{IntoResponses, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::document::Document;
use super::respond::{Outcome, bad, good, idempotency, parse, text};
use super::{Daemon, ended};
use crate::config::suggestion;
use crate::control::api::{
    ApiError, ErrorBody, ErrorCode, EventQuery, Events, ExplainQuery, Explained, NewOverride, OverrideSet,
    Overrides, Reloaded, ReturnRequest, Returned, Status, Undone,
};
use crate::control::{Request, Write, Written};
use crate::decision::Client;
use crate::name::Name;
use crate::zone::text::type_number;

/// How long the daemon may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take for a change: loading files takes seconds, a large geo database many.
const WRITE_PATIENCE: Duration = Duration::from_mins(2);
/// Events in an answer unless the client wants fewer or more.
const DEFAULT_EVENTS: usize = 100;
/// Most events in an answer.
const MAX_EVENTS: usize = 1000;
/// Longest wait for an event, in seconds.
const MAX_WAIT: u64 = 30;
/// Which daemon answers: the client names it when the two do not understand each other.
const VERSION: &str = concat!("gtm/", env!("CARGO_PKG_VERSION"));

/// What may come instead of a success.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it only describes")]
enum Failure {
    /// The request is not as described.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// The daemon could not do it.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// The daemon is starting, ending or too busy.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}

/// The routes and their description.
pub(super) fn described() -> (Router<Daemon>, OpenApi) {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(status))
        .routes(routes!(explain))
        .routes(routes!(events))
        .routes(routes!(overrides, set_overrides))
        .routes(routes!(undo))
        .routes(routes!(return_now))
        .routes(routes!(reload))
        .routes(routes!(openapi))
        .split_for_parts()
}

/// Everything that is served.
pub(super) fn router(daemon: Daemon) -> Router {
    let (router, document) = described();
    let paths: Arc<[String]> = document.paths.paths.keys().cloned().collect();
    router
        .fallback(async move |method: Method, uri: Uri| no_such_route(&method, &uri, &paths))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(daemon)
        .layer(map_response(name_daemon))
}

fn no_such_route(method: &Method, uri: &Uri, paths: &[String]) -> ApiError {
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let message = format!("no route {method} {}", uri.path());
    ApiError::new(ErrorCode::NoSuchRoute, message).suggest(suggestion(uri.path(), &paths))
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    let message = format!("{} has no method {method}; see the header Allow", uri.path());
    ApiError::new(ErrorCode::MethodNotAllowed, message)
}

async fn name_daemon(mut response: Response) -> Response {
    response.headers_mut().insert(SERVER, HeaderValue::from_static(VERSION));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The state of everything: domains, pools, addresses, checks, overrides, answers
#[utoipa::path(get, path = "/v1/status", responses((status = 200, description = "As it is now", body = Status), Failure))]
async fn status(State(daemon): State<Daemon>) -> Outcome<Status> {
    daemon.ask(PATIENCE, Request::Status).await?.map(good)
}

/// What a client is answered, and why
#[utoipa::path(
    get,
    path = "/v1/explain",
    params(ExplainQuery),
    responses((status = 200, description = "As it would be answered now", body = Explained), Failure)
)]
async fn explain(
    State(daemon): State<Daemon>,
    query: Result<Query<ExplainQuery>, QueryRejection>,
) -> Outcome<Explained> {
    let Query(query) = query?;
    let name: Name = query.name.parse().map_err(|error| bad(format!("name \"{}\": {error}", query.name)))?;
    let qtype = type_number(&query.qtype).ok_or_else(|| {
        let message = format!("type \"{}\" is not a type of data that a zone can have", query.qtype);
        bad(message).suggest("write A, AAAA, CNAME, MX, TXT or the like, or TYPE123")
    })?;
    let client: Client = query.from.parse().map_err(|error| bad(format!("from: {error}")))?;
    let explained = daemon.ask(PATIENCE, |reply| Request::Explain { name, qtype, client, reply });
    explained.await?.map(good)
}

/// What happened, at once or when there is something
#[utoipa::path(
    get,
    path = "/v1/events",
    params(EventQuery),
    responses((status = 200, description = "Oldest first; empty when nothing happened in time", body = Events), Failure)
)]
async fn events(
    State(mut daemon): State<Daemon>,
    query: Result<Query<EventQuery>, QueryRejection>,
) -> Outcome<Events> {
    let Query(EventQuery { after, limit, wait }) = query?;
    let limit = limit.unwrap_or(DEFAULT_EVENTS);
    let wait = wait.unwrap_or(0);
    if !(1..=MAX_EVENTS).contains(&limit) {
        return Err(bad(format!("limit {limit} is out of range; allowed 1 to {MAX_EVENTS}")));
    }
    if wait > MAX_WAIT {
        return Err(bad(format!("wait {wait} is out of range; allowed 0 to {MAX_WAIT} seconds")));
    }
    let found = daemon.ask(PATIENCE, |reply| Request::Events { after, limit, reply }).await??;
    if !found.events.is_empty() || wait == 0 {
        return Ok(good(found));
    }
    let after = found.last;
    let mut ending = daemon.ending.clone();
    let came = tokio::select! {
        came = timeout(Duration::from_secs(wait), daemon.newest.wait_for(|newest| *newest > after)) => {
            matches!(came, Ok(Ok(_)))
        }
        () = ended(&mut ending) => false,
    };
    if !came {
        return Ok(good(found));
    }
    daemon.ask(PATIENCE, |reply| Request::Events { after: Some(after), limit, reply }).await?.map(good)
}

/// The overrides that hold
#[utoipa::path(
    get,
    path = "/v1/overrides",
    responses((status = 200, description = "By id", body = Overrides), Failure)
)]
async fn overrides(State(daemon): State<Daemon>) -> Outcome<Overrides> {
    daemon.ask(PATIENCE, Request::Overrides).await?.map(good)
}

/// Override all objects that a pattern means, or say what would be done
#[utoipa::path(
    post,
    path = "/v1/overrides",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to send the request again")),
    request_body = NewOverride,
    responses(
        (status = 200, description = "It holds, and is kept", body = OverrideSet),
        (status = 404, description = "No object matches", body = ErrorBody),
        (status = 409, description = "Objects of several kinds match", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "The body is not `application/json`", body = ErrorBody),
        (status = 422, description = "A value is not allowed, or nothing would notice", body = ErrorBody),
        Failure
    )
)]
async fn set_overrides(
    State(daemon): State<Daemon>,
    headers: HeaderMap,
    body: Body,
) -> Result<Written, ApiError> {
    let body = text(body).await?;
    let wish = parse(&headers, &body)?;
    write(&daemon, &headers, Write::SetOverrides(wish), format!("POST /v1/overrides\n{body}")).await
}

/// Undo an override
#[utoipa::path(
    delete,
    path = "/v1/overrides/{id}",
    params(
        ("id" = u64, Path, description = "Of the override"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to send the request again")
    ),
    responses(
        (status = 200, description = "It no longer holds", body = Undone),
        (status = 404, description = "No override has this id", body = ErrorBody),
        (status = 422, description = "The key was used for another request", body = ErrorBody),
        Failure
    )
)]
async fn undo(
    State(daemon): State<Daemon>,
    id: Result<Path<u64>, PathRejection>,
    headers: HeaderMap,
) -> Result<Written, ApiError> {
    let Path(id) = id?;
    write(&daemon, &headers, Write::Undo(id), format!("DELETE /v1/overrides/{id}\n")).await
}

/// Return to the smallest ordinal that is available, for what is not preemptive
#[utoipa::path(
    post,
    path = "/v1/return",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to send the request again")),
    request_body = ReturnRequest,
    responses(
        (status = 200, description = "Done", body = Returned),
        (status = 404, description = "No object matches", body = ErrorBody),
        (status = 409, description = "Objects of both kinds match", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "The body is not `application/json`", body = ErrorBody),
        (status = 422, description = "What matches is preemptive", body = ErrorBody),
        Failure
    )
)]
async fn return_now(
    State(daemon): State<Daemon>,
    headers: HeaderMap,
    body: Body,
) -> Result<Written, ApiError> {
    let body = text(body).await?;
    let wish = parse(&headers, &body)?;
    write(&daemon, &headers, Write::Return(wish), format!("POST /v1/return\n{body}")).await
}

/// Load configuration, zones and geo data anew: all of it takes effect, or none
#[utoipa::path(
    post,
    path = "/v1/reload",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to send the request again")),
    responses(
        (status = 200, description = "It serves", body = Reloaded),
        (status = 422, description = "It cannot be used; `problems` says all that is wrong", body = ErrorBody),
        Failure
    )
)]
async fn reload(State(daemon): State<Daemon>, headers: HeaderMap) -> Result<Written, ApiError> {
    write(&daemon, &headers, Write::Reload, "POST /v1/reload\n".to_owned()).await
}

/// This description
#[utoipa::path(get, path = "/v1/openapi.json", responses((status = 200, description = "OpenAPI", body = Object)))]
async fn openapi() -> Response {
    let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (headers, Json(super::document())).into_response()
}

async fn write(
    daemon: &Daemon,
    headers: &HeaderMap,
    write: Write,
    request: String,
) -> Result<Written, ApiError> {
    let idempotency = idempotency(headers, request)?;
    daemon.ask(WRITE_PATIENCE, |reply| Request::Write { write, idempotency, reply }).await
}
