//! What a wish for overrides comes to. Pure: the daemon carries it out.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use super::api::{ApiError, ErrorCode, NewOverride, OverrideSet, Verb};
use crate::config::{Model, parse_duration};
use crate::decision::overrides::{Action, Object, Override};
use crate::decision::pattern;

/// Longest name of who sets an override, in characters.
const MAX_WHO: usize = 64;
/// Longest reason, in characters.
const MAX_REASON: usize = 500;
/// Longest time until an override is over: what is meant to last longer has no expiry.
const MAX_LASTING: Duration = Duration::from_hours(24 * 3660);

/// Most ids that an error names.
const MAX_LISTED: usize = 12;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The objects that the pattern means; at least one.
    pub objects: Vec<Object>,
    /// The new overrides, one for each object; none in a dry run.
    pub set: Vec<Override>,
    /// Earlier ones about the same objects and aspect, which no longer hold; in a dry run they still do.
    pub replaced: Vec<Override>,
    /// When it is over.
    expires: Option<u64>,
}

/// Says what a wish comes to: `held` are the overrides that hold, `now` is the time in milliseconds since 1970, and each
/// new override takes an id from `ids`.
pub fn set(
    model: &Model,
    held: &[Override],
    wish: &NewOverride,
    now: u64,
    mut ids: impl FnMut() -> u64,
) -> Result<Plan, ApiError> {
    text("who", &wish.who, MAX_WHO)?;
    text("reason", &wish.reason, MAX_REASON)?;
    let action = action(wish)?;
    let expires = expires(wish, now)?;
    let objects = pattern::overridden(model, &wish.pattern, wish.kind.map(Into::into), &action)?;
    let known: HashSet<&Object> = objects.iter().collect();
    let same = |one: &&Override| one.action.aspect() == action.aspect() && known.contains(&one.object);
    let replaced = held.iter().filter(same).cloned().collect();
    let new = |object: &Object| Override {
        id: ids(),
        object: object.clone(),
        action: action.clone(),
        who: wish.who.clone(),
        reason: wish.reason.clone(),
        created: now,
        expires,
    };
    let set = if wish.dry_run { Vec::new() } else { objects.iter().map(new).collect() };
    Ok(Plan { objects, set, replaced, expires })
}

/// The override that no longer holds when this id is undone.
pub fn undo(held: &[Override], id: u64) -> Result<Override, ApiError> {
    held.iter().find(|one| one.id == id).cloned().ok_or_else(|| {
        let ids: Vec<String> = held.iter().take(MAX_LISTED).map(|one| one.id.to_string()).collect();
        let more = if held.len() > MAX_LISTED { ", and more" } else { "" };
        let valid = if ids.is_empty() {
            "none holds".to_owned()
        } else {
            format!("valid here: {}{more}", ids.join(", "))
        };
        ApiError::new(ErrorCode::NoSuchOverride, format!("no override has the id {id}")).suggest(valid)
    })
}

impl Plan {
    /// The answer to the wish.
    pub fn answer(self) -> OverrideSet {
        OverrideSet {
            dry_run: self.set.is_empty(),
            objects: self.objects.into_iter().map(Into::into).collect(),
            overrides: self.set.into_iter().map(Into::into).collect(),
            replaced: self.replaced.into_iter().map(Into::into).collect(),
            expires: self.expires,
        }
    }
}

fn invalid(message: String) -> ApiError {
    ApiError::new(ErrorCode::InvalidValue, message)
}

fn text(key: &str, value: &str, most: usize) -> Result<(), ApiError> {
    let length = value.chars().count();
    if value.trim().is_empty() {
        Err(invalid(format!("{key} is empty; allowed are 1 to {most} characters")))
    } else if length > most {
        Err(invalid(format!("{key} has {length} characters; allowed are 1 to {most}")))
    } else if value.chars().any(char::is_control) {
        Err(invalid(format!("{key} {value:?} has control characters; it must be one line of text")))
    } else {
        Ok(())
    }
}

fn action(wish: &NewOverride) -> Result<Action, ApiError> {
    let action = match (wish.action, &wish.pool) {
        (Verb::Pin, Some(pool)) => return Ok(Action::Pin { pool: pool.clone() }),
        (Verb::Pin, None) => return Err(invalid("\"pin\" needs the pool to pin to".to_owned())),
        (verb, Some(pool)) => {
            let verb = verb.word();
            return Err(invalid(format!("pool \"{pool}\" with \"{verb}\": a pool goes with \"pin\" only")));
        }
        (Verb::Up, None) => Action::Up,
        (Verb::Down, None) => Action::Down,
        (Verb::Enable, None) => Action::Enable,
        (Verb::Disable, None) => Action::Disable,
        (Verb::Drain, None) => Action::Drain,
    };
    Ok(action)
}

fn expires(wish: &NewOverride, now: u64) -> Result<Option<u64>, ApiError> {
    let most = u64::try_from(MAX_LASTING.as_millis()).unwrap_or(u64::MAX);
    match (wish.expires, &wish.lasting) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            Err(invalid("both \"expires\" and \"for\" are given; one is enough".to_owned()))
        }
        (Some(expires), None) if expires <= now => {
            let (expires, now) = (shown_time(expires), shown_time(now));
            Err(invalid(format!("the expiry {expires} is in the past; it is {now} now")))
        }
        (Some(expires), None) if expires - now > most => {
            let expires = shown_time(expires);
            Err(invalid(format!("the expiry {expires} is more than ten years from now"))
                .suggest("leave it out for an override that holds until it is undone"))
        }
        (Some(expires), None) => Ok(Some(expires)),
        (None, Some(lasting)) => {
            let wrong = |what: &str| {
                invalid(format!(
                    "for \"{lasting}\": {what}; allowed are a number and a unit, like \"30m\", \"1h\" or \"7d\", up to ten years"
                ))
            };
            let parsed = parse_duration(lasting).ok_or_else(|| wrong("not a duration"))?;
            if parsed.is_zero() || parsed > MAX_LASTING {
                return Err(wrong("out of range"));
            }
            let millis = u64::try_from(parsed.as_millis()).unwrap_or(most);
            Ok(Some(now.saturating_add(millis)))
        }
    }
}

/// A time in UTC.
fn shown_time(millis: u64) -> String {
    let time = i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    time.map_or_else(|| format!("{millis} ms"), |time| time.to_string())
}

#[cfg(test)]
mod tests;
