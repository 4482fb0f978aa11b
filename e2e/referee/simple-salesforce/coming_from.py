"""The Python of docs/coming-from.md, as it stands there, against the emulator. What it did is checked in the org."""

import contextlib
import csv
import io
import os
import pathlib
import tempfile

from harness import ORG, PROXIES, finish, step  # before simple_salesforce: it sets the CA

PAGE = pathlib.Path("docs/coming-from.md").read_text(encoding="utf-8")
WORK = tempfile.TemporaryDirectory()
GIVEN = {
    "username": ORG["username"],
    "client_id": ORG["client_id"],
    "key_file": ORG["private_key_file"],
}
# What the page shows goes to login.salesforce.com, with nothing said of a proxy.
os.environ["HTTPS_PROXY"] = PROXIES["https"]
os.chdir(WORK.name)


def run(task, **given):
    """Runs the piece of a task, and gives the lines that it printed."""
    text = PAGE.split(f"\n## {task}. ")[1].split("\n## ")[0].split("```python\n")[1].split("```")[0]
    GIVEN.update(given)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        exec(compile(text, f"task {task}", "exec"), GIVEN)
    return printed.getvalue().splitlines()


def count(what):
    return GIVEN["sf"].query(f"SELECT COUNT() FROM {what}")["totalSize"]


def table(name):
    with open(name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@step
def sign_in():
    assert run(1) == [ORG["username"]]


@step
def a_value_from_a_user():
    name = "O'Pcf\\"
    GIVEN["sf"].Contact.create({"LastName": name, "Email": "pcf@acme.example"})
    assert run(2, name=name) == ["pcf@acme.example"]
    assert run(2, name="\\' OR Name LIKE '%") == []


@step
def children():
    run(3)
    childless = count("Account WHERE Id NOT IN (SELECT AccountId FROM Contact WHERE AccountId != null)")
    assert len(table("contacts.csv")) == childless + count("Contact WHERE AccountId != null")


@step
def one_record():
    run(4)
    row = GIVEN["sf"].Contact.get(GIVEN["made"]["id"])
    assert row["Phone"] == "+1 555 0100" and row["Email"] is None


@step
def upsert():
    records = [{"Ext_Id__c": f"PCF-{n}", "LastName": None if n == 7 else f"Name {n}"} for n in range(1000)]
    (line,) = run(5, records=records)
    assert line.startswith("record 7: ") and "REQUIRED_FIELD_MISSING" in line, line
    assert count("Contact WHERE Ext_Id__c LIKE 'PCF-%'") == 999


@step
def together():
    (made,) = run(6)
    assert count(f"Contact WHERE AccountId = '{made}' AND LastName = 'Ng'") == 1


@step
def export():
    run(7)
    assert len(table("contacts.csv")) == count("Contact")


@step
def load():
    pathlib.Path("people.csv").write_text("LastName,Email,Ext_Id__c\nA,a@acme.example,PCL-1\nB,none,PCL-2\n")
    (line,) = run(8)
    assert line.startswith("3 INVALID_EMAIL_ADDRESS"), line


@step
def limits():
    assert run(10) == []


finish("simple-salesforce coming-from")
