"""simple-salesforce, unmodified: the Metadata API through its WSDL, deployments, and the Tooling API.

    python metadata.py '{"url": ...}'      the line that `tidegate emulator serve --json` prints
"""

import io
import time
import zipfile

from harness import ORG, finish, step

import requests
from simple_salesforce import Salesforce

session = requests.Session()
session.verify = ORG["ca_file"]
sf = Salesforce(instance_url=ORG["tls_url"], session_id=ORG["access_token"], session=session)
# The service that reads the WSDL has a session of its own, which takes the CA from the environment.
mdapi = sf.mdapi

NS = 'xmlns="http://soap.sforce.com/2006/04/metadata"'


def package(types):
    members = "".join(
        f"<types>{''.join(f'<members>{m}</members>' for m in names)}<name>{kind}</name></types>"
        for kind, names in types.items()
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><Package {NS}>{members}<version>59.0</version></Package>'


def packed(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer


def deployed(files, **options):
    started = sf.deploy(packed(files), False, **options)
    assert started["asyncId"].startswith("0Af"), started
    assert started["state"] == "Queued"
    for _ in range(100):
        status = sf.checkDeployStatus(started["asyncId"])
        if status["state"] not in ("Pending", "InProgress"):
            return status
        time.sleep(0.05)
    raise AssertionError("the deployment does not end")


@step
def describe_and_list():
    described = mdapi.describe_metadata()
    names = {o.xmlName: o for o in described.metadataObjects}
    assert names["CustomObject"].directoryName == "objects"
    assert names["ApexClass"].metaFile is True
    assert "RecordType" in names["CustomObject"].childXmlNames
    query = mdapi.ListMetadataQuery(type="CustomObject")
    listed = {p.fullName: p for p in mdapi.list_metadata([query])}
    assert listed["Contact"].fileName == "objects/Contact.object"
    assert listed["Contact"].createdById == ORG["user_id"]


@step
def describe_a_value_type():
    described = mdapi.CustomField.describe()
    assert described.apiCreatable is True
    assert {"label", "precision", "type"} <= {f.name for f in described.valueTypeFields}


@step
def an_object_made_read_changed_and_deleted():
    made = mdapi.CustomObject(
        fullName="Pyjudged__c",
        label="Pyjudged",
        pluralLabel="Pyjudgeds",
        nameField=mdapi.CustomField(label="Number", type=mdapi.FieldType("AutoNumber"), displayFormat="P-{000}"),
        deploymentStatus=mdapi.DeploymentStatus("Deployed"),
        sharingModel=mdapi.SharingModel("ReadWrite"),
    )
    mdapi.CustomObject.create([made])
    mdapi.CustomField.create(
        [
            mdapi.CustomField(
                fullName="Pyjudged__c.Rate__c", label="Rate", type=mdapi.FieldType("Percent"), precision=5, scale=2
            )
        ]
    )
    read = mdapi.CustomObject.read("Pyjudged__c")
    assert read.label == "Pyjudged" and read.nameField.displayFormat == "P-{000}", read
    (rate,) = [f for f in read.fields if f.fullName == "Rate__c"]
    assert (rate.type, rate.precision, rate.scale) == ("Percent", 5, 2)
    created = sf.Pyjudged__c.create({"Rate__c": 12.25})
    record = sf.Pyjudged__c.get(created["id"])
    assert (record["Name"], record["Rate__c"]) == ("P-001", 12.25), record
    read.label = "Changed"
    mdapi.CustomObject.update([read])
    assert sf.Pyjudged__c.describe()["label"] == "Changed"
    try:
        mdapi.CustomObject.create([made])
        raise AssertionError("made twice")
    except Exception as error:
        assert "DUPLICATE_DEVELOPER_NAME" in str(error), error
    mdapi.CustomObject.delete(["Pyjudged__c"])
    assert "Pyjudged__c" not in {o["name"] for o in sf.describe()["sobjects"]}


@step
def a_deployment():
    field = (
        "<fields><fullName>Pydeployed__c</fullName><defaultValue>true</defaultValue><label>Pydeployed</label>"
        "<type>Checkbox</type></fields>"
    )
    files = {
        "package.xml": package({"CustomField": ["Contact.Pydeployed__c"]}),
        "objects/Contact.object": f"<CustomObject {NS}>{field}</CustomObject>",
    }
    status = deployed(files)
    assert status["state"] == "Succeeded", status
    assert status["deployment_detail"]["deployed_count"] == "1", status
    # Records that were there already have the default, as a checkbox always has a value.
    assert sf.query("SELECT COUNT() FROM Contact WHERE Pydeployed__c = false")["totalSize"] == 0
    gone = deployed(
        {"package.xml": package({}), "destructiveChanges.xml": package({"CustomField": ["Contact.Pydeployed__c"]})}
    )
    assert gone["state"] == "Succeeded", gone
    assert "Pydeployed__c" not in {f["name"] for f in sf.Contact.describe()["fields"]}


@step
def a_deployment_that_fails():
    status = deployed({"package.xml": package({"CustomObject": ["Missing__c"]})})
    assert status["state"] == "Failed", status
    (error,) = status["deployment_detail"]["errors"]
    assert error["type"] == "CustomObject" and "was not found in zipped directory" in error["message"], error


@step
def tooling():
    found = sf.toolingexecute("query/?q=SELECT+QualifiedApiName+FROM+EntityDefinition+WHERE+KeyPrefix='003'")
    assert [r["QualifiedApiName"] for r in found["records"]] == ["Contact"]
    assert (found["size"], found["entityTypeName"]) == (1, "EntityDefinition"), found
    metadata = {"label": "Pytooled", "type": "Text", "length": 10}
    made = sf.toolingexecute("sobjects/CustomField", "POST", {"FullName": "Contact.Pytooled__c", "Metadata": metadata})
    assert made["success"] is True, made
    assert sf.query("SELECT Pytooled__c FROM Contact LIMIT 1")["records"][0]["Pytooled__c"] is None
    sf.toolingexecute(f"sobjects/CustomField/{made['id']}", "DELETE")
    assert "Pytooled__c" not in {f["name"] for f in sf.Contact.describe()["fields"]}


finish("simple-salesforce metadata")
