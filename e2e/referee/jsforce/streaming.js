// jsforce's streaming, unmodified: topics, replay and generic channels.
//
//   node streaming.js '{"url": …}'      the line that `tidegate emulator serve --json` prints

import assert from 'node:assert/strict';
import jsforce from 'jsforce';
import streaming from 'jsforce/lib/api/streaming.js';
import { finish, org, step } from './harness.js';

const conn = new jsforce.Connection({ instanceUrl: org.url, accessToken: org.access_token, version: '62.0' });

const until = async (what, look) => {
  const deadline = Date.now() + 20_000;
  while (!look()) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

/** A client of its own with the replay extension of jsforce. */
const replaying = (channel, replay) => {
  const extension = new streaming.StreamingExtension.Replay(channel, replay);
  return conn.streaming.createClient([extension]);
};

step('a topic tells what happens to its records', async () => {
  const topic = await conn.sobject('PushTopic').create({
    Name: 'JsforceTopic',
    Query: "SELECT Id, Name FROM Account WHERE Name LIKE 'Streamed%'",
    ApiVersion: '62.0',
    NotifyForFields: 'Referenced',
  });
  const told = [];
  const subscription = conn.streaming.topic('JsforceTopic').subscribe((message) => told.push(message));
  await subscription;
  const { id } = await conn.sobject('Account').create({ Name: 'Streamed' });
  await conn.sobject('Account').update({ Id: id, Name: 'Streamed again' });
  await conn.sobject('Account').update({ Id: id, Phone: 'nobody is told' });
  await conn.sobject('Account').destroy(id);
  await until('three notices', () => told.length === 3);
  assert.deepEqual(told.map((m) => m.event.type), ['created', 'updated', 'deleted']);
  assert.deepEqual(told.map((m) => m.sobject), [{ Id: id, Name: 'Streamed' }, { Id: id, Name: 'Streamed again' }, { Id: id }]);
  subscription.cancel();
  await conn.sobject('PushTopic').destroy(topic.id);
});

step('platform events are replayed', async () => {
  const channel = '/event/Order_Event__e';
  const made = await conn.sobject('Order_Event__e').create({ Order_Number__c: 'J-1' });
  assert.equal(made.success, true);
  assert.equal(made.errors[0].statusCode, 'OPERATION_ENQUEUED');
  await conn.sobject('Order_Event__e').create({ Order_Number__c: 'J-2' });
  const all = [];
  const client = replaying(channel, -2);
  client.subscribe(channel, (message) => all.push(message));
  const number = (m) => m.payload.Order_Number__c;
  await until('J-2', () => all.some((m) => number(m) === 'J-2'));
  const first = all.find((m) => number(m) === 'J-1');
  assert.equal(first.event.EventUuid, made.errors[0].message);
  const after = [];
  const other = replaying(channel, first.event.replayId);
  other.subscribe(channel, (message) => after.push(message));
  await until('what came after', () => after.length > 0);
  assert.equal(number(after[0]), 'J-2');
  await Promise.all([client.disconnect(), other.disconnect()]);
});

step('generic channels', async () => {
  const name = '/u/jsforce/news';
  const { id } = await conn.sobject('StreamingChannel').create({ Name: name });
  const told = [];
  const subscription = conn.streaming.channel(name).subscribe((message) => told.push(message));
  await subscription;
  const pushed = await conn.streaming.channel(name).push({ payload: 'hello', userIds: [] });
  assert.deepEqual(pushed, { fanoutCount: -1, userOnlineStatus: {} });
  await until('the text', () => told.length === 1);
  assert.equal(told[0].payload, 'hello');
  subscription.cancel();
  await conn.sobject('StreamingChannel').destroy(id);
});

await finish('jsforce streaming');
