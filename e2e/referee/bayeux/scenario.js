// Bayeux servers that nobody here wrote, as servers of our client: handshake, subscriptions, silence, a session that is
// forgotten, a connection that is cut, a server that is started anew, leave-taking.
//
//   node scenario.js CLIENT      the program `bayeux-client`, which prints a line for each event

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import http from 'node:http';
import { createInterface } from 'node:readline';
import cometd from 'cometd-nodejs-server';
import faye from 'faye';

const [client] = process.argv.slice(2);
assert.ok(client, 'name the client program');

const until = async (what, done) => {
  for (let tries = 0; !done(); tries++) {
    assert.ok(tries < 1000, `${what} did not happen within 20 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

/** A server of one kind. Its sessions live as long as it does. */
const kinds = {
  'cometd-nodejs-server': () => {
    const bayeux = cometd.createCometDServer({ timeout: 700, maxInterval: 5000, logLevel: 'off' });
    const sessions = new Map();
    bayeux.addListener('sessionAdded', (session) => sessions.set(session.id, session));
    bayeux.addListener('sessionRemoved', (session) => sessions.delete(session.id));
    return {
      attach: (server) => server.on('request', bayeux.handle),
      publish: (channel, data) => bayeux.createServerChannel(channel).publish(null, data),
      subscribers: (channel) => bayeux.getServerChannel(channel)?.subscribers.length ?? 0,
      sessions: () => sessions.size,
      forget: () => [...sessions.values()].forEach((session) => session.disconnect()),
      close: () => bayeux.close(),
    };
  },
  faye: () => {
    const bayeux = new faye.NodeAdapter({ mount: '/bayeux', timeout: 0.7 });
    const subscribed = new Map();
    // Faye publishes by a session of its own, which listens to nothing.
    const sessions = () => new Set([...subscribed.keys()].map((key) => key.split(' ')[0]));
    bayeux.on('subscribe', (id, channel) => subscribed.set(`${id} ${channel}`, channel));
    bayeux.on('unsubscribe', (id, channel) => subscribed.delete(`${id} ${channel}`));
    return {
      attach: (server) => bayeux.attach(server),
      publish: (channel, data) => bayeux.getClient().publish(channel, data),
      subscribers: (channel) => [...subscribed.values()].filter((name) => name === channel).length,
      sessions: () => sessions().size,
      forget: () => sessions().forEach((id) => bayeux._server._engine.destroyClient(id, () => {})),
      close: () => bayeux.close(),
    };
  },
};

/** The server on a port, with the sockets to cut. */
const listen = async (kind, port = 0) => {
  const bayeux = kinds[kind]();
  const server = http.createServer();
  const sockets = new Set();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  bayeux.attach(server);
  await new Promise((resolve, reject) => server.on('error', reject).listen(port, '127.0.0.1', resolve));
  const cut = () => sockets.forEach((socket) => socket.destroy());
  const stop = () =>
    new Promise((resolve) => {
      server.close(resolve);
      cut();
      bayeux.close();
    });
  return { ...bayeux, port: server.address().port, cut, stop };
};

let steps = 0;
for (const kind of Object.keys(kinds)) {
  let server = await listen(kind);
  const step = (what) => {
    steps += 1;
    console.log(`  ${kind}: ${what}`);
  };
  const process_ = spawn(client, [`http://127.0.0.1:${server.port}/bayeux`, '/news/one', '/news/two'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => process_.on('close', resolve));
  const lines = [];
  createInterface(process_.stdout).on('line', (line) => lines.push(JSON.parse(line)));
  const events = () => lines.filter((line) => line.payload);
  const published = [];
  const publish = async (n, channel = '/news/one') => {
    published.push({ channel, n });
    server.publish(channel, { n });
    await until(`event ${n}`, () => events().length === published.length);
  };
  const ready = () => until('both subscriptions', () => server.subscribers('/news/one') === 1 && server.subscribers('/news/two') === 1);
  const again = async (before) => {
    await until('a warning for both channels', () => lines.filter((line) => line.missed).length >= before + 2);
    await ready();
  };
  const missed = () => lines.filter((line) => line.missed).length;

  await ready();
  step('handshake and two subscriptions');
  for (let n = 0; n < 5; n++) await publish(n, n % 2 ? '/news/two' : '/news/one');
  step('events of both, in order');
  await new Promise((resolve) => setTimeout(resolve, 2000));
  assert.equal(server.sessions(), 1);
  await publish(5);
  step('several polls without an event, in one session');

  let before = missed();
  server.forget();
  await again(before);
  await publish(6);
  step('a session that the server forgot is begun anew');

  before = missed();
  server.cut();
  await again(before);
  await publish(7);
  step('a connection that was cut');

  before = missed();
  const { port } = server;
  await server.stop();
  await new Promise((resolve) => setTimeout(resolve, 500));
  server = await listen(kind, port);
  await again(before);
  await publish(8);
  step('a server that was started anew');

  assert.deepEqual(events().map(({ channel, payload }) => ({ channel, n: payload.n })), published);
  process_.stdin.end();
  assert.equal(await ended, 0);
  await until('the leave-taking', () => server.subscribers('/news/one') === 0);
  step('leave-taking');
  await server.stop();
}
console.log(`bayeux: ${steps} steps passed`);
process.exit(0);
