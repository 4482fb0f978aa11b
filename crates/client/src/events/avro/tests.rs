//! The documented event, byte by byte.

use super::bitmap::decode;
use super::*;

/// The schema of the worked example in Salesforce's shape.
pub(crate) const WIDGET: &str = r#"{"type":"record","name":"Widget__ChangeEvent","namespace":"com.sforce.eventbus","fields":[
 {"name":"ChangeEventHeader","type":{"type":"record","name":"ChangeEventHeader","fields":[
  {"name":"entityName","type":"string"},
  {"name":"recordIds","type":{"type":"array","items":"string"}},
  {"name":"changeType","type":{"type":"enum","name":"ChangeType","symbols":["CREATE","UPDATE","DELETE","UNDELETE","GAP_CREATE","GAP_UPDATE","GAP_DELETE","GAP_UNDELETE","GAP_OVERFLOW","SNAPSHOT"]}},
  {"name":"changeOrigin","type":"string"},
  {"name":"transactionKey","type":"string"},
  {"name":"sequenceNumber","type":"int"},
  {"name":"commitTimestamp","type":"long"},
  {"name":"commitNumber","type":"long"},
  {"name":"commitUser","type":"string"},
  {"name":"nulledFields","type":{"type":"array","items":"string"}},
  {"name":"diffFields","type":{"type":"array","items":"string"}},
  {"name":"changedFields","type":{"type":"array","items":"string"}}]}},
 {"name":"OwnerId","type":["null","string"],"doc":"Data:EntityId","default":null},
 {"name":"Name","type":["null","string"],"default":null},
 {"name":"CreatedDate","type":["null","long"],"default":null},
 {"name":"CreatedById","type":["null","string"],"default":null},
 {"name":"LastModifiedDate","type":["null","long"],"default":null},
 {"name":"LastModifiedById","type":["null","string"],"default":null},
 {"name":"Status__c","type":["null","string"],"default":null},
 {"name":"Amount__c","type":["null","double"],"default":null},
 {"name":"Depot__c","type":["null",{"type":"record","name":"Location","fields":[
  {"name":"Latitude","type":["null","double"],"default":null},{"name":"Longitude","type":["null","double"],"default":null}]}],"default":null},
 {"name":"Notes__c","type":["null","string"],"default":null}]}"#;

/// An update of that object: status set, amount cleared, depot set.
pub(crate) const UPDATE: &str = "125769646765745f5f63\
    022461305830303030303030303030303141414100\
    02004830303030616161612d303030302d303030302d303030302d303030303030303030303062\
    0280a0d5edee66aab4aed5be94b986312430303530303030303030303030303141414102\
    0c30783031303000\
    00040c3078303141300c392d3078303300\
    000000000280a0d5edee6600\
    02084f70656e00\
    0202000000000000f83f0200000000000000c000";

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).expect("a digit");
    hex.as_bytes().chunks(2).map(|p| u8::try_from(digit(p[0]) * 16 + digit(p[1])).expect("a byte")).collect()
}

#[test]
fn the_worked_example() {
    let schema = EventSchema::parse(WIDGET).expect("a schema");
    let payload = bytes(UPDATE);
    assert_eq!(payload.len(), 170);
    let event = schema.decode(&payload).expect("an event");
    let expected = Header {
        entity: "Widget__c".into(),
        record_ids: vec!["a0X000000000001AAA".into()],
        change_type: ChangeType::Update,
        change_origin: String::new(),
        transaction_key: "0000aaaa-0000-0000-0000-00000000000b".into(),
        sequence_number: 1,
        commit_timestamp: 1_767_225_600_000,
        commit_number: 1_767_225_600_123_456_789,
        commit_user: "005000000000001AAA".into(),
        nulled: vec!["0x0100".into()],
        diff: vec![],
        changed: vec!["0x01A0".into(), "9-0x03".into()],
    };
    assert_eq!(event.header, expected);
    let body = event.body.expect("a body");
    let named: Vec<String> = decode(&event.header.changed, &schema.fields)
        .expect("bitmaps")
        .iter()
        .map(|b| {
            let field = &schema.fields[b.field];
            b.part.map_or_else(|| field.name.clone(), |p| format!("{}.{}", field.name, field.parts[p]))
        })
        .collect();
    assert_eq!(named, ["LastModifiedDate", "Status__c", "Amount__c", "Depot__c.Latitude", "Depot__c.Longitude"]);
    assert_eq!(body[7], Value::Union(1, Box::new(Value::String("Open".into()))));
    assert_eq!(body[8], Value::Union(0, Box::new(Value::Null)));
}

#[test]
fn a_broken_body_leaves_the_header() {
    let schema = EventSchema::parse(WIDGET).expect("a schema");
    let payload = bytes(UPDATE);
    for length in 0..payload.len() {
        match schema.decode(&payload[..length]) {
            Ok(event) => {
                assert!(event.body.is_none(), "{length} bytes");
                assert_eq!(event.header.record_ids, ["a0X000000000001AAA"]);
            }
            Err(_) => assert!(length < 150, "{length} bytes hold the whole header"),
        }
    }
}

#[test]
fn a_hash_tells_deliveries_from_events() {
    let schema = EventSchema::parse(WIDGET).expect("a schema");
    let header = schema.decode(&bytes(UPDATE)).expect("an event").header;
    let mut other = header.clone();
    other.sequence_number = 2;
    assert_eq!(header.hash(), header.clone().hash());
    assert_ne!(header.hash(), other.hash());
    other.sequence_number = 1;
    other.record_ids.push("a0X000000000002AAA".into());
    assert_ne!(header.hash(), other.hash());
}
