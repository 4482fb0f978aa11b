//! From what was typed to a channel: an object's change events, a platform event, a PushTopic.

use tidegate_client::{Client, Error};

use crate::config::closest;
use crate::failure::Failure;

/// Resolves every name. Whole channels cost no call; the org says later whether they exist.
pub(super) async fn resolve(client: &Client, typed: &[String]) -> Result<Vec<String>, Failure> {
    let mut known: Option<Vec<String>> = None;
    let mut channels = Vec::new();
    for name in typed {
        let channel = if name.starts_with('/') {
            name.clone()
        } else {
            let objects = match &known {
                Some(objects) => objects,
                None => {
                    let global = client.describe_global().await?;
                    known.insert(global.sobjects.into_iter().map(|object| object.name).collect())
                }
            };
            short(client, name, objects).await?
        };
        if !channels.contains(&channel) {
            channels.push(channel);
        }
    }
    Ok(channels)
}

async fn short(client: &Client, name: &str, objects: &[String]) -> Result<String, Failure> {
    if name.to_ascii_lowercase().ends_with("__chn") {
        return Err(Failure::usage(format!("`{name}` may be a channel of change events or of platform events"))
            .hint(format!("write /data/{name} or /event/{name}")));
    }
    let find = |wanted: &str| objects.iter().find(|known| known.eq_ignore_ascii_case(wanted));
    if let Some(object) = find(name) {
        return match channel_of(object) {
            Channel::Itself(channel) => Ok(channel),
            Channel::Changes(event) => match find(&event) {
                Some(event) => Ok(format!("/data/{event}")),
                None => Err(Failure::failed(format!("{object} has no change events")).hint(
                    "not every object has them, and custom ones need the right to read all records; Setup > Change \
                     Data Capture lists those that can be selected",
                )),
            },
        };
    }
    // Not in every org, and not every user may read them.
    let topics = client.events().push_topics().list().await.unwrap_or_default();
    if let Some(topic) = topics.iter().find(|topic| topic.name == name) {
        return Ok(topic.channel());
    }
    let near = objects.iter().filter(|known| is_watchable(known)).map(String::as_str);
    let near: Vec<&str> = near.chain(topics.iter().map(|topic| topic.name.as_str())).collect();
    let failure = Failure::failed(format!("the org has no object, event or PushTopic `{name}`"));
    Err(match closest(name, &near) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => {
            failure.hint("`tidegate describe` lists the objects; /data/ChangeEvents has the changes of all selected")
        }
    })
}

enum Channel {
    Itself(String),
    /// The name of the change event.
    Changes(String),
}

/// `Account` → `AccountChangeEvent`, `Widget__c` → `Widget__ChangeEvent`.
fn channel_of(object: &str) -> Channel {
    if object.ends_with("__e") || (object.ends_with("Event") && object != "Event" && !object.ends_with("ChangeEvent")) {
        Channel::Itself(format!("/event/{object}"))
    } else if object.ends_with("ChangeEvent") {
        Channel::Itself(format!("/data/{object}"))
    } else {
        Channel::Changes(match object.strip_suffix("__c") {
            Some(stem) => format!("{stem}__ChangeEvent"),
            None => format!("{object}ChangeEvent"),
        })
    }
}

fn is_watchable(object: &str) -> bool {
    !object.ends_with("ChangeEvent")
}

/// For a channel that the org does not know: the name that was probably meant. Names mind case.
pub(super) async fn unknown(client: &Client, channel: Option<&str>, error: Error) -> Failure {
    let failure = Failure::from(error);
    let Some((prefix, name)) = channel.and_then(|channel| {
        let (prefix, name) = channel.strip_prefix('/')?.split_once('/')?;
        Some((prefix.to_owned(), name.to_owned()))
    }) else {
        return failure;
    };
    let known: Vec<String> = match prefix.as_str() {
        "data" | "event" => match client.describe_global().await {
            Ok(global) => {
                let wanted = |name: &String| match channel_of(name) {
                    Channel::Itself(channel) => channel.starts_with(&format!("/{prefix}/")),
                    Channel::Changes(_) => false,
                };
                let mut known: Vec<String> =
                    global.sobjects.into_iter().map(|object| object.name).filter(wanted).collect();
                known.push("ChangeEvents".to_owned());
                known
            }
            Err(_) => return failure,
        },
        "topic" => match client.events().push_topics().list().await {
            Ok(topics) => topics.into_iter().map(|topic| topic.name).collect(),
            Err(_) => return failure,
        },
        _ => return failure,
    };
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    match closest(&name, &known) {
        Some(near) if near != name => failure.hint(format!("did you mean /{prefix}/{near}?")),
        Some(_) => failure.hint("the object is there: select it in Setup > Change Data Capture"),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_channels() {
        for (object, channel) in [
            ("Account", "AccountChangeEvent"),
            ("Widget__c", "Widget__ChangeEvent"),
            ("ns__Widget__c", "ns__Widget__ChangeEvent"),
            ("Event", "EventChangeEvent"),
            ("Order_Event__e", "/event/Order_Event__e"),
            ("BatchApexErrorEvent", "/event/BatchApexErrorEvent"),
            ("AccountChangeEvent", "/data/AccountChangeEvent"),
            ("Widget__ChangeEvent", "/data/Widget__ChangeEvent"),
        ] {
            let (Channel::Itself(found) | Channel::Changes(found)) = channel_of(object);
            assert_eq!(found, channel);
        }
    }
}
