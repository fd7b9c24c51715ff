"""Drives the simulated amoCRM with aioamocrm: every answer has to be one that the client can read."""

import asyncio
import subprocess
import time

import httpx
from aioamocrm import (
    AmoCRMClient, AuthError, Contact, Embedded, Lead, LongLivedToken, MemoryTokenStorage,
    NotFoundError, Note, OAuth2, RateLimitError, Task, ValidationError,
)


def anna(name: str = "Anna Test") -> Contact:
    contact = Contact(name=name)
    contact.set_field("PHONE", "+380671234567", enum_code="WORK")
    contact.set_field("EMAIL", "anna.test@example.test", enum_code="WORK")
    return contact


async def refused(kind, awaitable):
    try:
        await awaitable
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected")


async def records(amo: AmoCRMClient) -> None:
    assert (await amo.account.get()).subdomain == "demo"
    users = [user async for user in amo.users.iterate()]
    assert [user.id for user in users] == [7, 8, 9] and users[2].rights["is_active"] is False
    pipelines = await amo.pipelines.list()
    assert pipelines[0].status(142).id == 142
    fields = [field async for field in amo.contacts.custom_fields.iterate()]
    assert next(field for field in fields if field.code == "PHONE").enum_id("MOB")
    [made] = await amo.contacts.create([anna()])
    page = await amo.contacts.get_page(query="380671234567", with_=["leads"], limit=5)
    assert [one.id for one in page] == [made.id] and page.items[0].field_value("PHONE") == "+380671234567"
    assert len(await amo.contacts.get_page(query="nobody")) == 0
    await refused(NotFoundError, amo.contacts.get(424242))
    change = Contact(id=made.id)
    change.set_field("PHONE", "+380501112233", enum_code="MOB")
    await amo.contacts.update([change])
    assert (await amo.contacts.get(made.id)).field_values("PHONE") == ["+380501112233"]
    [both] = await amo.leads.create_complex([Lead(name="Call", price=1500, embedded=Embedded(contacts=[anna("Two")]))])
    assert both.merged is False
    await amo.leads.link(both.id, "contacts", made.id, metadata={"is_main": False})
    links = await amo.leads.links(both.id)
    assert {link.to_entity_id for link in links} == {both.contact_id, made.id}
    await amo.leads.update([Lead(id=both.id, status_id=142)])
    found = [lead async for lead in amo.leads.iterate(filter={"id": [both.id]}, with_=["contacts"])]
    assert found[0].status_id == 142 and any(contact.is_main for contact in found[0].embedded.contacts)
    [task] = await amo.tasks.create(
        [Task(text="Call back", entity_type="leads", entity_id=both.id, task_type_id=1, complete_till=int(time.time()))]
    )
    open_tasks = {"entity_type": "leads", "entity_id": [both.id]}
    assert [one.id async for one in amo.tasks.iterate(filter=open_tasks)] == [task.id]
    call = {"uniq": "call-0001", "duration": 95, "source": "Ringostat", "phone": "+380671234567"}
    await amo.leads.notes.create(
        [Note.common(both.id, "Transcript"), Note(entity_id=both.id, note_type="call_in", params=call)]
    )
    notes = [note async for note in amo.leads.notes.iterate(entity_id=both.id)]
    assert notes[0].text == "Transcript" and notes[1].params["uniq"] == "call-0001"
    answer = await amo.request("POST", "calls", json=[{"direction": "inbound", **call, "phone": "067 123 45 67"}])
    assert answer["_embedded"]["calls"][0]["entity_id"] == both.contact_id


async def faults(amo: AmoCRMClient) -> None:
    bad = Contact(name="Bad")
    bad.set_field(1, "x")
    error = await refused(ValidationError, amo.contacts.create([anna(), bad]))
    assert (error.errors[0].request_id, error.errors[0].path) == ("1", "custom_fields_values.0.field_id")
    await amo.contacts.create([anna(f"Many {number}") for number in range(120)])
    assert len([one async for one in amo.contacts.iterate(limit=50, query="Many")]) == 120


async def limits(url: str) -> None:
    await asyncio.sleep(1.1)
    async with AmoCRMClient(base_url=url, auth=LongLivedToken("long-lived"), rate_limit=None) as amo:
        asked = [amo.request("GET", "account", retry=False) for _ in range(9)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(answer, RateLimitError) for answer in answers) == 2, answers
    await asyncio.sleep(1.1)


async def tokens(url: str) -> None:
    oauth = OAuth2(
        client_id="a1b2c3", client_secret="integration-secret",
        redirect_uri="https://host.example.test/oauth", storage=MemoryTokenStorage(),
    )
    async with AmoCRMClient(base_url=url, auth=oauth) as amo:
        first = await amo.exchange_code("code-1")
        assert (await amo.account.get()).id == 1
        async with httpx.AsyncClient() as http:
            spent = {
                "client_id": "a1b2c3", "client_secret": "integration-secret", "grant_type": "refresh_token",
                "redirect_uri": "https://host.example.test/oauth", "refresh_token": first.refresh_token,
            }
            # Somebody else refreshes: the client's pair is spent, and it has to say so.
            assert (await http.post(f"{url}/oauth2/access_token", json=spent)).status_code == 200
        await refused(AuthError, amo.account.get())
    async with AmoCRMClient(base_url=url, auth=LongLivedToken("unknown")) as amo:
        await refused(AuthError, amo.account.get())


async def main() -> None:
    command = ["cargo", "run", "-q", "-p", "patchbay-sims", "--example", "amocrm"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
        try:
            url = simulator.stdout.readline().strip()
            async with AmoCRMClient(base_url=url, auth=LongLivedToken("long-lived"), rate_limit=6.5) as amo:
                await records(amo)
                await faults(amo)
            await limits(url)
            await tokens(url)
        finally:
            simulator.terminate()
    print("aioamocrm reads every answer of the simulator")


if __name__ == "__main__":
    asyncio.run(main())
