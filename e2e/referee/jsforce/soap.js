// jsforce, unmodified, by its SOAP entrance: what REST does not offer, and the old ways of doing what it does.
//
//   node soap.js '{"url": …}'      the line that `tidegate emulator serve --json` prints

import assert from 'node:assert/strict';
import jsforce from 'jsforce';
import { finish, org, step } from './harness.js';

const version = '64.0';
let conn;

step('login by user name and password is a SOAP call', async () => {
  conn = new jsforce.Connection({ loginUrl: org.url, version, logLevel: 'ERROR' });
  const user = await conn.login(org.username, org.password + org.security_token);
  assert.equal(user.id, org.user_id);
  assert.equal(user.organizationId, org.org_id);
  assert.equal(conn.instanceUrl, org.url);
  assert.equal((await conn.identity()).username, org.username);
});

step('a login that is refused says why', async () => {
  const wrong = new jsforce.Connection({ loginUrl: org.url, version, logLevel: 'ERROR' });
  await assert.rejects(wrong.login(org.username, 'wrong'), /^Error: INVALID_LOGIN: Invalid username, password, security token; or user locked out\./);
  const newer = new jsforce.Connection({ loginUrl: org.url, version: '65.0', logLevel: 'ERROR' });
  await assert.rejects(newer.login(org.username, org.password + org.security_token), /UNSUPPORTED_API_VERSION/);
});

step('the time and the user', async () => {
  const { timestamp } = await conn.soap.getServerTimestamp();
  assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(Math.abs(Date.now() - Date.parse(timestamp)) < 60_000);
  const user = await conn.soap.getUserInfo();
  assert.equal(user.userId, org.user_id);
  assert.equal(user.userName, org.username);
  assert.equal(user.orgHasPersonAccounts, false);
  assert.equal(user.sessionSecondsValid > 7000, true);
});

step('create, update, upsert, delete, undelete, and out of the recycle bin', async () => {
  const made = await conn.soap.create([
    { type: 'Account', Name: 'Soap & "Water" <1>', NumberOfEmployees: 7, Ext_Id__c: 'SOAP-1' },
    { type: 'Contact', FirstName: 'No last name' },
  ]);
  assert.equal(made[0].success, true);
  assert.equal(made[1].success, false);
  assert.equal(made[1].errors[0].statusCode, 'REQUIRED_FIELD_MISSING');
  assert.deepEqual(made[1].errors[0].fields, ['LastName']);
  const { id } = made[0];
  const updated = await conn.soap.update({ type: 'Account', Id: id, NumberOfEmployees: null, Phone: '1 2' });
  assert.deepEqual([updated.id, updated.success], [id, true]);
  const account = await conn.sobject('Account').retrieve(id);
  assert.equal(account.Name, 'Soap & "Water" <1>');
  assert.equal(account.NumberOfEmployees, null);
  assert.equal(account.Phone, '1 2');
  const upserted = await conn.soap.upsert('Ext_Id__c', [{ type: 'Account', Ext_Id__c: 'SOAP-1', Name: 'Soap' }]);
  assert.deepEqual([upserted[0].created, upserted[0].id], [false, id]);
  assert.equal((await conn.soap.delete([id]))[0].success, true);
  assert.equal((await conn.query(`SELECT Id FROM Account WHERE Id = '${id}'`)).totalSize, 0);
  assert.equal((await conn.soap.undelete([id]))[0].success, true);
  assert.equal((await conn.sobject('Account').retrieve(id)).Name, 'Soap');
  await conn.soap.delete([id]);
  assert.equal((await conn.soap.emptyRecycleBin([id]))[0].success, true);
  assert.equal((await conn.query(`SELECT Id FROM Account WHERE Id = '${id}'`, { scanAll: true })).totalSize, 0);
  const again = await conn.soap.emptyRecycleBin([id]);
  assert.equal(again[0].success, false);
});

step('merge', async () => {
  const names = ['Master', 'Loser'];
  const [master, loser] = (await conn.soap.create(names.map((Name) => ({ type: 'Account', Name })))).map(({ id }) => id);
  const contact = await conn.sobject('Contact').create({ LastName: 'Kid', AccountId: loser });
  const merged = await conn.soap.merge({ masterRecord: { type: 'Account', Id: master, Phone: '5' }, recordToMergeIds: [loser] });
  assert.equal(merged.success, true);
  assert.equal(merged.id, master);
  assert.deepEqual(merged.mergedRecordIds, [loser]);
  assert.deepEqual(merged.updatedRelatedIds, [contact.id]);
  assert.equal((await conn.sobject('Contact').retrieve(contact.id)).AccountId, master);
  const gone = await conn.query(`SELECT MasterRecordId, IsDeleted FROM Account WHERE Id = '${loser}'`, { scanAll: true });
  assert.equal(gone.records[0].MasterRecordId, master);
  assert.equal(gone.records[0].IsDeleted, true);
  const start = new Date(Date.now() - 300_000).toISOString();
  const end = new Date(Date.now() + 300_000).toISOString();
  const { deletedRecords } = await conn.sobject('Account').deleted(start, end);
  assert.ok(deletedRecords.some((record) => record.id === loser));
  await conn.soap.delete([master]);
});

step('conversion of a lead', async () => {
  const { id } = await conn.sobject('Lead').create({ LastName: 'Lead', Company: 'Soap Leads', Phone: '9' });
  const { records: [status] } = await conn.query('SELECT MasterLabel FROM LeadStatus WHERE IsConverted = true');
  const convert = { convertedStatus: status.MasterLabel, doNotCreateOpportunity: true, leadId: id, overwriteLeadSource: false, sendNotificationEmail: false };
  const result = await conn.soap.convertLead([convert]);
  assert.equal(result[0].success, true);
  assert.equal(result[0].leadId, id);
  assert.equal(result[0].opportunityId, null);
  const lead = await conn.sobject('Lead').retrieve(id);
  assert.equal(lead.IsConverted, true);
  assert.equal(lead.ConvertedAccountId, result[0].accountId);
  assert.equal(lead.ConvertedContactId, result[0].contactId);
  const contact = await conn.sobject('Contact').retrieve(result[0].contactId);
  assert.equal(contact.Phone, '9');
  assert.equal(contact.AccountId, result[0].accountId);
  await assert.rejects(conn.sobject('Lead').update({ Id: id, Phone: '1' }), (error) => error.errorCode === 'CANNOT_UPDATE_CONVERTED_LEAD');
  await conn.soap.delete([result[0].contactId, result[0].accountId, id]);
});

step('faults are errors with their code', async () => {
  await assert.rejects(conn.soap.create({ type: 'Account', Nmae: 'x' }), (error) =>
    error.errorCode === 'sf:INVALID_FIELD' && error.message.startsWith("INVALID_FIELD: No such column 'Nmae' on entity 'Account'"));
  await assert.rejects(conn.soap.create({ type: 'Nothing__c', Name: 'x' }), (error) => error.errorCode === 'sf:INVALID_TYPE');
  await assert.rejects(conn.soap.create(Array.from({ length: 201 }, () => ({ type: 'Account', Name: 'x' }))), (error) =>
    error.errorCode === 'sf:EXCEEDED_ID_LIMIT');
});

step('logout by SOAP ends the session', async () => {
  const other = new jsforce.Connection({ loginUrl: org.url, version, logLevel: 'ERROR' });
  await other.login(org.username, org.password + org.security_token);
  const { accessToken } = other;
  await other.logoutBySoap(false);
  const after = new jsforce.Connection({ instanceUrl: org.url, accessToken, version });
  await assert.rejects(after.query('SELECT Id FROM Account LIMIT 1'), (error) => error.errorCode === 'INVALID_SESSION_ID');
  await assert.rejects(after.soap.getServerTimestamp(), (error) => error.errorCode === 'sf:INVALID_SESSION_ID');
});

await finish('jsforce soap');
