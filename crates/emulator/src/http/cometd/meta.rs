//! A request's messages, answered one after another.

use std::sync::Arc;

use http::HeaderMap;
use serde_json::{Map, Value as Json, json};

use super::client::{Client, random_text};
use super::errors;
use super::fault::FaultKind;
use super::message::Message;
use super::{poll, subscribe};
use crate::RecordId;
use crate::http::AppState;
use crate::http::session::bearer;

/// The cookie that ties requests to the browser that made the handshake.
const BROWSER: &str = "BAYEUX_BROWSER";
/// The cookie of the load balancer. Its name is unconfirmed.
const STICKY: &str = "sfdc-stream";

/// A request on its way.
pub(super) struct Request {
    pub(super) state: AppState,
    /// The version in the URL, by its whole number.
    pub(super) version: u16,
    pub(super) token: Result<String, &'static str>,
    user: Option<RecordId>,
    browser: Option<String>,
    /// The cookie that a handshake of this request set.
    new_browser: Option<String>,
}

impl Request {
    pub(super) fn new(state: AppState, version: u16, headers: &HeaderMap) -> Self {
        let token = match headers.contains_key(http::header::AUTHORIZATION) {
            false => Err(errors::AUTHENTICATION_REQUIRED),
            true => bearer(headers).map(str::to_owned).map_err(|_| errors::AUTHENTICATION_INVALID),
        };
        let mut request = Self { state, version, token, user: None, browser: cookie(headers), new_browser: None };
        match request.token.as_deref().map(|token| request.state.check_token(token)) {
            Ok(Ok(grant)) => request.user = Some(grant.user),
            Ok(Err(_)) => request.token = Err(errors::AUTHENTICATION_INVALID),
            Err(_) => {}
        }
        request
    }

    /// Whose token it is.
    pub(super) fn user(&self) -> Option<RecordId> {
        self.user
    }

    /// Cookies for the answer.
    pub(super) fn cookies(&self, secure: bool) -> Vec<String> {
        let Some(browser) = &self.new_browser else { return Vec::new() };
        // Over plain HTTP a client would drop a cookie that is marked so.
        let marks = if secure { "; Path=/; HttpOnly; Secure" } else { "; Path=/; HttpOnly" };
        vec![format!("{BROWSER}={browser}{marks}"), format!("{STICKY}=!{}{marks}", random_text(40))]
    }

    /// Answers the messages. A connect that is alone is held until there is something to tell.
    pub(super) async fn answer(&mut self, messages: Vec<Message>) -> Vec<Json> {
        let alone = messages.len() == 1;
        let mut answers = Vec::with_capacity(messages.len());
        for message in messages {
            match message.channel() {
                "/meta/handshake" => answers.push(self.handshake(&message)),
                "/meta/connect" => answers.extend(poll::connect(self, &message, alone).await),
                "/meta/subscribe" => answers.push(subscribe::subscribe(self, &message)),
                "/meta/unsubscribe" => answers.push(subscribe::unsubscribe(self, &message)),
                "/meta/disconnect" => answers.push(self.disconnect(&message)),
                "" => answers.push(Json::Object(message.failure(errors::NO_CHANNEL_NAME))),
                _ => answers.push(Json::Object(message.failure(errors::PUBLISH_DENIED))),
            }
        }
        for _ in 0..self.state.cometd.take_gone() {
            self.state.org.read().usage.leave_streaming_client();
        }
        answers
    }

    fn handshake(&mut self, message: &Message) -> Json {
        let ext = json!({ "replay": true, "payload.format": true });
        let denied = |reason: &str| {
            let mut answer = message.failure(errors::HANDSHAKE_DENIED);
            answer.insert("advice".into(), json!({ "reconnect": "none" }));
            let ext = json!({ "sfdc": { "failureReason": reason }, "replay": true, "payload.format": true });
            answer.insert("ext".into(), ext);
            Json::Object(answer)
        };
        let user = match (&self.token, self.user) {
            (Err(reason), _) => return denied(reason),
            (Ok(_), None) => return denied(errors::AUTHENTICATION_INVALID),
            (Ok(_), Some(user)) => user,
        };
        let fault = self.state.cometd.faults.take(true);
        match fault {
            Some(FaultKind::HandshakeBusy) => return denied(errors::TOO_BUSY),
            Some(FaultKind::HandshakeLimit) => return denied(errors::TOO_MANY_CLIENTS),
            _ => {}
        }
        let (window, most) = {
            let settings = &self.state.org.read().settings;
            (settings.streaming.reconnect_ms, usize::try_from(settings.streaming_clients_max).unwrap_or(usize::MAX))
        };
        // Unconfirmed: whether the limit shows here or at the subscription.
        let Ok(client) = self.state.cometd.begin(user, self.state.now(), window, most) else {
            return denied(errors::TOO_MANY_CLIENTS);
        };
        // Counted for the report of limits; the allowance itself is looked at above.
        self.state.org.read().usage.enter_streaming_client(u64::MAX);
        self.new_browser = Some(client.cookie.clone());
        self.browser = Some(client.cookie.clone());
        let mut answer = Map::new();
        answer.insert("ext".into(), ext);
        answer.insert("minimumVersion".into(), json!("1.0"));
        answer.insert("clientId".into(), json!(client.id));
        answer.insert("supportedConnectionTypes".into(), json!(["long-polling"]));
        answer.insert("channel".into(), json!("/meta/handshake"));
        if let Some(id) = message.get("id") {
            answer.insert("id".into(), id.clone());
        }
        answer.insert("version".into(), json!("1.0"));
        answer.insert("successful".into(), json!(true));
        if fault == Some(FaultKind::HandshakeAdvice) {
            answer.insert("advice".into(), json!({ "interval": 0, "reconnect": "handshake" }));
        }
        Json::Object(answer)
    }

    /// The session that a message is of, once its sender has shown who they are.
    ///
    /// Errors: the answer to a message without one.
    pub(super) fn client(&self, message: &Message) -> Result<Arc<Client>, Json> {
        if let Err(reason) = self.token {
            return Err(errors::stop(message.failure(errors::AUTHENTICATION_INVALID), Some(reason)));
        }
        let Some(id) = message.client_id() else {
            return Err(errors::begin_anew(message.failure(errors::NO_HANDSHAKE)));
        };
        let (window, cookie_required) = {
            let streaming = &self.state.org.read().settings.streaming;
            (streaming.reconnect_ms, streaming.cookie_required)
        };
        let unknown = || errors::begin_anew(message.failure(errors::UNKNOWN_CLIENT));
        let client = self.state.cometd.find(id, self.state.now(), window).ok_or_else(unknown)?;
        if cookie_required {
            match &self.browser {
                None => return Err(Json::Object(message.failure(&errors::no_cookie(id, BROWSER)))),
                // Another session of the same cookie jar: its server does not know this one.
                Some(browser) if *browser != client.cookie => return Err(unknown()),
                Some(_) => {}
            }
        }
        if self.user != Some(client.user) {
            return Err(Json::Object(message.failure(errors::OTHER_USER)));
        }
        client.state.lock().seen_at = self.state.now();
        Ok(client)
    }

    fn disconnect(&self, message: &Message) -> Json {
        match self.client(message) {
            Ok(client) => {
                client.state.lock().left = true;
                self.state.cometd.end(&client.id);
                Json::Object(message.answer(true))
            }
            Err(answer) => answer,
        }
    }
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(http::header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == BROWSER).map(|(_, value)| value.trim_matches('"').to_owned())
}
