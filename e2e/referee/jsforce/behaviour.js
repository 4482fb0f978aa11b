// jsforce, unmodified, against what the org does by itself: formulas and roll-ups made through the Metadata API, last
// activities, locked rows, default values and the words of refusals.
//
//   node behaviour.js '{"url": …}'      the line that `tidegate emulator serve --json` prints

import assert from 'node:assert/strict';
import jsforce from 'jsforce';
import { finish, org, step } from './harness.js';

const conn = new jsforce.Connection({ instanceUrl: org.url, accessToken: org.access_token, version: '62.0' });
const control = async (method, path, body) => {
  const answer = await fetch(`${org.url}/__emulator/${path}`, { method, body: body && JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
};
const saved = (answer) => {
  for (const one of [answer].flat()) assert.equal(one.success, true, JSON.stringify(one));
};

step('a custom object with details, formulas and roll-ups', async () => {
  const object = (fullName, label) => ({
    fullName, label, pluralLabel: `${label}s`, deploymentStatus: 'Deployed', sharingModel: 'ReadWrite',
    nameField: { type: 'Text', label: `${label} Name` },
  });
  saved(await conn.metadata.create('CustomObject', object('JudgeBill__c', 'Judge Bill')));
  saved(await conn.metadata.create('CustomObject', object('JudgeFee__c', 'Judge Fee')));
  saved(await conn.metadata.create('CustomField', {
    fullName: 'JudgeFee__c.Bill__c', label: 'Bill', type: 'MasterDetail', referenceTo: 'JudgeBill__c',
    relationshipName: 'Fees', relationshipLabel: 'Fees',
  }));
  saved(await conn.metadata.create('CustomField', {
    fullName: 'JudgeFee__c.Net__c', label: 'Net', type: 'Currency', precision: 18, scale: 2,
  }));
  saved(await conn.metadata.create('CustomField', {
    fullName: 'JudgeFee__c.Gross__c', label: 'Gross', type: 'Currency', precision: 18, scale: 2,
    formula: 'ROUND(Net__c * 1.2, 2)', formulaTreatBlanksAs: 'BlankAsZero',
  }));
  saved(await conn.metadata.create('CustomField', {
    fullName: 'JudgeBill__c.Total__c', label: 'Total', type: 'Summary', summaryOperation: 'sum',
    summarizedField: 'JudgeFee__c.Gross__c', summaryForeignKey: 'JudgeFee__c.Bill__c',
  }));
  saved(await conn.metadata.create('CustomField', {
    fullName: 'JudgeBill__c.Size__c', label: 'Size', type: 'Text', formula: 'IF(Total__c >= 12, "large", "small") & ": " & Name',
  }));
});

step('a formula that cannot be computed is refused', async () => {
  for (const [formula, message] of [
    ['Nope__c', 'Field Nope__c does not exist. Check spelling.'],
    ['IF(1, "a", "b")', "Incorrect parameter type for function 'IF()'. Expected Boolean, received Number"],
    ['FOO()', 'Unknown function FOO. Check spelling.'],
    ['(1 + 2', "Syntax error. Missing ')'"],
  ]) {
    const answer = await conn.metadata.create('CustomField', {
      fullName: 'JudgeBill__c.Bad__c', label: 'Bad', type: 'Text', formula,
    });
    assert.equal(answer.success, false);
    assert.ok(JSON.stringify(answer.errors).includes(message.replaceAll('"', '\\"')), JSON.stringify(answer.errors));
  }
});

step('values follow what they are made of', async () => {
  const { id } = await conn.sobject('JudgeBill__c').create({ Name: 'One' });
  let bill = await conn.sobject('JudgeBill__c').retrieve(id);
  assert.deepEqual([bill.Total__c, bill.Size__c], [0, 'small: One']);
  saved(await conn.sobject('JudgeFee__c').create([{ Bill__c: id, Net__c: 4.1 }, { Bill__c: id, Net__c: 6 }]));
  bill = await conn.sobject('JudgeBill__c').retrieve(id);
  assert.deepEqual([bill.Total__c, bill.Size__c], [12.12, 'large: One']);
  const found = await conn.query("SELECT Name, (SELECT Gross__c FROM Fees__r ORDER BY Gross__c) FROM JudgeBill__c WHERE Size__c LIKE 'large%'");
  assert.deepEqual(found.records[0].Fees__r.records.map((fee) => fee.Gross__c), [4.92, 7.2]);
  await assert.rejects(conn.sobject('JudgeBill__c').update({ Id: id, Total__c: 1 }),
    (error) => error.errorCode === 'INVALID_FIELD_FOR_INSERT_UPDATE');
  const fields = (await conn.describe('JudgeBill__c')).fields;
  const total = fields.find((field) => field.name === 'Total__c');
  assert.deepEqual([total.calculated, total.createable, total.updateable, total.type], [true, false, false, 'currency']);
  assert.equal(fields.find((field) => field.name === 'Size__c').calculatedFormula, 'IF(Total__c >= 12, "large", "small") & ": " & Name');
});

step('the last activity of a contact', async () => {
  const { id } = await conn.sobject('Contact').create({ LastName: 'Active' });
  const task = await conn.sobject('Task').create({ WhoId: id, Subject: 'Call', Status: 'Completed', ActivityDate: '2026-02-03' });
  assert.equal((await conn.sobject('Contact').retrieve(id)).LastActivityDate, '2026-02-03');
  await conn.sobject('Task').destroy(task.id);
  assert.equal((await conn.sobject('Contact').retrieve(id)).LastActivityDate, null);
  await conn.sobject('Contact').destroy(id);
});

step('a locked row', async () => {
  const { id } = await conn.sobject('Account').create({ Name: 'Locked' });
  await control('POST', 'locks', { ids: [id], for_ms: 3_600_000 });
  try {
    await assert.rejects(conn.sobject('Contact').create({ LastName: 'x', AccountId: id }), (error) =>
      error.errorCode === 'UNABLE_TO_LOCK_ROW' && error.message.startsWith('unable to obtain exclusive access to this record'));
  } finally {
    await control('DELETE', 'locks');
  }
  await conn.sobject('Account').destroy(id);
});

step('what was made is taken away', async () => {
  saved(await conn.metadata.delete('CustomObject', ['JudgeFee__c']));
  saved(await conn.metadata.delete('CustomObject', ['JudgeBill__c']));
});

await finish('jsforce behaviour');
