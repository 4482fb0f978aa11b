// jsforce's Bulk APIs beyond the daily scenario: 1.0 from load to query, 2.0 by its parts, and what both refuse.
//
//   node bulk.js '{"url": …}'      the line that `tidegate emulator serve --json` prints

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import jsforce from 'jsforce';
import { finish, org, step } from './harness.js';

const conn = new jsforce.Connection({ instanceUrl: org.url, accessToken: org.access_token, version: '62.0' });
conn.bulk.pollInterval = 50;
conn.bulk.pollTimeout = 60000;
const poll = { pollInterval: 50, pollTimeout: 60000 };
const ours = "Ext_Id__c LIKE 'JSB-%'";

step('1.0: insert in the order of the request', async () => {
  const rows = Array.from({ length: 450 }, (_, n) => ({
    Ext_Id__c: `JSB-${n}`, LastName: n === 7 ? null : `Bulk one, "${n}"\nline two`, Newsletter__c: n % 2 === 0,
  }));
  const results = await conn.bulk.load('Contact', 'insert', rows);
  assert.equal(results.length, 450);
  assert.deepEqual(results[7].success, false);
  assert.match(results[7].errors[0], /^REQUIRED_FIELD_MISSING:.*\[LastName\]:LastName --$/);
  assert.ok(results.every((row, n) => n === 7 || (row.success && row.created && row.id.startsWith('003'))));
  const last = await conn.sobject('Contact').retrieve(results[449].id);
  assert.equal(last.Ext_Id__c, 'JSB-449');
  assert.equal(last.Newsletter__c, false);
});

step('1.0: query', async () => {
  const stream = await conn.bulk.query(`SELECT Ext_Id__c, LastName, Owner.Username, Score__c FROM Contact WHERE ${ours}`);
  const rows = await stream.toArray();
  assert.equal(rows.length, 449);
  const row = rows.find((one) => one.Ext_Id__c === 'JSB-3');
  assert.equal(row.LastName, 'Bulk one, "3"\nline two');
  assert.equal(row['Owner.Username'], org.username);
  assert.equal(row.Score__c, '');
});

step('1.0: a query that finds nothing, and one that cannot be run', async () => {
  const stream = await conn.bulk.query("SELECT Id FROM Contact WHERE LastName = 'nobody at all'");
  assert.equal((await stream.toArray()).length, 0);
  await assert.rejects(conn.bulk.query('SELECT MailingAddress FROM Contact'), (error) =>
    error.message.includes('InvalidBatch : Failed to process query: FUNCTIONALITY_NOT_ENABLED'));
});

step('1.0: upsert, update and a stream of CSV', async () => {
  const upserted = await conn.bulk.load('Contact', 'upsert', { extIdField: 'Ext_Id__c', concurrencyMode: 'Serial' }, [
    { Ext_Id__c: 'JSB-0', LastName: 'Changed' }, { Ext_Id__c: 'JSB-NEW', LastName: 'New' },
  ]);
  assert.deepEqual(upserted.map((row) => row.created), [false, true]);
  const csv = `Id,Title\n${upserted[0].id},Judge\n${upserted[1].id},#N/A\n`;
  const updated = await conn.bulk.load('Contact', 'update', Readable.from([csv]));
  assert.ok(updated.every((row) => row.success && !row.created));
  assert.equal((await conn.sobject('Contact').retrieve(upserted[0].id)).Title, 'Judge');
});

step('1.0: a job by hand with several batches', async () => {
  const job = conn.bulk.createJob('Account', 'insert');
  const info = await job.open();
  assert.equal(info.state, 'Open');
  assert.equal(info.concurrencyMode, 'Parallel');
  const results = await Promise.all(['One', 'Two', 'Three'].map((name) => new Promise((resolve, reject) => {
    const batch = job.createBatch();
    batch.on('queue', () => batch.poll(50, 60000)).on('response', resolve).on('error', reject);
    batch.execute([{ Name: `Bulk batch ${name}` }]);
  })));
  assert.ok(results.every(([row]) => row.success));
  const batches = await job.list();
  assert.deepEqual(batches.map((batch) => batch.state), ['Completed', 'Completed', 'Completed']);
  const checked = await job.check();
  assert.equal(checked.numberBatchesTotal, '3');
  assert.equal(checked.numberRecordsProcessed, '3');
  assert.equal((await job.close()).state, 'Closed');
  const gone = await conn.bulk.load('Account', 'delete', results.map(([row]) => ({ Id: row.id })));
  assert.ok(gone.every((row) => row.success));
});

step('1.0: refusals', async () => {
  const job = conn.bulk.createJob('Nothing__c', 'insert');
  await assert.rejects(job.open(), (error) => error.message.includes("Entity 'Nothing__c' is not supported by the Bulk API."));
  const open = conn.bulk.createJob('Account', 'insert');
  await open.open();
  assert.equal((await open.abort()).state, 'Aborted');
});

step('2.0: a job by its parts', async () => {
  const job = conn.bulk2.createJob({ object: 'Contact', operation: 'upsert', externalIdFieldName: 'Ext_Id__c', lineEnding: 'LF' });
  const opened = await job.open();
  assert.equal(opened.state, 'Open');
  assert.equal(opened.apiVersion, 62);
  assert.equal(opened.contentUrl, `services/data/v62.0/jobs/ingest/${opened.id}/batches`);
  await job.uploadData(Readable.from(['Ext_Id__c,LastName,Account.Ext_Id__c\nJSB-0,Once more,#N/A\n', 'JSB-X,,\n']));
  await job.close();
  await job.poll(50, 60000);
  const checked = await job.check();
  assert.equal(checked.state, 'JobComplete');
  assert.equal(checked.numberRecordsProcessed, 2);
  assert.equal(checked.numberRecordsFailed, 1);
  const { successfulResults, failedResults, unprocessedRecords } = await job.getAllResults();
  assert.equal(successfulResults[0].sf__Created, 'false');
  assert.equal(successfulResults[0]['Account.Ext_Id__c'], '#N/A');
  assert.match(failedResults[0].sf__Error, /^REQUIRED_FIELD_MISSING:/);
  assert.equal(failedResults[0].Ext_Id__c, 'JSB-X');
  assert.equal(unprocessedRecords.length, 0);
  await job.delete();
  await assert.rejects(job.check(), (error) => error.errorCode === 'NOT_FOUND');
});

step('2.0: a job that cannot be read fails and says why', async () => {
  const job = conn.bulk2.createJob({ object: 'Account', operation: 'insert' });
  await job.open();
  await job.uploadData('Nmae\nx\n');
  await job.close();
  await assert.rejects(job.poll(50, 60000), (error) => error.message.includes('InvalidBatch : Field name not found : Nmae'));
  const aborted = conn.bulk2.createJob({ object: 'Account', operation: 'insert' });
  await aborted.open();
  await aborted.abort();
  assert.equal((await aborted.check()).state, 'Aborted');
});

step('2.0: update, delete and hard delete', async () => {
  const { records } = await conn.query(`SELECT Id FROM Contact WHERE ${ours} ORDER BY Id LIMIT 3`);
  const load = (operation, input) => conn.bulk2.loadAndWaitForResults({ object: 'Contact', operation, input, ...poll });
  const updated = await load('update', records.map(({ Id }) => ({ Id, Department: 'Courts' })));
  assert.deepEqual(updated.successfulResults.map((row) => row.sf__Created), ['false', 'false', 'false']);
  assert.equal((await conn.query(`SELECT COUNT() FROM Contact WHERE ${ours} AND Department = 'Courts'`)).totalSize, 3);
  const deleted = await load('delete', [{ Id: records[0].Id }, { Id: '003000000000000AAA' }]);
  assert.equal(deleted.successfulResults[0].sf__Id, records[0].Id);
  assert.equal(deleted.failedResults.length, 1);
  const hard = await load('hardDelete', [{ Id: records[1].Id }]);
  assert.equal(hard.successfulResults.length, 1);
  const seen = async (Id) => (await conn.query(`SELECT Id FROM Contact WHERE Id = '${Id}'`, { scanAll: true })).totalSize;
  assert.deepEqual([await seen(records[0].Id), await seen(records[1].Id)], [1, 0]);
});

step('2.0: query, query with what is deleted, and queries that are refused', async () => {
  const rows = async (soql, options) => (await (await conn.bulk2.query(soql, { ...poll, ...options })).toArray());
  const total = (await conn.query('SELECT COUNT() FROM Contact')).totalSize;
  const all = await rows('SELECT Id, Name, Account.Name, CreatedDate FROM Contact');
  assert.equal(all.length, total);
  assert.equal(new Set(all.map((row) => row.Id)).size, total);
  assert.match(all[0].CreatedDate, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/);
  const deleted = await rows(`SELECT Id FROM Contact WHERE ${ours} AND IsDeleted = true`, { scanAll: true });
  assert.equal(deleted.length, 1);
  for (const soql of ['SELECT COUNT(Id) FROM Contact', 'SELECT Id, (SELECT Id FROM Contacts) FROM Account',
    'SELECT Id FROM Contact OFFSET 1', 'SELECT MailingAddress FROM Contact', 'SELECT Nmae FROM Contact']) {
    await assert.rejects(rows(soql), soql);
  }
});

step('clean up', async () => {
  const { records } = await conn.query(`SELECT Id FROM Contact WHERE ${ours}`, { autoFetch: true, maxFetch: 1000 });
  const results = await conn.bulk.load('Contact', 'delete', records.map(({ Id }) => ({ Id })));
  assert.ok(results.every((row) => row.success));
  assert.equal((await conn.query(`SELECT COUNT() FROM Contact WHERE ${ours}`)).totalSize, 0);
});

await finish('jsforce bulk');
