// Drives a simulated HubSpot with HubSpot's own client: node check.mjs http://127.0.0.1:PORT
import assert from "node:assert/strict";
import { Client } from "@hubspot/api-client";

const basePath = process.argv[2];
const client = new Client({ accessToken: "t", basePath, numberOfApiCallRetries: 0 });
const { crm } = client;
const email = "anna.test@example.test";
const byEmail = {
  filterGroups: [{ filters: [{ propertyName: "email", operator: "EQ", value: email }] }],
  properties: ["email", "phone"], limit: 5, after: "0", sorts: [],
};
const fails = async (promise, code) => {
  const error = await promise.then(() => undefined, (error) => error);
  assert.equal(error?.code, code);
  return error.body;
};
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const associated = (id, associationTypeId) => [
  { to: { id }, types: [{ associationCategory: "HUBSPOT_DEFINED", associationTypeId }] },
];

let contact, deal;
const steps = {
  "contact create": async () => {
    contact = await crm.contacts.basicApi.create({ properties: { email, firstname: "Anna" }, associations: [] });
    assert.match(contact.id, /^\d+$/);
    assert.ok(contact.createdAt instanceof Date && !Number.isNaN(contact.createdAt.getTime()));
  },
  "contact create, conflict": async () => {
    const body = await fails(crm.contacts.basicApi.create({ properties: { email }, associations: [] }), 409);
    assert.equal(body.message, `Contact already exists. Existing ID: ${contact.id}`);
  },
  "contact create, invalid": async () => {
    const body = await fails(crm.contacts.basicApi.create({ properties: { email: "bad", nope: "1" }, associations: [] }), 400);
    assert.equal(body.category, "VALIDATION_ERROR");
  },
  "search lags, then finds": async () => {
    assert.equal((await crm.contacts.searchApi.doSearch(byEmail)).total, 0);
    await wait(400);
    const found = await crm.contacts.searchApi.doSearch(byEmail);
    assert.deepEqual([found.total, found.results[0].id], [1, contact.id]);
  },
  "contact get by id and by e-mail": async () => {
    const byId = await crm.contacts.basicApi.getById(contact.id, ["email", "phone"]);
    assert.deepEqual([byId.properties.email, byId.properties.phone], [email, null]);
    const found = await crm.contacts.basicApi.getById(email, ["email"], undefined, undefined, false, "email");
    assert.equal(found.id, contact.id);
    await fails(crm.contacts.basicApi.getById("999999"), 404);
  },
  "contact update": async () => {
    const changed = await crm.contacts.basicApi.update(contact.id, { properties: { phone: "+380671234567" } });
    assert.equal(changed.properties.phone, "+380671234567");
  },
  "contact batch read, 207": async () => {
    const read = await crm.contacts.batchApi.read({
      inputs: [{ id: contact.id }, { id: "999999" }], properties: ["email"], propertiesWithHistory: [],
    });
    assert.deepEqual([read.results.length, read.numErrors, read.errors[0].category], [1, 1, "OBJECT_NOT_FOUND"]);
  },
  "contact batch upsert": async () => {
    const input = { idProperty: "email", id: email, properties: { lastname: "Test" } };
    const known = await crm.contacts.batchApi.upsert({ inputs: [input] });
    assert.deepEqual([known.results[0].id, known.results[0]._new], [contact.id, false]);
    const made = await crm.contacts.batchApi.upsert({ inputs: [{ ...input, id: "olha@example.test" }] });
    assert.equal(made.results[0]._new, true);
  },
  "contacts page": async () => {
    const page = await crm.contacts.basicApi.getPage(1, undefined, ["hubspot_owner_id"]);
    assert.equal(page.results.length, 1);
    const next = await crm.contacts.basicApi.getPage(1, page.paging.next.after);
    assert.notEqual(next.results[0].id, page.results[0].id);
  },
  "deal create with association": async () => {
    deal = await crm.deals.basicApi.create({
      properties: { dealname: "Call", pipeline: "default", dealstage: "appointmentscheduled" },
      associations: associated(contact.id, 3),
    });
    const read = await crm.deals.basicApi.getById(deal.id, ["dealname", "hs_is_closed"], undefined, ["contacts"]);
    assert.deepEqual([read.properties.hs_is_closed, read.associations.contacts.results[0].id], ["false", contact.id]);
  },
  "associations v4": async () => {
    const page = await crm.associations.v4.basicApi.getPage("contacts", contact.id, "deals", undefined, 500);
    assert.equal(String(page.results[0].toObjectId), deal.id);
    await crm.associations.v4.basicApi.createDefault("deals", deal.id, "contacts", contact.id);
  },
  "notes, tasks, calls": async () => {
    const hs_timestamp = "2026-01-01T00:00:00Z";
    const kinds = [
      [crm.objects.notes, { hs_timestamp, hs_note_body: "Transcript" }, 202, 214],
      [crm.objects.tasks, { hs_timestamp, hs_task_subject: "Call back", hs_task_status: "NOT_STARTED", hs_task_type: "CALL" }, 204, 216],
      [crm.objects.calls, { hs_timestamp, hs_call_duration: "95000", hs_call_direction: "INBOUND", hs_call_recording_url: "https://rec.example.test/1.mp3" }, 194, 206],
    ];
    for (const [api, properties, toContact, toDeal] of kinds) {
      await api.basicApi.create({ properties, associations: associated(contact.id, toContact) });
      const batch = await api.batchApi.create({ inputs: [{ properties, associations: associated(deal.id, toDeal) }] });
      assert.equal(batch.results.length, 1);
    }
  },
  "owners, properties, pipelines": async () => {
    const owners = await crm.owners.ownersApi.getPage(undefined, undefined, 100, false);
    assert.deepEqual([owners.results[0].id, owners.results[0].firstName], ["700", "Olha"]);
    assert.equal((await crm.owners.ownersApi.getById(700)).email, "olha@example.test");
    const properties = await crm.properties.coreApi.getAll("contacts", false);
    assert.ok(properties.results.some((property) => property.name === "phone"));
    const pipelines = await crm.pipelines.pipelinesApi.getAll("deals");
    assert.ok(pipelines.results.some((pipeline) => pipeline.stages.length === 5));
  },
  "a wrong token": async () => {
    const other = new Client({ accessToken: "x", basePath, numberOfApiCallRetries: 0 });
    const body = await fails(other.crm.owners.ownersApi.getPage(), 401);
    assert.equal(body.category, "INVALID_AUTHENTICATION");
  },
  "searches beyond five a second": async () => {
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => crm.contacts.searchApi.doSearch(byEmail)));
    const refused = all.filter((one) => one.reason?.code === 429);
    assert.ok(refused.length >= 3);
    assert.equal(refused[0].reason.body.policyName, "SECONDLY");
  },
};

let failed = 0;
for (const [name, step] of Object.entries(steps)) {
  try {
    await step();
    console.log(`passed  ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error.stack ?? error}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
