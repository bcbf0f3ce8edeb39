"""Errors of a MySQL or MariaDB server in a sentence that says what to do. Pure."""

from __future__ import annotations

import re

NO_DATABASE, TOO_SMALL, NOT_MYSQL = 1049, 1153, 2027
_WHO = re.compile(r"'(?P<user>[^']*)'@'(?P<host>[^']*)'")
_TABLE = re.compile(r"for table [`'](?:(?P<database>[^`'.]+)[`']?\.[`']?)?(?P<table>[^`']+)[`']")
_DATABASE = re.compile(r"to database '(?P<database>[^']*)'")
_GONE = "the line to the server broke; the program connects anew by itself. If it stays so: is the server up?"
_FULL = "the server's disk is full: make room there"
_READ_ONLY = ("the server takes no writes (a replica, or a failover under way): it is tried again until it does; name "
              "the primary in MYSQL_HOST if it stays so")

_SENTENCES = {
    1040: "the server has no room for another connection: close others, or raise max_connections there",
    1045: "user or password is not accepted: check MYSQL_USER and MYSQL_PASSWORD; the server knows {who}, the password "
          "may be of another host",
    1130: "the server takes no connections from this computer: CREATE USER '…'@'…' with its address as the host there",
    1021: _FULL,
    1114: _FULL,
    1205: "another program holds the rows or the table in an open transaction: COMMIT or end it",
    1213: "another program writes the same rows: it is tried again",
    1290: _READ_ONLY,
    1836: _READ_ONLY,
    1792: _READ_ONLY,
    TOO_SMALL: "max_allowed_packet is too small for the ledger: SET GLOBAL max_allowed_packet=16777216, and in the "
               "server's settings file",
    1203: "the user has no room for another connection: raise max_user_connections for it",
    1820: "the password has expired: ALTER USER … IDENTIFIED BY …",
    1862: "the password has expired: ALTER USER … IDENTIFIED BY …",
    2003: "no server answers there: check MYSQL_HOST and MYSQL_PORT (or MYSQL_SOCKET), and that it is running",
    2006: _GONE,
    2013: _GONE,
    NOT_MYSQL: "another service answers there: check MYSQL_HOST and MYSQL_PORT",
    2055: _GONE,
    2059: "the user logs in by a plugin that is not supported: ALTER USER … IDENTIFIED VIA mysql_native_password "
          "(MariaDB) or WITH caching_sha2_password (MySQL)",
    3159: "the server demands TLS, which is not offered: use a server on this computer, a socket, or an SSH tunnel",
}


def mysql_words(code: int, told: str) -> str:
    """What it means and what to do, with the server's words behind; those alone where nothing better is known."""
    who = _WHO.search(told)
    account = f"'{who['user']}'@'{who['host']}'" if who else "the user"
    sentence = _SENTENCES.get(code, "").format(who=account)
    if code == 1044:
        found = _DATABASE.search(told)
        name = found["database"] if found else "…"
        sentence = (f"{account} may not use the database {name}, or not make it: CREATE DATABASE `{name}`; "
                    f"GRANT ALL ON `{name}`.* TO {account}")
    elif code in (1142, 1143):
        table = _TABLE.search(told)
        right = told.split(" ", 1)[0]
        name = table["database"] if table and table["database"] else "…"
        where = table["table"] if table else "a table"
        sentence = f"{account} may not {right} in {where}: GRANT ALL ON `{name}`.* TO {account}"
    words = f"{code} {told}"[:200]
    return f"{sentence} ({words})" if sentence else words
