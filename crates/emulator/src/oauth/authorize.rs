//! The authorization endpoint: what is asked for, whether the user has to sign in or to consent, and where the browser
//! goes with the result.

use std::collections::HashMap;
use std::net::IpAddr;

use url::form_urlencoded;

use super::access::random;
use super::answer::{Answer, answer};
use super::client::{find_app, not_admin_approved, spend_login};
use super::code::{Challenge, Code};
use super::grants::{Asked, ClientAuth, Form};
use super::{App, OauthError, PermittedUsers, User, by_id, scope};
use crate::{Millis, Org, RecordId};

/// How long a consent page is good.
const CONSENT_MS: i64 = 30 * 60 * 1000;
/// Most consent pages that are open at once.
const CONSENTS_MAX: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResponseType {
    Code,
    Token,
    TokenAndIdToken,
}

/// A request for authorization that is in order.
#[derive(Debug, Clone)]
struct Request {
    client_id: String,
    redirect_uri: String,
    response_type: ResponseType,
    scope: String,
    state: Option<String>,
    challenge: Option<Challenge>,
    nonce: Option<String>,
}

/// What a user is asked to consent to.
#[derive(Debug, Clone)]
enum Purpose {
    App(Request),
    /// The device code of the device that shows the user code.
    Device(String),
}

#[derive(Debug, Clone)]
struct Consent {
    user: RecordId,
    purpose: Purpose,
    at: Millis,
}

/// Consent pages that wait for an answer.
#[derive(Default)]
pub(super) struct Consents(HashMap<String, Consent>);

impl Consents {
    fn open(&mut self, user: RecordId, purpose: Purpose, now: Millis) -> String {
        self.0.retain(|_, consent| now.saturating_sub(consent.at) < CONSENT_MS);
        if self.0.len() >= CONSENTS_MAX {
            self.0.clear();
        }
        let key = random(40);
        self.0.insert(key.clone(), Consent { user, purpose, at: now });
        key
    }
}

/// A page that asks for consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentPage {
    /// To be sent back with the decision; good once.
    pub key: String,
    /// The app's name.
    pub app: String,
    /// What it asks for.
    pub scope: String,
    /// Who is asked.
    pub username: String,
}

/// What the browser is shown next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An error, shown in place: there is nowhere to send the browser to.
    Refused(OauthError),
    /// It goes there.
    Redirect(String),
    /// The sign-in page, with this username filled in.
    SignIn(String),
    /// The consent page.
    Consent(ConsentPage),
}

/// A browser at the authorization endpoint.
pub struct Browser<'a> {
    /// Scheme and host the request came to.
    pub origin: &'a str,
    /// Where it comes from.
    pub ip: IpAddr,
    /// Who is signed in.
    pub user: Option<RecordId>,
}

/// Answers a request for authorization.
pub fn authorize(org: &mut Org, form: &Form, browser: &Browser<'_>, now: Millis) -> Step {
    let (app, request) = match read(org, form, now) {
        Ok(found) => found,
        Err(error) => return Step::Refused(error),
    };
    let request = match request {
        Ok(request) => request,
        Err((redirect, error)) => return redirect.error(&error),
    };
    let back = Back::of(&request);
    let prompts: Vec<&str> = form.get("prompt").map(|p| p.split_whitespace().collect()).unwrap_or_default();
    let silent = prompts.contains(&"none") || form.get("immediate").is_some_and(|v| v == "true");
    let unsuccessful = || back.error(&OauthError::new("immediate_unsuccessful", "Immediate unsuccessful"));
    let user = browser.user.and_then(|id| by_id(org, id)).filter(|user| user.is_active(org));
    let user = match user {
        Some(user) if !prompts.contains(&"login") => user,
        _ if silent => return unsuccessful(),
        _ => return Step::SignIn(form.get("login_hint").cloned().unwrap_or_default()),
    };
    if let Err(error) = may_use(org, &app, &user) {
        return back.error(&error);
    }
    let asked_again = prompts.contains(&"consent") || prompts.contains(&"select_account");
    let approved = app.is_preauthorised(&user) || org.access.has_approved(user.id, &app.client_id, &request.scope);
    if approved && !asked_again {
        return grant(org, &app, &user, &request, browser, now);
    }
    if silent {
        return unsuccessful();
    }
    let scope = request.scope.clone();
    consent(org, &app, &user, scope, Purpose::App(request), now)
}

/// Asks the signed-in user to let a device in.
pub(super) fn consent_to_device(org: &mut Org, app: &App, user: &User, code: &str, scope: &str, now: Millis) -> Step {
    if let Err(error) = may_use(org, app, user) {
        return Step::Refused(error);
    }
    consent(org, app, user, scope.to_owned(), Purpose::Device(code.to_owned()), now)
}

fn consent(org: &mut Org, app: &App, user: &User, scope: String, purpose: Purpose, now: Millis) -> Step {
    let username = user.text(org, "Username");
    let key = org.access.consents.open(user.id, purpose, now);
    let name = if app.name.is_empty() { &app.client_id } else { &app.name };
    Step::Consent(ConsentPage { key, app: name.clone(), scope, username })
}

/// Carries out what the user decided on a consent page.
pub fn decide(org: &mut Org, key: &str, allow: bool, browser: &Browser<'_>, now: Millis) -> Step {
    let lost = || Step::Refused(OauthError::new("invalid_request", "this approval is no longer valid; start again"));
    let Some(consent) = org.access.consents.0.remove(key) else { return lost() };
    if browser.user != Some(consent.user) || now.saturating_sub(consent.at) >= CONSENT_MS {
        return lost();
    }
    let Some(user) = by_id(org, consent.user) else { return lost() };
    match consent.purpose {
        Purpose::Device(code) => {
            super::device::settle(org, &code, user.id, allow);
            Step::Redirect(format!("{}/setup/connect?done={}", browser.origin, if allow { "1" } else { "0" }))
        }
        Purpose::App(request) => {
            let back = Back::of(&request);
            if !allow {
                return back.error(&OauthError::new("access_denied", "end-user denied authorization"));
            }
            let app = match find_app(org, &request.client_id, now) {
                Ok(app) => app,
                Err(error) => return Step::Refused(error),
            };
            org.access.approve(user.id, &app.client_id, &request.scope);
            grant(org, &app, &user, &request, browser, now)
        }
    }
}

/// Whether this user may let the app in at all.
fn may_use(org: &Org, app: &App, user: &User) -> Result<(), OauthError> {
    if matches!(app.permitted_users, PermittedUsers::AdminApproved(_)) && !app.is_preauthorised(user) {
        return Err(not_admin_approved("OAUTH_APP_ACCESS_DENIED"));
    }
    let may_approve = org.access.users.get(&user.id).is_some_and(|access| access.approve_uninstalled_apps);
    if !app.installed && !may_approve {
        return Err(OauthError::new("OAUTH_APP_ACCESS_DENIED", "this app is not installed in this org"));
    }
    Ok(())
}

type Read = Result<Request, (Back, OauthError)>;

/// Reads a request. What is wrong before the callback is known to be the app's own is shown in place.
fn read(org: &Org, form: &Form, now: Millis) -> Result<(App, Read), OauthError> {
    let get = |name: &str| form.get(name).map(String::as_str).filter(|v| !v.is_empty());
    let client_id = get("client_id").ok_or_else(|| OauthError::missing("client_id"))?;
    let app = find_app(org, client_id, now)?;
    let redirect_uri =
        get("redirect_uri").ok_or_else(|| OauthError::new("redirect_uri_missing", "redirect_uri not provided"))?;
    if !app.accepts_callback(redirect_uri) {
        return Err(OauthError::new("redirect_uri_mismatch", "redirect_uri must match configuration"));
    }
    let response_type = match get("response_type") {
        Some("code") => ResponseType::Code,
        Some("token") if app.user_agent_flow => ResponseType::Token,
        Some("token id_token" | "id_token token") if app.user_agent_flow => ResponseType::TokenAndIdToken,
        None => return Err(OauthError::missing("response_type")),
        Some(_) => return Err(OauthError::new("unsupported_response_type", "response type not supported")),
    };
    let challenge = match get("code_challenge") {
        Some(challenge) => {
            let read = Challenge::parse(challenge, get("code_challenge_method"));
            Some(read.ok_or_else(|| OauthError::new("invalid_request", "invalid code challenge method"))?)
        }
        None if response_type == ResponseType::Code && app.pkce_required => {
            return Err(OauthError::new("invalid_request", "missing required code challenge"));
        }
        None => None,
    };
    let mut request = Request {
        client_id: client_id.to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        response_type,
        scope: String::new(),
        state: form.get("state").cloned(),
        challenge,
        nonce: form.get("nonce").cloned(),
    };
    let back = Back::of(&request);
    if app.blocked {
        let blocked = OauthError::new("OAUTH_APP_BLOCKED", "this app is blocked by admin");
        return Ok((app, Err((back, blocked))));
    }
    let request = match scope::grantable(&app, get("scope")) {
        Ok(granted) => {
            request.scope = granted;
            Ok(request)
        }
        Err(error) => Err((back, error)),
    };
    Ok((app, request))
}

/// The user said yes, now or before: a code or a token goes to the callback.
fn grant(org: &mut Org, app: &App, user: &User, request: &Request, browser: &Browser<'_>, now: Millis) -> Step {
    let back = Back::of(request);
    let form = Form::new();
    let asked = Asked { form: &form, client: ClientAuth::default(), origin: browser.origin, ip: browser.ip };
    if let Err(error) = asked.admit(org, app, user, now) {
        return back.error(&error);
    }
    if request.response_type == ResponseType::Code {
        let code = org.access.codes.give(Code {
            client_id: app.client_id.clone(),
            user: user.id,
            scope: request.scope.clone(),
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            nonce: request.nonce.clone(),
            issued_at: now,
            used: false,
        });
        return back.with(&[("code", code)]);
    }
    if let Err(error) = spend_login(org, user, now) {
        return back.error(&error);
    }
    let lasting = scope::includes(&request.scope, "refresh_token");
    let (refresh_token, family) = org.access.begin_family(lasting, user.id, &app.client_id, &request.scope, now);
    let what = Answer {
        scope: &request.scope,
        family,
        refresh_token,
        nonce: request.nonce.as_deref(),
        id_token: request.response_type == ResponseType::TokenAndIdToken,
    };
    back.with(&answer(org, app, user, browser.origin, now, what))
}

/// The way back to the app.
struct Back {
    redirect_uri: String,
    state: Option<String>,
    /// Whether the result goes behind `#`, as in the user-agent flow.
    fragment: bool,
}

impl Back {
    fn of(request: &Request) -> Self {
        Self {
            redirect_uri: request.redirect_uri.clone(),
            state: request.state.clone(),
            fragment: request.response_type != ResponseType::Code,
        }
    }

    fn with(&self, members: &[(&str, String)]) -> Step {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(members);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        let mark = match (self.fragment, self.redirect_uri.contains('?')) {
            (true, _) => '#',
            (false, true) => '&',
            (false, false) => '?',
        };
        Step::Redirect(format!("{}{mark}{}", self.redirect_uri, query.finish()))
    }

    fn error(&self, error: &OauthError) -> Step {
        self.with(&[("error", error.error.to_owned()), ("error_description", error.description.clone())])
    }
}
