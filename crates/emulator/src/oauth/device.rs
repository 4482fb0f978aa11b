//! The device flow: a device shows a code, its user enters that code in a browser, and the device asks until then.

use std::collections::HashMap;

use rand::Rng;

use super::access::random;
use super::answer::{Answer, answer};
use super::authorize::{Browser, Step, consent_to_device};
use super::client::{check_app, client, find_app, spend_login};
use super::grants::{Asked, Granted};
use super::{OauthError, by_id, scope};
use crate::{Millis, Org, RecordId};

/// How long a device may ask. Documented: ten minutes.
const LIFE_MS: i64 = 10 * 60 * 1000;
/// Seconds between two questions.
const INTERVAL_S: i64 = 5;
/// How long a code is remembered, so that a late question is told from a wrong one.
const MEMORY_MS: i64 = 24 * 60 * 60 * 1000;
/// Most devices that are remembered.
const DEVICES_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    Allowed(RecordId),
    Denied,
    Served,
}

#[derive(Debug, Clone)]
struct Device {
    user_code: String,
    client_id: String,
    scope: String,
    issued_at: Millis,
    asked_at: Option<Millis>,
    state: State,
}

/// Devices by device code.
#[derive(Default)]
pub(super) struct Devices(HashMap<String, Device>);

/// Begins: gives the device its codes.
pub(super) fn begin(org: &mut Org, asked: &Asked<'_>, now: Millis) -> Result<Granted, OauthError> {
    let app = client(org, asked, now, |_| false)?;
    check_app(&app, app.device_flow)?;
    let scope = asked.scope(&app)?;
    let devices = &mut org.access.devices.0;
    devices.retain(|_, device| now.saturating_sub(device.issued_at) < MEMORY_MS);
    if devices.len() >= DEVICES_MAX {
        return Err(OauthError::new("rate_limit_exceeded", "too many devices wait for approval"));
    }
    let user_code = loop {
        let code = user_code();
        if devices.values().all(|device| device.user_code != code) {
            break code;
        }
    };
    let device_code = format!("{}==", random(86));
    let device = Device {
        user_code: user_code.clone(),
        client_id: app.client_id,
        scope,
        issued_at: now,
        asked_at: None,
        state: State::Pending,
    };
    devices.insert(device_code.clone(), device);
    Ok(vec![
        ("device_code", device_code),
        ("user_code", user_code),
        ("verification_uri", format!("{}/setup/connect", asked.origin)),
        ("interval", INTERVAL_S.to_string()),
    ])
}

/// Eight characters that cannot be mistaken for each other.
fn user_code() -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut rng = rand::rng();
    (0..8).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}

/// Answers a device that asks whether its user is done.
pub(super) fn poll(org: &mut Org, asked: &Asked<'_>, now: Millis) -> Result<Granted, OauthError> {
    let app = client(org, asked, now, |_| false)?;
    check_app(&app, app.device_flow)?;
    let code = asked.form.get("code").filter(|c| !c.is_empty()).ok_or_else(|| OauthError::missing("code"))?;
    let device = org.access.devices.0.get_mut(code).filter(|device| device.client_id == app.client_id);
    let device = device.ok_or_else(|| OauthError::grant("invalid authorization code"))?;
    if device.state == State::Served || now >= device.issued_at.saturating_add(LIFE_MS) {
        return Err(OauthError::grant("expired authorization code"));
    }
    let hasty = device.asked_at.is_some_and(|at| now.saturating_sub(at) < INTERVAL_S * 1000);
    device.asked_at = Some(now);
    let user = match device.state {
        State::Allowed(user) => user,
        State::Denied => return Err(OauthError::new("access_denied", "end-user denied authorization")),
        _ if hasty => return Err(OauthError::new("slow_down", "polling too frequently")),
        _ => return Err(OauthError::new("authorization_pending", "end-user authorization is pending")),
    };
    device.state = State::Served;
    let granted = device.scope.clone();
    let user = by_id(org, user).ok_or_else(|| OauthError::new("inactive_user", "user is inactive"))?;
    asked.admit_again(org, &app, &user, now)?;
    spend_login(org, &user, now)?;
    let lasting = scope::includes(&granted, "refresh_token");
    let (refresh_token, family) = org.access.begin_family(lasting, user.id, &app.client_id, &granted, now);
    let what = Answer { scope: &granted, family, refresh_token, nonce: None, id_token: true };
    Ok(answer(org, &app, &user, asked.origin, now, what))
}

/// A signed-in user enters a user code: the next step is to consent. `None` for a code that is unknown or too old.
pub fn connect(org: &mut Org, user_code: &str, browser: &Browser<'_>, now: Millis) -> Option<Step> {
    let typed = user_code.trim();
    let waiting = |device: &Device| {
        device.user_code.eq_ignore_ascii_case(typed)
            && device.state == State::Pending
            && now < device.issued_at.saturating_add(LIFE_MS)
    };
    let (code, device) = org.access.devices.0.iter().find(|(_, device)| waiting(device))?;
    let (code, client_id, scope) = (code.clone(), device.client_id.clone(), device.scope.clone());
    let app = find_app(org, &client_id, now).ok()?;
    let Some(user) = browser.user.and_then(|id| by_id(org, id)) else { return Some(Step::SignIn(String::new())) };
    Some(consent_to_device(org, &app, &user, &code, &scope, now))
}

/// Notes what the user decided.
pub(super) fn settle(org: &mut Org, device_code: &str, user: RecordId, allow: bool) {
    let Some(device) = org.access.devices.0.get_mut(device_code).filter(|d| d.state == State::Pending) else { return };
    device.state = if allow { State::Allowed(user) } else { State::Denied };
    if allow {
        let (client_id, scope) = (device.client_id.clone(), device.scope.clone());
        org.access.approve(user, &client_id, &scope);
    }
}
