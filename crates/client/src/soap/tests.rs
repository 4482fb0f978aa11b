//! Every operation as it goes over the wire, and answers of every kind.
#![allow(clippy::unwrap_used, reason = "a test ends there")]

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{call::Call, version::ApiVersion};

fn inside<O: Operation>(operation: O) -> String {
    let call = SoapCall { operation, headers: SoapHeaders::default() };
    let request = call.request(ApiVersion::new(66)).unwrap();
    let body = String::from_utf8(request.body().to_vec()).unwrap();
    let (_, inside) = body.split_once("<soapenv:Body>").unwrap();
    inside.strip_suffix("</soapenv:Body></soapenv:Envelope>").unwrap().to_owned()
}

fn answer<O: Operation>(operation: O, body: &str) -> Result<O::Reply, Error> {
    let envelope = format!("<e:Envelope xmlns:e=\"x\" xmlns:xsi=\"i\"><e:Body>{body}</e:Body></e:Envelope>");
    SoapCall { operation, headers: SoapHeaders::default() }.reply(http::Response::new(Bytes::from(envelope)))
}

#[test]
fn operations_are_as_documented() {
    assert_eq!(
        inside(Query { soql: "SELECT Id FROM A WHERE N < 'x&y'".into(), with_deleted: true }),
        "<queryAll><queryString>SELECT Id FROM A WHERE N &lt; &apos;x&amp;y&apos;</queryString></queryAll>"
    );
    assert_eq!(
        inside(Save { write: Write::Upsert { external_id: "Ext__c".into() }, records: vec![SoapRecord::new("A")] }),
        "<upsert><externalIDFieldName>Ext__c</externalIDFieldName><sObjects><s:type>A</s:type></sObjects></upsert>"
    );
    assert_eq!(
        inside(Remove { removal: Removal::Purge, ids: vec!["1".into(), "2".into()] }),
        "<emptyRecycleBin><ids>1</ids><ids>2</ids></emptyRecycleBin>"
    );
    let master = SoapRecord::new("Account").id("001a").field("Phone", "1");
    assert_eq!(
        inside(Merge { requests: vec![MergeRequest { master, losers: vec!["001b".into()] }] }),
        "<merge><request><masterRecord><s:type>Account</s:type><s:Id>001a</s:Id><s:Phone>1</s:Phone></masterRecord>\
         <recordToMergeIds>001b</recordToMergeIds></request></merge>"
    );
    let lead = LeadConvert { lead_id: "00Q".into(), converted_status: "Closed".into(), ..LeadConvert::default() };
    assert_eq!(
        inside(ConvertLeads { leads: vec![lead] }),
        "<convertLead><leadConverts><accountId xsi:nil=\"true\"/><contactId xsi:nil=\"true\"/><convertedStatus>Closed</convertedStatus><doNotCreateOpportunity>false</doNotCreateOpportunity>\
         <leadId>00Q</leadId><opportunityName xsi:nil=\"true\"/><overwriteLeadSource>false</overwriteLeadSource><ownerId xsi:nil=\"true\"/><sendNotificationEmail>false</sendNotificationEmail></leadConverts></convertLead>"
    );
    let window = Window {
        object: "Account".into(),
        start: "2026-01-01T00:00:00Z".parse().unwrap(),
        end: "2026-01-02T00:00:00Z".parse().unwrap(),
    };
    assert_eq!(
        inside(GetDeleted(window)),
        "<getDeleted><sObjectType>Account</sObjectType><startDate>2026-01-01T00:00:00Z</startDate><endDate>2026-01-02T00:00:00Z</endDate></getDeleted>"
    );
    let mail = Email { to: vec!["a@b.example".into()], subject: Some("s".into()), ..Email::default() };
    assert_eq!(
        inside(SendEmail { messages: vec![mail] }),
        "<sendEmail><messages xsi:type=\"SingleEmailMessage\"><bccSender xsi:nil=\"true\"/><emailPriority xsi:nil=\"true\"/><replyTo xsi:nil=\"true\"/>\
         <saveAsActivity>false</saveAsActivity><senderDisplayName xsi:nil=\"true\"/><subject>s</subject><useSignature xsi:nil=\"true\"/><charset>UTF-8</charset>\
         <htmlBody xsi:nil=\"true\"/><plainTextBody xsi:nil=\"true\"/><targetObjectId xsi:nil=\"true\"/><templateId xsi:nil=\"true\"/>\
         <toAddresses>a@b.example</toAddresses><whatId xsi:nil=\"true\"/></messages></sendEmail>"
    );
    let decide = Approval::Decide {
        workitem_id: "04i".into(),
        action: "Approve".into(),
        comments: None,
        next_approvers: vec![],
    };
    assert_eq!(
        inside(Process { steps: vec![decide] }),
        "<process><actions xsi:type=\"ProcessWorkitemRequest\"><comments xsi:nil=\"true\"/><action>Approve</action><workitemId>04i</workitemId></actions></process>"
    );
    assert_eq!(
        inside(describe_layout("Case", ["012x"])),
        "<describeLayout><sObjectType>Case</sObjectType><recordTypeIds>012x</recordTypeIds></describeLayout>"
    );
    assert_eq!(inside(GetServerTimestamp), "<getServerTimestamp></getServerTimestamp>");
}

#[test]
fn answers_are_understood() {
    let merged = answer(
        Merge {
            requests: vec![MergeRequest { master: SoapRecord::new("Account").id("a"), losers: vec!["b".into()] }],
        },
        "<mergeResponse><result><id>a</id><mergedRecordIds>b</mergedRecordIds><success>true</success><updatedRelatedIds>c</updatedRelatedIds><updatedRelatedIds>d</updatedRelatedIds></result></mergeResponse>",
    )
    .unwrap();
    assert_eq!((merged[0].merged.len(), merged[0].moved.len(), merged[0].success), (1, 2, true));
    let read = Retrieve { object: "A".into(), fields: vec!["Id".into()], ids: vec!["1".into(), "2".into()] };
    let records = answer(
        read.clone(),
        "<retrieveResponse><result><type>A</type><Id>1</Id></result><result xsi:nil=\"true\"/></retrieveResponse>",
    )
    .unwrap();
    assert_eq!((records[0].as_ref().unwrap().id.as_deref(), &records[1]), (Some("1"), &None));
    assert!(answer(read, "<retrieveResponse/>").is_err());
    let time = "<getServerTimestampResponse><result><timestamp>2026-01-02T03:04:05.678Z</timestamp></result></getServerTimestampResponse>";
    assert_eq!(answer(GetServerTimestamp, time).unwrap().to_string(), "2026-01-02T03:04:05.678Z");
    let fault =
        "<e:Fault><faultcode>sf:MALFORMED_QUERY</faultcode><faultstring>MALFORMED_QUERY: bad</faultstring></e:Fault>";
    let error = answer(Query { soql: "x".into(), with_deleted: false }, fault).unwrap_err();
    assert!(error.has_code("MALFORMED_QUERY"), "{error}");
}

#[test]
fn too_much_is_refused_before_it_is_sent() {
    let many = Remove { removal: Removal::Undelete, ids: vec![String::new(); 201] };
    let error = SoapCall { operation: many, headers: SoapHeaders::default() }.request(ApiVersion::NEWEST).unwrap_err();
    assert!(error.to_string().contains("201"), "{error}");
    for merge in [
        MergeRequest { master: SoapRecord::new("Account"), losers: vec!["b".into()] },
        MergeRequest { master: SoapRecord::new("Account").id("a"), losers: vec!["b".into(); 3] },
        MergeRequest { master: SoapRecord::new("Account").id("a"), losers: vec![] },
    ] {
        assert!(Merge { requests: vec![merge] }.check().is_err());
    }
}

#[test]
fn passwords_do_not_print() {
    let printed = format!(
        "{:?} {:?} {:?}",
        SetPassword { user_id: "005".into(), password: "hush".into() },
        ChangeOwnPassword { old: "hush".into(), new: "hush".into() },
        InvalidateSessions { session_ids: vec!["hush".into()] },
    );
    assert!(!printed.contains("hush"), "{printed}");
}

proptest! {
    /// Whatever an org, or something in between, answers: an error or a value.
    #[test]
    fn no_answer_panics(text in "(<(result|errors|records|Id|type|success|size|done|queryLocator|ids|timestamp|e:Fault|faultcode|detail)( xsi:nil=\"true\"| xsi:type=\"QueryResult\"| xsi:type=\"sf:sObject\")?/?>|</[a-z]{1,6}>|true|[0-9]{1,4}){0,20}") {
        let body = format!("<r>{text}</r>");
        let _ = answer(Query { soql: String::new(), with_deleted: false }, &body);
        let _ = answer(Retrieve { object: "A".into(), fields: vec![], ids: vec!["1".into()] }, &body);
        let _ = answer(Remove { removal: Removal::Delete, ids: vec!["1".into()] }, &body);
        let _ = answer(Search { sosl: String::new() }, &body);
        let _ = answer(GetUserInfo, &body);
        let _ = answer(FindDuplicates { suspects: Suspects::Ids(vec!["1".into()]) }, &body);
    }
}
