// Ten calls of Mandate from Node.js, with nothing but @grpc/grpc-js and the published protos.
//
// Usage: ten_calls.js WORLD.json, the file of `mandate serve --ephemeral --seed … --seed-output WORLD.json`.
'use strict';

const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');

const repository = path.resolve(__dirname, '../../..');
const services = ['authz_service', 'membership_service'].map((name) => `mandate/v1/${name}.proto`);
const options = {
  includeDirs: [path.join(repository, 'proto'), path.join(repository, 'crates/proto/third_party')],
  keepCase: true,
  enums: String,
  defaults: true,
  oneofs: true,
};
const { mandate } = grpc.loadPackageDefinition(loader.loadSync(services, options));
// The parts of google.rpc and grpc.health.v1 that are needed here.
const foreign = protobuf.parse(`
  syntax = "proto3";
  package foreign;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
  message HealthCheckRequest { string service = 1; }
  message HealthCheckResponse { int32 status = 1; }
`).root;

const world = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const hansen = world.accounts.hansen.id;
const { ada, ben, cleo } = world.people;
const credentials = grpc.credentials.createInsecure();
const authz = new mandate.v1.AuthzService(world.address, credentials);
const members = new mandate.v1.MembershipService(world.address, credentials);

function bearer(token) {
  const metadata = new grpc.Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}
const backend = bearer(world.services.backend.token);
const deadline = (seconds = 5) => ({ deadline: Date.now() + seconds * 1000 });

/** One message there and one back, as a promise. */
function call(client, method, request, metadata = backend) {
  return new Promise((resolve, reject) => {
    client[method](request, metadata, deadline(), (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

const question = (user, permission, more = {}) => ({
  account: hansen,
  subject: { user: user.id },
  permission,
  ...more,
});

async function health() {
  const [request, response] = ['HealthCheckRequest', 'HealthCheckResponse'].map((name) => foreign.lookupType(`foreign.${name}`));
  const client = new grpc.Client(world.address, credentials);
  const answer = await new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      (message) => Buffer.from(request.encode(message).finish()),
      (bytes) => response.decode(bytes),
      { service: 'mandate.v1.AuthzService' },
      (error, message) => (error ? reject(error) : resolve(message)),
    );
  });
  assert.equal(answer.status, 1); // SERVING
  client.close();
}

async function check() {
  const answer = await call(authz, 'Check', question(ben, 'shipments.book'));
  assert.equal(answer.allowed, true);
  assert.equal(answer.reason, 'DECISION_REASON_ROLE');
  assert.deepEqual(answer.via.map((via) => via.role), ['manager']);
}

async function batchCheck() {
  const checks = [question(ben, 'shipments.book'), question(ben, 'users.add'), question(ada, 'users.add')];
  const { results } = await call(authz, 'BatchCheck', { checks });
  assert.deepEqual(results.map((result) => result.response.allowed), [true, false, true]);
}

async function checkStream() {
  const stream = authz.CheckStream(backend, deadline());
  stream.write({ correlation_id: 1, check: question(ben, 'shipments.book') });
  stream.write({ correlation_id: 2, check: question(ben, 'users.add') });
  stream.end();
  const allowed = {};
  for await (const answer of stream) allowed[answer.correlation_id] = answer.response.allowed;
  assert.deepEqual(allowed, { 1: true, 2: false });
}

async function lookup() {
  const { users } = await call(authz, 'LookupMembers', { account: hansen, permission: 'shipments.book' });
  assert(users.some((found) => found.user === ben.id));
}

/** Two calls: what the second one writes, the first one hears of. */
async function watchAndAddMember() {
  const stream = authz.Watch({ account: hansen }, backend, deadline(30));
  const messages = stream[Symbol.asyncIterator]();
  await messages.next(); // where it stands
  const request = { account: hansen, user: cleo.id, roles: ['member'], request_id: randomUUID() };
  const first = await call(members, 'AddMember', request, bearer(ada.token));
  const again = await call(members, 'AddMember', request, bearer(ada.token)); // a retry: it happens once
  assert.deepEqual(first.member, again.member);
  let joined;
  while (!joined) {
    const { value } = await messages.next();
    joined = value.changes.find((change) => change.change === 'member');
  }
  assert.equal(joined.member.user, cleo.id);
  stream.on('error', () => {}); // it is told that it was cancelled
  stream.cancel();
  return first.consistency_token;
}

/** Whichever server is asked, it shows what the token's write did. */
async function atLeastAsFresh(token) {
  const consistency = { at_least_as_fresh: token };
  const answer = await call(authz, 'Check', question(cleo, 'company.view', { consistency }));
  assert.notEqual(answer.reason, 'DECISION_REASON_NOT_A_MEMBER');
  assert(answer.consistency_token);
}

/** The last admin stays: the reason is for programs, the message for people. */
async function refused() {
  const request = { account: hansen, user: ada.id, roles: ['member'], update_mask: { paths: ['roles'] } };
  const error = await call(members, 'UpdateMember', request, bearer(ada.token)).then(() => assert.fail(), (e) => e);
  assert.equal(error.code, grpc.status.FAILED_PRECONDITION);
  const status = foreign.lookupType('foreign.Status').decode(error.metadata.get('grpc-status-details-bin')[0]);
  const detail = status.details.find((any) => any.typeUrl.endsWith('google.rpc.ErrorInfo'));
  const info = foreign.lookupType('foreign.ErrorInfo').decode(detail.value);
  assert.deepEqual([info.domain, info.reason], ['mandate', 'LIMIT_LEAST']);
}

async function listInPages() {
  const users = [];
  let token = '';
  do {
    const page = await call(members, 'ListMembers', { account: hansen, page_size: 2, page_token: token });
    assert(page.members.length <= 2);
    users.push(...page.members.map((member) => member.user));
    token = page.next_page_token;
  } while (token);
  assert.deepEqual(users.sort(), [ada, ben, cleo].map((person) => person.id).sort());
}

(async () => {
  await health();
  await check();
  await batchCheck();
  await checkStream();
  await lookup();
  await atLeastAsFresh(await watchAndAddMember());
  await refused();
  await listInPages();
  console.log('ten calls from Node.js: all as expected');
})().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
