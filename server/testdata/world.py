# Fills a fresh database with everything that the requests are about, by the peers'
# own code, and gives the secrets by name. Eval's names are there: User, Token,
# settings, timezone.
import base64
import hashlib
import hmac
import importlib
import json as json_module
from datetime import timedelta

import jwt as pyjwt
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.sessions.models import Session
from rest_framework_simplejwt.settings import api_settings as jwt_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken

secrets = {}
now = timezone.now()
hour = timedelta(hours=1)


def user(name, password, **fields):
    return User.objects.create_user(username=name, password=password, **fields)


alice = user("alice", "correct horse", email="alice@example.com", first_name="Alice", last_name="Liddell")
bob = user("bob", "bob's password", email="Bob@Example.com", is_staff=True)
carol = user("carol", "carol's password", email="carol@example.com", is_active=False)
dave = user("dave", None, email="dave@example.com")
zoe = user("zoë", "pässwörd ☃", first_name="Zoë ☃")
spaces = user("spaces", "  spaced out  ", email="spaces@example.com")
twin1 = user("twin1", "twin's password", email="twin@example.com")
twin2 = user("twin2", "twin's password", email="TWIN@example.com")
# Whose password is written anew at the next login.
old = user("old", "old password", email="old@example.com")
old.password = PBKDF2PasswordHasher().encode("old password", "seasaltseasaltseasalts", 500)
old.save()
corrupt = user("corrupt", "x")
corrupt.password = "pbkdf2_sha256$260000$nothing"
corrupt.save()
unknown = user("unknown", "x")
unknown.password = "rot13$1$salt$cnffjbeq"
unknown.save()
empty = user("empty", "")
long = user("l" * 150, "long password")
mail = user("mail@example.com", "mail password", email="other@example.com")
users = [alice, bob, carol, dave, zoe, spaces, twin1, twin2, old, corrupt, unknown, empty, long, mail]
for u in users:
    if u.username.isascii() and len(u.username) < 100:
        secrets["pk." + u.username.partition("@")[0]] = str(u.pk)

for name, u in {"alice": alice, "bob": bob, "carol": carol, "dave": dave, "zoe": zoe}.items():
    secrets["drf." + name] = Token.objects.create(user=u).key
for name, u, key in (
    ("short", twin1, "k"),
    ("upper", twin2, "ABCDEF0123456789ABCDEF0123456789ABCDEF01"),
    ("unicode", spaces, "ключ"),
):
    secrets["drf." + name] = Token.objects.create(user=u, key=key).key

# JWTs, an hour old: what a new one copies from an old one shows.
def mint(name, kind, u=None, life=None, change=None, recorded=True):
    if u is not None and recorded:
        token = kind.for_user(u)
    else:
        token = kind()
        if u is not None:
            token[jwt_settings.USER_ID_CLAIM] = AccessToken.for_user(u)[jwt_settings.USER_ID_CLAIM]
    token.set_iat(at_time=now - hour)
    token.set_exp(from_time=now, lifetime=life or 24 * hour)
    if change:
        change(token.payload)
    secrets[name] = str(token)
    return token


for name, u in {"alice": alice, "bob": bob, "carol": carol, "zoe": zoe, "dave": dave}.items():
    mint("access." + name, AccessToken, u)
    mint("refresh." + name, RefreshToken, u)
    mint("sliding." + name, SlidingToken, u)

for kind in (AccessToken, RefreshToken, SlidingToken):
    prefix = kind.token_type + "."

    def variant(name, change, u=alice):
        mint(prefix + name, kind, u, change=change, recorded=False)

    def put(**claims):
        return lambda payload: payload.update(claims)

    def drop(claim):
        return lambda payload: payload.pop(claim, None)

    mint(prefix + "expired", kind, alice, life=-hour)
    mint(prefix + "unrecorded", kind, alice, recorded=False)
    variant("no_user", lambda payload: None, None)
    variant("no_exp", drop("exp"))
    variant("no_jti", drop("jti"))
    variant("no_type", drop("token_type"))
    variant("no_iat", drop("iat"))
    variant("iat_text", put(iat="yesterday"))
    variant("iat_null", put(iat=None))
    variant("iat_future", put(iat=int(now.timestamp()) + 3600))
    variant("iat_float", put(iat=now.timestamp() - 3600.5))
    variant("nbf_future", put(nbf=int(now.timestamp()) + 3600))
    variant("nbf_past", put(nbf=int(now.timestamp()) - 3600))
    variant("nbf_text", put(nbf="now"))
    variant("exp_float", put(exp=now.timestamp() + 3600.5))
    variant("exp_text", put(exp=str(int(now.timestamp()) + 3600)))
    variant("exp_word", put(exp="never"))
    variant("exp_null", put(exp=None))
    variant("exp_list", put(exp=[1]))
    variant("exp_true", put(exp=True))
    variant("exp_huge", put(exp=10**15))
    variant("exp_vast", put(exp=10**30))
    variant("exp_negative", put(exp=-1))
    variant("type_access", put(token_type="access"))
    variant("type_other", put(token_type="other"))
    variant("type_null", put(token_type=None))
    variant("type_number", put(token_type=1))
    variant("jti_number", put(jti=12345))
    variant("jti_null", put(jti=None))
    variant("jti_list", put(jti=["a"]))
    variant("jti_empty", put(jti=""))
    variant("jti_text", put(jti="not a uuid ☃"))
    variant("user_missing", put(user_id=99999))
    variant("user_missing_text", put(user_id="99999"))
    variant("user_text", put(user_id=str(alice.pk)))
    variant("user_spaces", put(user_id=" %d " % alice.pk))
    variant("user_word", put(user_id="abc"))
    variant("user_empty", put(user_id=""))
    variant("user_null", put(user_id=None))
    variant("user_float", put(user_id=1.0))
    variant("user_half", put(user_id=1.5))
    variant("user_decimal", put(user_id="1.0"))
    variant("user_list", put(user_id=[1]))
    variant("user_dict", put(user_id={"id": 1}))
    variant("user_true", put(user_id=True))
    variant("user_false", put(user_id=False))
    variant("user_zero", put(user_id=0))
    variant("user_negative", put(user_id=-1))
    variant("user_vast", put(user_id=10**20))
    variant("user_vast_text", put(user_id=str(10**20)))
    variant("user_underscore", put(user_id="1_0"))
    variant("user_arabic", put(user_id="١"))
    variant("user_nul", put(user_id="1\0"))
    variant("claims", put(name="Zoë ☃", admin=True, groups=["a", {"b": None}], ratio=1.5, text="</script>\u2028"))
    variant("aud", put(aud="somebody"))
    variant("aud_us", put(aud="us"))
    variant("aud_list", put(aud=["them", "us"]))
    variant("aud_number", put(aud=1))
    variant("iss", put(iss="somebody"))
    variant("iss_us", put(iss="us"))
    variant("sub", put(sub="1"))
    variant("sub_number", put(sub=1))

token = mint("refresh.blacklisted", RefreshToken, alice)
token.blacklist()
token = mint("refresh.blacklisted_expired", RefreshToken, alice, life=-hour)
token.blacklist()
token = mint("sliding.blacklisted", SlidingToken, alice)
token.blacklist()
mint("sliding.window_over", SlidingToken, alice, change=lambda p: p.update(refresh_exp=int(now.timestamp()) - 60))
mint("sliding.window_missing", SlidingToken, alice, change=lambda p: p.pop("refresh_exp", None))
mint("sliding.window_text", SlidingToken, alice, change=lambda p: p.update(refresh_exp="later"))
mint("sliding.window_null", SlidingToken, alice, change=lambda p: p.update(refresh_exp=None))
mint("sliding.window_float", SlidingToken, alice, change=lambda p: p.update(refresh_exp=now.timestamp() + 3600.5))

# A user who is gone: his tokens are left.
gone = user("gone", "gone password", email="gone@example.com")
mint("access.gone", AccessToken, gone)
mint("refresh.gone", RefreshToken, gone)
mint("sliding.gone", SlidingToken, gone)
session_of_gone = gone.pk
session_hash_of_gone = gone.get_session_auth_hash()
gone.delete()


# JWTs that no library would make.
def b64(data):
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(name, header, payload, key=settings.SECRET_KEY, digest=hashlib.sha256):
    if not isinstance(header, (str, bytes)):
        header = json_module.dumps(header, separators=(",", ":"))
    if not isinstance(payload, (str, bytes)):
        payload = json_module.dumps(payload, separators=(",", ":"))
    text = b64(header) + "." + b64(payload)
    secrets[name] = text + "." + b64(hmac.new(key.encode(), text.encode(), digest).digest())


good = {
    "token_type": "access",
    "exp": int(now.timestamp()) + 86400,
    "iat": int(now.timestamp()) - 3600,
    "jti": "0123456789abcdef0123456789abcdef",
    "user_id": alice.pk,
}
hs256 = {"alg": "HS256", "typ": "JWT"}
for kind in ("access", "refresh"):
    good["token_type"] = kind
    text = json_module.dumps(good)
    sign("raw.%s.good" % kind, hs256, good)
    sign("raw.%s.other_key" % kind, hs256, good, key="not the key of this application, but as long")
    sign("raw.%s.hs512" % kind, {"alg": "HS512", "typ": "JWT"}, good, digest=hashlib.sha512)
    sign("raw.%s.hs512_in_name" % kind, {"alg": "HS512", "typ": "JWT"}, good)
    sign("raw.%s.none" % kind, {"alg": "none", "typ": "JWT"}, good)
    sign("raw.%s.lower" % kind, {"alg": "hs256", "typ": "JWT"}, good)
    sign("raw.%s.no_alg" % kind, {"typ": "JWT"}, good)
    sign("raw.%s.alg_number" % kind, {"alg": 256}, good)
    sign("raw.%s.alg_null" % kind, {"alg": None}, good)
    sign("raw.%s.alg_list" % kind, {"alg": ["HS256"]}, good)
    sign("raw.%s.no_typ" % kind, {"alg": "HS256"}, good)
    sign("raw.%s.typ_other" % kind, {"alg": "HS256", "typ": "at+jwt"}, good)
    sign("raw.%s.kid" % kind, {"alg": "HS256", "kid": "k1"}, good)
    sign("raw.%s.kid_number" % kind, {"alg": "HS256", "kid": 1}, good)
    sign("raw.%s.kid_null" % kind, {"alg": "HS256", "kid": None}, good)
    sign("raw.%s.crit" % kind, {"alg": "HS256", "crit": ["x"]}, good)
    sign("raw.%s.crit_b64" % kind, {"alg": "HS256", "crit": ["b64"], "b64": True}, good)
    sign("raw.%s.b64_false" % kind, {"alg": "HS256", "b64": False}, good)
    sign("raw.%s.jwk" % kind, {"alg": "HS256", "jku": "http://localhost/x", "jwk": {}}, good)
    sign("raw.%s.header_list" % kind, '["HS256"]', good)
    sign("raw.%s.header_text" % kind, '"HS256"', good)
    sign("raw.%s.header_null" % kind, "null", good)
    sign("raw.%s.header_junk" % kind, "{", good)
    sign("raw.%s.header_latin" % kind, b'{"alg":"HS256","x":"\xe9"}', good)
    sign("raw.%s.header_spaces" % kind, ' {\n"alg" : "HS256" } ', good)
    sign("raw.%s.header_twice" % kind, '{"alg":"none","alg":"HS256"}', good)
    sign("raw.%s.payload_list" % kind, hs256, "[1]")
    sign("raw.%s.payload_null" % kind, hs256, "null")
    sign("raw.%s.payload_text" % kind, hs256, '"text"')
    sign("raw.%s.payload_number" % kind, hs256, "1")
    sign("raw.%s.payload_empty" % kind, hs256, "")
    sign("raw.%s.payload_object" % kind, hs256, "{}")
    sign("raw.%s.payload_junk" % kind, hs256, "{")
    sign("raw.%s.payload_latin" % kind, hs256, b'{"user_id":"\xe9"}')
    sign("raw.%s.payload_bom" % kind, hs256, b"\xef\xbb\xbf" + text.encode())
    sign("raw.%s.payload_twice" % kind, hs256, text[:-1] + ', "user_id": %d}' % bob.pk)
    sign("raw.%s.payload_nan" % kind, hs256, text[:-1] + ', "x": NaN}')
    sign("raw.%s.payload_spaces" % kind, hs256, " \n" + text + "\t")
    token = secrets["raw.%s.good" % kind]
    head, body, signature = token.split(".")
    secrets["raw.%s.two_parts" % kind] = head + "." + body
    secrets["raw.%s.four_parts" % kind] = token + "." + signature
    secrets["raw.%s.no_signature" % kind] = head + "." + body + "."
    secrets["raw.%s.padded" % kind] = head + "." + body + "." + signature + "="
    secrets["raw.%s.junk_after" % kind] = token + "!"
    secrets["raw.%s.junk_inside" % kind] = head + "." + body[:5] + "*" + body[5:] + "." + signature
    last = signature[-1]
    # The last character of 43 has two bits that nobody reads.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    secrets["raw.%s.loose_bits" % kind] = token[:-1] + alphabet[alphabet.index(last) | 1]
    secrets["raw.%s.standard_base64" % kind] = token.replace("-", "+").replace("_", "/")
    secrets["raw.%s.upper" % kind] = token.upper()
    secrets["raw.%s.dots" % kind] = ".."
    secrets["raw.%s.empty_parts" % kind] = "." + body + "." + signature

# Sessions.
engine = importlib.import_module(settings.SESSION_ENGINE)


def session(name, data, expired=False):
    store = engine.SessionStore()
    store.update(data)
    store.create()
    if expired:
        Session.objects.filter(pk=store.session_key).update(expire_date=now - hour)
    secrets["session." + name] = store.session_key
    return store


def logged_in(u, **more):
    return {
        SESSION_KEY: str(u.pk),
        BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
        HASH_SESSION_KEY: u.get_session_auth_hash(),
        **more,
    }


for name, u in {"alice": alice, "bob": bob, "carol": carol, "zoe": zoe, "dave": dave}.items():
    session(name, logged_in(u))
session("expired", logged_in(alice), expired=True)
session("anonymous", {"cart": [1, 2]})
session("empty", {})
session("wrong_hash", logged_in(alice, **{HASH_SESSION_KEY: "0" * 64}))
session("no_hash", {SESSION_KEY: str(alice.pk), BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend"})
session("short_hash", logged_in(alice, **{HASH_SESSION_KEY: "0" * 40}))
session("other_backend", logged_in(alice, **{BACKEND_SESSION_KEY: "elsewhere.Backend"}))
session("no_backend", {SESSION_KEY: str(alice.pk), HASH_SESSION_KEY: alice.get_session_auth_hash()})
session("gone", {**logged_in(alice), SESSION_KEY: str(session_of_gone), HASH_SESSION_KEY: session_hash_of_gone})
session("user_word", logged_in(alice, **{SESSION_KEY: "abc"}))
session("big", logged_in(alice, cart=["thing"] * 200))
session("corrupt", logged_in(alice))
Session.objects.filter(pk=secrets["session.corrupt"]).update(session_data="junk")
session("unsigned", logged_in(alice))
row = Session.objects.get(pk=secrets["session.unsigned"])
row.session_data = row.session_data[:-3] + "AAA"
row.save()
secrets["session.unknown"] = "z" * 32
secrets["csrf.secret"] = "abcdefghijklmnopqrstuvwxyzABCDEF"
secrets["csrf.other"] = "FEDCBAzyxwvutsrqponmlkjihgfedcba"
# The form of both ages: a mask, and the secret under it.
try:
    from django.middleware.csrf import _mask_cipher_secret
except ImportError:
    from django.middleware.csrf import _salt_cipher_secret as _mask_cipher_secret
secrets["csrf.masked"] = _mask_cipher_secret(secrets["csrf.secret"])
secrets["csrf.masked_other"] = _mask_cipher_secret(secrets["csrf.other"])

if "knox" in settings.INSTALLED_APPS:
    from knox.models import AuthToken
    from knox.settings import CONSTANTS

    secrets["version.knox"] = "5.0.2" if CONSTANTS.TOKEN_KEY_LENGTH == 15 else "4.2.0"

    def knox(name, u, expiry=24 * hour, **fields):
        row, secret = AuthToken.objects.create(user=u, expiry=expiry)
        if fields:
            AuthToken.objects.filter(pk=row.pk).update(**fields)
        secrets["knox." + name] = secret

    knox("alice", alice)
    knox("alice2", alice)
    knox("never", alice, expiry=None)
    knox("bob", bob)
    knox("carol", carol)
    knox("zoe", zoe, expiry=None)
    knox("dave", dave)
    knox("expired", dave, expiry=-hour)
    knox("expired_too", dave, expiry=-2 * hour)
    knox("wrong_digest", bob, digest="0" * 128)
    knox("upper_digest", bob)
    row = AuthToken.objects.get(token_key=secrets["knox.upper_digest"][: CONSTANTS.TOKEN_KEY_LENGTH])
    AuthToken.objects.filter(pk=row.pk).update(digest=row.digest.upper())

result = secrets
