"""Writes what tokenctl needs to know of a Django project as one JSON document to
file descriptor 3: python -c <this> manage.py ALIAS, in the folder of manage.py.

Whatever the project prints goes elsewhere. Works with Python 3.6 and Django 2.2,
and newer ones.
"""

import datetime
import json
import math
import os
import runpy
import sys

manage, alias = sys.argv[1], sys.argv[2]
os.set_inheritable(3, False)
document, notes, opened = {}, [], []
watching = True


def answer(**more):
    document.update(more, notes=notes)
    with os.fdopen(3, "w", encoding="utf-8") as out:
        json.dump(plain(document), out)
    # Threads that the project started, and what it does at its exit, are no business of ours.
    os._exit(0)


def plain(value):
    if value is None or isinstance(value, (bool, str)):
        return value if value is None or isinstance(value, bool) else str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, datetime.timedelta):
        return {"microseconds": value // datetime.timedelta(microseconds=1)}
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"unsupported": "bytes that are no text"}
    if isinstance(value, os.PathLike):
        return plain(os.fspath(value))
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if type(value).__name__ == "__proxy__":  # gettext_lazy and its like
        return str(value)
    return {"unsupported": getattr(value, "__qualname__", type(value).__qualname__)}


def describe(error):
    """An exception's text may quote a secret; only some are known not to."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    file = frame.tb_frame.f_code.co_filename if frame is not None else ""
    if isinstance(error, KeyError) and os.path.basename(file) in ("os.py", "<frozen os>"):
        return "the environment variable %s is not set" % error.args[0]
    text = str(error)
    if isinstance(error, ImportError) or type(error).__name__ == "ImproperlyConfigured":
        if "://" not in text and "password" not in text.lower():
            return "%s: %s" % (type(error).__name__, text)
    return "%s in %s, line %d" % (type(error).__name__, file, frame.tb_lineno if frame is not None else 0)


def attempt(what, function):
    try:
        return function()
    except Exception as error:
        notes.append("%s: %s" % (what, describe(error)))
        return None


def audit(event, args):
    if event == "open" and watching and isinstance(args[0], str) and not args[0].endswith((".py", ".pyc")):
        opened.append(os.path.abspath(args[0]))


def source(value):
    """Where the project has a secret from: the file that holds it alone, or the environment."""
    if not isinstance(value, str) or not value:
        return None
    for name in sorted(os.environ):
        if os.environ[name] == value:
            return {"env": name}
    for path in dict.fromkeys(opened):
        try:
            if os.path.getsize(path) > 1 << 16:
                continue
            with open(path, "rb") as f:
                text = f.read()
        except OSError:
            continue
        if text in (value.encode(), value.encode() + b"\n", value.encode() + b"\r\n"):
            return {"file": path}
    return None


class Stop(BaseException):
    pass


def stop(*_args, **_kwargs):
    raise Stop


try:
    import django
    import django.core.management as management
except ImportError:
    answer(error="django")

if hasattr(sys, "addaudithook"):
    sys.addaudithook(audit)

# manage.py sets up the environment in its own way, up to the point where it runs a command.
management.execute_from_command_line = stop
management.ManagementUtility.execute = stop
sys.argv = [manage, "check"]
sys.path[0] = os.path.dirname(os.path.abspath(manage))
try:
    runpy.run_path(manage, run_name="__main__")
except (Stop, SystemExit):
    pass
except BaseException as error:
    answer(error="manage", detail=describe(error))

from django.conf import settings  # noqa: E402

if not settings.configured and not os.environ.get("DJANGO_SETTINGS_MODULE"):
    answer(error="no_settings")
try:
    databases = settings.DATABASES
except BaseException as error:
    answer(error="settings", detail=describe(error))
attempt("the project's apps cannot be loaded", django.setup)

from django.db import connections  # noqa: E402

if alias not in databases:
    answer(error="alias", aliases=sorted(databases))


def database():
    entry = dict(databases[alias])
    engine = str(entry.get("ENGINE", ""))
    try:
        vendor = connections[alias].vendor
    except Exception:
        vendor = engine
        for word, name in (("postg", "postgresql"), ("sqlite", "sqlite"), ("spatialite", "sqlite")):
            if word in engine:
                vendor = name
    found = {name.lower(): plain(entry.get(name)) for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "TIME_ZONE")}
    found = {name: None if isinstance(value, dict) else "" if value is None else str(value) for name, value in found.items()}
    return dict(found, vendor=vendor, options=entry.get("OPTIONS") or {})


def user():
    from django.contrib.auth import get_user_model
    from django.db.models import CharField, TextField

    model = get_user_model()
    unique = [f.column for f in model._meta.fields if f.unique and not f.primary_key and isinstance(f, (CharField, TextField))]
    return {"table": model._meta.db_table, "column": model._meta.get_field(model.USERNAME_FIELD).column, "unique": unique}


def hasher():
    from django.contrib.auth.hashers import get_hashers

    first = get_hashers()[0]
    names = ("iterations", "time_cost", "memory_cost", "parallelism", "work_factor", "block_size", "rounds")
    return {"algorithm": first.algorithm, "parameters": {n: getattr(first, n) for n in names if isinstance(getattr(first, n, None), int)}}


def validators():
    from django.utils.module_loading import import_string

    found = []
    for entry in settings.AUTH_PASSWORD_VALIDATORS or []:
        name = str(entry["NAME"])
        try:
            cls = import_string(name)
            name = "%s.%s" % (cls.__module__, cls.__qualname__)
        except Exception as error:
            notes.append("AUTH_PASSWORD_VALIDATORS: %s" % describe(error))
        found.append({"name": name, "options": plain(entry.get("OPTIONS") or {})})
    return found


def simplejwt():
    raw = getattr(settings, "SIMPLE_JWT", None) or {}
    found = dict(raw)
    try:
        from rest_framework_simplejwt import settings as module
    except ImportError:
        return found
    for name in module.DEFAULTS:
        if name not in module.IMPORT_STRINGS:
            found[name] = getattr(module.api_settings, name)
    return found


def knox_table():
    model = getattr(settings, "KNOX_TOKEN_MODEL", "knox.AuthToken")
    return "" if model == "knox.AuthToken" else django.apps.apps.get_model(model)._meta.db_table


def token_table():
    try:
        from rest_framework.authentication import TokenAuthentication
        from rest_framework.settings import api_settings
    except ImportError:
        return ""
    classes = api_settings.DEFAULT_AUTHENTICATION_CLASSES
    classes = [c for c in classes if isinstance(c, type) and issubclass(c, TokenAuthentication)]
    models = [c().get_model()._meta for c in classes]
    tables = {m.db_table for m in models if not m.abstract}  # as DRF's is where its app is not installed
    return tables.pop() if len(tables) == 1 else ""


def session_table():
    from importlib import import_module

    if settings.SESSION_ENGINE.startswith("django.") and not django.apps.apps.is_installed("django.contrib.sessions"):
        return ""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    return store.get_model_class()._meta.db_table if hasattr(store, "get_model_class") else ""


def session_cache():
    """The entry of CACHES that has the sessions, where one of Django's own engines keeps them there."""
    if settings.SESSION_ENGINE not in ("django.contrib.sessions.backends.cache", "django.contrib.sessions.backends.cached_db"):
        return None
    entry = dict(settings.CACHES[settings.SESSION_CACHE_ALIAS])
    found = {"location": plain(entry.get("LOCATION") or ""), "options": plain(entry.get("OPTIONS") or {})}
    from django.core.cache import caches

    cache = caches[settings.SESSION_CACHE_ALIAS]
    names = ["%s.%s" % (cls.__module__, cls.__qualname__) for cls in type(cache).__mro__]
    # A subclass of the project's own is as the class that it is made of.
    known = [n for n in names if n.startswith(("django.core.cache.backends.", "django_redis.cache.")) and not n.endswith((".BaseCache", ".BaseMemcachedCache"))]
    found["backend"] = known[0] if known else names[0]
    found["prefix"], found["version"] = plain(cache.key_prefix), plain(cache.version)

    def function(key, prefix, version):
        return str(cache.key_func(key, prefix, version))

    key, prefix = "tokenctl-key", "tokenctl-prefix"
    template = function(key, prefix, 90210).replace(key, "{key}").replace(prefix, "{prefix}").replace("90210", "{version}")
    # Another call shows whether that is all the function does.
    again = template.replace("{key}", "a:B.c").replace("{prefix}", "shop").replace("{version}", "7")
    found["function"] = template if again == function("a:B.c", "shop", 7) else None
    return found


def keywords():
    try:
        from rest_framework.authentication import TokenAuthentication
        from rest_framework.settings import api_settings
    except ImportError:
        return []
    classes = api_settings.DEFAULT_AUTHENTICATION_CLASSES
    return list(dict.fromkeys(c.keyword for c in classes if isinstance(c, type) and issubclass(c, TokenAuthentication)))


def versions():
    found = {}
    for name, package, module in (
        ("django", "Django", "django"),
        ("drf", "djangorestframework", "rest_framework"),
        ("simplejwt", "djangorestframework-simplejwt", "rest_framework_simplejwt"),
        ("pyjwt", "PyJWT", "jwt"),
        ("knox", "django-rest-knox", "knox"),
        ("corsheaders", "django-cors-headers", "corsheaders"),
    ):
        try:
            from importlib.metadata import version

            found[name] = version(package)
        except Exception:
            try:
                found[name] = __import__(module).__version__
            except Exception:
                pass
    return found


document["database"] = attempt("DATABASES", database)
document["user"] = attempt("AUTH_USER_MODEL", user)
document["hasher"] = attempt("PASSWORD_HASHERS", hasher)
document["recovery_codes"] = getattr(settings, "MFA_RECOVERY_CODE_COUNT", None)
document["backends"] = attempt("AUTHENTICATION_BACKENDS", lambda: list(settings.AUTHENTICATION_BACKENDS))
document["validators"] = attempt("AUTH_PASSWORD_VALIDATORS", validators)
document["simplejwt"] = attempt("SIMPLE_JWT", simplejwt) or {}
document["knox"] = getattr(settings, "REST_KNOX", None) or {}
document["keywords"] = attempt("DEFAULT_AUTHENTICATION_CLASSES", keywords) or []
document["versions"] = versions()
document["secret_key"] = attempt("SECRET_KEY", lambda: plain(settings.SECRET_KEY))
document["secret_key_fallbacks"] = [plain(key) for key in getattr(settings, "SECRET_KEY_FALLBACKS", None) or []]
for name in ("SESSION_ENGINE", "SESSION_SERIALIZER", "SESSION_COOKIE_NAME", "SESSION_COOKIE_AGE", "SESSION_EXPIRE_AT_BROWSER_CLOSE",
             "SESSION_SAVE_EVERY_REQUEST"):
    document.setdefault("session", {})[name[len("SESSION_"):]] = getattr(settings, name, None)
document["session_cache"] = attempt("CACHES", session_cache)
document["use_tz"] = bool(settings.USE_TZ)
document["time_zone"] = settings.TIME_ZONE
document["knox_table"] = attempt("KNOX_TOKEN_MODEL", knox_table)
document["token_table"] = attempt("DEFAULT_AUTHENTICATION_CLASSES", token_table) or ""
document["session_table"] = attempt("SESSION_ENGINE", session_table) or ""
watching = False
document["sources"] = {
    "secret_key": source(document["secret_key"]),
    "signing_key": source(plain(document["simplejwt"].get("SIGNING_KEY"))),
    "verifying_key": source(plain(document["simplejwt"].get("VERIFYING_KEY"))),
}
answer()
