"""Drives the simulated Odoo with OdooRPC: every answer has to be one that the client can read."""

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import odoorpc

KEY = "0123456789"


def refused(name, call):
    try:
        call()
    except odoorpc.error.RPCError as error:
        assert error.info["data"]["name"] == name, error.info
        return
    raise AssertionError(f"{name} was expected")


def records(odoo) -> None:
    partners = odoo.env["res.partner"]
    assert partners.search([("email_normalized", "=", "anna@example.test")]) == []
    anna = partners.create({"name": "Anna", "email": "Anna@example.test", "phone": "+380 67 123-45-67"})
    assert isinstance(anna, int)
    assert partners.search([("phone_mobile_search", "=", "00380671234567")]) == [anna]
    [read] = partners.read([anna], ["name", "user_id", "category_id", "phone_sanitized"])
    assert read["user_id"] is False and read["category_id"] == []
    assert read["phone_sanitized"] == "+380671234567"
    assert partners.write([anna], {"user_id": 7, "category_id": [(6, 0, [3])]}) is True
    # The client reads fields through `fields_get` and `read`, and lists and references as records.
    record = partners.browse(anna)
    assert record.name == "Anna" and record.user_id.name == "Olha Manager"
    assert [tag.name for tag in record.category_id] == ["VIP"]
    loaded = partners.load(["id", "name"], [["patchbay.k", "Olga"]])
    again = partners.load(["id", "name"], [["patchbay.k", "Olga"]])
    assert loaded["ids"] == again["ids"] and loaded["messages"] == []
    partners.write(loaded["ids"], {"active": False})
    assert partners.search([("name", "=", "Olga")]) == []
    assert partners.search_count([("name", "=", "Olga"), ("active", "=", False)]) == 1
    refused("odoo.exceptions.MissingError", lambda: partners.write([999999], {"name": "x"}))
    refused("builtins.ValueError", lambda: partners.create({"name": "x", "nope": 1}))
    refused("odoo.exceptions.UserError", lambda: odoo.execute("no.model", "search", []))


def deals(odoo) -> None:
    leads = odoo.env["crm.lead"]
    anna = odoo.env["res.partner"].search([("name", "=", "Anna")])[0]
    deal = leads.create({"name": "Chat", "type": "opportunity", "partner_id": anna})
    assert leads.search([("partner_id", "=", anna), ("stage_id.is_won", "=", False)]) == [deal]
    leads.write([deal], {"stage_id": 4})
    assert leads.search([("stage_id.is_won", "=", False)]) == []
    [note] = leads.message_post([deal], body="<b>plain</b>", message_type="comment", subtype_xmlid="mail.mt_note")
    [message] = odoo.env["mail.message"].read([note], ["body", "subtype_id"])
    assert message["body"] == "<span>&lt;b>plain&lt;/b></span>" and message["subtype_id"] == [2, "Note"]
    [task] = leads.activity_schedule([deal], "mail.mail_activity_data_todo", "2026-12-01", "Call back", "text")
    assert odoo.env["mail.activity"].read([task], ["res_id"])[0]["res_id"] == deal


def json2(url) -> None:
    def ask(target, body, key=KEY):
        headers = {"authorization": f"bearer {key}", "x-odoo-database": "odoo_e2e", "content-type": "application/json"}
        request = urllib.request.Request(f"{url}/json/2/{target}", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    assert ask("res.users/context_get", {}) == (200, {"lang": "en_US", "tz": False, "uid": 2})
    assert ask("res.users/context_get", {}, "bad")[0] == 401
    status, told = ask("res.partner/search_read", {"domain": [], "bogus": 1})
    assert (status, told["name"]) == (500, "builtins.TypeError")


def main() -> None:
    started = ["cargo", "run", "--offline", "-q", "-p", "patchbay-sims", "--example", "odoo"]
    with subprocess.Popen(started, stdout=subprocess.PIPE, text=True) as server:
        try:
            url = server.stdout.readline().strip()
            address = urllib.parse.urlsplit(url)
            odoo = odoorpc.ODOO(address.hostname, port=address.port)
            assert odoo.version == "19.0"
            try:
                odoo.login("odoo_e2e", "admin", "bad")
                raise AssertionError("a wrong key was taken")
            except odoorpc.error.RPCError:
                pass
            odoo.login("odoo_e2e", "admin", KEY)
            assert odoo.env.user.name == "Administrator"
            records(odoo)
            deals(odoo)
            json2(url)
        finally:
            server.terminate()
    print("ok")


if __name__ == "__main__":
    main()
