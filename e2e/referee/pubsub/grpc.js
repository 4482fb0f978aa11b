// grpc-js with a contract written down here, number by number: a client made of nothing of ours.
//
//   node grpc.js '{"url": …}'      the line that `tidegate emulator serve --json` prints

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import { control, finish, org, step, until } from './harness.js';

const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'contract-')), 'contract.proto');
fs.writeFileSync(
  file,
  `syntax = "proto3";
package eventbus.v1;
message TopicRequest { string topic_name = 1; }
message TopicInfo {
  string topic_name = 1; string tenant_guid = 2; bool can_publish = 3; bool can_subscribe = 4; string schema_id = 5; string rpc_id = 6;
}
message SchemaRequest { string schema_id = 1; }
message SchemaInfo { string schema_json = 1; string schema_id = 2; string rpc_id = 3; }
message ProducerEvent { string id = 1; string schema_id = 2; bytes payload = 3; }
message ConsumerEvent { ProducerEvent event = 1; bytes replay_id = 2; }
message FetchRequest { string topic_name = 1; int32 replay_preset = 2; bytes replay_id = 3; int32 num_requested = 4; string auth_refresh = 5; }
message FetchResponse { repeated ConsumerEvent events = 1; bytes latest_replay_id = 2; string rpc_id = 3; int32 pending_num_requested = 4; }
message PublishRequest { string topic_name = 1; repeated ProducerEvent events = 2; string auth_refresh = 3; }
message Error { int32 code = 1; string msg = 2; }
message PublishResult { bytes replay_id = 1; Error error = 2; string correlation_key = 3; }
message PublishResponse { repeated PublishResult results = 1; string schema_id = 2; string rpc_id = 3; }
message Commit { string commit_request_id = 1; bytes replay_id = 2; }
message Committed { string commit_request_id = 1; bytes replay_id = 2; Error error = 3; int64 process_time = 4; }
message ManagedFetchRequest { string subscription_id = 1; string developer_name = 2; int32 num_requested = 3; string auth_refresh = 4; Commit commit_replay_id_request = 5; }
message ManagedFetchResponse { repeated ConsumerEvent events = 1; bytes latest_replay_id = 2; string rpc_id = 3; int32 pending_num_requested = 4; Committed commit_response = 5; }
service PubSub {
  rpc Subscribe (stream FetchRequest) returns (stream FetchResponse);
  rpc GetSchema (SchemaRequest) returns (SchemaInfo);
  rpc GetTopic (TopicRequest) returns (TopicInfo);
  rpc Publish (PublishRequest) returns (PublishResponse);
  rpc PublishStream (stream PublishRequest) returns (stream PublishResponse);
  rpc ManagedSubscribe (stream ManagedFetchRequest) returns (stream ManagedFetchResponse);
}`,
);
const { eventbus } = grpc.loadPackageDefinition(loader.loadSync(file, { keepCase: true, longs: String, defaults: true }));
const client = new eventbus.v1.PubSub(org.pubsub, grpc.credentials.createSsl(fs.readFileSync(org.ca_file)));

const headers = (more = {}) => {
  const metadata = new grpc.Metadata();
  const all = { accesstoken: org.access_token, instanceurl: org.url, tenantid: org.org_id, ...more };
  for (const [key, value] of Object.entries(all)) metadata.set(key, value);
  return metadata;
};
const call = (name, request, more) =>
  new Promise((resolve, reject) => client[name](request, headers(more), (error, answer) => (error ? reject(error) : resolve(answer))));
const code = (error) => error.metadata.get('error-code')[0].replace('sfdc.platform.eventbus.grpc.', '');
const fails = async (promise, expected) => {
  const error = await promise.then(() => assert.fail(`${expected} was expected`), (e) => e);
  assert.equal(code(error), expected);
  assert.match(error.message, /rpcId: /);
};
/** A stream with what it received. */
const open = (name, first) => {
  const stream = client[name](headers());
  const seen = { stream, answers: [], error: null, status: null };
  stream.on('data', (answer) => seen.answers.push(answer));
  stream.on('error', (error) => (seen.error = error));
  stream.on('status', (status) => (seen.status = status));
  stream.write(first);
  return seen;
};

const TOPIC = '/event/Order_Event__e';

/** A datum by hand: date, user, order number; the other fields are null. */
const long = (n) => {
  const out = [];
  let rest = BigInt.asUintN(64, (BigInt(n) << 1n) ^ (BigInt(n) >> 63n));
  for (; rest >= 128n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
  return Buffer.from([...out, Number(rest)]);
};
const text = (s) => Buffer.concat([long(Buffer.byteLength(s)), Buffer.from(s)]);
const datum = (number) =>
  Buffer.concat([long(Date.now()), text(org.user_id), long(1), text(number), Buffer.from([0, 0, 0, 0, 0])]);

step('topics and schemas', async () => {
  const info = await call('GetTopic', { topic_name: TOPIC });
  assert.deepEqual([info.can_publish, info.can_subscribe, info.schema_id.length], [true, true, 22]);
  const { schema_json } = await call('GetSchema', { schema_id: info.schema_id });
  const schema = JSON.parse(schema_json);
  assert.equal(schema.name, 'Order_Event__e');
  assert.deepEqual(schema.fields.slice(0, 2).map((f) => [f.name, f.type]), [['CreatedDate', 'long'], ['CreatedById', 'string']]);
  assert.equal((await call('GetTopic', { topic_name: '/data/ChangeEvents' })).schema_id, '');
  assert.equal((await call('GetTopic', { topic_name: '/data/AccountChangeEvent' })).can_publish, false);
  await fails(call('GetTopic', { topic_name: '/event/Nope__e' }), 'topic.not.found');
  await fails(call('GetSchema', { schema_id: '' }), 'schema.validation.failed');
  await fails(call('GetTopic', { topic_name: TOPIC }, { accesstoken: 'nonsense' }), 'service.auth.error');
});

step('publishing: one result for each event', async () => {
  const { schema_id } = await call('GetTopic', { topic_name: TOPIC });
  const answer = await call('Publish', {
    topic_name: TOPIC,
    events: [
      { id: 'a1b2', schema_id, payload: datum('G-1') },
      { schema_id: 'nonsense', payload: datum('G-2') },
      { schema_id, payload: datum('G-3') },
    ],
  });
  assert.equal(answer.schema_id, schema_id);
  const [first, second, third] = answer.results;
  assert.deepEqual([first.correlation_key, first.replay_id.length, first.error], ['a1b2', 10, null]);
  assert.deepEqual([second.replay_id.length, second.error.code], [0, 1]);
  assert.equal(third.error, null);
  await fails(call('Publish', { topic_name: TOPIC, events: [] }), 'publish.event.count.invalid');
  await fails(call('Publish', { topic_name: '', events: [{}] }), 'publish.topic.validation.empty');
  await fails(call('Publish', { topic_name: '/data/AccountChangeEvent', events: [{}] }), 'topic.meta.permission');
});

step('a publishing stream keeps to its topic', async () => {
  const { schema_id } = await call('GetTopic', { topic_name: TOPIC });
  const events = [{ schema_id, payload: datum('S-1') }];
  const seen = open('PublishStream', { topic_name: TOPIC, events });
  seen.stream.write({ events });
  await until('two answers', () => seen.answers.length === 2);
  seen.stream.write({ topic_name: '/event/Other__e', events });
  await until('the end', () => seen.error);
  assert.equal(code(seen.error), 'publish.topic.mismatch');
});

step('eight bytes of a replay id do, other lengths do not', async () => {
  const { schema_id } = await call('GetTopic', { topic_name: TOPIC });
  const { results } = await call('Publish', { topic_name: TOPIC, events: ['R-1', 'R-2'].map((n) => ({ schema_id, payload: datum(n) })) });
  const after = (replay_id) => ({ topic_name: TOPIC, replay_preset: 2, replay_id, num_requested: 1 });
  const seen = open('Subscribe', after(results[0].replay_id.subarray(0, 8)));
  await until('an event', () => seen.answers.length > 0);
  const [{ event, replay_id }] = seen.answers[0].events;
  assert.equal(event.payload.includes('R-2'), true);
  assert.equal(replay_id.equals(results[1].replay_id), true);
  assert.equal(seen.answers[0].pending_num_requested, 0);
  seen.stream.end();
  for (const [bytes, expected] of [
    [Buffer.from('corrupted'), 'subscription.fetch.replayid.corrupted'],
    [Buffer.alloc(8), 'subscription.fetch.replayid.validation.failed'],
  ]) {
    const refused = open('Subscribe', after(bytes));
    await until(expected, () => refused.error);
    assert.equal(code(refused.error), expected);
  }
  const none = open('Subscribe', { topic_name: TOPIC, num_requested: 0 });
  await until('an error', () => none.error);
  assert.equal(code(none.error), 'subscription.fetch.requested.events.invalid');
});

step('managed subscriptions: commits, one client, wrong names', async () => {
  const developer_name = `Grpc_${Date.now()}`;
  const { id } = await control({ managed_subscription: { developer_name, topic: TOPIC, default_replay: 'EARLIEST' } });
  const first = open('ManagedSubscribe', { developer_name, num_requested: 2 });
  await until('two events', () => first.answers.flatMap((a) => a.events).length === 2);
  const second = open('ManagedSubscribe', { subscription_id: id, num_requested: 1 });
  await until('a refusal', () => second.error);
  assert.equal(code(second.error), 'managed.subscription.already.active');
  const [event] = first.answers[0].events;
  first.stream.write({ commit_replay_id_request: { commit_request_id: 'c1', replay_id: event.replay_id } });
  first.stream.write({ commit_replay_id_request: { commit_request_id: 'c2', replay_id: Buffer.from('bad') } });
  await until('both answers', () => first.answers.filter((a) => a.commit_response).length === 2);
  const commits = first.answers.map((a) => a.commit_response).filter(Boolean);
  assert.deepEqual(commits.map((c) => [c.commit_request_id, c.error?.code ?? null]), [['c1', null], ['c2', 2]]);
  first.stream.end();
  await until('the end', () => first.status);
  for (const [request, expected] of [
    [{ num_requested: 1 }, 'managed.subscription.id.or.developer.name.empty'],
    [{ developer_name: 'Nope', num_requested: 1 }, 'managed.subscription.developer.name.not.found'],
    [{ subscription_id: '18x000000000999AAA', num_requested: 1 }, 'managed.subscription.id.not.found'],
    [{ subscription_id: 'x', num_requested: 1 }, 'managed.subscription.id.invalid'],
    [{ developer_name, num_requested: 0 }, 'managed.subscription.fetch.request.events.invalid'],
  ]) {
    const refused = open('ManagedSubscribe', request);
    await until(expected, () => refused.error);
    assert.equal(code(refused.error), expected);
  }
});

await finish('grpc');
