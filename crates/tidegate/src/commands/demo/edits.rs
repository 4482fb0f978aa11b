//! What the demo does to the org while the copy follows: every kind of change, by several doors.

use std::fmt;

use bytes::Bytes;
use futures::stream;
use serde_json::{Value, json};
use tidegate_client::bulk::{IngestOperation, IngestSpec, Wait};
use tidegate_client::{Client, Create, Delete, Update};
use tidegate_emulator::dml::{Write, WriteContext};
use tidegate_emulator::server::Emulator;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;

/// How many edits of each kind are made over REST.
const CREATES: usize = 25;
const UPDATES: usize = 40;
const DELETES: usize = 12;
const UNDELETES: usize = 5;
/// Rows of the Bulk upsert: half of them change records that are there.
const UPSERTS: usize = 400;

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Edits {
    created: usize,
    updated: usize,
    deleted: usize,
    undeleted: usize,
    upserted: u64,
}

impl fmt::Display for Edits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} created, {} updated, {} deleted, {} undeleted, {} upserted by a Bulk job",
            self.created, self.updated, self.deleted, self.undeleted, self.upserted
        )
    }
}

/// Makes them.
pub(super) async fn make(
    client: &Client,
    emulator: &Emulator,
    seed: u64,
    stop: &CancellationToken,
) -> Result<Edits, Failure> {
    let mut edits = Edits::default();
    let contacts = ids(client, "SELECT Id FROM Contact ORDER BY LastModifiedDate DESC, Id LIMIT 200").await?;
    // Salesforce lets no contact go that a case belongs to.
    let free = ids(
        client,
        "SELECT Id FROM Contact WHERE Id NOT IN (SELECT ContactId FROM Case WHERE ContactId != null) \
         ORDER BY LastModifiedDate, Id LIMIT 50",
    )
    .await?;
    let accounts = ids(client, "SELECT Id FROM Account ORDER BY Id LIMIT 200").await?;

    let mut made = Vec::new();
    for n in 0..CREATES {
        if stop.is_cancelled() {
            return Ok(edits);
        }
        let fields = json!({
            "FirstName": "Zoë",
            "LastName": format!("O'Demo \"{n}\""),
            "Email": format!("zoe.{n}@example.org"),
            "Description": "first line\nsecond line, with a comma",
            "AccountId": accounts.get(n % accounts.len().max(1)),
        });
        made.push(client.send(&Create { object: "Contact".to_owned(), fields }).await?.id);
        edits.created += 1;
    }
    for (n, id) in contacts.iter().take(UPDATES).enumerate() {
        if stop.is_cancelled() {
            return Ok(edits);
        }
        let fields = match n % 4 {
            0 => json!({ "LastName": format!("Changed {n}") }),
            1 => json!({ "MailingCity": "Łódź", "MailingStreet": "ul. Piotrkowska 1\nm. 2" }),
            2 => json!({ "Phone": Value::Null, "Title": "Director, \"North\"" }),
            _ => json!({ "Birthdate": "1700-01-01", "AccountId": accounts.get(n % accounts.len().max(1)) }),
        };
        client.send(&Update { object: "Contact".to_owned(), id: id.clone(), fields }).await?;
        edits.updated += 1;
    }
    let doomed: Vec<&String> = made.iter().take(DELETES / 2).chain(free.iter().take(DELETES / 2)).collect();
    for id in &doomed {
        if stop.is_cancelled() {
            return Ok(edits);
        }
        client.send(&Delete { object: "Contact".to_owned(), id: (*id).clone() }).await?;
        edits.deleted += 1;
    }
    // REST has no undelete; a person would press "Restore" in the recycle bin.
    edits.undeleted = undelete(emulator, doomed.iter().rev().take(UNDELETES).map(|id| id.as_str()));
    edits.upserted = upsert(client, seed).await?;
    Ok(edits)
}

async fn ids(client: &Client, soql: &str) -> Result<Vec<String>, Failure> {
    let page = client.query_page(soql).await?;
    Ok(page.records.iter().filter_map(|r| r.get("Id")?.as_str().map(str::to_owned)).collect())
}

fn undelete<'a>(emulator: &Emulator, ids: impl Iterator<Item = &'a str>) -> usize {
    let now = emulator.clock().now();
    let mut org = emulator.org().write();
    let Some((object, _)) = org.schema.find("Contact") else { return 0 };
    let context =
        WriteContext { now, user: org.settings.admin_id, origin: "com/salesforce/ui".to_owned(), all_or_none: false };
    let writes: Vec<Write> =
        ids.filter_map(tidegate_emulator::RecordId::parse).map(|id| Write::Undelete { object, id }).collect();
    org.write(&context, writes).iter().filter(|result| result.is_ok()).count()
}

async fn upsert(client: &Client, seed: u64) -> Result<u64, Failure> {
    let known =
        client.query_page("SELECT Ext_Id__c FROM Contact WHERE Ext_Id__c != null ORDER BY Id LIMIT 200").await?;
    let mut known = known.records.iter().filter_map(|r| r.get("Ext_Id__c")?.as_str().map(str::to_owned));
    let mut csv = String::from("Ext_Id__c,LastName,Description\n");
    for n in 0..UPSERTS {
        let key = known.next().unwrap_or_else(|| format!("DEMO-{seed}-{n}"));
        csv.push_str(&format!("{key},\"Upserted, {n}\",\"说明\n{n}\"\n"));
    }
    let length = csv.len() as u64;
    let spec = IngestSpec::new("Contact", IngestOperation::Upsert { external_id: "Ext_Id__c".to_owned() });
    let body = stream::iter([Ok::<_, std::io::Error>(Bytes::from(csv))]);
    let summary = client.bulk().ingest(spec, body, Some(length), Wait::default()).await?;
    if summary.failed > 0 {
        return Err(Failure::failed(format!("{} rows of the Bulk upsert were refused", summary.failed)));
    }
    Ok(summary.successful)
}
