//! SOAP: records, what only SOAP offers, and what happens when sessions end and answers are lost.

use futures::TryStreamExt;
use serde_json::json;
use tidegate_client::soap::{
    ConvertLeads, Endpoint, GetDeleted, GetUpdated, LeadConvert, Operation, RawOperation, Retrieve, Save, Search,
    SoapHeaders, SoapRecord, SoapValue, Window, Write, describe_sobjects,
};
use tidegate_client::{Client, Create, Credentials, Error, OrgLogin};

use crate::support::{World, client_config, world};

async fn ids(world: &World, soql: &str) -> Vec<String> {
    let records: Vec<_> = world.org.query(soql).try_collect().await.unwrap();
    records.iter().map(|record| record["Id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads() {
    let world = world(900).await;
    let org = &world.org;
    let mut headers = SoapHeaders::default();
    headers.query_batch_size = Some(200);
    let soap = org.soap().with_headers(headers);

    let info = soap.user_info().await.unwrap();
    assert_eq!(info.organization_id, org.org_id().await.unwrap());
    assert_eq!(info.user_id, org.user_id().await.unwrap());
    assert!(info.session_seconds_valid > 0, "{info:?}");
    let skew = soap.server_timestamp().await.unwrap().duration_since(jiff::Timestamp::now());
    assert!(skew.abs().as_secs() < 60, "{skew:?}");

    // The same rows as by REST, over several pages.
    let soql = "SELECT Id, LastName, Phone, Account.Name, Account.Owner.Name FROM Contact ORDER BY Id";
    let by_soap: Vec<SoapRecord> = soap.query(soql).try_collect().await.unwrap();
    let by_rest: Vec<_> = org.query(soql).try_collect().await.unwrap();
    assert_eq!(by_soap.len(), by_rest.len());
    assert!(by_soap.len() > 600);
    let mut nulls = 0;
    for (soap, rest) in by_soap.iter().zip(&by_rest) {
        assert_eq!(soap.id.as_deref(), rest["Id"].as_str());
        assert_eq!(soap.text("LastName"), rest["LastName"].as_str());
        assert_eq!(soap.text("Phone"), rest["Phone"].as_str());
        assert!(soap.get("Phone").is_some() && soap.get("Fax").is_none());
        let parent = rest["Account"].get("Owner").and_then(|owner| owner["Name"].as_str());
        assert_eq!(soap.text("Account.Owner.Name"), parent);
        nulls += usize::from(
            soap.get("Account.Name") == Some(&SoapValue::Null) || soap.get("Phone") == Some(&SoapValue::Null),
        );
    }
    assert!(nulls > 0, "the seed has empty fields");
    let counts: Vec<SoapRecord> =
        soap.query("SELECT COUNT(Id) n, LeadSource FROM Contact GROUP BY LeadSource").try_collect().await.unwrap();
    assert_eq!(counts[0].object, "AggregateResult");
    let sum: usize = counts.iter().map(|row| row.text("n").unwrap().parse::<usize>().unwrap()).sum();
    assert_eq!(sum, by_soap.len());
    let children: Vec<SoapRecord> =
        soap.query("SELECT Id, (SELECT Id, LastName FROM Contacts) FROM Account LIMIT 50").try_collect().await.unwrap();
    assert!(
        children
            .iter()
            .any(|a| matches!(a.get("Contacts"), Some(SoapValue::Records(page)) if !page.records.is_empty()))
    );

    let first = by_soap[0].id.clone().unwrap();
    let gone = format!("{}zzz", &first[..15]);
    let retrieve = Retrieve {
        object: "Contact".into(),
        fields: vec!["Id".into(), "LastName".into()],
        ids: vec![first.clone(), gone, by_soap[1].id.clone().unwrap()],
    };
    let records = soap.send(&retrieve).await;
    // An id whose last three letters do not fit is malformed, or not there.
    if let Ok(records) = records {
        assert_eq!(records[0].as_ref().unwrap().text("LastName"), by_soap[0].text("LastName"));
        assert!(records[1].is_none() && records[2].is_some());
    }
    let found =
        soap.send(&Search { sosl: "FIND {Ng*} IN NAME FIELDS RETURNING Contact(Id, LastName)".into() }).await.unwrap();
    assert!(found.iter().all(|record| record.object == "Contact" && record.id.is_some()));

    let described = soap.send(&describe_sobjects(["Account", "Contact"])).await.unwrap();
    assert_eq!(described.iter().map(|d| d.value("name").unwrap()).collect::<Vec<_>>(), ["Account", "Contact"]);
    assert!(described[1].all("fields").any(|field| field.value("name") == Some("LastName")));

    let error = soap.query("SELECT Nmae FROM Account").try_next().await.unwrap_err();
    assert!(error.has_code("INVALID_FIELD"), "{error:?}");
    let error = soap.send(&RawOperation::new(Endpoint::Partner, "fooBar", vec![]).reading()).await.unwrap_err();
    assert!(matches!(&error, Error::Api { status: 500, errors, .. } if !errors.is_empty()), "{error:?}");
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes() {
    let world = world(60).await;
    let soap = world.org.soap();
    let start = soap.server_timestamp().await.unwrap().checked_sub(jiff::SignedDuration::from_mins(2)).unwrap();
    let create = |records: Vec<SoapRecord>| Save { write: Write::Create, records };

    let results = soap
        .send(&create(vec![
            SoapRecord::new("Account").field("Name", "A & <B> \"ä\" 😀").field("Phone", "1"),
            SoapRecord::new("Account").field("Phone", "no name"),
            SoapRecord::new("Contact").field("LastName", "Fern"),
        ]))
        .await
        .unwrap();
    assert_eq!(results.iter().map(|r| r.success).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(results[1].errors[0].code, "REQUIRED_FIELD_MISSING");
    assert_eq!(results[1].errors[0].fields, ["Name"]);
    let account = results[0].id.clone().unwrap();
    let contact = results[2].id.clone().unwrap();

    let update = Save {
        write: Write::Update,
        records: vec![SoapRecord::new("Account").id(&account).field("Phone", SoapValue::Null).field("Site", "x")],
    };
    assert!(soap.send(&update).await.unwrap()[0].success);
    let soql = format!("SELECT Name, Phone, Site FROM Account WHERE Id = '{account}'");
    let row = soap.query(soql).try_next().await;
    let row = match row {
        Ok(row) => row.unwrap(),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(
        (row.text("Name"), row.get("Phone"), row.text("Site")),
        (Some("A & <B> \"ä\" 😀"), Some(&SoapValue::Null), Some("x"))
    );

    // All or none: the good one is undone, too.
    let all = soap.clone().with_headers(SoapHeaders::default().all_or_none());
    let results = all
        .send(&create(vec![SoapRecord::new("Account").field("Name", "Undone"), SoapRecord::new("Account")]))
        .await
        .unwrap();
    assert!(results.iter().all(|result| !result.success));
    assert_eq!(results[0].errors[0].code, "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert!(ids(&world, "SELECT Id FROM Account WHERE Name = 'Undone'").await.is_empty());

    // Delete, restore, delete, clear.
    assert!(soap.delete(&[account.clone(), contact.clone()]).await.unwrap().iter().all(|r| r.success));
    let results = soap.undelete(&[account.clone(), contact.clone(), "001000000000000AAA".into()]).await.unwrap();
    assert_eq!(results.iter().map(|r| r.success).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(
        ids(&world, &format!("SELECT Id FROM Account WHERE Id = '{account}'")).await,
        *std::slice::from_ref(&account)
    );
    soap.delete(std::slice::from_ref(&contact)).await.unwrap();
    assert!(soap.empty_recycle_bin(std::slice::from_ref(&contact)).await.unwrap()[0].success);
    assert!(!soap.undelete(std::slice::from_ref(&contact)).await.unwrap()[0].success);

    let end = soap.server_timestamp().await.unwrap().checked_add(jiff::SignedDuration::from_mins(2)).unwrap();
    let window = |object: &str| Window { object: object.into(), start, end };
    assert!(soap.send(&GetUpdated(window("Account"))).await.unwrap().ids.contains(&account));
    let deleted = soap.send(&GetDeleted(window("Contact"))).await.unwrap();
    assert!(deleted.latest_date_covered > start, "{deleted:?}");
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merge_and_convert() {
    let world = world(60).await;
    let soap = world.org.soap();
    let make = |records: Vec<SoapRecord>| {
        let soap = soap.clone();
        async move {
            let results = soap.send(&Save { write: Write::Create, records }).await.unwrap();
            results.into_iter().map(|result| result.id.unwrap()).collect::<Vec<_>>()
        }
    };
    let accounts = make((0..3).map(|n| SoapRecord::new("Account").field("Name", format!("M{n}"))).collect()).await;
    let contacts =
        make(vec![SoapRecord::new("Contact").field("LastName", "Moves").field("AccountId", accounts[1].as_str())])
            .await;
    let master = SoapRecord::new("Account").id(&accounts[0]).field("Phone", "42");
    let merged = soap.merge(master.clone(), accounts[1..].to_vec()).await.unwrap();
    assert_eq!(merged.id.as_deref(), Some(accounts[0].as_str()));
    assert_eq!(merged.merged.len(), 2);
    assert!(merged.moved.contains(&contacts[0]), "{merged:?}");
    let rows: Vec<_> = world
        .org
        .query(format!("SELECT AccountId, Account.Phone FROM Contact WHERE Id = '{}'", contacts[0]))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        (rows[0]["AccountId"].as_str(), rows[0]["Account"]["Phone"].as_str()),
        (Some(accounts[0].as_str()), Some("42"))
    );
    // The losers are gone, and a second merge of them is refused with its reason.
    let error = soap.merge(master, accounts[1..].to_vec()).await.unwrap_err();
    assert!(matches!(&error, Error::Api { errors, .. } if !errors[0].code.is_empty()), "{error:?}");

    let leads = make(vec![
        SoapRecord::new("Lead").field("LastName", "Quill").field("Company", "Quill & Co"),
        SoapRecord::new("Lead").field("LastName", "Tern").field("Company", "Tern Ltd"),
    ])
    .await;
    let converted = ids(&world, "SELECT Id FROM LeadStatus WHERE IsConverted = true").await;
    assert!(!converted.is_empty());
    let status: Vec<_> =
        world.org.query("SELECT MasterLabel FROM LeadStatus WHERE IsConverted = true").try_collect().await.unwrap();
    let status = status[0]["MasterLabel"].as_str().unwrap();
    let lead = |id: &str, status: &str| LeadConvert {
        lead_id: id.into(),
        converted_status: status.into(),
        ..LeadConvert::default()
    };
    let results = soap.convert_leads(&[lead(&leads[0], status), lead(&leads[1], "No such status")]).await.unwrap();
    assert!(
        results[0].success && results[0].account_id.is_some() && results[0].opportunity_id.is_some(),
        "{results:?}"
    );
    assert!(!results[1].success && !results[1].errors.is_empty(), "{results:?}");
    assert!(!ConvertLeads { leads: vec![] }.is_idempotent());
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_end_and_answers_are_lost() {
    let world = world(60).await;
    let dir = tempfile::tempdir().unwrap();
    let org = &world.org;
    let soap = org.soap();
    let accounts = || async { org.query_page("SELECT COUNT() FROM Account").await.unwrap().total_size };
    let create = Save { write: Write::Create, records: vec![SoapRecord::new("Account").field("Name", "Once")] };

    // A dead session is renewed within the call, also for a create, which then happens once.
    let before = accounts().await;
    world.control("tokens/expire", json!({})).await;
    assert!(soap.send(&create).await.unwrap()[0].success);
    assert_eq!(accounts().await, before + 1);
    world.control("tokens/expire", json!({})).await;
    soap.server_timestamp().await.unwrap();
    let expire = json!({"match": {"path": "/services/Soap"}, "action": {"expire_token": true}});
    world.control("faults", expire).await;
    soap.user_info().await.unwrap();

    // What is told in the body counts like what is told in headers.
    let used = org.api_usage().unwrap().used;
    soap.server_timestamp().await.unwrap();
    assert!(org.api_usage().unwrap().used > used, "{:?}", org.api_usage());

    // A lost answer: a reading call is sent again, a create is not.
    let lose = json!({"match": {"path": "/services/Soap"}, "action": {"lose_answer": true}});
    let before = accounts().await;
    world.control("faults", lose.clone()).await;
    soap.server_timestamp().await.unwrap();
    world.control("faults", lose).await;
    assert!(matches!(soap.send(&create).await, Err(Error::Transport { .. })));
    assert_eq!(accounts().await, before + 1);

    // A busy org: the reading call comes through, the create says so, and did nothing.
    let busy = json!({"match": {"path": "/services/Soap"}, "action": {"status": 503}});
    world.control("faults", busy).await;
    soap.server_timestamp().await.unwrap();

    // Refusals come as faults, and are told by their codes.
    let limit = json!({"match": {"path": "/services/Soap"}, "action": {"refuse": "daily_limit"}});
    world.control("faults", limit).await;
    // By a client of its own: it asks for nothing more until there may be room again.
    let other = Client::connect(world.config.clone()).await.unwrap();
    let error = other.soap().server_timestamp().await.unwrap_err();
    assert!(error.has_code("REQUEST_LIMIT_EXCEEDED") && !error.is_retryable(), "{error:?}");
    assert!(error.hint().unwrap().contains("24 hours"));
    assert!(matches!(other.soap().server_timestamp().await, Err(Error::Budget(stop)) if stop.by_org));
    let busy = json!({"match": {"path": "/services/Soap"}, "action": {"refuse": "server_unavailable"}});
    world.control("faults", busy).await;
    soap.server_timestamp().await.unwrap();

    // Cut bodies are lost answers.
    let cut = json!({"match": {"path": "/services/Soap"}, "action": {"cut_after_bytes": 200}});
    world.control("faults", cut).await;
    assert!(!soap.user_info().await.unwrap().user_id.is_empty());

    // A token that SOAP cannot take is said to be one before it is sent, and is not printed.
    let mut config = client_config(&world.emulator, dir.path());
    let token = "eyJhbGciOiJSUzI1NiJ9.hush.hush";
    config.login = OrgLogin::new(world.emulator.tls_url(), Credentials::AccessToken { token: token.into() }).unwrap();
    let other = Client::connect(config).await.unwrap();
    let error = other.soap().server_timestamp().await.unwrap_err();
    assert!(matches!(error, Error::Config { .. }) && error.hint().unwrap().contains("JWT"), "{error:?}");
    assert!(!format!("{error:?} {other:?}").contains("hush"));

    // REST and SOAP see one org.
    let saved = org.send(&Create { object: "Account".into(), fields: json!({"Name": "R"}) }).await.unwrap();
    assert!(soap.delete(&[saved.id]).await.unwrap()[0].success);
    world.emulator.stop().await.unwrap();
}
