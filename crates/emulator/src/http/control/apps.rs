//! What an administrator sets up about signing in: connected apps with their policies, and users' passwords.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use rand::Rng;
use serde_json::{Map, Value as Json, json};

use super::{done, refused};
use crate::http::error::json_response;
use crate::http::state::AppState;
use crate::oauth::{App, User, UserAccess, by_id, by_username};
use crate::{Org, RecordId};

/// Characters of a consumer key after its prefix, and of a secret, as real ones have.
const KEY_CHARS: usize = 80;
const SECRET_CHARS: usize = 64;

/// Members that are written and never shown.
const SECRETS: [&str; 2] = ["password", "security_token"];

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/__emulator/apps", get(list_apps).post(create_app))
        .route("/__emulator/apps/{client_id}", get(show_app).patch(change_app).delete(delete_app))
        .route("/__emulator/users", get(list_users))
        .route("/__emulator/users/{user}", get(show_user).patch(change_user))
}

fn random(length: usize) -> String {
    rand::rng().sample_iter(rand::distr::Alphanumeric).take(length).map(char::from).collect()
}

fn object(body: &[u8]) -> Result<Map<String, Json>, String> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(body).map_err(|e| e.to_string())
}

/// The user of this id or username.
fn find_user(org: &Org, text: &str) -> Option<User> {
    RecordId::parse(text).and_then(|id| by_id(org, id)).or_else(|| by_username(org, text))
}

/// Usernames are taken wherever an app's policies name users; ids are kept.
fn ids_for_names(org: &Org, members: &mut Map<String, Json>) -> Result<(), String> {
    let resolve = |value: &mut Json| {
        let Some(text) = value.as_str() else { return Ok(()) };
        let user = find_user(org, text).ok_or_else(|| format!("no user is {text:?}"))?;
        *value = json!(user.id.to_string());
        Ok::<_, String>(())
    };
    if let Some(run_as) = members.get_mut("run_as") {
        resolve(run_as)?;
    }
    if let Some(Json::Object(permitted)) = members.get_mut("permitted_users") {
        for users in permitted.values_mut().filter_map(Json::as_array_mut) {
            users.iter_mut().try_for_each(resolve)?;
        }
    }
    Ok(())
}

/// The app with these members in the place of its own.
fn with_members(org: &Org, app: &App, mut members: Map<String, Json>) -> Result<App, String> {
    ids_for_names(org, &mut members)?;
    let mut whole = serde_json::to_value(app).map_err(|e| e.to_string())?;
    if let Json::Object(whole) = &mut whole {
        whole.extend(members);
    }
    let app: App = serde_json::from_value(whole).map_err(|e| e.to_string())?;
    if app.client_id.is_empty() {
        return Err("an app needs a client_id".into());
    }
    Ok(app)
}

async fn list_apps(State(state): State<AppState>) -> Response {
    done(&json!({ "apps": state.org.read().access.apps }))
}

async fn show_app(State(state): State<AppState>, Path(client_id): Path<String>) -> Response {
    match state.org.read().access.app(&client_id) {
        Some(app) => done(&json!(app)),
        None => no_app(&client_id),
    }
}

fn no_app(client_id: &str) -> Response {
    refused(StatusCode::NOT_FOUND, format_args!("no app has the client_id {client_id:?}"))
}

/// Makes an app. Key and secret are made up where they are not given.
async fn create_app(State(state): State<AppState>, body: Bytes) -> Response {
    let fresh = App {
        client_id: format!("3MVG9{}", random(KEY_CHARS)),
        client_secret: random(SECRET_CHARS),
        scope: "id api refresh_token".into(),
        changed_at: state.now(),
        ..App::default()
    };
    let mut org = state.org.write();
    let made = object(&body).and_then(|members| with_members(&org, &fresh, members));
    match made {
        Ok(app) if org.access.app(&app.client_id).is_some() => {
            refused(StatusCode::CONFLICT, "an app with this client_id is there already")
        }
        Ok(app) => {
            let answer = json_response(StatusCode::CREATED, &json!(app));
            org.access.apps.push(app);
            answer
        }
        Err(message) => refused(StatusCode::BAD_REQUEST, message),
    }
}

async fn change_app(State(state): State<AppState>, Path(client_id): Path<String>, body: Bytes) -> Response {
    let now = state.now();
    let mut org = state.org.write();
    let Some(at) = org.access.apps.iter().position(|app| app.client_id == client_id) else {
        return no_app(&client_id);
    };
    let before = App { changed_at: now, ..org.access.apps[at].clone() };
    match object(&body).and_then(|members| with_members(&org, &before, members)) {
        Ok(app) if app.client_id != client_id => {
            refused(StatusCode::BAD_REQUEST, "the client_id of an app cannot be changed")
        }
        Ok(app) => {
            let answer = done(&json!(app));
            org.access.apps[at] = app;
            answer
        }
        Err(message) => refused(StatusCode::BAD_REQUEST, message),
    }
}

async fn delete_app(State(state): State<AppState>, Path(client_id): Path<String>) -> Response {
    if state.org.write().access.remove_app(&client_id) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        no_app(&client_id)
    }
}

/// How a user signs in, without the secrets.
fn shown(org: &Org, user: &User) -> Json {
    let access = org.access.users.get(&user.id).cloned().unwrap_or_default();
    let mut members = json!({
        "id": user.id.to_string(),
        "username": user.text(org, "Username"),
        "has_password": access.password.is_some(),
        "has_security_token": access.security_token.is_some(),
    });
    if let (Some(members), Ok(Json::Object(access))) = (members.as_object_mut(), serde_json::to_value(&access)) {
        members.extend(access.into_iter().filter(|(name, _)| !SECRETS.contains(&name.as_str())));
    }
    members
}

/// Users of whom something was set.
async fn list_users(State(state): State<AppState>) -> Response {
    let org = state.org.read();
    let mut ids: Vec<RecordId> = org.access.users.keys().copied().collect();
    ids.sort_unstable();
    let users: Vec<Json> = ids.iter().filter_map(|id| by_id(&org, *id)).map(|user| shown(&org, &user)).collect();
    done(&json!({ "users": users }))
}

fn no_user(user: &str) -> Response {
    refused(StatusCode::NOT_FOUND, format_args!("no user is {user:?}"))
}

async fn show_user(State(state): State<AppState>, Path(user): Path<String>) -> Response {
    let org = state.org.read();
    find_user(&org, &user).map_or_else(|| no_user(&user), |user| done(&shown(&org, &user)))
}

/// Sets a password, a security token, or a restriction of the user of this id or username.
async fn change_user(State(state): State<AppState>, Path(user): Path<String>, body: Bytes) -> Response {
    let mut org = state.org.write();
    let Some(user) = find_user(&org, &user) else { return no_user(&user) };
    let before = org.access.users.get(&user.id).cloned().unwrap_or_default();
    let changed = object(&body).and_then(|members| {
        let mut whole = serde_json::to_value(&before).map_err(|e| e.to_string())?;
        if let Json::Object(whole) = &mut whole {
            whole.extend(members);
        }
        serde_json::from_value::<UserAccess>(whole).map_err(|e| e.to_string())
    });
    match changed {
        Ok(access) => {
            org.access.users.insert(user.id, access);
            done(&shown(&org, &user))
        }
        Err(message) => refused(StatusCode::BAD_REQUEST, message),
    }
}
