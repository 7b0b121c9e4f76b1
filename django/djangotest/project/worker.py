"""Sets the Django of a project up, and answers JSON lines with JSON lines."""

import datetime
import json
import os
import signal
import traceback

import django

django.setup()

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, connections
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone
from rest_framework.authtoken.models import Token


def evaluate(message):
    names = {
        "__name__": "eval",
        "User": get_user_model(),
        "Token": Token,
        "settings": settings,
        "timezone": timezone,
        "connection": connection,
        "result": None,
    }
    names.update(message["vars"])
    exec(compile(message["code"], "<eval>", "exec"), names)
    return names["result"]


def request(message):
    environ, content_type = {}, ""
    for name, value in (message["headers"] or {}).items():
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            content_type = value
        else:
            environ["HTTP_" + key] = value
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    response = client.generic(
        message["method"], message["path"], message["body"].encode(), content_type, **environ
    )
    header = list(response.items())
    header += [("Set-Cookie", cookie.OutputString()) for cookie in response.cookies.values()]
    if response.streaming:
        body = b"".join(response.streaming_content)
    else:
        body = response.content
    return {"status": response.status_code, "header": header, "body": body.decode()}


def use(message):
    connections.close_all()
    # Django fills in the defaults of its databases when it first looks at them.
    settings.DATABASES["default"] = message["database"]
    del connections.settings
    connections._settings = None
    if hasattr(connections._connections, "default"):
        del connections["default"]


def encode(value):
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).decode()
    return str(value)


def move(message):
    os.chdir(message["dir"])


operations = {"eval": evaluate, "request": request, "use": use, "move": move}


def answer(connection_to_test, _):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    lines = connection_to_test.makefile("rw", encoding="utf-8")
    for line in lines:
        message = json.loads(line)
        try:
            text = json.dumps({"result": operations[message["op"]](message)}, default=encode)
        except BaseException:
            text = json.dumps({"error": traceback.format_exc()})
        # An open connection would stand in the way of whoever wants to drop the database.
        connections.close_all()
        print(text, file=lines, flush=True)


get_resolver().url_patterns  # which every worker needs
