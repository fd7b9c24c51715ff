"""Makes the database that the tests copy: one company, three employees, one user with an application key.

usage: python prepare.py <folder>    run by `cargo xtask`; <folder> gets `template.sqlite`
"""

import datetime
import os
import pathlib
import sqlite3
import subprocess
import sys

DATABASE = "crm"
# A key of a server that listens on loopback, for as long as a test runs.
KEY = "tests-only-application-key"
# The last one has left.
EMPLOYEES = [("Olena Seller", None), ("Petro Seller", None), ("Left Seller", "2020-01-31")]


def main(folder: pathlib.Path) -> None:
    database = folder / f"{DATABASE}.sqlite"
    for file in folder.glob(f"{DATABASE}.sqlite*"):
        file.unlink()
    database.touch()
    config = folder / "prepare.conf"
    config.write_text(f"[database]\nuri = sqlite://\npath = {folder}\n")
    password = folder / "password"
    password.write_text("tests-only-password")
    admin = [sys.executable, pathlib.Path(sys.executable).with_name("trytond-admin"), "-c", config, "-d", DATABASE]
    modules = ["-u", "party", "sale_opportunity", "--activate-dependencies"]
    email = ["--email", "admin@example.test"]
    subprocess.run([*admin, *modules, *email], check=True, env={**os.environ, "TRYTONPASSFILE": str(password)})
    fill(config)
    # A copy, because a part of the database stands in a log beside it.
    with sqlite3.connect(database) as made, sqlite3.connect(folder / "template.sqlite") as template:
        made.backup(template)
    made.close()
    template.close()


def fill(config: pathlib.Path) -> None:
    import trytond.config

    trytond.config.update_etc(str(config))
    from trytond.pool import Pool
    from trytond.transaction import Transaction

    Pool.start()
    with Transaction().start(DATABASE, 0, readonly=True):
        Pool(DATABASE).init()
    with Transaction().start(DATABASE, 1, context={}):
        get = Pool(DATABASE).get
        currency, = get("currency.currency").create([{"name": "Hryvnia", "code": "UAH", "symbol": "UAH"}])
        Party, Employee = get("party.party"), get("company.employee")
        party, = Party.create([{"name": "Tests Company"}])
        company, = get("company.company").create([{"party": party.id, "currency": currency.id}])
        for name, end in EMPLOYEES:
            email = name.lower().replace(" ", ".") + "@example.test"
            mechanism = {"type": "email", "value": email}
            person, = Party.create([{"name": name, "contact_mechanisms": [("create", [mechanism])]}])
            end_date = end and datetime.date.fromisoformat(end)
            Employee.create([{"party": person.id, "company": company.id, "end_date": end_date}])
        User = get("res.user")
        User.write([User(1)], {"companies": [("add", [company.id])], "company": company.id})
        application = {"key": KEY, "user": 1, "application": "rest", "state": "validated"}
        get("res.user.application").create([application])
        Transaction().commit()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve())
