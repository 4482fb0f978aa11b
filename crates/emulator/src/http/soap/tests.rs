//! Damaged envelopes: always a fault, never a panic.

use std::time::Duration;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use proptest::prelude::*;
use tower::ServiceExt;

use super::*;
use crate::clock::Clock;
use crate::xml;
use crate::{Org, RecordId};

const CALLS: [&str; 8] = [
    "<u:login><u:username>a</u:username><u:password>b</u:password></u:login>",
    "<u:query><u:queryString>SELECT Id, (SELECT Id FROM Contacts) FROM Account</u:queryString></u:query>",
    "<u:queryMore><u:queryLocator>0r8TG00000000011AA-200</u:queryLocator></u:queryMore>",
    "<u:create><u:sObjects><s:type>Account</s:type><s:Name>x</s:Name><s:Parent><s:type>Account</s:type>\
     <s:Name>y</s:Name></s:Parent></u:sObjects></u:create>",
    "<u:upsert><u:externalIDFieldName>Id</u:externalIDFieldName><u:sObjects><s:type>Lead</s:type>\
     <s:fieldsToNull>Phone</s:fieldsToNull><s:Id xsi:nil=\"true\"/></u:sObjects></u:upsert>",
    "<u:merge><u:request><u:masterRecord><s:type>Account</s:type><s:Id>001TG0000000001AAA</s:Id></u:masterRecord>\
     <u:recordToMergeIds>001TG0000000002AAA</u:recordToMergeIds></u:request></u:merge>",
    "<u:convertLead><u:leadConverts><u:leadId>00QTG0000000001AAA</u:leadId></u:leadConverts></u:convertLead>",
    "<u:getDeleted><u:sObjectType>Account</u:sObjectType><u:startDate>2026-01-01T00:00:00Z</u:startDate>\
     <u:endDate>2026-01-01T01:00:00Z</u:endDate></u:getDeleted>",
];

fn state() -> (AppState, String) {
    let now = 1_790_000_000_000;
    let mut org = Org { schema: std::sync::Arc::new(crate::schema::standard()), ..Org::default() };
    crate::server::ensure_administrator(&mut org, "ada@example.com", now);
    let (org_id, user): (RecordId, RecordId) = (org.settings.org_id, org.settings.admin_id);
    let token = org.access.open_session(org_id, user, now, 7_200_000);
    (AppState::new(org, Clock::frozen(now)), token)
}

fn envelope_of(token: &str, call: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><e:Envelope xmlns:e=\"{}\" xmlns:xsi=\"{}\" xmlns:u=\"urn:partner.soap.sforce.com\" \
         xmlns:s=\"urn:sobject.partner.soap.sforce.com\"><e:Header><u:SessionHeader><u:sessionId>{token}</u:sessionId>\
         </u:SessionHeader></e:Header><e:Body>{call}</e:Body></e:Envelope>",
        xml::SOAP,
        xml::XSI,
    )
}

async fn ask(router: &Router, letter: &str, body: Vec<u8>) -> (u16, String) {
    let request = Request::post(format!("/services/Soap/{letter}/64.0"))
        .header("Content-Type", "text/xml; charset=UTF-8")
        .body(Body::from(body))
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

/// Cuts, doubles, swaps or overwrites a piece.
fn damage(text: &str, kind: u8, from: usize, to: usize, noise: &[u8]) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (from, to) = (from % (bytes.len() + 1), to % (bytes.len() + 1));
    let (from, to) = (from.min(to), from.max(to));
    let (head, piece, tail) = (&bytes[..from], &bytes[from..to], &bytes[to..]);
    match kind % 4 {
        0 => [head, tail].concat(),
        1 => [head, piece, piece, tail].concat(),
        2 => [tail, piece, head].concat(),
        _ => [head, noise, tail].concat(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_damaged_envelope_is_answered_with_xml_and_a_fault_says_500(
        call in 0..CALLS.len(), enterprise: bool, kind: u8, from: usize, to: usize,
        noise in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (state, token) = state();
            let router = routes().with_state(state);
            let body = damage(&envelope_of(&token, CALLS[call]), kind, from, to, &noise);
            let letter = if enterprise { "c" } else { "u" };
            let answer = tokio::time::timeout(Duration::from_secs(10), ask(&router, letter, body)).await;
            let (status, text) = answer.expect("an answer in time");
            let envelope = xml::parse(text.as_bytes()).expect("an answer in XML");
            let first = &envelope.child("Body").unwrap().children[0];
            match status {
                200 => assert!(first.name.ends_with("Response"), "{text}"),
                500 => {
                    assert!(first.is(xml::SOAP, "Fault"), "{text}");
                    assert!(first.text_of("faultcode").is_some_and(|code| !code.contains("UNKNOWN")), "{text}");
                }
                other => panic!("{other}: {text}"),
            }
        });
    }
}
