// jsforce, unmodified, through what a program does with it every day. The values are checked, not only the statuses.
//
//   node scenario.js '{"url": …}'      the line that `tidegate emulator serve --json` prints

import assert from 'node:assert/strict';
import fs from 'node:fs';
import crypto from 'node:crypto';
import jsforce from 'jsforce';
import { finish, org, step } from './harness.js';

const version = '62.0';

const token = async (params) => {
  const answer = await fetch(`${org.url}/services/oauth2/token`, { method: 'POST', body: new URLSearchParams(params) });
  return [answer.status, await answer.json()];
};
const assertion = (claims, key) => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'RS256' })}.${part(claims)}`;
  return `${text}.${crypto.sign('RSA-SHA256', Buffer.from(text), key).toString('base64url')}`;
};

let conn;

step('JWT bearer through jsforce', async () => {
  const key = fs.readFileSync(org.private_key_file, 'utf8');
  const claims = { iss: org.client_id, sub: org.username, aud: 'https://login.salesforce.com', exp: Date.now() + 300 };
  conn = new jsforce.Connection({ loginUrl: org.url, version });
  const user = await conn.authorize({
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion: assertion(claims, key),
  });
  assert.equal(user.organizationId, org.org_id);
  assert.equal(user.id, org.user_id);
  assert.equal(conn.instanceUrl, org.url);
});

step('client credentials through jsforce', async () => {
  const other = new jsforce.Connection({
    instanceUrl: org.url,
    version,
    oauth2: { clientId: org.client_id, clientSecret: org.client_secret, loginUrl: org.url },
  });
  const user = await other.authorize({ grant_type: 'client_credentials' });
  assert.equal(user.id, org.user_id);
  assert.equal((await other.query('SELECT COUNT() FROM Account')).totalSize > 0, true);
});

step('a wrong key is refused', async () => {
  const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  const claims = { iss: org.client_id, sub: org.username, aud: org.url, exp: Math.floor(Date.now() / 1000) + 180 };
  const [status, body] = await token({
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion: assertion(claims, privateKey),
  });
  assert.equal(status, 400);
  assert.equal(body.error, 'invalid_grant');
  assert.equal(body.error_description, 'invalid assertion');
});

step('a session given', async () => {
  const given = new jsforce.Connection({ instanceUrl: org.url, accessToken: org.access_token, version });
  const identity = await given.identity();
  assert.equal(identity.username, org.username);
  assert.equal(identity.organization_id, org.org_id);
});

step('a session that is not valid', async () => {
  const bad = new jsforce.Connection({ instanceUrl: org.url, accessToken: `${org.org_id.slice(0, 15)}!nonsense`, version });
  await assert.rejects(bad.query('SELECT Id FROM Account'), (error) => error.errorCode === 'INVALID_SESSION_ID');
});

step('describe and describeGlobal', async () => {
  const contact = await conn.describe('Contact');
  const email = contact.fields.find((field) => field.name === 'Email');
  assert.equal(email.type, 'email');
  assert.equal(email.length, 80);
  assert.equal(contact.keyPrefix, '003');
  const global = await conn.describeGlobal();
  assert.ok(global.sobjects.some((object) => object.name === 'Account' && object.queryable));
  await assert.rejects(conn.describe('Nothing__c'), (error) => error.errorCode === 'NOT_FOUND');
});

const made = [];

step('create one', async () => {
  const answer = await conn.sobject('Account').create({ Name: 'Žluťoučký kůň & "Söhne"', NumberOfEmployees: 42 });
  assert.equal(answer.success, true);
  assert.equal(answer.id.length, 18);
  made.push(answer.id);
});

step('create many', async () => {
  const records = Array.from({ length: 201 }, (_, n) => ({ LastName: `Referee ${n}`, AccountId: made[0] }));
  const answers = await conn.sobject('Contact').create(records, { allowRecursive: true });
  assert.equal(answers.length, 201);
  assert.ok(answers.every((answer) => answer.success));
});

step('a create that the org refuses', async () => {
  await assert.rejects(
    conn.sobject('Contact').create({ FirstName: 'No last name' }),
    (error) => error.errorCode === 'REQUIRED_FIELD_MISSING' && error.data?.fields?.[0] === 'LastName',
  );
  const [good, bad] = await conn.sobject('Contact').create([{ LastName: 'Good' }, { LastName: 'x'.repeat(81) }]);
  assert.equal(good.success, true);
  assert.equal(bad.success, false);
  assert.equal(bad.errors[0].statusCode, 'STRING_TOO_LONG');
  await conn.sobject('Contact').destroy(good.id);
});

step('retrieve one and many', async () => {
  const account = await conn.sobject('Account').retrieve(made[0]);
  assert.equal(account.Name, 'Žluťoučký kůň & "Söhne"');
  assert.equal(account.NumberOfEmployees, 42);
  assert.equal(account.attributes.type, 'Account');
  const both = await conn.sobject('Account').retrieve([made[0], made[0]]);
  assert.equal(both[1].Id, made[0]);
});

step('update one and many', async () => {
  await conn.sobject('Account').update({ Id: made[0], Phone: '+420 123', NumberOfEmployees: null });
  const account = await conn.sobject('Account').retrieve(made[0]);
  assert.equal(account.Phone, '+420 123');
  assert.equal(account.NumberOfEmployees, null);
  const contacts = await conn.sobject('Contact').find({ AccountId: made[0] }, 'Id').limit(3);
  const answers = await conn.sobject('Contact').update(contacts.map(({ Id }) => ({ Id, Title: 'Judge' })));
  assert.ok(answers.every((answer) => answer.success));
  assert.equal(await conn.sobject('Contact').count({ AccountId: made[0], Title: 'Judge' }), 3);
});

step('upsert by external id', async () => {
  const first = await conn.sobject('Account').upsert({ Ext_Id__c: 'REF-1', Name: 'First' }, 'Ext_Id__c');
  assert.equal(first.success, true);
  await conn.sobject('Account').upsert({ Ext_Id__c: 'REF-1', Name: 'Second' }, 'Ext_Id__c');
  const found = await conn.query("SELECT Id, Name FROM Account WHERE Ext_Id__c = 'REF-1'");
  assert.equal(found.totalSize, 1);
  assert.equal(found.records[0].Name, 'Second');
  const many = await conn.sobject('Account').upsert(
    [{ Ext_Id__c: 'REF-1', Name: 'Third' }, { Ext_Id__c: 'REF-2', Name: 'New' }], 'Ext_Id__c');
  assert.deepEqual(many.map((answer) => answer.created), [false, true]);
  made.push(found.records[0].Id, many[1].id);
});

step('query, pages, autoFetch', async () => {
  const total = (await conn.query('SELECT COUNT() FROM Contact')).totalSize;
  const page = await conn.query('SELECT Id, Account.Name FROM Contact ORDER BY Id', { headers: { 'Sforce-Query-Options': 'batchSize=200' } });
  assert.equal(page.totalSize, total);
  assert.equal(page.done, false);
  const next = await conn.queryMore(page.nextRecordsUrl);
  assert.ok(next.records[0].Id > page.records.at(-1).Id);
  let seen = 0;
  await new Promise((resolve, reject) => {
    conn.query('SELECT Id FROM Contact').on('record', () => { seen += 1; }).on('end', resolve).on('error', reject)
      .run({ autoFetch: true, maxFetch: 1e6 });
  });
  assert.equal(seen, total);
});

step('sub-queries, parents, aggregates', async () => {
  const { records: [account] } = await conn.query(
    `SELECT Id, Owner.Username, (SELECT LastName FROM Contacts ORDER BY LastName LIMIT 2) FROM Account WHERE Id = '${made[0]}'`);
  assert.equal(account.Owner.Username, org.username);
  assert.deepEqual(account.Contacts.records.map((contact) => contact.LastName), ['Referee 0', 'Referee 1']);
  const { records: [row] } = await conn.query(
    `SELECT AccountId, COUNT(Id) n, COUNT_DISTINCT(LastName) FROM Contact WHERE AccountId = '${made[0]}' GROUP BY AccountId`);
  assert.equal(row.n, 201);
  assert.equal(row.expr0, 201);
  assert.equal(row.attributes.type, 'AggregateResult');
});

step('find with conditions', async () => {
  const found = await conn.sobject('Contact')
    .find({ AccountId: made[0], LastName: { $like: 'Referee 1%' }, CreatedDate: jsforce.SfDate.TODAY }, 'Id, LastName')
    .sort({ LastName: 1 }).limit(5).skip(1);
  assert.deepEqual(found.map((contact) => contact.LastName), ['Referee 10', 'Referee 100', 'Referee 101', 'Referee 102', 'Referee 103']);
});

step('errors of queries carry the place', async () => {
  await assert.rejects(conn.query('SELECT Id, Nmae FROM Account'), (error) =>
    error.errorCode === 'INVALID_FIELD' && error.message.includes('ERROR at Row:1:Column:12') && error.message.includes("No such column 'Nmae'"));
  await assert.rejects(conn.query('SELECT Id FRM Account'), (error) => error.errorCode === 'MALFORMED_QUERY');
});

step('destroy, and what scanAll still sees', async () => {
  const { records } = await conn.query(`SELECT Id FROM Contact WHERE AccountId = '${made[0]}' LIMIT 2`);
  const answers = await conn.sobject('Contact').destroy(records.map((record) => record.Id));
  assert.ok(answers.every((answer) => answer.success));
  const gone = `SELECT Id, IsDeleted FROM Contact WHERE Id = '${records[0].Id}'`;
  assert.equal((await conn.query(gone)).totalSize, 0);
  const seen = await conn.query(gone, { scanAll: true });
  assert.equal(seen.records[0].IsDeleted, true);
  await assert.rejects(conn.sobject('Contact').retrieve(records[0].Id), (error) => error.errorCode === 'ENTITY_IS_DELETED');
});

step('limits', async () => {
  const limits = await conn.limits();
  assert.ok(limits.DailyApiRequests.Max > limits.DailyApiRequests.Remaining);
  assert.equal(conn.limitInfo.apiUsage.limit, limits.DailyApiRequests.Max);
});

step('Bulk 2.0 insert', async () => {
  const input = Array.from({ length: 450 }, (_, n) => ({ Ext_Id__c: `BULK-${n}`, LastName: n === 7 ? '' : `Bulk, "${n}"\nline two` }));
  const result = await conn.bulk2.loadAndWaitForResults({ object: 'Contact', operation: 'insert', input, pollTimeout: 60000, pollInterval: 200 });
  assert.equal(result.successfulResults.length, 449);
  assert.equal(result.failedResults.length, 1);
  assert.match(result.failedResults[0].sf__Error, /^REQUIRED_FIELD_MISSING:.*\[LastName\]:LastName --$/);
  assert.equal(result.unprocessedRecords.length, 0);
});

step('Bulk 2.0 upsert', async () => {
  const input = [{ Ext_Id__c: 'BULK-0', LastName: 'Changed' }, { Ext_Id__c: 'BULK-NEW', LastName: 'New' }];
  const result = await conn.bulk2.loadAndWaitForResults({
    object: 'Contact', operation: 'upsert', externalIdFieldName: 'Ext_Id__c', input, pollTimeout: 60000, pollInterval: 200 });
  const created = new Map(result.successfulResults.map((row) => [row.Ext_Id__c, row.sf__Created]));
  assert.equal(created.get('BULK-0'), 'false');
  assert.equal(created.get('BULK-NEW'), 'true');
});

step('Bulk 2.0 by hand', async () => {
  const job = conn.bulk2.createJob({ object: 'Account', operation: 'insert' });
  await job.open();
  await job.uploadData('Name\nBy hand\n');
  await job.close();
  await job.poll(200, 60000);
  const [row] = await job.getSuccessfulResults();
  assert.equal(row.Name, 'By hand');
  made.push(row.sf__Id);
  await job.delete();
});

step('Bulk 2.0 query', async () => {
  const stream = await conn.bulk2.query("SELECT Id, LastName, Account.Name FROM Contact WHERE Ext_Id__c LIKE 'BULK-%' AND LastName != 'Changed'",
    { pollTimeout: 60000, pollInterval: 200 });
  const rows = await stream.toArray();
  assert.equal(rows.length, 449);
  assert.ok(rows.some((row) => row.LastName === 'Bulk, "1"\nline two'));
});

step('clean up', async () => {
  const { records } = await conn.query("SELECT Id FROM Contact WHERE Ext_Id__c LIKE 'BULK-%'", { autoFetch: true, maxFetch: 1000 });
  await conn.sobject('Contact').destroy(records.map((record) => record.Id), { allowRecursive: true });
  for (const id of made) await conn.sobject('Account').destroy(id);
  assert.equal((await conn.query(`SELECT COUNT() FROM Account WHERE Id = '${made[0]}'`)).totalSize, 0);
});

step('logout', async () => {
  await conn.logout();
  const [, after] = [conn, new jsforce.Connection({ instanceUrl: org.url, accessToken: conn.accessToken ?? 'none', version })];
  await assert.rejects(after.query('SELECT Id FROM Account LIMIT 1'));
});

await finish('jsforce');
