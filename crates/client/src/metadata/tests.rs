//! Metadata operations as they go over the wire.
#![allow(clippy::unwrap_used, reason = "a test ends there")]

use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::{call::Call, soap::SoapCall, version::ApiVersion};

const V66: ApiVersion = ApiVersion::new(66);

fn inside<O: Operation>(operation: O) -> String {
    let request = SoapCall { operation, headers: SoapHeaders::default() }.request(V66).unwrap();
    assert_eq!(request.uri(), "/services/Soap/m/66.0");
    let body = String::from_utf8(request.body().to_vec()).unwrap();
    assert!(body.contains(" xmlns=\"http://soap.sforce.com/2006/04/metadata\""), "{body}");
    let (_, inside) = body.split_once("<soapenv:Body>").unwrap();
    inside.strip_suffix("</soapenv:Body></soapenv:Envelope>").unwrap().to_owned()
}

fn answer<O: Operation>(operation: O, body: &str) -> Result<O::Reply, Error> {
    let envelope = format!("<e:Envelope xmlns:e=\"x\" xmlns:xsi=\"i\"><e:Body>{body}</e:Body></e:Envelope>");
    SoapCall { operation, headers: SoapHeaders::default() }.reply(http::Response::new(Bytes::from(envelope)))
}

#[test]
fn operations_are_as_documented() {
    let field = MetadataComponent::new(
        "CustomField",
        "Account.Legacy_Id__c",
        json!({"fullName": "ignored", "externalId": true, "label": "Legacy", "length": 40, "summaryFilterItems": [{"field": "a", "operation": "equals"}, {"field": "b", "operation": "equals"}]}),
    )
    .unwrap();
    assert_eq!(
        inside(WriteMetadata { write: ComponentWrite::Create, components: vec![field] }),
        "<createMetadata><metadata xsi:type=\"CustomField\"><fullName>Account.Legacy_Id__c</fullName><externalId>true</externalId><label>Legacy</label>\
         <length>40</length><summaryFilterItems><field>a</field><operation>equals</operation></summaryFilterItems><summaryFilterItems><field>b</field><operation>equals</operation></summaryFilterItems></metadata></createMetadata>"
    );
    assert_eq!(
        inside(ReadMetadata { kind: "CustomObject".into(), full_names: vec!["A__c".into()] }),
        "<readMetadata><type>CustomObject</type><fullNames>A__c</fullNames></readMetadata>"
    );
    assert_eq!(
        inside(ListMetadata {
            queries: vec!["Flow".into(), ListQuery { kind: "Report".into(), folder: Some("f".into()) }]
        }),
        "<listMetadata><queries><type>Flow</type></queries><queries><folder>f</folder><type>Report</type></queries><asOfVersion>66.0</asOfVersion></listMetadata>"
    );
    assert_eq!(
        inside(DescribeValueType { kind: "Flow".into() }),
        "<describeValueType><type>{http://soap.sforce.com/2006/04/metadata}Flow</type></describeValueType>"
    );
    assert_eq!(
        inside(Retrieve { manifest: Manifest::new(V66).with("CustomObject", "*") }),
        "<retrieve><retrieveRequest><apiVersion>66.0</apiVersion><singlePackage>true</singlePackage><unpackaged><types><members>*</members>\
         <name>CustomObject</name></types><version>66.0</version></unpackaged></retrieveRequest></retrieve>"
    );
    let options = DeployOptions {
        test_level: Some(TestLevel::RunSpecifiedTests),
        run_tests: vec!["T".into()],
        ..DeployOptions::default()
    };
    assert_eq!(
        inside(SoapDeploy { zip: Bytes::from_static(b"PK"), options }),
        "<deploy><ZipFile>UEs=</ZipFile><DeployOptions><allowMissingFiles>false</allowMissingFiles><autoUpdatePackage>false</autoUpdatePackage><checkOnly>false</checkOnly>\
         <ignoreWarnings>false</ignoreWarnings><performRetrieve>false</performRetrieve><purgeOnDelete>false</purgeOnDelete><rollbackOnError>true</rollbackOnError>\
         <runTests>T</runTests><singlePackage>true</singlePackage><testLevel>RunSpecifiedTests</testLevel></DeployOptions></deploy>"
    );
    assert_eq!(inside(SoapCancelDeploy { id: "0Af".into() }), "<cancelDeploy><String>0Af</String></cancelDeploy>");
}

#[test]
fn rest_deploys_are_as_documented() {
    let deploy = Deploy { zip: Bytes::from_static(b"PK\x03\x04"), options: DeployOptions::default() };
    let request = deploy.request(V66).unwrap();
    assert_eq!(
        (request.method().as_str(), request.uri().path()),
        ("POST", "/services/data/v66.0/metadata/deployRequest")
    );
    let body = String::from_utf8_lossy(request.body());
    let boundary = request.headers()["content-type"].to_str().unwrap().split_once("boundary=").unwrap().1;
    assert_eq!(body.matches(&format!("--{boundary}")).count(), 3);
    assert!(
        body.contains(
            "Content-Type: application/json\r\n\r\n{\"deployOptions\":{\"allowMissingFiles\":false,\"checkOnly\":false,"
        ),
        "{body}"
    );
    assert!(
        body.contains("\"rollbackOnError\":true") && body.contains("Content-Type: application/zip\r\n\r\nPK"),
        "{body}"
    );
    assert!(!deploy.is_idempotent(request.method()));

    let cancel = CancelDeploy { id: "0Af".into() }.request(V66).unwrap();
    assert_eq!(
        (cancel.method().as_str(), cancel.uri().path()),
        ("PATCH", "/services/data/v66.0/metadata/deployRequest/0Af")
    );
    assert_eq!(cancel.body().as_ref(), br#"{"deployResult":{"status":"Canceling"}}"#);
    let quick = DeployValidated { validation: "0Af".into() }.request(V66).unwrap();
    assert_eq!(quick.uri().path(), "/services/data/v66.0/metadata/deployRequest");
    assert_eq!(quick.body().as_ref(), br#"{"validatedDeployRequestId":"0Af"}"#);
}

#[test]
fn test_levels_are_checked() {
    let deploy = |test_level, run_tests: &[&str]| {
        let run_tests = run_tests.iter().map(|&name| name.to_owned()).collect();
        let options = DeployOptions { test_level, run_tests, ..DeployOptions::default() };
        Deploy { zip: Bytes::new(), options }
    };
    assert!(deploy(Some(TestLevel::RunSpecifiedTests), &[]).request(V66).is_err());
    assert!(deploy(Some(TestLevel::RunLocalTests), &["T"]).request(V66).is_err());
    assert!(deploy(Some(TestLevel::RunRelevantTests), &[]).request(V66).is_ok());
    assert!(deploy(Some(TestLevel::RunRelevantTests), &[]).request(ApiVersion::new(65)).is_err());
    let soap = SoapDeploy { zip: Bytes::new(), options: deploy(Some(TestLevel::RunSpecifiedTests), &[]).options };
    assert!(SoapCall { operation: soap, headers: SoapHeaders::default() }.request(V66).is_err());
}

#[test]
fn components_are_told_apart_by_name() {
    let read = ReadMetadata { kind: "CustomObject".into(), full_names: vec!["X__c".into(), "A__c".into()] };
    let found = answer(
        read.clone(),
        "<readMetadataResponse><result><records xsi:nil=\"true\"/><records xsi:type=\"CustomObject\"><fullName>A__c</fullName><fields><fullName>F__c</fullName></fields><label>A</label></records></result></readMetadataResponse>",
    )
    .unwrap();
    assert!(found[0].is_none());
    let object = found[1].as_ref().unwrap();
    assert_eq!((object.full_name.as_str(), &object.body["label"]), ("A__c", &json!("A")));
    let xml = object.to_xml().unwrap();
    assert!(xml.contains("    <fields>\n        <fullName>F__c</fullName>\n    </fields>\n"), "{xml}");
    let found = answer(
        read,
        "<readMetadataResponse><result><records><fullName>A__c</fullName></records></result></readMetadataResponse>",
    )
    .unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn files_of_components_have_their_namespaces() {
    let record = MetadataComponent::new(
        "CustomMetadata",
        "A.B",
        json!({"label": "B", "values": [{"field": "F__c", "value": {"@xsi:type": "xsd:double", "#text": "1.0"}}, {"field": "G__c", "value": null}]}),
    )
    .unwrap();
    assert_eq!(
        record.to_xml().unwrap(),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CustomMetadata xmlns=\"http://soap.sforce.com/2006/04/metadata\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">\
         \n    <label>B</label>\n    <values>\n        <field>F__c</field>\n        <value xsi:type=\"xsd:double\">1.0</value>\n    </values>\n    \
         <values>\n        <field>G__c</field>\n        <value xsi:nil=\"true\"/>\n    </values>\n</CustomMetadata>\n"
    );
}
