//! The documented event of a custom object, byte by byte.

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
