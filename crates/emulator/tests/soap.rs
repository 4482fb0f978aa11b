//! The SOAP API on the wire: envelopes in, envelopes out, with the values checked.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read, Write};

use common::Running;
use serde_json::json;
use tidegate_emulator::server::{Config, SeedConfig};
use tidegate_emulator::xml::{Element, SOAP, parse};

/// Who calls, and how.
struct Soap {
    running: Running,
    token: String,
    /// The last part of the address.
    path: String,
}

/// The answer to a call: its status and the first element of its body.
struct Answer {
    status: u16,
    text: String,
    header: Option<Element>,
    body: Element,
}

impl Answer {
    fn of(status: u16, text: String) -> Self {
        let envelope = parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text}"));
        assert!(envelope.is(SOAP, "Envelope"), "{text}");
        let header = envelope.child("Header").cloned();
        let body = envelope.child("Body").unwrap().children[0].clone();
        Self { status, text, header, body }
    }

    /// Every `result`.
    fn results(self) -> Vec<Element> {
        assert_eq!(self.status, 200, "{}", self.text);
        assert!(self.body.name.ends_with("Response"), "{}", self.text);
        self.body.children
    }

    fn result(self) -> Element {
        let mut results = self.results();
        assert_eq!(results.len(), 1);
        results.remove(0)
    }

    /// Code and text of a fault.
    fn fault(&self) -> (String, String) {
        assert_eq!(self.status, 500, "{}", self.text);
        assert!(self.body.is(SOAP, "Fault"), "{}", self.text);
        let text = |name: &str| self.body.text_of(name).unwrap().to_owned();
        (text("faultcode"), text("faultstring"))
    }

    fn detail(&self) -> &Element {
        &self.body.child("detail").unwrap().children[0]
    }
}

impl Soap {
    async fn start(contacts: u64) -> Self {
        let seed = (contacts > 0).then_some(SeedConfig { number: 1, contacts });
        let running = Running::start(Config { seed, ..Config::default() }).await;
        let token = running.emulator.credentials().access_token.clone();
        Self { running, token, path: "u/64.0".into() }
    }

    fn envelope(&self, headers: &str, call: &str) -> String {
        format!(
            "<env:Envelope xmlns:env=\"{SOAP}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xmlns:p=\"urn:partner.soap.sforce.com\" xmlns:o=\"urn:sobject.partner.soap.sforce.com\" \
             xmlns:e=\"urn:sobject.enterprise.soap.sforce.com\"><env:Header><p:SessionHeader><p:sessionId>{}\
             </p:sessionId></p:SessionHeader>{headers}</env:Header><env:Body>{call}</env:Body></env:Envelope>",
            self.token
        )
    }

    async fn post(&self, kind: &str, body: impl Into<reqwest::Body>) -> Answer {
        let url = self.running.url(&format!("/services/Soap/{}", self.path));
        let response = self.running.http.post(url).header("Content-Type", kind).body(body).send().await.unwrap();
        let status = response.status().as_u16();
        let kind = response.headers().get("content-type").unwrap().to_str().unwrap().to_owned();
        assert!(kind.starts_with("text/xml"), "{kind}");
        Answer::of(status, response.text().await.unwrap())
    }

    async fn call_with(&self, headers: &str, call: &str) -> Answer {
        self.post("text/xml; charset=UTF-8", self.envelope(headers, call)).await
    }

    async fn call(&self, call: &str) -> Answer {
        self.call_with("", call).await
    }

    async fn query(&self, soql: &str) -> Element {
        let soql = soql.replace('<', "&lt;");
        self.call(&format!("<p:query><p:queryString>{soql}</p:queryString></p:query>")).await.result()
    }

    async fn create(&self, record: &str) -> String {
        let result = self.call(&format!("<p:create><p:sObjects>{record}</p:sObjects></p:create>")).await.result();
        assert_eq!(result.text_of("success"), Some("true"), "{result:?}");
        result.text_of("id").unwrap().to_owned()
    }
}

/// Names and texts of an element's children.
fn told(element: &Element) -> Vec<(&str, Option<&str>)> {
    element.children.iter().map(|c| (c.name.as_str(), (!c.is_nil()).then_some(c.text.as_str()))).collect()
}

/// `statusCode` and fields of a result's only error.
fn error(result: &Element) -> (String, Vec<String>) {
    assert_eq!(result.text_of("success"), Some("false"), "{result:?}");
    assert!(result.child("id").is_none_or(Element::is_nil));
    let error = result.child("errors").unwrap();
    (error.text_of("statusCode").unwrap().to_owned(), error.texts_of("fields").map(str::to_owned).collect())
}

#[tokio::test]
async fn login_gives_a_session_and_the_addresses_to_use_it_at() {
    let mut soap = Soap::start(0).await;
    soap.token = String::new();
    let credentials = soap.running.emulator.credentials().clone();
    let password = format!("{}{}", credentials.password, credentials.security_token);
    let login = |password: &str| {
        let username = &credentials.username;
        format!("<p:login><p:username>{username}</p:username><p:password>{password}</p:password></p:login>")
    };
    let answer = soap.call(&login(&password)).await;
    assert!(answer.header.is_none(), "a login tells no limits");
    let result = answer.result();
    let names: Vec<_> = result.children.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(
        names,
        ["metadataServerUrl", "passwordExpired", "sandbox", "serverUrl", "sessionId", "userId", "userInfo"]
    );
    let org = &credentials.org_id[..15];
    assert_eq!(result.text_of("serverUrl"), Some(soap.running.url(&format!("/services/Soap/u/64.0/{org}")).as_str()));
    let metadata = soap.running.url(&format!("/services/Soap/m/64.0/{org}"));
    assert_eq!(result.text_of("metadataServerUrl"), Some(metadata.as_str()));
    assert_eq!(result.text_of("userId"), Some(credentials.user_id.as_str()));
    let info = result.child("userInfo").unwrap();
    assert_eq!(info.children.len(), 24);
    assert_eq!(info.text_of("organizationId"), Some(credentials.org_id.as_str()));
    assert_eq!(info.text_of("sessionSecondsValid"), Some("7200"));
    soap.token = result.text_of("sessionId").unwrap().to_owned();
    soap.path = format!("u/64/{}", credentials.org_id);
    let info = soap.call("<getUserInfo/>").await.result();
    assert_eq!(info.text_of("userName"), Some(credentials.username.as_str()));
    // The session is one of REST, too.
    let rest = soap.running.http.get(soap.running.url("/services/data/v64.0/limits")).bearer_auth(&soap.token);
    assert_eq!(rest.send().await.unwrap().status().as_u16(), 200);
    let wrong = soap.call(&login("wrong")).await;
    assert_eq!(wrong.fault().0, "sf:INVALID_LOGIN");
    assert!(wrong.text.contains("<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>"));
    assert_eq!(wrong.detail().name, "LoginFault");
    soap.path = "u/65.0".into();
    assert_eq!(soap.call(&login(&password)).await.fault().0, "sf:UNSUPPORTED_API_VERSION");
    assert_eq!(soap.call("<getServerTimestamp/>").await.status, 200, "the other calls stay");
    soap.call("<logout/>").await.results();
    let over = soap.call("<getServerTimestamp/>").await;
    assert_eq!(over.fault().0, "sf:INVALID_SESSION_ID");
    assert!(
        over.fault().1.starts_with("INVALID_SESSION_ID: Invalid Session ID found in SessionHeader: Illegal Session.")
    );
    assert!(!over.text.contains(&soap.token), "no secret in a fault");
    assert_eq!(over.detail().name, "UnexpectedErrorFault");
}

#[tokio::test]
async fn what_is_no_call_is_a_fault_with_status_500() {
    let mut soap = Soap::start(0).await;
    let good = soap.envelope("", "<p:getServerTimestamp/>");
    assert_eq!(soap.post("application/json", good.clone()).await.fault().0, "soapenv:Client");
    assert_eq!(soap.post("text/xml", "<not xml").await.fault().0, "soapenv:Client");
    assert_eq!(soap.post("text/xml", "").await.fault().0, "soapenv:Client");
    let dtd = format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{good}");
    assert_eq!(soap.post("text/xml", dtd).await.fault().0, "soapenv:Client");
    let unknown = soap.call("<p:foo/>").await.fault();
    let text = "No operation available for request {urn:partner.soap.sforce.com}foo".to_owned();
    assert_eq!(unknown, ("soapenv:Client".to_owned(), text));
    let unbuilt = soap.call("<p:sendEmail/>").await.fault();
    assert_eq!(unbuilt.1, "FUNCTIONALITY_NOT_ENABLED: This emulator has not built sending e-mail.");
    for path in ["u/30.0", "u/99.0", "u/x", "c/7.0"] {
        soap.path = path.into();
        let (code, text) = soap.call("<p:getServerTimestamp/>").await.fault();
        assert_eq!(code, "sf:UNSUPPORTED_API_VERSION");
        assert_eq!(text, "UNSUPPORTED_API_VERSION: Invalid Api version specified on URL");
    }
    soap.path = "T/64.0".into();
    assert_eq!(soap.call("<p:query/>").await.fault().0, "sf:FUNCTIONALITY_NOT_ENABLED");
    soap.path = "u/64.0".into();
    soap.token = "eyJhbGciOiJSUzI1NiJ9.e30.x".into();
    assert_eq!(soap.call("<p:getServerTimestamp/>").await.fault().0, "sf:INVALID_SESSION_ID");
}

#[tokio::test]
async fn compressed_bodies_go_both_ways_and_every_call_counts() {
    let soap = Soap::start(0).await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(soap.envelope("", "<p:getServerTimestamp/>").as_bytes()).unwrap();
    // A client that leaves the answer as it is.
    let plain = reqwest::Client::builder().no_gzip().no_proxy().build().unwrap();
    let response = plain
        .post(soap.running.url("/services/Soap/u/64.0"))
        .header("Content-Type", "text/xml")
        .header("Content-Encoding", "gzip")
        .header("Accept-Encoding", "gzip")
        .body(packed.finish().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&response.bytes().await.unwrap()[..]).read_to_string(&mut text).unwrap();
    let current = |answer: &Answer| {
        let limit =
            answer.header.clone().unwrap().child("LimitInfoHeader").unwrap().child("limitInfo").unwrap().clone();
        assert_eq!(limit.text_of("type"), Some("API REQUESTS"));
        assert_eq!(limit.text_of("limit"), Some("15000"));
        limit.text_of("current").unwrap().parse::<u64>().unwrap()
    };
    let first = current(&Answer::of(200, text));
    assert_eq!(current(&soap.call("<p:getServerTimestamp/>").await), first + 1);
}

#[tokio::test]
async fn records_are_written_as_the_elements_say() {
    let soap = Soap::start(5).await;
    let account = soap
        .create(
            "<o:type>Account</o:type><o:Name> Žluťoučký &amp; \"kůň\" </o:Name><o:Ext_Id__c>A-17</o:Ext_Id__c>\
             <o:NumberOfEmployees>42</o:NumberOfEmployees><o:Phone xsi:nil=\"true\"/><o:Fax/>",
        )
        .await;
    assert_eq!(account.len(), 18);
    let contact = soap
        .create(
            "<o:type>Contact</o:type><o:LastName>Fern</o:LastName><o:Account><o:type>Account</o:type>\
             <o:Ext_Id__c>A-17</o:Ext_Id__c></o:Account><o:Newsletter__c>0</o:Newsletter__c>\
             <o:Birthdate>1990-02-03Z</o:Birthdate><o:Last_Seen__c>2026-01-02T03:04:05.000+01:00</o:Last_Seen__c>\
             <o:Call_Before__c>17:30:00.000Z</o:Call_Before__c><o:Discount__c>12.5</o:Discount__c>",
        )
        .await;
    let page = soap
        .query(&format!(
            "SELECT LastName, Id, AccountId, Account.Name, Account.NumberOfEmployees, Newsletter__c, Birthdate, \
             Last_Seen__c, Call_Before__c, Discount__c, Email FROM Contact WHERE Id = '{contact}'"
        ))
        .await;
    assert_eq!(page.xsi_type(), Some("QueryResult"));
    let names: Vec<_> = page.children.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["done", "queryLocator", "records", "size"]);
    assert!(page.child("queryLocator").unwrap().is_nil());
    let record = page.child("records").unwrap();
    assert_eq!(record.xsi_type(), Some("sObject"));
    assert_eq!(
        told(record),
        [
            ("type", Some("Contact")),
            ("Id", Some(contact.as_str())),
            ("LastName", Some("Fern")),
            ("Id", Some(contact.as_str())),
            ("AccountId", Some(account.as_str())),
            ("Account", Some("")),
            ("Newsletter__c", Some("false")),
            ("Birthdate", Some("1990-02-03")),
            ("Last_Seen__c", Some("2026-01-02T02:04:05.000Z")),
            ("Call_Before__c", Some("17:30:00.000Z")),
            ("Discount__c", Some("12.5")),
            ("Email", None),
        ]
    );
    let parent = record.child("Account").unwrap();
    assert_eq!(
        told(parent),
        [
            ("type", Some("Account")),
            ("Id", None),
            ("Name", Some("Žluťoučký & \"kůň\"")),
            ("NumberOfEmployees", Some("42")),
        ]
    );
    let update = format!(
        "<p:update><p:sObjects><o:type>Contact</o:type><o:fieldsToNull>Birthdate</o:fieldsToNull>\
         <o:fieldsToNull>AccountId</o:fieldsToNull><o:Id>{}</o:Id><o:LastName>Moss</o:LastName></p:sObjects>\
         <p:sObjects><o:type>Contact</o:type><o:LastName>x</o:LastName></p:sObjects></p:update>",
        &contact[..15]
    );
    let results = soap.call(&update).await.results();
    assert_eq!(told(&results[0]), [("id", Some(contact.as_str())), ("success", Some("true"))]);
    assert_eq!(error(&results[1]), ("MISSING_ARGUMENT".into(), vec!["Id".into()]));
    let retrieve = format!(
        "<p:retrieve><p:fieldList>LastName, AccountId,Birthdate</p:fieldList><p:sObjectType>Contact</p:sObjectType>\
         <p:ids>003000000000000AAA</p:ids><p:ids>{contact}</p:ids></p:retrieve>"
    );
    let results = soap.call(&retrieve).await.results();
    assert!(results[0].is_nil());
    assert_eq!(
        told(&results[1]),
        [("type", Some("Contact")), ("Id", None), ("LastName", Some("Moss")), ("AccountId", None), ("Birthdate", None)]
    );
}

#[tokio::test]
async fn failed_records_leave_the_others_unless_all_or_none_is_asked_for() {
    let soap = Soap::start(5).await;
    let record = |fields: &str| format!("<p:sObjects><o:type>Account</o:type>{fields}</p:sObjects>");
    let call = format!(
        "<p:create>{}{}{}</p:create>",
        record("<o:Name>Good</o:Name>"),
        record("<o:Phone>1</o:Phone>"),
        record("<o:Id>001000000000000AAA</o:Id><o:Name>x</o:Name>")
    );
    let results = soap.call(&call).await.results();
    assert_eq!(results[0].text_of("success"), Some("true"));
    let names: Vec<_> = results[1].children.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["errors", "id", "success"]);
    assert_eq!(error(&results[1]), ("REQUIRED_FIELD_MISSING".into(), vec!["Name".into()]));
    let message = results[1].child("errors").unwrap().text_of("message");
    assert_eq!(message, Some("Required fields are missing: [Name]"));
    assert_eq!(error(&results[2]), ("INVALID_FIELD_FOR_INSERT_UPDATE".into(), vec!["Id".into()]));
    let header = "<p:AllOrNoneHeader><p:allOrNone>true</p:allOrNone></p:AllOrNoneHeader>";
    let results = soap.call_with(header, &call).await.results();
    assert_eq!(error(&results[0]).0, "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(soap.query("SELECT Id FROM Account WHERE Name = 'Good'").await.text_of("size"), Some("1"));
    let long = format!("<p:create>{}</p:create>", record(&format!("<o:Name>{}</o:Name>", "é".repeat(300))));
    assert_eq!(error(&soap.call(&long).await.result()).0, "STRING_TOO_LONG");
    let header = "<p:AllowFieldTruncationHeader><p:allowFieldTruncation>true</p:allowFieldTruncation>\
                  </p:AllowFieldTruncationHeader>";
    let cut = soap.call_with(header, &long).await.result();
    let id = cut.text_of("id").unwrap();
    let found = soap.query(&format!("SELECT Name FROM Account WHERE Id = '{id}'")).await;
    assert_eq!(found.child("records").unwrap().text_of("Name").unwrap().chars().count(), 255);
    for (call, code) in [
        ("<p:create><p:sObjects><o:type>Nothing__c</o:type></p:sObjects></p:create>".to_owned(), "sf:INVALID_TYPE"),
        (format!("<p:create>{}</p:create>", record("<o:Nmae>x</o:Nmae>")), "sf:INVALID_FIELD"),
        (format!("<p:create>{}</p:create>", record("<o:Name>x</o:Name>").repeat(201)), "sf:EXCEEDED_ID_LIMIT"),
        (format!("<p:delete>{}</p:delete>", "<p:ids>001</p:ids>".repeat(201)), "sf:EXCEEDED_ID_LIMIT"),
        (
            format!("<p:upsert><p:externalIDFieldName>Phone</p:externalIDFieldName>{}</p:upsert>", record("")),
            "sf:INVALID_FIELD",
        ),
    ] {
        assert_eq!(soap.call(&call).await.fault().0, code);
    }
}

#[tokio::test]
async fn upsert_delete_undelete_and_the_recycle_bin() {
    let soap = Soap::start(5).await;
    let upsert = "<p:upsert><p:externalIDFieldName>Ext_Id__c</p:externalIDFieldName>\
                  <p:sObjects><o:type>Account</o:type><o:Ext_Id__c>U-1</o:Ext_Id__c><o:Name>One</o:Name></p:sObjects>\
                  <p:sObjects><o:type>Account</o:type><o:Name>None</o:Name></p:sObjects></p:upsert>";
    let results = soap.call(upsert).await.results();
    let names: Vec<_> = results[0].children.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["created", "id", "success"]);
    assert_eq!(results[0].text_of("created"), Some("true"));
    assert_eq!(error(&results[1]).0, "MISSING_ARGUMENT");
    let id = results[0].text_of("id").unwrap().to_owned();
    let again = soap.call(&upsert.replace("One", "Two")).await.results();
    assert_eq!((again[0].text_of("created"), again[0].text_of("id")), (Some("false"), Some(id.as_str())));
    let by_id = format!(
        "<p:upsert><p:externalIDFieldName>Id</p:externalIDFieldName><p:sObjects><o:type>Account</o:type>\
         <o:Id>{id}</o:Id><o:Name>Three</o:Name></p:sObjects></p:upsert>"
    );
    assert_eq!(soap.call(&by_id).await.result().text_of("created"), Some("false"));
    let contact = soap
        .create(&format!("<o:type>Contact</o:type><o:LastName>C</o:LastName><o:AccountId>{id}</o:AccountId>"))
        .await;
    // Some toolkits write `id`: real orgs take it.
    let ids = |call: &str| format!("<p:{call}><p:id>{id}</p:id></p:{call}>");
    assert_eq!(told(&soap.call(&ids("delete")).await.result()), [("id", Some(id.as_str())), ("success", Some("true"))]);
    assert_eq!(error(&soap.call(&ids("delete")).await.result()).0, "ENTITY_IS_DELETED");
    let all = |soql: String| format!("<p:queryAll><p:queryString>{soql}</p:queryString></p:queryAll>");
    let gone = soap.call(&all(format!("SELECT IsDeleted, Name FROM Account WHERE Id = '{id}'"))).await.result();
    assert_eq!(gone.child("records").unwrap().text_of("IsDeleted"), Some("true"));
    assert_eq!(gone.child("records").unwrap().text_of("Name"), Some("Three"));
    assert_eq!(soap.query(&format!("SELECT Id FROM Contact WHERE Id = '{contact}'")).await.text_of("size"), Some("0"));
    assert_eq!(soap.call(&ids("undelete")).await.result().text_of("success"), Some("true"));
    assert_eq!(soap.query(&format!("SELECT Id FROM Contact WHERE Id = '{contact}'")).await.text_of("size"), Some("1"));
    assert_eq!(error(&soap.call(&ids("undelete")).await.result()).0, "UNDELETE_FAILED");
    assert_eq!(error(&soap.call(&ids("emptyRecycleBin")).await.result()).0, "INVALID_CROSS_REFERENCE_KEY");
    soap.call(&ids("delete")).await.result();
    assert_eq!(soap.call(&ids("emptyRecycleBin")).await.result().text_of("success"), Some("true"));
    let gone = soap.call(&all(format!("SELECT Id FROM Account WHERE Id = '{id}'"))).await.result();
    assert_eq!(gone.text_of("size"), Some("0"));
    let bad = soap.call("<p:delete><p:ids>xyz</p:ids><p:ids>00000000000000aAAA</p:ids></p:delete>").await.results();
    assert_eq!(error(&bad[0]).0, "MALFORMED_ID");
    assert_eq!(error(&bad[1]).0, "INVALID_CROSS_REFERENCE_KEY");
}

#[tokio::test]
async fn long_results_come_in_pages_and_children_have_locators_of_their_own() {
    let soap = Soap::start(700).await;
    let page = soap.query("SELECT Id FROM Contact").await;
    assert_eq!(page.children_named("records").count(), 500, "the size that SOAP has by default");
    let mut locator = page.text_of("queryLocator").unwrap().to_owned();
    let mut seen: Vec<String> = page.children_named("records").map(|r| r.text_of("Id").unwrap().to_owned()).collect();
    while !locator.is_empty() {
        let more = format!("<p:queryMore><p:queryLocator>{locator}</p:queryLocator></p:queryMore>");
        let page = soap.call(&more).await.result();
        seen.extend(page.children_named("records").map(|r| r.text_of("Id").unwrap().to_owned()));
        locator = page.text_of("queryLocator").unwrap_or_default().to_owned();
        assert_eq!(page.text_of("done"), Some(if locator.is_empty() { "true" } else { "false" }));
    }
    assert_eq!(page.text_of("size").unwrap(), seen.len().to_string());
    seen.dedup();
    assert_eq!(seen.len(), 700);
    let account = soap.create("<o:type>Account</o:type><o:Name>Many</o:Name>").await;
    let child = format!(
        "<p:sObjects><o:type>Contact</o:type><o:LastName>C</o:LastName><o:AccountId>{account}</o:AccountId></p:sObjects>"
    );
    for _ in 0..2 {
        soap.call(&format!("<p:create>{}</p:create>", child.repeat(150))).await.results();
    }
    let options = "<p:QueryOptions><p:batchSize>200</p:batchSize></p:QueryOptions>";
    let nested = format!(
        "<p:query><p:queryString>SELECT Name, (SELECT Id FROM Contacts), (SELECT Id FROM Cases) FROM Account \
         WHERE Id = '{account}'</p:queryString></p:query>"
    );
    let page = soap.call_with(options, &nested).await.result();
    let record = page.child("records").unwrap();
    assert!(record.child("Cases").unwrap().is_nil(), "no children are nil");
    let children = record.child("Contacts").unwrap();
    assert_eq!(children.xsi_type(), Some("QueryResult"));
    assert_eq!((children.text_of("done"), children.text_of("size")), (Some("false"), Some("300")));
    assert_eq!(children.children_named("records").count(), 200);
    let locator = children.text_of("queryLocator").unwrap();
    let more = format!("<p:queryMore><p:queryLocator>{locator}</p:queryLocator></p:queryMore>");
    let rest = soap.call_with(options, &more).await.result();
    assert_eq!((rest.text_of("done"), rest.children_named("records").count()), (Some("true"), 100));
    let refused = |locator: &str| format!("<p:queryMore><p:queryLocator>{locator}</p:queryLocator></p:queryMore>");
    for (locator, extended) in
        [("0r8TG0000000zzzAAA-500", "QUERY_LOCATOR_NOT_FOUND"), ("nonsense", "INVALID_QUERY_LOCATOR_FORMAT")]
    {
        let answer = soap.call(&refused(locator)).await;
        assert_eq!(answer.fault().0, "sf:INVALID_QUERY_LOCATOR");
        assert_eq!(answer.detail().name, "InvalidQueryLocatorFault");
        let details = answer.detail().child("extendedErrorDetails").unwrap();
        assert_eq!(details.text_of("extendedErrorCode"), Some(extended));
    }
    let bad = "<p:QueryOptions><p:batchSize>many</p:batchSize></p:QueryOptions>";
    assert_eq!(soap.call_with(bad, &nested).await.fault().0, "sf:INVALID_BATCH_SIZE");
}

#[tokio::test]
async fn grouped_rows_tell_their_types_and_counts_have_no_rows() {
    let soap = Soap::start(20).await;
    let page =
        soap.query("SELECT COUNT(Id) n, MAX(CreatedDate) latest, AVG(Score__c), MIN(Birthdate) d FROM Contact").await;
    let record = page.child("records").unwrap();
    assert_eq!(record.text_of("type"), Some("AggregateResult"));
    assert!(record.child("Id").unwrap().is_nil());
    let types: Vec<_> = record.children[2..].iter().map(|c| (c.name.as_str(), c.xsi_type())).collect();
    assert_eq!(
        types,
        [("n", Some("int")), ("latest", Some("dateTime")), ("expr0", Some("double")), ("d", Some("date"))]
    );
    assert_eq!(record.text_of("n"), Some("20"));
    assert!(record.text_of("latest").unwrap().ends_with(".000Z"));
    let count = soap.query("SELECT COUNT() FROM Contact").await;
    assert_eq!(told(&count), [("done", Some("true")), ("queryLocator", None), ("size", Some("20"))]);
}

#[tokio::test]
async fn faults_of_queries_have_their_type_and_place() {
    let soap = Soap::start(5).await;
    for (soql, code, detail, column) in [
        ("SELECT Id FRM Account", "MALFORMED_QUERY", "MalformedQueryFault", "15"),
        ("SELECT Nmae FROM Account", "INVALID_FIELD", "InvalidFieldFault", "8"),
        ("SELECT Id FROM Nothing__c", "INVALID_TYPE", "InvalidSObjectFault", "16"),
    ] {
        let call = format!("<p:query><p:queryString>{soql}</p:queryString></p:query>");
        let answer = soap.call(&call).await;
        let (faultcode, text) = answer.fault();
        assert_eq!(faultcode, format!("sf:{code}"));
        assert!(text.starts_with(&format!("{code}: ")), "{text}");
        let found = answer.detail();
        assert_eq!((found.name.as_str(), &*found.namespace), (detail, "urn:fault.partner.soap.sforce.com"));
        assert_eq!(found.xsi_type(), Some(detail));
        assert_eq!(found.text_of("exceptionCode"), Some(code));
        assert_eq!((found.text_of("row"), found.text_of("column")), (Some("1"), Some(column)), "{soql}");
    }
    let missing = soap.call("<p:query/>").await.fault();
    assert_eq!(missing.0, "sf:MISSING_ARGUMENT");
}

#[tokio::test]
async fn merge_and_conversion_do_what_they_say() {
    let soap = Soap::start(5).await;
    let account = |name: &str| format!("<o:type>Account</o:type><o:Name>{name}</o:Name>");
    let master = soap.create(&account("Master")).await;
    let loser = soap.create(&account("Loser")).await;
    let contact = soap
        .create(&format!("<o:type>Contact</o:type><o:LastName>Kid</o:LastName><o:AccountId>{loser}</o:AccountId>"))
        .await;
    let merge = format!(
        "<p:merge><p:request><p:masterRecord><o:type>Account</o:type><o:Id>{master}</o:Id><o:Phone>7</o:Phone>\
         </p:masterRecord><p:recordToMergeIds>{loser}</p:recordToMergeIds></p:request>\
         <p:request><p:masterRecord><o:type>Opportunity</o:type><o:Id>006000000000000AAA</o:Id></p:masterRecord>\
         <p:recordToMergeIds>006000000000001AAA</p:recordToMergeIds></p:request></p:merge>"
    );
    let results = soap.call(&merge).await.results();
    assert_eq!(
        told(&results[0]),
        [
            ("id", Some(master.as_str())),
            ("mergedRecordIds", Some(loser.as_str())),
            ("success", Some("true")),
            ("updatedRelatedIds", Some(contact.as_str())),
        ]
    );
    assert_eq!(error(&results[1]).0, "INVALID_TYPE_FOR_OPERATION");
    let row = |page: Element, field: &str| page.child("records").unwrap().text_of(field).map(str::to_owned);
    let found = soap.query(&format!("SELECT AccountId FROM Contact WHERE Id = '{contact}'")).await;
    assert_eq!(row(found, "AccountId"), Some(master.clone()));
    let call = format!(
        "<p:queryAll><p:queryString>SELECT MasterRecordId FROM Account WHERE Id = '{loser}'</p:queryString></p:queryAll>"
    );
    assert_eq!(row(soap.call(&call).await.result(), "MasterRecordId"), Some(master.clone()));
    let lead = soap.create("<o:type>Lead</o:type><o:LastName>L</o:LastName><o:Company>Acme</o:Company>").await;
    let convert = |status: &str| {
        format!(
            "<p:convertLead><p:leadConverts><p:accountId>{master}</p:accountId><p:contactId xsi:nil=\"true\"/>\
             <p:convertedStatus>{status}</p:convertedStatus><p:doNotCreateOpportunity>false</p:doNotCreateOpportunity>\
             <p:leadId>{lead}</p:leadId><p:opportunityName>Deal</p:opportunityName>\
             <p:overwriteLeadSource>false</p:overwriteLeadSource></p:leadConverts></p:convertLead>"
        )
    };
    assert_eq!(error(&soap.call(&convert("Open - Not Contacted")).await.result()).0, "INVALID_STATUS");
    let done = soap.call(&convert("Closed - Converted")).await.result();
    let names: Vec<_> = done.children.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["accountId", "contactId", "leadId", "opportunityId", "success"]);
    assert_eq!((done.text_of("accountId"), done.text_of("leadId")), (Some(master.as_str()), Some(lead.as_str())));
    let opportunity = done.text_of("opportunityId").unwrap();
    let found = soap.query(&format!("SELECT Name, AccountId FROM Opportunity WHERE Id = '{opportunity}'")).await;
    assert_eq!(row(found.clone(), "Name").as_deref(), Some("Deal"));
    assert_eq!(row(found, "AccountId"), Some(master.clone()));
    let many = convert("x").replace("<p:leadConverts>", "\u{1}").replace("</p:leadConverts>", "\u{2}");
    let one = many.split(['\u{1}', '\u{2}']).nth(1).unwrap();
    let many =
        format!("<p:convertLead>{}</p:convertLead>", format!("<p:leadConverts>{one}</p:leadConverts>").repeat(101));
    assert_eq!(soap.call(&many).await.fault().0, "sf:EXCEEDED_LEAD_CONVERT_LIMIT");
}

#[tokio::test]
async fn updated_and_deleted_between_two_moments() {
    let soap = Soap::start(0).await;
    let id = soap.create("<o:type>Account</o:type><o:Name>Watched</o:Name>").await;
    let moment = |minutes: i64| {
        let at = soap.running.emulator.clock().now() + minutes * 60_000;
        jiff::Timestamp::from_millisecond(at).unwrap().to_string()
    };
    let ask = |call: &str, from: i64, to: i64| {
        format!(
            "<p:{call}><p:sObjectType>Account</p:sObjectType><p:startDate>{}</p:startDate><p:endDate>{}</p:endDate>\
             </p:{call}>",
            moment(from),
            moment(to)
        )
    };
    let updated = soap.call(&ask("getUpdated", -5, 5)).await.result();
    assert_eq!(updated.texts_of("ids").collect::<Vec<_>>(), [id.as_str()]);
    assert!(updated.text_of("latestDateCovered").unwrap().ends_with('Z'));
    soap.call(&format!("<p:delete><p:ids>{id}</p:ids></p:delete>")).await.result();
    let deleted = soap.call(&ask("getDeleted", -5, 5)).await.result();
    let names: Vec<_> = deleted.children.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["deletedRecords", "earliestDateAvailable", "latestDateCovered"]);
    let record = deleted.child("deletedRecords").unwrap();
    assert_eq!(record.text_of("id"), Some(id.as_str()));
    assert!(record.text_of("deletedDate").unwrap().ends_with('Z'));
    for (from, to) in [(0, 0), (5, 0), (-60 * 24 * 31, 0)] {
        assert_eq!(soap.call(&ask("getUpdated", from, to)).await.fault().0, "sf:INVALID_REPLICATION_DATE");
    }
    assert_eq!(soap.call(&ask("getDeleted", -60 * 24 * 16, 0)).await.fault().0, "sf:INVALID_REPLICATION_DATE");
}

#[tokio::test]
async fn describes_say_what_rest_says_in_the_order_of_the_wsdl() {
    let soap = Soap::start(0).await;
    let call = "<p:describeSObjects><p:sObjectType>Contact</p:sObjectType><p:sObjectType>lead</p:sObjectType>\
                </p:describeSObjects>";
    let results = soap.call(call).await.results();
    assert_eq!(results.len(), 2);
    assert_eq!(results[1].text_of("name"), Some("Lead"));
    let url = "/services/data/v64.0/sobjects/Contact/describe";
    let (_, rest) = common::answer(soap.running.call(reqwest::Method::GET, url)).await;
    let contact = &results[0];
    let names: Vec<_> = contact.children.iter().map(|c| c.name.as_str()).collect();
    assert!(names.is_sorted(), "{names:?}");
    for member in ["keyPrefix", "label", "labelPlural", "name"] {
        assert_eq!(contact.text_of(member), rest[member].as_str());
    }
    for member in ["mergeable", "undeletable", "queryable", "customSetting"] {
        assert_eq!(contact.text_of(member), Some(rest[member].to_string().as_str()));
    }
    let fields: Vec<_> = contact.children_named("fields").collect();
    assert_eq!(fields.len(), rest["fields"].as_array().unwrap().len());
    for (field, other) in fields.iter().zip(rest["fields"].as_array().unwrap()) {
        assert_eq!(field.text_of("name"), other["name"].as_str());
        assert_eq!(field.text_of("type"), other["type"].as_str());
        assert_eq!(field.text_of("length"), Some(other["length"].to_string().as_str()));
        assert_eq!(field.text_of("soapType"), other["soapType"].as_str());
        assert_eq!(field.children_named("picklistValues").count(), other["picklistValues"].as_array().unwrap().len());
        assert_eq!(json!(field.texts_of("referenceTo").collect::<Vec<_>>()), other["referenceTo"]);
    }
    assert_eq!(contact.text_of("urlNew"), Some(soap.running.url("/003/e").as_str()));
    let global = soap.call("<p:describeGlobal/>").await.result();
    assert_eq!((global.text_of("encoding"), global.text_of("maxBatchSize")), (Some("UTF-8"), Some("200")));
    assert!(global.children_named("sobjects").any(|o| o.text_of("name") == Some("LeadStatus")));
    let unknown = soap.call("<p:describeSObject><p:sObjectType>Nope</p:sObjectType></p:describeSObject>").await;
    assert_eq!(unknown.fault().0, "sf:INVALID_TYPE");
    assert_eq!(unknown.detail().name, "InvalidSObjectFault");
    let many = "<p:sObjectType>Lead</p:sObjectType>".repeat(101);
    let many = soap.call(&format!("<p:describeSObjects>{many}</p:describeSObjects>")).await;
    assert_eq!(many.fault().0, "sf:EXCEEDED_MAX_TYPES_LIMIT");
}

#[tokio::test]
async fn the_enterprise_dialect_has_typed_records() {
    let mut soap = Soap::start(5).await;
    soap.path = "c/64.0".into();
    let create = "<create><sObjects xsi:type=\"e:Account\"><e:Name>Typed</e:Name><e:Type>Customer - Direct</e:Type>\
                  </sObjects><sObjects xsi:type=\"e:Contact\"><e:LastName>T</e:LastName></sObjects></create>";
    let results = soap.call(create).await.results();
    let id = results[0].text_of("id").unwrap().to_owned();
    assert!(results[1].text_of("id").unwrap().starts_with("003"));
    let page = soap.query(&format!("SELECT Type, Name, Id, Owner.Name FROM Account WHERE Id = '{id}'")).await;
    let record = page.child("records").unwrap();
    assert_eq!(
        (record.xsi_type(), &*record.children[0].namespace),
        (Some("Account"), "urn:sobject.enterprise.soap.sforce.com")
    );
    let names: Vec<_> = record.children.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["Id", "Name", "Owner", "Type"]);
    assert_eq!(record.text_of("Type"), Some("Customer - Direct"));
    let untyped = soap.call("<create><sObjects><e:Name>x</e:Name></sObjects></create>").await;
    assert_eq!(untyped.fault().1, "INVALID_TYPE: Must send a concrete entity type.");
    assert_eq!(&*untyped.detail().namespace, "urn:fault.enterprise.soap.sforce.com");
}

#[tokio::test]
async fn passwords_are_set_and_sessions_ended() {
    let soap = Soap::start(5).await;
    let credentials = soap.running.emulator.credentials().clone();
    let user = &credentials.user_id;
    let set = |password: &str| {
        format!("<p:setPassword><p:userId>{user}</p:userId><p:password>{password}</p:password></p:setPassword>")
    };
    let weak = soap.call(&set("short")).await;
    assert_eq!(weak.detail().name, "InvalidNewPasswordFault");
    let stranger = soap.call(&set("long enough 1").replace(user, "005000000000000AAA")).await;
    assert_eq!(stranger.detail().name, "InvalidIdFault");
    assert_eq!(soap.call(&set("long-enough-1")).await.results().len(), 1);
    let login = |password: &str| {
        let (name, token) = (&credentials.username, &credentials.security_token);
        format!("<p:login><p:username>{name}</p:username><p:password>{password}{token}</p:password></p:login>")
    };
    assert_eq!(soap.call(&login(&credentials.password)).await.fault().0, "sf:INVALID_LOGIN");
    let session = soap.call(&login("long-enough-1")).await.result().text_of("sessionId").unwrap().to_owned();
    let reset = soap.call(&format!("<p:resetPassword><p:userId>{user}</p:userId></p:resetPassword>")).await.result();
    let password = reset.text_of("password").unwrap();
    assert_eq!(soap.call(&login(password)).await.status, 200);
    let change = |old: &str| {
        format!(
            "<p:changeOwnPassword><p:oldPassword>{old}</p:oldPassword><p:newPassword>another-2</p:newPassword>\
             </p:changeOwnPassword>"
        )
    };
    assert_eq!(soap.call(&change("wrong")).await.detail().name, "InvalidOldPasswordFault");
    assert_eq!(soap.call(&change(password)).await.status, 200);
    assert_eq!(soap.call(&login("another-2")).await.status, 200);
    let end = format!(
        "<p:invalidateSessions><p:sessionIds>{session}</p:sessionIds><p:sessionIds>nope</p:sessionIds>\
         </p:invalidateSessions>"
    );
    let results = soap.call(&end).await.results();
    assert_eq!(results[0].text_of("success"), Some("true"));
    assert_eq!(results[1].child("errors").unwrap().text_of("statusCode"), Some("INVALID_SESSION_ID"));
}

#[tokio::test]
async fn wsdls_are_given_to_whoever_asks() {
    let soap = Soap::start(5).await;
    for (path, namespace, address) in [
        ("/services/wsdl/partner?version=64.0", "urn:partner.soap.sforce.com", "/services/Soap/u/64.0"),
        ("/services/wsdl/enterprise", "urn:enterprise.soap.sforce.com", "/services/Soap/c/68.0"),
        ("/soap/wsdl.jsp?type=*", "urn:enterprise.soap.sforce.com", "/services/Soap/c/68.0"),
    ] {
        let response = soap.running.http.get(soap.running.url(path)).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        let text = response.text().await.unwrap();
        let root = parse(text.as_bytes()).unwrap();
        assert_eq!(root.attribute("", "targetNamespace"), Some(namespace));
        assert!(text.contains(&format!("location=\"{}\"", soap.running.url(address))), "{path}");
        let own = text.contains("name=\"Shipment__c\"");
        assert_eq!(own, namespace.contains("enterprise"), "{path}");
    }
}

#[tokio::test]
async fn files_come_as_their_content() {
    let soap = Soap::start(5).await;
    let account = soap.create("<o:type>Account</o:type><o:Name>Filed</o:Name>").await;
    let id = soap
        .create(&format!(
            "<o:type>Attachment</o:type><o:ParentId>{account}</o:ParentId><o:Name>a.txt</o:Name><o:Body>aGVsbG8=</o:Body>"
        ))
        .await;
    let page = soap.query(&format!("SELECT Body, BodyLength FROM Attachment WHERE Id = '{id}'")).await;
    let record = page.child("records").unwrap();
    assert_eq!((record.text_of("Body"), record.text_of("BodyLength")), (Some("aGVsbG8="), Some("5")));
    let retrieve = format!(
        "<p:retrieve><p:fieldList>Body</p:fieldList><p:sObjectType>Attachment</p:sObjectType><p:ids>{id}</p:ids></p:retrieve>"
    );
    assert_eq!(soap.call(&retrieve).await.result().text_of("Body"), Some("aGVsbG8="));
}

#[tokio::test]
async fn layouts_and_tabs() {
    let soap = Soap::start(0).await;
    let call = "<p:describeLayout><p:sObjectType>Contact</p:sObjectType></p:describeLayout>";
    let result = soap.call(call).await.result();
    assert_eq!(result.text_of("recordTypeSelectorRequired"), Some("false"));
    let layout = result.child("layouts").unwrap();
    let id = layout.text_of("id").unwrap();
    let section = layout.child("editLayoutSections").unwrap();
    assert_eq!(section.text_of("parentLayoutId"), Some(id));
    let items = section.children_named("layoutRows").flat_map(|row| row.children_named("layoutItems"));
    let components: Vec<_> = items.map(|item| item.child("layoutComponents").unwrap()).collect();
    assert!(components.iter().all(|c| c.xsi_type() == Some("FieldComponent")));
    let email = components.iter().find(|c| c.text_of("value") == Some("Email")).unwrap();
    let names: Vec<_> = email.children.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["displayLines", "tabOrder", "type", "value", "field"], "the base type's members come first");
    assert_eq!(email.child("field").unwrap().text_of("type"), Some("email"));
    let mapping = result.child("recordTypeMappings").unwrap();
    assert_eq!((mapping.text_of("layoutId"), mapping.text_of("master")), (Some(id), Some("true")));
    let unknown = soap.call("<p:describeLayout><p:sObjectType>Nope</p:sObjectType></p:describeLayout>").await;
    assert_eq!(unknown.fault().0, "sf:INVALID_TYPE");
    let sets = soap.call("<p:describeTabs/>").await.result();
    let every = soap.call("<p:describeAllTabs/>").await.results();
    assert_eq!(sets.children_named("tabs").count(), every.len());
    let contacts = every.iter().find(|tab| tab.text_of("sobjectName") == Some("Contact")).unwrap();
    assert_eq!((contacts.text_of("label"), contacts.text_of("name")), (Some("Contacts"), Some("standard-Contact")));
}

#[tokio::test]
async fn searches_answer_records_and_snippets() {
    let soap = Soap::start(5).await;
    soap.create("<o:type>Account</o:type><o:Name>Quokka Works</o:Name><o:Phone>77</o:Phone>").await;
    let call = |sosl: &str| format!("<p:search><p:searchString>{sosl}</p:searchString></p:search>");
    let sosl = "FIND {quokka} IN ALL FIELDS RETURNING Account(Name, Phone), Contact(Id) WITH HIGHLIGHT";
    let result = soap.call(&call(sosl)).await.result();
    assert!(!result.text_of("queryId").unwrap().is_empty());
    let found: Vec<_> = result.children_named("searchRecords").collect();
    assert_eq!(found.len(), 1);
    let record = found[0].child("record").unwrap();
    assert_eq!(record.xsi_type(), Some("sObject"));
    assert_eq!((record.text_of("type"), record.text_of("Phone")), (Some("Account"), Some("77")));
    let whole = found[0].child("snippet").unwrap().child("wholeFields").unwrap();
    assert_eq!((whole.text_of("name"), whole.text_of("value")), (Some("Name"), Some("<mark>Quokka</mark> Works")));
    let none = soap.call(&call("FIND {nothinglikeit} RETURNING Account(Id)")).await.result();
    assert_eq!(none.children_named("searchRecords").count(), 0);
    let bad = soap.call(&call("FIND quokka")).await;
    assert_eq!(bad.fault().0, "sf:MALFORMED_SEARCH");
    assert_eq!(bad.detail().name, "MalformedSearchFault");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_event_is_taken_in_with_a_note() {
    let soap = Soap::start(1).await;
    let record = "<o:type>Order_Event__e</o:type><o:Order_Number__c>17</o:Order_Number__c>\
                  <o:Has_Shipped__c>false</o:Has_Shipped__c>";
    let made = soap.call(&format!("<p:create><p:sObjects>{record}</p:sObjects></p:create>")).await.result();
    assert_eq!(made.text_of("success"), Some("true"));
    let note = made.child("errors").unwrap();
    assert_eq!(note.text_of("statusCode"), Some("OPERATION_ENQUEUED"));
    let id = tidegate_emulator::RecordId::parse(made.text_of("id").unwrap()).unwrap();
    assert_eq!(note.text_of("message"), Some(tidegate_emulator::events::event_uuid(id).as_str()));
}
