// Drives the simulated Bitrix24 with the vendor's library: `node check.mjs URL KEY CERT`.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { B24Hook, ParamsFactory } from '@bitrix24/b24jssdk'

const [url, key, cert] = process.argv.slice(2)

const proxy = https.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) }, (request, answer) => {
  const { method, headers } = request
  const onward = http.request(url + request.url, { method, headers }, (response) => {
    answer.writeHead(response.statusCode, response.headers)
    response.pipe(answer)
  })
  request.pipe(onward)
})
await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve))
const origin = `https://127.0.0.1:${proxy.address().port}`

const portal = B24Hook.fromWebhookUrl(`${origin}/rest/1/hooksecret`, { restrictionParams: ParamsFactory.getDefault() })
const call = async (method, params = {}) => {
  const response = await portal.actions.v2.call.make({ method, params })
  assert.ok(response.isSuccess, `${method}: ${response.getErrorMessages().join('; ')}`)
  return response.getData()
}
const passed = []
const check = async (what, run) => {
  await run()
  passed.push(what)
}

let contact
let deal
await check('a contact is added and found by phone and e-mail', async () => {
  const fm = [
    { typeId: 'PHONE', valueType: 'WORK', value: '+380671234567' },
    { typeId: 'EMAIL', valueType: 'WORK', value: 'anna.test@example.test' },
  ]
  const fields = { name: 'Anna', lastName: 'Test', originatorId: 'plughost', originId: 'ext-1001', fm }
  contact = (await call('crm.item.add', { entityTypeId: 3, fields })).result.item
  assert.equal(contact.fm.length, 2)
  for (const [type, value] of [['PHONE', '+380671234567'], ['EMAIL', 'ANNA.test@example.test']]) {
    const { result } = await call('crm.duplicate.findbycomm', { entity_type: 'CONTACT', type, values: [value] })
    assert.deepEqual(result, { CONTACT: [contact.id] })
  }
  const miss = await call('crm.duplicate.findbycomm', { type: 'PHONE', values: ['1'] })
  assert.deepEqual(miss.result, [])
})
await check('a multi-field is changed by its id', async () => {
  const phone = contact.fm.find((entry) => entry.typeId === 'PHONE')
  const fm = { [phone.id]: { ...phone, value: '+380501112233' }, n0: { typeId: 'PHONE', valueType: 'HOME', value: '+380671234567' } }
  const { result } = await call('crm.item.update', { entityTypeId: 3, id: contact.id, fields: { fm } })
  assert.deepEqual(result.item.fm.map((entry) => entry.value), ['+380501112233', 'anna.test@example.test', '+380671234567'])
})
await check('a deal is added, listed while it is open, and closed', async () => {
  const fields = { title: 'Call', contactIds: [contact.id], opportunity: 1500, isManualOpportunity: 'Y' }
  deal = (await call('crm.item.add', { entityTypeId: 2, fields })).result.item
  const open = { entityTypeId: 2, filter: { contactId: contact.id, stageSemanticId: 'P' }, select: ['id', 'title'], order: { id: 'DESC' } }
  assert.deepEqual((await call('crm.item.list', open)).result.items, [{ id: deal.id, title: 'Call' }])
  await call('crm.item.update', { entityTypeId: 2, id: deal.id, fields: { stageId: 'WON' } })
  assert.deepEqual((await call('crm.item.list', open)).result.items, [])
})
await check('a to-do, a call and a comment are added and listed', async () => {
  const deadline = '2026-12-01T10:00:00+02:00'
  const todo = await call('crm.activity.todo.add', { ownerTypeId: 2, ownerId: deal.id, deadline, title: 'Call back', responsibleId: 1 })
  const fields = {
    OWNER_TYPE_ID: 3, OWNER_ID: contact.id, TYPE_ID: 2, SUBJECT: 'Incoming call', RESPONSIBLE_ID: 6, DIRECTION: 1, COMPLETED: 'Y',
    COMMUNICATIONS: [{ VALUE: '+380671234567', ENTITY_ID: contact.id, ENTITY_TYPE_ID: 3 }], ORIGIN_ID: 'call-1',
  }
  const activity = await call('crm.activity.add', { fields })
  const list = await call('crm.activity.list', { filter: { OWNER_TYPE_ID: 3, OWNER_ID: contact.id }, order: { ID: 'DESC' } })
  assert.deepEqual(list.result.map((one) => [one.ID, one.ORIGIN_ID]), [[String(activity.result), 'call-1']])
  assert.ok(todo.result.id > 0)
  const comment = await call('crm.timeline.comment.add', { fields: { ENTITY_ID: deal.id, ENTITY_TYPE: 'deal', COMMENT: 'Transcript' } })
  const comments = await call('crm.timeline.comment.list', { filter: { ENTITY_ID: deal.id, ENTITY_TYPE: 'deal' } })
  assert.equal(comments.result[0].ID, String(comment.result))
})
await check('employees, directories and fields are read', async () => {
  const users = await call('user.get', { FILTER: { ACTIVE: true, USER_TYPE: 'employee' }, start: 0 })
  assert.deepEqual(users.result.map((user) => user.ID), ['1', '6'])
  assert.ok((await call('crm.status.list', { filter: { ENTITY_ID: 'DEAL_STAGE' } })).result.length > 3)
  assert.equal((await call('crm.category.list', { entityTypeId: 2 })).result.categories.length, 2)
  assert.equal((await call('crm.item.fields', { entityTypeId: 3 })).result.fields.name.type, 'string')
})
await check('a whole list is read page by page, by the library itself', async () => {
  const params = { entityTypeId: 3, select: ['id'] }
  const list = await portal.actions.v2.callList.make({ method: 'crm.item.list', params, idKey: 'id', customKeyForResult: 'items' })
  assert.equal(list.getData().length, 61)
  let fetched = 0
  for await (const chunk of portal.actions.v2.fetchList.make({ method: 'crm.item.list', params, idKey: 'id', customKeyForResult: 'items' })) {
    fetched += chunk.length
  }
  assert.equal(fetched, 61)
})
await check('a batch refers to its own answers, and a part of it may fail', async () => {
  const calls = {
    find: { method: 'crm.duplicate.findbycomm', params: { entity_type: 'CONTACT', type: 'PHONE', values: ['+380671234567'] } },
    get: { method: 'crm.item.get', params: { entityTypeId: 3, id: '$result[find][CONTACT][0]' } },
    who: { method: 'user.get', params: { FILTER: { '@ID': ['0', '$result[get][item][assignedById]'] } } },
    none: { method: 'crm.item.get', params: { entityTypeId: 3, id: 999999 } },
  }
  const response = await portal.actions.v2.batch.make({ calls, options: { isHaltOnError: false, returnAjaxResult: true } })
  const results = response.getData()
  assert.equal(results.get.getData().result.item.id, contact.id)
  assert.equal(results.who.getData().result[0].ID, '1')
  assert.ok(response.getErrorMessages().some((text) => text.includes('not found')), response.getErrorMessages())
})
await check('errors are read as such', async () => {
  for (const [method, params, code] of [
    ['crm.item.get', { entityTypeId: 3, id: 999999 }, 'NOT_FOUND'],
    ['crm.nonsense', {}, 'ERROR_METHOD_NOT_FOUND'],
    ['crm.item.list', { entityTypeId: 3, filter: { nonsense: 1 } }, 'INVALID_ARG_VALUE'],
  ]) {
    const response = await portal.actions.v2.call.make({ method, params }).catch((error) => ({ thrown: error }))
    const codes = response.thrown ? [response.thrown.code] : [...response.getErrors()].map((error) => error.code)
    assert.ok(codes.includes(code), `${method}: ${codes}`)
  }
})
proxy.close()
console.log(passed.map((what) => `ok: ${what}`).join('\n'))
process.exit(0)
